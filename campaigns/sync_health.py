"""How fresh what is known of campaigns' answers is (mission S3): the worst of a campaign's accounts decides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from campaigns.models import Campaign, CampaignSender
from integrations.sync_health import health_of

#: The worst first.
_ORDER: Final = ("failing", "never", "lagging", "limited", "running", "ok")


def of_campaigns(campaigns: Sequence[Campaign]) -> list[dict[str, Any]]:
    """Return how fresh each campaign is, in a constant number of queries."""
    links = CampaignSender.objects.filter(campaign__in=campaigns).select_related("sender__connection")
    accounts = {link.sender_id: link.sender for link in links}
    healths = {row["sender_id"]: row for row in health_of(list(accounts.values()))}
    by_campaign: dict[UUID, list[dict[str, Any]]] = {}
    for link in links:
        by_campaign.setdefault(link.campaign_id, []).append(healths[link.sender_id])
    return [_health(campaign, by_campaign.get(campaign.id, [])) for campaign in campaigns]


def _health(campaign: Campaign, accounts: list[dict[str, Any]]) -> dict[str, Any]:
    worst = min(accounts, key=lambda row: _ORDER.index(row["message_sync_status"]), default=None)
    times = [row["last_message_sync_at"] for row in accounts if row["last_message_sync_at"]]
    return {
        "campaign_id": campaign.id,
        "name": campaign.name,
        "message_sync_status": worst["message_sync_status"] if worst else "none",
        # What is known of all of them.
        "last_message_sync_at": min(times) if times and len(times) == len(accounts) else None,
        "last_message_sync_error": worst["last_message_sync_error"] if worst else "",
        "note": worst["note"] if worst else "",
    }
