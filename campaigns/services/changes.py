"""What the interpreter wants, gathered for one enrollment or many and written with one statement per table.

This is the only place where commands become rows. The caller holds the enrollments' locks, and those of the senders
whose queued messages may have to be withdrawn (docs/decisions/0006-locks-and-claims.md).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Q

from campaigns.events import EnrollmentEnded
from campaigns.models import Enrollment, ScheduledAction
from campaigns.plans.schema import SendNode
from campaigns.plans.state import (
    ArmTimer,
    CancelTimer,
    Cause,
    Command,
    EndEnrollment,
    Note,
    RecordTransition,
    RequestSend,
    RetractTransitions,
    Step,
    WithdrawSend,
    to_json,
)
from campaigns.services import campaigns as campaign_service
from campaigns.services.assignment import choice_of
from campaigns.services.planning import plan_of
from integrations.models import OutboundMessage, SenderAccount
from integrations.services import outbox
from project.core.clock import now
from project.core.db.bulk import as_json
from project.core.events import publish
from project.core.ids import uuid7

_ENROLLMENTS = """
UPDATE campaigns_enrollment AS enrollment
SET state = changed.state, stage = changed.stage, node_id = changed.node_id, status = changed.status,
    reason = changed.reason, ended_at = changed.ended_at, updated_at = %(now)s
FROM jsonb_to_recordset(%(rows)s::jsonb) AS changed (
    id uuid, state jsonb, stage text, node_id text, status text, reason text, ended_at timestamptz
)
WHERE enrollment.id = changed.id
"""

_SCHEDULE = """
INSERT INTO campaigns_scheduledaction (
    id, organization_id, created_at, updated_at, client_id, enrollment_id, campaign_id, sender_id, kind, node_id, visit,
    detail, dedupe_key, due_at, state, attempts, held_by, held_reason
)
SELECT id, organization_id, %(now)s, %(now)s, client_id, enrollment_id, campaign_id, sender_id, kind, node_id, visit,
    detail, dedupe_key, due_at, 'due', 0, '', ''
FROM jsonb_to_recordset(%(rows)s::jsonb) AS wanted (
    id uuid, organization_id uuid, client_id uuid, enrollment_id uuid, campaign_id uuid, sender_id uuid, kind text,
    node_id text, visit int, detail jsonb, dedupe_key text, due_at timestamptz
)
ON CONFLICT (enrollment_id, dedupe_key) DO UPDATE SET
    sender_id = EXCLUDED.sender_id, kind = EXCLUDED.kind, node_id = EXCLUDED.node_id, visit = EXCLUDED.visit,
    due_at = EXCLUDED.due_at, detail = EXCLUDED.detail, state = 'due', held_by = '', held_reason = '',
    updated_at = EXCLUDED.updated_at
"""

_CANCEL = """
UPDATE campaigns_scheduledaction AS action SET state = 'cancelled', updated_at = %(now)s
FROM unnest(%(enrollments)s::uuid[], %(keys)s::text[]) AS gone (enrollment_id, dedupe_key)
WHERE action.enrollment_id = gone.enrollment_id AND action.dedupe_key = gone.dedupe_key AND action.state = 'due'
"""

_LOG = """
INSERT INTO campaigns_transition (
    id, organization_id, created_at, updated_at, client_id, enrollment_id, lead_id, occurred_at, from_node, to_node,
    cause, cause_ref, reason
)
SELECT id, organization_id, %(now)s, %(now)s, client_id, enrollment_id, lead_id, occurred_at, from_node, to_node,
    cause, cause_ref, reason
FROM jsonb_to_recordset(%(rows)s::jsonb) AS step (
    id uuid, organization_id uuid, client_id uuid, enrollment_id uuid, lead_id uuid, occurred_at timestamptz,
    from_node text, to_node text, cause text, cause_ref text, reason text
)
"""


def send_key(enrollment: Enrollment, node: str, visit: int, channel: str) -> str:
    """The outbox's unique key of one send: ``tenant:contact:campaign:node:channel:visit``."""
    return (
        f"{enrollment.organization_id}:{enrollment.lead_id}:{enrollment.campaign_id}:{node}:{channel}:{visit}"
    )


def sender_for(enrollment: Enrollment, channel: str, choice: str = "") -> SenderAccount | None:
    """The sender that writes to an enrollment's lead on a channel; ``choice`` is of ``assignment.choice_of``."""
    for link in enrollment.sender_links.all():
        if link.channel == channel and link.choice == choice:
            sender: SenderAccount = link.sender
            return sender
    return None


def lane_of(enrollment: Enrollment, node_id: str) -> UUID | None:
    """The sender in whose lane an action of a node is done: of a send, who sends; else any of the enrollment's."""
    node = plan_of(enrollment).index.get(node_id)
    if isinstance(node, SendNode):
        sender = sender_for(enrollment, node.channel, choice_of(node))
        if sender is not None:
            return sender.id
    return min((link.sender_id for link in enrollment.sender_links.all()), default=None)


@dataclass(slots=True)
class Changes:
    """What is to be written, in the order in which it was wanted."""

    _enrollments: dict[UUID, Enrollment] = field(default_factory=dict)
    #: (enrollment, key) -> what is due, or ``None`` for what is no longer.
    _actions: dict[tuple[UUID, str], dict[str, Any] | None] = field(default_factory=dict)
    _steps: list[dict[str, Any]] = field(default_factory=list)
    _withdrawn: list[tuple[Enrollment, str, str | None]] = field(default_factory=list)
    _ended: list[tuple[Enrollment, str, datetime]] = field(default_factory=list)
    _campaigns: set[UUID] = field(default_factory=set)

    def take(self, enrollment: Enrollment, step: Step) -> None:
        """Take in a step: the enrollment has its new state at once, its row when it is written."""
        state = step.state
        enrollment.state = to_json(state)
        enrollment.stage = state.stage
        enrollment.node_id = state.node
        self._enrollments[enrollment.id] = enrollment
        for command in step.commands:
            self._perform(enrollment, command)
        if step.commands:
            self._campaigns.add(enrollment.campaign_id)

    def _perform(self, enrollment: Enrollment, command: Command) -> None:
        match command:
            case ArmTimer(timer):
                detail = {"event": timer.event, "to": timer.to}
                self._due(
                    enrollment, "timer", f"timer:{timer.key}", timer.node, timer.visit, timer.at, detail
                )
            case RequestSend(send):
                self._due(enrollment, "send", send.key, send.node, send.visit, send.due_at, {})
            case CancelTimer(key):
                self._actions[enrollment.id, f"timer:{key}"] = None
            case WithdrawSend(key, reason):
                self._actions[enrollment.id, key] = None
                self._withdrawn.append((enrollment, reason, key))
            case RecordTransition(step):
                self.log(enrollment, step.from_node, step.to_node, step.cause, step.reason, step.at)
            case RetractTransitions():
                self.log(
                    enrollment, command.from_node, command.to_node, command.cause, command.reason, command.at
                )
            case Note(_, event_id, text, at):
                here = enrollment.node_id
                self.log(enrollment, here, here, Cause("event", event_id), text, at)
            case EndEnrollment(ended):
                enrollment.status = Enrollment.Status.ENDED
                enrollment.reason = ended.reason[:300]
                enrollment.ended_at = ended.at
                self._ended.append((enrollment, ended.outcome, ended.at))
                self._withdrawn.append((enrollment, ended.reason, None))

    def _due(
        self,
        enrollment: Enrollment,
        kind: str,
        key: str,
        node: str,
        visit: int,
        due_at: datetime,
        detail: dict[str, str],
    ) -> None:
        sender_id = lane_of(enrollment, node)
        self._actions[enrollment.id, key] = {
            "id": uuid7(),
            "organization_id": enrollment.organization_id,
            "client_id": enrollment.client_id,
            "enrollment_id": enrollment.id,
            "campaign_id": enrollment.campaign_id,
            "sender_id": sender_id,
            "kind": kind,
            "node_id": node,
            "visit": visit,
            "detail": detail,
            "dedupe_key": key,
            "due_at": due_at,
        }

    def withdraw_all(self, enrollment: Enrollment, reason: str) -> None:
        """Withdraw whatever of an enrollment waits in the outbox, whatever plan it is of."""
        self._withdrawn.append((enrollment, reason, None))

    def settle(self, enrollment: Enrollment, key: str) -> None:
        """Forget what was wanted of an action that is over: its send is in the outbox."""
        self._actions.pop((enrollment.id, key), None)

    def log(
        self, enrollment: Enrollment, source: str, target: str, cause: Cause, reason: str, at: datetime
    ) -> None:
        """Append a step to the enrollment's history."""
        self._steps.append(
            {
                "id": uuid7(),
                "organization_id": enrollment.organization_id,
                "client_id": enrollment.client_id,
                "enrollment_id": enrollment.id,
                "lead_id": enrollment.lead_id,
                "occurred_at": at,
                "from_node": source,
                "to_node": target,
                "cause": cause.kind,
                "cause_ref": cause.ref[:200],
                "reason": reason[:300],
            }
        )

    def write(self) -> None:
        """Write everything, then tell who wants to know. Must run inside a transaction."""
        at = now()
        ended = {enrollment.id for enrollment, _, _ in self._ended}
        if self._enrollments:
            _execute(_ENROLLMENTS, at, [_row_of(enrollment) for enrollment in self._enrollments.values()])
        gone = [name for name, row in self._actions.items() if row is None]
        if gone:
            with connection.cursor() as cursor:
                cursor.execute(
                    _CANCEL,
                    {
                        "now": at,
                        "enrollments": [enrollment_id for enrollment_id, _ in gone],
                        "keys": [key for _, key in gone],
                    },
                )
        due = [row for name, row in self._actions.items() if row is not None and name[0] not in ended]
        if due:
            _execute(_SCHEDULE, at, due)
        if ended:
            ScheduledAction.objects.filter(enrollment_id__in=ended, state=ScheduledAction.State.DUE).update(
                state=ScheduledAction.State.CANCELLED, updated_at=at
            )
        if self._steps:
            _execute(_LOG, at, self._steps)
        self._withdraw()
        for enrollment, outcome, moment in self._ended:
            key = f"{enrollment.id}:ended:{outcome}"[:160]
            publish(EnrollmentEnded(enrollment=enrollment, occurred_at=moment, key=key))
        for campaign_id in self._campaigns:
            campaign_service.changed(campaign_id)

    def _withdraw(self) -> None:
        """Withdraw sends that have not been attempted; their senders' locks are held, so none is being attempted."""
        if not self._withdrawn:
            return
        leads = {enrollment.lead_id for enrollment, _, _ in self._withdrawn}
        waiting: dict[UUID | None, list[OutboundMessage]] = {}
        for row in queued_of(leads):
            waiting.setdefault(row.enrollment_id, []).append(row)
        for enrollment, reason, key in self._withdrawn:
            for row in waiting.get(enrollment.id, ()):
                if key is None or row.dedupe_key == _outbox_key(enrollment, key):
                    outbox.cancel(row, reason=reason)


def queued_of(lead_ids: Iterable[UUID]) -> Iterable[OutboundMessage]:
    """What waits in the outbox for leads because of a campaign."""
    rows: Iterable[OutboundMessage] = OutboundMessage.objects.filter(
        Q(lead_id__in=list(lead_ids)), state=OutboundMessage.State.QUEUED, enrollment_id__isnull=False
    )
    return rows


def _outbox_key(enrollment: Enrollment, action_key: str) -> str:
    """The outbox's key of the send that an action's key (``<node>:<visit>:send``) names."""
    node_id, visit, _ = action_key.rsplit(":", 2)
    node = plan_of(enrollment).index.get(node_id)
    channel = node.channel if isinstance(node, SendNode) else ""
    return send_key(enrollment, node_id, int(visit), channel)


def _row_of(enrollment: Enrollment) -> dict[str, Any]:
    return {
        "id": enrollment.id,
        "state": enrollment.state,
        "stage": enrollment.stage,
        "node_id": enrollment.node_id,
        "status": enrollment.status,
        "reason": enrollment.reason,
        "ended_at": enrollment.ended_at,
    }


def _execute(statement: str, at: datetime, rows: list[dict[str, Any]]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, {"now": at, "rows": as_json(rows)})
