"""Forks of a process that has loaded the application: programs of their own in all that counts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from project.core.embedded.processes import wait_until

# Forks the module ``told`` with the arguments of the command line, says what it wrote and how it ended.
PARENT = """
import os, signal, sys, threading
from project.core.embedded.forking import fork
lock = open(sys.argv[1] + "/lock", "w")
child = fork("told", sys.argv[2:], name="a part with a long name", piped=True)
if sys.argv[2] == "wait":
    while child.stdout.readline() != b"waits\\n": pass
    assert os.getpgid(child.pid) == child.pid
    child.send_signal(signal.SIGTERM)
print(child.stdout.read().decode(), end="")
print("code", child.wait(10), child.poll())
"""
TOLD = """
import os, sys, time
print("files", sorted(os.listdir("/proc/self/fd"))[:3] == ["0", "1", "2"] and len(os.listdir("/proc/self/fd")) <= 4)
print("name", open("/proc/self/comm").read().strip(), sys.argv[1:])
if sys.argv[1] == "wait":
    os.write(1, b"waits\\n")
    time.sleep(60)
sys.exit(int(sys.argv[1]))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "told.py").write_text(TOLD)
    return tmp_path


def run(folder: Path, *arguments: str) -> list[str]:
    command = [
        sys.executable,
        "-c",
        f"import sys; sys.path.insert(0, {str(folder)!r})\n{PARENT}",
        str(folder),
    ]
    return subprocess.run(
        [*command, *arguments], capture_output=True, text=True, check=True, timeout=60
    ).stdout.splitlines()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
def test_a_fork_runs_a_module_with_its_own_files_name_and_exit_code(folder: Path) -> None:
    assert run(folder, "3") == ["files True", "name a part with a l ['3']", "code 3 3"]


def test_a_signal_ends_a_fork_and_is_told(folder: Path) -> None:
    assert run(folder, "wait")[-1] == "code -15 -15"


def test_a_process_with_threads_is_not_forked(folder: Path) -> None:
    code = (
        "import threading; from project.core.embedded.forking import fork\n"
        "threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
        "try: fork('told', ['0'])\n"
        "except RuntimeError as error: print(error)\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert told.stdout == "A process with other threads cannot be forked.\n"


def test_a_fork_does_not_outlive_its_parent(folder: Path) -> None:
    code = (
        f"import os, sys; sys.path.insert(0, {str(folder)!r})\n"
        "from project.core.embedded.forking import fork\n"
        "child = fork('told', ['wait'], piped=True)\n"
        "while child.stdout.readline() != b'waits\\n': pass\n"
        "print(child.pid, flush=True)\n"
        "os._exit(0)\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    pid = int(told.stdout)
    assert wait_until(lambda: not Path(f"/proc/{pid}").exists(), seconds=10)
