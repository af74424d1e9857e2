"""Serving the sandbox over real HTTP, with the power to cut a connection instead of answering."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from integrations.sandbox.app import PROVIDERS, build
from integrations.sandbox.world import World

#: Seconds that running calls get to finish on SIGTERM; delayed ones are cut.
GRACE_SECONDS = 1


def open_world(data_dir: Path | None, *, seed: str | None = None, speed: float | None = None) -> World:
    """The world stored in ``data_dir``/sandbox (``None``: in memory), at ``speed`` if given.

    Raises ``StoreUnavailable`` if another sandbox holds it.
    """
    path = None
    if data_dir is not None:
        folder = data_dir / "sandbox"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "world.sqlite3"
    world = World.open(path, PROVIDERS, seed=seed)
    if speed is not None:
        world.clock.set_speed(speed)
    return world


class SandboxServer(uvicorn.Server):
    """A uvicorn server that tells when it is ready and leaves signals to its caller."""

    def __init__(self, world: World, *, ready: Callable[[], None] | None = None) -> None:
        super().__init__(
            uvicorn.Config(
                build(world),
                http=H11Protocol,
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,
                log_level="warning",
                timeout_graceful_shutdown=GRACE_SECONDS,
                timeout_keep_alive=60,
                server_header=False,
            )
        )
        self._ready = ready
        world.cut = self.cut

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """No handlers of uvicorn's own: it would raise the signal again after a clean stop."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start listening, then say so."""
        await super().startup(sockets=sockets)
        if self.started and self._ready is not None:
            self._ready()

    def cut(self, client: tuple[str, int]) -> None:
        """Drop the TCP connection of ``client`` at once, without an answer."""
        for connection in list(self.server_state.connections):
            if isinstance(connection, H11Protocol) and connection.client == client:
                connection.transport.abort()
