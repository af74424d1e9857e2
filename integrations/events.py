"""The vocabulary of normalised provider events: what happened in the outside world, whatever way we heard of
it.

An adapter turns webhooks and polled records into these, and nothing else goes up from ``integrations``. One
fact has one ``dedupe_key``, the same by webhook, poll and history, so that a unique constraint keeps it from
being applied twice. Every event keeps the vendor's raw object and raw words beside the normalised ones
(mission P6).

Adding an event: add a class here with a sentence for each field, add it to ``Event``, and add fixtures for
every adapter that emits it. No Django imports.
"""

from __future__ import annotations

import functools
import hashlib
import re
from datetime import datetime
from typing import Annotated, Any, Final, Literal, get_args
from urllib.parse import quote

from pydantic import Field, TypeAdapter

from integrations.running import CampaignStatus
from integrations.values import (
    NOT_HUMAN,
    AccountStatus,
    Attachment,
    Direction,
    Distance,
    MessageKind,
    Person,
    Raw,
    Value,
)

MAX_KEY_LENGTH: Final = 200
#: What ``quote`` leaves as it is.
_PLAIN: Final = re.compile(r"[A-Za-z0-9_.\-~=+/@ ]*")


@functools.lru_cache(maxsize=4096)  # each event is asked for its key several times
def dedupe_key(*parts: str) -> str:
    """Join ``parts`` into a key of at most 200 characters; longer ones keep the first part and a SHA-256."""
    if not all(map(_PLAIN.fullmatch, parts)):
        parts = tuple(quote(part, safe="-_.~=+/@ ") for part in parts)
    key = ":".join(parts)
    if len(key) <= MAX_KEY_LENGTH:
        return key
    return f"{parts[0]}:sha256:{hashlib.sha256(key.encode()).hexdigest()}"


def text_digest(text: str) -> str:
    """Return a short stable digest of ``text`` for use in keys."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class BaseEvent(Value):
    """What every event has."""

    #: Registry kind of the provider, e.g. ``unipile``.
    provider: str
    #: The sender account's id at the provider: decides the organization, never "the latest account".
    account_id: str
    #: When it happened, as far as known; see ``time_is_exact``.
    occurred_at: datetime
    #: False where the provider gave no time and ``occurred_at`` is the time of receipt.
    time_is_exact: bool = True
    #: The vendor's own name of the event (webhook) or record (poll).
    raw_type: str = ""
    #: The object it was read from.
    raw: Raw = Field(default_factory=dict, repr=False)


class MessageEvent(BaseEvent):
    """What every event about a message has: the message's ids and its chat's."""

    #: The provider's own id of the message. May differ between webhook and poll.
    message_id: str = ""
    #: The network's id of the message: the same by webhook and poll.
    provider_message_id: str = ""
    #: The provider's id of the chat.
    chat_id: str = ""
    #: The network's id of the chat (thread).
    provider_chat_id: str = ""
    #: Our outbox row's id, where the provider gives back what we sent along.
    send_id: str = ""
    #: Of a provider-run campaign: its id, the person's id and the step, as far as the provider says. A reply has the
    #: number of the step that it answers.
    campaign_id: str = ""
    lead_id: str = ""
    sequence_step_number: int | None = None

    @property
    def message_ref(self) -> str:
        """What keys are made of: the network's id, else the provider's, else our own, with a prefix."""
        if not self.provider_message_id and not self.message_id and self.send_id:
            return f"s.{self.send_id}"
        return self.provider_message_id or f"m.{self.message_id}"

    @property
    def message_ids(self) -> frozenset[str]:
        """Both ids without blanks: match stored messages by either."""
        return frozenset(part for part in (self.message_id, self.provider_message_id) if part)


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


class MessageOpened(MessageEvent):
    """Somebody, or something, loaded an e-mail's pictures."""

    kind: Literal["message_opened"] = "message_opened"
    #: Flagged as a privacy proxy or scanner: shown, and fires nothing (plan rule 5).
    is_machine: bool = False
    user_agent: str = ""
    #: The vendor's id of this one opening, for vendors that give one.
    vendor_event_id: str = ""

    @property
    def dedupe_key(self) -> str:
        """The vendor's id, else account, message and second: each opening is a fact of its own."""
        ref = self.vendor_event_id or str(int(self.occurred_at.timestamp()))
        return dedupe_key(self.kind, self.account_id, self.message_ref, ref)


class LinkClicked(MessageEvent):
    """Somebody, or a scanner, followed a link of a message."""

    kind: Literal["link_clicked"] = "link_clicked"
    url: str
    is_machine: bool = False
    user_agent: str = ""
    vendor_event_id: str = ""

    @property
    def dedupe_key(self) -> str:
        """The vendor's id, else account, message, link and second."""
        ref = self.vendor_event_id or f"{text_digest(self.url)}.{int(self.occurred_at.timestamp())}"
        return dedupe_key(self.kind, self.account_id, self.message_ref, ref)


class MessageBounced(MessageEvent):
    """A message came back, or is on its way back. ``is_permanent`` is false for soft bounces and deferrals."""

    kind: Literal["message_bounced"] = "message_bounced"
    is_permanent: bool
    #: Stable word: ``invalid_address``, ``mailbox``, ``content``, ``reputation``, ``frequency``,
    #: ``technical``, ``deferred``, ``unclassified``.
    category: str = "unclassified"
    #: The recipient's address as the provider says it, lower case.
    recipient: str = ""
    #: The enhanced status code (``5.1.1``) or the vendor's error number, ``""`` if none.
    code: str = ""
    reason: str = ""
    vendor_event_id: str = ""

    @property
    def dedupe_key(self) -> str:
        """A permanent bounce is one fact for each message and recipient (a copy may come back too); each deferral is
        one of its own.
        """
        return dedupe_key(*self._key_parts(), self.recipient)

    @property
    def former_key(self) -> str:
        """The key of before copies were facts of their own. What was kept under it is the same fact only if its
        recipient is the same.
        """
        return dedupe_key(*self._key_parts())

    def _key_parts(self) -> tuple[str, ...]:
        ref = self.vendor_event_id or str(int(self.occurred_at.timestamp()))
        return self.kind, self.account_id, self.message_ref, "permanent" if self.is_permanent else ref


class MessageFailed(MessageEvent):
    """The provider took a message and then did not send it (dropped, undelivered, failed)."""

    kind: Literal["message_failed"] = "message_failed"
    recipient: str = ""
    code: str = ""
    reason: str = ""
    #: Why, as a stable word: ``suppressed``, ``invalid_address``, ``content``, ``blocked``, ``unclassified``.
    category: str = "unclassified"

    @property
    def dedupe_key(self) -> str:
        """Account and message."""
        return dedupe_key(self.kind, self.account_id, self.message_ref)


class SpamComplained(MessageEvent):
    """The recipient marked a message as unwanted."""

    kind: Literal["spam_complained"] = "spam_complained"
    recipient: str = ""

    @property
    def dedupe_key(self) -> str:
        """Account and message."""
        return dedupe_key(self.kind, self.account_id, self.message_ref, self.recipient)


class Unsubscribed(MessageEvent):
    """The recipient asked the provider not to be written to any more (list header, SMS STOP word)."""

    kind: Literal["unsubscribed"] = "unsubscribed"
    #: The address or number that is out.
    recipient: str
    #: How: ``link``, ``one_click``, ``keyword``, ``provider``, ``mail``. The last one is a mail to the list's
    #: address: ``raw["token"]`` is what it carried, for whoever minted it to check.
    how: str = "provider"

    @property
    def dedupe_key(self) -> str:
        """Account, address and instant: who came back may leave again."""
        return dedupe_key(self.kind, self.account_id, self.recipient, self.occurred_at.isoformat())


class InvitationSent(BaseEvent):
    """The provider has invited a person by itself, for a campaign that it runs."""

    kind: Literal["invitation_sent"] = "invitation_sent"
    person: Person
    #: The note, ``""`` for none.
    text: str = ""
    campaign_id: str = ""
    sequence_step_number: int | None = None

    @property
    def dedupe_key(self) -> str:
        """Account, campaign and person: a campaign invites a person once."""
        who = self.person.provider_id or f"p.{self.person.public_identifier}"
        return dedupe_key(self.kind, self.account_id, self.campaign_id, who)


class LeadCategorised(BaseEvent):
    """Somebody, or the provider's own reading, has sorted a person's answer (interested, not now, a tag)."""

    kind: Literal["lead_categorised"] = "lead_categorised"
    person: Person
    #: The word as the provider has it; several tags are separated by commas.
    category: str
    category_id: str = ""
    #: ``positive``, ``negative`` or ``""``, where the provider says so.
    sentiment: str = ""
    campaign_id: str = ""
    lead_id: str = ""

    @property
    def dedupe_key(self) -> str:
        """Campaign, person, category and instant: categories may change to and fro."""
        who = self.lead_id or self.person.email or self.person.provider_id
        instant = self.occurred_at.isoformat()
        return dedupe_key(self.kind, self.campaign_id, who, self.category_id or self.category, instant)


class CampaignStatusChanged(BaseEvent):
    """The provider says how a campaign of its own running is."""

    kind: Literal["campaign_status"] = "campaign_status"
    campaign_id: str
    status: CampaignStatus
    #: The vendor's word.
    raw_status: str

    @property
    def dedupe_key(self) -> str:
        """Campaign, status and instant."""
        return dedupe_key(self.kind, self.campaign_id, self.raw_status, self.occurred_at.isoformat())


class RelationCreated(BaseEvent):
    """The account and a person are connected now, whoever invited. Comes up to 8 hours late by webhook."""

    kind: Literal["relation_created"] = "relation_created"
    #: The new connection. Match by ``provider_id``, then ``public_identifier``.
    person: Person

    @property
    def dedupe_key(self) -> str:
        """Account and person: providers tell it again after a reconnect, and polls tell it too."""
        return dedupe_key(
            self.kind, self.account_id, self.person.provider_id or f"p.{self.person.public_identifier}"
        )


class AccountStatusChanged(BaseEvent):
    """The provider says how an account is. Applying it twice is harmless, and the same status may come again
    later and mean something, so that the time is part of the key.
    """

    kind: Literal["account_status"] = "account_status"
    #: The normalised status; ``None`` for news that changes no status (see ``raw_status``).
    status: AccountStatus | None
    #: The vendor's word, e.g. ``CREDENTIALS``, ``SYNC_SUCCESS``.
    raw_status: str

    @property
    def dedupe_key(self) -> str:
        """Account, status and time of receipt."""
        return dedupe_key(self.kind, self.account_id, self.raw_status, self.occurred_at.isoformat())


Event = Annotated[
    MessageReceived
    | MessageRead
    | MessageDelivered
    | MessageReaction
    | MessageEdited
    | MessageDeleted
    | MessageOpened
    | LinkClicked
    | MessageBounced
    | MessageFailed
    | SpamComplained
    | Unsubscribed
    | InvitationSent
    | LeadCategorised
    | CampaignStatusChanged
    | RelationCreated
    | AccountStatusChanged,
    Field(discriminator="kind"),
]
"""Any normalised event, told apart by ``kind``."""

KINDS: Final[frozenset[str]] = frozenset(
    event.model_fields["kind"].default for event in get_args(get_args(Event)[0])
)
"""The names of all events."""

_EVENT: Final[TypeAdapter[Any]] = TypeAdapter(Event)


def to_json(event: BaseEvent) -> dict[str, Any]:
    """Return ``event`` as JSON types, for the ledger."""
    return event.model_dump(mode="json")


def from_json(data: dict[str, Any]) -> Event:
    """Rebuild an event from ``to_json``. Raises ``pydantic.ValidationError``."""
    event: Event = _EVENT.validate_python(data)
    return event


class Normalised(Value):
    """What one inbound call or record comes to: events, or a reason why there are none."""

    events: tuple[Event, ...] = ()
    #: Why nothing is to be done, in plain words; ``""`` if there are events.
    ignored: str = ""
    #: Whether nothing is to be done because it is of no shape that we know: the provider may have changed something.
    is_strange: bool = False
