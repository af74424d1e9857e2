"""What people do to one lead's sequence from outside its plan: moving it to a step, and marking a meeting."""

from __future__ import annotations

from typing import Final, cast
from uuid import UUID

from django.db import transaction

from campaigns.events import MeetingAgreed, MeetingTakenBack
from campaigns.models import Campaign, Enrollment, Lead
from campaigns.plans import corrections, interpreter
from campaigns.plans.schema import SendNode
from campaigns.plans.state import Event, Stage, from_json
from campaigns.services import campaigns, enrollments, entry, readings
from campaigns.services.planning import context_of, plan_of
from campaigns.services.provider_runs import mirrors
from project.core.clock import now
from project.core.events import publish
from project.core.refusals import Invalid
from project.tenancy import audit
from project.tenancy.models import User

#: Campaigns that are offered.
MOST_OFFERED: Final = 50


@transaction.atomic
def move_to(*, enrollment_id: UUID, node_id: str, actor: User) -> Enrollment:
    """Put a lead on another step; what is queued is withdrawn, and the step follows its own times from now.

    Raises ``Invalid`` for a step that the plan does not have and for sequences that have ended.
    """
    enrollment = enrollments.locked(enrollment_id)
    node = plan_of(enrollment).index.get(node_id)
    if not isinstance(node, SendNode):
        raise Invalid("The sequence has no such step.", field="node")
    if enrollment.status == Enrollment.Status.ENDED:
        raise Invalid("This sequence has ended, so nobody can be moved within it.", field="node")
    enrollments.advance(
        enrollment,
        lambda plan, state, ctx: interpreter.move(plan, state, node_id, now(), actor.display_name, ctx),
    )
    audit.record(actor=actor, action="enrollment.moved", subject=enrollment, node=node_id)
    campaigns.changed(enrollment.campaign_id)
    return enrollment


@transaction.atomic
def mark_meeting(*, enrollment_id: UUID, actor: User) -> Enrollment:
    """A meeting was agreed: the sequence hears of it as of any booking, and ends by its plan. Harmless twice."""
    enrollment = enrollments.locked(enrollment_id)
    at = now()
    before = enrollment.stage
    is_known = before == Enrollment.Stage.MEETING or bool(enrollment.stage_before_meeting)
    told = Event(id=_meeting(enrollment), kind="meeting_booked", occurred_at=at, received_at=at)
    enrollments.take_in(enrollment, told)
    answered = readings.answered_by(enrollment.id, at)
    # The first mark is the meeting: another one has the same key, and an instant of its own.
    if not is_known:
        enrollment.stage_before_meeting = before
        enrollment.save(update_fields=["stage_before_meeting", "updated_at"])
        publish(
            MeetingAgreed(
                enrollment=enrollment,
                occurred_at=at,
                key=_meeting_key(enrollment),
                node_id=answered.node_id if answered is not None else enrollment.node_id,
                sender_id=answered.sender_id if answered is not None else None,
                outbound=answered,
            )
        )
    audit.record(actor=actor, action="enrollment.meeting", subject=enrollment)
    campaigns.changed(enrollment.campaign_id)
    return enrollment


@transaction.atomic
def unmark_meeting(*, enrollment_id: UUID, actor: User) -> Enrollment:
    """A meeting was marked by mistake: the lead's stage is as it was, and nothing counts it any more.

    A sequence that the mark ended is not begun again; one that went on goes on as if there had been no meeting.
    Raises ``Invalid`` where nobody marked one.
    """
    enrollment = enrollments.locked(enrollment_id)
    before = enrollment.stage_before_meeting
    if not before:
        raise Invalid("Nobody has marked a meeting here, so there is none to take back.", field="act")
    step = corrections.unmark_meeting(
        plan_of(enrollment), from_json(enrollment.state), _meeting(enrollment), cast("Stage", before), now(),
        actor.display_name, context_of(enrollment),
    )  # fmt: skip
    enrollments.store(enrollment, step)
    if step.state.ended is not None and step.state.ended.cause.ref == _meeting(enrollment):
        enrollment.reason = f"A meeting was marked, which ended it; {actor.display_name} took that back."[
            :300
        ]
    enrollment.stage_before_meeting = ""
    enrollment.save(update_fields=["reason", "stage_before_meeting", "updated_at"])
    publish(MeetingTakenBack(enrollment=enrollment, key=_meeting_key(enrollment)))
    audit.record(
        actor=actor, action="enrollment.meeting_taken_back", subject=enrollment, stage=enrollment.stage
    )
    campaigns.changed(enrollment.campaign_id)
    return enrollment


def _meeting(enrollment: Enrollment) -> str:
    """Id of the event that somebody marked a meeting."""
    return f"meeting:{enrollment.id}"


def _meeting_key(enrollment: Enrollment) -> str:
    return f"{enrollment.id}:meeting"


def enterable(lead: Lead) -> list[Campaign]:
    """Running campaigns of the lead's client that the lead is not in, by name: what somebody may put them into."""
    known = Enrollment.objects.filter(lead=lead).values("campaign_id")
    rows = Campaign.objects.filter(client_id=lead.client_id, status=Campaign.Status.ACTIVE)
    return list(rows.exclude(id__in=known).order_by("name", "id")[:MOST_OFFERED])


@transaction.atomic
def put_into(*, lead_id: UUID, campaign_id: UUID, actor: User) -> Enrollment:
    """Put a lead into another running campaign of the same client; what still runs for them stops first.

    Raises ``Invalid`` for campaigns that do not run or that the lead has been in, and where the rules of entry of the
    client's campaigns, or a missing approval, keep the lead out.
    """
    lead = Lead.objects.select_related("company").prefetch_related("channels").get(id=lead_id)
    campaign = (
        Campaign.objects.select_for_update(of=("self",))
        .select_related("current_version")
        .filter(id=campaign_id, client_id=lead.client_id)
        .first()
    )
    if campaign is None or campaign.status != Campaign.Status.ACTIVE:
        raise Invalid("Choose a running campaign of the same client.", field="campaign")
    entry.lock_client(campaign.client_id)
    running = Enrollment.objects.filter(lead=lead).exclude(status=Enrollment.Status.ENDED)
    for other in running.exclude(campaign=campaign).values_list("id", flat=True):
        reason = f"{actor.display_name} put them into “{campaign}”."
        enrollments.stop(enrollment_id=other, reason=reason, actor=actor)
    if entry.unapproved(campaign, [lead]):
        raise Invalid(f"Nobody has approved “{campaign}” for them.", field="campaign")
    if entry.is_taken(campaign, lead):
        raise Invalid("Another campaign of this client has them to itself.", field="campaign")
    made = enrollments.enroll(campaign=campaign, lead=lead)
    if made is None:
        raise Invalid(f"{lead} is or was in “{campaign}” already.", field="campaign")
    if campaign.kind == Campaign.Kind.PROVIDER:
        mirrors.request(campaign.id)
    audit.record(actor=actor, action="enrollment.put_into", subject=made, campaign=str(campaign.id))
    campaigns.changed(campaign.id)
    return made
