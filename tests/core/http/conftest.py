"""A scripted HTTP server on loopback, and clients that neither wait nor share a circuit."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from project.core.http import HttpClient, RetryPolicy, client_for, close_pools
from project.core.http.breaker import CircuitBreaker, LocalStore


@dataclass
class Seen:
    """One request as the server saw it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Answer:
    """What the server says next."""

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    #: Close the connection without an answer.
    hang_up: bool = False
    #: Announce this length instead of the true one.
    announced: int | None = None
    #: Do not answer until the test is over.
    stall: bool = False


class Script:
    """Answers in order, the last one for ever, and a log of requests."""

    def __init__(self) -> None:
        self.answers: list[Answer] = [Answer()]
        self.seen: list[Seen] = []
        self.released = threading.Event()
        self.url = ""

    def say(self, *answers: Answer) -> None:
        """Set what is answered."""
        self.answers = list(answers)

    def next(self) -> Answer:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    script: Script

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.script.seen.append(Seen(self.command, self.path, dict(self.headers), body))
        answer = self.script.next()
        if answer.stall:
            self.script.released.wait(10)
        if answer.hang_up or answer.stall:
            self.close_connection = True
            return
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        length = len(answer.body) if answer.announced is None else answer.announced
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(answer.body)

    do_GET = do_POST = do_DELETE = do_HEAD = _handle  # noqa: N815 -- names of the base class

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Stay silent."""


def _serve() -> Iterator[Script]:
    script = Script()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Scripted", (Handler,), {"script": script}))
    server.daemon_threads = True
    script.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield script
    script.released.set()
    close_pools()
    server.shutdown()
    server.server_close()


@pytest.fixture
def server() -> Iterator[Script]:
    yield from _serve()


@pytest.fixture
def other_server() -> Iterator[Script]:
    yield from _serve()


@pytest.fixture
def waits() -> list[float]:
    """The seconds that clients of ``make`` would have slept."""
    return []


@pytest.fixture
def breaker() -> CircuitBreaker:
    return CircuitBreaker(LocalStore())


@pytest.fixture
def make(server: Script, waits: list[float], breaker: CircuitBreaker) -> Callable[..., HttpClient]:
    def build(**options: Any) -> HttpClient:
        options = {
            "base_url": server.url,
            "allow_private": True,
            "timeout": 5.0,
            "breaker": breaker,
            "retry": RetryPolicy(sleep=waits.append, jitter=lambda low, high: high),
            **options,
        }
        return client_for("test", **options)

    return build
