"""Domain events of the inbox; reporting listens."""

from __future__ import annotations

from dataclasses import dataclass

from inbox.models import Conversation, Message, Note
from project.core.events import DomainEvent
from project.tenancy.models import User


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationAnswered(DomainEvent):
    """A person answered; ``seconds`` since the first inbound message that was not answered, if there was one."""

    conversation: Conversation
    message: Message
    author: User
    seconds: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyStored(DomainEvent):
    """A human message of the other side is in a thread."""

    conversation: Conversation
    message: Message


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyCalledOff(DomainEvent):
    """A scheduled reply does not leave, because the other side wrote first."""

    conversation: Conversation
    message: Message


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteAdded(DomainEvent):
    """Somebody wrote a private note; ``mentioned`` are those whose attention it calls."""

    conversation: Conversation
    note: Note
    author: User
    mentioned: tuple[User, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyFailed(DomainEvent):
    """A reply of a person was not sent, or came back; ``message.failure`` says why."""

    conversation: Conversation
    message: Message


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationAssigned(DomainEvent):
    """A conversation was given to somebody by somebody else."""

    conversation: Conversation
    assignee: User
    actor: User
