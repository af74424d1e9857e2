"""The supervisor: prefixed output, restarts, ordered stop, nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from project.core.embedded.parts import UnknownPart, selected
from project.core.embedded.processes import wait_until

# Supervises Python snippets given as name:stage:grace:code; prints what happens.
RUNNER = """
import os, sys
from project.core.embedded.supervisor import Part, Supervisor
parts = []
for argument in sys.argv[1:]:
    name, stage, grace, code = argument.split(":", 3)
    parts.append(Part(name, [sys.executable, "-u", "-c", code], dict(os.environ), int(stage), float(grace)))
supervisor = Supervisor(parts, on_change=lambda name, pid: print(f"change {name} {pid}", flush=True))
supervisor.start()
supervisor.run()
"""
POLITE = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: (print("bye"), sys.exit(0)))
print("hello")
while True: time.sleep(60)
"""
STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print("hello", child.pid)
while True: time.sleep(60)
"""
CRASHING = "import sys; print('no newline at the end', end=''); sys.exit(3)"

Run = Callable[..., "Watched"]


class Watched:
    """A supervisor process and the lines it has written so far."""

    def __init__(self, *parts: str, log: Path) -> None:
        self.log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-c", RUNNER, *parts], stdout=output, stderr=subprocess.STDOUT
            )

    @property
    def lines(self) -> list[str]:
        return self.log.read_text().splitlines()

    def wait_for(self, text: str, *, times: int = 1, seconds: float = 15) -> None:
        found = wait_until(lambda: self.log.read_text().count(text) >= times, seconds=seconds)
        assert found, f"{text!r} not in:\n{self.log.read_text()}"

    def pid_of(self, name: str) -> int:
        line = [line for line in self.lines if line.startswith(f"change {name} ") and line[-1].isdigit()][-1]
        return int(line.split()[-1])


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Run]:
    started: list[Watched] = []

    def start(*parts: str) -> Watched:
        started.append(Watched(*parts, log=tmp_path / f"{len(started)}.log"))
        return started[-1]

    yield start
    for watched in started:
        watched.process.kill()
        watched.process.wait()


def test_parts_stop_stage_by_stage_and_their_last_words_are_kept(watch: Run) -> None:
    watched = watch(f"second:1:5:{POLITE}", f"first:0:5:{POLITE}")
    watched.wait_for("hello", times=2)
    watched.process.send_signal(signal.SIGTERM)
    assert watched.process.wait(timeout=10) == 0
    said = [line for line in watched.lines if line.endswith("bye")]
    assert said == ["first  | bye", "second | bye"]


def test_a_part_that_does_not_finish_is_killed_with_everything_it_started(watch: Run) -> None:
    watched = watch(f"deaf:0:0.3:{STUBBORN}")
    watched.wait_for("hello")
    grandchild = int(next(line for line in watched.lines if "hello" in line).split()[-1])
    watched.process.send_signal(signal.SIGINT)
    assert watched.process.wait(timeout=10) == 0
    assert any("did not finish in time" in line for line in watched.lines)
    assert wait_until(lambda: not psutil.pid_exists(grandchild), seconds=5)


def test_a_second_signal_ends_at_once(watch: Run) -> None:
    watched = watch(f"deaf:0:60:{STUBBORN}")
    watched.wait_for("hello")
    watched.process.send_signal(signal.SIGINT)
    watched.wait_for("stopping")
    began = time.monotonic()
    watched.process.send_signal(signal.SIGINT)
    assert watched.process.wait(timeout=10) == 0
    assert time.monotonic() - began < 5


def test_a_part_that_crashes_is_started_again_later_and_later(watch: Run) -> None:
    watched = watch(f"weak:0:1:{CRASHING}", f"strong:0:1:{POLITE}")
    watched.wait_for("starting again in 0.5 s")
    watched.wait_for("starting again in 1 s")
    assert "weak   | no newline at the end" in watched.lines
    assert watched.log.read_text().count("strong | hello") == 1


def test_no_part_outlives_a_supervisor_that_was_killed(watch: Run) -> None:
    watched = watch(f"deaf:0:60:{STUBBORN}", f"polite:1:60:{POLITE}")
    watched.wait_for("hello", times=2)
    pids = [watched.pid_of("deaf"), watched.pid_of("polite")]
    os.kill(watched.process.pid, signal.SIGKILL)
    watched.process.wait()
    assert wait_until(lambda: not any(psutil.pid_exists(pid) for pid in pids), seconds=10)


def test_only_takes_known_parts_in_starting_order() -> None:
    assert selected(None) == ("web", "beat", "mailboxes", "worker-live", "worker-bulk", "sandbox")
    assert selected("pages") == ("pages",)
    assert selected("worker, web") == ("web", "worker-live", "worker-bulk")
    with pytest.raises(UnknownPart, match="'wob'"):
        selected("wob")
