"""How many webhook calls a connection takes in a minute, counted in Redis, and when its workers need a hint.

Genuine calls: ``settings.WEBHOOKS_PER_MINUTE`` for a connection and ``WEBHOOKS_PER_MINUTE_ORGANIZATION`` for all of
an organization's; without Redis they are not limited (a call must not be lost for our sake). Refused calls have
budgets of their own, so that nobody can use up the genuine ones' or fill the disk; without Redis each process counts
for itself. Whoever tries addresses that are none of ours has ``WEBHOOKS_UNKNOWN_PER_MINUTE`` tries from one IP address.
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


def wait(connection_id: UUID, organization_id: UUID) -> int:
    """Return seconds to wait if a budget of genuine calls of this minute is used up, else 0.

    As this process has heard last (``taken``): several may let a call each too many pass.
    """
    this_minute = int(time.time()) // _WINDOW_S
    for owner, cap in (
        (connection_id, settings.WEBHOOKS_PER_MINUTE),
        (organization_id, settings.WEBHOOKS_PER_MINUTE_ORGANIZATION),
    ):
        minute, count = _heard.get(owner, (0, 0))
        if minute == this_minute and count >= cap:
            return _until_next()
    return 0


def wait_unknown(address: str) -> int:
    """Count one call from an IP address to an address that is none of ours; return as ``wait``."""
    name = f"unknown:{address}"
    counted = _count(name)
    count = _count_locally(name) if counted is None else counted
    return 0 if count <= settings.WEBHOOKS_UNKNOWN_PER_MINUTE else _until_next()


def may_count_limited(connection_id: UUID) -> bool:
    """Say whether one more call that was put off may be counted in the database."""
    count = _count(f"limited:{connection_id}")
    return count is not None and count <= REFUSED_COUNTED


def _until_next() -> int:
    return _WINDOW_S - int(time.time()) % _WINDOW_S or 1


def taken(connection_id: UUID, *, organization_id: UUID, calls: int, is_news: bool) -> bool:
    """Count genuine calls of a connection and its organization; say whether the workers have to be told of them, if
    there is news.

    They need not be if they were told of the connection before and have not begun with it (``begin``), so that many
    calls cause few messages. Without Redis they always are; the sweeper finds what they were not told of.
    """
    minute = int(time.time()) // _WINDOW_S
    owners = (connection_id, organization_id)
    try:
        pipeline = _client(settings.REDIS_URL).pipeline(transaction=False)
        for owner in owners:
            key = f"oex:webhooks:in:{owner}:{minute}"
            pipeline.incr(key, calls)
            pipeline.expire(key, 2 * _WINDOW_S)
        if is_news:
            pipeline.set(_told(connection_id), "", nx=True, ex=TOLD_S)
        answers = pipeline.execute()
    except redis.RedisError as error:
        log.warning("webhook.limits_unavailable", error=type(error).__name__)
        return is_news
    if len(_heard) > 10_000:
        _heard.clear()
    for owner, count in zip(owners, answers[0:4:2], strict=True):
        _heard[owner] = (minute, int(count))
    return any(answers[4:])


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
