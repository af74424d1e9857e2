"""The outbox and its dispatch: gates, budgets, one at a time, and every kind of refusal."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection as database

from integrations.domain_events import OutboundChanged
from integrations.errors import ErrorKind, ProviderError
from integrations.models import Connection, OutboundMessage, RateUsage, SendAttempt, SenderAccount
from integrations.services import outbox, outcomes, rates, senders, switches
from integrations.services.holds import Hold
from integrations.tasks import dispatch_due, dispatch_sender
from integrations.values import InvitationState, Profile
from project.core.clock import now
from project.core.events import subscribe
from project.core.scoping import no_scope
from tests.integrations.conftest import Room
from tests.integrations.world import problem


def run(room: Room) -> int:
    with no_scope():
        return int(dispatch_sender.run(organization_id=str(room.agency.id), sender_id=str(room.sender.id)))


def the_row(room: Room) -> OutboundMessage:
    with room.scope():
        row: OutboundMessage = OutboundMessage.objects.get()
        return row


def used(room: Room, action: str = "message") -> int:
    with room.scope():
        return rates.usage(room.sender, rates.day_of(room.sender, now()))[action][0]


def test_a_queued_row_is_sent_with_its_receipt(room: Room) -> None:
    with room.scope():
        assert room.queue(body="Hi\r\nTomas") is not None
    room.hints.run_all()
    row = the_row(room)
    assert (row.state, row.message_id, row.chat_id, row.attempts) == ("sent", "m_1", "c_1", 1)
    assert row.sent_at is not None
    assert [(entry["to"], entry["text"]) for entry in room.world.sent] == [("ACoAABlead", "Hi\nTomas")]
    assert used(room) == 1
    with room.scope():
        assert SendAttempt.objects.get().state == "accepted"


def test_a_dedupe_key_is_queued_once(room: Room) -> None:
    with room.scope():
        assert room.queue(dedupe_key="same") is not None
        assert room.queue(dedupe_key="same") is None
    room.hints.run_all()
    assert len(room.world.sent) == 1


def test_the_rooms_above_hear_of_every_state(room: Room) -> None:
    heard: list[tuple[str, str]] = []

    @subscribe(OutboundChanged, id="integrations.test")
    def _hear(event: OutboundChanged) -> None:
        heard.append((event.previous, event.outbound.state))

    with room.scope():
        room.queue()
    room.hints.run_all()
    assert heard == [("", "queued"), ("queued", "sending"), ("sending", "sent")]


@pytest.mark.django_db(transaction=True)
def test_many_workers_send_each_row_once_and_one_at_a_time(room: Room) -> None:
    flying: list[int] = []
    most: list[int] = []
    lock = threading.Lock()

    def slow() -> None:
        with lock:
            flying.append(1)
            most.append(len(flying))
        threading.Event().wait(0.01)
        with lock:
            flying.pop()

    room.world.failures.extend([slow] * 12)
    with room.scope():
        for _ in range(12):
            room.queue()

    def worker() -> None:
        run(room)
        database.close()

    threads = [threading.Thread(target=worker) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run(room)
    texts = [entry["text"] for entry in room.world.sent]
    assert len(texts) == len(set(texts)) == 12
    assert max(most) == 1
    with room.scope():
        assert set(OutboundMessage.objects.values_list("state", "attempts")) == {("sent", 1)}


def test_campaign_sends_are_spaced_and_replies_are_not(room: Room, settings: Any) -> None:
    settings.SEND_SPACING_MS = (60_000, 60_000)
    with room.scope():
        room.queue(body="first")
        room.queue(body="second")
    room.hints.run_all()
    with room.scope():
        room.queue(body="an answer", origin="reply")
    room.hints.run_all()
    assert [entry["text"] for entry in room.world.sent] == ["first", "an answer"]
    with no_scope():
        assert dispatch_due.run() == 0
    with time_machine.travel(now() + timedelta(seconds=61), tick=True):
        with no_scope():
            assert dispatch_due.run() == 1
        room.hints.run_all()
    assert [entry["text"] for entry in room.world.sent] == ["first", "an answer", "second"]


def test_a_row_is_not_sent_before_its_time(room: Room) -> None:
    with room.scope():
        room.queue(not_before=now() + timedelta(minutes=10))
    room.hints.run_all()
    assert room.world.sent == []
    with time_machine.travel(now() + timedelta(minutes=11), tick=True):
        assert run(room) == 1


# --- gates ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", ["organization", "client", "campaign", "sender"])
def test_a_kill_switch_holds_and_letting_go_sends(room: Room, level: str) -> None:
    campaign_id = room.agency.organization.id
    targets = {
        "organization": room.agency.id,
        "client": room.sender.client_id,
        "campaign": campaign_id,
        "sender": room.sender.id,
    }
    with room.scope():
        switches.switch(level=level, target_id=targets[level], on=True, reason="Stop", actor=None)
        room.queue(campaign_id=campaign_id)
    room.hints.run_all()
    row = the_row(room)
    assert (row.state, row.hold_code, row.attempts) == ("queued", "kill_switch", 0)
    assert "Stop" in row.hold_reason
    assert used(room) == 0
    with room.scope():
        assert not switches.switch(level=level, target_id=targets[level], on=True, actor=None)
        assert switches.switch(level=level, target_id=targets[level], on=False, actor=None)
    room.hints.run_all()
    assert the_row(room).state == "sent"


def test_a_paused_or_signed_out_account_holds(room: Room) -> None:
    with room.scope():
        senders.pause(sender=room.sender, actor=room.agency.manager)
        room.queue()
    room.hints.run_all()
    assert the_row(room).hold_code == "paused"
    with room.scope():
        senders.resume(sender=room.sender, actor=room.agency.manager)
    room.hints.run_all()
    assert the_row(room).state == "sent"


def test_registered_gates_hold_or_cancel(room: Room) -> None:
    answers = [
        Hold("calendar", "Outside working hours.", until=now() + timedelta(hours=1)),
        Hold("suppressed", "The person asked not to be contacted.", final=True),
    ]
    outbox.register_gate("test.gate", lambda outbound: answers[0])
    with room.scope():
        room.queue()
    run(room)
    row = the_row(room)
    assert (row.hold_code, row.not_before) == ("calendar", answers[0].until)
    answers.pop(0)
    with time_machine.travel(now() + timedelta(hours=2), tick=True):
        run(room)
    row = the_row(room)
    assert (row.state, row.error_kind) == ("cancelled", "suppressed")
    assert room.world.sent == []
    assert used(room) == 0


def test_the_daily_limit_defers_to_the_next_day_and_recovers(room: Room) -> None:
    with room.scope():
        rates.set_limit(sender=room.sender, action="message", cap=2, actor=None)
        for _ in range(3):
            room.queue()
    room.hints.run_all()
    assert len(room.world.sent) == 2
    with room.scope():
        held = OutboundMessage.objects.get(state="queued")
        assert held.hold_code == "limit"
        assert held.not_before == rates.next_day_starts(room.sender, now())
    with time_machine.travel(held.not_before + timedelta(seconds=1), tick=True):
        run(room)
    assert len(room.world.sent) == 3


def test_a_reserved_unit_is_used_and_one_of_yesterday_is_exchanged(room: Room) -> None:
    with room.scope():
        taken = rates.reserve(sender=room.sender, action="message", at=now())
        assert isinstance(taken, rates.Reserved)
        room.queue(reservation=taken.reservation)
        yesterday = rates.reserve(sender=room.sender, action="message", at=now() - timedelta(days=1))
        assert isinstance(yesterday, rates.Reserved)
        room.queue(reservation=yesterday.reservation)
    room.hints.run_all()
    with room.scope():
        assert dict(RateUsage.objects.filter(action="message", window="day").values_list("day", "used")) == {
            taken.day: 2,
            yesterday.day: 0,
        }


def test_a_cancelled_row_gives_its_unit_back(room: Room) -> None:
    with room.scope():
        taken = rates.reserve(sender=room.sender, action="message", at=now())
        assert isinstance(taken, rates.Reserved)
        row = room.queue(reservation=taken.reservation)
        assert row is not None
        assert outbox.cancel(row, reason="The lead replied.")
        assert not outbox.cancel(row, reason="The lead replied.")
    room.hints.run_all()
    assert room.world.sent == []
    assert used(room) == 0


# --- recipients -------------------------------------------------------------------------------------


def test_a_public_identifier_is_looked_up_and_kept(room: Room) -> None:
    with room.scope():
        room.queue(action="invite", recipient={"public_identifier": "tomas-weil"}, body="Hi")
    room.hints.run_all()
    row = the_row(room)
    assert row.state == "sent"
    assert row.recipient["provider_id"] == "ACoAABtomas-weil"
    assert row.invitation_id
    assert (used(room, "profile_view"), used(room, "invite")) == (1, 1)


@pytest.mark.parametrize(
    ("profile", "already"),
    [
        (Profile(provider_id="ACoAABx", is_connected=True), "connected"),
        (Profile(provider_id="ACoAABx", invitation=InvitationState.SENT_PENDING), "invited"),
    ],
)
def test_an_invitation_that_is_not_needed_is_not_sent(room: Room, profile: Profile, already: str) -> None:
    room.world.profiles["tomas-weil"] = profile
    with room.scope():
        room.queue(action="invite", recipient={"public_identifier": "tomas-weil"}, body="Hi")
    room.hints.run_all()
    row = the_row(room)
    assert (row.state, row.already, row.attempts) == ("sent", already, 0)
    assert room.world.sent == []
    assert used(room, "invite") == 0


def test_a_look_up_that_fails_is_tried_again_or_given_up(room: Room) -> None:
    room.world.read_error = problem(ErrorKind.UNAVAILABLE)
    with room.scope():
        room.queue(action="invite", recipient={"public_identifier": "tomas-weil"}, body="Hi")
    run(room)
    row = the_row(room)
    assert (row.state, row.error_kind) == ("queued", "unavailable")
    room.world.read_error = problem(ErrorKind.NOT_FOUND)
    with time_machine.travel(now() + timedelta(hours=1), tick=True):
        run(room)
    row = the_row(room)
    assert (row.state, row.error_kind) == ("failed", "not_found")
    assert room.world.sent == []


def test_nobody_to_send_to_is_cancelled(room: Room) -> None:
    with room.scope():
        room.queue(recipient={"email": "a@b.test"})
    room.hints.run_all()
    assert the_row(room).state == "cancelled"


# --- refusals ---------------------------------------------------------------------------------------


def test_a_passing_outage_is_tried_again_with_the_reason(room: Room) -> None:
    room.world.failures.append(problem(ErrorKind.UNAVAILABLE, retry_after=90))
    with room.scope():
        room.queue()
    room.hints.run_all()
    row = the_row(room)
    assert (row.state, row.error_kind) == ("queued", "unavailable")
    assert timedelta(seconds=85) < row.not_before - now() <= timedelta(seconds=90)
    assert row.hold_reason
    with time_machine.travel(now() + timedelta(seconds=91), tick=True):
        run(room)
    assert the_row(room).state == "sent"
    assert len(room.world.sent) == 1


@pytest.mark.parametrize("kind", [ErrorKind.QUOTA, ErrorKind.RATE_LIMITED])
def test_a_quota_pauses_the_action_and_frees_the_unit(room: Room, kind: ErrorKind) -> None:
    room.world.failures.append(problem(kind, retry_after=600))
    with room.scope():
        room.queue(body="first")
        room.queue(body="second")
        room.queue(action="invite", body="Hello", origin="reply")
    room.hints.run_all()
    with room.scope():
        sender = SenderAccount.objects.get()
    # Whichever went first was throttled; the other action goes on.
    assert len(sender.action_pauses) == 1
    assert "invite" in sender.action_pauses
    assert [entry["text"] for entry in room.world.sent] == ["first", "second"]
    assert used(room, "invite") == 0
    with time_machine.travel(now() + timedelta(seconds=601), tick=True):
        run(room)
    assert len(room.world.sent) == 3


@pytest.mark.parametrize(
    "kind",
    [ErrorKind.RECIPIENT, ErrorKind.NOT_FOUND, ErrorKind.VALIDATION, ErrorKind.CONFLICT, ErrorKind.UNKNOWN],
)
def test_a_terminal_refusal_fails_for_good_and_frees_the_unit(room: Room, kind: ErrorKind) -> None:
    room.world.failures.append(problem(kind))
    with room.scope():
        room.queue()
    room.hints.run_all()
    row = the_row(room)
    assert (row.state, row.error_kind) == ("failed", kind.value)
    assert used(room) == 0
    with room.scope():
        assert outbox.retry(row, actor=room.agency.agent)
    room.hints.run_all()
    assert the_row(room).state == "sent"


def test_a_disconnected_account_stops_and_its_recovery_sends(room: Room) -> None:
    room.world.failures.append(
        problem(ErrorKind.ACCOUNT_DISCONNECTED, raw_type="errors/disconnected_account")
    )
    with room.scope():
        room.queue()
        room.queue()
    room.hints.run_all()
    with room.scope():
        sender = SenderAccount.objects.get()
        assert (sender.status, sender.status_raw) == ("credentials", "errors/disconnected_account")
        assert set(OutboundMessage.objects.values_list("state", flat=True)) == {"queued"}
    assert used(room) == 0
    room.post(
        {"AccountStatus": {"account_id": "acc-1", "account_type": "LINKEDIN", "message": "RECONNECTED"}}
    )
    room.hints.run_all()
    with room.scope():
        assert SenderAccount.objects.get().status == "ok"
    assert len(room.world.sent) == 2
    assert room.world.requests["messages"] >= 1


def test_wrong_credentials_stop_the_connection_until_they_work(room: Room) -> None:
    room.world.failures.append(problem(ErrorKind.AUTH))
    with room.scope():
        room.queue()
    room.hints.run_all()
    with room.scope():
        assert Connection.objects.get().status == "failing"
    assert the_row(room).hold_code == "connection"
    from integrations.services import connections

    with room.scope():
        assert connections.try_out(connection=Connection.objects.get()).ok
    room.hints.run_all()
    assert the_row(room).state == "sent"


def test_a_request_that_stays_wrong_is_given_up_without_stopping_others(room: Room) -> None:
    room.world.failures.extend([problem(ErrorKind.CONFIG)] * outcomes.CONFIG_TRIES)
    with room.scope():
        room.queue()
    moment = now()
    for _ in range(outcomes.CONFIG_TRIES):
        moment += timedelta(minutes=20)
        with time_machine.travel(moment, tick=True):
            run(room)
    assert the_row(room).state == "failed"
    with room.scope():
        assert Connection.objects.get().status != "failing"


@pytest.mark.parametrize("already", ["connected", "invited"])
def test_what_is_so_already_counts_as_sent(room: Room, already: Any) -> None:
    room.world.failures.append(problem(ErrorKind.ALREADY_DONE, already=already))
    with room.scope():
        room.queue(action="invite", body="")
    room.hints.run_all()
    row = the_row(room)
    assert (row.state, row.already) == ("sent", already)
    assert used(room, "invite") == 0


def test_an_error_of_our_own_is_never_taken_for_not_sent(room: Room) -> None:
    room.world.failures_after.append(ValueError("the answer could not be read"))
    with room.scope():
        room.queue()
    room.hints.run_all()
    row = the_row(room)
    assert row.state == "unknown"
    run(room)
    assert len(room.world.sent) == 1


def test_an_unknown_action_fails_without_a_call(room: Room) -> None:
    with room.scope():
        room.queue(action="wave")
    room.hints.run_all()
    row = the_row(room)
    assert (row.state, row.error_kind) == ("failed", "unsupported")


def test_errors_carry_no_secrets_into_rows(room: Room) -> None:
    error = ProviderError(ErrorKind.VALIDATION, "Too long.", provider="unipile", detail="[masked]")
    room.world.failures.append(error)
    with room.scope():
        room.queue()
    room.hints.run_all()
    assert "key-of-the-test-connection" not in the_row(room).error_detail
