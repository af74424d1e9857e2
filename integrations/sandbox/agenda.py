"""What will happen by itself, and when in sandbox time: acceptances, replies, delayed notices."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

from integrations.sandbox.clock import Clock
from integrations.sandbox.store import Store

logger = logging.getLogger(__name__)

SCHEMA = """
CREATE TABLE IF NOT EXISTS agenda (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    due REAL NOT NULL,
    payload TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS agenda_due ON agenda (due, id);
CREATE INDEX IF NOT EXISTS agenda_subject ON agenda (subject, kind);
"""

#: Called with the stored payload and the sandbox time at which the thing was due (not when it ran), so that
#: a long jump unrolls a whole chain of events with their right distances.
AgendaHandler = Callable[[dict[str, Any], float], None]


class Agenda:
    """A persisted list of due things; an item disappears in the same transaction that performs it."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self.handlers: dict[str, AgendaHandler] = {}

    def add(self, kind: str, *, due: float, subject: str, payload: dict[str, Any]) -> None:
        """Let ``kind`` happen at sandbox time ``due``; ``subject`` groups items that are cancelled together."""
        self._store.insert("agenda", kind=kind, subject=subject, due=due, payload=json.dumps(payload))

    def cancel(self, subject: str, kinds: tuple[str, ...]) -> int:
        """Forget the pending items of ``subject`` that are of one of ``kinds``; returns how many."""
        marks = ", ".join("?" for _ in kinds)
        return self._store.run(
            f"DELETE FROM agenda WHERE subject = ? AND kind IN ({marks})",  # noqa: S608 - marks only
            subject,
            *kinds,
        )

    def next_due(self) -> float | None:
        """Sandbox time of the earliest item."""
        due: float | None = self._store.value("SELECT MIN(due) FROM agenda")
        return due

    def count(self) -> int:
        """How many things are still to happen."""
        return int(self._store.value("SELECT COUNT(*) FROM agenda"))

    def run_one(self) -> bool:
        """Perform the earliest due item, if any is due."""
        item = self._store.one(
            "SELECT * FROM agenda WHERE due <= ? ORDER BY due, id LIMIT 1", self._clock.now()
        )
        if item is None:
            return False
        with self._store.transaction():
            self._store.run("DELETE FROM agenda WHERE id = ?", item["id"])
            try:
                with self._store.transaction():
                    self.handlers[item["kind"]](json.loads(item["payload"]), item["due"])
            except Exception:
                # One prospect's mistake must not stop the world; the item is dropped with its traceback.
                logger.exception("agenda item %s (%s) failed", item["id"], item["kind"])
        return True

    def pending(self, subject: str | None = None) -> list[dict[str, Any]]:
        """What is still to happen, earliest first, for the control API."""
        rows = self._store.all(
            "SELECT * FROM agenda WHERE ?1 IS NULL OR subject = ?1 ORDER BY due, id LIMIT 500", subject
        )
        now = self._clock.now()
        return [
            {
                "kind": row["kind"],
                "subject": row["subject"],
                "in_sandbox_minutes": round((row["due"] - now) / 60, 1),
                "payload": json.loads(row["payload"]),
            }
            for row in rows
        ]
