"""``manage.py up`` as a person meets it: one line when it cannot start, ready, stop, nothing left behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from django.conf import settings

from project.core.embedded import discover, servers
from project.core.embedded.processes import wait_until
from project.core.embedded.runtime import free_port

GIVEN_BY_THE_TEST_RUN = {
    "DATABASE_URL",
    "REDIS_URL",
    "DATA_DIR",
    "PORT",
    "DJANGO_SETTINGS_MODULE",
    "SANDBOX_URL",
}


def up(data_dir: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    """Start ``manage.py up`` as an installation of its own, not on the test run's servers."""
    inherited = {name: value for name, value in os.environ.items() if name not in GIVEN_BY_THE_TEST_RUN}
    log = data_dir.with_suffix(".log").open("w")
    return subprocess.Popen(
        [sys.executable, str(settings.BASE_DIR / "manage.py"), "up", *arguments],
        env={**inherited, "DATA_DIR": str(data_dir), "DEMO": "0", **environment},
        stdout=log,
        stderr=subprocess.PIPE,
        text=True,
    )


def refused(process: subprocess.Popen[str]) -> str:
    """Return the one line on stderr of a start that is refused with exit code 2."""
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2, errors
    assert errors.count("\n") == 1, errors
    return errors.strip()


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


def test_a_taken_port_is_refused(data_dir: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert refused(up(data_dir, PORT=str(port))).startswith(f"Port {port} is taken;")


def test_a_data_directory_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    data_dir = tmp_path / "file" / "data"
    inherited = {name: value for name, value in os.environ.items() if name not in GIVEN_BY_THE_TEST_RUN}
    process = subprocess.Popen(
        [sys.executable, str(settings.BASE_DIR / "manage.py"), "up"],
        env={**inherited, "DATA_DIR": str(data_dir)},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert "cannot be written" in refused(process)


def test_a_second_instance_on_the_same_data_is_refused(data_dir: Path) -> None:
    with servers.claim(data_dir):
        assert "already runs on" in refused(up(data_dir, PORT=str(free_port())))


@pytest.mark.parametrize(
    ("arguments", "environment", "said"),
    [
        (["--only", "wob"], {}, "--only does not know 'wob'"),
        ([], {"PORT": "70000"}, "PORT must be between 1 and 65535"),
        ([], {"PORT": "high"}, "PORT must be a whole number"),
    ],
)
def test_bad_use_is_refused(
    data_dir: Path, arguments: list[str], environment: dict[str, str], said: str
) -> None:
    assert said in refused(up(data_dir, *arguments, **environment))


class Installation:
    """A running ``manage.py up`` on a data directory."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.log = data_dir.with_suffix(".log")
        self.port = free_port()
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> float:
        """Start and wait for the ready line; return how long it took (seconds)."""
        began = time.monotonic()
        self.process = up(self.data_dir, PORT=str(self.port))
        line = f"ready http://localhost:{self.port}"
        assert wait_until(lambda: line in self.log.read_text().splitlines() or self.ended, seconds=120)
        assert not self.ended, self.log.read_text()
        return time.monotonic() - began

    @property
    def ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def pids(self) -> list[int]:
        assert self.process is not None
        children = psutil.Process(self.process.pid).children(recursive=True)
        return [self.process.pid, *(child.pid for child in children)]

    def memory(self) -> float:
        """Return the proportional set size of all processes together (MiB)."""
        return sum(psutil.Process(pid).memory_full_info().pss for pid in self.pids()) / 2**20

    def end(self, number: signal.Signals) -> float:
        """Send a signal to the supervisor and wait for its end; return how long it took (seconds)."""
        assert self.process is not None
        began = time.monotonic()
        self.process.send_signal(number)
        self.process.communicate(timeout=30)
        return time.monotonic() - began


@pytest.fixture
def installation(data_dir: Path) -> Iterator[Installation]:
    running = Installation(data_dir)
    yield running
    if running.process is not None and not running.ended:
        running.end(signal.SIGKILL)


@pytest.mark.slow
def test_an_installation_starts_stops_and_survives_kills(installation: Installation) -> None:
    installation.start()
    found = discover(installation.data_dir)
    assert found is not None
    parts = {"postgres", "redis", "web", "beat", "worker-live", "worker-bulk", "sandbox"}
    assert set(found.processes) == parts
    assert all(process.is_running() for process in found.processes.values())
    assert installation.memory() <= 1.2 * 1024

    # A crashed part comes back by itself.
    os.kill(found.processes["worker-live"].pid, signal.SIGKILL)
    assert wait_until(
        lambda: (
            (now := discover(installation.data_dir)) is not None
            and "worker-live" in now.processes
            and now.processes["worker-live"] != found.processes["worker-live"]
        ),
        seconds=20,
    )

    # The supervisor is killed: nothing is left, and the next start finds everything in order, quickly.
    pids = installation.pids()
    installation.end(signal.SIGKILL)
    assert wait_until(lambda: not any(psutil.pid_exists(pid) for pid in pids[1:]), seconds=10)
    assert installation.start() < 20

    # Ctrl-C: all stop in ten seconds, and the exit is clean.
    pids = installation.pids()
    assert installation.end(signal.SIGINT) < 10
    assert installation.process is not None
    assert installation.process.returncode == 0
    assert not any(psutil.pid_exists(pid) for pid in pids[1:])
    assert discover(installation.data_dir) is None
