"""One sandbox for all tests of it, started over before each, and a receiver for its webhooks."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from integrations.sandbox.settings import DEFAULTS
from integrations.sandbox.testing import API_KEY, SandboxHandle, running_sandbox

ERIK = "acc_erik_sand"
LUCIA = "acc_lucia_ferrer"


@dataclass
class Received:
    """One webhook as it arrived."""

    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.raw)


@dataclass
class Receiver:
    """Takes webhooks; answers the queued ``statuses`` first, then 200."""

    url: str = ""
    received: list[Received] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)

    def events(self, event: str | None = None) -> list[dict[str, Any]]:
        return [item.body for item in self.received if event is None or item.body.get("event") == event]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            found.received.append(Received({k.lower(): v for k, v in self.headers.items()}, raw))
            self.send_response(found.statuses.pop(0) if found.statuses else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_port}/hook"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield found
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="session")
def shared_sandbox() -> Iterator[SandboxHandle]:
    with running_sandbox() as handle:
        yield handle


@pytest.fixture
def sandbox(shared_sandbox: SandboxHandle) -> SandboxHandle:
    """A world as new: frozen clock, nobody acts by themselves, ``new_relation`` at once."""
    shared_sandbox.settings(**DEFAULTS | {"autopilot": False, "new_relation_delay_minutes": [0, 0]})
    shared_sandbox.speed(0)
    shared_sandbox.reset()
    return shared_sandbox


class Api(httpx.Client):
    """Unipile's API as its callers see it."""

    def subscribe(self, url: str, source: str = "messaging", **spec: Any) -> str:
        answer = self.post(
            "webhooks", json={"source": source, "request_url": url, "name": f"t-{source}"} | spec
        )
        assert answer.status_code == 201, answer.text
        found: str = answer.json()["webhook_id"]
        return found

    def member_id(self, slug: str, account_id: str = ERIK) -> str:
        found: str = self.get(f"users/{slug}", params={"account_id": account_id}).json()["provider_id"]
        return found

    def invite(self, slug: str, account_id: str = ERIK, **spec: Any) -> httpx.Response:
        body = {"provider_id": self.member_id(slug), "account_id": account_id} | spec
        return self.post("users/invite", json=body)

    def start_chat(self, provider_id: str, text: str, account_id: str = ERIK, **spec: str) -> httpx.Response:
        parts = {"account_id": account_id, "attendees_ids": provider_id, "text": text} | spec
        return self.post("chats", files=[(name, (None, value)) for name, value in parts.items()])

    def say(self, chat_id: str, text: str, **spec: str) -> httpx.Response:
        parts = {"text": text} | spec
        return self.post(
            f"chats/{chat_id}/messages", files=[(name, (None, value)) for name, value in parts.items()]
        )


@pytest.fixture
def api(sandbox: SandboxHandle) -> Iterator[Api]:
    with Api(
        base_url=f"{sandbox.unipile_url}/api/v1/", headers={"X-API-KEY": API_KEY}, timeout=20, trust_env=False
    ) as client:
        yield client


def befriend(sandbox: SandboxHandle, api: Api, slug: str, account_id: str = ERIK) -> str:
    """Make somebody a first-degree connection; returns the member id."""
    sandbox.act(slug, "connect", account_id=account_id)
    return api.member_id(slug, account_id)


def problem(response: httpx.Response) -> tuple[int, str]:
    """Status and type of an error answer, which must be of Unipile's form."""
    body = response.json()
    assert set(body) <= {"status", "type", "title", "detail", "instance"}
    assert body["status"] == response.status_code
    assert body["title"]
    kind: str = body["type"]
    assert kind.startswith("errors/")
    return response.status_code, kind.removeprefix("errors/")
