"""Runs the race: 32 workers in four processes, 50 accounts' budgets, 10,000 units, Redis restarted under them.

Each reservation is an e-mail: it charges the account's day, week and hour, the client's and the organization's day and
the recipient domain's hour. Demand is larger than supply, and the race ends when every account's day is used up,
so that a single unit too many would show. The workers reserve in batches, as the engine does; the same race with
single reservations, with all accounts in one organization, and with ten times the budgets is measured too. The
baseline is one conditional statement for one counter, by psycopg alone, in the same run.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any
from uuid import UUID

from django.conf import settings
from django.db import connection

from integrations.models import Connection, LimitScope, LimitWindow, RateLimit, RateUsage, SenderAccount
from project.core.bench import BenchOptions, BenchResult, Target, median_of
from project.core.db.base import owner_connection
from project.core.embedded.redis import RedisServer
from project.core.embedded.runtime import free_port
from project.core.ids import uuid7
from project.core.scoping import organization_scope, platform_scope
from project.tenancy.models import Client, Organization

PROCESSES = 4
THREADS = 8
#: Accounts, each with one budget a day of so many units.
BUDGETS = 50
CAP = 200
BATCH = 50
ORGANIZATIONS = 10
#: Requests a second and burst of the connection that all workers share; they wait for no slot.
RATE = (2000.0, 50)
RESTART_EVERY_S = 1.0
#: The first race's week; each race has one of its own, so that every counter starts at zero.
FIRST = datetime(2027, 1, 6, 10, 20, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Stage:
    """The organizations of a race; ``connection`` belongs to the first one."""

    organizations: list[UUID]
    connection: UUID
    budgets: int


@dataclass(frozen=True, slots=True)
class Race:
    """What one race came to."""

    per_second: float
    granted: int
    overruns: int
    refused: int
    slots: int
    restarts: int


def limits(options: BenchOptions) -> BenchResult:
    """Measure how many reservations a second are granted, and that none is granted too many."""
    rounds = 1 if options.quick else 3
    weeks = iter(range(1000))
    with _redis() as server, _workers(server) as workers:

        def race(stage: Stage, batch: int, name: str) -> Race:
            at = FIRST + timedelta(weeks=next(weeks))
            done = _race(workers, server, stage, batch=batch, at=at)
            options.say(f"limits: {name}: {done.granted} granted, {done.per_second:,.0f} a second")
            return done

        times = 2 if options.quick else 10
        with (
            _stage(BUDGETS, ORGANIZATIONS) as ten,
            _stage(BUDGETS, 1) as one,
            _stage(BUDGETS * times, ORGANIZATIONS * times) as many,
            _bare_table(BUDGETS),
        ):
            # The first race loads what every process loads once.
            _race(workers, server, ten, batch=BATCH, at=FIRST - timedelta(weeks=1))
            batched, shared, large, bare = [], [], [], []
            # In turn, so that what else the machine does falls on all alike.
            for number in range(rounds):
                batched.append(race(ten, BATCH, "batches"))
                large.append(race(many, BATCH, f"{times} times the budgets"))
                shared.append(race(one, BATCH, "one organization"))
                bare.append(_bare(workers, number))
            single = [race(ten, 1, "one by one")]
    return _result(batched, single, shared, large, bare)


def _result(
    batched: list[Race], single: list[Race], shared: list[Race], large: list[Race], bare: list[float]
) -> BenchResult:
    speed = {
        name: median_of([{"per_second": race.per_second} for race in races])["per_second"]
        for name, races in (("batched", batched), ("single", single), ("shared", shared), ("large", large))
    }
    every = [*batched, *single, *shared, *large]
    baseline = median_of([{"per_second": one} for one in bare])["per_second"]
    ratios = {
        "overruns": float(sum(race.overruns for race in every)),
        "per_second": speed["batched"],
        "growth": speed["batched"] / speed["large"],
    }
    return BenchResult(
        name="limits",
        figures={
            "workers": PROCESSES * THREADS,
            "batch": BATCH,
            "counters_per_reservation": 6,
            "reservations": [race.granted for race in every],
            "refused": sum(race.refused for race in every),
            "redis_restarts": sum(race.restarts for race in every),
            "request_slots": sum(race.slots for race in every),
            "per_second_batched": speed["batched"],
            "per_second_one_by_one": speed["single"],
            "per_second_one_organization": speed["shared"],
            "per_second_ten_times": speed["large"],
        },
        baseline={"one_counter_one_statement_per_second": baseline},
        ratios=ratios,
        targets={
            "overruns": Target(0, "at_most"),
            "per_second": Target(5_000, "at_least"),
            "growth": Target(1.2, "at_most"),
        },
    )


# --- the race -------------------------------------------------------------------------------------------


def _race(workers: Sequence[_Worker], server: RedisServer, stage: Stage, *, batch: int, at: datetime) -> Race:
    task = {
        "kind": "product",
        "threads": THREADS,
        "seed": str(uuid7()),
        "at": at.isoformat(),
        "batch": batch,
        "slots": True,
        "rate": RATE,
        "connection": str(stage.connection),
        "organizations": [str(organization) for organization in stage.organizations],
    }
    with _restarting(server) as restarts:
        found = _all(workers, task)
    granted = sum((Counter(one["granted"]) for one in found), Counter())
    return Race(
        per_second=round(sum(granted.values()) / _seconds(found), 1),
        granted=sum(granted.values()),
        overruns=_overruns(stage, granted, at)
        + _early(sorted(slot for one in found for slot in one["slots"])),
        refused=sum(one["refused"] for one in found),
        slots=sum(len(one["slots"]) for one in found),
        restarts=len(restarts),
    )


def _overruns(stage: Stage, granted: Counter[str], at: datetime) -> int:
    """Units that were granted beyond a cap, and every difference between what was granted and what is stored."""
    with platform_scope("check the counters of a benchmark"):
        rows = RateUsage.objects.filter(
            organization_id__in=stage.organizations, scope="sender", window="day", day=at.date()
        )
        stored = {str(sender_id): used for sender_id, used in rows.values_list("sender_id", "used")}
    beyond = sum(max(0, count - CAP) for count in granted.values())
    return beyond + int(
        sum(abs(stored.get(name, 0) - granted[name]) for name in stored.keys() | granted.keys())
    )


def _early(slots: list[float]) -> int:
    """Requests that came before the rate allowed them, by a token bucket in its usual form."""
    rate, burst = RATE
    early, allowed = 0, 0.0
    for slot in slots:
        allowed = max(allowed, slot) + 1 / rate
        # Slots are told to the microsecond.
        early += allowed - slot > burst / rate + 1e-4
    return early


def _bare(workers: Sequence[_Worker], number: int) -> float:
    with owner_connection(), connection.cursor() as cursor:
        cursor.execute("UPDATE bench_limits SET used = 0")
    task = {
        "kind": "bare", "threads": THREADS, "seed": str(number), "budgets": BUDGETS,
        "database": os.environ.get("DATABASE_URL") or _database_url(),
    }  # fmt: skip
    found = _all(workers, task)
    return round(sum(sum(one["granted"].values()) for one in found) / _seconds(found), 1)


def _database_url() -> str:
    of = settings.DATABASES["default"]
    return f"postgresql://{of['USER']}:{of['PASSWORD']}@{of['HOST']}:{of['PORT']}/{of['NAME']}"


def _seconds(found: list[dict[str, Any]]) -> float:
    return float(max(one["ended"] for one in found) - min(one["began"] for one in found))


def _all(workers: Sequence[_Worker], task: dict[str, Any]) -> list[dict[str, Any]]:
    for worker in workers:
        worker.say(json.dumps(task))
    for worker in workers:
        worker.hear("ready")
    for worker in workers:
        worker.say("go")
    return [json.loads(worker.hear()) for worker in workers]


@contextlib.contextmanager
def _restarting(server: RedisServer) -> Iterator[list[float]]:
    """Restart Redis again and again, alternately with and without what it remembers."""
    over = threading.Event()
    restarts: list[float] = []

    def restart() -> None:
        while not over.wait(RESTART_EVERY_S):
            server.stop()
            if len(restarts) % 2:
                for kept in server.directory.glob("*.aof"):
                    kept.unlink()
            server.start()
            restarts.append(time.monotonic())

    thread = threading.Thread(target=restart)
    thread.start()
    try:
        yield restarts
    finally:
        over.set()
        thread.join()


# --- the stage ------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _stage(budgets: int, organizations: int) -> Iterator[Stage]:
    """Provide organizations with ``budgets`` accounts in all, and remove them again."""
    made = [
        Organization.objects.create(name="Benchmark", slug=f"bench-{uuid7().hex}")
        for _ in range(organizations)
    ]
    try:
        links = [_accounts(one.id, budgets // organizations) for one in made]
        yield Stage([one.id for one in made], links[0], budgets)
    finally:
        with owner_connection(), platform_scope("remove the organizations of a benchmark"):
            for one in made:
                one.delete()


def _accounts(organization_id: UUID, count: int) -> UUID:
    with organization_scope(organization_id):
        client = Client.objects.create(name="Benchmark")
        link = Connection.objects.create(provider="sendgrid", name="Benchmark")
        senders = SenderAccount.objects.bulk_create(
            SenderAccount(
                organization_id=organization_id,
                client=client,
                connection=link,
                channel="email",
                name=f"Account {number}",
                provider_account_id=f"account-{number}",
                status=SenderAccount.Status.OK,
            )
            for number in range(count)
        )
        rows = [
            RateLimit(sender=sender, subject=str(sender.id), action="email", window=window, cap=cap)
            for sender in senders
            for window, cap in ((LimitWindow.DAY, CAP), (LimitWindow.HOUR, 10_000))
        ]
        shared = [
            (LimitScope.CLIENT, str(client.id), LimitWindow.DAY),
            (LimitScope.ORGANIZATION, str(organization_id), LimitWindow.DAY),
            *((LimitScope.DOMAIN, f"example.{ending}", LimitWindow.HOUR) for ending in ("com", "org", "net")),
        ]
        rows += [
            RateLimit(scope=scope, subject=of, window=window, cap=10_000_000) for scope, of, window in shared
        ]
        for row in rows:
            row.organization_id = organization_id
        RateLimit.objects.bulk_create(rows)
        return UUID(str(link.id))


@contextlib.contextmanager
def _bare_table(budgets: int) -> Iterator[None]:
    with owner_connection(), connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS bench_limits")
        cursor.execute("CREATE TABLE bench_limits (id int PRIMARY KEY, used int NOT NULL, cap int NOT NULL)")
        cursor.execute(
            "INSERT INTO bench_limits SELECT n, 0, %s FROM generate_series(0, %s - 1) AS n", [CAP, budgets]
        )
    try:
        yield
    finally:
        with owner_connection(), connection.cursor() as cursor:
            cursor.execute("DROP TABLE bench_limits")


@contextlib.contextmanager
def _redis() -> Iterator[RedisServer]:
    """A Redis server of one's own, which may be restarted."""
    with tempfile.TemporaryDirectory(prefix="outbound-bench-", ignore_cleanup_errors=True) as folder:
        directory = Path(folder)
        server = RedisServer(directory / "redis", free_port(), uuid7().hex, directory / "redis.log")
        server.start()
        try:
            yield server
        finally:
            server.stop()


class _Worker:
    """A process of workers."""

    def __init__(self, redis_url: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "integrations.benchmarks.limits.worker"],
            env={**os.environ, "REDIS_URL": redis_url, "LOG_LEVEL": "ERROR"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=settings.BASE_DIR,
        )

    def say(self, line: str) -> None:
        """Write one line to it."""
        pipe = _pipe(self._process.stdin)
        pipe.write(line + "\n")
        pipe.flush()

    def hear(self, expected: str = "") -> str:
        """Read one line from it. Raises ``RuntimeError`` if it ended or says something else."""
        line = _pipe(self._process.stdout).readline().strip()
        if not line or (expected and line != expected):
            raise RuntimeError("A worker of the benchmark failed; see its error above.")
        return line

    def stop(self) -> None:
        """End it."""
        _pipe(self._process.stdin).close()
        self._process.wait(20)
        _pipe(self._process.stdout).close()


@contextlib.contextmanager
def _workers(server: RedisServer) -> Iterator[list[_Worker]]:
    workers = [_Worker(server.url) for _ in range(PROCESSES)]
    try:
        yield workers
    finally:
        for worker in workers:
            worker.stop()


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe
