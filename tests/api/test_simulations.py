"""Simulations and days off by API."""

from __future__ import annotations

import pytest

from campaigns.services import simulations
from tests.api.conftest import Program
from tests.campaigns.conftest import World

pytestmark = pytest.mark.django_db


def test_one_is_started_and_read(world: World, manager: Program, agent: Program) -> None:
    world.lead("Marta", "marta")
    base = f"campaigns/{world.campaign.id}/simulations"
    asked = {"days": 30, "script": {"invite": {"accepts": {"share": 1}}}}
    assert agent("POST", base, asked)[0] == 403
    status, made = manager("POST", base, asked)
    assert (status, made["state"]) == (202, "queued")
    simulations.work(simulation_id=made["id"])
    assert [row["state"] for row in agent("GET", base)[1]["items"]] == ["done"]
    status, read = agent("GET", f"{base}/{made['id']}")
    assert status == 200
    assert read["script"] == {"invite": {"accepts": {"share": 1.0}}}
    # Who accepts is written to; the invitation and the message at least.
    assert sum(row["count"] for row in read["result"]["touches"]) >= 2


def test_nonsense_is_refused(world: World, manager: Program) -> None:
    base = f"campaigns/{world.campaign.id}/simulations"
    assert manager("POST", base, {"days": 0})[0] == 422
    assert manager("POST", base, {"script": {"email": {"opens": {"share": 2}}}})[0] == 422


def test_days_are_taken_off_and_given_back(world: World, manager: Program) -> None:
    asked = {
        "client_id": str(world.agency.first.id),
        "first": "2026-12-24",
        "last": "2026-12-26",
        "name": "Yule",
    }
    status, made = manager("POST", "holidays", asked)
    assert (status, [row["day"] for row in made]) == (201, ["2026-12-24", "2026-12-25", "2026-12-26"])
    assert world.campaign.refreshed().own_holidays == ["2026-12-24", "2026-12-25", "2026-12-26"]
    assert len(manager("GET", "holidays")[1]["items"]) == 3
    assert manager("DELETE", f"holidays/{made[1]['id']}")[0] == 204
    assert world.campaign.refreshed().own_holidays == ["2026-12-24", "2026-12-26"]
    status, refusal = manager("POST", "holidays", {**asked, "last": "2026-12-01"})
    assert (status, refusal["details"]["field"]) == (422, "last")
    one = manager("POST", "holidays", {"campaign_id": str(world.campaign.id), "first": "2027-01-07"})
    assert one[1][0]["campaign_id"] == str(world.campaign.id)
