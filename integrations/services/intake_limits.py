"""How many webhook calls a connection takes in a minute, counted in Redis, and when its workers need a hint.

Genuine calls: ``settings.WEBHOOKS_PER_MINUTE``; without Redis they are not limited (a call must not be lost
for our sake). Refused calls have budgets of their own, so that nobody can use up the genuine ones' or fill
the disk; without Redis each process counts for itself.
"""

from __future__ import annotations

import contextlib
import time
from functools import lru_cache
from threading import Lock
from typing import Final
from uuid import UUID

import redis
import structlog
from django.conf import settings

log = structlog.get_logger(__name__)

#: Refused calls that are stored, and those that are counted in the database, for one connection and minute.
REFUSED_STORED: Final = 30
REFUSED_COUNTED: Final = 600
_WINDOW_S: Final = 60
#: Seconds after which the workers are told again, whatever they were told.
TOLD_S: Final = 5

#: The minute and how many genuine calls it had by then, as far as this process has heard.
_heard: dict[UUID, tuple[int, int]] = {}

_local: dict[str, int] = {}
_local_lock = Lock()


@lru_cache(maxsize=1)
def _client(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_timeout=0.25, socket_connect_timeout=0.25)


def wait(connection_id: UUID) -> int:
    """Return seconds to wait if the minute's budget of genuine calls is used up, else 0.

    As this process has heard last (``taken``): several may let a call each too many pass.
    """
    minute, count = _heard.get(connection_id, (0, 0))
    if minute != int(time.time()) // _WINDOW_S or count < settings.WEBHOOKS_PER_MINUTE:
        return 0
    return _WINDOW_S - int(time.time()) % _WINDOW_S or 1


def taken(connection_id: UUID, *, calls: int, is_news: bool) -> bool:
    """Count genuine calls; say whether the workers have to be told of them, if there is news.

    They need not be if they were told of the connection before and have not begun with it (``begin``), so that many
    calls cause few messages. Without Redis they always are; the sweeper finds what they were not told of.
    """
    minute = int(time.time()) // _WINDOW_S
    key = f"oex:webhooks:in:{connection_id}:{minute}"
    try:
        pipeline = _client(settings.REDIS_URL).pipeline(transaction=False)
        pipeline.incr(key, calls)
        pipeline.expire(key, 2 * _WINDOW_S)
        if is_news:
            pipeline.set(_told(connection_id), "", nx=True, ex=TOLD_S)
        count, _expires, *told = pipeline.execute()
    except redis.RedisError as error:
        log.warning("webhook.limits_unavailable", error=type(error).__name__)
        return is_news
    if len(_heard) > 10_000:
        _heard.clear()
    _heard[connection_id] = (minute, int(count))
    return any(told)


def begin(connection_id: UUID) -> None:
    """Say that a worker looks at what is stored for a connection from now on: news need a hint again."""
    with contextlib.suppress(redis.RedisError):
        _client(settings.REDIS_URL).delete(_told(connection_id))


def _told(connection_id: UUID) -> str:
    return f"oex:webhooks:told:{connection_id}"


def may_store_refused(connection_id: UUID) -> bool:
    """Count one refused call and say whether it may be stored."""
    name = f"refused:{connection_id}"
    count = _count(name)
    return (_count_locally(name) if count is None else count) <= REFUSED_STORED


def may_count_refused(connection_id: UUID) -> bool:
    """Say whether one more refused call may be counted in the database."""
    name = f"counted:{connection_id}"
    count = _count(name)
    return (_count_locally(name) if count is None else count) <= REFUSED_COUNTED


def _count(name: str) -> int | None:
    """Raise the counter of this minute and return it; ``None`` while Redis is away."""
    key = f"oex:webhooks:{name}:{int(time.time()) // _WINDOW_S}"
    try:
        pipeline = _client(settings.REDIS_URL).pipeline(transaction=False)
        pipeline.incr(key)
        pipeline.expire(key, 2 * _WINDOW_S)
        count, _expires = pipeline.execute()
        return int(count)
    except redis.RedisError as error:
        log.warning("webhook.limits_unavailable", error=type(error).__name__)
        return None


def _count_locally(name: str) -> int:
    key = f"{name}:{int(time.time()) // _WINDOW_S}"
    with _local_lock:
        if len(_local) > 10_000:
            _local.clear()
        _local[key] = _local.get(key, 0) + 1
        return _local[key]
