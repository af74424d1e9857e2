"""The IMAP server: pymap over the world's own store, so that every mail survives a restart with its UID."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from argparse import Namespace
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from proxyprotocol.sock import SocketInfo
from pymap.backend.dict import Config, Session
from pymap.backend.dict.filter import FilterSet
from pymap.backend.dict.mailbox import MailboxData, MailboxSet, Message
from pymap.exceptions import InvalidAuth, NotAllowedError, UserNotFound
from pymap.imap import IMAPServer
from pymap.interfaces.login import IdentityInterface, LoginInterface
from pymap.parsing.message import AppendMessage
from pymap.parsing.specials.flag import Seen
from pymap.token import AllTokens
from pymap.user import UserMetadata
from pysasl.identity import ClearIdentity

from integrations.sandbox.clock import iso_ms
from integrations.sandbox.faults import Fault
from integrations.sandbox.mailbox import state
from integrations.sandbox.world import World


class _Folder(MailboxData):
    """A folder that writes what clients append into the store."""

    def attach(self, world: World, address: str, name: str, epoch: int) -> None:
        """Say which folder of which mailbox it is."""
        self._world, self._address, self._name = world, address, name
        self._uid_validity = epoch
        self._loaded = 0
        self._catching_up = asyncio.Lock()

    async def append(self, append_msg: Any, *, recent: bool = False) -> Message:
        """Keep what a client puts here."""
        when = append_msg.when or datetime.now().astimezone()
        async with self._catching_up:
            seen = Seen in append_msg.flag_set
            number = self._world.store.insert(
                "mailbox_mails",
                address=self._address,
                folder=self._name,
                seen=int(seen),
                raw=bytes(append_msg.literal),
                at=iso_ms(when.astimezone()),
            )
            self._loaded = number
            return await super().append(append_msg, recent=recent)

    async def catch_up(self) -> None:
        """Show what was put into the store."""
        async with self._catching_up:
            for row in state.mails(self._world, self._address, self._name, after=self._loaded):
                self._loaded = row["id"]
                flags = frozenset({Seen}) if row["seen"] else frozenset()
                when = datetime.fromisoformat(row["at"])
                await super().append(AppendMessage(row["raw"], when, flags), recent=True)


class _Set(MailboxSet):
    """The folders of one mailbox."""

    def __init__(self, world: World, row: Any) -> None:
        super().__init__()
        self.epoch = int(row["epoch"])
        self.folders: dict[str, _Folder] = {}
        for name in dict.fromkeys((*state.FOLDERS, row["sent_folder"])):
            if name == "Sent" and row["sent_folder"] != "Sent":
                continue
            folder = _Folder(self._content_cache, self._thread_cache)
            folder.attach(world, row["address"], name, self.epoch)
            self.folders[name] = folder
            if name == "INBOX":
                self._inbox = folder
            else:
                self._set[name] = folder


class _Identity(IdentityInterface):
    """A user who has signed in."""

    def __init__(self, login: _Login, name: str) -> None:
        self._login, self._name = login, name

    @property
    def name(self) -> str:
        """The address."""
        return self._name

    @property
    def roles(self) -> frozenset[str]:
        """None."""
        return frozenset()

    async def new_token(self, *, expiration: datetime | None = None) -> str | None:
        """No tokens."""
        return None

    @contextlib.asynccontextmanager
    async def new_session(self) -> AsyncIterator[Session]:
        """Open the mailbox."""
        folders = await self._login.folders_of(self._name)
        yield Session(self._name, self._login.config, folders, FilterSet())

    async def get(self) -> UserMetadata:
        """Accounts are the control API's business."""
        raise UserNotFound(self._name)

    async def set(self, metadata: UserMetadata) -> int:
        """Accounts are the control API's business."""
        raise NotAllowedError("read only")

    async def delete(self) -> None:
        """Accounts are the control API's business."""
        raise NotAllowedError("read only")


class _Login(LoginInterface):
    """Checks passwords against the world, and holds the open mailboxes."""

    def __init__(self, world: World, config: Config) -> None:
        self.world, self.config = world, config
        self._sets: dict[str, _Set] = {}
        self._tokens = AllTokens(config)

    @property
    def tokens(self) -> AllTokens:
        """Unused by plain sign-ins."""
        return self._tokens

    async def authenticate(self, credentials: Any) -> IdentityInterface:
        """Check a sign-in; faults on ``/login`` refuse it."""
        fault = _fault(self.world, "/login")
        row = state.account(self.world, credentials.authcid)
        if row is None or row["locked"] or fault is not None:
            raise InvalidAuth
        if not credentials.verify(ClearIdentity(credentials.authcid, row["password"])):
            raise InvalidAuth
        return _Identity(self, row["address"])

    async def authorize(self, authenticated: IdentityInterface, authzid: str) -> IdentityInterface:
        """Nobody acts for others."""
        return authenticated

    async def folders_of(self, address: str) -> _Set:
        """The folders of a mailbox, with everything that lies in them."""
        row = state.account(self.world, address)
        if row is None:
            raise UserNotFound(address)
        found = self._sets.get(address)
        if found is None or found.epoch != row["epoch"]:
            found = self._sets[address] = _Set(self.world, row)
        for folder in found.folders.values():
            await folder.catch_up()
        return found

    def on_mail(self, address: str, folder: str) -> None:
        """Tell open sessions of a new mail."""
        opened = self._sets.get(address)
        if opened is not None and folder in opened.folders:
            self.world.spawn(opened.folders[folder].catch_up())


def _fault(world: World, path: str) -> Fault | None:
    return next((f for f in world.faults.for_request("mailbox", "IMAP", path) if f.kind == "status"), None)


@contextlib.asynccontextmanager
async def serving(world: World, listener: socket.socket) -> AsyncIterator[None]:
    """Serve IMAP on ``listener``."""
    config = Config(
        Namespace(passlib_cfg=None, proxy_protocol=None),
        host=None, port=0, tls_enabled=False, invalid_user_sleep=0.0, reject_dnsbl=False,
        max_append_len=40_000_000, demo_data=False, demo_user="", demo_password="",
    )  # fmt: skip
    login = _Login(world, config)
    server = IMAPServer(login, config)
    writers: set[asyncio.StreamWriter] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if any(f.kind == "drop" for f in world.faults.for_request("mailbox", "IMAP", "/connect")):
            writer.transport.abort()
            return
        writers.add(writer)
        config.apply_context()
        try:
            await server(reader, writer, SocketInfo.get(writer, None))
        except (OSError, EOFError, asyncio.IncompleteReadError):
            pass  # the client went away
        finally:
            writers.discard(writer)

    listening = await asyncio.start_server(connected, sock=listener, limit=2**20)
    world.listeners.append(login.on_mail)
    try:
        yield
    finally:
        world.listeners.remove(login.on_mail)
        listening.close()
        for writer in list(writers):
            writer.transport.abort()
