"""Numbers: unique, without gaps, in the order in which events become visible; nothing is lost on the way."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext, suppress
from datetime import timedelta

import pytest
from django.db import OperationalError, connection, connections, transaction
from django.test import override_settings

from project.core.clock import now
from project.core.ids import uuid7
from project.core.realtime import broker, emit, rendering, sequencer
from project.core.realtime.models import StreamCounter, StreamEvent
from project.core.realtime.names import BadStreamName
from project.core.realtime.rendering import UnknownKind
from project.core.scoping import ScopeMissing, organization_scope, platform_scope
from tests.core.realtime.conftest import Agency, Wire


class Crash(BaseException):
    """A killed process: nothing catches it."""


def roll_back_a_note(agency: Agency, inner: AbstractContextManager[object] | None = None) -> None:
    """Emit in a transaction or savepoint that fails afterwards."""
    with suppress(Crash), transaction.atomic():
        with inner or nullcontext():
            emit(stream=agency.stream, kind="note")
        raise Crash


def counter_of(agency: Agency) -> StreamCounter:
    with platform_scope("test"):
        return StreamCounter.objects.get(organization_id=agency.id)


def test_a_change_is_numbered_and_published_after_its_commit(agency: Agency, wire: Wire) -> None:
    agency.rename("Abisko")
    (message,) = wire.messages()
    assert (message["first"], message["last"]) == (1, 1)
    ((stream, text),) = message["frames"]
    assert stream == agency.stream
    assert "Abisko" in text
    assert counter_of(agency).published_number == 1


def test_a_rollback_leaves_neither_row_nor_frame(agency: Agency, wire: Wire) -> None:
    with organization_scope(agency.id):
        roll_back_a_note(agency)
    assert agency.numbers() == []
    assert wire.messages() == []


def test_emitting_is_refused_where_it_would_be_lost_or_leak(agency: Agency) -> None:
    with organization_scope(agency.id):
        with pytest.raises(RuntimeError, match="inside a transaction"):
            emit(stream=agency.stream, kind="note")
        with transaction.atomic():
            with pytest.raises(UnknownKind):
                emit(stream=agency.stream, kind="nobody.renders.this")
            with pytest.raises(BadStreamName):
                emit(stream="Conversation of Ana", kind="note")
    with pytest.raises(ScopeMissing), transaction.atomic():
        emit(stream=agency.stream, kind="note")


def test_one_transaction_sequences_once_whatever_its_savepoints_do(
    agency: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[object] = []
    real = sequencer.number_and_publish
    monkeypatch.setattr(sequencer, "number_and_publish", lambda id_: (calls.append(id_), real(id_)))
    with organization_scope(agency.id), transaction.atomic():
        for _ in range(5):
            emit(stream=agency.stream, kind="note")
    assert len(calls) == 1
    with organization_scope(agency.id), transaction.atomic():
        roll_back_a_note(agency)
        emit(stream=agency.stream, kind="note")
    with organization_scope(agency.id), transaction.atomic():
        roll_back_a_note(agency, inner=transaction.atomic())
        emit(stream=agency.stream, kind="note")
    assert agency.numbers() == [1, 2, 3, 4, 5, 6, 7]


def test_numbers_are_unique_gap_free_and_in_the_order_of_visibility(agency: Agency) -> None:
    workers, each = 8, 12
    stop = threading.Event()
    seen: list[list[int]] = []

    def write(seed: int) -> None:
        dice = random.Random(seed)
        for _ in range(each):
            with suppress(Crash), organization_scope(agency.id), transaction.atomic():
                emit(stream=agency.stream, kind="note", data={"by": seed})
                with connection.cursor() as cursor:
                    cursor.execute("SELECT pg_sleep(%s)", [dice.random() * 0.01])
                if dice.random() < 0.2:
                    raise Crash
        connections.close_all()

    def read() -> None:
        while not stop.is_set():
            seen.append([number for number in agency.numbers() if number is not None])
        connections.close_all()

    with ThreadPoolExecutor(workers + 1) as pool:
        reading = pool.submit(read)
        for writing in [pool.submit(write, seed) for seed in range(workers)]:
            writing.result()
        stop.set()
        reading.result()

    final = agency.numbers()
    assert None not in final, "no event was left behind although sequencers skipped each other"
    assert final == list(range(1, len(final) + 1))
    assert 0 < len(final) <= workers * each
    # Whoever saw number N saw everything below it: a cursor never passes an event that shows up later.
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in seen)
    counter = counter_of(agency)
    assert counter.last_number == counter.published_number == len(final)


def test_a_crash_between_commit_and_number_is_healed_by_the_next_change_or_the_sweep(
    agency: Agency, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(sequencer, "number_and_publish", _crash)
        with pytest.raises(Crash):
            agency.rename("Abisko")
    assert agency.numbers() == [None]
    assert sequencer.sweep() == 1
    assert agency.numbers() == [1]
    assert "Abisko" in wire.frames()[0]["html"]
    assert sequencer.sweep() == 0


def test_nothing_is_rendered_while_nobody_listens_and_whoever_joins_catches_up(
    agency: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[object, int]] = []
    with monkeypatch.context() as patch:
        patch.setattr(rendering, "render", _crash)
        patch.setattr(broker, "publish_reset", lambda *values: told.append(values))
        agency.rename("Abisko")
        agency.rename("Narvik")
    # A hub that joined in this very moment hears that it has to catch up by cursor.
    assert told == [(agency.id, 1), (agency.id, 2)]
    assert counter_of(agency).published_number == 2
    assert sequencer.sweep() == 0


def test_a_crash_between_number_and_publication_is_healed_too(
    agency: Agency, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(broker, "publish_frames", _crash)
        with pytest.raises(Crash):
            agency.rename("Abisko")
    assert agency.numbers() == [1]
    assert counter_of(agency).published_number == 0
    agency.rename("Narvik")
    messages = wire.messages()
    assert [(message["first"], message["last"]) for message in messages] == [(1, 2)]
    assert len(messages[0]["frames"]) == 1, "both changes of one client are rendered once"
    assert "Narvik" in messages[0]["frames"][0][1]


def test_without_redis_events_are_numbered_and_published_later(
    agency: Agency, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    with override_settings(REDIS_URL="redis://127.0.0.1:1/0"):
        agency.rename("Abisko")
        agency.rename("Narvik")
    assert agency.numbers() == [1, 2]
    assert counter_of(agency).published_number == 0
    monkeypatch.setattr(broker, "_paused_until", 0.0)
    assert sequencer.sweep() == 1
    assert "Narvik" in wire.frames()[0]["html"]


def test_a_database_that_goes_away_after_the_commit_takes_no_other_callback_along(
    agency: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The business transaction has succeeded: whoever made it goes on, and so does what else waits for its commit."""

    def gone(_organization_id: object) -> None:
        raise OperationalError("terminating connection due to administrator command")

    monkeypatch.setattr(sequencer, "number_and_publish", gone)
    went_on = []
    with organization_scope(agency.id), transaction.atomic():
        emit(stream=agency.stream, kind="note")
        transaction.on_commit(lambda: went_on.append("task"))
    assert went_on == ["task"]
    assert agency.numbers() == [None]


def test_a_long_backlog_is_published_as_one_reset(
    agency: Agency, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sequencer, "MAX_BACKLOG", 2)
    with organization_scope(agency.id), transaction.atomic():
        for _ in range(3):
            emit(stream=agency.stream, kind="note")
    (message,) = wire.messages()
    assert message["control"] == "resync"
    assert message["last"] == 3
    assert counter_of(agency).published_number == 3


def test_batches_follow_each_other_without_gaps(
    agency: Agency, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sequencer, "BATCH", 2)
    with organization_scope(agency.id), transaction.atomic():
        for _ in range(5):
            emit(stream=agency.stream, kind="note", subject=("note", uuid7()))
    assert agency.numbers() == [1, 2, 3, 4, 5]
    assert [(m["first"], m["last"]) for m in wire.messages()] == [(1, 2), (3, 4), (5, 5)]


def test_a_renderer_that_fails_costs_its_own_kind_only(
    agency: Agency, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    from project.core.realtime import rendering

    def broken(events: list[StreamEvent]) -> list[object]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")
        return []

    monkeypatch.setitem(rendering._renderers, "broken", broken)
    with organization_scope(agency.id), transaction.atomic():
        emit(stream=agency.stream, kind="broken")
        emit(stream=agency.stream, kind="note", data={"text": "fine"})
    stale, fine = wire.frames()
    assert stale["stale"] is True
    assert stale["n"] == 1
    assert fine["data"] == {"text": "fine"}


def test_organizations_have_their_own_numbers_and_channels(agency: Agency, rival: Agency, wire: Wire) -> None:
    rival.rename("Secret")
    agency.rename("Abisko")
    assert agency.numbers() == rival.numbers() == [1]
    assert len(wire.frames()) == 1


def test_trimming_deletes_a_prefix_and_remembers_how_far(agency: Agency) -> None:
    for name in ("a", "b", "c"):
        agency.rename(name)
    with platform_scope("test"):
        StreamEvent.objects.filter(number__in=[1, 2]).update(created_at=now() - timedelta(days=8))
    assert sequencer.trim(now() - timedelta(days=7)) == 2
    assert agency.numbers() == [3]
    assert counter_of(agency).trimmed_number == 2
    agency.rename("d")
    assert agency.numbers() == [3, 4]


def _crash(*args: object) -> None:
    raise Crash
