"""The server of the sockets: what is written past ASGI arrives whole and in order, beside what goes through it."""

from __future__ import annotations

import contextlib
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from project.core.embedded import runtime
from project.core.embedded.processes import wait_until
from tests.core.realtime.writes_to_many import LENGTH, TEXTS


@pytest.fixture
def port() -> Iterator[int]:
    number = runtime.free_port()
    command = [sys.executable, "-m", "project.core.socket_server", "--bind", "127.0.0.1", "--port", str(number),
               "-v", "0", "tests.core.realtime.writes_to_many:application"]  # fmt: skip
    process = subprocess.Popen(command)
    try:
        wait_until(lambda: _answers(number) or process.poll() is not None, seconds=60)
        yield number
    finally:
        process.terminate()
        process.wait(20)


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def test_texts_arrive_whole_and_in_order_and_nothing_after_the_close(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(
            b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        stream = connection.makefile("rb")
        while stream.readline() != b"\r\n":
            pass
        texts = []
        while (frame := _frame(stream.read))[0] == 1:
            texts.append(frame[1].decode())
    assert [int(text.split(" ", 1)[0]) for text in texts] == list(range(TEXTS))
    assert {len(text) for text in texts} == {LENGTH}
    assert frame[0] == 8
    assert struct.unpack(">H", frame[1][:2]) == (4409,)


def _frame(read: Callable[[int], bytes]) -> tuple[int, bytes]:
    """The kind and the payload of the next frame (from a server: never masked)."""
    kind, length = read(2)
    if length == 126:
        (length,) = struct.unpack(">H", read(2))
    elif length == 127:
        (length,) = struct.unpack(">Q", read(8))
    return kind & 15, read(length)
