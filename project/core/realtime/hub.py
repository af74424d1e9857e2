"""One hub per process: a single Redis subscription, handed out to all sockets of this process.

The hub joins an organization's channel while it has sockets of it, puts what arrives within 25 ms into one
message, serialises that once per distinct set of streams, and offers it to the sockets' bounded queues. It
never waits for a socket. Loss is noticed in four ways, each answered with a ``resync`` that makes clients
catch up by cursor: a gap in the numbers, a subscription that broke, silence on the hub's own channel, and a
number in PostgreSQL that never arrived.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
import uuid
import weakref
from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID

import redis
import redis.asyncio
import structlog

from project.core.realtime import broker, sequencer
from project.core.realtime.blocking import in_database
from project.core.realtime.protocol import (
    HEARTBEAT_SECONDS,
    WINDOW_PER_WORK,
    WINDOW_SECONDS,
    Frame,
    ephemeral_message,
    feed_message,
    frames_message,
    heartbeat_message,
    resync_message,
)
from project.core.realtime.sockets import Socket

log = structlog.get_logger(__name__)

PING_SECONDS = 3.0
#: Without a word on its own channel for so long, the hub takes Redis for gone.
SILENCE_SECONDS = 8.0
RECONNECT_SECONDS = (0.2, 0.5, 1.0, 2.0)


class Room:
    """The sockets of one organization in this process, and what waits to be sent to them."""

    def __init__(self, organization_id: UUID) -> None:
        self.organization_id = organization_id
        self.sockets: set[Socket] = set()
        self.by_stream: dict[str, set[Socket]] = {}
        #: Highest number that has arrived; -1 until it was read from PostgreSQL.
        self.latest = -1
        #: Done once Redis has confirmed the subscription (or is away) and ``latest`` is known.
        self.opening: asyncio.Task[None] | None = None
        self.subscribed = asyncio.Event()
        self.pending: list[Frame] = []
        self.ephemeral: list[Frame] = []
        #: Not before this time of the loop's clock; infinite while the last fan-out is being written.
        self.next_flush = 0.0
        self.flush_handle: asyncio.TimerHandle | None = None

    def subscribe(self, socket: Socket, streams: Iterable[str]) -> None:
        """Let the socket have what is pushed to the streams from now on."""
        for stream in streams:
            self.by_stream.setdefault(stream, set()).add(socket)
            socket.streams.add(stream)

    def unsubscribe(self, socket: Socket, streams: Iterable[str]) -> None:
        """Take streams from the socket."""
        for stream in list(streams):
            socket.streams.discard(stream)
            listeners = self.by_stream.get(stream)
            if listeners is not None:
                listeners.discard(socket)
                if not listeners:
                    del self.by_stream[stream]

    def tell_all(self, message: str) -> None:
        """Offer one message to every socket."""
        for socket in list(self.sockets):
            socket.offer(message)

    def schedule_flush(self) -> None:
        """Flush at once after a quiet window, else when the window that began with the last flush is over."""
        if self.flush_handle is None and self.next_flush < math.inf:
            loop = asyncio.get_running_loop()
            self.flush_handle = loop.call_at(max(loop.time(), self.next_flush), self.flush)

    def flush(self) -> None:
        """Send what is pending: one message per socket, serialised once per distinct set of frames."""
        if self.flush_handle is not None:
            self.flush_handle.cancel()
            self.flush_handle = None
        frames, self.pending = self.pending, []
        ephemeral, self.ephemeral = self.ephemeral, []
        if not frames and not ephemeral:
            return
        loop = asyncio.get_running_loop()
        number, started = self.latest, loop.time()
        self._fan_out(frames, lambda texts: frames_message(texts, number))
        self._fan_out(ephemeral, ephemeral_message)
        # Sockets write in the loop's next round, the server's buffers in the one after: then the work is
        # over.
        self.next_flush = math.inf
        loop.call_soon(loop.call_soon, loop.call_soon, self._end_window, started)

    def _end_window(self, started: float) -> None:
        work = asyncio.get_running_loop().time() - started
        self.next_flush = started + max(WINDOW_SECONDS, work * WINDOW_PER_WORK)
        if self.pending or self.ephemeral:
            self.schedule_flush()

    def _fan_out(self, frames: list[Frame], serialise: Callable[[list[str]], str]) -> None:
        if not frames:
            return
        wanted: dict[Socket, list[int]] = {}
        for index, frame in enumerate(frames):
            for socket in self.by_stream.get(frame.stream, ()):
                wanted.setdefault(socket, []).append(index)
        messages: dict[tuple[int, ...], str] = {}
        for socket, indexes in wanted.items():
            key = tuple(indexes)
            message = messages.get(key)
            if message is None:
                message = messages[key] = serialise([frames[index].text for index in indexes])
            socket.offer(message)


class Hub:
    """All rooms of this process and event loop. Get it with ``current_hub()``."""

    def __init__(self) -> None:
        self.rooms: dict[UUID, Room] = {}
        #: Whether pushes arrive: Redis is connected and answers.
        self.live = False
        self.redis = broker.commander()
        self._own_channel = f"{broker.CHANNEL_PREFIX}hub:{uuid.uuid4()}"
        self._pubsub: Any = None
        self._heard_at = 0.0
        self._tasks: list[asyncio.Task[None]] = []

    # --- joining and leaving ------------------------------------------------------------------------

    async def join(self, organization_id: UUID, socket: Socket) -> Room:
        """Add a socket; return its room once the room knows the latest number.

        Raises what reading that number raises (PostgreSQL away); the next join tries again.
        """
        self._start()
        room = self.rooms.get(organization_id)
        if room is None or room.opening is None:
            room = self.rooms[organization_id] = Room(organization_id)
            room.opening = asyncio.create_task(self._open(room))
        room.sockets.add(socket)
        try:
            await asyncio.shield(room.opening)
        except BaseException:
            await self.leave(room, socket)
            raise
        return room

    async def leave(self, room: Room, socket: Socket) -> None:
        """Remove a socket; the last one closes the room."""
        room.unsubscribe(socket, socket.streams)
        room.sockets.discard(socket)
        if room.sockets or self.rooms.get(room.organization_id) is not room:
            return
        del self.rooms[room.organization_id]
        if room.flush_handle is not None:
            room.flush_handle.cancel()
        if room.opening is not None:
            room.opening.cancel()
        if self._pubsub is not None:
            with contextlib.suppress(redis.RedisError, OSError):
                await self._pubsub.unsubscribe(broker.channel_of(room.organization_id))

    async def _open(self, room: Room) -> None:
        # Subscribe before reading the number, so that nothing falls between the two.
        if self._pubsub is not None:
            with contextlib.suppress(redis.RedisError, OSError):
                await self._pubsub.subscribe(broker.channel_of(room.organization_id))
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(room.subscribed.wait(), broker.TIMEOUT_SECONDS)
        numbers = await in_database(sequencer.published_numbers, [room.organization_id])
        room.latest = max(room.latest, numbers[room.organization_id])

    # --- background work ----------------------------------------------------------------------------

    def _start(self) -> None:
        if not self._tasks:
            self._tasks = [
                asyncio.create_task(self._listen()),
                asyncio.create_task(self._ping()),
                asyncio.create_task(self._beat()),
            ]

    async def aclose(self) -> None:
        """Stop the background work and leave Redis (tests; a process simply ends)."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        await self.redis.aclose()

    async def _listen(self) -> None:
        """Keep the subscription up, for ever."""
        attempt = 0
        while True:
            client = broker.subscriber()
            try:
                await self._listen_once(client)
            except (redis.RedisError, OSError, TimeoutError) as error:
                attempt = 0 if self.live else attempt + 1
                log.warning("realtime.redis_away", error=str(error))
                self._set_live(False)
            finally:
                self._pubsub = None
                with contextlib.suppress(redis.RedisError, OSError):
                    await client.aclose()
            await asyncio.sleep(RECONNECT_SECONDS[min(attempt, len(RECONNECT_SECONDS) - 1)])

    async def _listen_once(self, client: redis.asyncio.Redis) -> None:
        pubsub = client.pubsub()
        try:
            channels = [broker.channel_of(organization_id) for organization_id in self.rooms]
            await pubsub.subscribe(self._own_channel, *channels)
            self._pubsub = pubsub
            # A room that was opened while we were connecting did not find the subscription.
            late = {broker.channel_of(organization_id) for organization_id in self.rooms} - set(channels)
            if late:
                await pubsub.subscribe(*late)
            self._heard_at = time.monotonic()
            while True:
                message = await pubsub.get_message(timeout=1.0)
                if message is not None:
                    self._heard_at = time.monotonic()
                    self._receive(message)
                elif time.monotonic() - self._heard_at > SILENCE_SECONDS:
                    raise ConnectionError("Redis has gone silent.")
        finally:
            await pubsub.aclose()  # type: ignore[no-untyped-call]

    async def _ping(self) -> None:
        """Hear ourselves through Redis, so that a dead connection is noticed without traffic."""
        while True:
            await asyncio.sleep(PING_SECONDS)
            with contextlib.suppress(redis.RedisError, OSError):
                await self.redis.publish(self._own_channel, "{}")

    async def _beat(self) -> None:
        """Send heartbeats, and compare with PostgreSQL what has arrived."""
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            await self.beat()

    async def beat(self) -> None:
        """One round of heartbeats."""
        rooms = [room for room in self.rooms.values() if room.latest >= 0]
        if not rooms:
            return
        seen = {room.organization_id: room.latest for room in rooms}
        try:
            numbers = await in_database(sequencer.published_numbers, list(seen))
        except Exception:  # PostgreSQL away: heartbeats go on, the comparison waits for the next round
            log.exception("realtime.numbers_unreadable")
            numbers = seen
        for room in rooms:
            room.flush()
            # Frames leave before their publication is committed, so a higher number here was lost on the way.
            if numbers[room.organization_id] > room.latest:
                self._resync(room, numbers[room.organization_id], "behind")
            room.tell_all(heartbeat_message(room.latest))

    # --- what arrives ---------------------------------------------------------------------------------

    def _receive(self, message: dict[str, Any]) -> None:
        channel = message["channel"]
        if channel == self._own_channel:
            self._set_live(True)
            return
        room = self.rooms.get(broker.organization_of(channel))
        if room is None:
            return
        if message["type"] == "subscribe":
            if room.subscribed.is_set():
                # The second confirmation for the same room: the connection was lost in between.
                self._resync(room, room.latest, "reconnected")
            room.subscribed.set()
        elif message["type"] == "message":
            self._deliver(room, broker.parse(message["data"]))

    def _deliver(self, room: Room, published: broker.Published) -> None:
        if published.control == "membership":
            for socket in list(room.sockets):
                if not published.user_id or published.user_id == str(socket.user_id):
                    socket.request_recheck()
            return
        if published.control == "resync":
            self._resync(room, published.last, "backlog")
            return
        if published.last == 0:
            room.ephemeral.extend(published.frames)
            room.schedule_flush()
            return
        if 0 <= room.latest < published.first - 1:
            self._resync(room, published.last, "gap")
        room.latest = max(room.latest, published.last)
        if published.frames:
            room.pending.extend(published.frames)
            room.schedule_flush()

    def _resync(self, room: Room, number: int, reason: str) -> None:
        room.flush()
        room.latest = max(room.latest, number)
        room.tell_all(resync_message(room.latest, reason))

    def _set_live(self, live: bool) -> None:
        if live == self.live:
            return
        self.live = live
        for room in self.rooms.values():
            room.tell_all(feed_message(live))


_hubs: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = weakref.WeakKeyDictionary()


def current_hub() -> Hub:
    """Return the hub of the running event loop, made on first use (a process serves sockets on one loop)."""
    loop = asyncio.get_running_loop()
    hub = _hubs.get(loop)
    if hub is None:
        hub = _hubs[loop] = Hub()
    return hub
