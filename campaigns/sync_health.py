"""How fresh what is known of campaigns' answers is (mission S3): the worst of a campaign's accounts decides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from campaigns.models import Campaign, CampaignSender
from integrations.sync_health import health_of
from project.tenancy.access import Access

#: The worst first, with words and tone.
_WORDS: Final = {
    "failing": ("Failing", "bad"),
    "never": ("Not read yet", "warn"),
    "lagging": ("Behind", "warn"),
    "none": ("No account", "mute"),
    "limited": ("By webhook only", "ok"),
    "running": ("Being read", "ok"),
    "ok": ("Up to date", "ok"),
}
_ORDER: Final = tuple(_WORDS)
#: Running campaigns that the page shows, the newest ones.
SHOWN: Final = 100


def rows(access: Access) -> list[dict[str, Any]]:
    """Running campaigns within reach for the page of sync health, the worst first."""
    found = Campaign.objects.filter(access.client_filter(), status=Campaign.Status.ACTIVE)
    healths = of_campaigns(list(found.order_by("-created_at", "-id")[:SHOWN]))
    healths.sort(key=lambda row: _ORDER.index(row["message_sync_status"]))
    return [
        {
            "campaign_id": row["campaign_id"],
            "name": row["name"],
            "path": f"campaigns/{row['campaign_id']}/",
            "state": _WORDS[row["message_sync_status"]][0],
            "tone": _WORDS[row["message_sync_status"]][1],
            "at": row["last_message_sync_at"],
            "why": row["last_message_sync_error"] or row["note"],
        }
        for row in healths
    ]


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
