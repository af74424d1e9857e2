"""The world that all providers share, and the contract by which a provider joins it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from starlette.routing import BaseRoute

from integrations.sandbox import agenda, calls, deliveries, faults, people
from integrations.sandbox.agenda import Agenda, AgendaHandler
from integrations.sandbox.calls import Calls
from integrations.sandbox.clock import Clock
from integrations.sandbox.deliveries import Deliveries
from integrations.sandbox.faults import Faults
from integrations.sandbox.people import People, Person
from integrations.sandbox.settings import Settings
from integrations.sandbox.store import Store

_SHARED_TABLES = ("agenda", "deliveries", "faults", "calls")


class ControlError(Exception):
    """The control API refuses: HTTP status, code and message (contract: ``{code, message, details}``)."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


#: Makes a person do something: (world, person, body of the control call) -> what happened.
PersonAction = Callable[["World", Person, dict[str, Any]], dict[str, Any]]
#: Rewrites a payload (webhook or answer) to another shape seen in production.
ShapeVariant = Callable[[Any], Any]


@dataclass(frozen=True)
class Provider:
    """What one provider package contributes. ``tables`` are emptied on reset, in that order."""

    name: str
    schema: str
    tables: tuple[str, ...]
    routes: Callable[[World], list[BaseRoute]]
    control_routes: Callable[[World], list[BaseRoute]]
    agenda: Mapping[str, Callable[[World, dict[str, Any], float], None]]
    actions: Mapping[str, PersonAction]
    variants: Mapping[str, ShapeVariant]
    summary: Callable[[World], dict[str, Any]]
    person_summary: Callable[[World, Person], list[dict[str, Any]]]
    #: Ids of the people somebody dealt with, latest first: (world, how many).
    active_people: Callable[[World, int], list[str]]
    seed: Callable[[World, str], None]
    #: How its people are named: by slug (``linkedin``), address (``email``) or number (``sms``).
    channel: str = "linkedin"
    #: Sandbox time at which it last dealt with a person, 0 for never: decides between providers of one channel.
    last_contact: Callable[[World, Person], float] | None = None
    #: Servers of its own beside the HTTP one, which run while the world does.
    servers: Callable[[World], AbstractAsyncContextManager[None]] | None = None
    #: Signs one attempt at a webhook at the moment of sending: (world, headers, body) -> headers.
    sign: Callable[[World, dict[str, str], bytes], dict[str, str]] | None = None


@dataclass
class World:
    """Everything there is, plus the event loop's part that lets due things happen."""

    store: Store
    clock: Clock
    settings: Settings
    people: People
    faults: Faults
    calls: Calls
    agenda: Agenda
    deliveries: Deliveries
    providers: tuple[Provider, ...]
    seed_name: str | None = None
    base_url: str = ""
    #: Where servers beside the HTTP one listen; port 0 takes a free one and is replaced by it.
    host: str = "127.0.0.1"
    smtp_port: int = 0
    imap_port: int = 0
    #: Told of each new mail: (mailbox, folder).
    listeners: list[Callable[[str, str], None]] = field(default_factory=list)
    #: Cuts the TCP connection of a client given by its (host, port).
    cut: Callable[[tuple[str, int]], None] = lambda _client: None
    #: False once the loop has died of a bug: then nothing happens any more, and the health check says so.
    alive: bool = True
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    _quiet: asyncio.Event = field(default_factory=asyncio.Event)
    _background: set[asyncio.Task[None]] = field(default_factory=set)

    @classmethod
    def open(cls, path: Path | None, providers: Iterable[Provider], *, seed: str | None = None) -> World:
        """Load the world from ``path`` (``None``: in memory), seeding it if it is new. Raises ``StoreUnavailable``."""
        joined = tuple(providers)
        shared = (agenda.SCHEMA, calls.SCHEMA, deliveries.SCHEMA, faults.SCHEMA, people.SCHEMA)
        store = Store(path, (*shared, *(provider.schema for provider in joined)))
        clock, settings, standing = Clock(store), Settings(store), Faults(store)
        world = cls(
            store=store,
            clock=clock,
            settings=settings,
            people=People(store),
            faults=standing,
            calls=Calls(store, settings),
            agenda=Agenda(store, clock),
            deliveries=Deliveries(store, clock, settings, standing),
            providers=joined,
            seed_name=seed,
        )
        for provider in joined:
            for kind, handler in provider.agenda.items():
                world.agenda.handlers[kind] = _bound(world, handler)
            if provider.sign is not None:
                world.deliveries.signers[provider.name] = partial(provider.sign, world)
        if not store.setting("seeded"):
            world._seed(seed)
        return world

    def reset(self, *, seed: str | None, keep_webhooks: bool) -> None:
        """Start the world over: nobody is connected, nothing is due. Who is who stays, so stored ids stay true."""
        with self.store.transaction():
            for provider in self.providers:
                for table in provider.tables:
                    if not (keep_webhooks and table.endswith("_webhooks")):
                        self.store.run(f"DELETE FROM {table}")  # noqa: S608 - table names are literals of ours
            for table in _SHARED_TABLES:
                self.store.run(f"DELETE FROM {table}")  # noqa: S608 - as above
            self.people.forget_overrides()
            self.faults.reload()
            self._seed(seed)

    def _seed(self, seed: str | None) -> None:
        with self.store.transaction():
            if seed:
                for provider in self.providers:
                    provider.seed(self, seed)
            self.store.set_setting("seeded", True)

    def provider(self, name: str) -> Provider:
        """The provider called ``name``; ``KeyError`` if it never joined."""
        return next((item for item in self.providers if item.name == name), None) or _unknown(name)

    def variants(self) -> frozenset[str]:
        """The names of all shape variants of all providers."""
        return frozenset(name for provider in self.providers for name in provider.variants)

    # ---- letting things happen

    async def run(self) -> None:
        """Perform due agenda items and send due webhooks until cancelled."""
        # Proxies of the environment are for the product's real calls, not for a receiver on the loopback.
        async with httpx.AsyncClient(trust_env=False, timeout=None, follow_redirects=False) as client:  # noqa: S113
            try:
                while True:
                    self.wake.clear()
                    if self.agenda.run_one():
                        await asyncio.sleep(0)  # a long jump must not keep calls waiting
                        continue
                    self.deliveries.start_due(client, self.wake)
                    if not self._busy():
                        self._quiet.set()
                    await self._sleep()
            finally:
                await self.deliveries.stop()

    async def settle(self, timeout_seconds: float) -> bool:
        """Wait until nothing is due and nothing is in the air; false if that took too long."""
        try:
            async with asyncio.timeout(timeout_seconds):
                while self._busy():
                    self._quiet.clear()
                    self.wake.set()
                    await self._quiet.wait()
        except TimeoutError:
            return False
        return True

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Let something happen beside the loop; the world is not at rest until it is done."""
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)

        def done(ended: asyncio.Task[None]) -> None:
            self._background.discard(ended)
            self.wake.set()

        task.add_done_callback(done)

    def _busy(self) -> bool:
        due = self.agenda.next_due()
        is_due = due is not None and due <= self.clock.now()
        return is_due or self.deliveries.busy() or bool(self._background)

    async def _sleep(self) -> None:
        dues = [due for due in (self.agenda.next_due(), self.deliveries.next_due()) if due is not None]
        waits = [wait for due in dues if (wait := self.clock.real_seconds_until(due)) is not None]
        timeout = min(waits) if waits else None
        try:
            await asyncio.wait_for(self.wake.wait(), timeout)
        except TimeoutError:
            return


def _bound(world: World, handler: Callable[[World, dict[str, Any], float], None]) -> AgendaHandler:
    return lambda payload, due: handler(world, payload, due)


def _unknown(name: str) -> Provider:
    raise KeyError(name)
