"""The zero-drop ledger: for each account and day, what the provider lists, what is stored here, and where it is.

A message that the provider lists and that is not stored opens an incident, which ends when a later count of the day
finds none. What is stored and no longer listed was deleted there: it is told, and is no drop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from django.db.models import Count, Q

from integrations import streams
from integrations.domain_events import LedgerDifferenceFound, LedgerDifferenceHealed
from integrations.models import LedgerDay, LedgerIncident, ProviderEvent, SenderAccount
from project.core.clock import now
from project.core.events import publish

#: Of ids of conversations, those that have a lead by now: people link them at the unmatched desk.
LinkedConversations = Callable[[set[UUID]], set[UUID]]
_linked: dict[str, LinkedConversations] = {}


@dataclass(frozen=True, slots=True)
class DayCount:
    """What a pass over a day found at the provider."""

    listed: int
    stored: int
    samples: list[dict[str, str]]
    #: Whether the account's own messages were among them.
    lists_own: bool


def register_desk(name: str, linked: LinkedConversations) -> None:
    """Register who knows which conversations were linked to a lead. Registering a name again replaces it."""
    _linked[name] = linked


def bounds(day: date) -> tuple[datetime, datetime]:
    """Return when a day (UTC) begins and when the next one does."""
    start = datetime.combine(day, time(), UTC)
    return start, start + timedelta(days=1)


def settle(*, sender: SenderAccount, day: date, found: DayCount) -> LedgerDay:
    """Write the ledger's line of a day and open or end its incident. Call it in a transaction."""
    here = _here(sender, day, found.lists_own)
    # Facts may have been recorded while the pages were read; a line never says more than it can prove.
    stored = min(found.stored, found.listed)
    line: LedgerDay = LedgerDay.objects.update_or_create(
        sender=sender,
        day=day,
        defaults={
            "listed": found.listed,
            "stored": stored,
            "matched": here.matched,
            "unmatched": here.unmatched,
            "hidden": here.hidden,
            "extra": max(0, here.compared - stored),
            "checked_at": now(),
        },
    )[0]
    open_ones = LedgerIncident.objects.select_for_update().filter(
        sender=sender, day=day, state=LedgerIncident.State.OPEN
    )
    incident = open_ones.first()
    if line.missing and incident is None:
        incident = LedgerIncident.objects.create(
            sender=sender, day=day, missing=line.missing, samples=found.samples, opened_at=now()
        )
        publish(LedgerDifferenceFound(incident=incident))
    elif line.missing and incident is not None:
        incident.missing, incident.samples = line.missing, found.samples
        incident.save(update_fields=["missing", "samples", "updated_at"])
    elif incident is not None:
        incident.state, incident.healed_at = LedgerIncident.State.HEALED, now()
        incident.save(update_fields=["state", "healed_at", "updated_at"])
        publish(LedgerDifferenceHealed(incident=incident))
    streams.sync_changed(sender.id)
    return line


@dataclass(frozen=True, slots=True)
class _Here:
    matched: int
    unmatched: int
    hidden: int
    #: Stored messages of the kind that the provider lists.
    compared: int


def _here(sender: SenderAccount, day: date, lists_own: bool) -> _Here:
    """Count what is stored for a day of the kind that the provider lists, and where it is."""
    since, until = bounds(day)
    rows = ProviderEvent.objects.filter(
        sender_id=sender.id, kind="message_received", occurred_at__gte=since, occurred_at__lt=until
    )
    if not lists_own:
        rows = rows.filter(payload__direction="inbound")
    told: dict[str, int] = rows.aggregate(
        total=Count("id"),
        matched=Count("id", filter=Q(outcome__has_key="lead_id")),
        shown=Count("id", filter=Q(outcome__has_key="lead_id") | Q(outcome__has_key="conversation_id")),
    )
    waiting = rows.filter(outcome__has_key="conversation_id").exclude(outcome__has_key="lead_id")
    by_conversation: dict[UUID, int] = {}
    for text in waiting.values_list("outcome__conversation_id", flat=True).iterator():
        conversation_id = UUID(str(text))
        by_conversation[conversation_id] = by_conversation.get(conversation_id, 0) + 1
    linked = sum(by_conversation[found] for found in _linked_among(by_conversation))
    unmatched = sum(by_conversation.values()) - linked
    return _Here(
        matched=told["matched"] + linked,
        unmatched=unmatched,
        hidden=told["total"] - told["shown"],
        compared=told["total"],
    )


def _linked_among(conversation_ids: Iterable[UUID]) -> set[UUID]:
    wanted = set(conversation_ids)
    if not wanted:
        return set()
    return set().union(*(linked(wanted) for linked in _linked.values()))
