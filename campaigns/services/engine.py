"""The engine: claims due actions, asks every gate in order, renders, and puts sends into the outbox.

A tick claims small batches, organization by organization, so that none starves another. Each action is done in a
transaction of its own under its sender's lock: a killed worker loses nothing, the claim's lease ends and another worker
takes the action up again.
"""

from __future__ import annotations

import time
from datetime import timedelta
from uuid import UUID

import structlog
from django.db import connection, transaction

from campaigns.models import Enrollment, ScheduledAction
from campaigns.plans import interpreter
from campaigns.plans.interpreter import SendNotWanted
from campaigns.plans.schema import SendNode
from campaigns.services import campaigns, enrollments, gates, messages
from campaigns.services.assignment import choice_of
from campaigns.services.planning import plan_of
from integrations.models import OutboundMessage
from integrations.services import outbox, rates
from integrations.services.holds import Hold
from project.core.clock import now
from project.core.scoping import organization_scope

log = structlog.get_logger(__name__)

BATCH_PER_ORGANIZATION = 20
LEASE = timedelta(seconds=60)
#: How soon to look again at something that is held for no stated time.
RECHECK = timedelta(minutes=2)
#: How long an action rests that failed for a fault of this program.
FAULT_PAUSE = timedelta(minutes=10)

_CLAIM = """
WITH due AS (
    SELECT found.id FROM tenancy_organization AS organization
    CROSS JOIN LATERAL (
        SELECT action.id FROM campaigns_scheduledaction AS action
        WHERE action.organization_id = organization.id AND action.state = 'due' AND action.due_at <= %(now)s
            AND (action.claimed_until IS NULL OR action.claimed_until < %(now)s)
        ORDER BY action.due_at, action.id
        LIMIT %(batch)s
        FOR UPDATE SKIP LOCKED
    ) AS found
    WHERE organization.is_active
)
UPDATE campaigns_scheduledaction AS action SET claimed_until = %(until)s, attempts = attempts + 1
FROM due WHERE action.id = due.id
RETURNING action.organization_id, action.id
"""


def claim() -> list[tuple[UUID, UUID]]:
    """Claim a fair batch of due actions; returns ``(organization id, action id)``. Needs the platform scope."""
    moment = now()
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, {"now": moment, "until": moment + LEASE, "batch": BATCH_PER_ORGANIZATION})
        return list(cursor.fetchall())


def tick(*, seconds: float = 20.0) -> int:
    """Work on due actions until none is left or ``seconds`` have passed; return how many were done."""
    done = 0
    started = time.monotonic()
    while time.monotonic() - started < seconds:
        claimed = claim()
        if not claimed:
            break
        for organization_id, action_id in claimed:
            with organization_scope(organization_id):
                _process_or_defer(action_id)
            done += 1
    return done


def _process_or_defer(action_id: UUID) -> None:
    """Do one action; one that cannot be done for a fault of ours waits, and the others do not wait for it."""
    try:
        process(action_id)
    except Exception:
        # Whatever it is, it belongs to this action alone; its transaction is undone.
        log.exception("engine.action_failed", action_id=str(action_id))
        ScheduledAction.objects.filter(id=action_id, state=ScheduledAction.State.DUE).update(
            due_at=now() + FAULT_PAUSE,
            claimed_until=None,
            held_by="fault",
            held_reason="It could not be done because of a fault in this program; it is tried again.",
            updated_at=now(),
        )


def process(action_id: UUID) -> None:
    """Do one action in one transaction; an action that is no longer due is left alone."""
    with transaction.atomic():
        enrollment_id = (
            ScheduledAction.objects.filter(id=action_id).values_list("enrollment_id", flat=True).first()
        )
        if enrollment_id is None:
            return
        enrollment = enrollments.locked(enrollment_id)
        action = ScheduledAction.objects.select_for_update(of=("self",)).get(id=action_id)
        if action.state != ScheduledAction.State.DUE or action.due_at > now():
            ScheduledAction.objects.filter(id=action_id).update(claimed_until=None)
            return
        hold = gates.first(enrollment, action)
        if hold is not None:
            _hold(enrollment, action, hold)
        elif action.kind == ScheduledAction.Kind.TIMER:
            _fire(enrollment, action)
        else:
            _send(enrollment, action)


def _finish(action: ScheduledAction) -> None:
    ScheduledAction.objects.filter(id=action.id, state=ScheduledAction.State.DUE).update(
        state=ScheduledAction.State.DONE, claimed_until=None, held_by="", held_reason="", updated_at=now()
    )


def _hold(enrollment: Enrollment, action: ScheduledAction, hold: Hold) -> None:
    """Defer an action with the reason that binds, or give its send up when the reason cannot clear up."""
    if hold.final:
        _finish(action)
        enrollments.advance(
            enrollment,
            lambda plan, state, ctx: interpreter.send_result(
                plan, state, action.node_id, action.visit, "refused", now(), ctx, reason=hold.reason
            ),
        )
        return
    reason = hold.reason[:300]
    ScheduledAction.objects.filter(id=action.id).update(
        due_at=hold.until or now() + RECHECK,
        claimed_until=None,
        held_by=hold.code,
        held_reason=reason,
        updated_at=now(),
    )
    if reason != action.held_reason:
        # What is looked at again and again is told once.
        campaigns.changed(enrollment.campaign_id)


def _fire(enrollment: Enrollment, action: ScheduledAction) -> None:
    # Done first: the interpreter may arm the same timer anew.
    _finish(action)
    enrollments.advance(enrollment, lambda plan, state, ctx: interpreter.timer_due(plan, state, now(), ctx))


def _send(enrollment: Enrollment, action: ScheduledAction) -> None:
    """Render, reserve, tell the interpreter that it is irrevocable, and queue: all or nothing."""
    node = plan_of(enrollment).index.get(action.node_id)
    if not isinstance(node, SendNode):
        _hold(enrollment, action, Hold("plan", "The plan has no such step any more.", final=True))
        return
    sender = enrollments.sender_for(enrollment, node.channel, choice_of(node))
    assert sender is not None  # the gates have looked
    try:
        message = messages.compose(enrollment=enrollment, node=node, visit=action.visit, sender=sender)
    except messages.NotSendable as error:
        _hold(enrollment, action, Hold(error.code, str(error), final=True))
        return
    budget = rates.reserve(
        sender=sender, action=node.action, at=now(), recipient_domain=rates.domain_of(message.recipient)
    )
    if isinstance(budget, rates.Refused):
        _hold(enrollment, action, Hold("limit", budget.reason, until=budget.next_free))
        return
    try:
        enrollments.advance(
            enrollment,
            lambda plan, state, ctx: interpreter.send_attempted(
                plan, state, action.node_id, action.visit, now(), ctx
            ),
        )
    except SendNotWanted as refusal:
        rates.release(sender=sender, reservation=budget.reservation)
        _finish(action)
        enrollments.store(enrollment, refusal.step)
        return
    _finish(action)
    queued = outbox.queue(
        sender=sender,
        client_id=enrollment.client_id,
        channel=node.channel,
        action=node.action,
        origin=OutboundMessage.Origin.CAMPAIGN,
        dedupe_key=enrollments.send_key(enrollment, node.id, action.visit, node.channel),
        recipient=message.recipient,
        body=message.body,
        lead_id=enrollment.lead_id,
        campaign_id=enrollment.campaign_id,
        enrollment_id=enrollment.id,
        node_id=node.id,
        visit=action.visit,
        variant_id=message.variant_id,
        payload=message.payload,
        reservation=budget.reservation,
    )
    if queued is None:
        # The same send is in the outbox already (a doubled action): its unit is not needed.
        rates.release(sender=sender, reservation=budget.reservation)
