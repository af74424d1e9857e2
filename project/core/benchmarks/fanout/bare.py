"""The baseline: an ASGI application that forwards one Redis subscription to every socket, and no more.

Daphne as it is, same frames, but no session, no membership, no database, no numbers, no bounds, no coalescing.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Any

import redis.asyncio

CHANNEL = "oex:bench:bare"

Send = Callable[[dict[str, Any]], Awaitable[None]]
_sockets: set[Send] = set()
_forwarders: list[asyncio.Task[None]] = []


async def _forward() -> None:
    client = redis.asyncio.Redis.from_url(os.environ["BENCH_REDIS_URL"], decode_responses=True)
    pubsub = client.pubsub()
    await pubsub.subscribe(CHANNEL)
    async for message in pubsub.listen():
        if message["type"] == "message":
            for send in list(_sockets):
                await send({"type": "websocket.send", "text": message["data"]})


async def application(scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Send) -> None:
    """Accept a websocket and keep it in the set until it closes."""
    if not _forwarders:
        _forwarders.append(asyncio.create_task(_forward()))
    await receive()
    await send({"type": "websocket.accept"})
    _sockets.add(send)
    while (await receive())["type"] != "websocket.disconnect":
        pass
    _sockets.discard(send)
