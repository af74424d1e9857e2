"""The database that each worker's is copied from: migrated once, and kept until something about it changes.

Migrating takes some twenty seconds of processor time; a copy takes one. ``TEST_TEMPLATE`` names the database to
Django's own ``TEST.TEMPLATE`` (project.settings.test), so that what a migration adds later is still applied.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from project.core.embedded import servers

ROOT = Path(__file__).resolve().parents[2]
NAME = "outbound_template"
#: What a migrated database depends on, besides the month (partitions are made for it).
_SOURCES = ("*/migrations/*.py", "project/*/migrations/*.py", "project/settings/*.py", "project/core/db/*.py")


def start(directory: Path) -> servers.Servers:
    """Start the servers of a test run in ``directory``, with the template in them."""
    kept = ROOT / ".pytest_cache" / f"servers-{_key()}"
    if kept.is_dir():
        _copy(kept, directory)
        return _named(servers.start(directory, durable=False))
    _make(directory)
    kept.parent.mkdir(exist_ok=True)
    for old in kept.parent.glob("servers-*"):
        shutil.rmtree(old, ignore_errors=True)
    making = kept.with_name(f"making-{os.getpid()}")
    _copy(directory, making)
    try:
        making.rename(kept)
    except OSError:
        # Another run was faster.
        shutil.rmtree(making, ignore_errors=True)
    return _named(servers.start(directory, durable=False))


def _named(started: servers.Servers) -> servers.Servers:
    os.environ["TEST_TEMPLATE"] = NAME
    return started


def _key() -> str:
    digest = hashlib.sha256(f"{sys.version} {datetime.now(UTC):%Y-%m}".encode())
    files = {path for pattern in _SOURCES for path in ROOT.glob(pattern)} | {ROOT / "requirements.txt"}
    for path in sorted(files):
        digest.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _make(directory: Path) -> None:
    """Migrate the template in servers that are stopped again, so that their files can be copied."""
    started = servers.start(directory, durable=False)
    try:
        with psycopg.connect(started.postgres.url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {NAME}")
        base, _, _ = started.postgres.url.rpartition("/")
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "project.settings.test",
            "DATABASE_URL": f"{base}/{NAME}",
            "REDIS_URL": started.redis.url,
            "DATA_DIR": str(directory),
        }
        command = [sys.executable, str(ROOT / "manage.py"), "migrate", "--no-input", "--verbosity", "0"]
        subprocess.run(command, env=environment, check=True, stdin=subprocess.DEVNULL)
    finally:
        started.stop()


def _copy(source: Path, target: Path) -> None:
    """Copy with owners and rights: the server checks both."""
    subprocess.run(["cp", "-a", f"{source}/.", str(target)], check=True)
