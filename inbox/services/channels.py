"""Ways to one person: the senders of their client, on the channels on which the person can be reached.

Each way is a thread of its own, for an answer must know whom it leaves from; nobody answers from another client's
sender, and somebody whom the person does not know only writes after the writer has said so.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from campaigns.identity import is_member_id
from campaigns.models import LeadChannel
from campaigns.services import suppression
from inbox.models import Conversation
from inbox.services import threads
from integrations.models import SenderAccount
from integrations.models.connections import Channel
from integrations.services.holds import Hold
from integrations.services.senders import sendable
from integrations.values import Person
from project.core.clock import now
from project.core.refusals import Invalid, Refused


class SenderRefused(Invalid):
    """This person cannot be answered from that account; the message says why. Nothing was sent."""

    default_code = "SENDER_REFUSED"


class SenderUnconfirmed(Refused):
    """The person knows another sender: the writer has to say that this one is meant."""

    default_code = "CONFIRM_SENDER"


@dataclass(frozen=True, slots=True)
class Way:
    """One sender by which a person can be answered, and where: the address, as people read it."""

    sender: SenderAccount
    to: str
    #: Whether it is the one that the open thread leaves from.
    is_own: bool
    #: Why nothing can leave by it now, empty if it can.
    off: str = ""


#: What a reply is on each channel.
ACTIONS = {"linkedin": "message", "email": "email", "sms": "sms"}


def ways(conversation: Conversation) -> list[Way]:
    """All ways to the person of a conversation, its own first. Reads ``lead`` with ``channels``."""
    own = conversation.sender
    found = [Way(own, conversation.answers_to, is_own=True, off=_off(own))]
    lead = conversation.lead
    if lead is None:
        return found
    addresses = _addresses(list(lead.channels.all()))
    senders = (
        SenderAccount.objects.filter(client_id=conversation.client_id, channel__in=addresses)
        .exclude(id=own.id)
        .exclude(status=SenderAccount.Status.DELETED)
        .select_related("connection")
        .order_by("channel", "name", "id")[:20]
    )
    others = (Way(row, addresses[row.channel].normalized, is_own=False, off=_off(row)) for row in senders)
    return [*found, *others]


def _addresses(rows: list[LeadChannel]) -> dict[str, LeadChannel]:
    """The first address of each channel that has not bounced."""
    found: dict[str, LeadChannel] = {}
    for row in sorted(rows, key=lambda row: (row.bounced_at is not None, row.created_at, row.id)):
        found.setdefault(row.kind, row)
    return found


def _off(sender: SenderAccount) -> str:
    hold = sendable(sender, ACTIONS[sender.channel], now())
    return hold.reason if hold is not None else ""


def forbidden(conversation: Conversation) -> Hold | None:
    """Why this person must not be written to on the conversation's channel, if so: known before anything is sent.

    Reads ``lead`` with ``channels``.
    """
    found = suppression.suppression_of_person(
        client_id=conversation.client_id,
        channel=conversation.channel,
        addresses=list(conversation.lead.channels.all()) if conversation.lead is not None else [],
        value=conversation.answers_to,
    )
    return suppression.hold_of(found) if found is not None else None


def thread_for(
    conversation: Conversation, sender_id: UUID | None, *, confirmed: bool, subject: str = ""
) -> Conversation:
    """Return the locked thread that a reply goes into: this one, or that of another sender with the same person.

    ``subject`` is of the e-mail that begins a thread. The caller holds both senders' locks. Raises ``SenderRefused``
    and ``SenderUnconfirmed``.
    """
    if sender_id is None or sender_id == conversation.sender_id:
        return conversation
    sender = SenderAccount.objects.filter(id=sender_id).select_related("connection").first()
    if sender is None or sender.client_id != conversation.client_id:
        raise SenderRefused(
            f"That account does not belong to {conversation.client.name}. Nothing was sent.",
            field="sender_id",
        )
    if conversation.lead is None:
        raise SenderRefused(
            "Say first who this is: other ways to a person are known from their lead. Nothing was sent.",
            field="sender_id",
        )
    address = _addresses(list(conversation.lead.channels.all())).get(sender.channel)
    if address is None:
        raise SenderRefused(
            f"{conversation.title} has no address that {sender.name} can write to. Nothing was sent.",
            field="sender_id",
        )
    if not confirmed:
        raise SenderUnconfirmed(
            f"{conversation.title} knows {_named(conversation.sender)}; this would leave from {_named(sender)}. "
            "Confirm that you mean it. Nothing was sent.",
            sender_id=str(sender.id),
        )
    return _thread_with(conversation, sender, address, " ".join(subject.split()))


def _named(sender: SenderAccount) -> str:
    """An account as people tell it from others: one person may have several of the same name."""
    return f"{sender.name} ({Channel(sender.channel).label})"


def _thread_with(
    conversation: Conversation, sender: SenderAccount, address: LeadChannel, subject: str
) -> Conversation:
    there = (
        Conversation.objects.filter(sender=sender, lead_id=conversation.lead_id, merged_into=None)
        .order_by("-last_message_at", "-id")
        .values_list("id", flat=True)
        .first()
    )
    if there is not None:
        return threads.locked(there)
    known_id = address.provider_id or (address.normalized if is_member_id(address.normalized) else "")
    if sender.channel == "linkedin" and not known_id:
        raise SenderRefused(
            f"{sender.name} is not connected with {conversation.title} as far as we know. Nothing was sent.",
            field="sender_id",
        )
    if sender.channel == "email" and not subject:
        raise SenderRefused("A new e-mail needs a subject. Nothing was sent.", field="subject")
    person = Person(
        name=conversation.title,
        provider_id=known_id if sender.channel == "linkedin" else "",
        email=address.normalized if sender.channel == "email" else "",
        phone=address.normalized if sender.channel == "sms" else "",
    )
    made = threads.find_or_create(
        sender=sender,
        chat_id="",
        provider_chat_id="",
        counterpart=person,
        lead=conversation.lead,
        occurred_at=now(),
        subject=subject,
    )
    return threads.locked(made.id)
