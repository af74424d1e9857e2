"""One way to read an account's messages of a window, whatever its provider offers: chats, threads of campaigns, or a
list of what came in.

Pages come newest first; each message with the events that a webhook would have given, under the same keys.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Protocol

from integrations import registry
from integrations.base import (
    Adapter,
    Capability,
    KeepsThreads,
    ListsInbound,
    MessageKnowledge,
    SyncsMessages,
)
from integrations.errors import ErrorKind, ProviderError
from integrations.events import Event, MessageReceived, Normalised
from integrations.models import SenderAccount
from integrations.running import ProviderMessage
from integrations.values import Chat, ChatMessage, Page

PAGE: Final = 100
#: Providers' ``after`` leaves out the moment itself; their times are milliseconds.
_TICK: Final = timedelta(milliseconds=1)
#: A provider with one of these can be asked for a window.
LISTING: Final = (Capability.SYNCS_MESSAGES, Capability.KEEPS_THREADS, Capability.LISTS_INBOUND)


@dataclass(frozen=True, slots=True)
class Told:
    """One message as its provider lists it. ``subject`` is what it was made from, ``keys`` are those of its events."""

    account_id: str
    occurred_at: datetime
    events: tuple[Event, ...]
    who: str = ""
    text: str = ""
    subject: ChatMessage | None = None
    keys: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "keys", frozenset([event.dedupe_key for event in self.events]))


@dataclass(frozen=True, slots=True)
class Listed:
    """A page. ``note`` says why there is less than everything."""

    items: tuple[Told, ...]
    cursor: str | None
    note: str = ""


class Source(Protocol):
    """Where an account's messages are read from."""

    #: Whether the account's own messages are listed as well.
    lists_own: bool
    #: Whether a page's cursor is good for a later run; else one goes on by the time of the oldest message.
    keeps_cursor: bool
    #: Requests that ``complete`` made so far.
    asked: int

    def page(self, *, since: datetime, before: datetime | None, cursor: str | None) -> Listed:
        """Return a page of what was written from ``since`` on and, if given, before ``before``."""
        ...

    def complete(self, told: Told) -> tuple[Event, ...]:
        """Return the events of a message that is not known yet with all there is to know; may ask the provider."""
        ...


def can_list(provider: str) -> bool:
    """Whether a provider can be asked what there was in a window."""
    return any(registry.can(provider, capability) for capability in LISTING)


def source_of(
    adapter: Adapter,
    sender: SenderAccount,
    knowledge: MessageKnowledge,
    at: datetime,
    *,
    together: bool = False,
) -> Source:
    """Return how an account is read, with all that are read ``together`` with it or alone.

    Raises ``ProviderError`` of kind ``unsupported`` if it cannot be.
    """
    account_id = sender.provider_account_id
    if isinstance(adapter, SyncsMessages):
        return ChatSource(adapter, account_id, knowledge)
    if isinstance(adapter, KeepsThreads):
        return ThreadSource(adapter, "" if together else account_id, at)
    if isinstance(adapter, ListsInbound):
        return InboundSource(adapter, account_id, knowledge, at)
    raise ProviderError(
        ErrorKind.UNSUPPORTED,
        f"{registry.label_of(sender.connection.provider)} cannot be asked for what there was before.",
        provider=sender.connection.provider,
    )


@dataclass
class ChatSource:
    """A provider with chats and messages."""

    adapter: SyncsMessages
    account_id: str
    knowledge: MessageKnowledge
    lists_own: bool = True
    keeps_cursor: bool = False
    asked: int = 0
    _chats: dict[str, Chat | None] = field(default_factory=dict)

    def page(self, *, since: datetime, before: datetime | None, cursor: str | None) -> Listed:
        """Return a page of the account's messages."""
        page: Page[ChatMessage] = self.adapter.list_messages(
            account_id=self.account_id,
            after=since - _TICK,
            before=before,
            cursor=cursor,
            limit=PAGE,
            knowledge=self.knowledge,
        )
        items = tuple(
            Told(
                account_id=self.account_id,
                occurred_at=message.sent_at,
                events=self.adapter.events_from_message(message).events,
                who=message.sender.name,
                text=message.text,
                subject=message,
            )
            for message in page.items
        )
        return Listed(items, page.cursor, page.note)

    def complete(self, told: Told) -> tuple[Event, ...]:
        """Ask for the chat: it names the counterpart."""
        if told.subject is None:
            return told.events
        chat = self._chat_of(told.subject)
        return self.adapter.events_from_message(told.subject, chat=chat).events if chat else told.events

    def _chat_of(self, message: ChatMessage) -> Chat | None:
        key = message.chat_id or message.provider_chat_id
        if not key:
            return None
        if key not in self._chats:
            self.asked += 1
            try:
                self._chats[key] = self.adapter.get_chat(account_id=message.account_id, chat_id=key)
            except ProviderError as error:
                if error.kind is not ErrorKind.NOT_FOUND:
                    raise
                self._chats[key] = None
        return self._chats[key]


@dataclass
class ThreadSource:
    """A provider that runs campaigns: replies, and what they answer. Its list spans all accounts of the connection."""

    adapter: KeepsThreads
    #: The account whose messages are wanted, ``""`` for those of all.
    account_id: str
    seen_at: datetime
    #: Threads without an answer are not listed, so that our own messages cannot be counted.
    lists_own: bool = False
    keeps_cursor: bool = True
    asked: int = 0

    def page(self, *, since: datetime, before: datetime | None, cursor: str | None) -> Listed:
        """Return a page of replies and the messages that they answer."""
        page: Page[ProviderMessage] = self.adapter.list_replies(
            after=since - _TICK, cursor=cursor, limit=PAGE, own=True
        )
        items = tuple(
            Told(
                account_id=message.account_id,
                occurred_at=message.sent_at,
                events=self.adapter.events_from_thread(message, seen_at=self.seen_at).events,
                who=message.person.name or message.person.email,
                text=message.text or message.subject,
            )
            for message in page.items
            if (not self.account_id or message.account_id == self.account_id)
            and (before is None or message.sent_at < before)
        )
        return Listed(items, page.cursor, page.note)

    def complete(self, told: Told) -> tuple[Event, ...]:
        """There is no more to know."""
        return told.events


@dataclass
class InboundSource:
    """A provider that lists what came in, day by day."""

    adapter: ListsInbound
    account_id: str
    knowledge: MessageKnowledge
    now: datetime
    lists_own: bool = False
    keeps_cursor: bool = True
    asked: int = 0

    def page(self, *, since: datetime, before: datetime | None, cursor: str | None) -> Listed:
        """Return one day."""
        page: Page[Normalised] = self.adapter.list_inbound(
            account_id=self.account_id,
            since=since,
            until=before or self.now,
            cursor=cursor,
            knowledge=self.knowledge,
        )
        items = tuple(
            Told(
                account_id=self.account_id,
                occurred_at=item.events[0].occurred_at,
                events=item.events,
                who=_who(item.events[0]),
                text=_text(item.events[0]),
            )
            for item in reversed(page.items)
            if item.events
        )
        return Listed(items, page.cursor, page.note)

    def complete(self, told: Told) -> tuple[Event, ...]:
        """There is no more to know."""
        return told.events


def _who(event: Event) -> str:
    if not isinstance(event, MessageReceived):
        return ""
    return event.sender.name or event.sender.email or event.sender.phone


def _text(event: Event) -> str:
    return event.text or event.subject if isinstance(event, MessageReceived) else ""
