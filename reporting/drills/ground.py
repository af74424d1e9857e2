"""Where a drill is played: a running installation with its sandbox, and what can be broken there."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import redis
from django.conf import settings
from django.db import Error as AnyDatabaseError
from django.db import connections

from integrations.sandbox.testing import SandboxHandle
from project.core import health
from project.core.embedded import runtime

T = TypeVar("T")
#: While the database or the sandbox is restarted.
PATIENCE_S = 60.0


class NoGround(RuntimeError):
    """There is no installation that a drill can be played against; the message says what to do."""


class Ground:
    """One running installation. What is changed in its sandbox is put back by ``restore``."""

    def __init__(self, data_dir: Path) -> None:
        found = runtime.discover(data_dir)
        if found is None or found.sandbox_url is None:
            raise NoGround(f"No installation with a sandbox runs on {data_dir}; start it with: manage.py up")
        self.data_dir = data_dir
        self.sandbox = SandboxHandle(found.sandbox_url)
        self._before = dict(self.sandbox.state()["settings"])
        self._faults: list[str] = []

    def settings(self, **changes: Any) -> None:
        """Change settings of the sandbox."""
        self.sandbox.settings(**changes)

    def allow_key(self, key: str) -> None:
        """Let the sandbox take an API key."""
        known = self.sandbox.state()["settings"]["api_keys"]
        self.sandbox.settings(api_keys=[*known, key])

    def revoke_key(self, key: str) -> None:
        """Let the sandbox refuse an API key from now on."""
        known = self.sandbox.state()["settings"]["api_keys"]
        self.sandbox.settings(api_keys=[one for one in known if one != key])

    def fault(self, kind: str, **values: Any) -> None:
        """Let something go wrong at the provider until ``mend``."""
        made = self.sandbox.call("POST", "/faults", {"kind": kind, "provider": "unipile", **values})
        self._faults.append(str(made["id"]))

    def mend(self) -> None:
        """Take back all faults of this drill."""
        for fault in self._faults:
            self.sandbox.call("DELETE", f"/faults/{fault}")
        self._faults = []

    def restore(self) -> None:
        """Put the sandbox back as it was found."""
        self.mend()
        names = ("api_keys", "autopilot", "new_relation_delay_minutes")
        self.sandbox.settings(**{name: self._before[name] for name in names})

    def wait(self, seconds: float) -> None:
        """Let the installation work for a moment."""
        time.sleep(seconds)

    def complaints(self) -> set[str]:
        """Return what ``/readyz`` misses now."""
        missing = {check.name for check in health.readiness() if not check.ok}
        if missing:
            connections.close_all()
        return missing

    def empty_redis(self) -> None:
        """Forget all that Redis holds."""
        client = redis.Redis.from_url(settings.REDIS_URL)
        client.flushdb()
        client.close()

    def process(self, name: str) -> runtime.Process | None:
        """Return the running part or server."""
        found = runtime.discover(self.data_dir) or runtime.remembered(self.data_dir)
        return found.processes.get(name) if found else None

    def kill(self, name: str, number: signal.Signals) -> runtime.Process:
        """Send a signal to a part or server. Raises ``NoGround`` if it is not ours to end."""
        process = self.process(name)
        if process is None or not process.is_running():
            raise NoGround(f"{name} is not run by this installation, so it cannot be ended by a drill.")
        os.kill(process.pid, number)
        return process


def at_once(ask: Callable[[], bool]) -> bool:
    """Ask the database; while it is away the answer is no."""
    try:
        return ask()
    except AnyDatabaseError:
        connections.close_all()
        return False


def patiently(ask: Callable[[], T]) -> T:
    """Ask the database, again while it is away for at most ``PATIENCE_S``."""
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            return ask()
        except AnyDatabaseError:
            if time.monotonic() > until:
                raise
            connections.close_all()
            time.sleep(0.2)


def here() -> Ground:
    """Return the installation that this command was started for. Raises ``NoGround``."""
    return Ground(Path(settings.DATA_DIR))
