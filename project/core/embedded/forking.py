"""Run parts of the application as forks of a process that has loaded it once.

Loading the code takes seconds of processor time and most of a part's memory: five parts that each did it would
need half a minute on two cores at every start. Forks share both.

A process that forks must have no other threads, and no connections that its children would use as well;
``bootstrap.preload`` leaves it so.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import IO

from project.core.embedded import processes

_CONTEXT = multiprocessing.get_context("fork")


class ForkedProcess:
    """A fork of this process that runs a module as a program would."""

    def __init__(
        self,
        module: str,
        arguments: Sequence[str],
        *,
        name: str,
        piped: bool,
        niceness: int,
        death_signal: signal.Signals,
    ) -> None:
        self._name = name or module
        output: int | None = None
        self.stdout: IO[bytes] | None = None
        if piped:
            reader, output = os.pipe()
            self.stdout = os.fdopen(reader, "rb", buffering=0)
        # The child is its own group's leader before it is known here, so that a signal to the group finds it.
        grouped, tell = os.pipe()
        self._process = _CONTEXT.Process(
            target=_run,
            name=self._name,
            args=(module, list(arguments), output, tell, niceness, death_signal, os.getpid()),
        )
        self._process.start()
        os.close(tell)
        os.read(grouped, 1)
        os.close(grouped)
        if output is not None:
            os.close(output)
        self.pid: int = self._process.pid or 0

    @property
    def returncode(self) -> int | None:
        """See ``processes.ChildProcess``."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """See ``processes.ChildProcess``."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """See ``processes.ChildProcess``."""
        self._process.join(timeout)
        code = self._process.exitcode
        if code is None:
            raise subprocess.TimeoutExpired(self._name, timeout or 0)
        return code

    def send_signal(self, number: signal.Signals) -> None:
        """See ``processes.ChildProcess``."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """See ``processes.ChildProcess``."""
        self.send_signal(signal.SIGKILL)


def fork(
    module: str,
    arguments: Sequence[str],
    *,
    name: str = "",
    piped: bool = False,
    niceness: int = 0,
    death_signal: signal.Signals = signal.SIGTERM,
) -> ForkedProcess:
    """Run ``module`` with ``arguments`` in a fork, in a process group of its own, tied to this process's life.

    ``name`` is what process lists show (15 letters of it); ``piped`` sends its output to ``stdout`` of what is
    returned. Raises ``RuntimeError`` where other threads run: their locks would stay taken in the child for ever.
    """
    if threading.active_count() > 1:
        raise RuntimeError("A process with other threads cannot be forked.")
    return ForkedProcess(
        module, arguments, name=name, piped=piped, niceness=niceness, death_signal=death_signal
    )


def _run(
    module: str,
    arguments: list[str],
    output: int | None,
    tell: int,
    niceness: int,
    death_signal: signal.Signals,
    parent_pid: int,
) -> None:
    """In the child: leave behind what is the parent's, then run the module."""
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.setsid()
    processes.call_itself(multiprocessing.current_process().name)
    processes.die_with_parent(death_signal, parent_pid)
    if output is not None:
        os.dup2(output, 1)
        os.dup2(output, 2)
    os.write(tell, b".")
    # The locks and pipes of the parent; this call's own frames keep the objects that belong to them from being
    # finalised, which would close the numbers again when they are somebody else's.
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # they are files here
    os.nice(niceness)
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
