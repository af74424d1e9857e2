"""A provider that is down, for however long: it uses up neither budgets nor tries, and all goes on once it is back."""

from __future__ import annotations

from datetime import timedelta

import time_machine

from integrations import registry
from integrations.errors import ErrorKind, ProviderError
from integrations.models import OutboundMessage, RateUsage, SendAttempt
from integrations.services import settlement
from integrations.tasks import dispatch_due, settle_due
from project.core.clock import now
from project.core.http.breaker import default_breaker
from project.core.scoping import no_scope
from tests.integrations.conftest import Room
from tests.integrations.world import problem, unavailable


def tick(room: Room) -> None:
    with no_scope():
        settle_due.run()
        dispatch_due.run()
    room.hints.run_all()


def views(room: Room) -> int:
    with room.scope():
        return sum(RateUsage.objects.filter(action="profile_view").values_list("used", flat=True))


def look_up_for_an_hour(room: Room, error: ProviderError) -> None:
    room.world.read_error = error
    with room.scope():
        room.queue(body="Hello", recipient={"public_identifier": "tomas-weil"})
    start = now()
    for minute in range(60):
        with time_machine.travel(start + timedelta(minutes=minute), tick=True):
            tick(room)
    assert room.world.requests["profile"] > 3


def test_look_ups_that_fail_in_an_outage_cost_no_views(room: Room) -> None:
    for error in (unavailable(status=503), unavailable(), problem(ErrorKind.RATE_LIMITED, status=429)):
        look_up_for_an_hour(room, error)
        assert views(room) == 0
        room.world.requests.clear()
        with room.scope():
            OutboundMessage.objects.all().delete()


def test_look_ups_that_may_have_reached_the_network_do(room: Room) -> None:
    room.world.read_error = unavailable(status=500)
    with room.scope():
        room.queue(body="Hello", recipient={"public_identifier": "tomas-weil"})
    room.hints.run_all()
    # Of the day and of the week.
    assert views(room) > 0


def test_an_uncertain_send_is_settled_after_an_outage_of_a_day(room: Room) -> None:
    room.world.failures.append(problem(ErrorKind.INDETERMINATE, if_not_sent=ErrorKind.UNAVAILABLE))
    with room.scope():
        room.queue(body="Hello Tomas")
    room.hints.run_all()
    room.world.read_error = unavailable(status=503)
    moment = now()
    for _ in range(4 * settlement.MAX_TRIES):
        moment += timedelta(minutes=30)
        with time_machine.travel(moment, tick=True):
            tick(room)
    with room.scope():
        assert OutboundMessage.objects.get().state == "unknown"
        assert SendAttempt.objects.get().settle_tries == 0
    room.world.read_error = None
    for _ in range(3):
        moment += timedelta(minutes=1)
        with time_machine.travel(moment, tick=True):
            tick(room)
    with room.scope():
        assert OutboundMessage.objects.get().state == "sent"
    assert [entry["text"] for entry in room.world.sent] == ["Hello Tomas"]


def test_what_failed_waits_for_the_circuit_without_further_attempts(room: Room) -> None:
    room.world.failures.append(unavailable())
    with room.scope():
        room.queue(body="Hello Tomas")
    room.hints.run_all()
    key = registry.breaker_key("unipile", str(room.connection.id))
    for _ in range(8):
        default_breaker().failed(f"{key}:{room.sender.provider_account_id}")
    moment = now() + timedelta(seconds=20)
    with time_machine.travel(moment, tick=True):
        tick(room)
    with room.scope():
        row = OutboundMessage.objects.get()
        assert (row.state, row.hold_code, row.attempts) == ("queued", "provider", 1)
        assert row.not_before <= moment + timedelta(seconds=31)
    # Half-open: the next one goes, and is what finds out that the provider is back.
    with time_machine.travel(moment + timedelta(seconds=32), tick=True):
        tick(room)
    with room.scope():
        assert OutboundMessage.objects.get().state == "sent"
