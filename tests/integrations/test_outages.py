"""A provider that is down, for however long: it uses up neither budgets nor tries, and all goes on once it is back.
The database away when there is something to store that only this worker knows: it is stored once that is back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import psycopg
import pytest
import stamina
import time_machine
from django.conf import settings as django_settings
from django.db import OperationalError, transaction
from django.db import connection as database
from stamina.instrumentation import RetryDetails

from integrations import registry
from integrations.errors import ErrorKind, ProviderError
from integrations.models import OutboundMessage, RateUsage, SendAttempt
from integrations.services import settlement
from integrations.tasks import dispatch_due, settle_due
from project.core.clock import now
from project.core.db.outages import outlast_outage
from project.core.http.breaker import default_breaker
from project.core.scoping import no_scope
from tests.integrations.conftest import Room
from tests.integrations.world import WorldAdapter, problem, unavailable


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


# --- the database is away ---------------------------------------------------------------------------


def administrator() -> Any:
    base = django_settings.DATABASES["default"]
    return psycopg.connect(
        host=base["HOST"], port=base["PORT"], user=base["USER"], password=base["PASSWORD"] or None,
        dbname="postgres", autocommit=True,
    )  # fmt: skip


@contextmanager
def away_for(tries: int) -> Iterator[Callable[[], None]]:
    """Hand out what cuts all connections and refuses new ones; the database is back after so many tries in vain."""
    name, left = database.settings_dict["NAME"], [tries]

    def opened(is_open: bool) -> None:
        with administrator() as admin:
            admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS {"true" if is_open else "false"}')
            if not is_open:
                admin.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
                )

    def tried(details: RetryDetails) -> None:
        assert isinstance(details.caused_by, OperationalError)
        left[0] -= 1
        if left[0] == 0:
            opened(True)

    before = stamina.instrumentation.get_on_retry_hooks()
    stamina.instrumentation.set_on_retry_hooks([tried])
    try:
        yield lambda: opened(False)
        assert left[0] == 0, "nobody tried"
    finally:
        stamina.instrumentation.set_on_retry_hooks(before)
        opened(True)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("refused", [False, True])
def test_what_became_of_a_send_is_stored_once_the_database_is_back(room: Room, refused: bool) -> None:
    with room.scope():
        room.queue(body="Hello Tomas")
    with away_for(3) as cut:

        def answers() -> None:
            cut()
            if refused:
                raise problem(ErrorKind.VALIDATION)

        room.world.failures.append(answers)
        room.hints.run_all()
    with room.scope():
        row, attempt = OutboundMessage.objects.get(), SendAttempt.objects.get()
    if refused:
        assert (row.state, attempt.state, room.world.sent) == ("failed", "refused", [])
    else:
        assert (row.state, row.message_id, attempt.state) == ("sent", "m_1", "accepted")
        assert [entry["text"] for entry in room.world.sent] == ["Hello Tomas"]


@pytest.mark.django_db(transaction=True)
def test_a_recipient_is_kept_and_settled_once_the_database_is_back(room: Room, monkeypatch: Any) -> None:
    real = WorldAdapter.get_profile
    with room.scope():
        room.queue(body="Hello", recipient={"public_identifier": "tomas-weil"})
    with away_for(2) as cut, monkeypatch.context() as patched:
        patched.setattr(
            WorldAdapter, "get_profile", lambda *args, **kwargs: (real(*args, **kwargs), cut())[0]
        )
        room.world.failures.append(problem(ErrorKind.INDETERMINATE, if_not_sent=ErrorKind.UNAVAILABLE))
        room.hints.run_all()
    assert (room.world.requests["profile"], room.world.sent) == (1, [])
    settles = WorldAdapter.settle
    moment = now() + timedelta(minutes=3)
    with (
        time_machine.travel(moment, tick=True),
        away_for(2) as cut,
        monkeypatch.context() as patched,
        no_scope(),
    ):
        patched.setattr(WorldAdapter, "settle", lambda *args, **kwargs: (settles(*args, **kwargs), cut())[0])
        settle_due.run()
        room.hints.run_all()
    with room.scope():
        assert SendAttempt.objects.get().state == "settled_not_sent"


@pytest.mark.django_db(transaction=True)
def test_waiting_for_the_database_has_an_end_and_no_place_in_a_transaction(db: None) -> None:
    tries: list[int] = []

    def fails() -> None:
        tries.append(1)
        raise OperationalError("The server is not there.")

    with pytest.raises(OperationalError):
        outlast_outage(fails, within=timedelta(seconds=0.3))
    assert len(tries) > 1
    tries.clear()
    with pytest.raises(OperationalError), transaction.atomic():
        outlast_outage(fails, within=timedelta(minutes=5))
    assert len(tries) == 1
