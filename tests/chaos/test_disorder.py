"""Facts come late, twice and out of order: the end is the same (docs/decisions, plan rule 6)."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaigns.models import Enrollment
from inbox.models import Conversation, Message, PendingChange
from integrations.events import (
    MessageDeleted,
    MessageDelivered,
    MessageEdited,
    MessageReaction,
    MessageRead,
    MessageReceived,
    RelationCreated,
)
from integrations.services.events import record_event
from integrations.values import Direction, Person
from tests.campaigns.conftest import WORKING, World

pytestmark = pytest.mark.django_db

MARTA = Person(provider_id="ACoAA_marta", public_identifier="marta", name="Marta")
ERIK = Person(provider_id="ACoAA_erik", name="Erik Sand", is_self=True)


class RollBack(Exception):
    """Takes one run back."""


def _about(number: str, minute: int) -> dict[str, Any]:
    return {
        "provider": "unipile",
        "account_id": "acc_erik",
        "occurred_at": WORKING + timedelta(minutes=minute),
        "message_id": f"api_{number}",
        "provider_message_id": f"net_{number}",
        "chat_id": "chat_marta",
        "provider_chat_id": "thread_marta",
    }


def _message(number: str, minute: int, text: str, person: Person) -> MessageReceived:
    direction = Direction.OUTBOUND if person.is_self else Direction.INBOUND
    return MessageReceived(
        **_about(number, minute), direction=direction, sender=person, counterpart=MARTA,
        participants=(MARTA, ERIK), text=text,
    )  # fmt: skip


#: In the order in which they happened.
EVENTS = [
    RelationCreated(
        provider="unipile", account_id="acc_erik", occurred_at=WORKING + timedelta(minutes=1), person=MARTA
    ),
    _message("m1", 2, "Tell me more", MARTA),
    MessageReaction(**_about("m1", 3), reaction="👍", reactor=ERIK),
    MessageReaction(**_about("m1", 4), reaction="🎉", reactor=ERIK),
    _message("o1", 5, "Gladly, from my phone", ERIK),
    MessageDelivered(**_about("o1", 6)),
    MessageRead(**_about("o1", 7), reader=MARTA),
    MessageEdited(**_about("m1", 8), text="Tell me more, please"),
    MessageEdited(**_about("m1", 9), text="Tell me everything, please"),
    _message("m2", 10, "Sorry, wrong person", MARTA),
    MessageDeleted(**_about("m2", 11)),
    _message("m3", 12, "And the prise?", MARTA),
    MessageEdited(**_about("m3", 13), text="And the price?"),
]


def _end_of(world: World, order: list[int]) -> dict[str, Any]:
    """Tell the facts in an order to a lead that has been invited, and say how everything is then."""
    end: dict[str, Any] = {}

    def play() -> None:
        for index in order:
            record_event(EVENTS[index], sender=world.sender, source="webhook")
        end.update(_state())
        raise RollBack

    with suppress(RollBack), transaction.atomic():
        play()
    return end


def _state() -> dict[str, Any]:
    [thread] = Conversation.objects.all()
    enrollment = Enrollment.objects.get()
    names = (
        "direction", "state", "body", "seen_at", "delivered_at", "edited_at", "deleted_at", "reactions",
        "occurred_at",
    )  # fmt: skip
    return {
        "enrollment": (enrollment.status, enrollment.stage),
        "thread": (
            thread.unread, thread.has_inbound, thread.status, thread.last_message_at, thread.last_snippet,
            thread.last_inbound, thread.last_inbound_at, thread.counterpart_id,
        ),
        "messages": list(Message.objects.order_by("provider_message_id").values_list(*names)),
        "waiting": PendingChange.objects.count(),
    }  # fmt: skip


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
@given(
    order=st.permutations(range(len(EVENTS))),
    again=st.lists(st.tuples(st.integers(0, len(EVENTS)), st.sampled_from(range(len(EVENTS)))), max_size=6),
)
def test_any_order_ends_like_the_true_one(
    invited: World, true_end: dict[str, Any], order: list[int], again: list[tuple[int, int]]
) -> None:
    for place, index in again:
        order.insert(place, index)
    assert _end_of(invited, order) == true_end


@pytest.fixture
def invited(world: World) -> World:
    world.lead("Marta", "marta")
    world.launch()
    world.tick()
    world.deliver(world.queued()[0])
    return world


@pytest.fixture
def true_end(invited: World) -> dict[str, Any]:
    return _end_of(invited, list(range(len(EVENTS))))


def test_the_true_order_ends_as_it_should(true_end: dict[str, Any]) -> None:
    assert true_end["enrollment"] == ("ended", "replied")
    assert true_end["thread"][4] == "And the price?"
    assert true_end["waiting"] == 0
    assert [row[1] for row in true_end["messages"]] == ["received", "received", "received", "seen"]
