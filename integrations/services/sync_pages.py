"""Reading pages of a provider's records, with progress, a bound on requests, and a place to go on from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.utils.dateparse import parse_datetime

from integrations import streams
from integrations.base import Adapter, PollsInbound, SyncsMessages, SyncsRelations, require
from integrations.errors import ErrorKind, ProviderError
from integrations.events import Event
from integrations.models import ProviderEvent, ProviderEventKey, SyncCursor, SyncRun
from integrations.services.adapters import StoredKnowledge, adapter_of
from integrations.services.events import record_event
from integrations.values import Chat, ChatMessage
from project.core.claims import compare_and_set
from project.core.clock import now

PAGE: Final = 100
#: One run asks this often at most; what is left is read by the next run.
MAX_REQUESTS: Final = 60
#: How far back the first pass of an account goes, and by how much passes overlap (records appear late).
FIRST_LOOK_BACK: Final = timedelta(days=14)
OVERLAP: Final = timedelta(minutes=15)
RELATIONS_LOOK_BACK: Final = timedelta(days=30)
RELATIONS_OVERLAP: Final = timedelta(days=1)
MAX_RELATION_PAGES: Final = 10


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
    requests: int = 0
    seen: int = 0
    created: int = 0
    cancelled: bool = False
    adapter: Adapter = field(init=False)
    knowledge: StoredKnowledge = field(init=False)

    def __post_init__(self) -> None:
        position = self.cursor.position or {}
        self.started = parse_datetime(position.get("started", "")) or now()
        self.before = parse_datetime(position.get("before", ""))
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
        with transaction.atomic():
            if not compare_and_set(
                self.held(),
                claimed_until=now() + self.lease,
                seen=self.seen,
                created=self.created,
                requests=self.run.requests + self.requests,
            ):
                raise Outrun
            if before is not None:
                self.before = before
                position = {"started": self.started.isoformat(), "before": before.isoformat()}
                SyncCursor.objects.filter(id=self.cursor.id).update(position=position)
            if token and token != self.cursor.token:
                self.cursor.token = token
                SyncCursor.objects.filter(id=self.cursor.id).update(token=token)
            streams.sync_changed(self.run.sender_id)
        self.cancelled = bool(self.held().values_list("cancel_requested", flat=True).first())

    def new_ones(self, events: Iterable[Event]) -> list[Event]:
        """Return the events that are not recorded yet: what is known costs no write."""
        events = list(events)
        keys = [event.dedupe_key for event in events]
        known = set(
            ProviderEventKey.objects.filter(sender_id=self.run.sender_id, key__in=keys).values_list(
                "key", flat=True
            )
        )
        return [event for event in events if event.dedupe_key not in known]

    def record(self, events: Iterable[Event]) -> None:
        """Pass events through the door."""
        for event in events:
            if record_event(event, sender=self.run.sender, source=ProviderEvent.Source.POLL):
                self.created += 1


def read_messages(progress: Progress) -> bool:
    """Read the account's messages back to what was read before; return whether the pass is complete.

    Providers without a list of messages that can be asked for what came in are asked for that.
    """
    built = progress.connect()
    if isinstance(built, PollsInbound) and not isinstance(built, SyncsMessages):
        return _read_inbound(progress, built)
    adapter = require(built, SyncsMessages)
    read_until = progress.cursor.read_until
    after = read_until - OVERLAP if read_until else progress.started - FIRST_LOOK_BACK
    chats: dict[str, Chat | None] = {}
    page_cursor: str | None = None
    before = progress.before
    while progress.may_ask():
        page = adapter.list_messages(
            account_id=progress.run.sender.provider_account_id,
            after=after,
            before=before,
            cursor=page_cursor,
            limit=PAGE,
            knowledge=progress.knowledge,
        )
        progress.seen += len(page.items)
        # Newest first from the provider; applied in the order in which they were written.
        _record_messages(progress, adapter, list(reversed(page.items)), chats)
        # One millisecond more: ``before`` is exclusive, and the boundary may hold several messages.
        oldest = min((item.sent_at for item in page.items), default=None)
        progress.page_done(oldest + timedelta(milliseconds=1) if oldest else None)
        if page.cursor is None:
            return True
        if progress.cancelled:
            return False
        page_cursor = page.cursor
    return False


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


def _record_messages(
    progress: Progress, adapter: SyncsMessages, messages: list[ChatMessage], chats: dict[str, Chat | None]
) -> None:
    """Record what is new on a page; only new messages are worth asking for their chat."""
    told = [(message, adapter.events_from_message(message).events) for message in messages]
    fresh = {
        event.dedupe_key
        for event in progress.new_ones(event for _message, events in told for event in events)
    }
    for message, events in told:
        if not any(event.dedupe_key in fresh for event in events):
            continue
        chat = _chat_of(progress, adapter, message, chats)
        complete = adapter.events_from_message(message, chat=chat).events if chat else events
        progress.record(event for event in complete if event.dedupe_key in fresh)


def _chat_of(
    progress: Progress, adapter: SyncsMessages, message: ChatMessage, chats: dict[str, Chat | None]
) -> Chat | None:
    key = message.chat_id or message.provider_chat_id
    if not key:
        return None
    if key not in chats:
        progress.requests += 1
        try:
            chats[key] = adapter.get_chat(account_id=message.account_id, chat_id=key)
        except ProviderError as error:
            if error.kind is not ErrorKind.NOT_FOUND:
                raise
            chats[key] = None
    return chats[key]


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
