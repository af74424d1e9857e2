"""Spawn and stop child processes so that none of them outlives its parent.

Every child gets a process group of its own (a terminal's Ctrl-C reaches only the supervisor, which then stops
the parts in order) and, on Linux, a parent-death signal: the kernel sends it when the parent dies, also by
``kill -9``. Elsewhere what a killed parent leaves behind is found and stopped at the next start.

``subprocess.Popen`` runs the preparation between fork and exec, so spawn only from a
process without other threads.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Protocol

import psutil

_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15
_M_ARENA_MAX = -8
_LINUX = sys.platform.startswith("linux")
_libc = ctypes.CDLL(None, use_errno=True) if _LINUX else None


class ChildProcess(Protocol):
    """What supervisors need of a child; ``subprocess.Popen`` has it too."""

    pid: int
    stdout: IO[bytes] | None

    @property
    def returncode(self) -> int | None:
        """The exit code of a process that has been found ended, negative for a signal."""
        ...

    def poll(self) -> int | None:
        """Return the exit code, ``None`` while it runs."""
        ...

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end. Raises ``subprocess.TimeoutExpired``."""
        ...

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal unless it has ended."""
        ...

    def kill(self) -> None:
        """End it at once."""
        ...


def die_with_parent(death_signal: signal.Signals, parent_pid: int) -> None:
    """Ask the kernel to send ``death_signal`` to this process when ``parent_pid`` dies (Linux only).

    A parent that died between fork and this call is noticed by its pid; the process then leaves at once.
    The setting is lost when a process changes its user, so call it after that.
    """
    if _libc is None:
        return
    _libc.prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
    if os.getppid() != parent_pid:
        os._exit(1)


def call_itself(name: str) -> None:
    """Show ``name`` for this process in lists (Linux only, 15 letters)."""
    if _libc is not None:
        _libc.prctl(_PR_SET_NAME, name.encode()[:15], 0, 0, 0)


def few_arenas() -> None:
    """Keep glibc from giving each thread of a pool memory of its own that it never returns (glibc only)."""
    if _libc is not None and hasattr(_libc, "mallopt"):
        _libc.mallopt(_M_ARENA_MAX, 2)


def spawn(
    command: Sequence[str | Path],
    *,
    output: IO[bytes] | int | None,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
    death_signal: signal.Signals = signal.SIGTERM,
    become: Callable[[], None] | None = None,
) -> subprocess.Popen[bytes]:
    """Start ``command`` in its own process group, tied to this process's life.

    ``output`` receives stdout and stderr; ``become`` runs in the child before exec (to drop privileges).
    Raises ``OSError`` when the command cannot be executed.
    """
    parent_pid = os.getpid()

    def prepare() -> None:
        if become is not None:
            become()
        die_with_parent(death_signal, parent_pid)

    return subprocess.Popen(
        [str(part) for part in command],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env=None if environment is None else dict(environment),
        cwd=directory,
        start_new_session=True,
        preexec_fn=prepare,  # noqa: PLW1509 - see the module's docstring
    )


def started_at(pid: int) -> float | None:
    """Return when process ``pid`` started (seconds since the epoch), or ``None`` if it is not running.

    Together with the pid this names a process for good; a pid alone may have been given to another one since.
    """
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return float(process.create_time())
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return None


def is_same_process(pid: int, started: float) -> bool:
    """Say whether ``pid`` still is the process that started at ``started`` (within a clock tick)."""
    now_started = started_at(pid)
    return now_started is not None and abs(now_started - started) < 1.0


def stop(
    process: ChildProcess,
    *,
    gentle: signal.Signals,
    forced: signal.Signals = signal.SIGKILL,
    seconds: float,
) -> None:
    """Send ``gentle``, wait up to ``seconds``, then send ``forced`` and wait for the end."""
    if process.poll() is not None:
        return
    process.send_signal(gentle)
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(forced)
        try:
            process.wait(timeout=3)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def stop_leftover(pid: int, started: float, *, gentle: signal.Signals, seconds: float) -> None:
    """Stop a process that an earlier, killed supervisor left behind (it is not our child)."""
    if not is_same_process(pid, started):
        return
    try:
        process = psutil.Process(pid)
        process.send_signal(gentle)
        process.wait(timeout=seconds)
    except psutil.NoSuchProcess:
        return
    except psutil.TimeoutExpired:
        process.kill()
        process.wait(timeout=5)


def last_line(log: Path) -> str:
    """Return the last line of a server's log, for an error message."""
    try:
        lines = log.read_text(errors="replace").strip().splitlines()
    except FileNotFoundError:
        return "no output"
    return lines[-1] if lines else "no output"


def wait_until(ready: Callable[[], bool], *, seconds: float, interval: float = 0.02) -> bool:
    """Poll ``ready`` until it is true; return ``False`` when ``seconds`` have passed."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() >= deadline:
            return False
        time.sleep(interval)
    return True
