"""Reading pages of a provider's records, with progress, a bound on requests, and a place to go on from."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.utils.dateparse import parse_datetime

from integrations import streams
from integrations.base import Adapter, KeepsThreads, PollsInbound, SyncsMessages, SyncsRelations, require
from integrations.events import Event
from integrations.models import ProviderEvent, ProviderEventKey, SenderAccount, SyncCursor, SyncRun
from integrations.services.adapters import StoredKnowledge, adapter_of
from integrations.services.events import record_events
from integrations.services.sync_sources import ChatSource, Source, ThreadSource, Told
from project.core.claims import compare_and_set
from project.core.clock import now
from project.core.db.bulk import any_text_of

PAGE: Final = 100
#: One run asks this often at most; what is left is read by the next run.
MAX_REQUESTS: Final = 60
#: How far back the first pass of an account goes, and by how much passes overlap (records appear late).
FIRST_LOOK_BACK: Final = timedelta(days=14)
OVERLAP: Final = timedelta(minutes=15)
RELATIONS_LOOK_BACK: Final = timedelta(days=30)
RELATIONS_OVERLAP: Final = timedelta(days=1)
MAX_RELATION_PAGES: Final = 10
#: Events that are recorded in one transaction, and sentences of a kind that are kept.
TOGETHER: Final = 20
SAMPLES: Final = 10
#: Seconds between two live events about progress.
TELL_EVERY: Final = 0.5


class Outrun(Exception):
    """The lease ran out and another worker took the run over: stop without writing."""


@dataclass
class Progress:
    """A claimed run, its cursor, and what it has done so far."""

    run: SyncRun
    cursor: SyncCursor
    lease: timedelta
    started: datetime = field(init=False)
    before: datetime | None = field(init=False)
    #: The provider's own word for where a pass over its pages stands.
    page_cursor: str | None = field(init=False)
    #: Where a run over a window stands, and what it came to so far.
    position: dict[str, Any] = field(init=False)
    result: dict[str, Any] = field(init=False)
    #: Why the provider gives out less than everything.
    note: str = ""
    requests: int = 0
    seen: int = 0
    created: int = 0
    cancelled: bool = False
    #: Whether there is nothing more to read.
    through: bool = False
    _tells_at: float = 0.0
    adapter: Adapter = field(init=False)
    knowledge: StoredKnowledge = field(init=False)

    def __post_init__(self) -> None:
        position = self.cursor.position or {}
        self.started = parse_datetime(position.get("started", "")) or now()
        self.before = parse_datetime(position.get("before", ""))
        self.page_cursor = position.get("cursor")
        self.position, self.result = dict(self.run.position), dict(self.run.result)
        self.seen, self.created = self.run.seen, self.run.created
        self.knowledge = StoredKnowledge(self.run.sender.connection_id)

    def connect(self) -> Adapter:
        """Build the adapter. Raises what ``adapter_of`` raises."""
        self.adapter = adapter_of(self.run.sender.connection)
        return self.adapter

    def held(self) -> Any:
        """The run, as long as it is still ours."""
        return SyncRun.objects.filter(id=self.run.id, state=SyncRun.State.RUNNING, claims=self.run.claims)

    def may_ask(self) -> bool:
        """Count a request to the provider and say whether it may be made."""
        if self.requests >= MAX_REQUESTS:
            return False
        self.requests += 1
        return True

    def page_done(self, before: datetime | None, *, token: str = "") -> None:
        """Store progress after a page and hold on to the run. Raises ``Outrun``; sets ``cancelled``."""
        tells = time.monotonic() >= self._tells_at
        with transaction.atomic():
            if not compare_and_set(
                self.held(),
                claimed_until=now() + self.lease,
                seen=self.seen,
                created=self.created,
                requests=self.run.requests + self.requests,
                position=self.position,
                result=self.result,
            ):
                raise Outrun
            if before is not None or self.page_cursor is not None:
                self.before = before or self.before
                stands = {"started": self.started.isoformat(), "cursor": self.page_cursor}
                stands["before"] = self.before.isoformat() if self.before else None
                position = {name: value for name, value in stands.items() if value}
                SyncCursor.objects.filter(id=self.cursor.id).update(position=position)
            if token and token != self.cursor.token:
                self.cursor.token = token
                SyncCursor.objects.filter(id=self.cursor.id).update(token=token)
            if tells:
                streams.sync_changed(self.run.sender_id)
                self._tells_at = time.monotonic() + TELL_EVERY
        self.cancelled = bool(self.held().values_list("cancel_requested", flat=True).first())

    def tally(self, name: str, number: int = 1) -> None:
        """Count something for the run's result."""
        self.result[name] = int(self.result.get(name, 0)) + number

    def sample(self, name: str, text: str) -> None:
        """Keep some sentences for the run's result."""
        kept = self.result.setdefault(name, [])
        if len(kept) < SAMPLES and text not in kept:
            kept.append(text)

    def known(self, sender: SenderAccount, keys: Collection[str]) -> set[str]:
        """Return those keys whose events are recorded already."""
        rows = ProviderEventKey.objects.filter(sender_id=sender.id, key__in=any_text_of(keys))
        return set(rows.values_list("key", flat=True))

    def new_ones(self, events: Iterable[Event]) -> list[Event]:
        """Return the events that are not recorded yet: what is known costs no write."""
        events = list(events)
        known = self.known(self.run.sender, [event.dedupe_key for event in events])
        return [event for event in events if event.dedupe_key not in known]

    def complete(self, source: Source, sender: SenderAccount, items: Sequence[Told]) -> list[Event]:
        """Return what is new of ``items``, with all there is to know; only new messages are worth asking about."""
        known = self.known(sender, frozenset().union(*(told.keys for told in items)))
        found: list[Event] = []
        for told in items:
            fresh = told.keys - known
            if not fresh:
                continue
            before = source.asked
            found += [event for event in source.complete(told) if event.dedupe_key in fresh]
            self.requests += source.asked - before
        return found

    def record(self, events: Iterable[Event]) -> None:
        """Pass events of the run's account through the door."""
        self.record_for(self.run.sender, events, ProviderEvent.Source.POLL)

    def record_for(self, sender: SenderAccount, events: Iterable[Event], source: str) -> None:
        """Pass events of an account through the door, some at a time: live news must not wait long for its lock."""
        waiting = list(events)
        for start in range(0, len(waiting), TOGETHER):
            recorded = record_events(waiting[start : start + TOGETHER], sender=sender, source=source)
            self.created += sum(1 for one in recorded if one.new)


def read_messages(progress: Progress) -> bool:
    """Read the account's messages back to what was read before; return whether the pass is complete.

    Providers without a list of messages that can be asked for what came in are asked for that; those that run campaigns
    are asked once for all accounts of the connection.
    """
    built = progress.connect()
    if isinstance(built, SyncsMessages):
        return _read_chats(progress, built)
    if isinstance(built, KeepsThreads):
        return _read_threads(progress, built)
    return _read_inbound(progress, require(built, PollsInbound))


def _since(progress: Progress) -> datetime:
    read_until = progress.cursor.read_until
    return read_until - OVERLAP if read_until else progress.started - FIRST_LOOK_BACK


def _read_chats(progress: Progress, adapter: SyncsMessages) -> bool:
    source = ChatSource(adapter, progress.run.sender.provider_account_id, progress.knowledge)
    before, page_cursor = progress.before, None
    while progress.may_ask():
        listed = source.page(since=_since(progress), before=before, cursor=page_cursor)
        progress.seen += len(listed.items)
        # Newest first from the provider; applied in the order in which they were written.
        progress.record(progress.complete(source, progress.run.sender, tuple(reversed(listed.items))))
        # One millisecond more: ``before`` is exclusive, and the boundary may hold several messages.
        oldest = min((told.occurred_at for told in listed.items), default=None)
        progress.page_done(oldest + timedelta(milliseconds=1) if oldest else None)
        if listed.cursor is None:
            return True
        if progress.cancelled:
            return False
        page_cursor = listed.cursor
    return False


def _read_threads(progress: Progress, adapter: KeepsThreads) -> bool:
    """Read replies and what they answer over all campaigns, and give each message to the account that it is of."""
    source = ThreadSource(adapter, "", progress.started)
    page_cursor = progress.page_cursor
    while progress.may_ask():
        listed = source.page(since=_since(progress), before=None, cursor=page_cursor)
        progress.note = listed.note
        progress.seen += len(listed.items)
        for account_id, found in grouped(reversed(listed.items)):
            sender = progress.knowledge.sender(account_id)
            if sender is None:
                progress.tally("elsewhere", len(found))
                continue
            events = progress.complete(source, sender, found)
            progress.record_for(sender, events, ProviderEvent.Source.POLL)
        progress.page_cursor = page_cursor = listed.cursor
        progress.page_done(None)
        if listed.cursor is None:
            return True
        if progress.cancelled:
            return False
    return False


def grouped(items: Iterable[Told]) -> list[tuple[str, list[Told]]]:
    """Group messages by their account, each in the order in which they came."""
    found: dict[str, list[Told]] = {}
    for told in items:
        found.setdefault(told.account_id, []).append(told)
    return list(found.items())


def _read_inbound(progress: Progress, adapter: PollsInbound) -> bool:
    """Record what came in since the stored place, page by page; the place moves once a page is recorded."""
    while progress.may_ask():
        page = adapter.poll_inbound(
            account_id=progress.run.sender.provider_account_id,
            cursor=progress.cursor.token,
            limit=PAGE,
            knowledge=progress.knowledge,
        )
        progress.seen += len(page.items)
        progress.record(progress.new_ones(event for item in page.items for event in item.events))
        progress.page_done(None, token=page.cursor or "")
        if len(page.items) < PAGE:
            return True
        if progress.cancelled:
            return False
    return False


def read_relations(progress: Progress) -> bool:
    """Read the newest connections until they are older than what was read before; always complete.

    Invitations that were accepted show up here even if their webhook was lost.
    """
    adapter = require(progress.connect(), SyncsRelations)
    read_until = progress.cursor.read_until
    horizon = read_until - RELATIONS_OVERLAP if read_until else progress.started - RELATIONS_LOOK_BACK
    account_id = progress.run.sender.provider_account_id
    page_cursor: str | None = None
    for _page in range(MAX_RELATION_PAGES):
        if not progress.may_ask():
            break
        page = adapter.list_relations(account_id=account_id, cursor=page_cursor, limit=PAGE)
        recent = [row for row in page.items if row.connected_at is None or row.connected_at >= horizon]
        progress.seen += len(page.items)
        events = [
            event
            for relation in reversed(recent)
            for event in adapter.events_from_relation(
                account_id=account_id, relation=relation, seen_at=progress.started
            ).events
        ]
        progress.record(progress.new_ones(events))
        progress.page_done(None)
        if page.cursor is None or len(recent) < len(page.items) or progress.cancelled:
            break
        page_cursor = page.cursor
    return True


READERS: Final[dict[str, Callable[[Progress], bool]]] = {
    "messages": read_messages,
    "relations": read_relations,
}
