"""SPF, DKIM and DMARC of a sending domain: what the name service says, what is wrong, and the record to paste.

Pure: no Django imports. The name service is asked through ``Names``. RFC 7208 (SPF: one record, at most ten look-ups),
RFC 6376 (DKIM: the key at ``<selector>._domainkey``), RFC 7489 (DMARC: the domain's own record, else its parent's).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Final, Protocol

import dns.exception
import dns.resolver

from project.core.http import NO_RETRIES, HttpError, client_for

SPF_LOOKUPS: Final = 10
#: Parts of a record that cost a look-up (RFC 7208, 4.6.4).
_COSTLY: Final = ("include", "a", "mx", "ptr", "exists", "redirect")
#: Selectors that are tried where nobody says which one a provider uses.
USUAL_SELECTORS: Final = (
    "default",
    "google",
    "selector1",
    "selector2",
    "s1",
    "s2",
    "k1",
    "mail",
    "dkim",
    "resend",
)


class NamesSilent(Exception):
    """The name service gave no answer, so that nothing is known."""


class Names(Protocol):
    """Answers what TXT records stand at a name."""

    def texts(self, name: str) -> list[str]:
        """Return the records, none if there are none. Raises ``NamesSilent``."""
        ...


class SilentNames:
    """Asks nobody."""

    def texts(self, name: str) -> list[str]:
        """Raise ``NamesSilent``."""
        raise NamesSilent(name)


class DnsNames:
    """Asks the system's name servers, each question not for long."""

    def __init__(self, seconds: float = 3.0) -> None:
        self._resolver = dns.resolver.Resolver()
        self._resolver.lifetime = self._resolver.timeout = seconds

    def texts(self, name: str) -> list[str]:
        """Follow aliases, as DKIM keys at providers are."""
        try:
            answer = self._resolver.resolve(name, "TXT")
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except (dns.exception.DNSException, OSError, ValueError) as error:
            raise NamesSilent(name) from error
        return [b"".join(record.strings).decode("utf-8", "replace") for record in answer]


class HttpNames:
    """Asks over HTTP, in the JSON that public resolvers answer with (``?name=..&type=TXT``, RFC 8427's members)."""

    def __init__(self, url: str, seconds: float = 3.0) -> None:
        # The address is the operator's own, never a member's.
        self._url = url
        self._http = client_for("names", timeout=seconds, allow_private=True, retry=NO_RETRIES)

    def texts(self, name: str) -> list[str]:
        """NXDOMAIN (status 3) and an empty answer are no records."""
        try:
            body = self._http.request("GET", self._url, params={"name": name, "type": "TXT"}).json()
            is_answer = body["Status"] in {0, 3}
            rows = [str(row["data"]) for row in body.get("Answer", []) if row.get("type") == 16]
        except (HttpError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise NamesSilent(name) from error
        if not is_answer:
            raise NamesSilent(name)
        return [row.strip('"').replace('" "', "") for row in rows]


@dataclass(frozen=True, slots=True)
class Mailer:
    """Who hands a domain's mail over: what SPF has to name, which DKIM selectors it uses, where its key is found."""

    label: str
    include: str = ""
    selectors: tuple[str, ...] = ()
    where: str = ""


MAILERS: Final = {
    "sendgrid": Mailer("SendGrid", "sendgrid.net", ("s1", "s2"), "Settings, Sender Authentication"),
    "resend": Mailer("Resend", "amazonses.com", ("resend",), "Domains"),
    "google": Mailer(
        "Google", "_spf.google.com", ("google",), "the Admin console, Gmail, Authenticate email"
    ),
    "microsoft": Mailer(
        "Microsoft 365",
        "spf.protection.outlook.com",
        ("selector1", "selector2"),
        "Defender, Email authentication",
    ),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One record of a domain. ``verdict``: ok, weak, missing, wrong, or unknown where nobody answered.

    ``found`` is what stands there; ``name``, ``type`` and ``value`` are the record to paste, blank where there is none.
    """

    kind: str
    verdict: str
    sentence: str
    found: str = ""
    name: str = ""
    type: str = "TXT"
    value: str = ""

    def stored(self) -> dict[str, str]:
        """The finding as JSON."""
        return asdict(self)


def check(domain: str, mailers: Sequence[Mailer], names: Names) -> list[Finding]:
    """Look at the three records of a domain that ``mailers`` send for."""
    found = []
    for kind, look in (("spf", _spf), ("dkim", _dkim), ("dmarc", _dmarc)):
        try:
            found.append(look(domain, mailers, names))
        except NamesSilent as error:
            words = f"The name service did not answer for {error}. Nothing is known about this record."
            found.append(Finding(kind, "unknown", words))
    return found


def _listed(words: Iterable[str]) -> str:
    return " and ".join(words)


def _spf(domain: str, mailers: Sequence[Mailer], names: Names) -> Finding:
    records = [text for text in names.texts(domain) if text.lower().split(" ")[0] == "v=spf1"]
    wanted = [mailer for mailer in mailers if mailer.include]
    includes = " ".join(f"include:{mailer.include}" for mailer in wanted)
    if not records:
        value = f"v=spf1 {includes or 'mx'} ~all"
        return Finding("spf", "missing", f"{domain} has no SPF record.", "", domain, value=value)
    if len(records) > 1:
        parts = [
            part for record in records for part in record.split()[1:] if not part.lower().endswith("all")
        ]
        value = " ".join(["v=spf1", *dict.fromkeys(parts), "~all"])
        words = (
            f"{domain} has {len(records)} SPF records; with more than one, none counts. Keep this one only."
        )
        return Finding("spf", "wrong", words, "\n".join(records), domain, value=value)
    record = records[0]
    parts = record.split()[1:]
    if any(part.lower() in {"all", "+all"} for part in parts):
        value = " ".join(["v=spf1", *(part for part in parts if part.lower() not in {"all", "+all"}), "~all"])
        return Finding(
            "spf", "wrong", "The SPF record lets anybody send for the domain.", record, domain, value=value
        )
    lookups = _lookups(record, names)
    if lookups > SPF_LOOKUPS:
        words = f"The SPF record needs {lookups} look-ups; after {SPF_LOOKUPS} it fails. Take out who no longer sends."
        return Finding("spf", "wrong", words, record)
    absent = [mailer for mailer in wanted if f"include:{mailer.include}" not in record.lower()]
    if absent:
        added = [f"include:{mailer.include}" for mailer in absent]
        at = next((number for number, part in enumerate(parts) if part.lower().endswith("all")), len(parts))
        value = " ".join(["v=spf1", *parts[:at], *added, *parts[at:]])
        words = f"The SPF record does not name {_listed(mailer.label for mailer in absent)}."
        return Finding("spf", "weak", words, record, domain, value=value)
    return Finding("spf", "ok", "The SPF record is in order.", record)


def _lookups(record: str, names: Names, depth: int = 0) -> int:
    """How many look-ups a record costs; counting stops past what is allowed."""
    total = 0
    for part in (raw.lstrip("+-~?") for raw in record.lower().split()[1:]):
        if part not in _COSTLY and not part.startswith(
            tuple(f"{one}{end}" for one in _COSTLY for end in ":=/")
        ):
            continue
        total += 1
        inner = part.removeprefix("include:").removeprefix("redirect=")
        if inner != part and depth < SPF_LOOKUPS:
            records = [text for text in names.texts(inner) if text.lower().startswith("v=spf1")]
            total += _lookups(records[0], names, depth + 1) if records else 0
        if total > SPF_LOOKUPS:
            break
    return total


def _dkim(domain: str, mailers: Sequence[Mailer], names: Names) -> Finding:
    known = [selector for mailer in mailers for selector in mailer.selectors]
    revoked = ""
    for selector in dict.fromkeys([*known, *([] if known else USUAL_SELECTORS)]):
        name = f"{selector}._domainkey.{domain}"
        for text in names.texts(name):
            key = next(
                (part.partition("=")[2].strip() for part in text.split(";") if part.strip().startswith("p=")),
                None,
            )
            if key:
                return Finding("dkim", "ok", f"A DKIM key stands at {selector}.", text)
            if key is not None:
                revoked = text
    mailer = next((one for one in mailers if one.selectors), None)
    where = f" {mailer.label} shows its value under {mailer.where}." if mailer else ""
    name = f"{(known or ['default'])[0]}._domainkey.{domain}"
    value = "v=DKIM1; k=rsa; p=<the public key of your mail provider>"
    if revoked:
        return Finding(
            "dkim", "wrong", f"The DKIM key is revoked (blank).{where}", revoked, name, value=value
        )
    words = f"{domain} has no DKIM key that we know of, so its mail is not signed.{where}"
    return Finding("dkim", "missing", words, "", name, value=value)


def _dmarc(domain: str, mailers: Sequence[Mailer], names: Names) -> Finding:
    labels = domain.split(".")
    name = f"_dmarc.{domain}"
    for start in range(max(1, len(labels) - 1)):
        above = ".".join(labels[start:])
        records = [text for text in names.texts(f"_dmarc.{above}") if text.lower().startswith("v=dmarc1")]
        if len(records) > 1:
            words = f"{above} has {len(records)} DMARC records; with more than one, none counts. Keep one."
            return Finding("dmarc", "wrong", words, "\n".join(records), f"_dmarc.{above}", value=records[0])
        if records:
            tags = dict(part.strip().partition("=")[::2] for part in records[0].split(";") if "=" in part)
            policy = tags.get("p", "").strip().lower()
            if policy not in {"none", "quarantine", "reject"}:
                value = f"v=DMARC1; p=none; rua=mailto:dmarc@{above}"
                words = "The DMARC record says no policy (p=), so it does not count."
                return Finding("dmarc", "wrong", words, records[0], f"_dmarc.{above}", value=value)
            whose = "" if above == domain else f" (of {above})"
            return Finding("dmarc", "ok", f"The DMARC policy is {policy}{whose}.", records[0])
    value = f"v=DMARC1; p=none; rua=mailto:dmarc@{domain}"
    words = f"{domain} has no DMARC record. Google and Yahoo want one from whoever sends much."
    return Finding("dmarc", "missing", words, "", name, value=value)
