"""What deals with leads are worth: as they stand now, by stage, and the deals behind each figure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import Count, F, Q, QuerySet, Sum

from campaigns.models import Deal, Enrollment
from project.core.pagination import keyset_page
from project.tenancy.access import Access
from project.tenancy.models import Client, Role
from reporting.services.portal import policy_of

ORDER: Final = ("-updated_at", "-id")


def may_see(access: Access | None, client: Client) -> bool:
    """Whether somebody sees deals: the agency always, people of the client as they are let, nobody else."""
    if access is None:
        return False
    return access.role != Role.CLIENT or policy_of(client).shows_deals


def rows(client: Client, *, campaign_id: UUID | None = None, stage: str = "") -> QuerySet[Deal]:
    """The deals of a client: of all, or of those in a campaign; of one stage, or of each."""
    found: QuerySet[Deal] = Deal.objects.filter(client=client, lead__removed_at=None)
    if campaign_id is not None:
        # Of the lead's own campaigns, however it came into them: a lead is counted once.
        found = found.filter(lead_id__in=Enrollment.objects.filter(campaign_id=campaign_id).values("lead_id"))
    return found.filter(stage=stage) if stage else found


def totals(
    access: Access | None, client: Client, *, campaign_id: UUID | None = None
) -> list[dict[str, Any]] | None:
    """Deals by stage with what they are worth in each currency; ``None`` for whoever may not see them."""
    if not may_see(access, client):
        return None
    counted = (
        rows(client, campaign_id=campaign_id)
        .values("stage", "currency")
        .annotate(deals=Count("id"), worth=Sum("value"), unvalued=Count("id", filter=Q(value=None)))
        .order_by("stage", F("worth").desc(nulls_last=True), "currency")
    )
    found: dict[str, dict[str, Any]] = {
        str(stage): {"stage": str(stage), "label": str(label), "deals": 0, "unvalued": 0, "worth": []}
        for stage, label in Deal.Stage.choices
    }
    for row in counted:
        one = found[row["stage"]]
        one["deals"] += row["deals"]
        one["unvalued"] += row["unvalued"]
        if row["worth"] is not None:
            one["worth"].append({"currency": row["currency"], "value": row["worth"]})
    asked = {"campaign": str(campaign_id)} if campaign_id else {}
    for one in found.values():
        one["query"] = urlencode({"stage": one["stage"], **asked})
    return list(found.values())


def page(
    access: Access,
    client: Client,
    *,
    stage: str,
    campaign_id: UUID | None,
    cursor: str | None,
    limit: int = 50,
) -> dict[str, Any]:
    """One page of deals, the last changed first. Raises ``InvalidCursor``."""
    if not may_see(access, client):
        return {"is_shown": False, "deals": [], "next_cursor": None}
    asked = rows(client, campaign_id=campaign_id, stage=stage)
    found = keyset_page(
        asked, order=ORDER, cursor=cursor, limit=limit, load=lambda some: some.select_related("lead__company")
    )
    return {"is_shown": True, "deals": found.items, "next_cursor": found.next_cursor}


def stage_of(data: Mapping[str, Any]) -> str:
    """The stage that an address names; empty for each."""
    given = str(data.get("stage") or "")
    return given if given in Deal.Stage.values else ""
