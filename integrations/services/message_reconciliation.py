"""Messages as a part of reconciliation: what the provider lists against the ledger of facts, page by page."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.utils.dateparse import parse_datetime

from integrations.base import KeepsThreads
from integrations.events import Event, MessageReceived
from integrations.models import ProviderEvent, ProviderEventKey, SenderAccount
from integrations.services.events import record_events
from integrations.services.reconciliation import SAMPLES, Part, Work
from integrations.services.sync_pages import TOGETHER, grouped
from integrations.services.sync_sources import Listed, Source, ThreadSource, Told, can_list, source_of
from project.core.clock import now
from project.core.db.bulk import any_text_of


def compare(work: Work) -> bool:
    """Compare the messages of every account of the connection; those that run campaigns list them together."""
    if isinstance(work.adapter, KeepsThreads):
        return _source(work, ThreadSource(work.adapter, "", work.report.created_at), None)
    accounts = SenderAccount.objects.select_related("connection").filter(
        connection_id=work.report.connection_id
    )
    accounts = accounts.exclude(status=SenderAccount.Status.DELETED).order_by("id")
    standing = work.place.get("sender")
    if standing:
        accounts = accounts.filter(id__gte=UUID(standing))
    for sender in accounts:
        if str(sender.id) != standing:
            work.place = {}
        source = source_of(work.adapter, sender, work.knowledge, now())
        if not _source(work, source, sender):
            return False
    return True


def _source(work: Work, source: Source, sender: SenderAccount | None) -> bool:
    """Compare one list, newest first; return whether it is through."""
    cursor = work.place.get("cursor") if source.keeps_cursor else None
    before = upper = parse_datetime(work.place.get("before", "")) or work.report.created_at
    edge = set(work.place.get("edge", ()))
    # Within a turn the provider's cursor goes on with what was asked first; ``upper`` is where a page begins.
    while work.may_ask():
        listed = source.page(since=work.since, before=before, cursor=cursor)
        work.note(listed.note)
        items = [told for told in listed.items if edge.isdisjoint(told.keys)]
        for account_id, found in grouped(reversed(items)):
            _account(work, source, account_id, found)
        if sender is not None and source.lists_own:
            _gone(work, sender, listed, upper, edge)
        place = _place(source, listed, sender)
        work.requests += source.asked
        source.asked = 0
        work.page_done(len(items), place)
        if listed.cursor is None:
            return True
        cursor, edge = listed.cursor, set(place.get("edge", ()))
        upper = parse_datetime(place.get("before", "")) or upper
    return False


def _place(source: Source, listed: Listed, sender: SenderAccount | None) -> dict[str, Any]:
    place: dict[str, Any] = {"sender": str(sender.id)} if sender else {}
    if source.keeps_cursor:
        return place | {"cursor": listed.cursor}
    if not listed.items:
        return place
    oldest = min(told.occurred_at for told in listed.items)
    at_edge = [told for told in listed.items if told.occurred_at == oldest]
    edge = sorted(key for told in at_edge for key in told.keys)
    return place | {"before": (oldest + timedelta(milliseconds=1)).isoformat(), "edge": edge}


def _account(work: Work, source: Source, account_id: str, items: Sequence[Told]) -> None:
    """Compare the messages of one account, oldest first."""
    sender = work.knowledge.sender(account_id)
    if sender is None:
        work.found(
            "errors", len(items), sample=f"No sender account here has the id {account_id or '(none)'}."
        )
        return
    known = _known(sender, frozenset().union(*(told.keys for told in items)))
    fresh: list[Event] = []
    differing = [told for told in items if not told.keys <= known]
    if len(differing) < len(items):
        work.found("unchanged", len(items) - len(differing))
    for told in differing:
        is_known = any(
            isinstance(event, MessageReceived) and event.dedupe_key in known for event in told.events
        )
        work.found("updated" if is_known else "created", sample=_sentence(sender, told))
        if work.apply:
            fresh += [event for event in source.complete(told) if event.dedupe_key not in known]
    for start in range(0, len(fresh), TOGETHER):
        record_events(fresh[start : start + TOGETHER], sender=sender, source=ProviderEvent.Source.HISTORY)


def _known(sender: SenderAccount, keys: Collection[str]) -> set[str]:
    rows = ProviderEventKey.objects.filter(sender_id=sender.id, key__in=any_text_of(keys))
    return set(rows.values_list("key", flat=True))


def _gone(work: Work, sender: SenderAccount, listed: Listed, upper: datetime, edge: set[str]) -> None:
    """Find what is stored of the time of a page and is not on it. The page's oldest moment belongs to the next one."""
    oldest = min((told.occurred_at for told in listed.items), default=work.since)
    lower = oldest + timedelta(milliseconds=1) if listed.cursor is not None else work.since
    rows = ProviderEvent.objects.filter(
        sender_id=sender.id, kind="message_received", occurred_at__gte=lower, occurred_at__lt=upper
    )
    keys = edge.union(*(told.keys for told in listed.items))
    gone = rows.exclude(dedupe_key__in=any_text_of(keys)).order_by("-occurred_at")
    times = list(gone.values_list("occurred_at", flat=True)[: SAMPLES + 1])
    for at in times[:SAMPLES]:
        when = at.astimezone(UTC).strftime("%d %b %Y %H:%M")
        work.found("missing", sample=f"{sender}: a message of {when} is stored here and gone there.")
    if len(times) > SAMPLES:
        work.found("missing", gone.count() - SAMPLES)


def _sentence(sender: SenderAccount, told: Told) -> str:
    when = told.occurred_at.astimezone(UTC).strftime("%d %b %Y %H:%M")
    who = told.who or "somebody"
    return f"{sender}, {when}, {who}: {told.text[:80] or '(no text)'}"


MESSAGES: Final = Part(name="messages", order=30, offered=can_list, compare=compare)
