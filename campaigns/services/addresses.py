"""Checking e-mail addresses: asked once, remembered for a while, and what a client's rule makes of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog
from django.conf import settings
from django.core.cache import cache
from django.db.models import Q

from campaigns.models import AddressCheck, OutreachPolicy
from campaigns.services.refusals import NotSendable
from campaigns.validation import (
    GIVE_UP_AFTER,
    DnsResolver,
    NoLookups,
    Resolver,
    Servers,
    domain_of,
    is_written_well,
    judge,
    servers_of,
)
from integrations import registry
from integrations.base import Capability, ValidatesAddresses, require
from integrations.errors import ProviderError
from integrations.models import Connection
from integrations.services.adapters import adapter_of
from integrations.values import AddressVerdict
from project.core.clock import now
from project.core.db.bulk import insert_rows, is_one_of

log = structlog.get_logger(__name__)

#: What was learnt for sure is believed for long; what could not be found out is asked again soon.
BELIEVED: Final = timedelta(days=30)
UNSURE: Final = timedelta(days=1)
#: A name service that gave no answer at all is left alone for so long: a long file would wait for it chunk by chunk.
SILENCE_SECONDS: Final = 60
SILENT: Final = "mx:silent"
#: The source of a verdict that nobody else was asked for.
LOCAL: Final = "local"
#: Questions to a paid service in one go: a list is not sent there unasked.
PAID_AT_ONCE: Final = 200

REASONS: Final = {
    "syntax": "it is not written like an e-mail address",
    "no_mx": "its domain takes no mail",
    "disposable": "it is a throw-away address",
    "role": "it is the mailbox of a function, not a person's",
    "typo": "it looks misspelt",
    "bounced": "earlier messages came back",
}


def resolver() -> Resolver:
    """Return what asks the name service: nobody, where the installation is not to (``ADDRESS_LOOKUPS``)."""
    return DnsResolver() if settings.ADDRESS_LOOKUPS else NoLookups()


def known(addresses: Iterable[str]) -> dict[str, AddressVerdict]:
    """Return what is remembered about addresses and still believed; one query."""
    wanted = set(addresses)
    if not wanted:
        return {}
    rows = AddressCheck.objects.filter(is_one_of("address", wanted), expires_at__gt=now())
    return {row.address: _verdict(row) for row in rows}


@dataclass(slots=True)
class Paid:
    """How many questions a paid service may still be asked, and how many it was; ``asking`` is called before each."""

    left: int = PAID_AT_ONCE
    asked: int = 0
    asking: Callable[[], None] = lambda: None


def check_many(
    addresses: Sequence[str], *, client_id: UUID, ask: Resolver | None = None, paid: Paid | None = None
) -> dict[str, AddressVerdict]:
    """Return a verdict for every normalised address, asking only about those that are not remembered.

    A connection of the client that validates addresses is asked first (it costs money), as far as ``paid`` goes:
    ``PAID_AT_ONCE`` where nothing is said.
    """
    found = known(addresses)
    missing = [address for address in dict.fromkeys(addresses) if address not in found]
    if not missing:
        return found
    domains = {domain_of(address) for address in missing if is_written_well(address)}
    servers = _servers(domains, ask or resolver())
    fresh = {address: judge(address, servers.get(domain_of(address), Servers.UNKNOWN)) for address in missing}
    told = _ask_provider(fresh, client_id, paid or Paid())
    _remember(
        {address: verdict for address, verdict in fresh.items() if address not in told}, servers=servers
    )
    return {**found, **fresh, **told}


def _servers(domains: set[str], ask: Resolver) -> dict[str, Servers]:
    """What is known about domains: from the cache of the installation, else asked. Losing the cache loses nothing."""
    keys = {_cache_key(domain): domain for domain in domains}
    kept = {keys[key]: Servers(value) for key, value in cache.get_many(list(keys)).items()}
    open_questions = set(keys.values()) - set(kept)
    if open_questions and cache.get(SILENT):
        return {**kept, **dict.fromkeys(open_questions, Servers.UNKNOWN)}
    asked = servers_of(open_questions, ask)
    if len(asked) >= GIVE_UP_AFTER and set(asked.values()) == {Servers.UNKNOWN}:
        cache.set(SILENT, True, timeout=SILENCE_SECONDS)
    sure = {_cache_key(domain): str(value) for domain, value in asked.items() if value is not Servers.UNKNOWN}
    if sure:
        cache.set_many(sure, timeout=int(UNSURE.total_seconds()))
    return {**kept, **asked}


def _cache_key(domain: str) -> str:
    return f"mx:{hashlib.sha256(domain.encode()).hexdigest()[:32]}"


def _ask_provider(fresh: dict[str, AddressVerdict], client_id: UUID, paid: Paid) -> dict[str, AddressVerdict]:
    """Let a validating connection judge what is not hopeless already; return what it said of which address.

    Each answer is remembered as it comes: whoever is cut off here does not pay for it again.
    """
    connection = validating_connection(client_id) if paid.left > 0 else None
    if connection is None:
        return {}
    open_questions = [address for address, verdict in fresh.items() if verdict.verdict != "invalid"]
    told: dict[str, AddressVerdict] = {}
    for address in open_questions[: paid.left]:
        paid.asking()
        paid.left, paid.asked = paid.left - 1, paid.asked + 1
        try:
            adapter = require(adapter_of(connection), ValidatesAddresses)
            told[address] = adapter.validate_email(address)
        except ProviderError as error:
            log.warning("addresses.provider_failed", provider=connection.provider, kind=error.kind)
            break  # what was found here holds; the service is asked again another time
        _remember({address: told[address]}, source=connection.provider)
    return told


def validating_connection(client_id: UUID) -> Connection | None:
    """The client's connection, or the installation's for all, that judges addresses for money; ``None`` without one."""
    kinds = [
        provider.kind
        for provider in registry.providers()
        if Capability.VALIDATES_ADDRESSES in provider.capabilities
    ]
    rows = Connection.objects.filter(
        Q(client_id=client_id) | Q(client_id=None), provider__in=kinds, status=Connection.Status.OK
    )
    found: Connection | None = rows.order_by("client_id", "created_at").first()
    return found


def _remember(
    fresh: dict[str, AddressVerdict], *, servers: dict[str, Servers] | None = None, source: str = LOCAL
) -> None:
    moment, seen = now(), servers or {}
    insert_rows(
        AddressCheck,
        [
            {
                "address": address,
                "verdict": verdict.verdict,
                "reasons": list(verdict.reasons),
                "suggestion": verdict.suggestion[:254],
                "source": source,
                "checked_at": moment,
                "expires_at": moment + _believed(verdict, seen.get(domain_of(address)), source != LOCAL),
            }
            for address, verdict in fresh.items()
            if len(address) <= 254
        ],
        replacing=("organization_id", "address"),
    )


def _believed(verdict: AddressVerdict, servers: Servers | None, by_provider: bool) -> timedelta:
    sure = by_provider or servers is not Servers.UNKNOWN or verdict.verdict == "invalid"
    return BELIEVED if sure else UNSURE


def _verdict(row: AddressCheck) -> AddressVerdict:
    return AddressVerdict(
        address=row.address, verdict=row.verdict, reasons=tuple(row.reasons), suggestion=row.suggestion
    )


def note_bounce(address: str) -> None:
    """Remember that an address came back for good, whatever was believed before."""
    moment = now()
    AddressCheck.objects.update_or_create(
        address=address[:254],
        defaults={
            "verdict": AddressCheck.Verdict.INVALID,
            "reasons": ["bounced"],
            "source": "bounce",
            "checked_at": moment,
            "expires_at": moment + 12 * BELIEVED,
        },
    )


def refuse(address: str, policy: OutreachPolicy) -> None:
    """Raise ``NotSendable`` for an address that the client's rule blocks. Asks nobody: a send does not wait."""
    if policy.address_policy != OutreachPolicy.AddressPolicy.BLOCK:
        return
    verdict = known([address]).get(address) or judge(address)
    if verdict.verdict == "invalid":
        raise NotSendable("invalid_address", f"{address} cannot be written to: {why(verdict)}.")


def why(verdict: AddressVerdict) -> str:
    """The reasons of a verdict in plain words."""
    words = [REASONS.get(reason, reason.replace("_", " ")) for reason in verdict.reasons]
    return ", ".join(words) or "nothing speaks against it"
