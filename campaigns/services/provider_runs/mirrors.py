"""Mirrors: the row of a provider-run campaign, and asking for the provider to be brought in line with it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F

from campaigns.models import Campaign, CampaignMirror
from campaigns.services import live
from integrations import registry
from integrations.running import CampaignStatus, ProviderCampaign, ProviderStatistics
from project.core.clock import now
from project.core.tasks import enqueue

Job = CampaignMirror.Job
#: Statuses of a campaign that is over at its provider.
ENDED = frozenset({CampaignStatus.COMPLETED, CampaignStatus.STOPPED, CampaignStatus.ARCHIVED})


def of_campaign(campaign_id: UUID) -> CampaignMirror:
    """The mirror of a provider-run campaign, with its connection and campaign."""
    found: CampaignMirror = CampaignMirror.objects.select_related("connection", "campaign").get(
        campaign_id=campaign_id
    )
    return found


def label_of(mirror: CampaignMirror) -> str:
    """What the provider is called."""
    return registry.get(mirror.connection.provider).label


@transaction.atomic
def request(campaign_id: UUID, *, at: datetime | None = None) -> None:
    """Have the provider brought in line with a campaign, once this transaction has committed."""
    from campaigns.tasks import bring_in_line  # tasks call services

    rows = CampaignMirror.objects.filter(campaign_id=campaign_id)
    rows.update(job=Job.DUE, wanted=F("wanted") + 1, not_before=at or now(), updated_at=now())
    enqueue(bring_in_line, campaign_id=campaign_id)


@transaction.atomic
def note_status(mirror: CampaignMirror, *, status: CampaignStatus, raw_status: str, at: datetime) -> bool:
    """Keep what the provider said its campaign is at ``at``; older news changes nothing. Says whether it is new.

    A campaign that came to its end at the provider is completed here.
    """
    # The campaign's row before its mirror's, as launching and enrolling do.
    Campaign.objects.select_for_update(of=("self",)).get(id=mirror.campaign_id)
    row = CampaignMirror.objects.select_for_update(of=("self",)).get(id=mirror.id)
    if row.status_at is not None and at < row.status_at:
        return False
    is_new = (row.status, row.raw_status) != (status.value, raw_status[:60])
    CampaignMirror.objects.filter(id=row.id).update(
        status=status.value, raw_status=raw_status[:60], status_at=at, updated_at=now()
    )
    mirror.status, mirror.raw_status, mirror.status_at = status.value, raw_status[:60], at
    if is_new:
        if status is CampaignStatus.COMPLETED:
            Campaign.objects.filter(id=row.campaign_id, status=Campaign.Status.ACTIVE).update(
                status=Campaign.Status.COMPLETED, updated_at=now()
            )
        elif status is CampaignStatus.RUNNING:
            Campaign.objects.filter(id=row.campaign_id, status=Campaign.Status.COMPLETED).update(
                status=Campaign.Status.ACTIVE, updated_at=now()
            )
        live.campaign_changed(row.campaign_id)
    return is_new


def note_campaign(mirror: CampaignMirror, seen: ProviderCampaign, *, at: datetime) -> bool:
    """Keep a campaign as the provider has just shown it."""
    return note_status(mirror, status=seen.status, raw_status=seen.raw_status, at=at)


@transaction.atomic
def note_statistics(mirror: CampaignMirror, *, counted: ProviderStatistics, at: datetime) -> None:
    """Keep the provider's own counters."""
    numbers: dict[str, Any] = counted.model_dump(
        mode="json", exclude={"raw", "campaign_id"}, exclude_none=True
    )
    CampaignMirror.objects.filter(id=mirror.id).update(statistics=numbers, statistics_at=at, updated_at=now())
    if numbers != mirror.statistics:
        live.campaign_changed(mirror.campaign_id)
    mirror.statistics, mirror.statistics_at = numbers, at
