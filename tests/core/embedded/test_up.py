"""``manage.py up`` as a person meets it: one line when it cannot start, ready, stop, nothing left behind."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from project.core.embedded import servers
from project.core.embedded.processes import wait_until
from project.core.embedded.runtime import discover
from project.core.embedded.trial import Installation


def refused(data_dir: Path, *arguments: str, **environment: str) -> str:
    """Return the one line on stderr of a start that is refused with exit code 2."""
    process = Installation(data_dir, environment=environment).spawn(*arguments)
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
        assert refused(data_dir, PORT=str(port)).startswith(f"Port {port} is taken;")


def test_a_data_directory_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    installation = Installation(tmp_path / "file" / "data")
    installation.log = tmp_path / "log"
    process = installation.spawn()
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors.count("\n")) == (2, 1), errors
    assert "cannot be written" in errors


def test_a_second_instance_on_the_same_data_is_refused(data_dir: Path) -> None:
    with servers.claim(data_dir):
        assert "already runs on" in refused(data_dir)


@pytest.mark.parametrize(
    ("arguments", "environment", "said"),
    [
        (["--only", "wob"], {}, "--only does not know 'wob'"),
        (["--only", "web,pages"], {}, "web and pages listen on the same port"),
        ([], {"PORT": "70000"}, "PORT must be between 1 and 65535"),
        ([], {"PORT": "high"}, "PORT must be a whole number"),
    ],
)
def test_bad_use_is_refused(
    data_dir: Path, arguments: list[str], environment: dict[str, str], said: str
) -> None:
    assert said in refused(data_dir, *arguments, **environment)


@pytest.fixture
def installation(data_dir: Path) -> Iterator[Installation]:
    running = Installation(data_dir)
    yield running
    running.end(signal.SIGKILL)


@pytest.mark.slow
def test_an_installation_starts_stops_and_survives_kills(installation: Installation) -> None:
    installation.start()
    before = installation.parts()
    assert set(before) == {
        "postgres",
        "redis",
        "web",
        "beat",
        "mailboxes",
        "worker-live",
        "worker-bulk",
        "sandbox",
    }
    assert all(process.is_running() for process in before.values())
    # By this other commands know where its pages are.
    found = discover(installation.data_dir)
    assert found is not None
    assert found.web_port == installation.port
    assert installation.memory() <= 1.2 * 1024

    # A crashed part comes back by itself.
    os.kill(before["worker-live"].pid, signal.SIGKILL)
    assert wait_until(
        lambda: installation.parts().get("worker-live", before["worker-live"]) != before["worker-live"],
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
    assert installation.parts() == {}
