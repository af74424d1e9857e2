"""Domain events of the inbox; reporting listens."""

from __future__ import annotations

from dataclasses import dataclass

from inbox.models import Conversation, Message
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
