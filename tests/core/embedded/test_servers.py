"""The embedded servers: set-up, restart, recovery from kills, life tied to the owner's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from project.core.embedded import discover, servers
from project.core.embedded.postgres import PostgresFailed
from project.core.embedded.processes import wait_until

OWNER = """
import sys, time
from pathlib import Path
from project.core.embedded import servers
lock = servers.claim(Path(sys.argv[1]))
servers.start(Path(sys.argv[1]), durable=False)
print("up", flush=True)
time.sleep(120)
"""


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    # A directory that only its owner may enter, like a person's home.
    tmp_path.chmod(0o700)
    return tmp_path / "data"


@pytest.fixture
def owner(data_dir: Path) -> Iterator[subprocess.Popen[str]]:
    """A process of its own that runs the servers, to be killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(data_dir)], stdout=subprocess.PIPE, text=True, env={**os.environ}
    )
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "up"
    yield process
    process.kill()
    process.wait()


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_what_was_stored_is_there_after_a_restart_on_the_same_addresses(data_dir: Path) -> None:
    with servers.running(data_dir) as first:
        with psycopg.connect(first.postgres.url) as connection:
            connection.execute("CREATE TABLE kept (value int)")
            connection.execute("INSERT INTO kept VALUES (7)")
        client = redis.Redis.from_url(first.redis.url)
        client.set("kept", "7")
        client.close()
        found = discover(data_dir)
        assert found is not None
        assert found.database_url == first.postgres.url
    assert discover(data_dir) is None
    with servers.running(data_dir) as second:
        assert (second.postgres.url, second.redis.url) == (first.postgres.url, first.redis.url)
        with psycopg.connect(second.postgres.url) as connection:
            assert connection.execute("SELECT value FROM kept").fetchone() == (7,)
        client = redis.Redis.from_url(second.redis.url)
        assert client.get("kept") == b"7"
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        client.close()


def test_both_servers_want_the_password(data_dir: Path) -> None:
    with servers.running(data_dir, durable=False) as running:
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(running.postgres.url.replace(running.postgres.password, "wrong"))
        with pytest.raises(redis.AuthenticationError):
            redis.Redis(port=running.redis.port).ping()


def test_a_second_owner_is_refused_with_one_line(data_dir: Path, owner: subprocess.Popen[str]) -> None:
    with pytest.raises(servers.DataDirBusy, match="already runs on") as refusal:
        servers.claim(data_dir)
    assert "\n" not in str(refusal.value)


def test_nothing_outlives_an_owner_that_was_killed(data_dir: Path, owner: subprocess.Popen[str]) -> None:
    found = discover(data_dir)
    assert found is not None
    pids = [process.pid for process in found.processes.values()]
    backends = [child.pid for pid in pids for child in psutil.Process(pid).children(recursive=True)]
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    assert wait_until(lambda: all(gone(pid) for pid in [*pids, *backends]), seconds=10)
    assert discover(data_dir) is None


def test_servers_that_were_killed_start_again(data_dir: Path, owner: subprocess.Popen[str]) -> None:
    found = discover(data_dir)
    assert found is not None
    for process in found.processes.values():
        os.kill(process.pid, signal.SIGKILL)
    owner.kill()
    owner.wait()
    assert (data_dir / "postgres" / "postmaster.pid").exists()
    with servers.running(data_dir) as again, psycopg.connect(again.postgres.url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_pid_file_that_names_a_strange_process_is_ignored(data_dir: Path) -> None:
    with servers.running(data_dir) as first:
        pass
    (data_dir / "postgres" / "postmaster.pid").write_text(f"{os.getpid()}\n{data_dir}\n")
    with servers.running(data_dir) as second:
        assert second.postgres.url == first.postgres.url


def test_a_server_that_crashed_is_revived_on_the_same_address(data_dir: Path) -> None:
    with servers.running(data_dir, durable=False) as running:
        assert running.revive() is None
        for name, process in (("postgres", running.postgres.process), ("redis", running.redis.process)):
            assert process is not None
            process.kill()
            process.wait()
            assert running.revive() == name
        with psycopg.connect(running.postgres.url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_directory_that_is_no_database_is_not_touched(data_dir: Path) -> None:
    (data_dir / "postgres").mkdir(parents=True)
    precious = data_dir / "postgres" / "thesis.txt"
    precious.write_text("precious")
    with pytest.raises(PostgresFailed, match="not empty"), servers.running(data_dir):
        pass
    assert precious.read_text() == "precious"


def test_a_data_directory_that_cannot_be_made_is_refused_with_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(servers.DataDirUnusable, match="cannot be written") as refusal:
        servers.claim(tmp_path / "file" / "data")
    assert "\n" not in str(refusal.value)
