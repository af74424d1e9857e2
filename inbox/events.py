"""Domain events of the inbox; reporting listens."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from inbox.models import Conversation, Message, Note
from project.core.events import DomainEvent
from project.tenancy.models import User


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationAnswered(DomainEvent):
    """A person answered.

    ``seconds`` since the first message that nobody had answered, and whether that was in the promised time; both
    ``None`` where nobody waited.
    """

    conversation: Conversation
    message: Message
    author: User
    seconds: int | None
    in_time: bool | None
    #: Nobody had answered in this conversation before.
    is_first: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyStored(DomainEvent):
    """A message of theirs is in a thread; ``is_news`` unless it is an old one that a reading of the past found."""

    conversation: Conversation
    message: Message
    is_news: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyCalledOff(DomainEvent):
    """A reply that had not left does not leave, because the other side wrote first."""

    conversation: Conversation
    message: Message


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteAdded(DomainEvent):
    """Somebody wrote a note; ``mentioned`` are those whose attention it calls."""

    conversation: Conversation
    note: Note
    author: User
    mentioned: tuple[User, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteShownChanged(DomainEvent):
    """The client's people see a note from now on, or see it no more."""

    conversation: Conversation
    note: Note


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyFailed(DomainEvent):
    """A reply of a person was not sent, or came back; ``message.failure`` says why."""

    conversation: Conversation
    message: Message


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationAssigned(DomainEvent):
    """A conversation was given to somebody by somebody else; by a rule where there is no ``actor``."""

    conversation: Conversation
    assignee: User
    actor: User | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationTaken(DomainEvent):
    """Somebody took a conversation off whoever had it for some minutes (they took it, or a rule gave it to them).

    Whose it is now, if anybody's, stands in the conversation.
    """

    conversation: Conversation
    holder: User
    actor: User


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationReleased(DomainEvent):
    """A claim has run out and no rule found anybody: it is the team's again."""

    conversation: Conversation


@dataclass(frozen=True, slots=True, kw_only=True)
class PromiseAtRisk(DomainEvent):
    """Half of the promised time has passed and the rest is short; once for each promise."""

    conversation: Conversation
    due_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PromiseBroken(DomainEvent):
    """The time promised for an answer has passed; once for each message that waits."""

    conversation: Conversation
    due_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationResolved(DomainEvent):
    """A conversation was closed; ``seconds`` since their first message after it was last closed."""

    conversation: Conversation
    actor: User | None
    seconds: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolutionTakenBack(DomainEvent):
    """A conversation was closed by mistake at ``closed_at``: whoever did it has taken that back."""

    conversation: Conversation
    closed_at: datetime
