"""Chats, their messages, and what hangs on them."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import Field

from integrations.values.base import Raw, Value
from integrations.values.people import Person


class Direction(StrEnum):
    """Who wrote a message, seen from the sender account. ``UNKNOWN`` is an answer of its own."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"
    UNKNOWN = "unknown"


class MessageKind(StrEnum):
    """What a message is, apart from its text."""

    MESSAGE = "message"
    #: The note of an invitation, which becomes the first message of the chat once it is accepted.
    INVITATION_NOTE = "invitation_note"
    INMAIL = "inmail"
    INMAIL_REPLY = "inmail_reply"
    INMAIL_ACCEPT = "inmail_accept"
    INMAIL_DECLINE = "inmail_decline"
    #: Advertising that the network puts into the inbox.
    SPONSORED = "sponsored"
    #: A call log, a member that joined, and the like.
    SYSTEM = "system"


class Attachment(Value):
    """A file on a message. ``size`` is in bytes. Its bytes are fetched with
    ``SyncsMessages.open_attachment``.
    """

    attachment_id: str
    kind: str = "file"
    name: str = ""
    mime_type: str = ""
    size: int | None = None
    url: str = ""
    unavailable: bool = False
    voice_note: bool = False
    #: E-mail: the name by which the HTML shows it (``cid:``), without angle brackets.
    content_id: str = ""


class OutgoingAttachment(Value):
    """A file to send with a message."""

    name: str
    mime_type: str
    content: bytes = Field(repr=False)


class Reaction(Value):
    """An emoji on a message and who put it there."""

    value: str
    sender_provider_id: str = ""
    is_own: bool | None = None


class Chat(Value):
    """A conversation at the provider. ``counterpart_id`` is set for one-to-one chats where it is known."""

    chat_id: str
    account_id: str
    provider_chat_id: str = ""
    counterpart_id: str = ""
    name: str = ""
    is_group: bool | None = None
    subject: str = ""
    content_type: str = ""
    folders: tuple[str, ...] = ()
    unread_count: int = 0
    read_only: bool = False
    last_activity_at: datetime | None = None
    raw: Raw = Field(default_factory=dict, repr=False)


class ChatMessage(Value):
    """A message as the provider's store has it."""

    message_id: str
    account_id: str
    provider_message_id: str = ""
    chat_id: str = ""
    provider_chat_id: str = ""
    sender: Person = Person()
    direction: Direction = Direction.UNKNOWN
    #: The vendor's own direction flag as text, ``""`` if there was none (mission P6).
    raw_direction: str = ""
    #: Which rule settled the direction, for diagnostics.
    direction_rule: str = ""
    text: str = ""
    subject: str = ""
    kind: MessageKind = MessageKind.MESSAGE
    raw_kind: str = ""
    sent_at: datetime
    seen: bool = False
    delivered: bool = False
    edited: bool = False
    deleted: bool = False
    hidden: bool = False
    attachments: tuple[Attachment, ...] = ()
    reactions: tuple[Reaction, ...] = ()
    raw: Raw = Field(default_factory=dict, repr=False)

    @property
    def is_human(self) -> bool:
        """Whether a person wrote it: not a system line, an advertisement or an InMail button."""
        return self.kind not in NOT_HUMAN

    @property
    def ids(self) -> frozenset[str]:
        """Both ids of the message, without blanks."""
        return frozenset(part for part in (self.message_id, self.provider_message_id) if part)


NOT_HUMAN = frozenset(
    {MessageKind.SYSTEM, MessageKind.SPONSORED, MessageKind.INMAIL_ACCEPT, MessageKind.INMAIL_DECLINE}
)
"""Kinds of messages that are no reply by a person."""
