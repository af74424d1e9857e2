"""What is written, read and changed in a chat."""

from __future__ import annotations

from typing import Literal

from integrations.events.base import MessageEvent, dedupe_key, text_digest
from integrations.values import NOT_HUMAN, Attachment, Direction, Distance, MessageKind, Person


class MessageReceived(MessageEvent):
    """A message appeared in a chat of the account: theirs, or one of the account's own, however it was sent.

    Only ``is_reply`` messages stop sequences. ``direction`` may be ``unknown``: then a person decides.
    """

    kind: Literal["message_received"] = "message_received"
    #: Who wrote it, seen from the account.
    direction: Direction
    #: The vendor's direction flag as text, ``""`` if there was none.
    raw_direction: str = ""
    #: Which rule settled the direction: ``is_sender``, ``user_id``, ``self_distance``, ``known_own``,
    #: ``lookup``, ``none``; of e-mail ``address``, ``own_address``, ``sent_folder``.
    direction_rule: str = ""
    #: Who wrote it.
    sender: Person = Person()
    #: The other side of a one-to-one chat; ``None`` in groups and where it cannot be told.
    counterpart: Person | None = None
    #: Everybody named in the payload, the sender included.
    participants: tuple[Person, ...] = ()
    #: Plain text; ``""`` for attachments only.
    text: str = ""
    subject: str = ""
    #: What kind of message it is apart from its text.
    message_kind: MessageKind = MessageKind.MESSAGE
    #: The vendor's own message and content type.
    raw_message_kind: str = ""
    is_group: bool = False
    attachments: tuple[Attachment, ...] = ()
    #: ``classic``, ``sales_navigator``, ``recruiter``: the inbox it came from, ``""`` if not said.
    feature: str = ""
    #: E-mail: the HTML part as received, hostile until sanitised. ``text`` is then the new text without quotes.
    html: str = ""
    #: E-mail: the whole plain text, quoted parts included; ``""`` where it equals ``text``.
    full_text: str = ""
    #: E-mail: the RFC 5322 ids that it answers, oldest first.
    references: tuple[str, ...] = ()
    #: E-mail: written by a machine (RFC 3834 headers): out of office, ticket systems. Never a reply.
    is_automatic: bool = False
    #: E-mail: who else it was written to, in To or in copy, as addresses; without us and whom it is between.
    copied_to: tuple[str, ...] = ()

    @property
    def is_reply(self) -> bool:
        """Whether the other side wrote it. An out-of-office note is one too: its reader tells it apart."""
        return self.direction is Direction.INBOUND and self.message_kind not in NOT_HUMAN

    @property
    def implies_connection(self) -> bool:
        """Whether it proves that the invitation was accepted.

        An invitation's note becomes a message only on acceptance, and somebody at first degree who writes is
        connected even if the relation's own event comes hours later (docs/providers/unipile.md, section 7).
        """
        if self.direction is Direction.OUTBOUND:
            return self.message_kind is MessageKind.INVITATION_NOTE
        return (
            self.direction is Direction.INBOUND
            and not self.is_group
            and self.message_kind is MessageKind.MESSAGE
            and self.sender.distance is Distance.FIRST
        )

    @property
    def dedupe_key(self) -> str:
        """Account and message. Not the direction: it may be settled later."""
        return dedupe_key(self.kind, self.account_id, self.message_ref)


class MessageRead(MessageEvent):
    """The other side read a message."""

    kind: Literal["message_read"] = "message_read"
    #: Who read it; blank ids where the provider does not say.
    reader: Person = Person()

    @property
    def dedupe_key(self) -> str:
        """Account and message, under the receipt's own name. In a group the first reader counts."""
        return dedupe_key(self.kind, self.account_id, self.message_ref)


class MessageDelivered(MessageEvent):
    """A message reached the other side's device."""

    kind: Literal["message_delivered"] = "message_delivered"

    @property
    def dedupe_key(self) -> str:
        """Account and message, under the receipt's own name."""
        return dedupe_key(self.kind, self.account_id, self.message_ref)


class MessageReaction(MessageEvent):
    """Somebody put an emoji on a message. Not a reply."""

    kind: Literal["message_reaction"] = "message_reaction"
    #: The emoji.
    reaction: str
    #: Who put it there.
    reactor: Person = Person()

    @property
    def dedupe_key(self) -> str:
        """Account, message, person and emoji."""
        return dedupe_key(
            self.kind, self.account_id, self.message_ref, self.reactor.provider_id, self.reaction
        )


class MessageEdited(MessageEvent):
    """A message's text was changed."""

    kind: Literal["message_edited"] = "message_edited"
    #: The text as it is now.
    text: str

    @property
    def dedupe_key(self) -> str:
        """Account, message and a digest of the new text: each edit is a fact of its own."""
        return dedupe_key(self.kind, self.account_id, self.message_ref, text_digest(self.text))


class MessageDeleted(MessageEvent):
    """A message was taken back."""

    kind: Literal["message_deleted"] = "message_deleted"

    @property
    def dedupe_key(self) -> str:
        """Account and message, under the event's own name."""
        return dedupe_key(self.kind, self.account_id, self.message_ref)
