"""The request rate of a connection: smooth, and never more than the rate, whatever becomes of Redis."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from django.conf import settings as current
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given
from hypothesis import settings as profile
from hypothesis import strategies as st

from integrations.models import Connection, RequestSlots
from integrations.rates import Rate
from integrations.services import rates
from integrations.services.rates import slots
from project.core.clock import now
from project.core.embedded.redis import RedisServer
from project.core.ids import uuid7
from project.core.scoping import no_scope, organization_scope
from tests.factories import Agency

START = datetime(2026, 11, 18, 10, 20, tzinfo=UTC)
RATE = Rate(10, 3)
GAP = RATE.gap.total_seconds()


@pytest.fixture
def link(kestrel: Agency, clean_redis: redis.Redis) -> Iterator[Connection]:
    slots._paused_until = 0.0
    slots._own.forget()
    with organization_scope(kestrel.id):
        yield Connection.objects.create(provider="unipile", name="LinkedIn")
    slots._paused_until = 0.0


def take(link: Connection, after: float = 0.0) -> float:
    return round(slots.take(link.id, RATE, START + timedelta(seconds=after)), 6)


def test_a_burst_and_then_one_gap_after_the_other(link: Connection) -> None:
    assert [take(link) for _ in range(6)] == [0, 0, 0, 0.1, 0.2, 0.3]
    # Who comes later waits the less, and what nobody used for long lapses but for a burst.
    assert take(link, 0.35) == pytest.approx(0.05)
    assert [take(link, 60) for _ in range(5)] == [0, 0, 0, 0.1, 0.2]


def test_a_block_costs_one_statement_and_redis_hands_it_out(link: Connection) -> None:
    take(link)
    with CaptureQueriesContext(database) as queries:
        for _ in range(9):
            take(link)
    assert len(queries) == 0
    assert RequestSlots.objects.get().given == 10
    with CaptureQueriesContext(database) as queries:
        take(link)
    assert len(queries) == 1


def test_too_far_ahead_nothing_is_taken(link: Connection) -> None:
    row = RequestSlots.objects.create(connection=link, next_slot_at=START + timedelta(minutes=1))
    assert take(link) == 60
    assert row.refreshed().next_slot_at == START + timedelta(minutes=1)
    assert take(link, 55) == 5


def test_without_redis_a_process_leases_for_itself(link: Connection, settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert [take(link) for _ in range(4)] == [0, 0, 0, 0.1]
    assert RequestSlots.objects.get().given == 4
    # A tenth of a second's worth at once, of which what nobody used lapses.
    fast = Rate(100, 3)
    other = Connection.objects.create(provider="unipile", name="Fast")
    waits = [slots.take(other.id, fast, START) for _ in range(10)]
    assert waits == pytest.approx([0, 0, 0, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07])
    assert RequestSlots.objects.get(connection=other).given == 10
    assert slots.take(other.id, fast, START + timedelta(seconds=5)) == 0
    assert RequestSlots.objects.get(connection=other).given == 20


def windows_hold(taken: list[datetime]) -> bool:
    """Whether no interval sees more than the rate and one burst."""
    taken.sort()
    for first, start in enumerate(taken):
        for last in range(first, len(taken)):
            seconds = (taken[last] - start).total_seconds()
            if last - first + 1 > seconds / GAP + RATE.burst + 1e-6:
                return False
    return True


steps = st.lists(
    st.one_of(st.floats(0, 0.6), st.sampled_from(["emptied", "away", "back", "dies"])),
    min_size=1,
    max_size=40,
)


@profile(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps)
def test_whatever_happens_to_redis_the_rate_holds(
    link: Connection, clean_redis: redis.Redis, steps: list[float | str]
) -> None:
    """Redis is emptied, leaves and comes back between requests that come at any time."""
    mine = Connection.objects.create(provider="unipile", name="Fresh")
    slots._paused_until = 0.0
    url, at, taken = current.REDIS_URL, START, []
    try:
        for step in steps:
            if step == "emptied":
                clean_redis.flushdb()
            elif step in {"away", "back"}:
                current.REDIS_URL = "redis://127.0.0.1:1/0" if step == "away" else url
                slots._paused_until = 0.0
            elif step == "dies":
                slots._own.forget()
            else:
                at += timedelta(seconds=float(step))
                taken.append(at + timedelta(seconds=slots.take(mine.id, RATE, at)))
    finally:
        current.REDIS_URL = url
    assert windows_hold(taken)


@pytest.fixture
def own_redis(tmp_path: Path, settings: Any, unused_tcp_port: int) -> Iterator[RedisServer]:
    """A Redis server for one test, which may be restarted; it remembers what it had."""
    server = RedisServer(tmp_path / "redis", unused_tcp_port, uuid7().hex, tmp_path / "redis.log")
    server.start()
    settings.REDIS_URL = server.url
    yield server
    server.stop()


def test_a_server_that_comes_back_with_an_older_state_gives_nothing_twice(
    link: Connection, own_redis: RedisServer
) -> None:
    client = redis.Redis.from_url(own_redis.url)
    assert [take(link) for _ in range(3)] == [0, 0, 0]
    older = client.lrange(slots._name(link.id), 0, -1)
    assert [take(link) for _ in range(2)] == [0.1, 0.2]
    own_redis.stop()
    own_redis.start()
    client.delete(slots._name(link.id))
    client.rpush(slots._name(link.id), *older)
    slots._paused_until = 0.0
    # 0.3 to 0.7 s were leased and are lost; nothing is handed out a second time.
    waits = [take(link) for _ in range(2)]
    slots._paused_until = 0.0
    waits += [take(link) for _ in range(2)]
    assert min(waits) >= 0.7
    assert len(set(waits)) == 4
    client.close()


def test_the_http_client_asks_for_connections_only(link: Connection, settings: Any) -> None:
    settings.REQUEST_RATES = {"unipile": (0.001, 1)}
    slots.forget_rate(link.id)
    assert slots.throttle("unipile") == slots.throttle("unipile:default") == 0
    assert slots.throttle(f"unipile:{uuid7()}") == 0
    with no_scope():
        assert slots.throttle(f"unipile:{link.id}") == 0
    assert slots.throttle(f"unipile:{link.id}:account") == 0
    assert slots.throttle(f"unipile:{link.id}:other") > 10
    settings.REQUEST_RATES = {}
    slots.forget_rate(link.id)
    assert slots.throttle(f"unipile:{link.id}") == 0


def test_a_rate_that_is_set(link: Connection) -> None:
    assert slots.rate_of(link.id, "unipile") == Rate(50, 100)
    assert slots.rate_of(link.id, "elsewhere") is None
    rates.set_request_rate(connection=link, cap=7, actor=None)
    rates.set_request_rate(connection=link, cap=60, window="minute", actor=None)
    assert slots.rate_of(link.id, "unipile") == Rate(1, 1)
    [state] = slots.states_of([link])
    assert (state.rate, state.next_slot_at, state.given) == (Rate(1, 1), None, 0)
    slots.forget_rate(link.id)
    assert rates.request_refusal(link, now()) is None
    RequestSlots.objects.create(connection=link, next_slot_at=now() + timedelta(seconds=30))
    refused = rates.request_refusal(link, now())
    assert refused is not None
    assert refused.limit_key == "provider_rate"
    assert timedelta(seconds=26) < refused.next_free - now() < timedelta(seconds=28)
    slots.forget_rate(link.id)
