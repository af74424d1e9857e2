"""Operations: own days off, beside the public holidays of a country."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from ninja import Query, Schema, Status
from pydantic import Field

from campaigns.api import rows
from campaigns.api.routing import router
from campaigns.models import Campaign, OwnHoliday
from campaigns.services import holidays as service
from project.core.api_pages import OrderedPageIn, PageOut, page_of
from project.tenancy.access import Permission, get_or_404
from project.tenancy.api_auth import ApiRequest, api_rule

TAGS = ["Days off"]


class HolidaysIn(OrderedPageIn):
    """Which days, in which order of their making."""

    client: UUID | None = Field(None, alias="filter[client]", description="Only those of this client.")


class HolidayIn(Schema):
    """Days to take off: for one campaign, all of a client's, or (with neither) the whole organization."""

    client_id: UUID | None = None
    campaign_id: UUID | None = None
    first: date
    last: date | None = Field(None, description="Included; without it one day. At most 60 days in all.")
    name: str = Field("", max_length=80)


class HolidayOut(Schema):
    """A day off. ``client_id`` null: for all clients; ``campaign_id`` null: for all of the client's campaigns."""

    id: UUID
    client_id: UUID | None
    campaign_id: UUID | None
    day: date
    name: str
    created_at: datetime


@router.get("/holidays", response=PageOut[HolidayOut], tags=TAGS)
@api_rule(Permission.CAMPAIGNS_VIEW)
def list_holidays(request: ApiRequest, page: Query[HolidaysIn]) -> Any:
    """Own days off within reach; those of no client are for members over all clients."""
    wanted = rows.narrowed(OwnHoliday.objects.all(), request.access, page.client)
    return page_of(wanted, page, order=page.by("created_at", "id"))


@router.post("/holidays", response={201: list[HolidayOut]}, tags=TAGS)
@api_rule(Permission.CAMPAIGNS_EDIT)
def add_holidays(request: ApiRequest, payload: HolidayIn) -> Any:
    """Take days off. What is due on them moves to the next opening."""
    access = request.access
    client_id = payload.client_id
    if payload.campaign_id is not None:
        campaign: Campaign = get_or_404(rows.campaigns(access), payload.campaign_id)
        client_id = client_id or campaign.client_id
    if client_id is None:
        access.require_whole_organization()
    else:
        get_or_404(access.clients(), client_id)
    values = {**payload.dict(), "client_id": client_id}
    return Status(201, service.add(**values, actor=access.user))


@router.delete("/holidays/{holiday_id}", response={204: None}, tags=TAGS)
@api_rule(Permission.CAMPAIGNS_EDIT)
def delete_holiday(request: ApiRequest, holiday_id: UUID) -> Any:
    """Make a day a normal one again."""
    found = get_or_404(OwnHoliday.objects.filter(request.access.client_filter()), holiday_id)
    service.remove(holiday=found, actor=request.access.user)
    return Status(204, None)
