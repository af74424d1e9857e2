"""What travels over the socket: close codes, limits, and the text of each kind of frame.

Frames are JSON objects with a ``type``. Those for many sockets are serialised once and shared; see
docs/realtime.md for the full list.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder

#: Seconds between heartbeats to a socket.
HEARTBEAT_SECONDS = 15.0
#: Seconds between two checks of an open socket's session, membership and subscriptions.
RECHECK_SECONDS = 60.0
#: Seconds over which frames for the same organization are put into one message; longer under load.
WINDOW_SECONDS = 0.025
#: A window is at least so many times what the last fan-out took, so that writing leaves time for reading.
WINDOW_PER_WORK = 1.2
#: Longest command accepted from a client, in characters.
MAX_COMMAND_LENGTH = 16_384
#: Commands a client may send at once, and per second in the long run.
COMMAND_BURST = 60
COMMANDS_PER_SECOND = 20.0
#: Streams one socket may hold, and name in one command.
MAX_STREAMS = 200
MAX_STREAMS_PER_COMMAND = 50
#: A client acknowledges every so many messages, or characters if that comes first...
ACK_EVERY = 64
ACK_CHARACTERS = 131_072
#: ...and no more than this many are written to a socket that has not acknowledged.
MAX_UNACKNOWLEDGED = 192
MAX_UNACKNOWLEDGED_CHARACTERS = 1_048_576
#: A socket whose queue grows beyond either bound is dropped; it catches up by its cursor.
MAX_QUEUED = 256
MAX_QUEUED_CHARACTERS = 1_048_576

#: Under this name in ``extensions`` of a websocket's scope, the server offers a function that writes a text at once.
WRITE_TEXT = "oex.write_text"


class CloseCode(IntEnum):
    """Why the server closed a socket (4000 to 4999 is the range for applications)."""

    BAD_COMMAND = 4400
    NOT_SIGNED_IN = 4401
    UNKNOWN_ORGANIZATION = 4404
    TOO_SLOW = 4408
    REVOKED = 4409
    TOO_LARGE = 4413
    TOO_MANY = 4429


@dataclass(frozen=True, slots=True)
class Frame:
    """One push to the subscribers of a stream, already serialised (``text`` is a JSON object)."""

    stream: str
    text: str


def dumps(value: Any) -> str:
    """Serialise compactly; dates, UUIDs and decimals as Django does."""
    return json.dumps(value, cls=DjangoJSONEncoder, separators=(",", ":"), ensure_ascii=False)


def make_frame(
    *,
    stream: str,
    kind: str,
    number: int | None = None,
    html: str = "",
    data: Mapping[str, Any] | None = None,
    stale: bool = False,
) -> Frame:
    """Serialise one push. No ``number``: ephemeral; ``stale``: clients fetch their view again."""
    body: dict[str, Any] = {"stream": stream, "kind": kind}
    if number is not None:
        body["n"] = number
    if html:
        body["html"] = html
    if data is not None:
        body["data"] = data
    if stale:
        body["stale"] = True
    return Frame(stream, dumps(body))


def frames_message(frames: Iterable[str], number: int) -> str:
    """Put serialised frames into one message, with which the socket has all up to ``number``."""
    return f'{{"type":"frames","n":{number},"frames":[{",".join(frames)}]}}'


def ephemeral_message(frames: Iterable[str]) -> str:
    """Put serialised frames without numbers (presence) into one message."""
    return f'{{"type":"ephemeral","frames":[{",".join(frames)}]}}'


def heartbeat_message(number: int) -> str:
    """Sign of life with the latest number, so that a client notices that it missed something."""
    return f'{{"type":"heartbeat","n":{number}}}'


def resync_message(number: int, reason: str) -> str:
    """Tell clients that frames were lost on the way: they fetch what is after their cursor."""
    return dumps({"type": "resync", "n": number, "reason": reason})


def feed_message(live: bool) -> str:
    """Tell clients whether pushes arrive at all (Redis reachable); while they do not, clients poll."""
    return dumps({"type": "feed", "live": live})
