"""Simulations of real campaigns: loading, running in the background, page and API."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse

from campaigns.models import Campaign, Enrollment, Simulation
from campaigns.services import simulations, suppression
from campaigns.services.simulation_setup import NotSimulable, load
from campaigns.tasks import simulate, sweep_simulations
from integrations.models import OutboundMessage, RateLimit, RateUsage
from project.core.clock import now
from project.core.scoping import no_scope
from tests.campaigns.conftest import WORKING, World

pytestmark = pytest.mark.django_db


def run(world: World, days: int = 40, script: dict[str, Any] | None = None) -> Simulation:
    made = simulations.start(
        campaign=world.campaign, days=days, script=script or {}, actor=world.agency.manager
    )
    simulations.work(simulation_id=made.id)
    found: Simulation = Simulation.objects.get(id=made.id)
    return found


def test_a_draft_is_simulated_over_the_real_list(world: World) -> None:
    for number in range(60):
        world.lead(f"Person{number}", f"person{number}")
    world.lead("Blocked", "blocked")
    suppression.suppress(client_id=None, channel="linkedin", value="blocked", source="person")
    RateLimit.objects.create(sender=world.sender, action="invite", cap=6)
    done = run(world)
    assert (done.state, done.runs_done) == ("done", done.runs_total)
    result = done.result
    assert result["people"] == 61
    assert result["audience"]["suppressed"] == {"linkedin": 1}
    assert {row["code"]: row["count"] for row in result["refused"]} == {"suppressed": 1}
    by_day = [row["count"] for row in result["touches"] if row["action"] == "invite"]
    assert max(by_day) == 6
    assert sum(by_day) == 60
    limits = {row["limit"] for row in result["binding"]}
    assert "account_day" in limits
    assert result["what_if"]["sentence"].startswith("With one more sender like Erik Sand")
    assert len(result["renders"]) == 20
    # Nothing of it is real.
    assert not Enrollment.objects.exists()
    assert not OutboundMessage.objects.exists()
    assert not RateUsage.objects.exists()


def test_what_is_used_up_and_what_others_have_scheduled_counts(world: World) -> None:
    world.lead("Marta", "marta")
    world.launch()
    world.tick()
    assert OutboundMessage.objects.count() == 1
    loaded = load(campaign=world.campaign.refreshed(), at=now(), days=10)
    invites = loaded.setup.budgets[f"{world.sender.id}:invite:day"]
    assert invites.taken == {WORKING.date(): 1}
    assert loaded.audience["in_campaign"] == 1
    [marta] = loaded.setup.prospects
    assert marta.state is not None
    assert marta.prefers == {"linkedin": str(world.sender.id)}
    copy = Campaign.objects.get(id=world.campaign.id)
    copy.pk = copy.id = None
    copy.name, copy.status, copy.launched_at = "Second", "draft", None
    copy.save(force_insert=True)
    copy.sender_links.create(sender=world.sender, campaign=copy)
    others = load(campaign=copy, at=now(), days=10)
    assert [(row["kind"], row["count"]) for row in others.conflicts] == [("lead", 1)]


def test_a_draft_that_may_not_run_is_refused(world: World) -> None:
    world.lead("Marta", "marta")
    Campaign.objects.filter(id=world.campaign.id).update(draft_plan={})
    with pytest.raises(NotSimulable, match="Write at least one step"):
        run(World(world.agency, world.connection, world.sender, world.campaign.refreshed()))
    with pytest.raises(simulations.SimulationRefused, match="365"):
        simulations.start(campaign=world.campaign, days=400, script={}, actor=world.agency.manager)
    with pytest.raises(simulations.SimulationRefused, match="share"):
        simulations.start(
            campaign=world.campaign,
            days=4,
            script={"email": {"opens": {"share": 3}}},
            actor=world.agency.manager,
        )


def test_an_empty_list_fails_with_the_reason(world: World) -> None:
    assert "Nobody is in the list" in run(world).error


def test_a_forgotten_simulation_is_found_and_a_deadly_one_given_up(world: World, time_machine: Any) -> None:
    world.lead("Marta", "marta")
    made = simulations.start(campaign=world.campaign, days=5, script={}, actor=world.agency.manager)
    time_machine.move_to(WORKING + simulations.WAITS * 2, tick=False)
    with no_scope():
        sweep_simulations()
    assert Simulation.objects.get(id=made.id).state == "done"
    dead = simulations.start(campaign=world.campaign, days=5, script={}, actor=world.agency.manager)
    Simulation.objects.filter(id=dead.id).update(
        state="running", attempts=simulations.MAX_ATTEMPTS, claimed_until=WORKING
    )
    with no_scope():
        simulate(organization_id=str(world.agency.id), simulation_id=str(dead.id))
    assert Simulation.objects.get(id=dead.id).state == "failed"


def test_the_page_starts_one_and_shows_it(world: World, client: Browser) -> None:
    for number in range(3):
        world.lead(f"Person{number}", f"person{number}")
    client.force_login(world.agency.manager)
    address = reverse(
        "campaigns:simulation",
        kwargs={"organization_slug": world.agency.organization.slug, "campaign_id": world.campaign.id},
    )
    with no_scope():
        assert b"Not simulated yet" in client.get(address).content
        refused = client.post(address, {"days": "0"})
    assert refused.status_code == 422
    shares = {"accepts": 30, "opens": 30, "replies": 5, "replies_linkedin": 10, "bounces": 2, "absent": 3,
              "unsubscribes": 1}  # fmt: skip
    with no_scope():
        assert client.post(address, {"days": "40", **shares}).status_code == 303
        assert b"Simulating 40 days" in client.get(address).content
    made = Simulation.objects.get()
    assert made.script["invite"]["accepts"]["share"] == 0.3
    simulations.work(simulation_id=made.id)
    with no_scope():
        page = client.get(address).content.decode()
    assert "Touches per day" in page
    assert "Invitations" in page
    assert "Texts to look at" in page
