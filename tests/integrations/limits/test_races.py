"""Thirty-two workers at once, Redis restarted under them: nothing is ever exceeded by one."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connections

from integrations.models import Connection, RateUsage, SenderAccount
from integrations.rates import Rate
from integrations.services import rates
from integrations.services.rates import slots
from project.core.clock import now
from project.core.embedded.redis import RedisServer
from project.core.ids import uuid7
from project.core.scoping import organization_scope
from tests.factories import Agency
from tests.integrations.limits.conftest import MakeSender

pytestmark = pytest.mark.django_db(transaction=True)

WORKERS = 32
#: Far from the end of an hour, and of the day in the zones of the test.
MOMENT = datetime(2026, 11, 18, 10, 20, tzinfo=UTC)


def race(work: Callable[[int], Any], workers: int = WORKERS) -> list[Any]:
    """Run ``work`` in as many threads, each with its own connection to the database, from one moment on."""
    start = threading.Barrier(workers)

    def run(number: int) -> Any:
        try:
            start.wait()
            return work(number)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(run, range(workers)))


@pytest.fixture
def own_redis(tmp_path: Path, settings: Any, unused_tcp_port: int) -> Iterator[RedisServer]:
    """A Redis server that the test may restart."""
    server = RedisServer(tmp_path / "redis", unused_tcp_port, uuid7().hex, tmp_path / "redis.log")
    server.start()
    settings.REDIS_URL = server.url
    slots._paused_until = 0.0
    yield server
    slots._paused_until = 0.0
    server.stop()


@pytest.fixture
def senders(kestrel: Agency, make_sender: MakeSender, settings: Any) -> list[SenderAccount]:
    settings.DAILY_LIMITS = {"email": 20}
    settings.WEEKLY_LIMITS = {}
    settings.HOURLY_LIMITS = {}
    settings.VELOCITY_GROWTH_PERCENT = None
    settings.RECIPIENT_DOMAIN_HOURLY_LIMITS = {"gmail.com": 60}
    with organization_scope(kestrel.id):
        made = [make_sender("email") for _ in range(8)]
        rates.set_client_limit(client=kestrel.first, cap=150, actor=None)
    return made


@pytest.mark.parametrize("batch", [1, 7])
def test_thirty_two_workers_never_take_one_too_many(
    kestrel: Agency, senders: list[SenderAccount], batch: int
) -> None:
    """Budgets of accounts, of the domain that they share, and of the client overlap; demand is twice the supply."""

    def work(number: int) -> list[tuple[rates.Demand, rates.Reserved | rates.Refused]]:
        chance = random.Random(number)
        done = []
        with organization_scope(kestrel.id):
            for _ in range(14 // batch):
                demands = [
                    rates.Demand(
                        chance.choice(senders),
                        "email",
                        chance.choice(["gmail.com", "googlemail.com", "example.com"]),
                    )
                    for _ in range(batch)
                ]
                done += zip(demands, rates.reserve_many(demands, MOMENT), strict=True)
        return done

    answers = [pair for found in race(work) for pair in found]
    taken = [(demand, one) for demand, one in answers if isinstance(one, rates.Reserved)]
    by_sender = Counter(demand.sender.id for demand, _ in taken)
    by_domain = Counter(rates.domain_group(demand.recipient_domain) for demand, _ in taken)
    overruns = sum(max(0, count - 20) for count in by_sender.values())
    overruns += max(0, by_domain["gmail.com"] - 60) + max(0, len(taken) - 150)
    assert overruns == 0
    # Nothing was refused that would have fitted, and the figures tell exactly what was granted.
    assert len(taken) == 150
    with organization_scope(kestrel.id):
        stored = dict(RateUsage.objects.filter(scope="sender", window="day").values_list("sender_id", "used"))
        assert stored == {sender.id: by_sender[sender.id] for sender in senders if sender.id in stored}
        assert RateUsage.objects.get(scope="client", day=MOMENT.date()).used == 150
        assert RateUsage.objects.get(scope="domain", subject="gmail.com").used == by_domain["gmail.com"]


def test_what_is_given_back_meanwhile_can_be_taken_again(
    kestrel: Agency, senders: list[SenderAccount]
) -> None:
    held = threading.Semaphore(20)
    peak = []

    def work(number: int) -> int:
        done = 0
        with organization_scope(kestrel.id):
            for _ in range(10):
                one = rates.reserve(sender=senders[0], action="email", at=MOMENT)
                if isinstance(one, rates.Refused):
                    continue
                # More than the limit at once would not get a permit.
                peak.append(held.acquire(blocking=False))
                held.release()
                rates.release(sender=senders[0], reservation=one.reservation)
                done += 1
        return done

    assert sum(race(work)) > 0
    assert all(peak)
    with organization_scope(kestrel.id):
        assert set(RateUsage.objects.values_list("used", flat=True)) == {0}


def test_the_request_rate_holds_while_redis_restarts(kestrel: Agency, own_redis: RedisServer) -> None:
    with organization_scope(kestrel.id):
        link = Connection.objects.create(provider="unipile", name="LinkedIn")
    rate = Rate(200, 10)
    over = threading.Event()

    def work(number: int) -> list[datetime]:
        taken = []
        with organization_scope(kestrel.id):
            while not over.is_set() and len(taken) < 60:
                at = now()
                wait = slots.take(link.id, rate, at)
                if wait <= slots.LONGEST_WAIT.total_seconds():
                    taken.append(at + timedelta(seconds=wait))
                else:
                    # Nobody asks again at once who was told to wait; this is still sooner than told.
                    over.wait(0.05)
        return taken

    def restart() -> None:
        for _ in range(3):
            time.sleep(0.2)
            own_redis.stop()
            own_redis.start()
            slots._paused_until = 0.0

    restarting = threading.Thread(target=restart)
    restarting.start()
    try:
        taken = sorted(moment for found in race(work) for moment in found)
    finally:
        over.set()
        restarting.join()
    assert len(taken) == WORKERS * 60
    assert windows_hold_at(taken, rate)


def windows_hold_at(taken: list[datetime], rate: Rate) -> bool:
    """As ``windows_hold``, in linear time: slot by slot against the earliest instant that the rate allows."""
    allowed = -1.0
    start = taken[0]
    for moment in taken:
        at = (moment - start).total_seconds()
        # A token bucket in its usual form: the theoretical arrival may lie a burst ahead.
        allowed = max(allowed, at) + 1 / rate.per_second
        if allowed - at > rate.burst / rate.per_second + 1e-4:
            return False
    return True
