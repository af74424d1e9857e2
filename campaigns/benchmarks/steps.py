"""What the processes of the ``engine`` benchmark do: ticks, the one statement, and a task for each step.

Run as a module by the benchmark: says ``ready``, waits for a line, works until nothing is left, says ``done``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Final
from uuid import UUID

QUEUE: Final = "bench-engine"

_STATEMENT: Final = """
WITH due AS (
    SELECT id, organization_id, enrollment_id FROM campaigns_scheduledaction
    WHERE state = 'due' AND due_at <= now() AND kind = 'send' LIMIT 1000 FOR UPDATE SKIP LOCKED
), done AS (
    UPDATE campaigns_scheduledaction AS action SET state = 'done', updated_at = now() FROM due WHERE action.id = due.id
    RETURNING action.organization_id, action.enrollment_id, action.client_id, action.campaign_id, action.sender_id
), moved AS (
    UPDATE campaigns_enrollment AS enrollment SET state = state || '{"phase": "in_flight"}', updated_at = now()
    FROM done WHERE enrollment.id = done.enrollment_id RETURNING enrollment.id, enrollment.lead_id
)
INSERT INTO integrations_outboundmessage (
    id, organization_id, created_at, updated_at, client_id, sender_id, channel, action, origin, dedupe_key, lead_id,
    campaign_id, enrollment_id, node_id, visit, variant_id, recipient, body, payload, state, not_before, attempts,
    reservation, message_id, provider_message_id, chat_id, provider_chat_id, invitation_id, already, hold_code,
    hold_reason, error_kind, error_detail
)
SELECT gen_random_uuid(), done.organization_id, now(), now(), done.client_id, done.sender_id, 'linkedin', 'invite',
    'campaign', done.enrollment_id::text, moved.lead_id, done.campaign_id, done.enrollment_id, 'invite', 1, '', '{}',
    'Hi Ada, I read about Company and month-end. Shall we connect? Sender', '{}', 'queued', now(), 0, '{}', '', '', '',
    '', '', '', '', '', '', ''
FROM done JOIN moved ON moved.id = done.enrollment_id
"""


def raise_limits() -> None:
    """Let the budgets be counted and not bind."""
    from django.conf import settings

    settings.DAILY_LIMITS = dict.fromkeys(settings.DAILY_LIMITS, 1_000_000)
    settings.WEEKLY_LIMITS = {}
    settings.VELOCITY_GROWTH_PERCENT = None
    settings.ORGANIZATION_DAILY_LIMIT = 10_000_000


def _tick() -> None:
    from campaigns.services import engine
    from project.core.scoping import platform_scope

    with platform_scope("benchmark"):
        engine.tick(seconds=600)


def _statement() -> None:
    from django.db import connection

    from project.core.scoping import platform_scope

    with platform_scope("benchmark"), connection.cursor() as cursor:
        while True:
            cursor.execute(_STATEMENT)
            if not cursor.rowcount:
                return


def due(organizations: Sequence[UUID]) -> list[tuple[str, str, str]]:
    """The due sends as (organization, action, enrollment)."""
    from campaigns.models import ScheduledAction
    from project.core.scoping import platform_scope

    with platform_scope("benchmark"):
        rows = ScheduledAction.objects.filter(organization_id__in=organizations, state="due", kind="send")
        return [
            (str(organization_id), str(action_id), str(enrollment_id))
            for organization_id, action_id, enrollment_id in rows.values_list(
                "organization_id", "id", "enrollment_id"
            )
        ]


def send(steps: Sequence[tuple[str, str, str]]) -> None:
    """Enqueue a task for each step."""
    from celery import current_app

    with current_app.producer_or_acquire() as producer:
        for step in steps:
            current_app.send_task("bench.step", args=list(step), queue=QUEUE, producer=producer)


def step(organization_id: str, action_id: str, enrollment_id: str) -> None:
    """Do one step: the same code as a batch, for one action in a transaction of its own."""
    from django.db import transaction

    from campaigns.models import EngineLane, ScheduledAction
    from campaigns.services.engine import Batch
    from campaigns.services.lanes import Lane
    from project.core.scoping import organization_scope

    raise_limits()
    with organization_scope(organization_id), transaction.atomic():
        action = ScheduledAction.objects.get(id=action_id)
        lane = EngineLane.objects.get(sender_id=action.sender_id)
        row = (action.id, UUID(enrollment_id), Lane(lane.id, lane.sender_id, lane.next_slot_at))
        if not Batch([row]).run():
            # Its sender is at work in the other process: the task is tried again, as Celery would.
            send([(organization_id, action_id, enrollment_id)])


def main(what: str) -> None:
    """Set up, wait for the start, work."""
    import django

    django.setup()
    raise_limits()
    from django.db import connection

    connection.ensure_connection()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    {"tick": _tick, "statement": _statement}[what]()
    sys.stdout.write("done\n")
    sys.stdout.flush()


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings.dev")
    main(sys.argv[1])
else:
    from celery import shared_task

    shared_task(name="bench.step")(step)
