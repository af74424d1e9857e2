"""The engine over a whole sequence: claims, gates, limits, sends, reactions."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from campaigns.models import Enrollment, ScheduledAction, Transition
from campaigns.services import campaigns as campaign_service
from campaigns.services import suppression
from inbox.models import Conversation, Message
from integrations.models import OutboundMessage, RateUsage
from integrations.services import switches
from reporting.models import Fact
from tests.campaigns.conftest import WORKING, World

pytestmark = pytest.mark.django_db


def test_a_sequence_runs_from_invitation_to_reply(world: World, time_machine: Any) -> None:
    marta = world.lead("Marta", "marta")
    world.launch()
    world.tick()
    [invite] = world.queued()
    assert (invite.action, invite.body, invite.recipient["provider_id"]) == (
        "invite",
        "Hi Marta",
        "ACoAA_marta",
    )

    world.deliver(invite, invitation_id="inv1")
    assert world.enrollment(marta).stage == "invited"

    world.accepts("marta", WORKING + timedelta(minutes=5))
    time_machine.move_to(WORKING + timedelta(minutes=6), tick=False)
    world.tick()
    [message] = world.queued()
    assert message.body == "Thanks, Marta."
    world.deliver(message, message_id="api_own", chat_id="chat_marta")

    world.says("marta", "Tell me more", WORKING + timedelta(minutes=9))
    ended = world.enrollment(marta)
    assert (ended.status, ended.stage) == ("ended", "replied")
    assert not ScheduledAction.objects.filter(enrollment=ended, state="due").exists()
    thread = Conversation.objects.get()
    assert (thread.lead_id, thread.unread, thread.last_snippet) == (marta.id, 1, "Tell me more")
    assert list(Message.objects.order_by("occurred_at").values_list("direction", flat=True)) == [
        "outbound",
        "inbound",
    ]
    kinds = set(Fact.objects.values_list("kind", flat=True))
    assert kinds == {"enrolled", "invited", "connected", "messaged", "replied", "positive", "ended"}


def test_the_daily_limit_defers_with_a_stated_time_and_recovers(world: World, time_machine: Any) -> None:
    for number in range(27):
        world.lead(f"P{number}", f"person{number}")
    world.launch()
    world.tick()
    assert len(world.queued()) == 25
    assert RateUsage.objects.get(action="invite", window="day").used == 25
    held = ScheduledAction.objects.filter(state="due", held_by="limit")
    assert held.count() == 2
    assert "daily limit of 25" in held[0].held_reason
    time_machine.move_to(held[0].due_at + timedelta(hours=10), tick=False)
    world.tick()
    # Not both at once: what waited leaves one after the other.
    assert len(world.queued()) == 26
    [paced] = ScheduledAction.objects.filter(state="due", held_by="pace")
    time_machine.move_to(paced.due_at, tick=False)
    world.tick()
    assert len(world.queued()) == 27


def test_nothing_leaves_outside_the_window(world: World, time_machine: Any) -> None:
    world.lead("Marta", "marta")
    time_machine.move_to(WORKING + timedelta(days=3), tick=False)  # a Saturday
    world.launch()
    world.tick()
    assert world.queued() == []
    action = ScheduledAction.objects.get()
    assert action.due_at.astimezone().weekday() == 0
    time_machine.move_to(action.due_at, tick=False)
    world.tick()
    assert len(world.queued()) == 1


@pytest.mark.parametrize("level", ["organization", "client", "campaign", "sender"])
def test_a_kill_switch_holds_at_every_level(world: World, time_machine: Any, level: str) -> None:
    world.lead("Marta", "marta")
    target = {
        "organization": world.agency.id,
        "client": world.agency.first.id,
        "campaign": world.campaign.id,
        "sender": world.sender.id,
    }[level]
    switches.switch(level=level, target_id=target, on=True, reason="drill", actor=world.agency.admin)
    world.launch()
    world.tick()
    assert world.queued() == []
    assert "switched off" in ScheduledAction.objects.get().held_reason
    switches.switch(level=level, target_id=target, on=False, actor=world.agency.admin)
    time_machine.move_to(WORKING + timedelta(minutes=3), tick=False)
    world.tick()
    assert len(world.queued()) == 1


def test_a_suppressed_person_is_never_written_to(world: World) -> None:
    marta = world.lead("Marta", "marta")
    suppression.suppress(client_id=None, channel="linkedin", value="marta", source="person")
    world.launch()
    world.tick()
    assert not OutboundMessage.objects.exists()
    enrollment = world.enrollment(marta)
    assert (enrollment.status, enrollment.stage) == ("ended", "error")
    assert "must not be contacted" in enrollment.reason


def test_a_pause_holds_and_a_resume_goes_on(world: World, time_machine: Any) -> None:
    world.lead("Marta", "marta")
    world.launch()
    campaign_service.pause(campaign=world.campaign, actor=world.agency.manager)
    world.tick()
    assert world.queued() == []
    campaign_service.resume(campaign=world.campaign.refreshed(), actor=world.agency.manager)
    time_machine.move_to(WORKING + timedelta(minutes=3), tick=False)
    world.tick()
    assert len(world.queued()) == 1


def test_a_reply_withdraws_what_is_queued(world: World, time_machine: Any) -> None:
    marta = world.lead("Marta", "marta")
    world.launch()
    world.tick()
    world.deliver(world.queued()[0])
    world.accepts("marta", WORKING)
    world.tick()
    [message] = world.queued()
    world.says("marta", "Hello, who are you?", WORKING)
    assert OutboundMessage.objects.get(id=message.id).state == "cancelled"
    assert world.enrollment(marta).stage == "replied"


def test_an_opt_out_suppresses_and_ends(world: World) -> None:
    marta = world.lead("Marta", "marta")
    world.launch()
    world.tick()
    world.deliver(world.queued()[0])
    world.says("marta", "Please remove me from your list", WORKING)
    assert world.enrollment(marta).stage == "unsubscribed"
    assert suppression.suppression_of(client_id=world.agency.first.id, lead_id=marta.id, channel="linkedin")


def test_events_in_any_order_give_the_same_state(world: World, time_machine: Any) -> None:
    """The reply comes before the acceptance that it implies; the acceptance twice."""
    marta = world.lead("Marta", "marta")
    world.launch()
    world.tick()
    world.deliver(world.queued()[0])
    world.says("marta", "Hi", WORKING + timedelta(minutes=2))
    world.accepts("marta", WORKING + timedelta(minutes=1))
    world.accepts("marta", WORKING + timedelta(minutes=1))
    enrollment = world.enrollment(marta)
    assert (enrollment.status, enrollment.stage) == ("ended", "replied")
    assert Transition.objects.filter(enrollment=enrollment, to_node="message").count() == 0


def test_enrolling_twice_adds_nobody_twice(world: World) -> None:
    from campaigns.services import enrollments

    world.lead("Marta", "marta")
    world.launch()
    assert enrollments.enroll_audience(campaign_id=world.campaign.id) == 0
    assert Enrollment.objects.count() == 1


def test_an_unfilled_variable_never_leaves(world: World) -> None:
    from campaigns.models import Campaign

    plan = {**world.campaign.draft_plan}
    nodes = [dict(node) for node in plan["nodes"]]
    nodes[0] = {**nodes[0], "content": {"note": "Hi {{ company.name }}"}}
    Campaign.objects.filter(id=world.campaign.id).update(draft_plan={**plan, "nodes": nodes})
    world.campaign = world.campaign.refreshed()
    marta = world.lead("Marta", "marta")
    world.launch(accept_unfilled=True)
    world.tick()
    assert world.queued() == []
    assert "company.name" in world.enrollment(marta).reason


def test_somebody_who_is_connected_already_is_not_invited(world: World) -> None:
    marta = world.lead("Marta", "marta")
    world.accepts("marta", WORKING - timedelta(days=30))
    world.launch()
    world.tick()
    [first] = world.queued()
    assert first.action == "message"
    assert world.enrollment(marta).stage == "connected"
