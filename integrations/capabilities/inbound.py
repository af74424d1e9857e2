"""What comes in and is asked for: messages, connections, mail."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol, runtime_checkable

from integrations.events import Normalised
from integrations.values import Chat, ChatMessage, Page, Person, Relation, SentInvitation


class MessageKnowledge(Protocol):
    """What we know about our own accounts and messages; adapters ask it to settle a message's direction."""

    def own_user_ids(self, account_id: str) -> frozenset[str]:
        """Return the account's own ids on the network, as far as stored."""
        ...

    def sent_by_us(self, account_id: str, message_ids: frozenset[str]) -> bool:
        """Say whether any of ``message_ids`` is a message that we sent from this account."""
        ...

    def account_of_address(self, address: str) -> str:
        """Return the account whose mailbox, reply address or number this is, ``""`` for none of ours."""
        ...

    def thread_of(
        self, account_id: str, message_ids: Sequence[str], *, counterpart: str, subject: str
    ) -> str:
        """Return the ``chat_id`` of the e-mail thread that answers to ``message_ids`` belong to, ``""`` if none
        of them is known. Where there are no ids at all, an answer's subject and who wrote it may still tell.
        """
        ...

    def account_of_message(self, message_ids: frozenset[str]) -> str:
        """Return the account that sent a message with one of these ids, ``""`` for none of ours."""
        ...


class NoKnowledge:
    """Knows nothing: directions rest on the payload alone."""

    def own_user_ids(self, account_id: str) -> frozenset[str]:
        """Return nothing."""
        return frozenset()

    def sent_by_us(self, account_id: str, message_ids: frozenset[str]) -> bool:
        """Return False."""
        return False

    def account_of_address(self, address: str) -> str:
        """Return nothing."""
        return ""

    def thread_of(
        self, account_id: str, message_ids: Sequence[str], *, counterpart: str, subject: str
    ) -> str:
        """Return nothing."""
        return ""

    def account_of_message(self, message_ids: frozenset[str]) -> str:
        """Return nothing."""
        return ""


@runtime_checkable
class PollsInbound(Protocol):
    """Has to be asked for what came in (a mailbox)."""

    def poll_inbound(
        self, *, account_id: str, cursor: str, limit: int = 100, knowledge: MessageKnowledge | None = None
    ) -> Page[Normalised]:
        """Return what came after ``cursor`` (``""`` at first: nothing older than the connection), oldest
        first, each item with the events of one message, and the cursor to store once they are recorded.
        """
        ...


@runtime_checkable
class ListsInbound(Protocol):
    """Can be asked for what came in during a window, long afterwards."""

    def list_inbound(
        self,
        *,
        account_id: str,
        since: datetime,
        until: datetime,
        cursor: str | None = None,
        knowledge: MessageKnowledge | None = None,
    ) -> Page[Normalised]:
        """Return what came from ``since`` on and before ``until``, a day (UTC) to a page, the newest day first, each
        item with the events of one message.
        """
        ...


class Watch(Protocol):
    """An open connection on which a provider tells that something came in. Whoever opened it closes it."""

    def fileno(self) -> int:
        """Return the descriptor that becomes readable when there is something to ``read``."""
        ...

    def read(self) -> bool:
        """Read what was told; return whether something came in. Raises ``ProviderError`` if it has ended."""
        ...

    def keep_alive(self) -> bool:
        """Do what keeps the connection open, if it is time; call it every minute. As ``read``."""
        ...

    def close(self) -> None:
        """End it."""
        ...


@runtime_checkable
class WatchesInbound(Protocol):
    """Can say at once that ``PollsInbound`` has something to fetch."""

    def watch_inbound(self, *, account_id: str) -> Watch:
        """Open a watch. Kind ``unsupported`` if the account's server cannot do that: then polling has to do."""
        ...


@runtime_checkable
class SyncsMessages(Protocol):
    """Can be asked for chats and messages."""

    def list_chats(
        self, *, account_id: str, after: datetime | None = None, cursor: str | None = None, limit: int = 100
    ) -> Page[Chat]:
        """Return a page of the account's chats with activity after ``after``."""
        ...

    def get_chat(self, *, account_id: str, chat_id: str) -> Chat:
        """Return one chat, by either of its ids."""
        ...

    def chats_with(self, *, account_id: str, recipient_provider_id: str) -> Page[Chat]:
        """Return the one-to-one chats with a person; empty if there are none."""
        ...

    def chat_participants(self, *, account_id: str, chat_id: str) -> tuple[Person, ...]:
        """Return who is in the chat, the account itself included."""
        ...

    def list_messages(
        self,
        *,
        account_id: str,
        chat_id: str = "",
        after: datetime | None = None,
        before: datetime | None = None,
        cursor: str | None = None,
        limit: int = 100,
        knowledge: MessageKnowledge | None = None,
    ) -> Page[ChatMessage]:
        """Return a page of messages, newest first: of one chat, or of the whole account."""
        ...

    def get_message(
        self, *, account_id: str, message_id: str, knowledge: MessageKnowledge | None = None
    ) -> ChatMessage:
        """Return one message by the provider's id."""
        ...

    def events_from_message(self, message: ChatMessage, *, chat: Chat | None = None) -> Normalised:
        """Turn a polled message into the events that the webhook would have given, with the same keys."""
        ...

    def mark_read(self, *, account_id: str, chat_id: str) -> None:
        """Mark a chat as read at the provider."""
        ...

    def open_attachment(
        self, *, message_id: str, attachment_id: str, max_bytes: int
    ) -> AbstractContextManager[Iterator[bytes]]:
        """Open an attachment's bytes as a stream of at most ``max_bytes``."""
        ...


@runtime_checkable
class SyncsRelations(Protocol):
    """Can be asked for connections and pending invitations."""

    def list_relations(
        self, *, account_id: str, cursor: str | None = None, limit: int = 100
    ) -> Page[Relation]:
        """Return a page of the account's connections, newest first. Call a few times a day, at random."""
        ...

    def list_sent_invitations(
        self, *, account_id: str, cursor: str | None = None, limit: int = 100
    ) -> Page[SentInvitation]:
        """Return a page of the invitations that are still pending."""
        ...

    def events_from_relation(self, *, account_id: str, relation: Relation, seen_at: datetime) -> Normalised:
        """Turn a polled connection into the event that the webhook would have given, with the same key."""
        ...


@runtime_checkable
class FetchesMail(Protocol):
    """Keeps the mail that it received, and can be asked for one again."""

    def fetch_mail(self, *, account_id: str, message_id: str) -> bytes:
        """Return the whole mail with this RFC 5322 id. Kind ``not_found`` if the mailbox has it no more."""
        ...


@runtime_checkable
class UnpacksMail(Protocol):
    """Brings received mail in its calls, which are kept raw."""

    def mail_of(self, body: bytes) -> bytes:
        """Return the whole mail that a call brought. Kind ``validation`` if it brought none."""
        ...
