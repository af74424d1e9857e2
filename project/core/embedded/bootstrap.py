"""What an installation needs before its parts start: migrations, the stylesheet, the demo organization."""

from __future__ import annotations

import http.client
import json
import signal
import time
from collections.abc import Callable, Sequence
from importlib import import_module

import django
import psycopg
from django.apps import apps
from django.db.migrations.loader import MigrationLoader
from psycopg import sql

from project import env
from project.core import collector
from project.core.embedded import processes
from project.core.embedded.forking import fork

STYLESHEET = "theme/css/app.css"
NO_ANSWER = "web does not answer yet"


class BootstrapFailed(RuntimeError):
    """A step failed; the message is one line for a person. ``code`` is the exit code it calls for."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


def preload(modules: Sequence[str]) -> None:
    """Set up Django and load ``modules``, ready to be forked. Settings are read here: set the environment first."""
    processes.few_arenas()
    django.setup()
    for module in modules:
        import_module(module)
    collector.settle()


def manage(*arguments: str, meanwhile: Callable[[float], None] = time.sleep) -> None:
    """Run a management command in a fork of this process; raises ``BootstrapFailed`` when it fails.

    ``meanwhile(seconds)`` is called over and over while it runs.
    """
    process = fork("django", arguments)
    try:
        while process.poll() is None:
            meanwhile(0.05)
    finally:
        processes.stop(process, gentle=signal.SIGTERM, seconds=2)
    if process.returncode != 0:
        raise BootstrapFailed(f"manage.py {' '.join(arguments)} failed with code {process.returncode}.")


def pending_migrations(database_url: str) -> list[str]:
    """Return the names of migrations on disk that the database has not had, as ``app.name``.

    Asked directly, not through Django's connection: this process must not open one (it spawns children) and
    ``manage.py migrate`` costs seconds even when there is nothing to do. Raises ``BootstrapFailed``.
    """
    on_disk = set(MigrationLoader(None, ignore_no_migrations=True).disk_migrations or {})
    try:
        with psycopg.connect(database_url, connect_timeout=10) as connection:
            row = connection.execute("SELECT to_regclass('django_migrations')").fetchone()
            applied: set[tuple[str, str]] = set()
            if row is not None and row[0] is not None:
                applied = set(connection.execute("SELECT app, name FROM django_migrations").fetchall())
    except psycopg.OperationalError as error:
        reason = str(error).strip().splitlines()[-1]
        raise BootstrapFailed(f"PostgreSQL does not answer: {reason}", 2) from error
    return sorted(f"{app}.{name}" for app, name in on_disk - applied)


def ensure_stylesheet() -> None:
    """Check that the stylesheet is built or collected. Raises ``BootstrapFailed`` with what to do."""
    places = (env.BASE_DIR / "project/theme/static", env.data_dir() / "static")
    if not any((place / STYLESHEET).exists() for place in places):
        raise BootstrapFailed("The stylesheet is not built; run make css.", 2)


def is_seeded(database_url: str, slug: str = "demo") -> bool:
    """Say whether the demo organization exists."""
    table = apps.get_model("tenancy", "Organization")._meta.db_table
    query = sql.SQL("SELECT 1 FROM {} WHERE slug = %s").format(sql.Identifier(table))
    with psycopg.connect(database_url, connect_timeout=10) as connection:
        return connection.execute(query, [slug]).fetchone() is not None


def not_ready_because(port: int, allowed_hosts: Sequence[str]) -> str | None:
    """Ask ``/readyz`` on loopback; return ``None`` when everything is there, else what is missing."""
    host = next((name for name in allowed_hosts if not name.startswith((".", "*"))), "localhost")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=3)
    try:
        connection.request("GET", "/readyz", headers={"Host": host, "X-Forwarded-Proto": "https"})
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException):
        return NO_ANSWER
    finally:
        connection.close()
    if answer.status == http.client.OK:
        return None
    try:
        checks = json.loads(body)["checks"]
        return "; ".join(str(check["detail"]) for check in checks.values() if not check["ok"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"/readyz answers {answer.status}"
