"""Uncertain sends: asked about, never sent again unasked, settled by what the network shows, or decided by a
person.
"""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine

from integrations.errors import ErrorKind
from integrations.models import OutboundMessage, SendAttempt, SenderAccount
from integrations.services import dispatch, settlement
from integrations.tasks import settle_due
from project.core.clock import now
from project.core.scoping import no_scope
from tests.integrations.conftest import Room, message_webhook
from tests.integrations.world import OWN_ID, problem


def tick(room: Room) -> int:
    with no_scope():
        found = int(settle_due.run())
    room.hints.run_all()
    return found


def state(room: Room) -> str:
    with room.scope():
        return str(OutboundMessage.objects.get().state)


def uncertain(room: Room, *, left: bool, **fields: object) -> None:
    """Send one message whose answer is lost, after or before it left."""
    lost = problem(ErrorKind.INDETERMINATE, **fields)
    (room.world.failures_after if left else room.world.failures).append(lost)
    with room.scope():
        room.queue(body="Hello Tomas")
    room.hints.run_all()
    assert state(room) == "unknown"


def test_one_that_left_is_found_and_not_sent_again(room: Room) -> None:
    uncertain(room, left=True)
    assert tick(room) == 0
    with time_machine.travel(now() + timedelta(minutes=1), tick=True):
        assert tick(room) == 1
    with room.scope():
        row = OutboundMessage.objects.get()
        assert (row.state, row.message_id) == ("sent", "m_1")
        assert SendAttempt.objects.get().state == "settled_sent"
    assert len(room.world.sent) == 1


def test_one_that_did_not_leave_is_sent_once_it_is_sure(room: Room) -> None:
    uncertain(room, left=False)
    with time_machine.travel(now() + timedelta(minutes=1), tick=True):
        tick(room)
        assert state(room) == "unknown"
    with time_machine.travel(now() + timedelta(minutes=4), tick=True):
        tick(room)
    assert state(room) == "sent"
    assert len(room.world.sent) == 1
    with room.scope():
        states = list(SendAttempt.objects.order_by("number").values_list("number", "state"))
    assert states == [(1, "settled_not_sent"), (2, "accepted")]


def test_a_refusal_that_may_have_been_a_quota_pauses_once_it_is_sure(room: Room) -> None:
    uncertain(room, left=False, if_not_sent=ErrorKind.QUOTA)
    with time_machine.travel(now() + timedelta(minutes=4), tick=True):
        tick(room)
    assert state(room) == "queued"
    assert room.world.sent == []
    with room.scope():
        assert "message" in SenderAccount.objects.get().action_pauses


def test_the_network_showing_the_message_settles_it(room: Room) -> None:
    uncertain(room, left=True)
    room.post(
        message_webhook("Hello Tomas", sender_id=OWN_ID, message_id="w_own", provider_message_id="2-own")
    )
    room.hints.run_all()
    with room.scope():
        row = OutboundMessage.objects.get()
        assert (row.state, row.message_id, row.provider_message_id) == ("sent", "w_own", "2-own")
        assert SendAttempt.objects.get().state == "settled_sent"
    with time_machine.travel(now() + timedelta(minutes=5), tick=True):
        assert tick(room) == 0


def test_the_echo_before_the_receipt_and_after_it_is_one_message(room: Room) -> None:
    def echo() -> None:
        room.post(
            message_webhook("Hello Tomas", sender_id=OWN_ID, message_id="m_1", provider_message_id="2-x")
        )
        waiting = [hint for hint in room.hints.waiting if hint[0].name == "integrations.process_deliveries"]
        room.hints.lose()
        for target, payload in waiting:
            with no_scope():
                target.run(**payload)

    room.world.failures.append(echo)
    with room.scope():
        room.queue(body="Hello Tomas")
    with room.scope():
        dispatch.dispatch_sender(room.sender.id)
        row = OutboundMessage.objects.get()
        assert (row.state, row.message_id, row.provider_message_id) == ("sent", "m_1", "2-x")
    assert room.deliveries()[0].state == "processed"


def test_somebody_elses_text_does_not_settle_it(room: Room) -> None:
    uncertain(room, left=True)
    room.post(message_webhook("Hello Tomas"))
    room.post(message_webhook("Another text", sender_id=OWN_ID))
    room.hints.run_all()
    assert state(room) == "unknown"


def test_a_worker_that_died_is_asked_about_after_its_lease(room: Room) -> None:
    with room.scope():
        room.queue(body="Hello Tomas")
        claimed = dispatch.claim_next(room.sender.id)
        assert claimed is not None
        # The account is busy: nothing else leaves meanwhile.
        room.queue(body="Next")
        assert dispatch.claim_next(room.sender.id) is None
    room.hints.lose()
    assert tick(room) == 0
    with time_machine.travel(now() + dispatch.LEASE + timedelta(seconds=1), tick=True):
        tick(room)
        with room.scope():
            assert OutboundMessage.objects.get(body="Hello Tomas").state == "unknown"
        tick(room)
    room.hints.run_all()
    with room.scope():
        assert set(OutboundMessage.objects.values_list("state", flat=True)) == {"sent"}
    assert sorted(entry["text"] for entry in room.world.sent) == ["Hello Tomas", "Next"]


def test_what_cannot_be_settled_stays_unknown_and_a_person_decides(room: Room) -> None:
    uncertain(room, left=False)
    room.world.read_error = problem(ErrorKind.UNKNOWN)
    moment = now()
    for _ in range(settlement.MAX_TRIES + 3):
        moment += timedelta(hours=3)
        with time_machine.travel(moment, tick=True):
            tick(room)
    with room.scope():
        attempt = SendAttempt.objects.get()
        assert (attempt.settle_tries, attempt.settle_after) == (settlement.MAX_TRIES, None)
        row = OutboundMessage.objects.select_related("sender__connection").get()
        assert row.state == "unknown"
        assert settlement.decide(row, sent=True, actor=room.agency.ops)
        assert not settlement.decide(row, sent=True, actor=room.agency.ops)
    assert state(room) == "sent"
    assert room.world.sent == []


def test_a_person_may_decide_that_nothing_left(room: Room) -> None:
    uncertain(room, left=False)
    with room.scope():
        row = OutboundMessage.objects.select_related("sender__connection").get()
        assert settlement.decide(row, sent=False, actor=room.agency.ops)
    room.hints.run_all()
    assert state(room) == "sent"
    assert len(room.world.sent) == 1


def test_asking_twice_at_once_asks_once(room: Room) -> None:
    uncertain(room, left=True)
    with room.scope():
        attempt = SendAttempt.objects.get()
        SendAttempt.objects.update(settle_after=now())
        assert settlement.settle(attempt.id) is not None
        assert settlement.settle(attempt.id) is None


@pytest.mark.parametrize("kind", ["message_read", "message_delivered"])
def test_delivered_and_seen_are_stored_with_the_send(room: Room, kind: str) -> None:
    with room.scope():
        room.queue()
    room.hints.run_all()
    room.post(
        {
            "event": kind,
            "account_id": "acc-1",
            "account_type": "LINKEDIN",
            "message_id": "m_1",
            "chat_id": "c_1",
        }
    )
    room.hints.run_all()
    with room.scope():
        row = OutboundMessage.objects.get()
        assert row.delivered_at is not None
        assert (row.seen_at is not None) == (kind == "message_read")
