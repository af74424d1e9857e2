"""``runtime.json``: what every command reads to find the running installation."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

from project.core.embedded import discover
from project.core.embedded.runtime import FILE, Process, Runtime, free_port, is_port_free, remembered


def make_runtime(**processes: Process) -> Runtime:
    return Runtime("postgresql://x", "redis://x", 1, 2, "secret", 8000, 8100, dict(processes))


def test_a_running_installation_is_discovered_with_everything_it_wrote(tmp_path: Path) -> None:
    written = make_runtime(postgres=Process.of(os.getpid()))
    written.write(tmp_path)
    assert discover(tmp_path) == written


def test_the_file_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    make_runtime().write(tmp_path)
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600


def test_a_pid_that_was_given_to_another_process_does_not_count(tmp_path: Path) -> None:
    make_runtime(postgres=Process(os.getpid(), Process.of(os.getpid()).started - 100)).write(tmp_path)
    assert discover(tmp_path) is None
    assert remembered(tmp_path) is not None


def test_nothing_is_discovered_where_nothing_or_rubbish_was_written(tmp_path: Path) -> None:
    assert discover(tmp_path) is None
    assert discover(tmp_path / "missing") is None
    for rubbish in ("", "[]", '{"processes": 1}', '{"processes": {}, "unknown": 1}'):
        (tmp_path / FILE).write_text(rubbish)
        assert discover(tmp_path) is None


def test_passwords_are_not_shown_when_a_runtime_is_printed() -> None:
    assert "secret" not in repr(make_runtime())


def test_a_part_that_stopped_is_forgotten() -> None:
    runtime = make_runtime().with_process("web", os.getpid())
    assert runtime.processes["web"].is_running()
    assert runtime.with_process("web", None).processes == {}


def test_a_taken_port_is_seen_and_another_is_picked() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert not is_port_free(port)
        assert free_port(port) != port
    assert free_port(port) == port
    assert free_port(port, avoid=frozenset({port})) != port
