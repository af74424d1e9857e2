"""Freezes in the engine and in simulations, an account's queue, the budget board and giving people away."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client as Browser

from campaigns import selectors_board
from campaigns.capacity import FARTHEST_DAYS, Load, Rest, days_left, rest_of
from campaigns.models import CampaignSender, EnrollmentSender, ScheduledAction, Transition
from campaigns.plans.schema import Plan
from campaigns.services import reallocation
from campaigns.services.simulation_setup import load
from campaigns.simulation.forecast import forecast
from campaigns.simulation.script import Script
from integrations.models import OutboundMessage, SenderAccount
from integrations.services import freezing
from project.core.clock import now
from project.core.refusals import Invalid
from tests.campaigns.channels import Post, post
from tests.campaigns.conftest import SEQUENCE, WORKING, World

__all__ = ["post"]
pytestmark = pytest.mark.django_db

TODAY = WORKING.date()


def test_a_frozen_account_sends_afterwards_one_after_the_other(world: World, time_machine: Any) -> None:
    for number in range(3):
        world.lead(f"P{number}", f"person{number}")
    sender = freezing.freeze(sender=world.sender, first=TODAY, last=TODAY + timedelta(days=1), actor=None)
    world.launch()
    world.tick()
    assert world.queued() == []
    held = list(ScheduledAction.objects.filter(held_by="frozen"))
    assert len(held) == 3
    assert "frozen through 19 November 2026" in held[0].held_reason
    assert {action.due_at.date() for action in held} == {
        date(2026, 11, 19)
    }  # midnight of the 20th in Stockholm
    freezing.thaw(sender=sender, key=freezing.of(sender)[0].key, actor=world.agency.manager)
    time_machine.move_to(WORKING + timedelta(minutes=1), tick=False)
    world.tick()
    assert len(world.queued()) == 1
    assert ScheduledAction.objects.filter(held_by="pace").count() == 2


def test_what_is_in_the_outbox_waits_for_the_freeze_too(world: World) -> None:
    from integrations.tasks import dispatch_sender
    from project.core.scoping import no_scope

    world.lead("Marta", "marta")
    world.launch()
    world.tick()
    [message] = world.queued()
    freezing.freeze(sender=world.sender, first=TODAY, last=TODAY, reason="Fair", actor=None)
    with no_scope():
        dispatch_sender.run(organization_id=str(world.agency.id), sender_id=str(world.sender.id))
    found = message.refreshed()
    assert (found.state, found.hold_code) == ("queued", "frozen")


def test_a_simulation_sends_nothing_on_frozen_days(world: World) -> None:
    for number in range(4):
        world.lead(f"P{number}", f"person{number}")
    freezing.freeze(sender=world.sender, first=TODAY, last=TODAY + timedelta(days=1), actor=None)
    found = forecast(load(campaign=world.campaign, at=now(), days=30).setup, Script(), seeds=1)
    assert min(row["day"] for row in found.touches) == date(2026, 11, 20)
    assert "Erik Sand is frozen" in {row["name"] for row in found.binding}


# --- the queue ------------------------------------------------------------------------------------------


def test_the_queue_says_what_goes_out_when_and_what_it_waits_for(world: World, client: Browser) -> None:
    for number in range(27):
        world.lead(f"P{number}", f"person{number}")
    world.launch()
    client.force_login(world.agency.viewer)
    url = world.agency.url(f"senders/{world.sender.id}/queue/")
    page = client.get(url).content.decode()
    assert page.count("Invitation</td>") + page.count("Invitation<span") == 27
    world.tick()
    page = client.get(url).content.decode()
    assert "Leaving now" in page
    assert "daily limit of 25" in page
    assert client.get(world.agency.url(f"senders/{world.campaign.id}/queue/")).status_code == 404


# --- the board ------------------------------------------------------------------------------------------


def second_sender(world: World, **values: Any) -> SenderAccount:
    made: SenderAccount = SenderAccount.objects.create(
        client=world.agency.first,
        connection=world.connection,
        channel="linkedin",
        name="Ines Roth",
        provider_account_id="acc_ines",
        **{"status": "ok", "time_zone": "Europe/Stockholm", **values},
    )
    return made


def test_what_is_left_of_a_plan_is_its_longest_way() -> None:
    plan = Plan.model_validate(SEQUENCE)
    assert rest_of(plan, "invite") == Rest({"invite": 1, "message": 2}, 19.0)
    assert rest_of(plan, "follow_up").sends == {"message": 1}
    assert rest_of(plan, "give_up").sends == {}
    assert rest_of(plan, "gone") == Rest()


def test_campaigns_share_an_accounts_day() -> None:
    rest = Rest({"invite": 1}, 0)
    loads = [
        Load("a", "erik", 100, rest),
        Load("b", "erik", 50, rest),
        Load("b", "ines", 10, Rest({"sms": 1}, 4.2)),
    ]
    found = days_left(loads, {("erik", "invite"): 25.0})
    assert found == {("a", "erik"): 6, ("b", "erik"): 6, ("b", "ines"): 5}
    assert days_left(loads[:1], {("erik", "invite"): 0.0}) == {("a", "erik"): FARTHEST_DAYS}


def test_people_who_were_not_written_to_go_to_another_account(world: World, client: Browser) -> None:
    for number in range(30):
        world.lead(f"P{number}", f"person{number}")
    world.launch()
    world.tick()
    assert len(world.queued()) == 25
    ines = second_sender(world)
    CampaignSender.objects.create(campaign=world.campaign, sender=ines)
    client.force_login(world.agency.manager)
    board = client.get(world.agency.url("senders/board/")).content.decode()
    assert "5 not written to yet" in board
    assert "30 people under way" in board

    given = {"campaign": world.campaign.id, "source": world.sender.id, "target": ines.id, "people": "5"}
    effect = client.get(world.agency.url("senders/board/effect/"), given).content.decode()
    assert "Ines Roth" in effect
    assert EnrollmentSender.objects.filter(sender=ines).count() == 0

    done = client.post(
        world.agency.url("senders/board/move/"), {**given, "people": "8"}, headers={"HX-Request": "true"}
    )
    page = done.content.decode()
    assert "5 people of Cold chain went from Erik Sand to Ines Roth." in page
    assert "written to already" in page
    assert EnrollmentSender.objects.filter(sender=ines).count() == 5
    assert ScheduledAction.objects.filter(sender=ines, state="due", kind="send").count() == 5
    assert Transition.objects.filter(cause="person", reason__contains="to Ines Roth").count() == 5
    world.tick()
    # At the other account's pace: the first at once.
    assert OutboundMessage.objects.filter(sender=ines).count() == 1
    assert ScheduledAction.objects.filter(sender=ines, held_by="pace").count() == 4


@pytest.mark.parametrize(
    ("people", "told"),
    [("", "how many people"), ("0", "At least one"), ("x", "whole number"), ("9999", "At most")],
)
def test_bad_figures_are_named_and_nobody_is_moved(
    world: World, client: Browser, people: str, told: str
) -> None:
    world.lead("Marta", "marta")
    world.launch()
    ines = second_sender(world)
    client.force_login(world.agency.manager)
    given = {"campaign": world.campaign.id, "source": world.sender.id, "target": ines.id, "people": people}
    refused = client.post(world.agency.url("senders/board/move/"), given)
    assert refused.status_code == 422
    assert told in refused.content.decode()
    # And an account that does not send for the campaign, whatever the figure.
    with pytest.raises(Invalid):
        reallocation.move(
            campaign=world.campaign, source=world.sender, target=ines, people=1, actor=world.agency.manager
        )
    assert not EnrollmentSender.objects.filter(sender=ines).exists()


def test_a_shift_makes_one_account_earlier(world: World) -> None:
    from integrations.services import rates

    for number in range(300):
        world.lead(f"P{number}", f"person{number}")
    rates.set_limit(sender=world.sender, action="invite", cap=5, actor=None)
    world.launch()
    ines = second_sender(world)
    CampaignSender.objects.create(campaign=world.campaign, sender=ines)
    access = world.agency.access(world.agency.manager)
    shift = selectors_board.Shift(world.campaign.id, world.sender.id, ines.id, 200)
    effects = {row["sender"]: row for row in selectors_board.effect(access, shift)}
    assert effects["Erik Sand"]["days"] < -30
    assert effects["Ines Roth"]["before"] is None
    assert effects["Ines Roth"]["after"] is not None


# --- health ---------------------------------------------------------------------------------------------


def test_bounces_lower_the_score_of_a_mailbox_and_its_share_of_people(post: Post) -> None:
    from campaigns.models import SendOutcome
    from campaigns.services.assignment import Rotation
    from integrations import health_selectors
    from project.core.ids import uuid7

    mailbox = SenderAccount.objects.select_related("connection").get(channel="email")
    for number in range(100):
        SendOutcome.objects.create(
            client=post.agency.first,
            sender=mailbox,
            outbound_id=uuid7(),
            channel="email",
            sent_at=now() - timedelta(hours=1),
            bounced_at=now() if number < 7 else None,
        )
    health = health_selectors.health_of([mailbox])[mailbox.id]
    assert health.worst is not None
    assert (health.worst.key, health.score) == ("bounce", 20)
    assert "7 of the last 100 e-mails bounced (7 %)" in health.sentence
    assert Rotation.of(post.campaign, []).health[mailbox.id] == 0.2
