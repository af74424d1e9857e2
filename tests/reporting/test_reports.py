"""A client's report counts people from facts, and shows a client nothing else."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser

from reporting import selectors
from reporting.models import Fact
from tests.campaigns.conftest import WORKING, World

pytestmark = pytest.mark.django_db


@pytest.fixture
def answered(world: World, time_machine: Any) -> World:
    """Three invited, two connected and written to, one replied."""
    for name in ("marta", "owen", "joost"):
        world.lead(name.title(), name)
    world.launch()
    world.tick()
    for outbound in world.queued():
        world.deliver(outbound)
    for name in ("marta", "owen"):
        world.accepts(name, WORKING + timedelta(minutes=1))
    time_machine.move_to(WORKING + timedelta(minutes=2), tick=False)
    world.tick()
    for outbound in world.queued():
        world.deliver(outbound)
    world.says("marta", "Tell me more", WORKING + timedelta(minutes=5))
    return world


def test_the_funnel_counts_people(answered: World) -> None:
    report = selectors.client_report(answered.agency.first, 28)
    assert [(step["label"], step["value"]) for step in report["funnel"]] == [
        ("Enrolled", 3), ("Invited", 3), ("Connected", 2), ("Messaged", 2), ("Replied", 1),
    ]  # fmt: skip
    assert report["people"]["contacted"] == 3
    assert sum(bar.value for bar in report["replies_by_day"].bars) == 1


def test_a_replayed_fact_is_counted_once(answered: World) -> None:
    before = Fact.objects.count()
    answered.says("marta", "Tell me more", WORKING + timedelta(minutes=5))
    assert Fact.objects.count() == before


def test_the_client_sees_the_reply_and_only_its_own_report(answered: World, client: Browser) -> None:
    client.force_login(answered.agency.client_user)
    home = client.get(answered.agency.url("reports/"), follow=True)
    page = home.content.decode()
    assert "Tell me more" in page
    assert answered.agency.url(f"reports/clients/{answered.agency.first.id}/") in home.redirect_chain[-1][0]
    assert client.get(answered.agency.url(f"reports/clients/{answered.agency.second.id}/")).status_code == 404
    assert client.get(answered.agency.url("inbox/")).status_code == 403


def test_days_are_the_clients(world: World, time_machine: Any) -> None:
    from reporting.services import facts

    facts.record(
        kind="replied", key="k", occurred_at=WORKING.replace(hour=23, minute=30),
        client_id=world.agency.first.id, lead_id=world.lead("Marta", "marta").id,
    )  # fmt: skip
    world.agency.first.time_zone = "Europe/Stockholm"
    world.agency.first.save()
    time_machine.move_to(WORKING + timedelta(days=2), tick=False)
    report = selectors.client_report(world.agency.first, 7)
    assert {bar.day.day: bar.value for bar in report["replies_by_day"].bars}[19] == 1
