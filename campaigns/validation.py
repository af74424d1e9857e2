"""What can be known about an e-mail address without writing to it: syntax, mail servers, throw-away and role addresses.

No Django. The name service is asked through ``Resolver``, so that tests and a switched-off network need none.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from functools import lru_cache
from typing import Final, Protocol

import dns.exception
import dns.resolver
from disposable_email_domains import blocklist
from email_validator import EmailNotValidError, validate_email

from integrations.values import AddressVerdict

ROLES: Final = frozenset(
    {
        "abuse", "admin", "administrator", "billing", "contact", "enquiries", "help", "helpdesk", "hello", "hostmaster",
        "hr", "info", "jobs", "legal", "mail", "marketing", "no-reply", "noreply", "office", "postmaster", "press",
        "privacy", "reception", "sales", "security", "service", "spam", "support", "team", "webmaster", "kontakt",
        "buero", "verkauf", "contacto", "ventas", "vendite", "contato", "biuro", "sekretariat",
    }
)  # fmt: skip
"""Mailboxes of a function: nobody in particular reads them, and many of them complain."""
COMMON: Final = (
    "gmail.com", "googlemail.com", "yahoo.com", "outlook.com", "hotmail.com", "live.com", "icloud.com", "aol.com",
    "gmx.de", "gmx.net", "web.de", "proton.me", "protonmail.com", "yahoo.co.uk", "hotmail.co.uk",
)  # fmt: skip
LOOKUP_SECONDS: Final = 2.0
PARALLEL: Final = 32
#: After so many look-ups without any answer, and none with one, the network is taken for gone.
GIVE_UP_AFTER: Final = 16
#: Longest address (RFC 5321, 4.5.3.1.3), in characters.
LONGEST: Final = 254
#: Domains whose syntax a process remembers.
REMEMBERED_DOMAINS: Final = 20_000
_ATOM: Final = r"[a-zA-Z0-9_!#$%&'*+\-/=?^`{|}~]+"
#: A dot-atom (RFC 5322, 3.2.3) in ASCII.
_PLAIN_NAME: Final = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
#: Host names in ASCII that stand for nothing else: Punycode is written otherwise, and longer, when it is decoded.
_PLAIN_DOMAIN: Final = re.compile(r"(?!.*xn--)[a-z0-9.\-]+")


class Servers(StrEnum):
    """What the name service says about a domain's mail."""

    THERE = "there"
    NONE = "none"
    UNKNOWN = "unknown"


class Resolver(Protocol):
    """Answers whether a domain takes mail. Must not raise."""

    def servers(self, domain: str) -> Servers:
        """Return what is known about the domain's mail servers."""
        ...


class NoLookups:
    """Asks nobody: nothing is known about any domain."""

    def servers(self, domain: str) -> Servers:
        """Return unknown."""
        return Servers.UNKNOWN


class DnsResolver:
    """Asks the system's name servers, each question once and not for long."""

    def __init__(self, seconds: float = LOOKUP_SECONDS) -> None:
        self._resolver = dns.resolver.Resolver()
        self._resolver.lifetime = self._resolver.timeout = seconds

    def servers(self, domain: str) -> Servers:
        """MX; a null MX (RFC 7505) says that there is no mail; without MX an address record will do (RFC 5321)."""
        try:
            answer = self._resolver.resolve(domain, "MX")
        except dns.resolver.NXDOMAIN:
            return Servers.NONE
        except dns.resolver.NoAnswer:
            return self._address(domain)
        except (dns.exception.DNSException, OSError, ValueError):
            return Servers.UNKNOWN
        hosts = [str(record.exchange).rstrip(".") for record in answer]
        return Servers.THERE if any(hosts) else Servers.NONE

    def _address(self, domain: str) -> Servers:
        for kind in ("A", "AAAA"):
            try:
                self._resolver.resolve(domain, kind)
            except (dns.resolver.NoAnswer, dns.resolver.NXDOMAIN):
                continue
            except (dns.exception.DNSException, OSError, ValueError):
                return Servers.UNKNOWN
            return Servers.THERE
        return Servers.NONE


def servers_of(domains: Iterable[str], resolver: Resolver) -> dict[str, Servers]:
    """Ask for many domains at once. A network that answers nothing is not asked again and again."""
    waiting = sorted(set(domains))
    found: dict[str, Servers] = {}
    with ThreadPoolExecutor(max_workers=PARALLEL, thread_name_prefix="mx") as pool:
        while waiting:
            some, waiting = waiting[:PARALLEL], waiting[PARALLEL:]
            found.update(zip(some, pool.map(resolver.servers, some), strict=True))
            if len(found) >= GIVE_UP_AFTER and set(found.values()) == {Servers.UNKNOWN}:
                return {**dict.fromkeys(waiting, Servers.UNKNOWN), **found}
    return found


def domain_of(address: str) -> str:
    """The domain of a normalised address."""
    return address.rpartition("@")[2]


def is_written_well(address: str) -> bool:
    """Whether the syntax of an address is right (email-validator, as for mail that is to arrive).

    What that library says about a domain is remembered, and what it says about plain names is one expression: a long
    file has many people at few domains, and a whole address costs it a fifth of a millisecond.
    """
    name, _, domain = address.rpartition("@")
    if len(address) <= LONGEST and _PLAIN_NAME.fullmatch(name) and _PLAIN_DOMAIN.fullmatch(domain):
        return _takes_plain_names(domain)
    return _is_valid(address)


@lru_cache(maxsize=REMEMBERED_DOMAINS)
def _takes_plain_names(domain: str) -> bool:
    return _is_valid(f"a@{domain}")


def _is_valid(address: str) -> bool:
    try:
        validate_email(address, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        return False
    return True


def judge(address: str, servers: Servers = Servers.UNKNOWN) -> AddressVerdict:
    """Judge one normalised address by what is known locally. Reasons: syntax, no_mx, disposable, role, typo."""
    if not is_written_well(address):
        return AddressVerdict(address=address, verdict="invalid", reasons=("syntax",))
    name, _, domain = address.rpartition("@")
    suggestion = _suggestion(name, domain)
    if servers is Servers.NONE:
        return AddressVerdict(
            address=address, verdict="invalid", reasons=("no_mx",), score=0.0, suggestion=suggestion
        )
    reasons = []
    if domain in blocklist:
        reasons.append("disposable")
    if name.partition("+")[0] in ROLES:
        reasons.append("role")
    if suggestion:
        reasons.append("typo")
    return AddressVerdict(
        address=address,
        verdict="risky" if reasons else "valid",
        reasons=tuple(reasons),
        suggestion=suggestion,
    )


def _suggestion(name: str, domain: str) -> str:
    """The address that was probably meant: one letter off a domain that everybody has."""
    near = _meant(domain)
    return f"{name}@{near}" if near else ""


@lru_cache(maxsize=REMEMBERED_DOMAINS)
def _meant(domain: str) -> str:
    if domain in COMMON:
        return ""
    close = difflib.get_close_matches(domain, COMMON, n=1, cutoff=0.88)
    near = close[0] if close and abs(len(close[0]) - len(domain)) <= 1 else ""
    return near if near and near.rpartition(".")[2][:1] == domain.rpartition(".")[2][:1] else ""
