"""The calendar of campaigns: what is scheduled on which day of the campaign, days off, frozen senders, the finish."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.test import Client as Browser

from campaigns import selectors_calendar
from campaigns.models import Campaign, ScheduledAction, Simulation
from integrations.services import freezing
from tests.campaigns.conftest import World

pytestmark = pytest.mark.django_db

#: A Wednesday.
TODAY = date(2026, 11, 18)


def rows(world: World, first: date = date(2026, 11, 16)) -> Any:
    access = world.agency.access(world.agency.manager)
    (row,), _ = selectors_calendar.calendar(access, client_id=None, first=first, cursor=None)
    return {day.day: day for day in row.days}, row


def test_sends_stand_on_the_campaigns_own_days(world: World, client: Browser) -> None:
    world.lead("Marta", "marta")
    world.launch()
    Campaign.objects.filter(id=world.campaign.id).update(
        time_zone="Asia/Tokyo", own_holidays=["2026-11-24"], holiday_country="JP"
    )
    action = ScheduledAction.objects.get(campaign=world.campaign, state="due", kind="send")
    # Late in the evening of UTC is the next day there.
    ScheduledAction.objects.filter(id=action.id).update(due_at=datetime(2026, 11, 19, 22, tzinfo=UTC))
    days, row = rows(world)
    assert {day: cell.sends for day, cell in days.items() if cell.sends} == {date(2026, 11, 20): 1}
    assert days[date(2026, 11, 24)].off == "day off"
    assert days[date(2026, 11, 23)].off == "public holiday"
    assert days[date(2026, 11, 22)].off == "no sending day"
    assert days[TODAY].off == ""
    assert (row.earliest, any(cell.may_finish for cell in row.days)) == (None, False)

    # What is overdue is for today.
    ScheduledAction.objects.filter(id=action.id).update(due_at=datetime(2026, 11, 10, tzinfo=UTC))
    freezing.freeze(
        sender=world.sender,
        first=TODAY + timedelta(days=1),
        last=TODAY + timedelta(days=2),
        reason="Away",
        actor=world.agency.manager,
    )
    Simulation.objects.create(
        client=world.campaign.client,
        campaign=world.campaign,
        state="done",
        result={
            "finish": {
                "p10": "2026-12-01",
                "p50": "2026-12-02",
                "p90": "2026-12-03",
                "runs": 9,
                "unfinished": 0,
            }
        },
    )
    days, row = rows(world)
    assert days[TODAY].sends == 1
    assert [day for day, cell in days.items() if cell.frozen] == [date(2026, 11, 19), date(2026, 11, 20)]
    assert [day.day for day, cell in days.items() if cell.may_finish] == [1, 2, 3]

    client.force_login(world.agency.manager)
    base = f"/o/{world.agency.organization.slug}/campaigns"
    page = client.get(f"{base}/calendar/?from=nonsense").content.decode()
    assert "done 1 Dec to 3 Dec" in page
    assert "senders frozen" in page
    assert f"{base}/calendar/" in client.get(f"{base}/").content.decode()
    later = client.get(f"{base}/calendar/?from=2026-12-09").content.decode()
    assert "?from=2026-11-16" in later
    Campaign.objects.update(status="archived")
    assert "No campaign runs" in client.get(f"{base}/calendar/").content.decode()


def test_an_evening_west_of_utc_is_still_today(world: World, time_machine: Any) -> None:
    world.lead("Marta", "marta")
    world.launch()
    Campaign.objects.filter(id=world.campaign.id).update(time_zone="America/Los_Angeles")
    # Six in the evening of the 18th there; the 19th of UTC has begun.
    time_machine.move_to(datetime(2026, 11, 19, 2, tzinfo=UTC), tick=False)
    ScheduledAction.objects.filter(campaign=world.campaign, state="due", kind="send").update(
        due_at=datetime(2026, 11, 19, 2, 30, tzinfo=UTC)
    )
    days, _ = rows(world)
    assert {day: cell.sends for day, cell in days.items() if cell.sends} == {TODAY: 1}
