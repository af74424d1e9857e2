"""How campaigns react to what became of their own sends: they left, failed, or nobody knows.

Runs in the transaction that stores it, under the sender's lock.
"""

from __future__ import annotations

from campaigns.events import EnrollmentFact, LeadEmailed, LeadInvited, LeadMessaged, LeadTexted
from campaigns.models import Enrollment, LeadChannel
from campaigns.plans import interpreter
from campaigns.services import delivery, enrollments, reactions
from integrations.domain_events import OutboundChanged
from integrations.models import OutboundMessage
from project.core.clock import now
from project.core.events import publish


def on_outbound_changed(change: OutboundChanged) -> None:
    """Tell the enrollment what became of its send."""
    outbound = change.outbound
    state = OutboundMessage.State
    if outbound.state == change.previous:
        return
    if outbound.state == state.SENT:
        delivery.left(outbound)
    if outbound.enrollment_id is None or not Enrollment.objects.filter(id=outbound.enrollment_id).exists():
        return
    if outbound.state == state.SENT:
        _learn_recipient(outbound)
        _sent(outbound)
    elif outbound.state == state.FAILED:
        _result(outbound, "failed", outbound.error_detail)
    elif outbound.state == state.UNKNOWN:
        _result(outbound, "unknown", outbound.error_detail)


def _result(outbound: OutboundMessage, outcome: interpreter.SendOutcome, reason: str) -> Enrollment:
    assert outbound.enrollment_id is not None  # whoever calls has looked
    enrollment = enrollments.locked(outbound.enrollment_id)
    at = outbound.sent_at or now()
    enrollments.advance(
        enrollment,
        lambda plan, state, ctx: interpreter.send_result(
            plan, state, outbound.node_id, _visit(outbound), outcome, at, ctx, reason=reason[:300]
        ),
    )
    return enrollment


def _visit(outbound: OutboundMessage) -> int:
    return int(outbound.dedupe_key.rpartition(":")[2])


_LEFT: dict[str, type[EnrollmentFact]] = {
    "invite": LeadInvited,
    "message": LeadMessaged,
    "inmail": LeadMessaged,
    "email": LeadEmailed,
    "sms": LeadTexted,
}


def _sent(outbound: OutboundMessage) -> None:
    enrollment = _result(outbound, "sent", "")
    at = outbound.sent_at or now()
    fact = _LEFT.get(outbound.action)
    # Nothing left when the network said that it was so already: no invitation is counted for it.
    if fact is not None and not outbound.already:
        publish(
            fact(
                enrollment=enrollment,
                occurred_at=at,
                key=f"{enrollment.id}:{outbound.node_id}:{_visit(outbound)}",
                node_id=outbound.node_id,
                sender_id=outbound.sender_id,
                outbound=outbound,
            )
        )
    if outbound.already == "connected":
        reactions.connected(sender=outbound.sender, lead=enrollment.lead, occurred_at=at, received_at=now())


def _learn_recipient(outbound: OutboundMessage) -> None:
    """Keep the network's id of the person that dispatch looked up, so that events can be matched by it."""
    provider_id = outbound.recipient.get("provider_id")
    if provider_id and outbound.lead_id:
        LeadChannel.objects.filter(lead_id=outbound.lead_id, kind=outbound.channel, provider_id="").update(
            provider_id=provider_id
        )
