"""Faults on demand: what goes wrong, for which calls or webhooks, and how many times."""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass, field, fields
from fnmatch import fnmatchcase
from typing import Any

from integrations.sandbox.store import Store

SCHEMA = """
CREATE TABLE IF NOT EXISTS faults (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT UNIQUE NOT NULL,
    spec TEXT NOT NULL,
    remaining INTEGER,
    hits INTEGER NOT NULL DEFAULT 0
);
"""

REQUEST_KINDS = frozenset({"status", "delay", "slow_answer", "drop", "shape"})
WEBHOOK_KINDS = frozenset({"duplicate", "reorder", "hold", "late", "lose", "shape"})


class InvalidFault(Exception):
    """A fault specification makes no sense; the text names the field."""


@dataclass(frozen=True)
class Fault:
    """One rule. Request faults match ``provider``/``method``/``path``; webhook faults ``provider``/``event``.

    ``status`` answers ``status`` (with ``type``, ``detail``, ``retry_after``, or ``html`` for a gateway page);
    ``delay`` waits ``seconds`` real seconds and then performs; ``slow_answer`` performs and then waits;
    ``drop`` cuts the connection, after performing if ``perform``. ``duplicate`` sends ``copies`` more,
    ``reorder`` gathers ``window`` webhooks and sends them backwards, ``hold`` keeps them until the fault is
    removed, ``late`` delays by ``minutes`` of sandbox time, ``lose`` never sends. ``shape`` changes the
    payload as ``variant`` says. ``skip`` matching occasions pass before the first hit; ``times`` hits and the
    fault is spent (``None``: until removed).
    """

    kind: str
    on: str = ""
    provider: str = "*"
    method: str = "*"
    path: str = "*"
    event: str = "*"
    times: int | None = None
    skip: int = 0
    status: int = 503
    type: str = ""
    detail: str = ""
    retry_after: str = ""
    html: bool = False
    perform: bool = False
    seconds: float = 0.0
    minutes: float = 0.0
    copies: int = 1
    window: int = 2
    variant: str = ""
    id: str = field(default_factory=lambda: f"fault_{secrets.token_hex(4)}")

    def __post_init__(self) -> None:
        if self.kind not in REQUEST_KINDS | WEBHOOK_KINDS:
            raise InvalidFault(f"kind: one of {', '.join(sorted(REQUEST_KINDS | WEBHOOK_KINDS))}")
        if not self.on:
            object.__setattr__(self, "on", "webhook" if self.kind in WEBHOOK_KINDS else "request")
        allowed = {"request": REQUEST_KINDS, "webhook": WEBHOOK_KINDS}.get(self.on, frozenset())
        if self.kind not in allowed:
            raise InvalidFault(f"on: a {self.kind} fault cannot be on {self.on!r}")
        if self.kind == "shape" and not self.variant:
            raise InvalidFault("variant: a shape fault needs one")
        if self.kind == "status" and not 400 <= self.status <= 599:
            raise InvalidFault("status: between 400 and 599")
        if min(self.skip, self.seconds, self.minutes) < 0 or self.copies < 1 or self.window < 2:
            raise InvalidFault("skip, seconds and minutes are not negative, copies >= 1, window >= 2")
        if self.times is not None and self.times < 1:
            raise InvalidFault("times: at least 1, or null for 'until removed'")


def fault_from(spec: dict[str, Any], variants: frozenset[str]) -> Fault:
    """Build a fault from a JSON object; raises ``InvalidFault`` naming the first wrong field."""
    known = {item.name: item for item in fields(Fault)}
    for name, value in spec.items():
        if name not in known:
            raise InvalidFault(f"{name}: unknown field")
        if name == "times":
            fits = value is None or (isinstance(value, int) and not isinstance(value, bool))
        else:
            wanted = {"str": str, "int": int, "float": int | float, "bool": bool}[str(known[name].type)]
            fits = isinstance(value, wanted) and (wanted is bool or not isinstance(value, bool))
        if not fits:
            raise InvalidFault(f"{name}: wrong type")
    if "kind" not in spec:
        raise InvalidFault("kind: missing")
    fault = Fault(**spec)
    if fault.kind == "shape" and fault.variant not in variants:
        raise InvalidFault(f"variant: one of {', '.join(sorted(variants))}")
    return fault


@dataclass
class _Standing:
    fault: Fault
    remaining: int | None
    hits: int
    skipped: int = 0


class Faults:
    """The standing faults, in the order they were added; persisted, with how often each still applies."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._standing: list[_Standing] = []
        self.reload()

    def reload(self) -> None:
        """Read the standing faults from the store."""
        self._standing = [
            _Standing(Fault(**json.loads(row["spec"])), row["remaining"], row["hits"])
            for row in self._store.all("SELECT * FROM faults ORDER BY seq")
        ]

    def add(self, fault: Fault) -> Fault:
        """Let ``fault`` apply from now on."""
        self._store.insert("faults", id=fault.id, spec=json.dumps(asdict(fault)), remaining=fault.times)
        self._standing.append(_Standing(fault, fault.times, 0))
        return fault

    def remove(self, fault_id: str | None = None) -> list[str]:
        """Remove one fault, or all; returns the ids removed."""
        gone = [item.fault.id for item in self._standing if fault_id in {None, item.fault.id}]
        for identifier in gone:
            self._store.run("DELETE FROM faults WHERE id = ?", identifier)
        self._standing = [item for item in self._standing if item.fault.id not in gone]
        return gone

    def for_request(self, provider: str, method: str, path: str) -> list[Fault]:
        """Use up and return the faults that hit this call."""
        return self._take(
            lambda fault: (
                fault.on == "request"
                and fnmatchcase(provider, fault.provider)
                and fnmatchcase(method, fault.method.upper())
                and fnmatchcase(path, fault.path)
            )
        )

    def for_webhook(self, provider: str, event: str) -> list[Fault]:
        """Use up and return the faults that hit this webhook."""
        return self._take(
            lambda fault: (
                fault.on == "webhook"
                and fnmatchcase(provider, fault.provider)
                and fnmatchcase(event, fault.event)
            )
        )

    def is_spent(self, fault_id: str) -> bool:
        """Whether the fault is gone or has hit as often as it may."""
        return all(item.fault.id != fault_id or item.remaining == 0 for item in self._standing)

    def describe(self) -> list[dict[str, Any]]:
        """The standing faults for the control API."""
        return [
            asdict(item.fault) | {"remaining": item.remaining, "hits": item.hits} for item in self._standing
        ]

    def _take(self, matches: Any) -> list[Fault]:
        taken = []
        for item in self._standing:
            if item.remaining == 0 or not matches(item.fault):
                continue
            if item.skipped < item.fault.skip:
                item.skipped += 1
                continue
            item.hits += 1
            if item.remaining is not None:
                item.remaining -= 1
            self._store.run(
                "UPDATE faults SET remaining = ?, hits = ? WHERE id = ?",
                item.remaining,
                item.hits,
                item.fault.id,
            )
            taken.append(item.fault)
        return taken
