"""Servers of common mailbox providers: by the address's domain, else by who takes its mail (MX).

Figures are the providers' own published settings (docs/providers/mailbox.md, section 5).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import dns.exception
import dns.resolver

#: Seconds that asking for a domain's MX may take; a form waits for it.
LOOK_UP_SECONDS: Final = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """Servers of one provider. ``saves_sent``: mail handed over by SMTP lies among the sent mail by itself.

    ``note`` is what its customers have to know first.
    """

    label: str
    smtp_host: str
    smtp_port: int
    smtp_security: str
    imap_host: str
    imap_port: int = 993
    imap_security: str = "tls"
    saves_sent: bool | None = None
    note: str = ""


_NEEDS_APP_WORD: Final = (
    "Needs an app password, made in the account's security settings; the usual one is refused."
)

GOOGLE: Final = Preset(
    label="Google",
    smtp_host="smtp.gmail.com",
    smtp_port=465,
    smtp_security="tls",
    imap_host="imap.gmail.com",
    saves_sent=True,
    note=_NEEDS_APP_WORD,
)
MICROSOFT: Final = Preset(
    label="Microsoft 365",
    smtp_host="smtp.office365.com",
    smtp_port=587,
    smtp_security="starttls",
    imap_host="outlook.office365.com",
    saves_sent=True,
    note="Microsoft takes passwords for IMAP only where an administrator still allows it.",
)
_OUTLOOK: Final = Preset(
    label="Outlook.com",
    smtp_host="smtp-mail.outlook.com",
    smtp_port=587,
    smtp_security="starttls",
    imap_host="outlook.office365.com",
    saves_sent=True,
    note="Microsoft takes app passwords only where they were made before it ended them.",
)
_YAHOO: Final = Preset(
    label="Yahoo",
    smtp_host="smtp.mail.yahoo.com",
    smtp_port=465,
    smtp_security="tls",
    imap_host="imap.mail.yahoo.com",
    note=_NEEDS_APP_WORD,
)
_ICLOUD: Final = Preset(
    label="iCloud",
    smtp_host="smtp.mail.me.com",
    smtp_port=587,
    smtp_security="starttls",
    imap_host="imap.mail.me.com",
    saves_sent=False,
    note=_NEEDS_APP_WORD,
)
_FASTMAIL: Final = Preset(
    label="Fastmail",
    smtp_host="smtp.fastmail.com",
    smtp_port=465,
    smtp_security="tls",
    imap_host="imap.fastmail.com",
    saves_sent=False,
    note=_NEEDS_APP_WORD,
)
_ZOHO: Final = Preset(
    label="Zoho Mail",
    smtp_host="smtp.zoho.com",
    smtp_port=465,
    smtp_security="tls",
    imap_host="imap.zoho.com",
    note="IMAP has to be switched on in the account's settings first.",
)
_GMX: Final = Preset(
    label="GMX",
    smtp_host="mail.gmx.net",
    smtp_port=587,
    smtp_security="starttls",
    imap_host="imap.gmx.net",
    saves_sent=False,
    note="IMAP has to be switched on in the account's settings first.",
)
_IONOS: Final = Preset(
    label="IONOS",
    smtp_host="smtp.ionos.com",
    smtp_port=465,
    smtp_security="tls",
    imap_host="imap.ionos.com",
    saves_sent=False,
)
_OVH: Final = Preset(
    label="OVHcloud",
    smtp_host="ssl0.ovh.net",
    smtp_port=465,
    smtp_security="tls",
    imap_host="ssl0.ovh.net",
    saves_sent=False,
)

_BY_DOMAIN: Final = {
    **dict.fromkeys(("gmail.com", "googlemail.com"), GOOGLE),
    **dict.fromkeys(("outlook.com", "hotmail.com", "live.com", "msn.com"), _OUTLOOK),
    **dict.fromkeys(("yahoo.com", "yahoo.co.uk", "yahoo.de", "yahoo.fr", "aol.com", "ymail.com"), _YAHOO),
    **dict.fromkeys(("icloud.com", "me.com", "mac.com"), _ICLOUD),
    **dict.fromkeys(("fastmail.com", "fastmail.fm"), _FASTMAIL),
    **dict.fromkeys(("zoho.com", "zohomail.com"), _ZOHO),
    **dict.fromkeys(("gmx.net", "gmx.de", "gmx.at", "gmx.ch"), _GMX),
}
#: End of an MX host's name -> who runs it.
_BY_MX: Final = (
    ("google.com", GOOGLE),
    ("googlemail.com", GOOGLE),
    ("outlook.com", MICROSOFT),
    ("messagingengine.com", _FASTMAIL),
    ("zoho.com", _ZOHO),
    ("ionos.com", _IONOS),
    ("ionos.de", _IONOS),
    ("kundenserver.de", _IONOS),
    ("ovh.net", _OVH),
    ("icloud.com", _ICLOUD),
)


def preset_for(address: str, *, look_up: bool = True) -> Preset | None:
    """Return the servers of an address's provider, ``None`` if it is not a known one.

    With ``look_up`` the domain's MX is asked for where the domain itself says nothing.
    """
    domain = address.strip().lower().rpartition("@")[2].rstrip(".")
    if domain in _BY_DOMAIN:
        return _BY_DOMAIN[domain]
    if not look_up or "." not in domain:
        return None
    for host in _mx_hosts(domain):
        for end, preset in _BY_MX:
            if host == end or host.endswith(f".{end}"):
                return preset
    return None


def _mx_hosts(domain: str) -> list[str]:
    try:
        answer = dns.resolver.resolve(domain, "MX", lifetime=LOOK_UP_SECONDS)
    except (dns.exception.DNSException, OSError, ValueError, UnicodeError):
        return []
    return [str(row.exchange).rstrip(".").lower() for row in answer][:10]
