"""What people do to one lead's sequence from outside its plan: moving it to a step, and marking a meeting."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from campaigns.models import Enrollment
from campaigns.plans import interpreter
from campaigns.plans.schema import SendNode
from campaigns.plans.state import Event
from campaigns.services import campaigns, enrollments
from campaigns.services.planning import plan_of
from project.core.clock import now
from project.core.refusals import Invalid
from project.tenancy import audit
from project.tenancy.models import User


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
    told = Event(id=f"meeting:{enrollment.id}", kind="meeting_booked", occurred_at=at, received_at=at)
    enrollments.take_in(enrollment, told)
    audit.record(actor=actor, action="enrollment.meeting", subject=enrollment)
    campaigns.changed(enrollment.campaign_id)
    return enrollment
