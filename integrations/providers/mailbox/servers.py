"""Which servers a mailbox uses, and how it signs in: from a connection's credentials."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, urlsplit

from integrations.errors import ErrorKind, ProviderError

PROVIDER: Final = "mailbox"

TLS: Final = "tls"
STARTTLS: Final = "starttls"
#: Unencrypted: only to servers that the operator named in settings.
PLAIN: Final = "plain"

#: Ports and what is spoken on them, where nothing is said.
_USUAL: Final = {465: TLS, 587: STARTTLS, 25: STARTTLS, 2525: STARTTLS, 993: TLS, 143: STARTTLS}


@dataclass(frozen=True, slots=True)
class Server:
    """One server. ``trusted`` ones come from settings and may be on a private network and unencrypted."""

    host: str
    port: int
    security: str
    trusted: bool = False

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class MailboxSettings:
    """One mailbox. ``saves_sent``: its server keeps what is sent by itself (``None``: not known).

    ``sent_folder`` is blank where it is found by its mark or name.
    """

    address: str
    username: str
    password: str
    smtp: Server
    imap: Server
    saves_sent: bool | None
    sent_folder: str
    reads_junk: bool


def read_settings(credentials: Mapping[str, str], base_url: str, trusted_base_url: str) -> MailboxSettings:
    """Return the mailbox of a connection's credentials. Raises ``ProviderError`` of kind ``config``.

    Blank hosts mean the installation's own servers: ``base_url`` as in settings,
    ``mail://host?smtp=587&imap=143&security=starttls``.
    """
    given = {name: str(value).strip() for name, value in credentials.items() if value is not None}
    address = given.get("address", "").lower()
    if "@" not in address:
        raise _config("The mailbox has no address.")
    default = trusted_base_url or base_url
    return MailboxSettings(
        address=address,
        username=given.get("username") or address,
        password=str(credentials.get("password", "")),
        smtp=_server(given, "smtp", default),
        imap=_server(given, "imap", default),
        saves_sent={"yes": True, "no": False}.get(given.get("saves_sent", "")),
        sent_folder=given.get("sent_folder", ""),
        reads_junk=given.get("reads_junk", "") == "yes",
    )


def _server(given: Mapping[str, str], name: str, default: str) -> Server:
    host = given.get(f"{name}_host", "")
    if not host:
        return _own_server(name, default)
    port = _port(given.get(f"{name}_port", "") or {"smtp": "587", "imap": "993"}[name])
    security = given.get(f"{name}_security", "") or _USUAL.get(port, TLS)
    if security not in {TLS, STARTTLS}:
        raise _config("A mailbox is only used over an encrypted connection (TLS or STARTTLS).")
    return Server(host.lower(), port, security)


def _own_server(name: str, default: str) -> Server:
    parts = urlsplit(default)
    query = {key: values[0] for key, values in parse_qs(parts.query).items()}
    if parts.scheme != "mail" or not parts.hostname or name not in query:
        raise _config(f"The mailbox's {name.upper()} server is needed.")
    return Server(parts.hostname, _port(query[name]), query.get("security", PLAIN), trusted=True)


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise _config(f"{text[:20]!r} is not a port.")
    return int(text)


def _config(message: str) -> ProviderError:
    return ProviderError(ErrorKind.CONFIG, message, provider=PROVIDER)
