"""Own days off: for whom they hold, that they move sends, the page."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse

from campaigns.models import OwnHoliday, ScheduledAction
from campaigns.services import campaigns as campaign_service
from campaigns.services import holidays
from campaigns.services.settings import calendar_of
from project.core.scoping import no_scope
from tests.campaigns.conftest import WORKING, World

pytestmark = pytest.mark.django_db

TODAY = WORKING.date()


def off(world: World, first: date, last: date | None = None, **scope: Any) -> list[OwnHoliday]:
    ids = {"client_id": None, "campaign_id": None, **scope}
    return holidays.add(first=first, last=last, name="Off", actor=world.agency.manager, **ids)


def test_days_hold_for_whom_they_were_made(world: World) -> None:
    other = campaign_service.create(client=world.agency.second, name="Other", actor=world.agency.manager)
    off(world, date(2026, 12, 1))
    off(world, date(2026, 12, 2), client_id=world.agency.first.id)
    off(world, date(2026, 12, 3), campaign_id=world.campaign.id)
    assert world.campaign.refreshed().own_holidays == ["2026-12-01", "2026-12-02", "2026-12-03"]
    assert other.refreshed().own_holidays == ["2026-12-01"]
    late = campaign_service.create(client=world.agency.first, name="Late", actor=world.agency.manager)
    assert late.refreshed().own_holidays == ["2026-12-01", "2026-12-02"]
    assert not calendar_of(late.refreshed()).is_working_day(date(2026, 12, 2))


def test_nothing_leaves_on_an_own_day_off(world: World, time_machine: Any) -> None:
    world.lead("Marta", "marta")
    off(world, TODAY, TODAY + timedelta(days=1))
    world.launch()
    world.tick()
    assert world.queued() == []
    due = ScheduledAction.objects.get().due_at
    assert due.date() == TODAY + timedelta(days=2)
    time_machine.move_to(due, tick=False)
    world.tick()
    assert len(world.queued()) == 1


def test_twice_is_once_and_impossible_days_are_refused(world: World) -> None:
    off(world, TODAY)
    off(world, TODAY, TODAY + timedelta(days=1))
    assert OwnHoliday.objects.count() == 2
    for first, last in ((TODAY, TODAY - timedelta(days=1)), (TODAY, TODAY + timedelta(days=60))):
        with pytest.raises(holidays.HolidayRefused, match="at most 60"):
            off(world, first, last)
    with pytest.raises(holidays.HolidayRefused, match="not one of this client"):
        off(world, TODAY, client_id=world.agency.second.id, campaign_id=world.campaign.id)


def test_the_page_adds_and_removes(world: World, client: Browser) -> None:
    client.force_login(world.agency.manager)
    slug = world.agency.organization.slug
    address = reverse("campaigns:holidays", kwargs={"organization_slug": slug})
    with no_scope():
        assert b"No own days off yet" in client.get(address).content
        assert client.post(address, {"first": "2026-12-24", "last": "2026-12-01"}).status_code == 422
        assert client.post(address, {"first": "2026-12-24", "name": "Yule"}).status_code == 302
        assert "Thu 24 Dec 2026" in client.get(address).content.decode()
    made = OwnHoliday.objects.get()
    gone = reverse("campaigns:holiday_delete", kwargs={"organization_slug": slug, "holiday_id": made.id})
    with no_scope():
        assert client.post(gone).status_code in {200, 204, 303}
    assert not OwnHoliday.objects.exists()
