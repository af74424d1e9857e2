"""Telling the workers what was taken in, and noting when a provider called: few words for many calls.

``taken`` counts a call and hints at once. A server of nothing but calls and pages (``project.wsgi``) may ``gather``
instead: a thread of its own then talks with Redis, at most every ``PAUSE_S`` seconds, for all calls since. What it was
not able to tell, because the process ended, is found by the sweeper.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from threading import Condition, Thread
from typing import Final
from uuid import UUID

import structlog

from integrations.services import intake_limits, intake_store
from project.core.scoping import no_scope, organization_scope
from project.core.tasks import enqueue

log = structlog.get_logger(__name__)

#: The longest that a call waits for others before the workers are told of it, in seconds.
PAUSE_S: Final = 0.02


@dataclass(slots=True)
class _Gathered:
    """Calls of one connection since Redis was told last."""

    organization_id: UUID
    calls: int = 0
    has_news: bool = False


def taken(*, connection_id: UUID, organization_id: UUID, is_news: bool) -> None:
    """Count a genuine call that was stored, and tell the workers if it is news to them."""
    if _gatherer is not None:
        _gatherer.add(connection_id, organization_id, is_news)
    else:
        _tell(connection_id, _Gathered(organization_id, 1, is_news))


def hint(connection_id: UUID, organization_id: UUID) -> None:
    """Hand what waits of a connection to the workers once the transaction has committed."""
    from integrations.tasks import process_deliveries  # tasks call services

    enqueue(process_deliveries, organization_id=organization_id, connection_id=connection_id)


def gather() -> None:
    """Leave counting and hinting to a thread from now on."""
    global _gatherer  # noqa: PLW0603 (one process, one thread)
    if _gatherer is None:
        _gatherer = _Gatherer()


def _tell(connection_id: UUID, gathered: _Gathered) -> None:
    organization_id = gathered.organization_id
    if intake_limits.taken(
        connection_id, organization_id=organization_id, calls=gathered.calls, is_news=gathered.has_news
    ):
        hint(connection_id, organization_id)
    # Last, because it may fail with the database: the workers are told all the same.
    with organization_scope(organization_id):
        intake_store.seen(connection_id)


class _Gatherer:
    """The thread, and what it has not told yet."""

    def __init__(self) -> None:
        self._waiting: dict[UUID, _Gathered] = {}
        self._changed = Condition()
        self._thread: Thread | None = None

    def add(self, connection_id: UUID, organization_id: UUID, is_news: bool) -> None:
        with self._changed:
            if self._thread is None:
                # Not before the first call: the process may have been forked since it was loaded.
                self._thread = Thread(target=self._run, name="intake-hints", daemon=True)
                self._thread.start()
            gathered = self._waiting.setdefault(connection_id, _Gathered(organization_id))
            gathered.calls += 1
            gathered.has_news |= is_news
            self._changed.notify()

    def _run(self) -> None:
        with no_scope():
            while True:
                with self._changed:
                    while not self._waiting:
                        self._changed.wait()
                    waiting, self._waiting = self._waiting, {}
                for connection_id, gathered in waiting.items():
                    try:
                        _tell(connection_id, gathered)
                    except Exception:
                        log.exception("webhook.not_hinted", connection=str(connection_id))
                time.sleep(PAUSE_S)


_gatherer: _Gatherer | None = None
