"""The tick of provider-run campaigns: what was forgotten, what holds a campaign up by now, what is to be read."""

from __future__ import annotations

from itertools import groupby
from uuid import UUID

from django.db import transaction

from campaigns.models import Campaign, CampaignMirror
from campaigns.services.provider_runs import (
    creating,
    job,
    mirroring,
    mirrors,
    parts,
    standing,
    stopping,
    suppressing,
)
from project.core.scoping import organization_scope
from project.core.tasks import enqueue


def sweep() -> int:
    """Hint at what is due; return how many hints that were. Runs over all organizations."""
    from campaigns.tasks import bring_in_line, carry_out_suppression, read_provider_run  # tasks call services

    changed = _changed_standing()
    unstopped = list(stopping.overdue().values_list("campaign_id", "organization_id")[: job.SWEEP_BATCH])
    for campaign_id, organization_id in [*changed, *creating.unblock(), *unstopped]:
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

    Also those whose job waits for a person: a pause is its first part, so that what blocks it does not keep them
    running.

    A constant number of statements for each organization, however many campaigns it has.
    """
    rows = (
        CampaignMirror.objects.filter(campaign__status=Campaign.Status.ACTIVE)
        .exclude(provider_campaign_id="")
        .exclude(job=CampaignMirror.Job.DUE)
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
            if _is_to_be_told(row, standing.held(row, given))
        ]
    return found


def _is_to_be_told(row: CampaignMirror, held: str) -> bool:
    """Whether what holds a campaign up came or went, or somebody started it there while it is held up."""
    started_there = bool(held) and row.job == CampaignMirror.Job.IDLE and row.status in parts.GOING
    return bool(held) != bool(row.held_reason) or started_there
