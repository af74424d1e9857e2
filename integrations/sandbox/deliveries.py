"""Webhooks on their way out: persisted, retried with growing delay, and bent by webhook faults."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

from integrations.sandbox.clock import MINUTE, Clock, iso_ms, utc_now
from integrations.sandbox.faults import Fault, Faults
from integrations.sandbox.settings import Settings
from integrations.sandbox.store import Row, Store

SCHEMA = """
CREATE TABLE IF NOT EXISTS deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    provider TEXT NOT NULL,
    lane TEXT NOT NULL,
    event TEXT NOT NULL,
    url TEXT NOT NULL,
    headers TEXT NOT NULL,
    body TEXT NOT NULL,
    state TEXT NOT NULL,
    due REAL NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    attempts_allowed INTEGER NOT NULL,
    fault TEXT,
    created_at TEXT NOT NULL,
    log TEXT NOT NULL DEFAULT '[]',
    rules TEXT NOT NULL DEFAULT ''
);
CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (due, id) WHERE state = 'queued';
CREATE INDEX IF NOT EXISTS deliveries_fault ON deliveries (fault) WHERE state = 'held';
"""

#: Finished deliveries beyond the newest 5,000 are forgotten, looked at every 500.
_KEPT, _PRUNE_EVERY = 5000, 500


@dataclass(frozen=True)
class Outgoing:
    """One webhook to send. ``lane`` groups what is sent one after another (a subscription).

    ``rules``, separated by blanks: ``any_2xx`` counts as delivered (else 200 only); ``final_4xx``: a refusal or
    redirect is final, and what it carried is lost (SendGrid Inbound Parse).
    """

    provider: str
    lane: str
    event: str
    url: str
    headers: dict[str, str]
    body: str | bytes
    retry: bool = True
    rules: str = ""


class Deliveries:
    """The outgoing queue. States: ``queued``, ``held`` (by a fault), ``delivered``, ``failed``, ``lost``.

    A delivery counts as done only on status 200 (or as its rules say) within ``webhook_timeout_seconds``;
    otherwise it is tried again after each of ``webhook_retry_minutes`` of sandbox time (Unipile: five retries
    with growing delay, docs/providers/unipile.md, 6). A crash in the middle leads to a second delivery, never to none.
    """

    def __init__(self, store: Store, clock: Clock, settings: Settings, faults: Faults) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self._faults = faults
        self._flying: dict[int, tuple[str, asyncio.Task[None]]] = {}
        #: By provider: what makes the headers of one attempt, where signatures carry a time.
        self.signers: dict[str, Callable[[dict[str, str], bytes], dict[str, str]]] = {}
        # Worlds of earlier versions lack the column; they stay usable.
        if "rules" not in {row["name"] for row in store.all("PRAGMA table_info(deliveries)")}:
            store.run("ALTER TABLE deliveries ADD COLUMN rules TEXT NOT NULL DEFAULT ''")

    # ---- putting in

    def enqueue(self, outgoing: Outgoing, faults: list[Fault]) -> None:
        """Queue a webhook as the ``faults`` that hit it say (shape faults are the provider's business)."""
        held = next((fault for fault in faults if fault.kind in {"hold", "reorder"}), None)
        lost = any(fault.kind == "lose" for fault in faults)
        state = "lost" if lost else "held" if held else "queued"
        late = sum(fault.minutes for fault in faults if fault.kind == "late") * MINUTE
        copies = 1 + sum(fault.copies for fault in faults if fault.kind == "duplicate")
        for _ in range(copies):
            identifier = self._insert(outgoing, state, self._clock.now() + late, held.id if held else None)
        if identifier // _PRUNE_EVERY != (identifier - copies) // _PRUNE_EVERY:
            self._store.run(
                "DELETE FROM deliveries WHERE id <= ? AND state IN ('delivered', 'failed', 'lost')",
                identifier - _KEPT,
            )
        if held and held.kind == "reorder":
            waiting = self._store.value(
                "SELECT COUNT(*) FROM deliveries WHERE state='held' AND fault=?", held.id
            )
            if waiting >= held.window or self._faults.is_spent(held.id):
                self.release([held.id], backwards=True)

    def _insert(self, outgoing: Outgoing, state: str, due: float, fault: str | None) -> int:
        return self._store.insert(
            "deliveries",
            provider=outgoing.provider,
            lane=outgoing.lane,
            event=outgoing.event,
            url=outgoing.url,
            headers=json.dumps(outgoing.headers),
            body=outgoing.body,
            state=state,
            due=due,
            attempts_allowed=1 + (len(self._settings["webhook_retry_minutes"]) if outgoing.retry else 0),
            fault=fault,
            created_at=iso_ms(utc_now()),
            rules=outgoing.rules,
        )

    def release(self, fault_ids: list[str], *, backwards: bool = False) -> int:
        """Let go what these faults hold back, in the order of arrival or backwards; returns how many."""
        released = 0
        for fault_id in fault_ids:
            rows = self._store.all(
                "SELECT id FROM deliveries WHERE state='held' AND fault=? ORDER BY id", fault_id
            )
            now = self._clock.now()
            for place, row in enumerate(reversed(rows) if backwards else rows):
                # A hair apart (microseconds of sandbox time), because due time decides the order in a lane.
                due = now - (len(rows) - place) * 1e-5
                self._store.run("UPDATE deliveries SET state='queued', due=? WHERE id=?", due, row["id"])
            released += len(rows)
        return released

    def redeliver(self, delivery_id: int) -> bool:
        """Send one delivery again from the start; false if there is no such delivery."""
        return bool(
            self._store.run(
                "UPDATE deliveries SET state='queued', due=?, attempts=0 WHERE id=?",
                self._clock.now(),
                delivery_id,
            )
        )

    # ---- sending

    def next_due(self) -> float | None:
        """Sandbox time of the earliest queued delivery that could be sent: not in the air, its lane not full."""
        condition, parameters = self._sendable()
        due: float | None = self._store.value(
            f"SELECT MIN(due) FROM deliveries WHERE {condition}",  # noqa: S608 - marks only
            *parameters,
        )
        return due

    def busy(self) -> bool:
        """Whether something is being sent or due to be sent now."""
        due = self.next_due()
        return bool(self._flying) or (due is not None and due <= self._clock.now())

    def start_due(self, client: httpx.AsyncClient, wake: asyncio.Event) -> None:
        """Start sending what is due, at most ``webhook_concurrency`` at once per lane; ``wake`` is set after each."""
        free = self._lane_width()
        lanes = Counter(lane for lane, _ in self._flying.values())
        condition, parameters = self._sendable()
        rows = self._store.all(
            f"SELECT * FROM deliveries WHERE {condition} AND due <= ? ORDER BY due, id LIMIT 50",  # noqa: S608
            *parameters,
            self._clock.now(),
        )
        for row in rows:
            if lanes[row["lane"]] >= free:
                continue
            lanes[row["lane"]] += 1
            task = asyncio.get_running_loop().create_task(self._send(row, client, wake))
            self._flying[row["id"]] = (row["lane"], task)

    def _lane_width(self) -> int:
        return max(1, int(self._settings["webhook_concurrency"]))

    def _sendable(self) -> tuple[str, list[Any]]:
        width = self._lane_width()
        full = [
            lane for lane, used in Counter(lane for lane, _ in self._flying.values()).items() if used >= width
        ]
        ids, lanes = ", ".join("?" for _ in self._flying), ", ".join("?" for _ in full)
        return f"state='queued' AND id NOT IN ({ids}) AND lane NOT IN ({lanes})", [*self._flying, *full]

    async def stop(self) -> None:
        """Give up what is in the air; it stays queued and goes out again after the next start."""
        tasks = [task for _, task in self._flying.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _send(self, row: Row, client: httpx.AsyncClient, wake: asyncio.Event) -> None:
        began = time.monotonic()
        status: int | None = None
        error: str | None = None
        try:
            response = await asyncio.wait_for(
                client.post(row["url"], content=_bytes(row["body"]), headers=self._headers(row)),
                timeout=float(self._settings["webhook_timeout_seconds"]),
            )
            status = response.status_code
        except TimeoutError:
            error = "no answer in time"
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as failure:
            error = f"{type(failure).__name__}: {failure}"[:300]
        finally:
            self._flying.pop(row["id"], None)
            wake.set()
        self._settle(row, status, error, round((time.monotonic() - began) * 1000))

    def _headers(self, row: Row) -> dict[str, str]:
        headers: dict[str, str] = json.loads(row["headers"])
        sign = self.signers.get(row["provider"])
        return sign(headers, _bytes(row["body"])) if sign else headers

    def _settle(self, row: Row, status: int | None, error: str | None, milliseconds: int) -> None:
        attempts = row["attempts"] + 1
        log = json.loads(row["log"])
        log.append({"at": iso_ms(utc_now()), "status": status, "error": error, "ms": milliseconds})
        due = row["due"]
        rules = row["rules"].split()
        refused = "final_4xx" in rules and status is not None and 300 <= status < 500
        if status == 200 or (status is not None and status // 100 == 2 and "any_2xx" in rules):
            state = "delivered"
        elif refused or attempts >= row["attempts_allowed"]:
            state = "failed"
        else:
            state = "queued"
            delays = self._settings["webhook_retry_minutes"] or [1]
            due = self._clock.now() + delays[min(attempts, len(delays)) - 1] * MINUTE
        self._store.run(
            "UPDATE deliveries SET state=?, due=?, attempts=?, log=? WHERE id=?",
            state, due, attempts, json.dumps(log), row["id"],
        )  # fmt: skip

    # ---- looking

    def find(
        self, *, state: str | None = None, event: str | None = None, limit: int = 100
    ) -> list[dict[str, Any]]:
        """The newest matching deliveries, oldest of them first. Header values are not shown."""
        rows = self._store.all(
            "SELECT * FROM (SELECT * FROM deliveries WHERE (?1 IS NULL OR state = ?1) AND (?2 IS NULL OR event = ?2)"
            " ORDER BY id DESC LIMIT ?3) ORDER BY id",
            state,
            event,
            limit,
        )
        return [
            {
                name: row[name]
                for name in ("id", "provider", "event", "url", "state", "attempts", "fault", "created_at")
            }
            | {
                "header_names": sorted(json.loads(row["headers"])),
                "body": _bytes(row["body"]).decode("utf-8", "replace"),
                "log": json.loads(row["log"]),
            }
            for row in rows
        ]

    def counts(self) -> dict[str, int]:
        """How many deliveries are in which state."""
        rows = self._store.all("SELECT state, COUNT(*) AS number FROM deliveries GROUP BY state")
        return {row["state"]: row["number"] for row in rows}


def _bytes(body: str | bytes) -> bytes:
    """A body as it goes over the wire; texts are stored as texts."""
    return body if isinstance(body, bytes) else body.encode()
