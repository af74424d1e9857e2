"""The gates before a send, in order; the first that objects binds and says why and until when.

``first`` is asked by the engine before a send is prepared; ``before_attempt`` by the outbox right before the provider
is called, because minutes may lie between the two.
"""

from __future__ import annotations

from collections.abc import Callable

from campaigns.models import Campaign, Enrollment, ScheduledAction
from campaigns.plans.schema import SendNode
from campaigns.scheduling import CalendarNeverOpens, is_open, spread
from campaigns.services import enrollments, suppression
from campaigns.services.assignment import choice_of
from campaigns.services.checklist import CAPABILITY_OF_CHANNEL
from campaigns.services.planning import context_of, plan_of
from integrations.models import KillSwitch, OutboundMessage, SenderAccount
from integrations.services import switches
from integrations.services.holds import Hold
from integrations.services.senders import sendable
from project.core.clock import now
from project.tenancy.services.entitlements import provider_for

Gate = Callable[[Enrollment, SendNode], Hold | None]


def first(enrollment: Enrollment, action: ScheduledAction) -> Hold | None:
    """Return the first objection to an action of a locked enrollment. Timers only need a running enrollment."""
    running = _running(enrollment)
    if running is not None or action.kind == ScheduledAction.Kind.TIMER:
        return running
    node = plan_of(enrollment).index.get(action.node_id)
    if not isinstance(node, SendNode):
        return None
    for gate in (_switch, _entitlement, _suppressed, _calendar, _sender):
        hold = gate(enrollment, node)
        if hold is not None:
            return hold
    return None


def _running(enrollment: Enrollment) -> Hold | None:
    if enrollment.status == Enrollment.Status.PAUSED:
        return Hold("enrollment_paused", enrollment.reason or "Paused.")
    if enrollment.campaign.status != Campaign.Status.ACTIVE:
        return Hold("campaign", f"The campaign is {enrollment.campaign.get_status_display().lower()}.")
    return None


def _stopped(switch: KillSwitch) -> Hold:
    reason = f" ({switch.reason})" if switch.reason else ""
    return Hold(
        "kill_switch", f"Sending is switched off for this {switch.get_level_display().lower()}{reason}."
    )


def _switch(enrollment: Enrollment, node: SendNode) -> Hold | None:
    found = switches.is_stopped(
        client_id=enrollment.client_id,
        campaign_id=enrollment.campaign_id,
        sender_id=sender.id if (sender := _sender_of(enrollment, node)) else None,
    )
    return _stopped(found) if found else None


def _entitlement(enrollment: Enrollment, node: SendNode) -> Hold | None:
    capability = CAPABILITY_OF_CHANNEL[node.channel]
    if provider_for(capability, enrollment.client_id) is None:
        return Hold("entitlement", f"{capability.label} is not enabled for this client.")
    return None


def _suppressed(enrollment: Enrollment, node: SendNode) -> Hold | None:
    found = suppression.suppression_of(
        client_id=enrollment.client_id, lead_id=enrollment.lead_id, channel=node.channel
    )
    return Hold("suppressed", f"On the suppression list ({found.source}).", final=True) if found else None


def _calendar(enrollment: Enrollment, node: SendNode) -> Hold | None:
    context = context_of(enrollment)
    moment = now()
    try:
        if is_open(moment, context.calendar, context.tz):
            return None
        opens = spread(moment, context.calendar, context.tz, seed=f"{enrollment.id}:{node.id}")
    except CalendarNeverOpens as error:
        return Hold("calendar", str(error))
    local = opens.astimezone(context.tz)
    return Hold("calendar", f"Outside the sending window; goes out {local:%a %d %b %H:%M}.", until=opens)


def _sender_of(enrollment: Enrollment, node: SendNode) -> SenderAccount | None:
    return enrollments.sender_for(enrollment, node.channel, choice_of(node))


def _sender(enrollment: Enrollment, node: SendNode) -> Hold | None:
    sender = _sender_of(enrollment, node)
    if sender is None:
        return Hold("sender", f"The campaign has no sender for this step ({node.channel}).", final=True)
    return sendable(sender, node.action, now())


def before_attempt(outbound: OutboundMessage) -> Hold | None:
    """The outbox's last question. Replies of people are only held for suppressed addresses."""
    suppressed = suppression.gate(outbound)
    if suppressed is not None or outbound.enrollment_id is None:
        return suppressed
    enrollment = (
        Enrollment.objects.select_related("campaign", "lead", "lead__company")
        .filter(id=outbound.enrollment_id)
        .first()
    )
    if enrollment is None or enrollment.status == Enrollment.Status.ENDED:
        return Hold("enrollment_ended", "The enrollment has ended; nothing more is sent.", final=True)
    node = plan_of(enrollment).index.get(outbound.node_id)
    if not isinstance(node, SendNode):
        return Hold("plan", "The plan has no such step any more.", final=True)
    return _running(enrollment) or _calendar(enrollment, node)
