"""``engine``: due actions claimed, gated, rendered, reserved and written to the outbox, by two processes.

The product path is ``campaigns.services.engine.tick`` with every gate, row-level security and exact limits. Beside it,
in the same run and on the same rows: one SQL statement that leases and writes them, and a Celery task for each step
over Redis. Limits are raised so that they are counted and do not bind.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import redis
from django.conf import settings

from campaigns.benchmarks import steps
from campaigns.benchmarks.world import World, world
from project.core.bench import BenchOptions, BenchResult, Target, median_of

PROCESSES: Final = 2
#: Steps that Celery gets: it is slow, and its rate does not depend on their number.
TASKS: Final = 400


def engine(options: BenchOptions) -> BenchResult:
    """Measure; three rounds, interleaved, median."""
    leads, rounds, times = (2_000, 1, 4) if options.quick else (50_000, 3, 20)
    small = min(leads, 10_000)
    found: list[dict[str, float]] = []
    with world(leads) as made:
        for number in range(rounds):
            options.say(f"engine: round {number + 1} of {rounds}")
            found.append(
                {
                    "steps_per_s": _product(made),
                    "steps_per_s_1_process": _product(made, processes=1, keep=small),
                    "statement_per_s": _statement(made),
                    "celery_per_s": _celery(made, 200 if options.quick else TASKS),
                }
            )
        figures = median_of(found)
        cost = _growth(made, small, times, 1 if options.quick else 3, options)
    figures |= cost
    return BenchResult(
        name="engine",
        figures={
            **figures,
            "enrollments": made.size,
            "organizations": len(made.organizations),
            "processes": PROCESSES,
            "rows_small": small,
            "rows_large": small + times * leads,
        },
        baseline={
            "one_statement_per_s": figures["statement_per_s"],
            "celery_task_per_step_per_s": figures["celery_per_s"],
        },
        ratios={
            "steps_per_s": figures["steps_per_s"],
            "to_celery_task_per_step": figures["steps_per_s"] / figures["celery_per_s"],
            "to_one_statement": figures["steps_per_s"] / figures["statement_per_s"],
            "cost_growth": figures["cost_large_us"] / figures["cost_small_us"],
        },
        targets={
            "steps_per_s": Target(3_000.0, "at_least"),
            "to_celery_task_per_step": Target(5.0, "at_least"),
            "cost_growth": Target(1.2, "at_most"),
        },
    )


def _product(made: World, *, processes: int = PROCESSES, keep: int | None = None) -> float:
    """Steps per second of the product path; every send must be in the outbox exactly once afterwards."""
    made.reset(keep=keep)
    due = made.left()
    taken = _race("tick", processes)
    if (made.left(), made.queued()) != (0, due):
        raise RuntimeError(f"{made.left()} of {due} steps are left, {made.queued()} are in the outbox.")
    return due / taken


def _statement(made: World) -> float:
    """Rows per second of one statement that leases and writes them, repeated until none is left."""
    made.reset()
    due = made.left()
    taken = _race("statement", PROCESSES)
    if made.left():
        raise RuntimeError("The statement left something over.")
    return due / taken


def _growth(made: World, small: int, times: int, rounds: int, options: BenchOptions) -> dict[str, float]:
    """Microseconds of wall time a step with few and with many scheduled rows."""
    few = [{"cost": 1e6 / _product(made, processes=1, keep=small)} for _ in range(rounds)]
    options.say("engine: many more scheduled rows")
    made.reset()
    made.add_later(times)
    many = [{"cost": 1e6 / _product(made, processes=1, keep=small)} for _ in range(rounds)]
    return {"cost_small_us": median_of(few)["cost"], "cost_large_us": median_of(many)["cost"]}


def _environment() -> dict[str, str]:
    return {**os.environ, "LOG_LEVEL": "ERROR"}


def _race(what: str, processes: int) -> float:
    """Run workers of a kind side by side; seconds from the start signal to the end of the last one."""
    workers = [
        subprocess.Popen(
            [sys.executable, "-m", "campaigns.benchmarks.steps", what],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=_environment(),
            text=True,
        )
        for _ in range(processes)
    ]
    pipes: list[Any] = [(worker.stdin, worker.stdout) for worker in workers]
    for _, answers in pipes:
        answers.readline()  # it is set up
    started = time.perf_counter()
    for orders, _ in pipes:
        orders.write("go\n")
        orders.flush()
    for worker, (_, answers) in zip(workers, pipes, strict=True):
        answers.readline()
        if worker.poll() not in {None, 0}:
            raise RuntimeError(f"A {what} worker failed.")
    taken = time.perf_counter() - started
    for worker in workers:
        worker.communicate()
    return taken


@contextmanager
def _celery_worker() -> Iterator[None]:
    worker = subprocess.Popen(
        [
            sys.executable, "-m", "celery", "--quiet", "-A", "project.celery", "worker", "--pool", "prefork",
            "--concurrency", str(PROCESSES), "--queues", steps.QUEUE, "--include", "campaigns.benchmarks.steps",
            "--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "ERROR",
        ],
        env=_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield
    finally:
        worker.terminate()
        worker.wait(30)


def _celery(made: World, count: int) -> float:
    """Steps per second of a Celery task for each: the same work, one action at a time."""
    made.reset(keep=count)
    due = steps.due(made.organizations)
    broker = redis.Redis.from_url(settings.REDIS_URL)
    with _celery_worker():
        # The worker is up once it has done one; the clock starts then.
        steps.send(due[:1])
        _until(lambda: made.left() < len(due))
        started = time.perf_counter()
        steps.send(due[1:])
        _until(lambda: made.left() == 0)
        taken = time.perf_counter() - started
    broker.delete(steps.QUEUE)
    broker.close()
    return (len(due) - 1) / taken


def _until(is_so: Any, seconds: float = 300.0) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > end:
            raise TimeoutError("The Celery worker did not finish.")
        time.sleep(0.05)
