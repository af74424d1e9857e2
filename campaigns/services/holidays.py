"""Own days off: of the organization, a client or one campaign, beside the public holidays of a country.

Each campaign carries all days that hold for it, put together here whenever one of them changes, so that whoever needs
a campaign's calendar reads the campaign and nothing else.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from campaigns.models import Campaign, OwnHoliday
from project.core.clock import now
from project.core.refusals import Invalid
from project.tenancy import audit
from project.tenancy.models import User

LONGEST_DAYS = 60
AHEAD = timedelta(days=3 * 366)


class HolidayRefused(Invalid):
    """These days cannot be taken off; the message says why, ``details["field"]`` where."""


@transaction.atomic
def add(
    *,
    client_id: UUID | None,
    campaign_id: UUID | None,
    first: date,
    last: date | None,
    name: str,
    actor: User,
) -> list[OwnHoliday]:
    """Take the days from ``first`` to ``last`` (included) off. Days that are off already keep their name.

    Without a client they hold for the organization, without a campaign for all of the client's campaigns. Raises
    ``HolidayRefused``.
    """
    last = last or first
    if not first <= last < first + timedelta(days=LONGEST_DAYS):
        raise HolidayRefused(
            f"The last day is the first or later, at most {LONGEST_DAYS} days in all.", field="last"
        )
    if last > (now() + AHEAD).date():
        raise HolidayRefused("That is more than three years ahead.", field="last")
    if campaign_id is not None:
        found = Campaign.objects.filter(id=campaign_id).values_list("client_id", flat=True).first()
        if found is None or (client_id is not None and client_id != found):
            raise HolidayRefused("The campaign is not one of this client.", field="campaign")
        client_id = found
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    made = [
        OwnHoliday(client_id=client_id, campaign_id=campaign_id, day=day, name=name.strip()[:80])
        for day in days
    ]
    OwnHoliday.objects.bulk_create(made, ignore_conflicts=True)
    rows = list(
        OwnHoliday.objects.filter(client_id=client_id, campaign_id=campaign_id, day__in=days).order_by("day")
    )
    audit.record(
        actor=actor,
        action="holidays.added",
        subject=rows[0],
        client_id=client_id,
        first=first.isoformat(),
        last=last.isoformat(),
    )
    refresh(_concerned(client_id, campaign_id))
    return rows


@transaction.atomic
def remove(*, holiday: OwnHoliday, actor: User) -> None:
    """Make a day a normal one again. What was put off because of it is not called back."""
    audit.record(
        actor=actor,
        action="holidays.removed",
        subject=holiday,
        client_id=holiday.client_id,
        day=holiday.day.isoformat(),
    )
    concerned = _concerned(holiday.client_id, holiday.campaign_id)
    holiday.delete()
    refresh(concerned)


def refresh(campaigns: Any) -> None:
    """Put the days of these campaigns together anew (a query set)."""
    for campaign in campaigns:
        days = days_of(campaign)
        if days != campaign.own_holidays:
            Campaign.objects.filter(id=campaign.id).update(own_holidays=days, updated_at=now())


def days_of(campaign: Campaign) -> list[str]:
    """All own days off that hold for a campaign, in order, ``YYYY-MM-DD``."""
    scope = Q(client_id=None) | Q(client_id=campaign.client_id, campaign_id=None) | Q(campaign_id=campaign.id)
    days = OwnHoliday.objects.filter(scope).order_by("day").values_list("day", flat=True)
    return [day.isoformat() for day in dict.fromkeys(days)]


def _concerned(client_id: UUID | None, campaign_id: UUID | None) -> Any:
    if campaign_id is not None:
        return Campaign.objects.filter(id=campaign_id)
    return Campaign.objects.filter(client_id=client_id) if client_id else Campaign.objects.all()
