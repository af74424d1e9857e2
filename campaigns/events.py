"""Domain events of campaigns; inbox and reporting listen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from campaigns.models import Brake, Enrollment, Lead, LeadMerge, ReplyReading, Unsubscribe
from integrations.events import MessageEvent
from integrations.models import OutboundMessage, SenderAccount
from project.core.events import DomainEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageMatched(DomainEvent):
    """A fact about a message, after the lead was looked for and the enrollment has reacted to it.

    ``outcome`` collects a plain sentence per room; ``lead``, ``enrollment`` and ``outbound`` are ``None`` where
    nobody or nothing was found.
    """

    event: MessageEvent
    event_id: UUID
    sender: SenderAccount
    source: str
    outcome: dict[str, str]
    lead: Lead | None
    enrollment: Enrollment | None
    outbound: OutboundMessage | None
    #: Provider-run campaigns: the step that sent it, from 1, and its node; of a reply, the one that it answers.
    step_number: int | None = None
    node_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrollmentFact(DomainEvent):
    """Base of the countable facts about one enrollment. ``key`` is the same however the fact was learnt."""

    enrollment: Enrollment
    occurred_at: datetime
    key: str
    node_id: str = ""
    #: Who wrote, or was written to; ``None`` where no single sender is meant.
    sender_id: UUID | None = None
    #: The message that it is about: that left, was reported on, or is answered; ``None`` where none of ours is known.
    outbound: OutboundMessage | None = None
    #: Where it happened, if that is not the message's channel.
    channel: str = ""
    #: Replies: seconds since the message that is answered left.
    seconds: int | None = None


class LeadEnrolled(EnrollmentFact):
    """A lead entered a campaign."""


class LeadInvited(EnrollmentFact):
    """An invitation left."""


class LeadConnected(EnrollmentFact):
    """The lead accepted the invitation (or a reply proved it)."""


class LeadMessaged(EnrollmentFact):
    """A message of the sequence left."""


class LeadReplied(EnrollmentFact):
    """The lead answered: a human reply, not an out-of-office note."""


class LeadAway(EnrollmentFact):
    """A note of absence came back: no reply, and shown as what was not counted as one."""


class MeetingAgreed(EnrollmentFact):
    """A meeting with the lead was agreed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeetingTakenBack(DomainEvent):
    """A meeting was marked by mistake: what ``MeetingAgreed`` with this ``key`` told has not happened."""

    enrollment: Enrollment
    key: str


class EnrollmentEnded(EnrollmentFact):
    """The enrollment ended; its reason is on the row."""


class LeadEmailed(EnrollmentFact):
    """An e-mail of the sequence left."""


class LeadTexted(EnrollmentFact):
    """A text message of the sequence left."""


class LeadDelivered(EnrollmentFact):
    """An e-mail or text reached the other side's server or device."""


class LeadOpened(EnrollmentFact):
    """An e-mail was opened by a person, as far as one can tell. The first time counts."""


class LeadOpenedByMachine(EnrollmentFact):
    """A privacy proxy or scanner loaded an e-mail's pictures: shown, never counted as an opening."""


class LeadClicked(EnrollmentFact):
    """A link was followed by a person, as far as one can tell. The first time counts."""


class LeadClickedByMachine(EnrollmentFact):
    """A scanner followed a link."""


class LeadBounced(EnrollmentFact):
    """An e-mail or text came back for good."""


class LeadComplained(EnrollmentFact):
    """An e-mail was marked as spam."""


class LeadUnsubscribed(EnrollmentFact):
    """The lead asked to be left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressUnsubscribed(DomainEvent):
    """An address is not to be written to any more; ``leads`` are those who have it. Published once for each wish."""

    unsubscribe: Unsubscribe
    leads: list[Lead]


@dataclass(frozen=True, slots=True, kw_only=True)
class SendingBraked(DomainEvent):
    """Too much came back: sending through a sender, to a list or to a domain was stopped. An alert."""

    brake: Brake


@dataclass(frozen=True, slots=True, kw_only=True)
class BrakeReleased(DomainEvent):
    """A brake was released by a person, or its time was over (``by_time``)."""

    brake: Brake
    by_time: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyRead(DomainEvent):
    """It is known, or known better, what a reply means; ``answered`` is our message before it, if it was ours."""

    reading: ReplyReading
    answered: OutboundMessage | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DealChanged(DomainEvent):
    """Somebody said what stands with a lead of a client, or that nothing does any more."""

    client_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadsMerged(DomainEvent):
    """Two leads are one person: rows of ``merge.other`` go to ``merge.kept``, and are noted in ``moved``."""

    merge: LeadMerge


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadsParted(DomainEvent):
    """A merge was taken back: what ``moved`` names goes back to ``merge.other``."""

    merge: LeadMerge


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadErased(DomainEvent):
    """Everything that says who a lead is goes, for good; whoever keeps such a thing deletes it."""

    lead: Lead
