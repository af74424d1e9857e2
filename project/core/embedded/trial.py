"""An installation of one's own, started by ``manage.py up`` as a person would: for tests, benchmarks and drills."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil

from project.core.embedded import runtime
from project.core.embedded.processes import wait_until

_MANAGE = Path(__file__).resolve().parents[3] / "manage.py"
#: What would make it use the caller's servers instead of its own.
_NOT_INHERITED = {
    "DATABASE_URL", "DATABASE_APP_ROLE", "REDIS_URL", "DATA_DIR", "PORT", "HOST", "DEMO", "SPEED",
    "DJANGO_SETTINGS_MODULE", "SANDBOX_URL",
}  # fmt: skip


class NotReady(RuntimeError):
    """It ended or took too long before it was ready; the message is its output."""


class Installation:
    """``manage.py up`` on ``data_dir``; its output goes to ``log`` beside it."""

    def __init__(self, data_dir: Path, *, environment: Mapping[str, str] | None = None) -> None:
        self.data_dir = data_dir
        self.log = data_dir.with_name(f"{data_dir.name}.log")
        self.port = runtime.free_port()
        self.environment = {"DEMO": "0", "PORT": str(self.port), **(environment or {})}
        self.process: subprocess.Popen[str] | None = None
        #: What the last run wrote to stderr, known once it has ended.
        self.errors = ""

    @property
    def url(self) -> str:
        """Return the address of its pages."""
        return f"http://localhost:{self.port}"

    def spawn(self, *arguments: str) -> subprocess.Popen[str]:
        """Start the command without waiting for anything; errors can be read from its ``stderr``."""
        with self.log.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, str(_MANAGE), "up", *arguments],
                env=self._variables(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.PIPE,
                text=True,
            )
        return self.process

    def _variables(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
        return {**inherited, **self.environment, "DATA_DIR": str(self.data_dir)}

    def manage(self, *arguments: str, typed: str = "") -> str:
        """Run another command of ``manage.py`` on it; return what it printed. Raises ``CalledProcessError``."""
        command = [sys.executable, str(_MANAGE), *arguments]
        ended = subprocess.run(
            command, env=self._variables(), input=typed, text=True, check=True, capture_output=True
        )
        return ended.stdout

    def follow(self, *arguments: str, heard: Callable[[str], None]) -> str:
        """Run a command as ``manage`` does; ``heard`` hears each line that it writes to stderr, when it does."""
        command = [sys.executable, str(_MANAGE), *arguments]
        with tempfile.TemporaryFile("w+") as printed:
            process = subprocess.Popen(
                command, env=self._variables(), stdin=subprocess.DEVNULL, stdout=printed, stderr=subprocess.PIPE,
                text=True,
            )  # fmt: skip
            lines = []
            assert process.stderr is not None
            with process, process.stderr:
                for line in process.stderr:
                    lines.append(line)
                    heard(line.rstrip("\n"))
            printed.seek(0)
            output, errors = printed.read(), "".join(lines)
        if process.returncode != 0:
            raise subprocess.CalledProcessError(process.returncode, command, output, errors)
        return output

    def start(self, *, seconds: float = 150.0) -> float:
        """Start it and wait for its ready line; return how long that took (seconds). Raises ``NotReady``."""
        began = time.monotonic()
        process = self.spawn()
        line = f"ready {self.url}"
        wait_until(lambda: line in self.output().splitlines() or process.poll() is not None, seconds=seconds)
        if process.poll() is not None or line not in self.output().splitlines():
            self.end(signal.SIGKILL)
            raise NotReady(self.output() + self.errors)
        return time.monotonic() - began

    def output(self) -> str:
        """Return what it has written so far."""
        return self.log.read_text(errors="replace")

    def parts(self) -> Mapping[str, runtime.Process]:
        """Return its running parts and servers by name."""
        found = runtime.discover(self.data_dir)
        return found.processes if found is not None else {}

    def pids(self) -> list[int]:
        """Return the supervisor's process id and those of everything below it."""
        if self.process is None:
            return []
        children = psutil.Process(self.process.pid).children(recursive=True)
        return [self.process.pid, *(child.pid for child in children)]

    def memory(self) -> float:
        """Return the memory of all processes together (MiB; shared pages count once)."""
        return sum(_weight(pid) for pid in self.pids())

    def memory_by_part(self) -> dict[str, float]:
        """Return the memory of the supervisor and of each part with everything below it (MiB)."""
        if self.process is None:
            return {}
        below = {
            name: [
                process.pid,
                *(child.pid for child in psutil.Process(process.pid).children(recursive=True)),
            ]
            for name, process in self.parts().items()
        }
        weights = {name: sum(_weight(pid) for pid in pids) for name, pids in below.items()}
        return {"supervisor": _weight(self.process.pid), **weights}

    def end(self, number: signal.Signals = signal.SIGINT) -> float:
        """Send the supervisor a signal and wait for its end; return how long that took (seconds)."""
        if self.process is None:
            return 0.0
        began = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(number)
        self.errors = self.process.communicate(timeout=60)[1] or ""
        return time.monotonic() - began


def _weight(pid: int) -> float:
    """Return a process's share of memory (MiB)."""
    try:
        return float(psutil.Process(pid).memory_full_info().pss / 2**20)
    except psutil.NoSuchProcess:
        # A database connection that has just ended.
        return 0.0
