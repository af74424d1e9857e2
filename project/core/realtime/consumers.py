"""The websocket ``/ws/o/<organization>/``: server to client, plus subscriptions, acknowledgements, presence.

It speaks ASGI directly below ``AsyncWebsocketConsumer``: no channel layer (the hub replaces it) and no thread
hop per incoming message. Everything else a person does goes by POST.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import time
import uuid
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import redis
import structlog
from channels.consumer import get_handler_name
from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings

from project.core.ids import parse_uuid
from project.core.realtime import access, online, presence
from project.core.realtime.blocking import in_database
from project.core.realtime.hub import Hub, Room, current_hub
from project.core.realtime.names import CONVERSATION, prefix_of, stream_name, uuid_of
from project.core.realtime.protocol import (
    ACK_CHARACTERS,
    ACK_EVERY,
    COMMAND_BURST,
    COMMANDS_PER_SECOND,
    HEARTBEAT_SECONDS,
    MAX_COMMAND_LENGTH,
    MAX_STREAMS,
    MAX_STREAMS_PER_COMMAND,
    RECHECK_SECONDS,
    WRITE_TEXT,
    CloseCode,
    dumps,
    ephemeral_message,
    feed_message,
)
from project.core.realtime.sockets import Socket

log = structlog.get_logger(__name__)


class BadCommand(ValueError):
    """A command that no client of ours sends."""


class LiveConsumer(AsyncWebsocketConsumer):
    """One socket of one signed-in member of one organization."""

    # No channel layer: nothing is addressed to a single socket, and each would cost a Redis subscription.
    channel_layer_alias = "none"

    def __init__(self) -> None:
        super().__init__()
        self.socket_id = uuid.uuid4().hex
        self.viewer: access.Viewer | None = None
        self.hub: Hub | None = None
        self.room: Room | None = None
        self.socket: Socket | None = None
        self.tasks: list[asyncio.Task[None]] = []
        self.recheck_now = asyncio.Event()
        self.present_in: set[UUID] = set()
        self.allowance = float(COMMAND_BURST)
        self.allowance_at = time.monotonic()

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Call the handler of an ASGI message (``in_database`` does what Channels would clean up here)."""
        handler = getattr(self, get_handler_name(message))
        await handler(message)

    # --- opening and closing ------------------------------------------------------------------------

    async def connect(self) -> None:
        """Refuse a foreign origin before accepting; close with a code what else may not be here."""
        if not _is_same_origin(self.scope):
            await self.close()
            return
        await self.accept()
        user = self.scope["user"]
        if not user.is_authenticated:
            await self.close(CloseCode.NOT_SIGNED_IN)
            return
        viewer = await in_database(access.resolve_viewer, user, self._slug)
        if viewer is None:
            await self.close(CloseCode.UNKNOWN_ORGANIZATION)
            return
        self.viewer = viewer
        self.hub = current_hub()
        write_text = self.scope.get("extensions", {}).get(WRITE_TEXT)
        self.socket = Socket(viewer.user_id, self.recheck_now.set, write_text)
        self.room = await self.hub.join(viewer.organization_id, self.socket)
        self.tasks = [
            asyncio.create_task(self.socket.pump(self._write, self._close)),
            asyncio.create_task(self._recheck_for_ever()),
        ]
        welcome = {
            "type": "welcome",
            "n": self.room.latest,
            "heartbeat": HEARTBEAT_SECONDS,
            "ack_every": ACK_EVERY,
            "ack_characters": ACK_CHARACTERS,
        }
        self.socket.offer(dumps(welcome))
        self.socket.offer(feed_message(self.hub.live))
        await self._be_online()

    async def websocket_disconnect(self, message: dict[str, Any]) -> None:
        """Leave the room and give up presence at once."""
        for task in self.tasks:
            task.cancel()
        if self.room is not None and self.hub is not None and self.socket is not None:
            await self.hub.leave(self.room, self.socket)
        for conversation_id in list(self.present_in):
            await self._touch(conversation_id, presence.AWAY)
        raise StopConsumer

    async def _write(self, text: str) -> None:
        await self.base_send({"type": "websocket.send", "text": text})

    async def _close(self, code: int) -> None:
        await self.base_send({"type": "websocket.close", "code": int(code)})

    @property
    def _slug(self) -> str:
        return str(self.scope["url_route"]["kwargs"]["organization_slug"])

    # --- commands -------------------------------------------------------------------------------------

    async def websocket_receive(self, message: dict[str, Any]) -> None:
        """Take one command, within bounds of size and rate."""
        socket = self.socket
        if socket is None:
            return
        text = message.get("text")
        if text is None:
            socket.close(CloseCode.BAD_COMMAND)
        elif len(text) > MAX_COMMAND_LENGTH:
            socket.close(CloseCode.TOO_LARGE)
        elif not self._take_allowance():
            socket.close(CloseCode.TOO_MANY)
        else:
            try:
                await self._obey(socket, _parse(text))
            except BadCommand as error:
                socket.offer(dumps({"type": "error", "reason": str(error)}))
                socket.close(CloseCode.BAD_COMMAND)

    def _take_allowance(self) -> bool:
        now = time.monotonic()
        earned = (now - self.allowance_at) * COMMANDS_PER_SECOND
        self.allowance = min(float(COMMAND_BURST), self.allowance + earned)
        self.allowance_at = now
        if self.allowance < 1:
            return False
        self.allowance -= 1
        return True

    async def _obey(self, socket: Socket, command: dict[str, Any]) -> None:
        match command.get("type"):
            case "ack":
                count = command.get("count")
                if not isinstance(count, int) or not socket.acknowledge(count):
                    raise BadCommand("count is the number of messages received so far")
            case "ping":
                socket.offer('{"type":"pong"}')
            case "subscribe":
                await self._subscribe(socket, _streams(command))
            case "unsubscribe":
                await self._unsubscribe(socket, _streams(command))
            case "presence":
                await self._be_present(socket, command)
            case _:
                raise BadCommand("unknown type")

    async def _subscribe(self, socket: Socket, streams: list[str]) -> None:
        assert self.room is not None
        assert self.viewer is not None
        refused = await in_database(access.refusals, self.viewer, streams)
        allowed = [stream for stream in streams if stream not in refused]
        room_left = MAX_STREAMS - len(socket.streams)
        new = [stream for stream in allowed if stream not in socket.streams]
        for stream in new[room_left:]:
            refused[stream] = "too_many"
            allowed.remove(stream)
        self.room.subscribe(socket, allowed)
        # What waits in the window was not meant for the new streams' cursor: send it before saying where we
        # are.
        self.room.flush()
        socket.offer(
            dumps(
                {
                    "type": "subscribed",
                    "streams": allowed,
                    "refused": _reasons(refused),
                    "n": self.room.latest,
                }
            )
        )
        for stream in allowed:
            await self._tell_presence(socket, stream)

    async def _unsubscribe(self, socket: Socket, streams: list[str]) -> None:
        assert self.room is not None
        self.room.unsubscribe(socket, streams)
        socket.offer(dumps({"type": "unsubscribed", "streams": streams}))
        for conversation_id in self.present_in & {
            uuid_of(s) for s in streams if prefix_of(s) == CONVERSATION
        }:
            await self._touch(conversation_id, presence.AWAY)

    # --- presence -------------------------------------------------------------------------------------

    async def _be_present(self, socket: Socket, command: dict[str, Any]) -> None:
        conversation_id = parse_uuid(command.get("conversation"))
        mode = command.get("mode")
        if conversation_id is None or mode not in (*presence.MODES, presence.AWAY):
            raise BadCommand("presence needs a conversation and a mode")
        stream = stream_name(CONVERSATION, conversation_id)
        if stream not in socket.streams:
            # Only who may read the conversation may show up in it.
            socket.offer(dumps({"type": "refused", "refused": _reasons({stream: "not_subscribed"})}))
            return
        await self._touch(conversation_id, mode)

    async def _be_online(self) -> None:
        assert self.hub is not None
        assert self.viewer is not None
        with contextlib.suppress(redis.RedisError, OSError):
            await online.renew(self.hub.redis, self.viewer.organization_id, self.viewer.user_id)

    async def _touch(self, conversation_id: UUID, mode: str) -> None:
        assert self.hub is not None
        assert self.viewer is not None
        if mode == presence.AWAY:
            self.present_in.discard(conversation_id)
        else:
            self.present_in.add(conversation_id)
        # Presence is a courtesy: without Redis there is none, and leases run out by themselves.
        with contextlib.suppress(redis.RedisError, OSError):
            await presence.touch(self.hub.redis, self.viewer, conversation_id, self.socket_id, mode)

    async def _tell_presence(self, socket: Socket, stream: str) -> None:
        assert self.hub is not None
        assert self.viewer is not None
        conversation_id = uuid_of(stream)
        if prefix_of(stream) != CONVERSATION or conversation_id is None:
            return
        with contextlib.suppress(redis.RedisError, OSError):
            frame = await presence.snapshot(self.hub.redis, self.viewer.organization_id, conversation_id)
            socket.offer(ephemeral_message([frame.text]))

    # --- still allowed? ---------------------------------------------------------------------------------

    async def _recheck_for_ever(self) -> None:
        while True:
            with contextlib.suppress(asyncio.TimeoutError):
                # Spread: sockets that were opened together must not all ask together.
                wait = RECHECK_SECONDS * random.uniform(0.5, 1.0)  # noqa: S311
                await asyncio.wait_for(self.recheck_now.wait(), wait)
            self.recheck_now.clear()
            try:
                await self.recheck()
            except Exception:  # PostgreSQL away: checked again with the next turn
                log.exception("realtime.recheck_failed")

    async def recheck(self) -> None:
        """Check session, membership and every subscription again; close, or take away what was lost."""
        assert self.room is not None
        assert self.socket is not None
        socket, held = self.socket, sorted(self.socket.streams)
        viewer, refused = await in_database(_still_allowed, self._session_key, self._slug, held)
        if viewer is None:
            self.room.unsubscribe(socket, held)
            socket.close(CloseCode.REVOKED)
            return
        self.viewer = viewer
        await self._be_online()
        if refused:
            self.room.unsubscribe(socket, refused)
            socket.offer(dumps({"type": "refused", "refused": _reasons(refused)}))

    @property
    def _session_key(self) -> str:
        return self.scope["session"].session_key or ""


def _still_allowed(
    session_key: str, slug: str, streams: list[str]
) -> tuple[access.Viewer | None, dict[str, str]]:
    user = access.user_of_session(session_key)
    viewer = access.resolve_viewer(user, slug) if user is not None else None
    return viewer, access.refusals(viewer, streams) if viewer is not None else {}


def _parse(text: str) -> dict[str, Any]:
    try:
        command = json.loads(text)
    except ValueError as error:
        raise BadCommand("not JSON") from error
    if not isinstance(command, dict):
        raise BadCommand("not an object")
    return command


def _streams(command: dict[str, Any]) -> list[str]:
    streams = command.get("streams")
    if not isinstance(streams, list) or not 0 < len(streams) <= MAX_STREAMS_PER_COMMAND:
        raise BadCommand(f"streams is a list of 1 to {MAX_STREAMS_PER_COMMAND} names")
    if not all(isinstance(stream, str) for stream in streams):
        raise BadCommand("a stream is named by text")
    return list(dict.fromkeys(streams))


def _reasons(refused: dict[str, str]) -> list[dict[str, str]]:
    return [{"stream": stream, "reason": reason} for stream, reason in refused.items()]


def _is_same_origin(scope: dict[str, Any]) -> bool:
    """Say whether the page that opens the socket came from this host (or one in CSRF_TRUSTED_ORIGINS)."""
    headers = dict(scope.get("headers", ()))
    origin = headers.get(b"origin", b"").decode("latin1").lower()
    host = headers.get(b"host", b"").decode("latin1").lower()
    if not origin or not host:
        return False
    return urlsplit(origin).netloc == host or origin in settings.CSRF_TRUSTED_ORIGINS
