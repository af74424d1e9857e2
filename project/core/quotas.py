"""Request quotas: how many calls one caller may make in a minute, counted in Redis.

A counter is a courtesy to the others, not a fact: without Redis every call is let through.
"""

from __future__ import annotations

import functools
import time
from dataclasses import dataclass

import redis
from django.conf import settings

TIMEOUT_SECONDS = 0.25
#: After a failure nobody waits for Redis for so long.
PAUSE_SECONDS = 5.0

_paused_until = 0.0


@dataclass(frozen=True, slots=True)
class Quota:
    """The state of one caller's quota: ``reset`` is seconds until it is full again."""

    limit: int
    remaining: int
    reset: int
    exceeded: bool


@functools.lru_cache(maxsize=4)
def _client(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS)


def spend(key: str, *, limit: int, seconds: int = 60) -> Quota:
    """Count one call of ``key`` in the current window of ``seconds`` and say what is left of ``limit``."""
    global _paused_until  # noqa: PLW0603 - one breaker for the process
    now = time.time()
    reset = seconds - int(now) % seconds
    free = Quota(limit, limit, reset, exceeded=False)
    if time.monotonic() < _paused_until:
        return free
    name = f"oex:quota:{key}:{int(now) // seconds}"
    try:
        pipe = _client(settings.REDIS_URL).pipeline(transaction=False)
        pipe.incr(name)
        pipe.expire(name, seconds + 5)
        used = int(pipe.execute()[0])
    except (redis.RedisError, OSError):
        _paused_until = time.monotonic() + PAUSE_SECONDS
        return free
    return Quota(limit, max(0, limit - used), reset, exceeded=used > limit)
