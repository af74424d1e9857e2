"""The listening end of the benchmark, a process of its own: many sockets, little work per message.

Started as ``python -m project.core.benchmarks.fanout.listeners`` with a JSON object on the first line of its
input; prints ``ready`` when all sockets are subscribed. Then it answers each line with one: ``status`` with
the lowest number that all sockets have reached, ``take`` with every arrival since the last. Messages begin
with ``{"type":"frames","n":<number>``, and only that number is read, nothing is parsed.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import struct
import sys
import time
from collections import Counter
from typing import Any

FRAMES = re.compile(rb'\{"type":"frames","n":(\d+)')
ACK_EVERY = 64
ACK_BYTES = 131_072


class Listener(asyncio.Protocol):
    """One socket: handshake, subscription, then counts and delays."""

    def __init__(self, headers: bytes, command: bytes) -> None:
        self.headers = headers
        self.command = command
        #: (number, monotonic nanoseconds) of each message.
        self.arrivals: list[tuple[int, int]] = []
        self.reached = 0
        self.ready = asyncio.Event()
        self.buffer = bytearray()
        self.is_open = False
        self.received = 0
        self.acknowledged = 0
        self.unacknowledged_bytes = 0
        self.transport: asyncio.Transport | None = None
        self.closed_with = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the upgrade, offering compression as browsers do."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(self.headers)

    def data_received(self, data: bytes) -> None:
        """Take bytes: the end of the handshake first, then frames."""
        self.buffer += data
        if not self.is_open:
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            if not self.buffer.startswith(b"HTTP/1.1 101"):
                raise ConnectionError(bytes(self.buffer[:200]).decode("latin1"))
            if b"permessage-deflate" in self.buffer[:end]:
                raise ConnectionError("The server compresses: these listeners do not inflate.")
            del self.buffer[: end + 4]
            self.is_open = True
            if not self.command:
                self.ready.set()
        self._frames()

    def _frames(self) -> None:
        buffer, at = self.buffer, 0
        now = time.monotonic_ns()
        while len(buffer) - at >= 2:
            length, head = buffer[at + 1] & 127, 2
            if length == 126:
                head = 4
            elif length == 127:
                head = 10
            if len(buffer) - at < head:
                break
            if head == 4:
                (length,) = struct.unpack_from(">H", buffer, at + 2)
            elif head == 10:
                (length,) = struct.unpack_from(">Q", buffer, at + 2)
            if len(buffer) - at < head + length:
                break
            self._frame(buffer[at] & 15, bytes(buffer[at + head : at + head + length]), now)
            at += head + length
        del buffer[:at]

    def _frame(self, opcode: int, payload: bytes, now: int) -> None:
        if opcode == 8:
            (self.closed_with,) = struct.unpack_from(">H", payload)
            return
        if opcode != 1:
            return
        self.received += 1
        frames = FRAMES.match(payload)
        if frames:
            self.reached = int(frames[1])
            self.arrivals.append((self.reached, now))
        elif payload.startswith(b'{"type":"welcome"'):
            self.send(self.command)
        elif payload.startswith(b'{"type":"subscribed"'):
            self.ready.set()
        self.unacknowledged_bytes += len(payload)
        is_due = self.received - self.acknowledged >= ACK_EVERY or self.unacknowledged_bytes >= ACK_BYTES
        if self.command and is_due:
            self.send(b'{"type":"ack","count":%d}' % self.received)
            self.acknowledged, self.unacknowledged_bytes = self.received, 0

    def send(self, text: bytes) -> None:
        """Send a short text frame (masked with zeros, which the protocol allows)."""
        assert self.transport is not None
        head = (
            bytes([0x81, 0x80 | len(text)]) if len(text) < 126 else struct.pack(">BBH", 0x81, 0xFE, len(text))
        )
        self.transport.write(head + b"\0\0\0\0" + text)


def _handshake(task: dict[str, Any], session: str) -> bytes:
    host = f"127.0.0.1:{task['port']}"
    lines = [
        f"GET {task['path']} HTTP/1.1",
        f"Host: {host}",
        f"Origin: http://{host}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
        f"Cookie: sessionid={session}",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


async def _listen(task: dict[str, Any]) -> None:
    loop = asyncio.get_running_loop()
    sessions = task["sessions"]
    listeners: list[Listener] = []
    for number in range(task["sockets"]):
        listener = Listener(_handshake(task, sessions[number % len(sessions)]), task["command"].encode())
        await loop.create_connection(lambda made=listener: made, "127.0.0.1", task["port"])  # type: ignore[misc]
        await asyncio.wait_for(listener.ready.wait(), 30)
        listeners.append(listener)
    _print("ready")
    while asked := await loop.run_in_executor(None, sys.stdin.readline):
        if asked.strip() == "take":
            _print(json.dumps([listener.arrivals for listener in listeners]))
            for listener in listeners:
                listener.arrivals = []
        else:
            closed = Counter(listener.closed_with for listener in listeners if listener.closed_with)
            lowest = min(listener.reached for listener in listeners)
            _print(json.dumps({"lowest": lowest, "closed": closed}))


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(_listen(json.loads(sys.stdin.readline())))
