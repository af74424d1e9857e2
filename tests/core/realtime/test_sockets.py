"""One socket's queue: order is kept, whether the server takes messages at once or makes the writer wait."""

from __future__ import annotations

import asyncio
import json

import pytest

from project.core.ids import uuid7
from project.core.realtime import sockets
from project.core.realtime.protocol import CloseCode
from project.core.realtime.sockets import Socket


class Wire:
    """A server that writes at once, or, while ``gate`` is shut, makes the writer wait first."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.written: list[str] = []
        self.closed_with: int | None = None
        self.is_broken = False

    async def send(self, text: str) -> None:
        if self.is_broken:
            raise RuntimeError("The connection is gone.")
        await self.gate.wait()
        self.written.append(text)

    async def close(self, code: int) -> None:
        self.closed_with = code


async def started(wire: Wire) -> tuple[Socket, asyncio.Task[None]]:
    socket = Socket(uuid7(), lambda: None)
    pump = asyncio.create_task(socket.pump(wire.send, wire.close))
    await asyncio.sleep(0)
    return socket, pump


async def test_a_message_is_written_at_once_when_nothing_waits() -> None:
    wire = Wire()
    socket, pump = await started(wire)
    socket.offer("1")
    assert wire.written == ["1"], "without a turn of the loop"
    pump.cancel()


async def test_what_is_offered_before_the_pump_runs_comes_first() -> None:
    wire, socket = Wire(), Socket(uuid7(), lambda: None)
    socket.offer("1")
    pump = asyncio.create_task(socket.pump(wire.send, wire.close))
    socket.offer("2")
    await asyncio.sleep(0)
    socket.offer("3")
    assert wire.written == ["1", "2", "3"]
    pump.cancel()


async def test_a_server_that_makes_the_writer_wait_gets_everything_in_order() -> None:
    wire = Wire()
    socket, pump = await started(wire)
    for number in range(30):
        if number % 7 == 3:
            wire.gate.clear()
        socket.offer(str(number))
        if number % 7 == 5:
            wire.gate.set()
            await asyncio.sleep(0)
    wire.gate.set()
    socket.close(1000)
    await asyncio.wait_for(pump, 5)
    assert wire.written == [str(number) for number in range(30)]
    assert wire.closed_with == 1000


async def test_a_writer_that_is_cancelled_while_waiting_ends() -> None:
    wire = Wire()
    socket, pump = await started(wire)
    wire.gate.clear()
    socket.offer("1")
    await asyncio.sleep(0)
    pump.cancel()
    with pytest.raises(asyncio.CancelledError):
        await pump
    assert wire.written == []


async def test_a_broken_connection_raises_nothing_in_the_hub() -> None:
    wire = Wire()
    socket, pump = await started(wire)
    wire.is_broken = True
    socket.offer("1")
    await asyncio.wait_for(pump, 5)
    assert wire.closed_with is not None


async def test_without_acknowledgement_writing_stops_and_the_queue_is_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sockets, "MAX_UNACKNOWLEDGED", 3)
    monkeypatch.setattr(sockets, "MAX_QUEUED", 2)
    wire = Wire()
    socket, pump = await started(wire)
    for number in range(5):
        socket.offer(str(number))
    await asyncio.sleep(0)
    assert wire.written == ["0", "1", "2"]
    assert socket.acknowledge(2)
    await asyncio.sleep(0)
    assert wire.written == ["0", "1", "2", "3", "4"]
    assert not socket.acknowledge(1), "counts never go back"
    assert not socket.acknowledge(6), "nor beyond what was written"
    for number in range(5, 9):
        socket.offer(str(number))
    await asyncio.wait_for(pump, 5)
    assert wire.closed_with == CloseCode.TOO_SLOW
    assert json.loads(wire.written[-1])["type"] == "resync"
    assert "6" not in wire.written, "what was queued was thrown away"


async def test_large_messages_are_bounded_by_their_length(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "MAX_UNACKNOWLEDGED_CHARACTERS", 100)
    wire = Wire()
    socket, pump = await started(wire)
    for _ in range(3):
        socket.offer("x" * 60)
    assert len(wire.written) == 2
    assert socket.acknowledge(1)
    await asyncio.sleep(0)
    assert len(wire.written) == 3
    pump.cancel()
