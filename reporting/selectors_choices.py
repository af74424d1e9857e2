"""What the forms of reports offer."""

from __future__ import annotations

from typing import Any, Final

from campaigns.models import Campaign, LeadImport
from integrations.models import Channel, SenderAccount
from project.tenancy.access import Access
from project.tenancy.models import Client
from reporting.filters import CHANNELS, Filters, Narrow
from reporting.services.saved import saved_reports

#: Of each kind; more of them nobody looks through.
MOST: Final = 200


def narrowing(client: Client, filters: Filters, campaign: Campaign | None = None) -> dict[str, Any]:
    """Campaigns (of a client's report), channels, senders and lists, and which of them are chosen."""
    senders = SenderAccount.objects.filter(client=client).order_by("name", "id").values_list("id", "name")
    lists = (
        LeadImport.objects.filter(client=client).order_by("-created_at", "-id").values_list("id", "file_name")
    )
    narrow = filters.narrow or Narrow()
    return {
        "campaigns": []
        if campaign is not None
        else [
            (str(row.id), row.name)
            for row in Campaign.objects.filter(client=client).order_by("name", "id")[:MOST]
        ],
        "campaign": str(filters.campaign_id or ""),
        "parts": [
            (
                "channel",
                "Channel",
                "All channels",
                narrow.channel,
                [(one, Channel(one).label) for one in CHANNELS],
            ),
            (
                "sender",
                "Sender",
                "All senders",
                narrow.sender,
                [(str(key), name) for key, name in senders[:MOST]],
            ),
            ("list", "List", "All lists", narrow.list_id, [(str(key), name) for key, name in lists[:MOST]]),
        ],
    }


def report_forms(
    access: Access, client: Client, filters: Filters, campaign: Campaign | None = None
) -> dict[str, Any]:
    """What the forms around a report offer: narrowing, and the reports of this client that were saved."""
    saved = saved_reports(access).filter(client=client)[:MOST]
    return {
        **narrowing(client, filters, campaign),
        "saved": [(row, row.owner_id == access.user.id) for row in saved],
    }


def names(client: Client, filters: Filters) -> list[str]:
    """What a report is narrowed to, for people."""
    found = []
    if filters.campaign_id:
        found += Campaign.objects.filter(client=client, id=filters.campaign_id).values_list("name", flat=True)
    narrow = filters.narrow or Narrow()
    if narrow.channel:
        found.append(Channel(narrow.channel).label)
    if narrow.sender:
        found += SenderAccount.objects.filter(client=client, id=narrow.sender).values_list("name", flat=True)
    if narrow.list_id:
        found += LeadImport.objects.filter(client=client, id=narrow.list_id).values_list(
            "file_name", flat=True
        )
    return found
