"""Values that adapters hand out: frozen, vendor-neutral, each with the raw payload it was read from.

All times are aware UTC datetimes. Ids are the provider's strings, case kept (LinkedIn member ids are
case-sensitive). Where a vendor has two ids for a message, ``message_id`` is the provider's own and
``provider_message_id`` the network's; the second is the one that is stable between webhook and poll.
No Django imports.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

Raw = dict[str, Any]
"""A provider's JSON object as it was received."""

T = TypeVar("T")


class Value(BaseModel):
    """Base of all values: immutable, unknown fields refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class AccountStatus(StrEnum):
    """Whether a sender account can work."""

    OK = "ok"
    CONNECTING = "connecting"
    #: Signed out, or the network asks for a check: its owner has to sign in again.
    CREDENTIALS = "credentials"
    PERMISSIONS = "permissions"
    RESTRICTED = "restricted"
    STOPPED = "stopped"
    ERROR = "error"
    DELETED = "deleted"
    #: A status that is not in our table; the raw value is kept beside it.
    UNKNOWN = "unknown"


class Direction(StrEnum):
    """Who wrote a message, seen from the sender account. ``UNKNOWN`` is an answer of its own."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"
    UNKNOWN = "unknown"


class Distance(StrEnum):
    """How far a person is from the sender account in the network."""

    SELF = "self"
    FIRST = "first"
    SECOND = "second"
    THIRD = "third"
    OUT_OF_NETWORK = "out_of_network"
    UNKNOWN = "unknown"


class InvitationState(StrEnum):
    """What a profile says about an invitation between it and the account."""

    NONE = "none"
    SENT_PENDING = "sent_pending"
    SENT_IGNORED = "sent_ignored"
    SENT_WITHDRAWN = "sent_withdrawn"
    RECEIVED = "received"
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


class AccountSource(Value):
    """One part of an account (messaging, calendar, ...) with its own status."""

    source_id: str
    status: AccountStatus
    raw_status: str


class Account(Value):
    """A sender account at the provider.

    ``own_user_ids`` are the account's own ids on the network, with which its messages are told from others'.
    ``status`` is the worst of all ``sources``.
    """

    account_id: str
    network: str
    name: str
    status: AccountStatus
    raw_status: str
    own_user_ids: tuple[str, ...] = ()
    public_identifier: str = ""
    login: str = Field(default="", repr=False)
    premium_features: tuple[str, ...] = ()
    sources: tuple[AccountSource, ...] = ()
    created_at: datetime | None = None
    #: What the other side sees: e-mail address or telephone number (E.164); ``""`` where neither applies.
    address: str = ""
    #: What only this provider knows about the account, such as ``messaging_service_sid``; no secrets.
    options: dict[str, str] = Field(default_factory=dict)
    raw: Raw = Field(default_factory=dict, repr=False)


class Person(Value):
    """A person as seen in a message, a chat or an event."""

    provider_id: str = ""
    name: str = ""
    public_identifier: str = ""
    member_urn: str = ""
    profile_url: str = ""
    headline: str = ""
    distance: Distance = Distance.UNKNOWN
    is_self: bool | None = None
    #: Lower-case e-mail address, where the channel is e-mail.
    email: str = ""
    #: E.164 telephone number, where the channel is SMS.
    phone: str = ""


class Profile(Value):
    """A person's profile as one account sees it. ``is_connected`` is ``None`` where it does not say."""

    provider_id: str
    public_identifier: str = ""
    member_urn: str = ""
    first_name: str = ""
    last_name: str = ""
    headline: str = ""
    location: str = ""
    company: str = ""
    position: str = ""
    emails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    profile_url: str = ""
    distance: Distance = Distance.UNKNOWN
    raw_distance: str = ""
    is_connected: bool | None = None
    is_self: bool | None = None
    invitation: InvitationState = InvitationState.UNKNOWN
    raw: Raw = Field(default_factory=dict, repr=False)


class Relation(Value):
    """A first-degree connection of an account."""

    provider_id: str
    public_identifier: str = ""
    member_urn: str = ""
    first_name: str = ""
    last_name: str = ""
    headline: str = ""
    profile_url: str = ""
    connected_at: datetime | None = None
    raw: Raw = Field(default_factory=dict, repr=False)


class SentInvitation(Value):
    """An invitation that is still pending. Accepted, declined and withdrawn ones are not listed by the
    network.
    """

    invitation_id: str
    provider_id: str = ""
    public_identifier: str = ""
    name: str = ""
    #: Approximate: computed by the provider from display text such as "3 days ago".
    sent_at: datetime | None = None
    text: str = ""
    raw: Raw = Field(default_factory=dict, repr=False)


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


class SendReceipt(Value):
    """What the provider said about an accepted send. Any id may be missing: vendors answer ``null``.

    ``usage_percent`` is how much of the account's allowance is used, where the provider says so.
    """

    message_id: str = ""
    provider_message_id: str = ""
    chat_id: str = ""
    provider_chat_id: str = ""
    invitation_id: str = ""
    usage_percent: float | None = None
    raw: Raw = Field(default_factory=dict, repr=False)


class Page(Value, Generic[T]):
    """One page of a list. ``cursor`` is opaque; ``None`` means that there is no further page.

    ``note`` says why there is nothing where the provider has no such list (mission P5); it is no error.
    """

    items: tuple[T, ...]
    cursor: str | None = None
    note: str = ""


class ConnectLink(Value):
    """A one-time address where the owner of an account signs in. Mint on click: it dies early."""

    url: str
    expires_at: datetime


class ConnectNotice(Value):
    """What the provider reports after a connect link was used. Re-read the account before trusting it."""

    succeeded: bool
    reconnected: bool
    account_id: str
    #: The nonce that we gave when the link was made.
    reference: str
    raw_status: str


class CredentialCheck(Value):
    """The result of "Test connection": what works and what is lacking, in plain sentences."""

    ok: bool
    works: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    accounts: tuple[Account, ...] = ()


class SendAction(StrEnum):
    """What an outbox row asks for."""

    INVITE = "invite"
    MESSAGE = "message"
    INMAIL = "inmail"
    PROFILE_VIEW = "profile_view"
    EMAIL = "email"
    SMS = "sms"


class OutgoingEmail(Value):
    """One e-mail to one person (and copies to others), complete: an adapter adds nothing but its own envelope.

    ``send_id`` is our outbox row's id: vendors echo it in their events, and it may be seen by their staff, so
    it is opaque. ``message_id`` is the RFC 5322 id with angle brackets; ``references`` run from the root of
    the thread to ``in_reply_to``.
    """

    send_id: str
    message_id: str
    from_email: str
    from_name: str = ""
    reply_to: str = ""
    to_email: str
    to_name: str = ""
    #: Others who get it, as addresses: seen by everybody, and seen by nobody.
    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()
    subject: str
    text: str
    #: ``""`` sends plain text only.
    html: str = ""
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    #: Further headers, such as ``List-Unsubscribe``.
    headers: dict[str, str] = Field(default_factory=dict)
    attachments: tuple[OutgoingAttachment, ...] = ()
    #: Opaque words for the vendor's own statistics.
    tags: tuple[str, ...] = ()
    track_opens: bool = False
    track_clicks: bool = False
    #: The vendor's pool of addresses to send from, ``""`` for its default.
    ip_pool: str = ""


class OutgoingSms(Value):
    """One text message to one telephone number (E.164). ``status_callback`` is where the vendor reports.

    ``from_number`` and ``messaging_service_sid``: the vendor picks the number where only the second is given.
    """

    send_id: str
    to: str
    text: str
    from_number: str = ""
    messaging_service_sid: str = ""
    status_callback: str = ""


class SenderIdentity(Value):
    """An address that the vendor may send from, and whether its owner has proven it."""

    identity_id: str
    address: str
    name: str = ""
    reply_to: str = ""
    #: ``pending``, ``verified`` or ``failed``.
    status: str
    raw_status: str = ""
    raw: Raw = Field(default_factory=dict, repr=False)


class ProviderSuppression(Value):
    """An address that the vendor itself refuses to write to, and why.

    ``kind`` is ``bounce``, ``block``, ``complaint``, ``invalid`` or ``unsubscribe``.
    """

    address: str
    kind: str
    reason: str = ""
    created_at: datetime | None = None


class AddressVerdict(Value):
    """What is known about an e-mail address before anything is sent to it.

    ``verdict`` is ``valid``, ``risky`` or ``invalid``; ``reasons`` are stable words such as ``syntax``,
    ``no_mx``, ``disposable``, ``role``; ``score`` is between 0 and 1 where the vendor gives one.
    """

    address: str
    verdict: str
    reasons: tuple[str, ...] = ()
    score: float | None = None
    suggestion: str = ""
    raw: Raw = Field(default_factory=dict, repr=False)


class SendIntent(Value):
    """An outbound action whose outcome is not known, described well enough to look for it.

    ``attempted_at`` is when the last attempt began. ``known_message_ids`` are ids of our other messages in
    this chat, so that an earlier message with the same text is not taken for this one.
    """

    action: SendAction
    account_id: str
    attempted_at: datetime
    recipient_provider_id: str = ""
    recipient_public_identifier: str = ""
    chat_id: str = ""
    text: str = ""
    attachment_count: int = 0
    known_message_ids: frozenset[str] = frozenset()
    #: Our outbox row's id and, for e-mail, the RFC 5322 id that the message carries.
    send_id: str = ""
    rfc_message_id: str = ""
    recipient_email: str = ""
    recipient_phone: str = ""


class SettlementOutcome(StrEnum):
    """Whether an uncertain send went out."""

    SENT = "sent"
    NOT_SENT = "not_sent"
    #: The provider cannot say yet; ask again at ``Settlement.retry_at``.
    UNDECIDED = "undecided"


class Settlement(Value):
    """What the provider's own records say about an uncertain send. ``evidence`` is a sentence for the
    timeline. ``answered`` is false where the provider could not be asked: that says nothing about the send.
    """

    outcome: SettlementOutcome
    evidence: str
    receipt: SendReceipt | None = None
    retry_at: datetime | None = None
    answered: bool = True


class WebhookRegistration(Value):
    """A webhook as it is (or should be) registered at the provider. Header values are secrets: not shown."""

    source: str
    url: str
    events: frozenset[str] = frozenset()
    enabled: bool = True
    name: str = ""
    registration_id: str = ""
    headers: dict[str, str] = Field(default_factory=dict, repr=False)
    format: str = "json"
    #: Ids of the accounts it is limited to; empty means all, current and future.
    account_ids: frozenset[str] = frozenset()
    #: Whether payload fields are renamed (Unipile ``data``), which would break parsing.
    renames_fields: bool = False
    #: The public key of its signatures, for vendors that make the key; ``""`` if it does not sign. Stored as the
    #: credential ``<source>_public_key``.
    public_key: str = ""


class WebhookProblem(StrEnum):
    """What is wrong with a registration."""

    MISSING = "missing"
    DUPLICATE = "duplicate"
    WRONG_URL = "wrong_url"
    WRONG_EVENTS = "wrong_events"
    DISABLED = "disabled"
    WRONG_HEADERS = "wrong_headers"
    WRONG_FORMAT = "wrong_format"
    LIMITED_TO_ACCOUNTS = "limited_to_accounts"
    UNNEEDED = "unneeded"


class WebhookFinding(Value):
    """One thing wrong with the registered webhooks, and what mends it.

    ``remove`` are registration ids to delete and ``create`` the registration to make afterwards.
    """

    problem: WebhookProblem
    source: str
    message: str
    remove: tuple[str, ...] = ()
    create: WebhookRegistration | None = None
