"""Who is looking at, typing in or replying to a conversation: leases in Redis, never rows.

A browser renews its lease every 15 s; without that it is gone after 45 s, also when the browser, its network
or this process was killed. Clients are sent the whole list on every change and renewal, with the seconds that
each entry has left, and drop entries by themselves when those have passed.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import redis.asyncio

from project.core.realtime import broker
from project.core.realtime.access import Viewer
from project.core.realtime.names import CONVERSATION, stream_name
from project.core.realtime.protocol import Frame, dumps, make_frame

LEASE_SECONDS = 45
#: Modes from the weakest to the strongest; somebody with two tabs is shown with the stronger one.
MODES = ("viewing", "typing", "replying")
#: What a client sends when it leaves a conversation.
AWAY = "away"
KIND = "presence"


@dataclass(frozen=True, slots=True)
class Lease:
    """One socket's presence in a conversation. Times are seconds since the epoch."""

    user_id: str
    name: str
    mode: str
    since: float
    expires: float


def _key(organization_id: UUID, conversation_id: UUID) -> str:
    return f"oex:presence:{organization_id}:{conversation_id}"


async def touch(
    client: redis.asyncio.Redis, viewer: Viewer, conversation_id: UUID, socket_id: str, mode: str
) -> None:
    """Take or renew a socket's lease, or give it up with ``AWAY``, and tell the conversation's viewers.

    Raises ``redis.RedisError`` or ``OSError`` when Redis is away.
    """
    key = _key(viewer.organization_id, conversation_id)
    leases = await _leases(client, key)
    now = time.time()
    old = leases.pop(socket_id, None)
    async with client.pipeline(transaction=True) as pipe:
        if mode == AWAY:
            pipe.hdel(key, socket_id)
        else:
            since = old.since if old is not None and old.mode == mode else now
            lease = Lease(str(viewer.user_id), viewer.name, mode, since, now + LEASE_SECONDS)
            leases[socket_id] = lease
            pipe.hset(
                key, socket_id, dumps([lease.user_id, lease.name, lease.mode, lease.since, lease.expires])
            )
            pipe.expire(key, LEASE_SECONDS)
        expired = [field for field, lease in leases.items() if lease.expires <= now]
        if expired:
            pipe.hdel(key, *expired)
        frame = _frame(conversation_id, leases, now)
        pipe.publish(broker.channel_of(viewer.organization_id), broker.ephemeral_payload([frame]))
        await pipe.execute()


async def snapshot(client: redis.asyncio.Redis, organization_id: UUID, conversation_id: UUID) -> Frame:
    """Return the frame that tells a new subscriber who is there. Raises like ``touch``."""
    leases = await _leases(client, _key(organization_id, conversation_id))
    return _frame(conversation_id, leases, time.time())


async def _leases(client: redis.asyncio.Redis, key: str) -> dict[str, Lease]:
    found = await client.hgetall(key)
    return {str(field): Lease(*json.loads(value)) for field, value in found.items()}


def _frame(conversation_id: UUID, leases: dict[str, Lease], now: float) -> Frame:
    strongest: dict[str, Lease] = {}
    for lease in leases.values():
        best = strongest.get(lease.user_id)
        if lease.expires > now and (best is None or MODES.index(lease.mode) > MODES.index(best.mode)):
            strongest[lease.user_id] = lease
    people: list[dict[str, Any]] = [
        {
            "user_id": lease.user_id,
            "name": lease.name,
            "mode": lease.mode,
            "since": int(lease.since),
            "ttl": round(lease.expires - now, 1),
        }
        for lease in sorted(strongest.values(), key=lambda lease: lease.since)
    ]
    data = {"conversation": str(conversation_id), "people": people}
    return make_frame(stream=stream_name(CONVERSATION, conversation_id), kind=KIND, data=data)
