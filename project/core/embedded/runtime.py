"""What runs for a data directory: ``runtime.json`` in it, written by ``manage.py up``, read by all commands.

The file (mode 0600, it holds passwords) remembers ports and passwords between runs; pids and start times say
whether the servers it names are running now. Must not import Django: settings call ``discover``.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from project.core.embedded import processes

FILE = "runtime.json"


@dataclass(frozen=True, slots=True)
class Process:
    """A running process, named for good by pid and start time (seconds since the epoch)."""

    pid: int
    started: float

    @classmethod
    def of(cls, pid: int) -> Self:
        """Describe the running process ``pid``."""
        started = processes.started_at(pid)
        if started is None:
            raise ProcessLookupError(pid)
        return cls(pid, started)

    def is_running(self) -> bool:
        """Say whether this very process still runs."""
        return processes.is_same_process(self.pid, self.started)


@dataclass(frozen=True, slots=True)
class Runtime:
    """Addresses and processes of one installation. ``processes`` maps part names to what runs."""

    database_url: str
    redis_url: str
    postgres_port: int
    redis_port: int
    password: str = field(repr=False)
    web_port: int | None = None
    sandbox_port: int | None = None
    processes: dict[str, Process] = field(default_factory=dict)

    @property
    def sandbox_url(self) -> str | None:
        """Return the provider sandbox's address, if this installation has one."""
        return f"http://127.0.0.1:{self.sandbox_port}" if self.sandbox_port else None

    @property
    def web_url(self) -> str | None:
        """Return where the web part answers, if there is one."""
        return f"http://127.0.0.1:{self.web_port}" if self.web_port else None

    def with_web(self, port: int) -> Runtime:
        """Return a copy whose pages are on ``port``."""
        return replace(self, web_port=port)

    def with_sandbox(self, port: int) -> Runtime:
        """Return a copy whose provider sandbox listens on ``port``."""
        return replace(self, sandbox_port=port)

    def with_process(self, name: str, pid: int | None) -> Runtime:
        """Return a copy that knows ``pid`` as the process of part ``name`` (``None``: it has stopped)."""
        others = {key: value for key, value in self.processes.items() if key != name}
        return replace(self, processes=others if pid is None else {**others, name: Process.of(pid)})

    def write(self, data_dir: Path) -> None:
        """Write the file atomically, readable by its owner only."""
        target = data_dir / FILE
        temporary = target.with_suffix(f".{os.getpid()}.tmp")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as handle:
            json.dump(asdict(self), handle, indent=1)
        temporary.replace(target)


def remembered(data_dir: Path) -> Runtime | None:
    """Return what the last run wrote, whether it still runs or not; ``None`` if there is nothing readable."""
    try:
        raw: dict[str, Any] = json.loads((data_dir / FILE).read_text())
        known = {name: Process(**value) for name, value in raw.pop("processes").items()}
        return Runtime(**raw, processes=known)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        # A file of an older version, or half a file of a crashed machine: as good as none.
        return None


def discover(data_dir: Path) -> Runtime | None:
    """Return the embedded installation that runs for ``data_dir``, or ``None``.

    It counts as running when PostgreSQL does; Redis may be down for a moment while it is restarted.
    """
    runtime = remembered(data_dir)
    if runtime is None:
        return None
    postgres = runtime.processes.get("postgres")
    return runtime if postgres is not None and postgres.is_running() else None


def new_password() -> str:
    """Return a password for a server, safe inside an address."""
    return secrets.token_urlsafe(24)


def free_port(preferred: int | None = None, *, avoid: frozenset[int] = frozenset()) -> int:
    """Return ``preferred`` if it can be bound on loopback now, else a port the system picks."""
    if preferred is not None and preferred not in avoid and is_port_free(preferred):
        return preferred
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        if port not in avoid:
            return port


def free_ports_from(preferred: int | None = None, *, count: int, avoid: frozenset[int] = frozenset()) -> int:
    """Return a port that is free on loopback with the ``count - 1`` after it; ``preferred`` if it is such a one."""
    port = preferred or free_port(avoid=avoid)
    while port + count > 65536 or any(
        number in avoid or not is_port_free(number) for number in range(port, port + count)
    ):
        port = free_port(avoid=avoid)
    return port


def is_port_free(port: int, host: str = "127.0.0.1") -> bool:
    """Say whether ``port`` can be bound on ``host`` now (connections still closing do not count)."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
