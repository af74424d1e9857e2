"""What is handed to a provider to send, and what became of it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import Field

from integrations.values.base import Raw, Value
from integrations.values.messages import OutgoingAttachment


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
