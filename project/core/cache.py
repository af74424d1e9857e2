"""The cache: Redis, and while Redis is away a small one in this process, so that no page fails for a cache.

What is kept here may be lost at any time: counters of sign-in attempts and the like. While Redis is away each
process counts for itself, which is a looser limit and still one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import redis
import structlog
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache

log = structlog.get_logger(__name__)

#: After a failure nobody waits for Redis for so long.
PAUSE_SECONDS = 5.0

_paused_until = 0.0

_OPERATIONS = frozenset(
    {
        "add", "get", "set", "touch", "delete", "get_many", "has_key", "incr", "set_many", "delete_many", "clear",
    }
)  # fmt: skip


class ForgivingRedisCache(RedisCache):
    """Django's Redis cache; every operation that Redis does not answer is done in this process instead."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._local = LocMemCache("redis-away", {})

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        return self._forgiving(name, found) if name in _OPERATIONS else found

    def _forgiving(self, name: str, operation: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **kwargs: Any) -> Any:
            global _paused_until  # noqa: PLW0603 (one process, one Redis; Django makes an instance per request)
            if time.monotonic() >= _paused_until:
                try:
                    return operation(*args, **kwargs)
                except (redis.RedisError, OSError) as error:
                    _paused_until = time.monotonic() + PAUSE_SECONDS
                    log.warning("cache.away", error=type(error).__name__)
            return getattr(self._local, name)(*args, **kwargs)

        return run
