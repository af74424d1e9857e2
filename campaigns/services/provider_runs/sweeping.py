"""The tick of provider-run campaigns: what was forgotten, what holds a campaign up by now, what is to be read."""

from __future__ import annotations

from itertools import groupby
from uuid import UUID

from django.db import transaction

from campaigns.models import Campaign, CampaignMirror
from campaigns.services.provider_runs import creating, job, mirroring, mirrors, standing, suppressing
from project.core.scoping import organization_scope
from project.core.tasks import enqueue


def sweep() -> int:
    """Hint at what is due; return how many hints that were. Runs over all organizations."""
    from campaigns.tasks import bring_in_line, carry_out_suppression, read_provider_run  # tasks call services

    changed = _changed_standing()
    for campaign_id, organization_id in [*changed, *creating.unblock()]:
        with organization_scope(organization_id):
            mirrors.request(campaign_id)
    jobs, reads, entries = job.forgotten(), mirroring.due(), suppressing.forgotten()
    with transaction.atomic():
        for campaign_id, organization_id in jobs:
            enqueue(bring_in_line, organization_id=organization_id, campaign_id=campaign_id)
        for campaign_id, organization_id in reads:
            enqueue(read_provider_run, organization_id=organization_id, campaign_id=campaign_id)
        for entry_id, organization_id in entries:
            enqueue(carry_out_suppression, organization_id=organization_id, suppression_id=entry_id)
    return len(changed) + len(jobs) + len(reads) + len(entries)


def _changed_standing() -> list[tuple[UUID, UUID]]:
    """Active campaigns that something holds up although they run at the provider, or lets go although they do not.

    A constant number of statements for each organization, however many campaigns it has.
    """
    rows = (
        CampaignMirror.objects.filter(campaign__status=Campaign.Status.ACTIVE, job=CampaignMirror.Job.IDLE)
        .exclude(provider_campaign_id="")
        .select_related("connection", "campaign", "campaign__organization")
        .order_by("organization_id", "id")
    )
    found: list[tuple[UUID, UUID]] = []
    for organization_id, group in groupby(rows, key=lambda row: row.organization_id):
        mirrored = list(group)
        with organization_scope(organization_id):
            given = standing.circumstances(row.campaign_id for row in mirrored)
        found += [
            (row.campaign_id, organization_id)
            for row in mirrored
            if bool(standing.held(row, given)) != bool(row.held_reason)
        ]
    return found
