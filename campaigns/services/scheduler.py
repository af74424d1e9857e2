"""The scheduler: whether it runs (whole installation, each organization), and how far behind it is."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from campaigns.models import EngineSettings, SchedulerState
from campaigns.services import lanes
from project.core.clock import now
from project.tenancy import audit
from project.tenancy.models import Organization, User

_STATUS = """
WITH waiting AS (
    SELECT organization_id, count(*) AS due, count(*) FILTER (WHERE held_by <> '') AS held, min(due_at) AS oldest
    FROM campaigns_scheduledaction
    WHERE state = 'due' AND due_at <= %(now)s AND (%(only)s::uuid IS NULL OR organization_id = %(only)s)
    GROUP BY organization_id
), served AS (
    SELECT organization_id, count(*) FILTER (WHERE claimed_until >= %(now)s) AS claimed, max(served_at) AS served_at
    FROM campaigns_enginelane
    WHERE %(only)s::uuid IS NULL OR organization_id = %(only)s
    GROUP BY organization_id
)
SELECT organization.id, organization.slug, COALESCE(chosen.is_running, true), COALESCE(chosen.reason, ''),
    COALESCE(waiting.due, 0), COALESCE(waiting.held, 0), COALESCE(served.claimed, 0), waiting.oldest, served.served_at
FROM tenancy_organization AS organization
LEFT JOIN campaigns_enginesettings AS chosen ON chosen.organization_id = organization.id
LEFT JOIN waiting ON waiting.organization_id = organization.id
LEFT JOIN served ON served.organization_id = organization.id
WHERE organization.is_active AND (%(only)s::uuid IS NULL OR organization.id = %(only)s)
ORDER BY organization.slug
"""


@dataclass(frozen=True, slots=True)
class OrganizationStatus:
    """How one organization stands: actions due now, lanes in work, and the age of the oldest due action, in seconds."""

    organization_id: UUID
    slug: str
    is_running: bool
    reason: str
    due: int
    held: int
    claimed_lanes: int
    lag_s: float
    served_at: datetime | None


@dataclass(frozen=True, slots=True)
class Status:
    """The whole scheduler at one moment."""

    is_running: bool
    reason: str
    changed_by: str
    last_tick_at: datetime | None
    last_worker: str
    last_claimed: int
    last_done: int
    organizations: list[OrganizationStatus]

    def as_json(self) -> dict[str, Any]:
        """The status as JSON types."""
        return {
            **asdict(self),
            "last_tick_at": _iso(self.last_tick_at),
            "organizations": [
                {
                    **asdict(row),
                    "organization_id": str(row.organization_id),
                    "served_at": _iso(row.served_at),
                }
                for row in self.organizations
            ],
        }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _state() -> SchedulerState:
    return SchedulerState.objects.get_or_create(name="engine")[0]


def is_running() -> bool:
    """Whether the installation's scheduler runs."""
    return not SchedulerState.objects.filter(name="engine", is_running=False).exists()


def ticked(*, claimed: int, done: int) -> None:
    """Note that a tick is over."""
    SchedulerState.objects.update_or_create(
        name="engine",
        defaults={
            "last_tick_at": now(),
            "last_worker": lanes.worker_name(),
            "last_claimed": claimed,
            "last_done": done,
        },
    )


def status(organization_id: UUID | None = None) -> Status:
    """Return how the scheduler stands, over all organizations (platform scope) or for one."""
    state = _state()
    with connection.cursor() as cursor:
        at = now()
        cursor.execute(_STATUS, {"now": at, "only": organization_id})
        rows = [
            OrganizationStatus(
                organization_id=found,
                slug=slug,
                is_running=running,
                reason=reason,
                due=int(due),
                held=int(held),
                claimed_lanes=claimed,
                lag_s=(at - oldest).total_seconds() if oldest else 0.0,
                served_at=served_at,
            )
            for found, slug, running, reason, due, held, claimed, oldest, served_at in cursor.fetchall()
        ]
    return Status(
        is_running=state.is_running,
        reason=state.reason,
        changed_by=state.changed_by,
        last_tick_at=state.last_tick_at,
        last_worker=state.last_worker,
        last_claimed=state.last_claimed,
        last_done=state.last_done,
        organizations=rows,
    )


@transaction.atomic
def set_platform(*, running: bool, reason: str = "", by: str) -> bool:
    """Start or stop the scheduler of the installation; return whether that changed anything. ``by`` names who."""
    state = _state()
    changed = state.is_running != running
    SchedulerState.objects.filter(id=state.id).update(
        is_running=running, reason="" if running else reason[:200], changed_by=by[:120], updated_at=now()
    )
    return changed


@transaction.atomic
def set_organization(*, organization: Organization, running: bool, reason: str = "", actor: User) -> bool:
    """Start or stop the scheduler of one organization; return whether that changed anything. Needs its scope.

    A stopped one claims nothing from the next claim on; what is in the outbox goes on (kill switches stop that too).
    """
    row, _ = EngineSettings.objects.get_or_create()
    if row.is_running == running:
        return False
    EngineSettings.objects.filter(id=row.id).update(
        is_running=running, reason="" if running else reason[:200], changed_by=actor, updated_at=now()
    )
    action = "scheduler.started" if running else "scheduler.stopped"
    audit.record(actor=actor, action=action, subject=organization, reason=reason)
    return True


@transaction.atomic
def set_fresh_minutes(*, organization: Organization, minutes: int | None, actor: User) -> None:
    """Set how old an inbox may be before follow-ups wait; ``None`` for the installation's setting, 0 for never."""
    row, _ = EngineSettings.objects.get_or_create()
    EngineSettings.objects.filter(id=row.id).update(fresh_minutes=minutes, updated_at=now())
    audit.record(actor=actor, action="engine.freshness_set", subject=organization, minutes=minutes)
