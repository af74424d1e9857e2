"""Supervise the parts of an installation: start, prefix their logs, restart what crashes, stop in order.

One thread, one loop over the parts' output and this process's signals. The first SIGINT, SIGTERM or SIGHUP
stops the parts stage by stage, giving each time to finish; a second one ends everything at once.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TextIO

from project.core.embedded import processes
from project.core.embedded.forking import fork
from project.core.embedded.processes import ChildProcess

_COLOURS = (36, 32, 33, 35, 34, 31)
#: A part that has run this long has recovered; its next crash is restarted without delay again.
_HEALTHY_SECONDS = 60.0
_MAX_DELAY = 30.0
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Part:
    """One supervised program.

    ``stage`` orders stopping (lower first; one stage stops together), ``grace`` is how many seconds a part of
    the stage gets to finish after SIGTERM before it is killed. A ``forked`` part's ``command`` is a module of this
    application and its arguments (``forking``); its environment is this process's. A part that is no fork and
    ``waits`` is launched with the forks, once the database is up to date.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    stage: int
    grace: float
    forked: bool = False
    waits: bool = False
    niceness: int = 0


@dataclass(slots=True)
class _Running:
    part: Part
    process: ChildProcess | None = None
    launched: float = 0.0
    crashes: int = 0
    restart_at: float | None = None
    pending: bytes = b""


@dataclass(slots=True)
class Supervisor:
    """Runs ``parts`` until told to stop.

    ``on_change(name, pid)`` hears of every start (pid) and end (``None``). ``tick`` is called at least once a
    second and may look after things that are not parts (the embedded servers).
    """

    parts: Sequence[Part]
    on_change: Callable[[str, int | None], None]
    tick: Callable[[], None] = lambda: None
    output: TextIO = field(default_factory=lambda: sys.stdout)
    stopping: bool = False
    _running: dict[str, _Running] = field(default_factory=dict)
    _selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    _signals: int = 0

    def start(self) -> None:
        """Take over signals and launch the parts that are programs of their own."""
        for number in _STOP_SIGNALS:
            signal.signal(number, self._on_signal)
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        os.set_blocking(writer, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        # Signals wake the loop through this pipe instead of waiting for its next turn.
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        self._selector.register(reader, selectors.EVENT_READ, None)
        self._running = {part.name: _Running(part) for part in self.parts}
        self._launch_all(forked=False)

    def start_forked(self) -> None:
        """Launch what waits, and the forks of this process, which has loaded what they run (``bootstrap.preload``)."""
        self._launch_all(forked=True)

    def run(self) -> None:
        """Serve until a signal asks to stop; then stop all parts."""
        while not self.stopping:
            self.serve(seconds=1.0)
        self.stop()

    def serve(self, *, seconds: float) -> None:
        """One turn of the loop: pass on output for up to ``seconds``, restart what is due, call ``tick``."""
        self._pump(seconds)
        self._reap()
        now = time.monotonic()
        for running in self._running.values():
            if running.restart_at is not None and now >= running.restart_at and not self.stopping:
                self._launch(running)
        self.tick()

    def crashes(self, name: str) -> int:
        """Return how often part ``name`` has crashed in a row."""
        return self._running[name].crashes

    def say(self, name: str, text: str) -> None:
        """Write a line with a part's name in front."""
        names = [part.name for part in self.parts]
        width = max((len(known) for known in names), default=0)
        label = f"{name:<{width}} |"
        if self.output.isatty() and name in names:
            label = f"\x1b[{_COLOURS[names.index(name) % len(_COLOURS)]}m{label}\x1b[0m"
        self.write(f"{label} {text}")

    def write(self, line: str) -> None:
        """Write a line as it is. Output that nobody reads any more is dropped."""
        try:
            print(line, file=self.output, flush=True)
        except (BrokenPipeError, ValueError):
            return

    # --- stopping -----------------------------------------------------------------------------------
    def stop(self) -> None:
        """Stop the parts stage by stage; a second signal in the meantime kills what is left."""
        self.stopping = True
        for stage in sorted({part.stage for part in self.parts}):
            members = [running for running in self._running.values() if running.part.stage == stage]
            for running in members:
                self._signal(running, signal.SIGTERM)
            deadline = time.monotonic() + max(running.part.grace for running in members)
            while self._alive(members) and time.monotonic() < deadline and not self.hurried:
                self._pump(0.1)
                self._reap()
            for running in self._alive(members):
                self.say(
                    running.part.name, "did not finish in time: killed; its work resumes at the next start"
                )
                self._kill(running)
        self._pump(0.0)
        self._reap()
        signal.set_wakeup_fd(-1)

    @property
    def hurried(self) -> bool:
        """Say whether a second signal asked to end at once."""
        return self._signals > 1

    def _on_signal(self, number: int, frame: object) -> None:
        self._signals += 1
        if not self.stopping:
            self.stopping = True
            self.write("stopping (once more to stop at once)")

    def _alive(self, members: Sequence[_Running]) -> list[_Running]:
        return [running for running in members if running.process is not None]

    def _signal(self, running: _Running, number: signal.Signals) -> None:
        running.restart_at = None
        if running.process is not None and running.process.poll() is None:
            running.process.send_signal(number)

    def _kill(self, running: _Running) -> None:
        process = running.process
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            # The part leads a process group of its own: whatever it started goes with it.
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        self._reap()

    # --- running ------------------------------------------------------------------------------------
    def _launch_all(self, *, forked: bool) -> None:
        for running in self._running.values():
            if (running.part.forked or running.part.waits) is forked and not self.stopping:
                self._launch(running)

    def _launch(self, running: _Running) -> None:
        running.restart_at = None
        running.launched = time.monotonic()
        part = running.part
        process: ChildProcess
        if part.forked:
            process = fork(
                part.command[0],
                part.command[1:],
                name=part.name,
                piped=True,
                niceness=part.niceness,
                death_signal=signal.SIGKILL,
            )
        else:
            process = processes.spawn(
                part.command,
                output=subprocess.PIPE,
                environment=part.environment,
                death_signal=signal.SIGKILL,
            )
        running.process = process
        stream = process.stdout
        assert stream is not None
        os.set_blocking(stream.fileno(), False)
        self._selector.register(stream, selectors.EVENT_READ, running)
        self.on_change(part.name, process.pid)

    def _pump(self, seconds: float) -> None:
        for key, _ in self._selector.select(seconds):
            if key.data is None:
                os.read(key.fd, 4096)
                continue
            chunk = os.read(key.fd, 65536)
            if chunk:
                self._pass_on(key.data, chunk)
            else:
                self._selector.unregister(key.fileobj)

    def _pass_on(self, running: _Running, chunk: bytes) -> None:
        *lines, running.pending = (running.pending + chunk).split(b"\n")
        for line in lines:
            self.say(running.part.name, line.decode(errors="replace").rstrip())

    def _reap(self) -> None:
        for running in self._running.values():
            process = running.process
            if process is None or process.poll() is None:
                continue
            self._close_output(running, process)
            running.process = None
            self.on_change(running.part.name, None)
            if self.stopping:
                continue
            if time.monotonic() - running.launched > _HEALTHY_SECONDS:
                running.crashes = 0
            delay = min(_MAX_DELAY, 0.5 * 2**running.crashes)
            running.crashes += 1
            running.restart_at = time.monotonic() + delay
            self.say(
                running.part.name, f"ended with code {process.returncode}; starting again in {delay:g} s"
            )

    def _close_output(self, running: _Running, process: ChildProcess) -> None:
        """Pass on what a part wrote last, then close its pipe (its children may still hold the other end)."""
        stream = process.stdout
        if stream is None or stream.closed:
            return
        while True:
            try:
                chunk = os.read(stream.fileno(), 65536)
            except BlockingIOError:
                break
            if not chunk:
                break
            self._pass_on(running, chunk)
        if running.pending:
            self.say(running.part.name, running.pending.decode(errors="replace"))
            running.pending = b""
        if stream in self._selector.get_map():
            self._selector.unregister(stream)
        stream.close()
