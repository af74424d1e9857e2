"""One open socket: its bounded queue, the credit its client gives by acknowledging, and what it listens to.

ASGI servers buffer writes without limit (Daphne) or block the writer (uvicorn), so neither shows a slow reader in
time. Clients therefore acknowledge what they have received; without that no more than 192 messages or 1 MiB are
written, the queue fills, and the socket is dropped with a ``resync``. Messages are shared strings: a queue costs
references, not copies.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from typing import Any
from uuid import UUID

import structlog

from project.core.realtime.protocol import (
    MAX_QUEUED,
    MAX_QUEUED_CHARACTERS,
    MAX_UNACKNOWLEDGED,
    MAX_UNACKNOWLEDGED_CHARACTERS,
    CloseCode,
    resync_message,
)

log = structlog.get_logger(__name__)

Send = Callable[[str], Coroutine[Any, Any, None]]
#: Writes at once what one coroutine after another would pass on; see ``project.core.socket_server``.
WriteText = Callable[[str], None]
Close = Callable[[int], Coroutine[Any, Any, None]]


class Socket:
    """The hub's side of a socket. ``offer`` never blocks; ``pump`` writes until the socket is closed."""

    __slots__ = (
        "__weakref__",
        "_close_code",
        "_is_pumping",
        "_queue",
        "_queued_characters",
        "_send",
        "_unacknowledged",
        "_unacknowledged_characters",
        "_unfinished",
        "_wake",
        "_write_text",
        "acknowledged",
        "on_recheck",
        "streams",
        "user_id",
    )

    def __init__(
        self, user_id: UUID, on_recheck: Callable[[], None], write_text: WriteText | None = None
    ) -> None:
        self.user_id = user_id
        self.on_recheck = on_recheck
        self.streams: set[str] = set()
        self.acknowledged = 0
        self._queue: deque[str] = deque()
        self._queued_characters = 0
        self._unacknowledged: deque[int] = deque()
        self._unacknowledged_characters = 0
        self._close_code: int | None = None
        #: While the pump writes, the order of messages forbids writing past it.
        self._is_pumping = True
        self._wake = asyncio.Event()
        self._send: Send | None = None
        self._write_text = write_text
        self._unfinished: _Unfinished | None = None

    def offer(self, message: str) -> None:
        """Write a message at once if that blocks nobody, else queue it.

        A full queue is thrown away and the socket closed as too slow.
        """
        if self._close_code is not None:
            return
        if self._send is not None and not self._queue and not self._is_pumping and self._has_credit():
            self._count(len(message))
            self._write_now(message)
            return
        if len(self._queue) >= MAX_QUEUED or self._queued_characters + len(message) > MAX_QUEUED_CHARACTERS:
            self._queue.clear()
            self._queued_characters = 0
            self._queue.append(resync_message(0, "slow"))
            self.close(CloseCode.TOO_SLOW)
            return
        self._queue.append(message)
        self._queued_characters += len(message)
        self._wake.set()

    def _write_now(self, message: str) -> None:
        """Write as far as it goes without waiting: with most servers to its end.

        A task switch per socket and message would cost as much as the writing itself.
        """
        assert self._send is not None
        try:
            if self._write_text is not None:
                self._write_text(message)
                return
            sending = self._send(message)
            waits_for = sending.send(None)
        except StopIteration:
            return
        except Exception:  # the server's trouble with one socket must not stop the others' messages
            log.warning("realtime.write_failed", exc_info=True)
            self.close(CloseCode.TOO_SLOW)
            return
        self._unfinished = _Unfinished(sending, waits_for)
        self._is_pumping = True
        self._wake.set()

    def close(self, code: int) -> None:
        """Close with ``code`` after what is queued. The first reason wins."""
        if self._close_code is None:
            self._close_code = code
        self._wake.set()

    def acknowledge(self, count: int) -> bool:
        """Take the client's count of received messages; ``False`` for one that cannot be."""
        newly = count - self.acknowledged
        if not 0 <= newly <= len(self._unacknowledged):
            return False
        for _ in range(newly):
            self._unacknowledged_characters -= self._unacknowledged.popleft()
        self.acknowledged = count
        if self._queue:
            self._wake.set()
        return True

    def request_recheck(self) -> None:
        """Have session, membership and subscriptions checked again now."""
        self.on_recheck()

    async def pump(self, send: Send, close: Close) -> None:
        """Write what could not be written at once, within the client's credit; return after closing."""
        self._send = send
        while True:
            self._wake.clear()
            self._is_pumping = True
            if self._unfinished is not None:
                await self._unfinished
                self._unfinished = None
            while self._queue and (self._has_credit() or self._close_code is not None):
                message = self._queue.popleft()
                self._queued_characters -= len(message)
                self._count(len(message))
                await send(message)
            if self._close_code is not None and not self._queue:
                await close(self._close_code)
                return
            self._is_pumping = False
            await self._wake.wait()

    def _count(self, length: int) -> None:
        self._unacknowledged.append(length)
        self._unacknowledged_characters += length

    def _has_credit(self) -> bool:
        return (
            len(self._unacknowledged) < MAX_UNACKNOWLEDGED
            and self._unacknowledged_characters < MAX_UNACKNOWLEDGED_CHARACTERS
        )


class _Unfinished:
    """A coroutine that was begun outside a task and waits for something: awaiting this goes on with it."""

    def __init__(self, coroutine: Coroutine[Any, Any, None], waits_for: Any) -> None:
        self._coroutine = coroutine
        self._waits_for = waits_for

    def __await__(self) -> Generator[Any, Any, None]:
        try:
            yield self._waits_for
        except asyncio.CancelledError:
            self._coroutine.close()
            raise
        yield from self._coroutine.__await__()
