"""Daphne, with one more way to write: ``python -m project.core.socket_server``, with Daphne's own arguments.

What the hub sends goes to hundreds of sockets at once. Through ASGI each of them would pay for several coroutines, for
encoding and framing the same text again, and for two words with the kernel about when its turn is. Here the frame is
made once, and written at once where nothing waits before it; the scope of a websocket offers that under ``WRITE_TEXT``.
"""

from __future__ import annotations

import functools
from typing import Any, Final

from autobahn.websocket.protocol import PreparedMessage
from daphne.cli import CommandLineInterface
from daphne.server import Server
from daphne.ws_protocol import WebSocketFactory, WebSocketProtocol
from twisted.internet.tcp import Connection

#: Different messages whose frames are remembered: as many as one window makes for sockets that listen to different
#: streams.
_FRAMES: Final = 64


@functools.lru_cache(maxsize=_FRAMES)
def _frame(text: str) -> bytes:
    frame: bytes = PreparedMessage(
        text.encode(), isBinary=False, applyMask=False, doNotCompress=True
    ).payloadHybi
    return frame


#: Seconds in which a client reads what it was sent before a close, and answers it. The library's one second cuts off a
#: slow reader in the middle of a text.
_CLOSES_WITHIN: Final = 10.0


class LiveProtocol(WebSocketProtocol):
    """A websocket that can write what is written to many."""

    def connectionMade(self) -> None:  # noqa: N802 - the name is Twisted's
        """Take the connection over from the server."""
        super().connectionMade()
        self.closeHandshakeTimeout = _CLOSES_WITHIN

    def write_text(self, text: str) -> None:
        """Send a text message; nothing once the socket is closing, as with ``websocket.send``."""
        if self.state != self.STATE_OPEN:
            return
        frame = _frame(text)
        transport = self.transport
        # With nothing before it, the frame goes to the kernel now; what it does not take waits in the transport.
        if isinstance(transport, Connection) and _is_idle(transport):
            sent = transport.writeSomeData(frame)
            if isinstance(sent, int):
                frame = frame[sent:]
        if frame:
            self.sendData(frame)


def _is_idle(transport: Connection) -> bool:
    """Whether it is open, unencrypted, and everything before has left."""
    has_written_all = not transport.dataBuffer and not transport._tempDataBuffer
    return has_written_all and bool(transport.connected) and not transport.disconnecting


class LiveServer(Server):
    """Daphne's server with sockets of this kind."""

    def create_application(self, protocol: Any, scope: dict[str, Any]) -> Any:
        """Tell the application of a websocket how it may write."""
        if isinstance(protocol, LiveProtocol):
            # Models are behind it: they can be loaded only once the application has set Django up.
            from project.core.realtime.protocol import WRITE_TEXT

            scope["extensions"] = {**scope.get("extensions", {}), WRITE_TEXT: protocol.write_text}
        return super().create_application(protocol, scope)


class LiveCommand(CommandLineInterface):
    """Daphne's command line with this server."""

    server_class = LiveServer


# Daphne makes its factory itself; the factory takes its protocol from here.
WebSocketFactory.protocol = LiveProtocol

if __name__ == "__main__":
    LiveCommand.entrypoint()
