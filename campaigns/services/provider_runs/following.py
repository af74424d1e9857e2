"""How the people of a provider-run campaign follow what the provider tells: sent, answered, bounced, accepted.

Everything here runs in the transaction of the fact, under its sender's lock (``campaigns.services.reactions``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from campaigns.events import (
    EnrollmentFact,
    LeadBounced,
    LeadClicked,
    LeadClickedByMachine,
    LeadEmailed,
    LeadInvited,
    LeadMessaged,
    LeadOpened,
    LeadOpenedByMachine,
)
from campaigns.models import CampaignMirror, Enrollment, EnrollmentMirror, EnrollmentSender
from campaigns.plans import followed
from campaigns.plans.state import Event, from_json
from campaigns.services import enrollments
from campaigns.services.planning import plan_of
from campaigns.services.provider_runs import mirroring, mirrors, people
from campaigns.services.provider_runs.sequence import Linear, of_version
from integrations.domain_events import ProviderEventRecorded
from integrations.events import (
    BaseEvent,
    CampaignStatusChanged,
    InvitationSent,
    LeadCategorised,
    LinkClicked,
    MessageBounced,
    MessageEvent,
    MessageOpened,
    MessageReceived,
    Unsubscribed,
)
from integrations.models import SenderAccount
from integrations.outreach.steps import attribute
from integrations.running import LeadStatus, ProviderMessage, StepAction
from integrations.values import Direction, Person
from project.core.clock import now
from project.core.events import publish

_LEFT: Final[dict[StepAction, type[EnrollmentFact]]] = {
    StepAction.EMAIL: LeadEmailed,
    StepAction.INVITE: LeadInvited,
    StepAction.MESSAGE: LeadMessaged,
    StepAction.INMAIL: LeadMessaged,
}


@dataclass(slots=True)
class Followed:
    """Somebody in a provider-run campaign, as an event names them, and the step that it is about."""

    mirror: CampaignMirror
    row: EnrollmentMirror
    enrollment: Enrollment
    linear: Linear
    step: int | None = None

    @property
    def node_id(self) -> str:
        """The plan's node of the step."""
        return self.linear.node_of(self.step)


def find(sender: SenderAccount, event: BaseEvent) -> Followed | None:
    """Whom of which provider-run campaign an event is about, ``None`` if of none of ours."""
    campaign_id = getattr(event, "campaign_id", "")
    if not campaign_id:
        return None
    mirror = (
        CampaignMirror.objects.filter(connection_id=sender.connection_id, provider_campaign_id=campaign_id)
        .select_related("campaign", "connection")
        .first()
    )
    if mirror is None:
        return None
    row = mirroring.find_person(mirror, lead_id=getattr(event, "lead_id", ""), keys=_keys(event))
    if row is None:
        return None
    enrollment = enrollments.locked(row.enrollment_id)
    found = Followed(mirror, row, enrollment, of_version(enrollment.plan_version_id))
    if isinstance(event, MessageEvent):
        found.step = _step_of(found, event)
    if isinstance(event, MessageEvent | InvitationSent):
        _learn(found, sender, getattr(event, "lead_id", ""))
    return found


def sender_of(connection_id: UUID, event: BaseEvent) -> SenderAccount | None:
    """Whose a fact is that names no account: of whoever writes to the person, else of a sender of the campaign."""
    campaign_id = getattr(event, "campaign_id", "")
    if not campaign_id:
        return None
    mirror = CampaignMirror.objects.filter(
        connection_id=connection_id, provider_campaign_id=campaign_id
    ).first()
    if mirror is None:
        return None
    rows = SenderAccount.objects.select_related("connection").filter(connection_id=connection_id)
    row = mirroring.find_person(mirror, lead_id=getattr(event, "lead_id", ""), keys=_keys(event))
    found: SenderAccount | None = None
    if row is not None:
        writes = rows.filter(enrollment_links__enrollment_id=row.enrollment_id)
        found = writes.order_by("enrollment_links__assigned_at", "id").first()
    if found is None:
        found = rows.filter(campaign_links__campaign_id=mirror.campaign_id).order_by("id").first()
    return found


def _keys(event: BaseEvent) -> tuple[str, ...]:
    """By what the person of an event may have been handed over."""
    people_named: list[Person] = []
    for name in ("counterpart", "sender", "person"):
        person = getattr(event, name, None)
        if isinstance(person, Person) and not person.is_self:
            people_named.append(person)
    found = [str(getattr(event, "recipient", "")).lower()]
    for person in people_named:
        found += [person.email.lower(), person.profile_url.rstrip("/").lower()]
        if person.public_identifier:
            found.append(f"https://www.linkedin.com/in/{person.public_identifier}".lower())
    return tuple(filter(None, found))


def _step_of(found: Followed, event: MessageEvent) -> int | None:
    """The step that the provider names; else the one whose wording fits, and for answers the last that left."""
    if event.sequence_step_number is not None:
        return event.sequence_step_number
    if not isinstance(event, MessageReceived):
        return None
    if event.direction is Direction.INBOUND:
        return found.row.step_number or None
    message = ProviderMessage(
        direction=event.direction, text=event.text or event.full_text, sent_at=event.occurred_at
    )
    (told,) = attribute([message], found.linear.steps)
    return told.sequence_step_number


def _learn(found: Followed, sender: SenderAccount, lead_id: str) -> None:
    """Keep the provider's id of the person, and who writes to them."""
    if lead_id and not found.row.provider_lead_id:
        EnrollmentMirror.objects.filter(id=found.row.id).update(provider_lead_id=lead_id)
    EnrollmentSender.objects.get_or_create(
        enrollment=found.enrollment,
        channel=sender.channel,
        choice="",
        defaults={"sender": sender, "reason": f"{mirrors.label_of(found.mirror)} has chosen it."},
    )


# --- what the provider did --------------------------------------------------------------------------


def on_message(fact: ProviderEventRecorded, event: MessageReceived, found: Followed, *, ends: bool) -> None:
    """A message of the campaign left: its step is done. Answers are dealt with like all others.

    ``ends`` says that an answer was written by a person. Providers go on writing after one of a machine, so that a stop
    that comes later has to reach them; after a person's they have stopped by themselves.
    """
    if event.direction is Direction.INBOUND:
        if ends:
            EnrollmentMirror.objects.filter(id=found.row.id).update(
                status=LeadStatus.REPLIED.value, raw_status=event.raw_type[:60], updated_at=now()
            )
        return
    if event.direction is Direction.OUTBOUND and found.step and found.node_id:
        _left(fact, found, f"{mirrors.label_of(found.mirror)} has sent step {found.step}.")


def on_invitation(fact: ProviderEventRecorded, event: InvitationSent, found: Followed) -> None:
    """The provider has invited the person."""
    invites = [step.number for step in found.linear.steps if step.action is StepAction.INVITE]
    found.step = event.sequence_step_number or (invites[0] if invites else None)
    if found.step and found.node_id:
        _left(fact, found, f"{mirrors.label_of(found.mirror)} has sent the invitation.")


def _left(fact: ProviderEventRecorded, found: Followed, reason: str) -> None:
    event = Event(
        id=f"sent:{found.node_id}",
        kind="sent",
        occurred_at=fact.event.occurred_at,
        received_at=now(),
        node=found.node_id,
        channel=fact.sender.channel,
    )
    enrollment = found.enrollment
    step = followed.sent(plan_of(enrollment), from_json(enrollment.state), found.node_id, event, reason)
    people.keep(enrollment, step)
    number = found.step or 0
    rows = EnrollmentMirror.objects.filter(id=found.row.id)
    rows.filter(step_number__lt=number).update(step_number=number, updated_at=now())
    rows.filter(status=LeadStatus.PENDING.value).update(status=LeadStatus.IN_PROGRESS.value)
    # Whoever was being handed over when the answer got lost is there.
    rows.filter(state=EnrollmentMirror.State.HANDING).update(
        state=EnrollmentMirror.State.ADDED, added_at=now()
    )
    told = _LEFT.get(found.linear.steps[number - 1].action)
    if told is not None:
        publish(
            told(
                enrollment=enrollment,
                occurred_at=fact.event.occurred_at,
                key=f"{enrollment.id}:{found.node_id}:1",
                node_id=found.node_id,
                sender_id=fact.sender.id,
                channel=fact.sender.channel,
            )
        )
    fact.outcome["campaigns"] = f"{enrollment.lead}: {reason} (“{enrollment.campaign}”)"


# --- what became of it ------------------------------------------------------------------------------

_FATES: Final[tuple[tuple[type[MessageEvent], bool, str, type[EnrollmentFact]], ...]] = (
    (MessageOpened, False, "open", LeadOpened),
    (MessageOpened, True, "open_by_machine", LeadOpenedByMachine),
    (LinkClicked, False, "click", LeadClicked),
    (LinkClicked, True, "click_by_machine", LeadClickedByMachine),
)


def on_fate(fact: ProviderEventRecorded, event: MessageEvent, found: Followed) -> None:
    """Count openings and clicks; end where an address does not work. Suppression is kept for all campaigns alike."""
    enrollment = found.enrollment
    for kind, machine, word, told in _FATES:
        if isinstance(event, kind) and bool(getattr(event, "is_machine", False)) is machine:
            publish(
                told(
                    enrollment=enrollment,
                    occurred_at=event.occurred_at,
                    key=f"{enrollment.id}:{found.node_id}:{word}",
                    node_id=found.node_id,
                    sender_id=fact.sender.id,
                    channel=fact.sender.channel,
                )
            )
            fact.outcome["campaigns"] = (
                f"{enrollment.lead}: {word.replace('_', ' ')} noted for “{enrollment.campaign}”."
            )
    if isinstance(event, MessageBounced):
        _bounced(fact, event, found)
    elif isinstance(event, Unsubscribed):
        EnrollmentMirror.objects.filter(id=found.row.id).update(
            status=LeadStatus.STOPPED.value, raw_status="unsubscribed", updated_at=now()
        )


def _bounced(fact: ProviderEventRecorded, event: MessageBounced, found: Followed) -> None:
    enrollment = found.enrollment
    if event.is_permanent:
        EnrollmentMirror.objects.filter(id=found.row.id).update(
            status=LeadStatus.BLOCKED.value, raw_status=event.raw_type[:60], updated_at=now()
        )
    enrollments.take_in(
        enrollment,
        Event(
            id=str(fact.event_id),
            kind="bounce",
            occurred_at=event.occurred_at,
            received_at=now(),
            channel=fact.sender.channel,
            soft=not event.is_permanent,
            detail=event.reason[:300],
        ),
    )
    if event.is_permanent:
        publish(
            LeadBounced(
                enrollment=enrollment,
                occurred_at=event.occurred_at,
                key=f"{enrollment.id}:{found.node_id}:bounce",
                node_id=found.node_id,
                sender_id=fact.sender.id,
                channel=fact.sender.channel,
            )
        )
        fact.outcome["campaigns"] = f"{enrollment.lead}: the message came back (“{enrollment.campaign}”)."


# --- campaigns and categories -----------------------------------------------------------------------


def on_campaign_status(fact: ProviderEventRecorded, event: CampaignStatusChanged) -> None:
    """Keep how the provider says that its campaign is."""
    mirror = (
        CampaignMirror.objects.filter(
            connection_id=fact.sender.connection_id, provider_campaign_id=event.campaign_id
        )
        .select_related("campaign", "connection")
        .first()
    )
    if mirror is None:
        fact.outcome["campaigns"] = "The campaign is none of ours."
        return
    mirrors.note_status(mirror, status=event.status, raw_status=event.raw_status, at=event.occurred_at)
    word = event.status.value.replace("_", " ")
    fact.outcome["campaigns"] = f"“{mirror.campaign}” is {word} at {mirrors.label_of(mirror)}."


def on_categorised(fact: ProviderEventRecorded, event: LeadCategorised, found: Followed) -> None:
    """Keep the word that the provider, or somebody there, has sorted an answer by."""
    EnrollmentMirror.objects.filter(id=found.row.id).update(category=event.category[:80], updated_at=now())
    fact.outcome["campaigns"] = (
        f"{found.enrollment.lead} is “{event.category}” at {mirrors.label_of(found.mirror)}."
    )
    fact.outcome["enrollment_id"] = str(found.enrollment.id)
