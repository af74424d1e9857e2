"""Hand-over: another sender goes on where one is gone for good, and the history says so.

Not where the plan names the account, and not in the middle of a LinkedIn relation: an invitation or a first-degree
connection belongs to one seat. There the lead waits if the account may come back, else the sequence ends; either way
with the reason.
"""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from campaigns.models import Enrollment, EnrollmentSender, Lead, Relation, ScheduledAction
from campaigns.plans.state import Cause
from campaigns.services import enrollments
from campaigns.services.assignment import GONE, Chosen, Rotation
from campaigns.services.changes import Changes, lane_of
from integrations.models import OutboundMessage, SenderAccount
from integrations.models.connections import Channel
from project.core.clock import now
from project.core.tasks import enqueue


def request(enrollment_id: UUID) -> None:
    """Have an enrollment looked at by ``hand_over`` once this transaction has committed."""
    from campaigns.tasks import hand_over as task  # tasks call services

    enqueue(task, enrollment_id=enrollment_id)


@transaction.atomic
def hand_over(*, enrollment_id: UUID) -> int:
    """Replace the senders of an enrollment that are gone for good; return how many were replaced.

    Does nothing for senders that are well again. Takes the locks of all senders, old and new.
    """
    enrollment = enrollments.locked(enrollment_id)
    if enrollment.status == Enrollment.Status.ENDED:
        return 0
    replaced = 0
    for link in list(enrollment.sender_links.all()):
        if link.sender.status in GONE and enrollment.status != Enrollment.Status.ENDED:
            replaced += _replace(enrollment, link)
    return replaced


def _replace(enrollment: Enrollment, link: EnrollmentSender) -> bool:
    why = _bound(enrollment, link)
    if why:
        _wait_or_end(enrollment, link, why)
        return False
    chosen = _next(enrollment, link)
    if chosen is None:
        _wait_or_end(enrollment, link, f"The campaign has no other sender for {link.get_channel_display()}.")
        return False
    old = link.sender
    reason = f"{old.name} cannot send any more; {chosen.sender.name} goes on."
    EnrollmentSender.objects.filter(id=link.id).update(
        sender=chosen.sender, reason=reason[:200], assigned_at=now()
    )
    link.sender, link.reason = chosen.sender, reason
    changes = Changes()
    here = enrollment.node_id
    changes.log(enrollment, here, here, Cause("rule", "hand_over"), reason, now())
    changes.write()
    for action in ScheduledAction.objects.filter(enrollment=enrollment, state=ScheduledAction.State.DUE):
        ScheduledAction.objects.filter(id=action.id).update(
            sender_id=lane_of(enrollment, action.node_id), updated_at=now()
        )
    return True


def _next(enrollment: Enrollment, link: EnrollmentSender) -> Chosen | None:
    rotation = Rotation.of(enrollment.campaign, [enrollment.lead])
    gone = [sender.id for sender in rotation.senders if sender.status in GONE]
    return rotation.choose(enrollment.lead_id, (link.channel, link.choice), without=[*gone, link.sender_id])


def _bound(enrollment: Enrollment, link: EnrollmentSender) -> str:
    """Why nobody else may go on, ``""`` if somebody may."""
    if link.choice.startswith("account:"):
        return f"The step names {link.sender.name}."
    if link.channel != Channel.LINKEDIN:
        return ""
    if _in_touch(enrollment.lead, link.sender):
        return (
            f"{link.sender.name} is in touch with {enrollment.lead} on LinkedIn; nobody else can go on there."
        )
    return ""


def _in_touch(lead: Lead, sender: SenderAccount) -> bool:
    state = OutboundMessage.State
    wrote = OutboundMessage.objects.filter(
        sender=sender, lead_id=lead.id, state__in=[state.SENDING, state.SENT, state.UNKNOWN]
    )
    return bool(Relation.objects.filter(sender=sender, lead=lead).exists() or wrote.exists())


def _wait_or_end(enrollment: Enrollment, link: EnrollmentSender, why: str) -> None:
    """End a sequence whose sender was removed; wait for one that was stopped and may come back."""
    if link.sender.status != SenderAccount.Status.DELETED:
        ScheduledAction.objects.filter(
            enrollment=enrollment, sender=link.sender, state=ScheduledAction.State.DUE, kind="send"
        ).update(held_reason=why[:300], updated_at=now())
        return
    reason = f"{link.sender.name} was removed. {why}"
    enrollments.end(enrollment, cause=Cause("rule", "sender_gone"), reason=reason)
