"""Operations of the JSON API: what deals are worth."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from ninja import Query, Router, Schema

from campaigns.models import Campaign
from project.core.api_pages import PageIn, PageOut
from project.tenancy.access import Permission, get_or_404
from project.tenancy.api_auth import ApiRequest, api_rule
from reporting import selectors_deals

router = Router()
TAGS = ["Analytics"]
Stage = Literal["open", "won", "lost"]


class WorthOut(Schema):
    """A sum in one currency (ISO 4217)."""

    currency: str
    value: Decimal


class StageOut(Schema):
    """The deals of one stage as they stand now; ``unvalued`` of them name no value."""

    stage: Stage
    deals: int
    unvalued: int
    worth: list[WorthOut]


class DealRowOut(Schema):
    """One deal."""

    lead_id: UUID
    who: str
    company: str
    stage: Stage
    value: Decimal | None
    currency: str
    meeting_on: date | None
    updated_at: datetime


class DealsIn(PageIn):
    """Which deals."""

    stage: Stage | None = None
    campaign: UUID | None = None


def _campaign(client: Any, campaign_id: UUID | None) -> UUID | None:
    if campaign_id is not None:
        get_or_404(Campaign.objects.filter(client=client), campaign_id)
    return campaign_id


@router.get("/analytics/clients/{client_id}/deals", response=list[StageOut], tags=TAGS)
@api_rule(Permission.REPORTS_VIEW)
def deal_totals(request: ApiRequest, client_id: UUID, campaign: UUID | None = None) -> Any:
    """Deals by stage, as they stand now; none for people of a client that is not shown deals."""
    client = get_or_404(request.access.clients(), client_id)
    return selectors_deals.totals(request.access, client, campaign_id=_campaign(client, campaign)) or []


@router.get("/analytics/clients/{client_id}/deal-rows", response=PageOut[DealRowOut], tags=TAGS)
@api_rule(Permission.REPORTS_VIEW)
def deal_rows(request: ApiRequest, client_id: UUID, page: Query[DealsIn]) -> Any:
    """The deals that the figures are counted from, the last changed first."""
    client = get_or_404(request.access.clients(), client_id)
    found = selectors_deals.page(
        request.access,
        client,
        stage=page.stage or "",
        campaign_id=_campaign(client, page.campaign),
        cursor=page.cursor,
        limit=page.limit,
    )
    items = [
        {
            "lead_id": deal.lead_id, "who": deal.lead.full_name,
            "company": deal.lead.company.name if deal.lead.company else "", "stage": deal.stage,
            "value": deal.value, "currency": deal.currency, "meeting_on": deal.meeting_on,
            "updated_at": deal.updated_at,
        }
        for deal in found["deals"]
    ]  # fmt: skip
    return {"items": items, "next_cursor": found["next_cursor"]}
