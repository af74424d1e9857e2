"""Synchronisation as campaigns see it: historical connections, and how fresh the accounts of each campaign are."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from ninja import Query, Schema, Status

from campaigns import sync_health
from campaigns.api.routing import router
from campaigns.models import Campaign
from campaigns.services import historical
from integrations.api_rows import senders
from integrations.api_sync import SyncRunOut
from project.core.api_pages import PageIn, PageOut, page_of
from project.tenancy.access import Permission, get_or_404
from project.tenancy.api_auth import ApiRequest, api_rule


class HistoricalIn(Schema):
    """Whose connections to read: one account's, or those of all LinkedIn accounts of the campaign."""

    sender_id: UUID | None = None


class CampaignSyncOut(Schema):
    """How fresh what is known of a campaign's answers is: the worst of its accounts decides.

    ``message_sync_status`` is ok, running, lagging, limited, failing, never, or none for a campaign without accounts.
    """

    campaign_id: UUID
    name: str
    message_sync_status: str
    last_message_sync_at: datetime | None
    last_message_sync_error: str
    note: str


@router.post("/campaigns/{campaign_id}/connections", response={202: list[SyncRunOut]}, tags=["Campaigns"])
@api_rule(Permission.OPS_ACT)
def match_connections(request: ApiRequest, campaign_id: UUID, payload: HistoricalIn) -> Any:
    """Read all connections of the campaign's LinkedIn accounts and tell its leads among them as connected."""
    rows = Campaign.objects.filter(request.access.client_filter())
    campaign: Campaign = get_or_404(rows, campaign_id)
    sender = get_or_404(senders(request.access), payload.sender_id) if payload.sender_id else None
    return Status(202, historical.request(campaign=campaign, sender=sender, actor=request.access.user))


@router.get(
    "/analytics/message-sync-health/campaigns", response=PageOut[CampaignSyncOut], tags=["Synchronisation"]
)
@api_rule(Permission.OPS_VIEW)
def campaign_sync_health(request: ApiRequest, page: Query[PageIn]) -> Any:
    """How fresh what is known of each campaign's answers is, newest campaign first."""
    rows = Campaign.objects.filter(request.access.client_filter()).exclude(status=Campaign.Status.ARCHIVED)
    found = page_of(rows, page, order=("-created_at", "-id"))
    return {**found, "items": sync_health.of_campaigns(found["items"])}
