"""Lanes: how workers share what is due. One statement leases the lanes longest unserved and takes their oldest actions.

A lane is one sender's queue. Each organization gets a batch in turn and each of its lanes the same share of the batch,
so a sender with 100,000 due actions delays nobody. A lease that its worker lost runs out; the next claim takes fewer
actions of that lane, down to one, so that an action that kills its worker does so alone.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final
from uuid import UUID

from django.db import connection

from project.core.clock import now

LEASE: Final = timedelta(seconds=60)
#: Lanes and actions of one batch; a batch is one transaction.
LANES: Final = 24
BATCH: Final = 600

_MAKE = """
INSERT INTO campaigns_enginelane (id, organization_id, sender_id, claimed_by, crashes, created_at, updated_at)
SELECT gen_random_uuid(), wanted.organization_id, wanted.sender_id, '', 0, %(now)s, %(now)s
FROM (
    SELECT organization_id, id AS sender_id FROM integrations_senderaccount
    UNION ALL SELECT id, NULL FROM tenancy_organization
) AS wanted
WHERE NOT EXISTS (
    SELECT FROM campaigns_enginelane AS lane
    WHERE lane.organization_id = wanted.organization_id AND lane.sender_id IS NOT DISTINCT FROM wanted.sender_id
)
ON CONFLICT DO NOTHING
"""

#: A lane has work: its sender's, or, of the lane without a sender, what has none.
_HAS_WORK = """
(EXISTS (
    SELECT FROM campaigns_scheduledaction AS action
    WHERE action.organization_id = lane.organization_id AND action.sender_id = lane.sender_id
        AND action.state = 'due' AND action.due_at <= %(now)s
) OR (lane.sender_id IS NULL AND EXISTS (
    SELECT FROM campaigns_scheduledaction AS action
    WHERE action.organization_id = lane.organization_id AND action.sender_id IS NULL
        AND action.state = 'due' AND action.due_at <= %(now)s
)))
"""

_WAITING = f"""
SELECT DISTINCT lane.organization_id
FROM campaigns_enginelane AS lane
JOIN tenancy_organization AS organization ON organization.id = lane.organization_id AND organization.is_active
LEFT JOIN campaigns_enginesettings AS chosen ON chosen.organization_id = lane.organization_id
WHERE (lane.claimed_until IS NULL OR lane.claimed_until < %(now)s)
    AND COALESCE(chosen.is_running, true) AND {_HAS_WORK}
"""  # noqa: S608 (nothing but text of this module)

_CLAIM = f"""
WITH free AS (
    SELECT lane.id FROM campaigns_enginelane AS lane
    WHERE lane.organization_id = %(organization)s
        AND (lane.claimed_until IS NULL OR lane.claimed_until < %(now)s)
        AND NOT EXISTS (
            SELECT FROM campaigns_enginesettings AS chosen
            WHERE chosen.organization_id = %(organization)s AND NOT chosen.is_running
        )
        AND {_HAS_WORK}
    ORDER BY lane.served_at NULLS FIRST, lane.id
    LIMIT %(lanes)s
    FOR UPDATE OF lane SKIP LOCKED
), leased AS (
    UPDATE campaigns_enginelane AS lane
    SET claimed_until = %(until)s, claimed_by = %(worker)s, served_at = %(now)s,
        crashes = CASE WHEN lane.claimed_until IS NULL THEN 0 ELSE LEAST(lane.crashes + 1, 20) END
    FROM free WHERE lane.id = free.id
    RETURNING lane.id, lane.organization_id, lane.sender_id, lane.next_slot_at, lane.crashes
), share AS (
    SELECT GREATEST(1, %(batch)s / GREATEST(1, count(*))) AS depth FROM leased
)
SELECT leased.id, leased.sender_id, leased.next_slot_at, found.id, found.enrollment_id
FROM leased CROSS JOIN share CROSS JOIN LATERAL (
    (
        SELECT action.id, action.enrollment_id, action.due_at FROM campaigns_scheduledaction AS action
        WHERE action.organization_id = leased.organization_id AND action.sender_id = leased.sender_id
            AND action.state = 'due' AND action.due_at <= %(now)s
        ORDER BY action.due_at, action.id
        LIMIT GREATEST(1, share.depth >> leased.crashes)
    ) UNION ALL (
        SELECT action.id, action.enrollment_id, action.due_at FROM campaigns_scheduledaction AS action
        WHERE leased.sender_id IS NULL
            AND action.organization_id = leased.organization_id AND action.sender_id IS NULL
            AND action.state = 'due' AND action.due_at <= %(now)s
        ORDER BY action.due_at, action.id
        LIMIT GREATEST(1, share.depth >> leased.crashes)
    )
) AS found
ORDER BY found.due_at, found.id
"""  # noqa: S608

_FREE = """
UPDATE campaigns_enginelane AS lane SET claimed_until = NULL, claimed_by = '', next_slot_at = kept.next_slot_at
FROM unnest(%(ids)s::uuid[], %(slots)s::timestamptz[]) AS kept (id, next_slot_at)
WHERE lane.id = kept.id AND lane.claimed_by = %(worker)s AND lane.claimed_until = %(until)s
"""


@dataclass(slots=True)
class Lane:
    """A leased lane; ``next_slot_at`` moves on as overdue actions get their turn."""

    id: UUID
    sender_id: UUID | None
    next_slot_at: datetime | None


@dataclass(slots=True)
class Claim:
    """Leased lanes of one organization with their oldest due actions, oldest first: (action, enrollment, lane)."""

    organization_id: UUID
    until: datetime
    lanes: dict[UUID, Lane] = field(default_factory=dict)
    actions: list[tuple[UUID, UUID, Lane]] = field(default_factory=list)


@cache
def _host() -> str:
    return socket.gethostname()[:40]


def worker_name() -> str:
    """The name of this process, for people who look at leases."""
    return f"{_host()}:{os.getpid()}"


def prepare() -> None:
    """Make lanes for senders and organizations that have none yet. Needs the platform scope."""
    with connection.cursor() as cursor:
        cursor.execute(_MAKE, {"now": now()})


def waiting_organizations() -> list[UUID]:
    """The organizations with something due that nobody works on. Needs the platform scope."""
    with connection.cursor() as cursor:
        cursor.execute(_WAITING, {"now": now()})
        return [row[0] for row in cursor.fetchall()]


def claim(organization_id: UUID, *, lanes: int = LANES, batch: int = BATCH) -> Claim:
    """Lease lanes of an organization in one statement. Needs its scope. The lease is committed when this returns
    (outside of a transaction), so a worker that dies loses nothing but time.
    """
    moment = now()
    claimed = Claim(organization_id, moment + LEASE)
    with connection.cursor() as cursor:
        cursor.execute(
            _CLAIM,
            {
                "organization": organization_id,
                "now": moment,
                "until": claimed.until,
                "worker": worker_name(),
                "lanes": lanes,
                "batch": batch,
            },
        )
        for lane_id, sender_id, next_slot_at, action_id, enrollment_id in cursor.fetchall():
            lane = claimed.lanes.setdefault(lane_id, Lane(lane_id, sender_id, next_slot_at))
            claimed.actions.append((action_id, enrollment_id, lane))
    return claimed


def free(claim_: Claim, only: Sequence[Lane] | None = None) -> None:
    """Give leases back: those of this claim that nobody took over meanwhile."""
    found = list(claim_.lanes.values()) if only is None else list(only)
    if not found:
        return
    values: dict[str, Any] = {
        "ids": [lane.id for lane in found],
        "slots": [lane.next_slot_at for lane in found],
        "worker": worker_name(),
        "until": claim_.until,
    }
    with connection.cursor() as cursor:
        cursor.execute(_FREE, values)
