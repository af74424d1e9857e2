"""The calendar of campaigns: what is scheduled on which day, on which nothing leaves, and when each may be done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import Count, DateField, DateTimeField, F, Func
from django.db.models.functions import Cast

from campaigns.models import Campaign, CampaignSender, ScheduledAction, Simulation
from campaigns.scheduling import zone
from campaigns.scheduling.calendars import holidays_of
from integrations.services import freezing
from project.core.clock import now
from project.core.pagination import keyset_page
from project.tenancy.access import Access

DAYS: Final = 21
MOST: Final = 30
#: How far the calendar can be turned.
FARTHEST: Final = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class CalendarDay:
    """One campaign on one day of its time zone. ``off`` says why nothing leaves; ``frozen`` counts its senders that
    are frozen.
    """

    day: date
    sends: int
    off: str
    frozen: int
    may_finish: bool


@dataclass(frozen=True, slots=True)
class CalendarRow:
    """One campaign; the band is when it is done nine times of ten, as last simulated."""

    campaign: Campaign
    days: list[CalendarDay]
    earliest: date | None
    latest: date | None


def first_day(wanted: str) -> date:
    """The Monday of the week asked for (``YYYY-MM-DD``), else of this one; not before it, at most a year ahead."""
    today = now().date()
    try:
        day = min(max(date.fromisoformat(wanted), today), today + FARTHEST)
    except ValueError:
        day = today
    return day - timedelta(days=day.weekday())


def calendar(
    access: Access, *, client_id: UUID | None, first: date, cursor: str | None
) -> tuple[list[CalendarRow], str | None]:
    """Running and paused campaigns within reach from ``first`` on, newest first, and the cursor of older ones.

    What is overdue counts for today. A person's later steps are scheduled when the step before is done, so that days
    far ahead fill up as they come near.
    """
    rows = Campaign.objects.filter(access.client_filter(), status__in=("active", "paused"))
    if client_id is not None:
        rows = rows.filter(client_id=client_id)
    page = keyset_page(
        rows.select_related("client").defer("draft_plan"),
        order=("-created_at", "-id"),
        cursor=cursor,
        limit=MOST,
    )
    campaigns: Sequence[Campaign] = page.items
    ids = [campaign.id for campaign in campaigns]
    days = [first + timedelta(days=number) for number in range(DAYS)]
    sends, frozen, bands = _sends(ids, days), _frozen(ids, days), _bands(ids)
    made = []
    for campaign in campaigns:
        early, late = bands.get(campaign.id, (None, None))
        made.append(
            CalendarRow(
                campaign,
                [
                    CalendarDay(
                        day,
                        sends[campaign.id, day],
                        _off(campaign, day),
                        frozen[campaign.id, day],
                        bool(early and early <= day <= (late or early)),
                    )
                    for day in days
                ],
                early,
                late,
            )
        )
    return made, page.next_cursor


def _sends(ids: list[UUID], days: list[date]) -> Counter[tuple[UUID, date]]:
    """Sends that are scheduled, by campaign and day of its time zone."""
    today = now().date()
    local = Func(F("campaign__time_zone"), F("due_at"), function="timezone", output_field=DateTimeField())
    rows = ScheduledAction.objects.filter(
        campaign_id__in=ids,
        state="due",
        kind="send",
        due_at__lt=now() + (days[-1] - today) + timedelta(days=2),
    )
    found: Counter[tuple[UUID, date]] = Counter()
    names = ("campaign_id", "campaign__time_zone", "day")
    grouped = rows.annotate(day=Cast(local, DateField())).values(*names).annotate(count=Count("id"))
    for campaign_id, name, day, count in grouped.order_by().values_list(*names, "count"):
        # What is overdue is for today, as it is there.
        found[campaign_id, max(day, now().astimezone(zone(name)).date())] += count
    return found


def _frozen(ids: list[UUID], days: list[date]) -> Counter[tuple[UUID, date]]:
    links = CampaignSender.objects.filter(campaign_id__in=ids).select_related("sender")
    found: Counter[tuple[UUID, date]] = Counter()
    for link in links:
        for freeze in freezing.of(link.sender):
            found.update((link.campaign_id, day) for day in days if freeze.first <= day <= freeze.last)
    return found


def _bands(ids: list[UUID]) -> dict[UUID, tuple[date | None, date | None]]:
    """When each is done nine times of ten, as the latest simulation says."""
    rows = Simulation.objects.filter(campaign_id__in=ids, state=Simulation.State.DONE)
    latest = rows.order_by("campaign_id", "-created_at").distinct("campaign_id")
    return {
        campaign_id: (_day(finish, "p10"), _day(finish, "p90"))
        for campaign_id, finish in latest.values_list("campaign_id", "result__finish")
    }


def _day(finish: Any, name: str) -> date | None:
    value = finish.get(name) if isinstance(finish, dict) else None
    return date.fromisoformat(value) if value else None


def _off(campaign: Campaign, day: date) -> str:
    """Why the campaign sends nothing on a day; empty when it does."""
    if day.isoformat() in campaign.own_holidays:
        return "day off"
    if campaign.holiday_country and day in holidays_of(campaign.holiday_country, day.year):
        return "public holiday"
    weekdays: Any = campaign.window.get("weekdays", [])
    return "" if not weekdays or day.weekday() in weekdays else "no sending day"
