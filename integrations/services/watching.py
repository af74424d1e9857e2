"""News at once: holds one connection open for each account whose provider tells on it that something came in,
and asks for a synchronisation whenever it does.

One process does this (``manage.py watch_mailboxes``). The loop waits for all connections together; whatever may
block (connecting, reading, keeping alive) is done by a few threads, so that one slow server delays nobody.
Missing a piece of news costs a minute: the regular poll finds it.
"""

from __future__ import annotations

import os
import queue
import random
import selectors
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import structlog
from django.conf import settings
from django.db import close_old_connections

from integrations import registry
from integrations.backoff import wait_after
from integrations.base import Capability, Watch, WatchesInbound, require
from integrations.errors import ErrorKind, ProviderError
from integrations.models import Connection, SenderAccount
from integrations.services import freshness, sync
from integrations.services.adapters import adapter_of
from project.core.scoping import organization_scope, platform_scope

log = structlog.get_logger(__name__)

#: Seconds between two looks at which accounts there are, and at which connections need a sign of life.
LIST_EVERY: Final = 30.0
KEEP_ALIVE_EVERY: Final = 60.0
#: Seconds after which news is told again that came while the account was being read.
AGAIN_AFTER: Final = 3.0
FIRST_PAUSE: Final = 5.0
LONGEST_PAUSE: Final = 900.0
#: An account whose server cannot tell about news is asked again this much later.
UNSUPPORTED_PAUSE: Final = 6 * 3600.0
WORKERS: Final = 6


@dataclass(slots=True)
class Watched:
    """One account and its connection. ``busy`` while a thread has it; ``watch`` is then that thread's."""

    sender_id: UUID
    organization_id: UUID
    credentials: str
    watch: Watch | None = None
    busy: bool = False
    failures: int = 0
    open_at: float = 0.0
    alive_at: float = 0.0
    tell_at: float | None = None


def watchable() -> list[tuple[UUID, UUID, str]]:
    """Return sender, organization and stored credentials of the accounts to watch, at most ``INBOUND_WATCHES``."""
    kinds = [
        provider.kind
        for provider in registry.providers()
        if Capability.WATCHES_INBOUND in provider.capabilities
    ]
    with platform_scope("watch for news"):
        rows = SenderAccount.objects.filter(
            connection__provider__in=kinds,
            status=SenderAccount.Status.OK,
            organization__is_active=True,
        ).exclude(connection__status__in=[Connection.Status.FAILING, Connection.Status.DISABLED])
        columns = ("id", "organization_id", "connection__credentials")
        found = list(rows.order_by("id").values_list(*columns)[: settings.INBOUND_WATCHES + 1])
    if len(found) > settings.INBOUND_WATCHES:
        log.warning("watching.too_many", limit=settings.INBOUND_WATCHES)
    return found[: settings.INBOUND_WATCHES]


def open_watch(organization_id: UUID, sender_id: UUID) -> Watch:
    """Open the connection of one account. Raises ``ProviderError``."""
    with organization_scope(organization_id):
        sender = SenderAccount.objects.select_related("connection").get(id=sender_id)
    adapter = require(adapter_of(sender.connection), WatchesInbound)
    return adapter.watch_inbound(account_id=sender.provider_account_id)


def tell(organization_id: UUID, sender_id: UUID) -> bool:
    """Ask for an account to be read now; ``False`` if it is being read already."""
    with organization_scope(organization_id):
        sender = SenderAccount.objects.get(id=sender_id)
        return sync.request(sender=sender, resource=freshness.MESSAGES, trigger="news") is not None


class Watcher:
    """The loop. ``stop`` may be called from a signal handler or another thread."""

    def __init__(
        self,
        *,
        accounts: Callable[[], list[tuple[UUID, UUID, str]]] = watchable,
        opener: Callable[[UUID, UUID], Watch] = open_watch,
        teller: Callable[[UUID, UUID], bool] = tell,
    ) -> None:
        self._accounts, self._opener, self._teller = accounts, opener, teller
        self._watched: dict[UUID, Watched] = {}
        self._selector = selectors.DefaultSelector()
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._results: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._wake_reader, self._wake_writer = os.pipe()
        os.set_blocking(self._wake_writer, False)
        os.set_blocking(self._wake_reader, False)
        self._selector.register(self._wake_reader, selectors.EVENT_READ, None)
        self._list_at = 0.0
        self._stopping = threading.Event()

    @property
    def open_count(self) -> int:
        """How many connections are open."""
        return sum(watched.watch is not None for watched in self._watched.values())

    def stop(self) -> None:
        """End the loop."""
        self._stopping.set()
        self._wake()

    def run(self) -> None:
        """Watch until ``stop``. Threads that wait for a server then are left behind: they hold nothing."""
        for number in range(WORKERS):
            threading.Thread(target=self._work, name=f"watch-{number}", daemon=True).start()
        try:
            while not self._stopping.is_set():
                self._turn()
        finally:
            for watched in self._watched.values():
                self._close(watched)
            for _ in range(WORKERS):
                self._jobs.put(None)
            self._selector.close()

    def _turn(self) -> None:
        if time.monotonic() >= self._list_at:
            self._list_at = time.monotonic() + LIST_EVERY
            self._submit(self._list)
        for watched in list(self._watched.values()):
            self._start_due(watched)
        for key, _events in self._selector.select(timeout=1.0):
            if key.data is None:
                self._drain()
            else:
                self._begin(key.data, self._read)
        while not self._results.empty():
            self._results.get()()

    # --- in the loop ----------------------------------------------------------------------------------

    def _start_due(self, watched: Watched) -> None:
        at = time.monotonic()
        if watched.busy:
            return
        if watched.tell_at is not None and at >= watched.tell_at:
            self._begin(watched, self._tell)
        elif watched.watch is None and at >= watched.open_at:
            self._begin(watched, self._open)
        elif watched.watch is not None and at >= watched.alive_at:
            watched.alive_at = at + KEEP_ALIVE_EVERY
            self._begin(watched, self._keep_alive)

    def _begin(self, watched: Watched, job: Callable[[Watched], None]) -> None:
        """Hand an account to a thread; until it is back nobody else touches it."""
        if watched.watch is not None:
            self._selector.unregister(watched.watch)
        watched.busy = True
        self._submit(lambda: job(watched))

    def _back(self, watched: Watched) -> None:
        watched.busy = False
        if watched.sender_id not in self._watched or self._stopping.is_set():
            self._close(watched)
        elif watched.watch is not None:
            self._selector.register(watched.watch, selectors.EVENT_READ, watched)

    def _apply_list(self, found: list[tuple[UUID, UUID, str]]) -> None:
        wanted = {sender_id: (organization_id, stored) for sender_id, organization_id, stored in found}
        for sender_id, watched in list(self._watched.items()):
            if wanted.get(sender_id, ("", ""))[1] != watched.credentials:
                del self._watched[sender_id]
                self._close(watched)
        for sender_id, (organization_id, stored) in wanted.items():
            if sender_id not in self._watched:
                self._watched[sender_id] = Watched(sender_id, organization_id, stored)

    def _close(self, watched: Watched) -> None:
        if watched.watch is None or watched.busy:
            return
        if watched.watch in {key.fileobj for key in self._selector.get_map().values()}:
            self._selector.unregister(watched.watch)
        watched.watch.close()
        watched.watch = None

    # --- in the threads -------------------------------------------------------------------------------

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            close_old_connections()
            try:
                job()
            except Exception:
                # A thread that ended would leave the others with its work; the account is looked at again.
                log.exception("watching.broke")
            finally:
                close_old_connections()
                self._wake()

    def _list(self) -> None:
        found = self._accounts()
        self._results.put(lambda: self._apply_list(found))

    def _open(self, watched: Watched) -> None:
        watched.open_at = time.monotonic() + FIRST_PAUSE
        try:
            watched.watch = self._opener(watched.organization_id, watched.sender_id)
            watched.failures = 0
            watched.alive_at = time.monotonic() + KEEP_ALIVE_EVERY
            # What came while nobody watched.
            watched.tell_at = time.monotonic()
        except ProviderError as error:
            self._put_off(watched, error)
        finally:
            self._results.put(lambda: self._back(watched))

    def _read(self, watched: Watched) -> None:
        self._listen(watched, lambda watch: watch.read())

    def _keep_alive(self, watched: Watched) -> None:
        self._listen(watched, lambda watch: watch.keep_alive())

    def _listen(self, watched: Watched, hear: Callable[[Watch], bool]) -> None:
        try:
            if watched.watch is not None and hear(watched.watch):
                watched.tell_at = time.monotonic()
        except ProviderError as error:
            if watched.watch is not None:
                watched.watch.close()
            watched.watch = None
            self._put_off(watched, error)
        finally:
            self._results.put(lambda: self._back(watched))

    def _tell(self, watched: Watched) -> None:
        watched.tell_at = time.monotonic() + AGAIN_AFTER
        try:
            if self._teller(watched.organization_id, watched.sender_id):
                watched.tell_at = None
        finally:
            self._results.put(lambda: self._back(watched))

    def _put_off(self, watched: Watched, error: ProviderError) -> None:
        watched.failures += 1
        pause = wait_after(watched.failures, first=FIRST_PAUSE, cap=LONGEST_PAUSE)
        if error.kind is ErrorKind.UNSUPPORTED:
            pause = UNSUPPORTED_PAUSE
        pause = max(pause, error.retry_after or 0.0) * random.uniform(0.8, 1.2)  # noqa: S311 (spread)
        watched.open_at = time.monotonic() + pause
        log.info("watching.put_off", sender=str(watched.sender_id), kind=error.kind, seconds=round(pause))

    # --- plumbing -------------------------------------------------------------------------------------

    def _submit(self, job: Callable[[], None]) -> None:
        self._jobs.put(job)

    def _wake(self) -> None:
        try:
            os.write(self._wake_writer, b".")
        except (BlockingIOError, OSError):
            return  # it is awake already, or gone

    def _drain(self) -> None:
        try:
            os.read(self._wake_reader, 4096)
        except BlockingIOError:
            return
