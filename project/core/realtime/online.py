"""Who has the product open: leases in Redis that the sockets renew, read where work is given to people."""

from __future__ import annotations

import functools
import time
from uuid import UUID

import redis
import redis.asyncio
from django.conf import settings

#: Sockets renew every minute (with their access); somebody whose browser died is gone after this (s).
LEASE_SECONDS = 150
_TIMEOUT_SECONDS = 0.5


def _key(organization_id: UUID) -> str:
    return f"oex:online:{organization_id}"


async def renew(client: redis.asyncio.Redis, organization_id: UUID, user_id: UUID) -> None:
    """Say that somebody is here. Raises ``redis.RedisError`` or ``OSError`` when Redis is away."""
    moment = time.time()
    async with client.pipeline(transaction=True) as pipe:
        pipe.zadd(_key(organization_id), {str(user_id): moment + LEASE_SECONDS})
        pipe.zremrangebyscore(_key(organization_id), 0, moment)
        pipe.expire(_key(organization_id), LEASE_SECONDS)
        await pipe.execute()


@functools.lru_cache(maxsize=4)
def _client(url: str) -> redis.Redis:
    return redis.Redis.from_url(
        url, socket_timeout=_TIMEOUT_SECONDS, socket_connect_timeout=_TIMEOUT_SECONDS, decode_responses=True
    )


def people(organization_id: UUID) -> set[str] | None:
    """The ids of the users who are here, or ``None`` when nobody can tell because Redis is away."""
    try:
        found = _client(settings.REDIS_URL).zrangebyscore(_key(organization_id), time.time(), "+inf")
    except (redis.RedisError, OSError):
        return None
    return {str(user_id) for user_id in found}
