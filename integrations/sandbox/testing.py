"""A sandbox for tests: started on a free port, driven through its control API, gone afterwards."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from integrations.sandbox.listening import listen
from integrations.sandbox.server import SandboxServer, open_world

API_KEY = "sandbox-key"
_START_SECONDS = 20.0


class SandboxRefused(AssertionError):
    """The control API refused a call; the text is its answer."""


@dataclass
class SandboxHandle:
    """A running sandbox and its controls. ``base_url`` has no path; Unipile is at ``unipile_url``."""

    base_url: str
    process: subprocess.Popen[str] | None = None
    _http: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self._http = httpx.Client(base_url=f"{self.base_url}/_sandbox", timeout=60, trust_env=False)

    @property
    def unipile_url(self) -> str:
        """What ``UNIPILE_BASE_URL`` must be to talk to this sandbox."""
        return f"{self.base_url}/unipile"

    @property
    def sendgrid_url(self) -> str:
        """What ``SENDGRID_BASE_URL`` must be to talk to this sandbox."""
        return f"{self.base_url}/sendgrid"

    def prove(self, address: str, status: str = "verified") -> None:
        """Let the owner of a SendGrid sender follow the link (or ``locked``, ``pending``)."""
        self.call("POST", f"/sendgrid/identities/{address}", {"status": status})

    @property
    def twilio_url(self) -> str:
        """What ``TWILIO_BASE_URL`` must be to talk to this sandbox."""
        return f"{self.base_url}/twilio"

    @property
    def resend_url(self) -> str:
        """What ``RESEND_BASE_URL`` must be to talk to this sandbox."""
        return f"{self.base_url}/resend"

    def url_of(self, provider: str) -> str:
        """What ``<PROVIDER>_BASE_URL`` must be to talk to this sandbox (providers that run campaigns)."""
        return f"{self.base_url}/{provider}"

    @property
    def mailbox_url(self) -> str:
        """What ``MAILBOX_BASE_URL`` must be to talk to this sandbox."""
        ports = self.state()["mailbox"]
        return f"mail://127.0.0.1?smtp={ports['smtp_port']}&imap={ports['imap_port']}"

    def put_mail(self, address: str, raw: bytes, *, folder: str = "INBOX") -> None:
        """Lay a mail into a mailbox as it is."""
        encoded = base64.b64encode(raw).decode()
        self.call("POST", f"/mailboxes/{address}/mails", {"raw_base64": encoded, "folder": folder})
        self.settle()

    def call(self, method: str, path: str, body: dict[str, Any] | None = None, /, **query: Any) -> Any:
        """One control call; raises ``SandboxRefused`` unless it is answered 2xx."""
        response = self._http.request(method, path, json=body, params=query)
        if response.status_code >= 300:
            raise SandboxRefused(f"{method} {path}: {response.status_code} {response.text}")
        return response.json()

    def state(self) -> dict[str, Any]:
        """Everything at a glance."""
        found: dict[str, Any] = self.call("GET", "/state")
        return found

    def settings(self, **changes: Any) -> dict[str, Any]:
        """Change settings."""
        found: dict[str, Any] = self.call("PATCH", "/settings", changes)
        return found

    def person(self, identifier: str) -> dict[str, Any]:
        """A person and how they stand with each seat."""
        found: dict[str, Any] = self.call("GET", f"/people/{identifier}")
        return found

    def change_person(self, identifier: str, **changes: Any) -> dict[str, Any]:
        """Override who somebody is or how they behave."""
        found: dict[str, Any] = self.call("PATCH", f"/people/{identifier}", changes)
        return found

    def act(self, identifier: str, action: str, *, settle: bool = True, **body: Any) -> dict[str, Any]:
        """Let a person do something; by default wait until the webhooks of it were answered."""
        found: dict[str, Any] = self.call("POST", f"/people/{identifier}/{action}", body)
        if settle:
            self.settle()
        return found

    def accept(self, identifier: str, **body: Any) -> dict[str, Any]:
        """Accept the pending invitation."""
        return self.act(identifier, "accept", **body)

    def reply(self, identifier: str, text: str, **body: Any) -> dict[str, Any]:
        """Write to the seat."""
        return self.act(identifier, "reply", text=text, **body)

    def create_seat(self, name: str, **body: Any) -> dict[str, Any]:
        """Connect a seat."""
        found: dict[str, Any] = self.call("POST", "/accounts", {"name": name} | body)
        return found

    def rent_number(self, number: str, **body: Any) -> dict[str, Any]:
        """Give the Twilio account a number; ``campaign_status`` puts it into a messaging service of its own."""
        found: dict[str, Any] = self.call("POST", "/twilio/numbers", {"number": number} | body)
        return found

    def set_seat_status(self, account_id: str, status: str, *, settle: bool = True) -> dict[str, Any]:
        """Change a seat's status (OK reconnects)."""
        found: dict[str, Any] = self.call("POST", f"/accounts/{account_id}/status", {"status": status})
        if settle:
            self.settle()
        return found

    def speed(self, speed: float) -> None:
        """Set the clock's speed; 0 freezes it."""
        self.call("POST", "/clock", {"speed": speed})

    def jump(self, **amount: float) -> None:
        """Move sandbox time (``minutes=90``) and wait until all that was due has happened."""
        answer = self.call("POST", "/clock/jump", {**amount, "settle": True})
        if not answer["settled"]:
            raise SandboxRefused("the sandbox did not come to rest after the jump")

    def settle(self, timeout_seconds: float = 30) -> None:
        """Wait until nothing is due and every webhook in the air was answered."""
        if not self.call("POST", "/settle", {"timeout_seconds": timeout_seconds})["settled"]:
            raise SandboxRefused("the sandbox did not come to rest")

    def add_fault(self, kind: str, **spec: Any) -> dict[str, Any]:
        """Let something go wrong."""
        found: dict[str, Any] = self.call("POST", "/faults", {"kind": kind} | spec)
        return found

    def clear_faults(self) -> None:
        """Everything works again; held webhooks go out."""
        self.call("DELETE", "/faults")
        self.settle()

    def calls(self, **query: Any) -> list[dict[str, Any]]:
        """The log of provider calls (``path="*/users/invite"``, ``method``, ``writes=True``, ``since_id``)."""
        found: list[dict[str, Any]] = self.call("GET", "/calls", **{"limit": 1000} | query)["items"]
        return found

    def deliveries(self, **query: Any) -> list[dict[str, Any]]:
        """The log of webhooks sent (``state``, ``event``)."""
        found: list[dict[str, Any]] = self.call("GET", "/deliveries", **{"limit": 1000} | query)["items"]
        return found

    def reset(self, **body: Any) -> None:
        """Start the world over."""
        self.call("POST", "/reset", body)

    def kill(self) -> None:
        """``kill -9`` the process (only with ``process=True``)."""
        assert self.process is not None, "runs as a thread; start it with process=True"
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def close(self) -> None:
        """Let go of the control connection."""
        self._http.close()


@contextmanager
def running_sandbox(
    *,
    data_dir: Path | None = None,
    port: int = 0,
    speed: float = 0.0,
    autopilot: bool = False,
    seed: str | None = "demo",
    new_relation_delay_minutes: tuple[float, float] = (0, 0),
    process: bool = False,
) -> Iterator[SandboxHandle]:
    """Run a sandbox for the length of the block.

    By default its clock is frozen (only ``jump`` moves it), prospects do nothing by themselves and
    ``new_relation`` and events come at once, so that a test decides everything. It runs as a thread of this process
    (milliseconds to start; world in memory unless ``data_dir`` is given), or with ``process=True`` as a
    process of its own, which also keeps its time when a test freezes this one's.
    """
    start = _as_process if process else _as_thread
    with start(data_dir, port, speed, seed) as handle:
        try:
            handle.settings(
                autopilot=autopilot,
                new_relation_delay_minutes=list(new_relation_delay_minutes),
                event_batch_seconds=0,
            )
            yield handle
        finally:
            handle.close()


@contextmanager
def _as_thread(data_dir: Path | None, port: int, speed: float, seed: str | None) -> Iterator[SandboxHandle]:
    listener = listen("127.0.0.1", port)
    ready = threading.Event()
    server = SandboxServer(open_world(data_dir, seed=seed, speed=speed), ready=ready.set)
    thread = threading.Thread(target=server.run, args=([listener],), name="sandbox", daemon=True)
    thread.start()
    try:
        if not ready.wait(_START_SECONDS):
            raise SandboxRefused("the sandbox did not start")
        yield SandboxHandle(f"http://127.0.0.1:{listener.getsockname()[1]}")
    finally:
        server.should_exit = True
        thread.join(_START_SECONDS)


@contextmanager
def _as_process(data_dir: Path | None, port: int, speed: float, seed: str | None) -> Iterator[SandboxHandle]:
    with tempfile.TemporaryDirectory() as scratch:
        command = [sys.executable, "-m", "integrations.sandbox", "--port", str(port), "--speed", str(speed)]
        command += ["--data-dir", str(data_dir or scratch), "--seed", seed or "none"]
        root = Path(__file__).resolve().parents[2]
        child = subprocess.Popen(command, cwd=root, env=dict(os.environ), stdout=subprocess.PIPE, text=True)
        try:
            assert child.stdout is not None
            line = child.stdout.readline()
            if not line.startswith("sandbox ready "):
                raise SandboxRefused(f"the sandbox did not start: {line!r}")
            yield SandboxHandle(line.split()[-1], child)
        finally:
            child.terminate()
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
            if child.stdout is not None:
                child.stdout.close()
