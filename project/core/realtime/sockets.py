"""One open socket: its bounded queue, the credit its client gives by acknowledging, and what it listens to.

ASGI servers buffer writes without limit (Daphne) or block the writer (uvicorn), so neither shows a slow
reader in time. Clients therefore acknowledge every 16 messages; without that no more than 64 are written, the
queue fills, and the socket is dropped with a ``resync``. Messages are shared strings: a queue costs
references, not copies.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from uuid import UUID

from project.core.realtime.protocol import (
    MAX_QUEUED,
    MAX_QUEUED_CHARACTERS,
    MAX_UNACKNOWLEDGED,
    CloseCode,
    resync_message,
)

Send = Callable[[str], Awaitable[None]]
Close = Callable[[int], Awaitable[None]]


class Socket:
    """The hub's side of a socket. ``offer`` never blocks; ``pump`` writes until the socket is closed."""

    __slots__ = (
        "__weakref__",
        "_acknowledged",
        "_characters",
        "_close_code",
        "_queue",
        "_sent",
        "_wake",
        "on_recheck",
        "streams",
        "user_id",
    )

    def __init__(self, user_id: UUID, on_recheck: Callable[[], None]) -> None:
        self.user_id = user_id
        self.on_recheck = on_recheck
        self.streams: set[str] = set()
        self._queue: deque[str] = deque()
        self._characters = 0
        self._sent = 0
        self._acknowledged = 0
        self._close_code: int | None = None
        self._wake = asyncio.Event()

    def offer(self, message: str) -> None:
        """Queue a message. A full queue is thrown away and the socket closed as too slow."""
        if self._close_code is not None:
            return
        if len(self._queue) >= MAX_QUEUED or self._characters + len(message) > MAX_QUEUED_CHARACTERS:
            self._queue.clear()
            self._characters = 0
            self._queue.append(resync_message(0, "slow"))
            self.close(CloseCode.TOO_SLOW)
            return
        self._queue.append(message)
        self._characters += len(message)
        self._wake.set()

    def close(self, code: int) -> None:
        """Close with ``code`` after what is queued. The first reason wins."""
        if self._close_code is None:
            self._close_code = code
        self._wake.set()

    def acknowledge(self, count: int) -> bool:
        """Take the client's count of received messages; ``False`` for one that cannot be."""
        if not self._acknowledged <= count <= self._sent:
            return False
        self._acknowledged = count
        self._wake.set()
        return True

    def request_recheck(self) -> None:
        """Have session, membership and subscriptions checked again now."""
        self.on_recheck()

    async def pump(self, send: Send, close: Close) -> None:
        """Write queued messages within the client's credit; return after closing the socket."""
        while True:
            self._wake.clear()
            while self._queue and (self._has_credit() or self._close_code is not None):
                message = self._queue.popleft()
                self._characters -= len(message)
                self._sent += 1
                await send(message)
            if self._close_code is not None and not self._queue:
                await close(self._close_code)
                return
            await self._wake.wait()

    def _has_credit(self) -> bool:
        return self._sent - self._acknowledged < MAX_UNACKNOWLEDGED
