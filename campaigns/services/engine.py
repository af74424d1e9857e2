"""The engine: claims due actions, asks every gate in order, renders, and puts sends into the outbox.

A tick goes round the organizations with work and does one batch of each: lanes are leased (``lanes``), their actions
loaded and locked (``batches``), gated (``gates``), paced (``pacing``), rendered, reserved in one statement, told to
the interpreter, and written with one statement per table (``changes``) in one transaction. A killed worker loses
nothing: its transaction never was, the lease ends, and another worker takes the lanes up again.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import structlog
from django.db import OperationalError, connection, transaction

from campaigns.models import Enrollment, ScheduledAction
from campaigns.plans import interpreter
from campaigns.plans.interpreter import SendNotWanted
from campaigns.plans.schema import SendNode
from campaigns.plans.state import State, from_json
from campaigns.services import batches, campaigns, gates, handover, lanes, messages, scheduler, variants
from campaigns.services.assignment import choice_of
from campaigns.services.batches import Item
from campaigns.services.changes import Changes, send_key, sender_for
from campaigns.services.gates import Circumstances
from campaigns.services.lanes import Claim, Lane
from campaigns.services.pacing import Pace
from campaigns.services.planning import context_of, plan_of
from integrations.models import OutboundMessage, SenderAccount
from integrations.services import freshness, outbox, rates
from integrations.services.holds import Hold
from integrations.services.outbox import Draft
from integrations.services.rates import Demand
from project.core import collector
from project.core.clock import now
from project.core.db.bulk import as_json
from project.core.scoping import organization_scope

log = structlog.get_logger(__name__)

#: How soon to look again at something that is held for no stated time.
RECHECK: Final = timedelta(minutes=2)
#: How long an action rests that failed for a fault of this program.
FAULT_PAUSE: Final = timedelta(minutes=10)
FAULT: Final = "It could not be done because of a fault in this program; it is tried again."

_FINISH = """
UPDATE campaigns_scheduledaction SET state = 'done', held_by = '', held_reason = '', updated_at = %(now)s
WHERE id = ANY(%(ids)s) AND state = 'due'
"""

_HOLD = """
UPDATE campaigns_scheduledaction AS action
SET due_at = held.due_at, held_by = held.held_by, held_reason = held.held_reason, updated_at = %(now)s
FROM jsonb_to_recordset(%(rows)s::jsonb) AS held (id uuid, due_at timestamptz, held_by text, held_reason text)
WHERE action.id = held.id AND action.state = 'due'
"""

#: Set when this process is asked to stop: the batch at hand is finished, no other is begun.
_stopping = threading.Event()


def stop_soon() -> None:
    """Finish the batch at hand and free what is claimed beyond it (called by the worker's shutdown)."""
    _stopping.set()


def go_on() -> None:
    """Take claims again after ``stop_soon`` (a worker that starts, and tests)."""
    _stopping.clear()


def is_stopping() -> bool:
    """Whether this process was asked to stop."""
    return _stopping.is_set()


@contextmanager
def stopping_on_signals() -> Iterator[None]:
    """Let SIGTERM and SIGINT end a tick after the batch at hand; only in the main thread of a process of its own."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    for number in kept:
        signal.signal(number, lambda *_: stop_soon())
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


def tick(*, seconds: float = 20.0) -> int:
    """Work on due actions until none is left or ``seconds`` have passed; return how many were done.

    Needs the platform scope. Does nothing while the scheduler is stopped.
    """
    if not scheduler.is_running():
        return 0
    lanes.prepare()
    done = claimed = 0
    started = time.monotonic()
    while not is_stopping() and (waiting := lanes.waiting_organizations()):
        progress = 0
        for organization_id in waiting:
            if is_stopping() or time.monotonic() - started >= seconds:
                break
            with organization_scope(organization_id):
                taken, finished = one_batch(organization_id)
            claimed, done, progress = claimed + taken, done + finished, progress + finished
        if not progress or time.monotonic() - started >= seconds:
            break
    scheduler.ticked(claimed=claimed, done=done)
    return done


def one_batch(organization_id: UUID) -> tuple[int, int]:
    """Claim and do one batch of an organization; return how many actions were claimed and done."""
    claim = lanes.claim(organization_id)
    if not claim.actions:
        return 0, 0
    with collector.paused():
        done = work(claim)
        collector.sweep()
    return len(claim.actions), done


def work(claim: Claim) -> int:
    """Do a claim; whatever happens short of death, its lanes are free afterwards. Returns how many were done."""
    try:
        with transaction.atomic():
            done = Batch(claim.actions).run()
            lanes.free(claim)
    except OperationalError as error:
        # Somebody else was quicker (a deadlock, a lock timeout): nothing was done, the next round does it.
        log.info("engine.batch_undone", error=str(error))
        lanes.free(claim)
        return 0
    except Exception:
        # One action is at fault, and the others must not wait for it: each is done alone.
        log.exception("engine.batch_failed", organization_id=str(claim.organization_id))
        done = sum(_alone(row) for row in claim.actions if not is_stopping())
        lanes.free(claim)
    return done


def _alone(row: tuple[UUID, UUID, Lane]) -> int:
    """Do one action by itself; one that cannot be done for a fault of ours waits."""
    try:
        with transaction.atomic():
            return Batch([row]).run()
    except Exception:
        # Whatever it is, it belongs to this action alone; its transaction is undone.
        log.exception("engine.action_failed", action_id=str(row[0]))
        found = ScheduledAction.objects.filter(id=row[0], state=ScheduledAction.State.DUE)
        found.update(due_at=now() + FAULT_PAUSE, held_by="fault", held_reason=FAULT, updated_at=now())
        return 0


@dataclass(slots=True)
class _Send:
    """A send that passed the gates, rendered."""

    item: Item
    node: SendNode
    sender: SenderAccount
    state: State
    message: messages.Composed


@dataclass(slots=True)
class Batch:
    """The work on claimed actions inside one transaction."""

    rows: Sequence[tuple[UUID, UUID, Lane]]
    changes: Changes = field(default_factory=Changes)
    finished: list[UUID] = field(default_factory=list)
    held: list[dict[str, Any]] = field(default_factory=list)
    drafts: list[Draft] = field(default_factory=list)
    unneeded: list[tuple[SenderAccount, dict[str, Any]]] = field(default_factory=list)
    #: Campaigns whose screens show a reason that was not there before.
    told: set[UUID] = field(default_factory=set)
    orphans: list[Item] = field(default_factory=list)
    #: The chosen wordings by campaign and step, once somebody has asked.
    winners: dict[tuple[UUID, str], str] | None = None

    def run(self) -> int:
        """Do what can be done now; return how many actions that were."""
        items = batches.load(self.rows)
        if not items:
            return 0
        around = Circumstances.of([item.enrollment for item in items], _channels(items))
        pace = Pace(around.at)
        sends: list[_Send] = []
        for item in items:
            hold = gates.first(item.enrollment, item.action, around)
            if hold is not None:
                self._hold(item, hold)
            elif item.action.kind == ScheduledAction.Kind.TIMER:
                self._fire(item)
            else:
                send = self._render(item, pace)
                if send is not None:
                    sends.append(send)
        self._reserve(sends)
        self._write()
        if around.stale:
            freshness.poll(around.stale)
        for item in self.orphans:
            handover.request(item.enrollment.id)
        return len(items)

    def _fire(self, item: Item) -> None:
        # Done first: the interpreter may arm the same timer anew.
        self.finished.append(item.action.id)
        enrollment = item.enrollment
        step = interpreter.timer_due(
            plan_of(enrollment), from_json(enrollment.state), now(), context_of(enrollment)
        )
        self.changes.take(enrollment, step)

    def _render(self, item: Item, pace: Pace) -> _Send | None:
        enrollment, action = item.enrollment, item.action
        node = plan_of(enrollment).index[action.node_id]
        assert isinstance(node, SendNode)  # the gates have looked, as they have for the sender
        sender = sender_for(enrollment, node.channel, choice_of(node))
        assert sender is not None
        slot = pace.hold(action, item.lane, sender, context_of(enrollment), kind=node.action)
        if slot is not None:
            self._hold(item, slot)
            return None
        try:
            message = messages.compose(
                enrollment=enrollment,
                node=node,
                visit=action.visit,
                sender=sender,
                winner=self._winner(enrollment, node),
            )
        except messages.NotSendable as error:
            self._hold(item, Hold(error.code, str(error), until=error.until, final=error.final))
            return None
        return _Send(item, node, sender, from_json(enrollment.state), message)

    def _winner(self, enrollment: Enrollment, node: SendNode) -> str:
        """The wording that everybody gets by now; asked once for a batch, and only where there are several."""
        if not node.variants:
            return ""
        if self.winners is None:
            self.winners = variants.winners()
        return self.winners.get((enrollment.campaign_id, node.id), "")

    def _hold(self, item: Item, hold: Hold) -> None:
        """Defer an action with the reason that binds, or give its send up when the reason cannot clear up."""
        enrollment, action = item.enrollment, item.action
        if hold.final:
            self.finished.append(action.id)
            step = interpreter.send_result(
                plan_of(enrollment),
                from_json(enrollment.state),
                action.node_id,
                action.visit,
                "refused",
                now(),
                context_of(enrollment),
                reason=hold.reason,
            )
            self.changes.take(enrollment, step)
            return
        if hold.code == gates.SENDER_GONE:
            self.orphans.append(item)
        reason = hold.reason[:300]
        self.held.append(
            {
                "id": action.id,
                "due_at": hold.until or now() + RECHECK,
                "held_by": hold.code[:40],
                "held_reason": reason,
            }
        )
        if reason != action.held_reason:
            # What is looked at again and again is told once.
            self.told.add(enrollment.campaign_id)

    def _reserve(self, sends: Sequence[_Send]) -> None:
        """Take the units of all budgets in one statement, and tell the interpreter what is irrevocable now."""
        demands = [
            Demand(send.sender, send.node.action, rates.domain_of(send.message.recipient)) for send in sends
        ]
        for send, answer in zip(sends, rates.reserve_many(demands, now()), strict=True):
            if isinstance(answer, rates.Refused):
                self._hold(send.item, Hold("limit", answer.reason, until=answer.next_free))
            else:
                self._attempt(send, answer.reservation)

    def _attempt(self, send: _Send, reservation: dict[str, Any]) -> None:
        enrollment, action = send.item.enrollment, send.item.action
        self.finished.append(action.id)
        try:
            step = interpreter.send_attempted(
                plan_of(enrollment), send.state, action.node_id, action.visit, now(), context_of(enrollment)
            )
        except SendNotWanted as refusal:
            self.unneeded.append((send.sender, reservation))
            self.changes.take(enrollment, refusal.step)
            return
        self.changes.take(enrollment, step)
        self.changes.settle(enrollment, action.dedupe_key)
        self.drafts.append(
            Draft(
                sender=send.sender,
                client_id=enrollment.client_id,
                channel=send.node.channel,
                action=send.node.action,
                origin=OutboundMessage.Origin.CAMPAIGN,
                dedupe_key=send_key(enrollment, send.node.id, action.visit, send.node.channel),
                recipient=send.message.recipient,
                body=send.message.body,
                payload=send.message.payload,
                lead_id=enrollment.lead_id,
                campaign_id=enrollment.campaign_id,
                enrollment_id=enrollment.id,
                node_id=send.node.id,
                visit=action.visit,
                variant_id=send.message.variant_id,
                reservation=reservation,
            )
        )

    def _write(self) -> None:
        if self.finished:
            _execute(_FINISH, {"ids": self.finished})
        if self.held:
            _execute(_HOLD, {"rows": as_json(self.held)})
        self.changes.write()
        if self.drafts:
            queued = outbox.queue_campaign(self.drafts)
            for draft in self.drafts:
                if draft.dedupe_key not in queued and draft.reservation is not None:
                    # The same send is in the outbox already (a doubled action): its units are not needed.
                    self.unneeded.append((draft.sender, draft.reservation))
        for sender, reservation in self.unneeded:
            rates.release(sender=sender, reservation=reservation)
        for campaign_id in self.told:
            campaigns.changed(campaign_id)


def _channels(items: Sequence[Item]) -> set[str]:
    found = set()
    for item in items:
        node = plan_of(item.enrollment).index.get(item.action.node_id)
        if isinstance(node, SendNode):
            found.add(str(node.channel))
    return found


def _execute(statement: str, values: dict[str, Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, {**values, "now": now()})
