"""The log of every provider call received, with what it asked and what was really performed."""

from __future__ import annotations

import json
from typing import Any

from integrations.sandbox.clock import iso_ms, utc_now
from integrations.sandbox.settings import Settings
from integrations.sandbox.store import Row, Store

SCHEMA = """
CREATE TABLE IF NOT EXISTS calls (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    provider TEXT NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    query TEXT NOT NULL,
    headers TEXT NOT NULL,
    body TEXT NOT NULL,
    status INTEGER,
    outcome TEXT NOT NULL,
    writes TEXT NOT NULL,
    faults TEXT NOT NULL,
    response TEXT NOT NULL
);
"""

_PRUNE_EVERY = 500


class Calls:
    """Append-only log, cut to the newest ``calls_kept`` entries.

    ``outcome`` is ``answered``, ``cut before`` (nothing performed, connection dropped) or ``cut after``
    (performed, and the answer never left). ``writes`` lists what the call changed in the provider's world.
    """

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings

    def record(
        self,
        *,
        provider: str,
        method: str,
        path: str,
        query: dict[str, list[str]],
        headers: dict[str, str],
        body: Any,
        status: int | None,
        outcome: str,
        writes: list[dict[str, Any]],
        faults: list[str],
        response: Any,
    ) -> int:
        """Append one call (inside the transaction that performed it) and return its id."""
        call_id = self._store.insert(
            "calls",
            at=iso_ms(utc_now()),
            provider=provider,
            method=method,
            path=path,
            query=json.dumps(query),
            headers=json.dumps(headers),
            body=json.dumps(body),
            status=status,
            outcome=outcome,
            writes=json.dumps(writes),
            faults=json.dumps(faults),
            response=json.dumps(response),
        )
        if call_id % _PRUNE_EVERY == 0:
            self._store.run("DELETE FROM calls WHERE id <= ?", call_id - int(self._settings["calls_kept"]))
        return call_id

    def find(
        self,
        *,
        provider: str | None = None,
        method: str | None = None,
        path: str | None = None,
        since_id: int = 0,
        writes_only: bool = False,
        limit: int = 100,
    ) -> list[dict[str, Any]]:
        """The newest matching calls, oldest of them first. ``path`` is a glob such as ``*/users/invite``."""
        rows = self._store.all(
            "SELECT * FROM (SELECT * FROM calls WHERE id > ?1"
            " AND (?2 IS NULL OR provider = ?2) AND (?3 IS NULL OR method = ?3)"
            " AND (?4 IS NULL OR path GLOB ?4) AND (?5 = 0 OR writes <> '[]')"
            " ORDER BY id DESC LIMIT ?6) ORDER BY id",
            since_id,
            provider,
            method.upper() if method else None,
            path,
            int(writes_only),
            limit,
        )
        return [_described(row) for row in rows]

    def count(self) -> int:
        """How many calls are in the log."""
        return int(self._store.value("SELECT COUNT(*) FROM calls"))

    def clear(self) -> int:
        """Empty the log; returns how many entries went."""
        return self._store.run("DELETE FROM calls")


def _described(row: Row) -> dict[str, Any]:
    parsed = {
        name: json.loads(row[name]) for name in ("query", "headers", "body", "writes", "faults", "response")
    }
    return {
        "id": row["id"],
        "at": row["at"],
        "provider": row["provider"],
        "method": row["method"],
        "path": row["path"],
        "status": row["status"],
        "outcome": row["outcome"],
    } | parsed
