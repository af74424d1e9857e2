"""Many at once on a real PostgreSQL: engines, agents, browsers that submit twice."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections

from campaigns.models import Enrollment, ScheduledAction
from campaigns.services import engine, enrollments
from inbox.models import Assignment, Conversation, Message, SystemLine
from inbox.services import replies, triage
from integrations.models import OutboundMessage, RateLimit, RateUsage
from project.core.scoping import organization_scope, platform_scope
from reporting.models import Fact
from tests.campaigns.conftest import WORKING, World

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*works: Callable[[], Any]) -> list[Any]:
    """Run all at the same moment, each on a thread and connection of its own; what was raised is returned."""
    start = threading.Barrier(len(works))

    def run(work: Callable[[], Any]) -> Any:
        try:
            start.wait()
            return work()
        except Exception as error:  # noqa: BLE001 (the test looks at it)
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


def test_eight_engines_over_two_hundred_actions(world: World) -> None:
    RateLimit.objects.create(sender=world.sender, action="invite", cap=120)
    for number in range(200):
        world.lead(f"P{number}", f"person{number}")
    world.launch()

    def tick() -> int:
        with platform_scope("test"):
            return engine.tick()

    done = at_once(*[tick] * 8)
    assert sum(done) >= 200
    keys = list(OutboundMessage.objects.values_list("dedupe_key", flat=True))
    assert len(keys) == len(set(keys)) == 120
    assert RateUsage.objects.get(action="invite", window="day").used == 120
    assert ScheduledAction.objects.filter(kind="send", state="done").count() == 120
    held = ScheduledAction.objects.filter(kind="send", state="due")
    assert set(held.values_list("held_by", flat=True)) == {"limit"}
    assert held.count() == 80


def test_an_audience_enrolled_by_four_workers_at_once(world: World) -> None:
    world.launch_empty()
    for number in range(250):
        world.lead(f"P{number}", f"person{number}")

    def enroll() -> int:
        with organization_scope(world.agency.id):
            return enrollments.enroll_audience(campaign_id=world.campaign.id)

    assert sum(at_once(*[enroll] * 4)) == Enrollment.objects.count() == 250
    assert Fact.objects.filter(kind="enrolled").count() == 250


@pytest.fixture
def thread(world: World) -> Conversation:
    world.lead("Marta", "marta")
    world.says("marta", "Tell me more", WORKING)
    return Conversation.objects.get()


def _reply(
    world: World, thread: Conversation, name: str, token: uuid.UUID, seen: int
) -> Callable[[], Message]:
    def send() -> Message:
        with organization_scope(world.agency.id):
            return replies.send_reply(
                conversation_id=thread.id,
                author=world.agency.people[name],
                body=f"Gladly, says {name}.",
                client_token=token,
                seen_revision=seen,
            )

    return send


def test_of_two_answers_at_once_one_is_sent_and_one_sees_it(world: World, thread: Conversation) -> None:
    for number in range(5):
        seen = thread.refreshed().revision
        made = at_once(*[_reply(world, thread, name, uuid.uuid4(), seen) for name in ("agent", "agent2")])
        refused = [one for one in made if isinstance(one, replies.StaleThread)]
        sent = [one for one in made if isinstance(one, Message)]
        assert (len(sent), len(refused)) == (1, 1)
        assert [entry.id for entry in refused[0].new] == [sent[0].id]
        assert OutboundMessage.objects.count() == number + 1


def test_the_same_answer_submitted_four_times_at_once_is_one(world: World, thread: Conversation) -> None:
    token, seen = uuid.uuid4(), thread.refreshed().revision
    made = at_once(*[_reply(world, thread, "agent", token, seen)] * 4)
    assert len({one.id for one in made}) == 1
    assert OutboundMessage.objects.count() == Message.objects.filter(direction="outbound").count() == 1


def test_an_answer_and_their_next_message_at_once(world: World, thread: Conversation) -> None:
    """Either the answer saw the message in time and is refused, or it was first; never both half."""
    for number in range(5):
        seen = thread.refreshed().revision

        def hears(number: int = number) -> None:
            with organization_scope(world.agency.id):
                world.says("marta", f"More {number}", WORKING, message=f"more{number}")

        before = OutboundMessage.objects.count()
        made, heard = at_once(_reply(world, thread, "agent", uuid.uuid4(), seen), hears)
        assert heard is None
        sent = OutboundMessage.objects.count() - before
        assert sent == (0 if isinstance(made, replies.StaleThread) else 1)
        revisions = list(Message.objects.order_by("revision").values_list("revision", flat=True))
        assert len(revisions) == len(set(revisions))


def test_two_who_take_a_conversation_at_once_are_told_in_turn(world: World, thread: Conversation) -> None:
    def take(name: str) -> Callable[[], Conversation]:
        person = world.agency.people[name]

        def act() -> Conversation:
            with organization_scope(world.agency.id):
                return triage.assign(conversation_id=thread.id, assignee_id=person.id, actor=person)

        return act

    made = at_once(take("agent"), take("agent2"))
    assert all(isinstance(one, Conversation) for one in made)
    [*_, last] = SystemLine.objects.filter(conversation=thread, kind="assigned").order_by("revision")
    final = thread.refreshed()
    assert final.assignee is not None
    assert final.assignee.display_name in last.text
    assert Assignment.objects.order_by("-id")[0].assignee_id == final.assignee_id
    assert SystemLine.objects.filter(conversation=thread, kind="assigned").count() == 2


def test_the_same_webhook_fact_eight_times_at_once_is_one(world: World, thread: Conversation) -> None:
    def hear() -> None:
        with organization_scope(world.agency.id):
            world.says("marta", "Only once", WORKING, message="once")

    assert at_once(*[hear] * 8) == [None] * 8
    assert Message.objects.filter(body="Only once").count() == 1
    assert thread.refreshed().unread == 2
