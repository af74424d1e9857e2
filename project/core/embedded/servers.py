"""Both embedded servers of one data directory, started and stopped together."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from project.core.embedded.postgres import NOT_DURABLE, PostgresFailed, PostgresServer, cache_mb
from project.core.embedded.privileges import CannotDropRoot
from project.core.embedded.redis import RedisFailed, RedisServer
from project.core.embedded.runtime import Runtime, free_port, new_password, remembered


class DataDirBusy(RuntimeError):
    """Another process already runs this data directory."""


class DataDirUnusable(RuntimeError):
    """The data directory cannot be created or written."""


#: What claiming and starting may raise; each carries one line for a person.
FAILURES = (DataDirBusy, DataDirUnusable, PostgresFailed, RedisFailed, CannotDropRoot)


@dataclass(slots=True)
class Servers:
    """Running PostgreSQL and Redis of ``data_dir``, and what ``runtime.json`` says about them."""

    data_dir: Path
    postgres: PostgresServer
    redis: RedisServer
    runtime: Runtime

    def record(self, runtime: Runtime) -> None:
        """Remember ``runtime`` and write it for other commands to find."""
        self.runtime = runtime
        runtime.write(self.data_dir)

    def revive(self) -> str | None:
        """Start whichever server has ended; return its name, or ``None`` when both run.

        Raises ``PostgresFailed`` or ``RedisFailed`` when it does not come back.
        """
        for name, server in (("postgres", self.postgres), ("redis", self.redis)):
            if server.process is not None and server.process.poll() is not None:
                server.start()
                self.record(self.runtime.with_process(name, server.process.pid))
                return name
        return None

    def stop(self) -> None:
        """Stop Redis, then PostgreSQL, and note that they no longer run."""
        self.redis.stop(seconds=1.0)
        self.postgres.stop(seconds=1.5)
        self.record(self.runtime.with_process("redis", None).with_process("postgres", None))


def claim(data_dir: Path, name: str = "up") -> IO[str]:
    """Take the lock ``name`` of ``data_dir`` for the life of this process (the kernel frees it).

    Raises ``DataDirUnusable`` or ``DataDirBusy`` with one line that says what to do.
    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        handle = (data_dir / f"{name}.lock").open("a+")
    except OSError as error:
        raise DataDirUnusable(
            f"The data directory {data_dir} cannot be written: {error.strerror}."
        ) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        handle.close()
        raise DataDirBusy(
            f"Outbound Engine X already runs on {data_dir}; stop it or set DATA_DIR to another directory."
        ) from error
    handle.truncate(0)
    handle.write(f"{os.getpid()}\n")
    handle.flush()
    return handle


def start(data_dir: Path, *, durable: bool = True) -> Servers:
    """Start both servers for ``data_dir`` (absolute, claimed) with the ports and password of the last run.

    ``durable=False`` is for tests: writes are not waited for. ``POSTGRES_CACHE_MB`` says how much memory PostgreSQL may
    keep rows in. Raises ``PostgresFailed`` or ``RedisFailed``.
    """
    last = remembered(data_dir)
    password = last.password if last is not None else new_password()
    postgres_port = free_port(last.postgres_port if last is not None else None)
    redis_port = free_port(last.redis_port if last is not None else None, avoid=frozenset({postgres_port}))
    logs = data_dir / "logs"
    postgres = PostgresServer(
        data_dir / "postgres",
        postgres_port,
        password,
        logs / "postgres.log",
        {
            "shared_buffers": f"{cache_mb()}MB",
            **({} if durable else NOT_DURABLE),
        },
    )
    redis = RedisServer(data_dir / "redis", redis_port, password, logs / "redis.log", durable)
    runtime = Runtime(
        postgres.url,
        redis.url,
        postgres_port,
        redis_port,
        password,
        last.web_port if last is not None else None,
        last.sandbox_port if last is not None else None,
    )
    # Written before initdb runs: the password must be known if the set-up is interrupted halfway.
    runtime.write(data_dir)
    postgres.start()
    try:
        redis.start()
    except BaseException:
        postgres.stop()
        raise
    servers = Servers(data_dir, postgres, redis, runtime)
    assert postgres.process is not None
    assert redis.process is not None
    servers.record(
        runtime.with_process("postgres", postgres.process.pid).with_process("redis", redis.process.pid)
    )
    return servers


@contextmanager
def running(data_dir: Path, *, durable: bool = True) -> Iterator[Servers]:
    """Run both servers for the length of a block."""
    with claim(data_dir):
        servers = start(data_dir, durable=durable)
        try:
            yield servers
        finally:
            servers.stop()
