"""Operations: the calendar of campaigns."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from ninja import Query, Schema
from pydantic import Field

from campaigns import selectors_calendar
from campaigns.api.routing import router
from project.core.pagination import InvalidCursor
from project.core.refusals import Invalid
from project.tenancy.access import Permission
from project.tenancy.api_auth import ApiRequest, api_rule


class CalendarIn(Schema):
    """From which week on, and for whom."""

    first: date | None = Field(
        None, alias="from", description="The calendar begins with the Monday of its week."
    )
    client: UUID | None = Field(None, alias="filter[client]", description="Only campaigns of this client.")
    cursor: str | None = None


class CalendarDayOut(Schema):
    """One day of the campaign's time zone. ``off`` says why nothing leaves."""

    day: date
    sends: int = Field(description="Sends that are scheduled; what is overdue counts for today.")
    off: str
    frozen: int = Field(description="Senders of the campaign that are frozen.")
    may_finish: bool


class CalendarRowOut(Schema):
    """A campaign, and when it is done nine times of ten, as last simulated."""

    campaign_id: UUID
    earliest: date | None
    latest: date | None
    days: list[CalendarDayOut]


class CalendarOut(Schema):
    """Three weeks of running and paused campaigns; ``next_cursor`` leads to older campaigns."""

    first: date
    items: list[CalendarRowOut]
    next_cursor: str | None


@router.get("/campaign-calendar", response=CalendarOut, tags=["Campaigns"])
@api_rule(Permission.CAMPAIGNS_VIEW)
def campaign_calendar(request: ApiRequest, asked: Query[CalendarIn]) -> Any:
    """What is scheduled on which day, days off, frozen senders, and when each campaign may be done."""
    first = selectors_calendar.first_day(asked.first.isoformat() if asked.first else "")
    try:
        rows, cursor = selectors_calendar.calendar(
            request.access, client_id=asked.client, first=first, cursor=asked.cursor
        )
    except InvalidCursor as error:
        raise Invalid(str(error), field="cursor") from error
    items = [
        {"campaign_id": row.campaign.id, "earliest": row.earliest, "latest": row.latest, "days": row.days}
        for row in rows
    ]
    return {"first": first, "items": items, "next_cursor": cursor}
