"""The SMTP server: signs mailboxes in, takes their mail, and refuses what it is told to refuse."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator
from typing import Any, cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword
from aiosmtpd.smtp import Session as SmtpSession

from integrations.sandbox.faults import Fault
from integrations.sandbox.mailbox import fates, state
from integrations.sandbox.world import World

#: The library warns of its own attributes at each sign-in.
logging.getLogger("mail.log").setLevel(logging.ERROR)

HOSTNAME = "mx.sandbox.test"
MAX_BYTES = 25_000_000


class _Handler:
    """What the server asks at each step. Faults are on ``/login``, ``/mail``, ``/rcpt``, ``/data`` and ``/end``."""

    def __init__(self, world: World) -> None:
        self._world = world

    def authenticate(
        self, server: SMTP, session: SmtpSession, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        """Check a sign-in."""
        for fault in self._world.faults.for_request("mailbox", "SMTP", "/login"):
            refusal = _line(fault, "535 5.7.8 Authentication failed")
            return AuthResult(success=False, handled=False, message=refusal)
        if not isinstance(data, LoginPassword):
            return AuthResult(success=False, handled=False)
        row = state.account(self._world, data.login.decode("utf-8", "replace"))
        fine = (
            row is not None
            and not row["locked"]
            and row["password"] == data.password.decode("utf-8", "replace")
        )
        if not fine or row is None:
            return AuthResult(
                success=False, handled=False, message="535 5.7.8 Username and Password not accepted"
            )
        return AuthResult(success=True, auth_data=row["address"])

    async def handle_MAIL(  # noqa: N802 - the library's names
        self, server: SMTP, session: SmtpSession, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take the sender: the mailbox's own address only."""
        refused = await self._broken(server, "/mail")
        if refused:
            return refused
        owner = cast("str | None", session.auth_data)
        if owner is None:
            return "530 5.7.0 Authentication required"
        if address.lower() != owner:
            return "550 5.7.60 Client does not have permissions to send as this sender"
        envelope.mail_from = address
        return "250 2.1.0 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: SmtpSession, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take a recipient. Unknown people come back later, except where a fault says so at once."""
        refused = await self._broken(server, "/rcpt")
        if refused:
            return refused
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: SmtpSession, envelope: Envelope) -> str:  # noqa: N802
        """Take the mail: after the answer it is the server's, and what becomes of it is up to the world."""
        refused = await self._broken(server, "/data")
        if refused:
            return refused
        found = self._world.faults.for_request("mailbox", "SMTP", "/end")
        drop = next((fault for fault in found if fault.kind == "drop"), None)
        status = next((fault for fault in found if fault.kind == "status"), None)
        raw = _raw(envelope)
        recipient = envelope.rcpt_tos[0].lower()
        answer = _line(status, "451 4.3.0 Try again") if status is not None else ""
        if fates.is_dropped(self._world, recipient):
            answer = "554 5.7.1 Message rejected as spam"
        broken = drop or status
        if broken.perform if broken is not None else not answer:
            number = self._take(str(session.auth_data), recipient, raw)
            answer = answer or f"250 2.0.0 OK queued as {number}"
        if drop is not None:
            _cut(server)
        return answer

    def _take(self, address: str, recipient: str, raw: bytes) -> int:
        with self._world.store.transaction():
            number = fates.handed_over(self._world, address, recipient, raw)
            self._world.calls.record(
                provider="mailbox", method="SMTP", path="/end", query={}, headers={},
                body={"from": address, "to": recipient, "size": len(raw)}, status=250, outcome="answered",
                writes=[{"kind": "mail", "id": number, "to": recipient}], faults=[], response=None,
            )  # fmt: skip
        self._world.wake.set()
        return number

    async def _broken(self, server: SMTP, path: str) -> str:
        for fault in self._world.faults.for_request("mailbox", "SMTP", path):
            if fault.kind == "delay":
                await asyncio.sleep(fault.seconds)
            elif fault.kind == "drop":
                _cut(server)
                return "421 4.3.2 closing"
            elif fault.kind == "status":
                return _line(fault, "451 4.3.0 Try again")
        return ""


def _cut(protocol: SMTP) -> None:
    """Drop the connection at once."""
    if isinstance(protocol.transport, asyncio.Transport):
        protocol.transport.abort()


def _raw(envelope: Envelope) -> bytes:
    content = envelope.content or b""
    return content.encode() if isinstance(content, str) else content


def _line(fault: Fault, usual: str) -> str:
    return f"{fault.status} {fault.detail}" if fault.detail else f"{fault.status} {usual[4:]}"


@contextlib.asynccontextmanager
async def serving(world: World, listener: socket.socket) -> AsyncIterator[None]:
    """Serve SMTP on ``listener``."""
    handler = _Handler(world)
    protocols: list[SMTP] = []

    def connected() -> SMTP:
        protocol = SMTP(
            handler, hostname=HOSTNAME, data_size_limit=MAX_BYTES, auth_require_tls=False,
            authenticator=handler.authenticate, loop=asyncio.get_running_loop(),
        )  # fmt: skip
        protocols.append(protocol)
        return protocol

    server = await asyncio.get_running_loop().create_server(connected, sock=listener)
    try:
        yield
    finally:
        server.close()
        for protocol in protocols:
            _cut(protocol)
