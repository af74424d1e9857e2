"""Editing a campaign that runs: who stays, goes on, moves or finishes, all at once; and the way back."""

from __future__ import annotations

import copy
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from campaigns.models import Campaign, CampaignMirror, Enrollment, PlanMigration, ScheduledAction
from campaigns.services import campaigns, enrollments, plan_migrations
from integrations.models import Connection, OutboundMessage
from project.core.refusals import Refused
from tests.campaigns.conftest import SEQUENCE, WORKING, World

pytestmark = pytest.mark.django_db


def edited(**changes: Any) -> dict[str, Any]:
    """The sequence with another text and a shorter wait after the first message."""
    plan = copy.deepcopy(SEQUENCE)
    message = plan["nodes"][1]
    message["transitions"][0]["after"] = changes.get("after", "P1D")
    plan["nodes"][2]["content"]["text"] = "A last word, {{ lead.first_name | default: 'you' }}."
    return plan


@pytest.fixture
def running(world: World, time_machine: Any) -> World:
    """Ada got the message and has not answered; Bo's invitation waits for an answer; Cy's has not left."""
    ada, _bo, _cy = (world.lead(name, name.lower()) for name in ("Ada", "Bo", "Cy"))
    world.launch()
    world.tick()
    for row in world.queued():
        if row.lead_id != _cy.id:
            world.deliver(row)
    world.accepts("ada", WORKING + timedelta(hours=1))
    time_machine.move_to(WORKING + timedelta(hours=2))
    world.tick()
    [message] = [row for row in world.queued() if row.lead_id == ada.id]
    world.deliver(message)
    campaigns.save_plan(campaign=world.campaign.refreshed(), plan=edited(), actor=world.agency.manager)
    return world


def at(world: World, name: str) -> Enrollment:
    found: Enrollment = Enrollment.objects.select_related("plan_version").get(lead__first_name=name)
    return found


def timer(world: World, name: str) -> ScheduledAction:
    found: ScheduledAction = ScheduledAction.objects.get(
        enrollment__lead__first_name=name, state=ScheduledAction.State.DUE, kind="timer"
    )
    return found


def publish(world: World, **choices: str) -> PlanMigration:
    chosen = {}
    for node, choice in choices.items():
        do, _, to = choice.partition(":")
        chosen[node] = {"do": do, "to": to}
    return plan_migrations.publish(
        campaign=world.campaign.refreshed(), choices=chosen, actor=world.agency.manager
    )


def test_people_go_on_at_their_step_with_the_new_waits_and_texts(running: World, time_machine: Any) -> None:
    before = timer(running, "Ada").due_at
    sent = OutboundMessage.objects.count()
    made = publish(running, message="go_on", invite="stay")
    assert (made.state, made.counts) == ("done", {"go_on": 1, "stay": 2})
    assert running.campaign.refreshed().current_version_id == made.to_version_id
    assert at(running, "Ada").plan_version_id == made.to_version_id
    assert at(running, "Bo").plan_version_id == made.from_version_id
    assert timer(running, "Ada").due_at < before, "one working day, not two"
    assert OutboundMessage.objects.count() == sent, "nothing is sent again"

    time_machine.move_to(timer(running, "Ada").due_at + timedelta(minutes=1))
    running.tick()
    time_machine.move_to(WORKING + timedelta(days=5, hours=1))
    running.tick()
    texts = OutboundMessage.objects.filter(lead_id=at(running, "Ada").lead_id, node_id="follow_up")
    assert [row.body for row in texts] == ["A last word, Ada."]


def test_a_version_is_rolled_back_where_people_have_not_gone_further_than_it_knows(running: World) -> None:
    before = timer(running, "Ada").due_at
    made = publish(running, message="go_on", invite="go_on")
    assert made.counts["go_on"] == 3
    with CaptureQueriesContext(connection) as asked:
        back = plan_migrations.roll_back(migration_id=made.id, actor=running.agency.manager)
    assert (back.state, back.counts["back"]) == ("undone", 3)
    locks = [one["sql"] for one in asked if "FOR UPDATE" in one["sql"]]
    assert 'FROM "campaigns_campaign"' in locks[0], (
        "whoever locks in another order than the worker waits for ever"
    )
    assert running.campaign.refreshed().current_version_id == made.from_version_id
    assert at(running, "Ada").plan_version_id == made.from_version_id
    assert timer(running, "Ada").due_at == before
    with pytest.raises(Refused, match="newest version"):
        plan_migrations.roll_back(migration_id=made.id, actor=running.agency.manager)


def test_people_are_moved_or_finished_and_moves_go_back_without_sending_twice(running: World) -> None:
    made = publish(running, message="move:follow_up", invite="finish")
    assert made.counts == {"move": 1, "finish": 2, "stay": 0}
    assert at(running, "Ada").node_id == "follow_up"
    assert at(running, "Bo").status == Enrollment.Status.ENDED
    assert not OutboundMessage.objects.filter(state="queued").exists(), "what waited for Cy is withdrawn"
    back = plan_migrations.roll_back(migration_id=made.id, actor=running.agency.manager)
    assert back.counts["back"] == 1
    ada = at(running, "Ada")
    assert (ada.node_id, ada.plan_version_id) == ("message", made.from_version_id)
    running.tick()
    assert OutboundMessage.objects.filter(lead_id=ada.lead_id, node_id="message").count() == 1
    assert timer(running, "Ada").node_id == "message"


def test_what_cannot_be_is_refused_and_changes_nothing(running: World) -> None:
    with pytest.raises(Refused, match="Choose the step"):
        publish(running, message="move:nowhere")
    plan = edited()
    plan["nodes"][1]["id"] = "other"
    plan["nodes"][0]["transitions"][0]["to"] = "other"
    campaigns.save_plan(campaign=running.campaign.refreshed(), plan=plan, actor=running.agency.manager)
    with pytest.raises(Refused, match="no step like"):
        publish(running, message="go_on")
    campaigns.save_plan(campaign=running.campaign.refreshed(), plan=SEQUENCE, actor=running.agency.manager)
    with pytest.raises(Refused, match="what runs already"):
        publish(running)
    assert not PlanMigration.objects.exists()
    enrollments.stop(enrollment_id=at(running, "Ada").id, reason="x", actor=running.agency.manager)


def test_one_that_always_breaks_ends_and_the_page_says_so(
    running: World, client: Browser, monkeypatch: Any, time_machine: Any
) -> None:
    monkeypatch.setattr(plan_migrations, "AT_ONCE", 0)
    made = publish(running, message="go_on")
    errors: list[Exception] = [
        OperationalError("away"),
        ZeroDivisionError("a row"),
        ZeroDivisionError("a row"),
    ]

    def broken(*_: Any) -> Any:
        raise errors.pop(0)

    monkeypatch.setattr(plan_migrations, "_each", broken)
    for left in (2, 1):
        with pytest.raises((OperationalError, ZeroDivisionError)):
            plan_migrations.work(migration_id=made.id)
        assert (made.refreshed().state, len(errors)) == ("running", left)
        time_machine.shift(timedelta(minutes=11))
    plan_migrations.work(migration_id=made.id)
    ended = made.refreshed()
    assert (ended.state, ended.claimed_until, errors) == ("failed", None, [])
    assert at(running, "Ada").plan_version_id == made.from_version_id
    client.force_login(running.agency.manager)
    page = client.get(running.agency.url(f"campaigns/{running.campaign.id}/publish/")).content.decode()
    assert "Being published." not in page
    assert "It broke 3 times (ZeroDivisionError)." in page


def test_many_are_rolled_back_by_a_worker_in_batches_and_all_or_nobody(
    running: World, client: Browser, monkeypatch: Any, time_machine: Any
) -> None:
    made = publish(running, message="go_on", invite="go_on")
    monkeypatch.setattr(plan_migrations, "AT_ONCE", 0)
    monkeypatch.setattr(plan_migrations, "BATCH", 2)
    client.force_login(running.agency.manager)
    page = running.agency.url(f"campaigns/{running.campaign.id}/publish/")
    client.post(f"{page}{made.id}/back/")
    assert (made.refreshed().state, at(running, "Ada").plan_version_id) == ("backing", made.to_version_id)
    assert "Being rolled back." in client.get(page).content.decode()
    real, batches = plan_migrations._back, list[int]()

    def breaks_at_the_third(*given: Any) -> bool:
        batches.append(1)
        if len(batches) == 3:
            raise ZeroDivisionError
        return real(*given)

    monkeypatch.setattr(plan_migrations, "_back", breaks_at_the_third)
    with pytest.raises(ZeroDivisionError):
        plan_migrations.work(migration_id=made.id)
    assert at(running, "Ada").plan_version_id == made.to_version_id, "all or nobody"
    assert "2 of 3" in client.get(page).content.decode()
    time_machine.shift(timedelta(minutes=1))
    plan_migrations.work(migration_id=made.id)
    assert (made.refreshed().state, made.refreshed().counts["back"]) == ("undone", 3)
    assert at(running, "Ada").plan_version_id == made.from_version_id


def test_a_manager_publishes_and_rolls_back_on_the_page(running: World, client: Browser) -> None:
    client.force_login(running.agency.manager)
    page = running.agency.url(f"campaigns/{running.campaign.id}/publish/")
    shown = client.get(page).content.decode()
    assert 'name="do-message"' in shown
    assert "A last word" in shown
    client.post(page, {"do-message": "go_on", "do-invite": "stay"})
    shown = client.get(page).content.decode()
    assert "1 went on with it, 2 stay with theirs" in shown
    assert "The draft is what runs" in shown
    made = PlanMigration.objects.get()
    client.post(f"{page}{made.id}/back/")
    assert made.refreshed().state == "undone"
    refused = client.post(f"{page}{made.id}/back/")
    assert refused.status_code == 422


def test_a_campaign_that_a_provider_runs_says_why_nothing_is_published(
    running: World, client: Browser
) -> None:
    Campaign.objects.filter(id=running.campaign.id).update(kind=Campaign.Kind.PROVIDER)
    CampaignMirror.objects.create(
        campaign=running.campaign, connection=Connection.objects.all()[0], provider_campaign_id="1"
    )
    client.force_login(running.agency.manager)
    page = running.agency.url(f"campaigns/{running.campaign.id}/publish/")
    shown = client.get(page).content.decode()
    assert "The provider runs this campaign" in shown
    assert 'name="do-message"' not in shown
    assert client.post(page, {"do-message": "go_on"}).status_code == 422
