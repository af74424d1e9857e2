"""Readiness: is everything there that the product needs to do its work."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import redis
from django.conf import settings
from django.db import DatabaseError, connection

from project.core.clock import now
from project.core.models import Heartbeat

#: Names of the processes whose heartbeats readiness wants, and how old one may be.
EXPECTED = ("beat", "worker-live", "worker-bulk")
STALE_AFTER = timedelta(seconds=45)


@dataclass(frozen=True, slots=True)
class Check:
    """One answer: a name, whether it is well, and a plain sentence."""

    name: str
    ok: bool
    detail: str


def beat(name: str, **detail: object) -> None:
    """Write a sign of life of the process ``name``."""
    Heartbeat.objects.update_or_create(name=name, defaults={"beaten_at": now(), "detail": detail})


def readiness() -> list[Check]:
    """Check database, Redis and the heartbeats of beat and workers."""
    database = _database()
    checks = [database, _redis()]
    if database.ok:
        checks.extend(_heartbeats())
    return checks


def _database() -> Check:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        return Check("database", False, f"PostgreSQL does not answer: {type(error).__name__}.")
    return Check("database", True, "PostgreSQL answers.")


def _redis() -> Check:
    client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2)
    try:
        client.ping()
    except redis.RedisError as error:
        return Check("redis", False, f"Redis does not answer: {type(error).__name__}.")
    finally:
        client.close()
    return Check("redis", True, "Redis answers.")


def _heartbeats() -> list[Check]:
    seen = {row.name: row.beaten_at for row in Heartbeat.objects.all()}
    checks = []
    for name in EXPECTED:
        last = seen.get(name)
        if last is None:
            checks.append(Check(name, False, f"{name} has not reported yet."))
            continue
        age = now() - last
        checks.append(
            Check(name, age < STALE_AFTER, f"{name} reported {int(age.total_seconds())} seconds ago.")
        )
    return checks
