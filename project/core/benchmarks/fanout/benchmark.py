"""Runs the benchmark: servers and listeners as processes, commits at a steady rate, both sides in turn.

A delay runs from just before the commit (product) or the publication (baseline) to the moment at which a
socket has read a message with that number or a higher one. Everything shares one machine, so the listeners'
own work is in the figures. The baseline's server is started anew for each rate: at the higher one it never
recovers.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from uuid import UUID

import redis
from django.conf import settings
from django.db import connection, transaction
from django.template import Context, Template

from project.core.bench import BenchOptions, BenchResult, Target, median_of, percentile
from project.core.benchmarks.fanout import bare
from project.core.ids import uuid7
from project.core.realtime import Fragment, emit, renderer
from project.core.realtime.models import StreamEvent
from project.core.realtime.protocol import dumps, frames_message, make_frame
from project.core.scoping import organization_scope

SOCKETS = 500
RATES = (50, 400)
KIND = "bench.changed"
#: Threads that commit, as web and worker processes would.
SENDERS = 4
#: How long stragglers are waited for.
SETTLE_SECONDS = 15.0

#: About as much as a row of the inbox.
ROW = Template(
    '<template data-live="into:conversation-list"><li class="row unread" id="conversation-row-{{ id }}">'
    '{% for n in cells %}<div class="flex items-center gap-2 mt-1.5 min-w-0"><a class="cover who truncate" '
    'href="/o/bench/inbox/{{ id }}/">Marta Lindqvist {{ n }}</a><span class="text-meta text-ink-3 truncate">'
    "Kiruna Logistics AB</span></div>{% endfor %}</li></template>"
)


@dataclass(frozen=True, slots=True)
class Audience:
    """Who listens: an organization, session keys of its members, and a stream they all may see."""

    organization_id: UUID
    slug: str
    sessions: list[str]
    stream: str


@renderer(KIND)
def _render(events: list[StreamEvent]) -> Iterator[Fragment]:
    for event in events:
        html = ROW.render(Context({"id": event.subject_id, "cells": range(3)}))
        yield Fragment(event.stream, html)


def fanout(
    options: BenchOptions, audience: Callable[[], contextlib.AbstractContextManager[Audience]]
) -> BenchResult:
    """Measure fan-out to 500 sockets at 50 and 400 events a second; ``audience`` provides the people."""
    sockets, seconds, rounds = (50, 2.0, 1) if options.quick else (SOCKETS, 6.0, 3)
    with audience() as people, _Stage(people, sockets, options) as stage:
        taken: dict[str, list[dict[str, float]]] = {}
        for number in range(rounds):
            for rate in RATES:
                options.say(f"fanout: round {number + 1} of {rounds}, {rate} events a second")
                taken.setdefault(f"product_{rate}", []).append(stage.product.measure(rate, seconds))
                stage.bare.restart()
                taken.setdefault(f"bare_{rate}", []).append(stage.bare.measure(rate, seconds))
        medians = {name: median_of(values) for name, values in taken.items()}
        memory = stage.product.kib_per_socket
    return _result(medians, memory, sockets)


def _result(medians: dict[str, dict[str, float]], memory: float, sockets: int) -> BenchResult:
    ratios = {"kib_per_socket": memory}
    targets = {"kib_per_socket": Target(60, "at_most")}
    for rate, p99 in zip(RATES, (100, 250), strict=True):
        product = medians[f"product_{rate}"]
        ratios |= {f"delivered_{rate}": product["delivered"], f"p99_ms_{rate}": product["p99_ms"]}
        targets |= {f"delivered_{rate}": Target(1, "at_least"), f"p99_ms_{rate}": Target(p99, "at_most")}
    return BenchResult(
        name="fanout",
        figures={"sockets": sockets} | {f"at_{rate}": medians[f"product_{rate}"] for rate in RATES},
        baseline={f"at_{rate}": medians[f"bare_{rate}"] for rate in RATES},
        ratios=ratios,
        targets=targets,
    )


class _Stage:
    """Both servers with their listeners, for the time of the benchmark."""

    def __init__(self, people: Audience, sockets: int, options: BenchOptions) -> None:
        self.product = _Product(people, sockets, options.say)
        self.bare = _Bare(sockets, options.say)
        self._say = options.say

    def __enter__(self) -> _Stage:
        self._say("fanout: opening sockets")
        try:
            self.product.open()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self.product.close()
        self.bare.close()


class _Side:
    """A server process, its listeners, and a way to send an event through it."""

    server = "daphne"
    application = ""

    def __init__(self, sockets: int, say: Callable[[str], None]) -> None:
        self.sockets = sockets
        self._say = say
        self.kib_per_socket = 0.0
        self._processes: list[subprocess.Popen[str]] = []
        self._listeners: subprocess.Popen[str] | None = None

    def task(self, port: int) -> dict[str, Any]:
        """What the listeners are to do."""
        raise NotImplementedError

    def send(self) -> None:
        """Let one event happen."""
        raise NotImplementedError

    def sent(self) -> dict[int, int]:
        """Return the number and the time (monotonic nanoseconds) of every event since the last call."""
        raise NotImplementedError

    def open(self) -> None:
        """Start the server and connect all listeners."""
        port = _free_port()
        environment = {**os.environ, "BENCH_REDIS_URL": settings.REDIS_URL, "LOG_LEVEL": "WARNING"}
        server = self._start(
            [self.server, "--bind", "127.0.0.1", "--port", str(port), "-v", "0", self.application],
            environment,
        )
        _wait_for(port, server)
        task = self.task(port)
        # The first sockets load what every process has anyway.
        warm = self._listen({**task, "sockets": 2}, environment)
        before = _resident_kib(server.pid)
        self._listeners = self._listen(task, environment)
        self.kib_per_socket = round((_resident_kib(server.pid) - before) / self.sockets, 1)
        _stop(warm)

    def measure(self, rate: int, seconds: float) -> dict[str, float]:
        """Send at a steady rate for so long; return delays in milliseconds and the delivered share."""
        started = time.monotonic()
        count = int(rate * seconds)
        todo = iter(range(count))
        lock = threading.Lock()

        def work() -> None:
            while True:
                with lock:
                    number = next(todo, None)
                if number is None:
                    break
                time.sleep(max(0.0, started + number / rate - time.monotonic()))
                self.send()
            connection.close()

        threads = [threading.Thread(target=work) for _ in range(SENDERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        took = time.monotonic() - started
        sent = self.sent()
        closed = self._wait_until_all_have(max(sent))
        if closed:
            self._say(f"fanout: sockets were closed, by code: {closed}")
        delays = [delay for arrivals in self._ask("take") for delay in _delays(sent, arrivals)]
        return {
            "delivered": round(len(delays) / (len(sent) * self.sockets), 4),
            "p50_ms": round(percentile(delays, 0.5), 1),
            "p99_ms": round(percentile(delays, 0.99), 1),
            "events_per_second": round(count / took, 1),
            "dropped_sockets": sum(closed.values()),
        }

    def _wait_until_all_have(self, number: int) -> dict[str, int]:
        """Wait, within limits, until every socket has reached a number; return how many were closed by
        code.
        """
        give_up = time.monotonic() + SETTLE_SECONDS
        while True:
            status = self._ask("status")
            if status["lowest"] >= number or time.monotonic() > give_up:
                return dict(status["closed"])
            time.sleep(0.1)

    def restart(self) -> None:
        """Start over with a new server and new sockets."""
        self.close()
        self._processes = []
        self.open()

    def close(self) -> None:
        """Stop all processes."""
        for process in reversed(self._processes):
            _stop(process)

    def _start(self, arguments: list[str], environment: dict[str, str]) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=settings.BASE_DIR,
        )
        self._processes.append(process)
        return process

    def _listen(self, task: dict[str, Any], environment: dict[str, str]) -> subprocess.Popen[str]:
        process = self._start(["project.core.benchmarks.fanout.listeners"], environment)
        _pipe(process.stdin).write(json.dumps(task) + "\n")
        _pipe(process.stdin).flush()
        if _pipe(process.stdout).readline().strip() != "ready":
            raise RuntimeError("The listeners could not subscribe; see their error above.")
        return process

    def _ask(self, question: str) -> Any:
        assert self._listeners is not None
        _pipe(self._listeners.stdin).write(question + "\n")
        _pipe(self._listeners.stdin).flush()
        return json.loads(_pipe(self._listeners.stdout).readline())


def _delays(sent: dict[int, int], arrivals: list[tuple[int, int]]) -> Iterator[float]:
    """Yield, for each event that one socket got, the milliseconds until a message with its number arrived."""
    steps = iter(arrivals)
    reached, at = 0, 0
    for number in sorted(sent):
        while reached < number:
            step = next(steps, None)
            if step is None:
                return
            reached, at = step
        yield (at - sent[number]) / 1e6


class _Product(_Side):
    server = "project.core.socket_server"
    application = "project.asgi:application"

    def __init__(self, people: Audience, sockets: int, say: Callable[[str], None]) -> None:
        super().__init__(sockets, say)
        self.people = people
        self._last = 0

    def task(self, port: int) -> dict[str, Any]:
        return {
            "port": port,
            "path": f"/ws/o/{self.people.slug}/",
            "sockets": self.sockets,
            "sessions": self.people.sessions,
            "command": dumps({"type": "subscribe", "streams": [self.people.stream], "cursor": 0}),
        }

    def send(self) -> None:
        with organization_scope(self.people.organization_id), transaction.atomic():
            at = {"at": time.monotonic_ns()}
            emit(stream=self.people.stream, kind=KIND, subject=("bench", uuid7()), data=at)

    def sent(self) -> dict[int, int]:
        with organization_scope(self.people.organization_id):
            events = StreamEvent.objects.filter(
                organization_id=self.people.organization_id, number__gt=self._last
            )
            times = {event.number: event.data["at"] for event in events if event.number is not None}
        self._last = max(times)
        return times


class _Bare(_Side):
    application = "project.core.benchmarks.fanout.bare:application"

    def __init__(self, sockets: int, say: Callable[[str], None]) -> None:
        super().__init__(sockets, say)
        self._redis = redis.Redis.from_url(settings.REDIS_URL)
        self._lock = threading.Lock()
        self._sent: dict[int, int] = {}
        self._last = 0
        self._html = ROW.render(Context({"id": uuid7(), "cells": range(3)}))

    def task(self, port: int) -> dict[str, Any]:
        return {"port": port, "path": "/", "sockets": self.sockets, "sessions": ["none"], "command": ""}

    def send(self) -> None:
        with self._lock:
            self._last += 1
            frame = make_frame(stream="bench", kind=KIND, number=self._last, html=self._html)
            self._sent[self._last] = time.monotonic_ns()
            self._redis.publish(bare.CHANNEL, frames_message([frame.text], self._last))

    def sent(self) -> dict[int, int]:
        times, self._sent = self._sent, {}
        return times


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int, process: subprocess.Popen[str]) -> None:
    give_up = time.monotonic() + 30
    while time.monotonic() < give_up:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise RuntimeError("The server of the benchmark did not start; see its error above.")


def _resident_kib(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024


def _stop(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
