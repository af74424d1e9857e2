"""A mail server that tells news in halves: the watch waits for the rest of a line instead of hanging up."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from integrations.providers.mailbox import watching
from integrations.providers.mailbox.servers import MailboxSettings, Server


class HalvingServer:
    """Speaks as much IMAP as a watch needs; ``tell`` sends any bytes while it idles."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        #: What is sent first when the end of idling is asked for.
        self.rest = b""
        self._connection: socket.socket | None = None
        threading.Thread(target=self._serve, daemon=True).start()

    def tell(self, words: bytes) -> None:
        assert self._connection is not None
        self._connection.sendall(words)

    def close(self) -> None:
        self._listener.close()
        if self._connection is not None:
            self._connection.close()

    def _serve(self) -> None:
        self._connection, _ = self._listener.accept()
        self.tell(b"* OK [CAPABILITY IMAP4rev1 IDLE] ready\r\n")
        tag = b""
        for line in self._connection.makefile("rb"):
            if line.strip().upper() == b"DONE":
                self.tell(self.rest + tag + b" OK done\r\n")
                self.rest = b""
                continue
            tag, command, *_ = line.split()
            if command.upper() == b"IDLE":
                self.tell(b"+ idling\r\n")
            elif command.upper() in (b"SELECT", b"EXAMINE"):
                self.tell(
                    b"* 1 EXISTS\r\n* OK [UIDVALIDITY 1] x\r\n* OK [UIDNEXT 2] x\r\n" + tag + b" OK done\r\n"
                )
            elif command.upper() == b"CAPABILITY":
                self.tell(b"* CAPABILITY IMAP4rev1 IDLE\r\n" + tag + b" OK done\r\n")
            else:
                self.tell(tag + b" OK done\r\n")


@pytest.fixture
def server() -> Iterator[HalvingServer]:
    made = HalvingServer()
    yield made
    made.close()


def open_watch(server: HalvingServer) -> watching.IdleWatch:
    here = Server("127.0.0.1", server.port, "plain", trusted=True)
    return watching.watch(
        MailboxSettings(
            address="a@b.example",
            username="a",
            password="p",
            smtp=here,
            imap=here,
            saves_sent=None,
            sent_folder="",
            reads_junk=False,
        )
    )


@pytest.mark.parametrize(
    ("first", "rest", "news"), [(b"* 2 EXI", b"STS\r\n", True), (b"* OK Sti", b"ll here\r\n", False)]
)
def test_half_a_line_is_waited_for(server: HalvingServer, first: bytes, rest: bytes, news: bool) -> None:
    watch = open_watch(server)
    server.rest = rest
    server.tell(first)
    assert watch.read() is news
    server.tell(b"* 3 EXISTS\r\n")
    assert watch.read() is True
    watch.close()
