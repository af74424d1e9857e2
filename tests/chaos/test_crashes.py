"""A worker killed before any statement of any step: nothing is sent twice, nothing is lost, all converges."""

from __future__ import annotations

import uuid
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from campaigns.models import Enrollment, ScheduledAction
from campaigns.services import campaigns as campaign_service
from campaigns.services import engine, lanes, messages
from campaigns.tasks import sweep_audiences
from inbox.models import Conversation, Message
from inbox.services import replies
from integrations.models import OutboundMessage, ProviderEvent, RateLimit, RateUsage
from project.core.scoping import no_scope
from reporting.models import Fact
from tests.campaigns.conftest import WORKING, World
from tests.killing import Killed, Killer

pytestmark = pytest.mark.django_db

#: More statements than any path has: the loops end when a run was not killed any more.
MANY = 200


def test_enrolment_killed_before_any_statement_is_finished_by_the_sweeper(
    world: World, time_machine: Any
) -> None:
    world.lead("Marta", "marta")
    world.campaign = campaign_service.launch(campaign=world.campaign, actor=world.agency.manager)
    moment = WORKING
    for statement in range(1, MANY):
        world.lead("P", f"person{statement}")
        # Launched again, and the message to the workers is lost.
        campaign_service.pause(campaign=world.campaign.refreshed(), actor=world.agency.manager)
        campaign_service.resume(campaign=world.campaign.refreshed(), actor=world.agency.manager)
        moment += timedelta(seconds=30)
        time_machine.move_to(moment, tick=False)
        killer = Killer(statement)
        with connection.execute_wrapper(killer), suppress(Killed), no_scope():
            sweep_audiences.run()
        with no_scope():
            sweep_audiences.run()
        assert Enrollment.objects.count() == statement + 1
        if not killer.killed:
            break
    assert 10 < statement < MANY - 1
    assert Fact.objects.filter(kind="enrolled").count() == statement + 1
    assert ScheduledAction.objects.filter(state="due").count() == statement + 1
    assert world.campaign.refreshed().enrolling_since is None


def test_the_engine_killed_before_any_statement(world: World, time_machine: Any) -> None:
    RateLimit.objects.create(sender=world.sender, action="invite", cap=1000)
    world.launch_empty()
    moment = WORKING
    for statement in range(1, MANY):
        world.lead("P", f"person{statement}")
        world.enroll()
        killer = Killer(statement)
        with connection.execute_wrapper(killer), suppress(Killed):
            world.tick()
        # The dead worker's claim runs out.
        moment += lanes.LEASE + timedelta(seconds=1)
        time_machine.move_to(moment, tick=False)
        world.tick()
        assert OutboundMessage.objects.count() == statement
        assert RateUsage.objects.get(action="invite", window="day").used == statement
        if not killer.killed:
            break
    assert 15 < statement < MANY - 1
    assert not ScheduledAction.objects.filter(kind="send", state="due").exists()


def test_a_reply_killed_before_any_statement_is_told_again(world: World) -> None:
    RateLimit.objects.create(sender=world.sender, action="invite", cap=1000)
    world.launch_empty()
    for statement in range(1, MANY):
        slug = f"person{statement}"
        lead = world.lead("P", slug)
        world.enroll()
        world.tick()
        world.deliver(world.queued()[0])
        killer = Killer(statement)
        with connection.execute_wrapper(killer), suppress(Killed):
            world.says(slug, "Tell me more", WORKING, message=slug)
        # The delivery is processed again.
        world.says(slug, "Tell me more", WORKING, message=slug)
        assert (world.enrollment(lead).status, world.enrollment(lead).stage) == ("ended", "replied")
        thread = Conversation.objects.get(lead=lead)
        assert (thread.unread, Message.objects.filter(conversation=thread).count()) == (1, 1)
        if not killer.killed:
            break
    assert 30 < statement < MANY - 1
    assert ProviderEvent.objects.count() == statement
    assert Fact.objects.filter(kind="replied").count() == statement


def test_an_answer_killed_before_any_statement_is_queued_once(world: World) -> None:
    world.lead("Marta", "marta")
    world.says("marta", "Tell me more", WORKING)
    thread = Conversation.objects.get()
    for statement in range(1, MANY):
        token = uuid.uuid4()

        def send(token: uuid.UUID = token) -> Message:
            return replies.send_reply(
                conversation_id=thread.id,
                author=world.agency.agent,
                body="Gladly.",
                client_token=token,
                seen_revision=thread.refreshed().revision,
            )

        killer = Killer(statement)
        with connection.execute_wrapper(killer), suppress(Killed):
            send()
        send()
        assert OutboundMessage.objects.count() == statement
        assert Message.objects.filter(direction="outbound").count() == statement
        if not killer.killed:
            break
    assert 10 < statement < MANY - 1


def test_an_action_that_cannot_be_done_does_not_hold_up_the_others(
    world: World, monkeypatch: pytest.MonkeyPatch, time_machine: Any
) -> None:
    leads = [world.lead("P", f"person{number}") for number in range(3)]
    world.launch()
    real = messages.compose
    bad = leads[0].id

    def faulty(**values: Any) -> messages.Composed:
        if values["enrollment"].lead_id == bad:
            raise ZeroDivisionError
        return real(**values)

    monkeypatch.setattr(messages, "compose", faulty)
    world.tick()
    assert len(world.queued()) == 2
    assert "fault" in ScheduledAction.objects.get(enrollment__lead=bad).held_reason
    monkeypatch.setattr(messages, "compose", real)
    time_machine.move_to(WORKING + engine.FAULT_PAUSE, tick=False)
    world.tick()
    assert len(world.queued()) == 3
