"""Reads of queues by organization, for platform staff: whose work waits, and since when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, Min, QuerySet

from integrations.models import OutboundMessage, SyncRun, WebhookDelivery
from project.core.clock import now
from project.core.scoping import platform_scope
from project.tenancy.models import Organization

SHOWN = 100


@dataclass(frozen=True, slots=True)
class QueueAge:
    """What waits of one organization, and since when the oldest of it could be worked on (``None``: nothing waits)."""

    organization: Organization
    webhooks: int
    webhooks_since: datetime | None
    sends: int
    sends_since: datetime | None
    syncs: int
    syncs_since: datetime | None

    @property
    def oldest(self) -> datetime | None:
        """Since when the oldest of all waits."""
        return min(filter(None, (self.webhooks_since, self.sends_since, self.syncs_since)), default=None)


def queue_ages() -> list[QueueAge]:
    """Return the organizations, the longest waiting first, in a constant number of queries."""
    at = now()
    with platform_scope("show queues by organization"):
        webhooks = _by_organization(
            WebhookDelivery.objects.filter(
                state__in=("received", "processing", "failed"), not_before__lte=at
            ),
            "received_at",
        )
        sends = _by_organization(
            OutboundMessage.objects.filter(
                state=OutboundMessage.State.QUEUED, hold_code="", not_before__lte=at
            ),
            "not_before",
        )
        syncs = _by_organization(SyncRun.objects.filter(state=SyncRun.State.QUEUED), "created_at")
        waiting = {**webhooks, **sends, **syncs}
        found = list(Organization.objects.filter(is_active=True, id__in=waiting)[:1000])
    none = (0, None)
    rows = [
        QueueAge(row, *webhooks.get(row.id, none), *sends.get(row.id, none), *syncs.get(row.id, none))
        for row in found
    ]
    return sorted(rows, key=lambda row: row.oldest or at)[:SHOWN]


def _by_organization(rows: QuerySet[Any], field: str) -> dict[UUID, tuple[int, datetime | None]]:
    grouped = rows.order_by().values("organization_id").annotate(count=Count("id"), since=Min(field))
    return {row["organization_id"]: (row["count"], row["since"]) for row in grouped}
