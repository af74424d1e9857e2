"""Counting facts: increments below a safe transaction, rebuilds, and the proof that both say the same."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction

from project.core.clock import now
from project.core.scoping import current_organization_id
from project.tenancy.models import Client
from reporting import counting, streams
from reporting.models import FactRetraction, FirstFact, Rollup, RollupState

#: Below this, figures count as fresh; above it pages say since when they stand still.
FRESH: Final = timedelta(seconds=60)
#: For the rest of the transaction. The planner does not know how many facts are new and takes them for a handful, which
#: it would compare one by one: for thousands that takes for ever. What is to be looked up one by one says so itself.
_PLANNING: Final = (
    "SELECT set_config('enable_nestloop', 'off', true), set_config('jit', 'off', true),"
    " set_config('work_mem', '64MB', true)"
)
#: As an instant or a day: before all others.
_NEVER: Final = "-infinity"


@dataclass(frozen=True, slots=True)
class Difference:
    """One stored sum that a fresh count does not confirm: (n, people) as stored, and as counted."""

    grain: str
    subject_id: UUID
    day: str
    part: str
    kind: str
    stored: tuple[int, int]
    counted: tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Look:
    """How far can be counted now, and what that says of the clock."""

    #: Below this transaction everything has ended: what is written below it is seen, or never will be.
    high: int
    #: Everything that was committed before ``at`` lies below this transaction: our own, which began after it.
    own: int
    at: datetime

    @classmethod
    def at_once(cls, at: datetime, below: int | None) -> _Look:
        """Look; ``at`` is from before this transaction wrote or locked anything."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_current_xact_id()::text::bigint, pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
            )
            own, high = cursor.fetchone()
        return cls(high, own, at) if below is None else cls(below, below, at)

    def clock(self, state: RollupState) -> dict[str, Any]:
        """What the state says of the time then: how late it is, never later than what a slow writer lets be counted.

        While one holds the horizon up, the first look that it was seen at is waited for: once the horizon passes that,
        everything from before it is counted.
        """
        if self.high >= self.own:
            return {"counted_at": self.at, "awaited_below": None, "awaited_at": None}
        if state.awaited_below is None:
            return {"awaited_below": self.own, "awaited_at": self.at}
        if self.high >= state.awaited_below:
            return {"counted_at": state.awaited_at, "awaited_below": self.own, "awaited_at": self.at}
        return {}


@transaction.atomic
def count(*, below: int | None = None) -> int:
    """Count what is new in the organization of the scope; return how many sums changed.

    One count at a time per organization: while another goes on (a rebuild may take minutes) nothing is waited for and
    nothing done; the next tick counts. The first one, and the first after a client's time zone was changed, count
    from the beginning. ``below`` is for tests: the transaction to count to.
    """
    at = now()
    state = RollupState.objects.select_for_update(skip_locked=True).first()
    if state is None:
        return 0 if RollupState.objects.exists() else rebuild(below=below)
    look = _Look.at_once(at, below)
    changed = _follow_zones(state)
    if look.high > state.counted_below:
        changed += _increment(state, look.high)
    RollupState.objects.filter(id=state.id).update(
        counted_below=max(look.high, state.counted_below),
        zones=state.zones,
        updated_at=at,
        **look.clock(state),
    )
    return changed


def _increment(state: RollupState, high: int) -> int:
    low = state.counted_below
    given: dict[str, Any] = {"organization": state.organization_id, "low": low, "high": high}
    with connection.cursor() as cursor:
        cursor.execute(counting.CLIENTS, given)
        told = cursor.fetchall()
        if not told:
            return 0
        clients, is_taken_back = [row[0] for row in told], any(row[1] for row in told)
        gone = []
        if is_taken_back:
            cursor.execute(counting.FORGET, given)
            gone = cursor.fetchall()
    forgotten = {"forgotten": state.forgotten_before or _NEVER, "since": _NEVER}
    changed = _run(counting.NEW, {**given, **forgotten}, state.zones, gone=gone)
    if is_taken_back:
        # What has been subtracted is not needed any more; later ones are.
        FactRetraction.objects.filter(written_in__lt=high).delete()
        with connection.cursor() as cursor:
            cursor.execute(counting.FORGET_DOMAINS, {**given, "clients": clients})
    streams.reports_changed(clients)
    return changed


@transaction.atomic
def rebuild(*, below: int | None = None) -> int:
    """Count everything from the facts that are kept; return how many sums were written.

    Sums of days whose facts are not kept any more (``RollupState.forgotten_before``) stay as they are.
    """
    organization_id = current_organization_id()
    at, zones = now(), _zones()
    state, _ = RollupState.objects.select_for_update().get_or_create(
        organization_id=organization_id, defaults={"counted_below": 0}
    )
    look = _Look.at_once(at, below)
    made = _anew(state, look.high, zones)
    FactRetraction.objects.filter(written_in__lt=look.high).delete()
    RollupState.objects.filter(id=state.id).update(
        counted_below=look.high, zones=zones, rebuilt_at=at, updated_at=at, **look.clock(state)
    )
    streams.reports_changed([UUID(client_id) for client_id in zones])
    return made


def _anew(state: RollupState, high: int, zones: dict[str, str], clients: Sequence[UUID] | None = None) -> int:
    """Count the days whose facts are all kept anew, of some clients or all."""
    given = {"organization": state.organization_id, "low": 0, "high": high, **_kept(state)}
    rows = Rollup.objects.all() if clients is None else Rollup.objects.filter(client_id__in=clients)
    (rows if state.forgotten_before is None else rows.filter(day__gte=given["since"])).delete()
    with connection.cursor() as cursor:
        wanted = list(clients) if clients is not None else None
        cursor.execute(counting.FORGET_FIRSTS, {**given, "clients": wanted, "zones": json.dumps(zones)})
    return _run(counting.ALL, given, zones, clients=clients)


def _kept(state: RollupState) -> dict[str, Any]:
    """What ``counting`` wants to know of facts that are gone.

    The first day of which they are all there, in every time zone, is the one after that on which they begin.
    """
    if state.forgotten_before is None:
        return {"forgotten": _NEVER, "since": _NEVER}
    return {
        "forgotten": state.forgotten_before,
        "since": state.forgotten_before.astimezone(UTC).date() + timedelta(days=1),
    }


def _follow_zones(state: RollupState) -> int:
    """Count the days of clients anew whose time zone was changed; ``state.zones`` is brought up to date."""
    zones = _zones()
    moved = [UUID(key) for key, zone in zones.items() if state.zones.get(key, zone) != zone]
    state.zones = zones
    if not moved:
        return 0
    made = _anew(state, state.counted_below, zones, moved)
    Rollup.objects.filter(grain=Rollup.Grain.ORGANIZATION).delete()
    with connection.cursor() as cursor:
        cursor.execute(counting.ORGANIZATION, {"organization": state.organization_id})
    streams.reports_changed(moved)
    return made


def differences() -> list[Difference]:
    """Count everything anew beside what is stored, and return where that differs (100 at most).

    Facts and sums are seen as they were at one instant, without a lock: counting goes on meanwhile.
    """
    if connection.in_atomic_block:  # a test's
        return _differences()
    with connection.cursor() as cursor:
        # Nothing may go before the level of a transaction, not even telling the server the scope: that is done here.
        cursor.execute("SELECT 1")
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        return _differences()


def _differences() -> list[Difference]:
    state = RollupState.objects.first()
    if state is None:
        return []
    given: dict[str, Any] = {
        "organization": state.organization_id, "low": 0, "high": state.counted_below, **_kept(state),
    }  # fmt: skip
    with connection.cursor() as cursor:
        for name, model in (("counted_rollup", Rollup), ("counted_first", FirstFact)):
            cursor.execute(
                f"CREATE TEMP TABLE {name} (LIKE {model._meta.db_table} INCLUDING INDEXES) ON COMMIT DROP"
            )
        cursor.execute(counting.KEPT_FIRSTS, {**given, "zones": json.dumps(state.zones)})
        _run(counting.ALL, given, state.zones, rollup="counted_rollup", first="counted_first")
        cursor.execute(counting.DIFFERENCES, given)
        found = [
            Difference(grain, subject, f"{day}", part, kind, (n, people), (fresh_n, fresh_people))
            for grain, subject, day, part, kind, n, fresh_n, people, fresh_people in cursor.fetchall()
        ]
        cursor.execute("DROP TABLE counted_rollup, counted_first")
    return found


def _run(
    source: str,
    given: dict[str, Any],
    zones: dict[str, str],
    *,
    clients: Sequence[UUID] | None = None,
    gone: Sequence[tuple[Any, ...]] = (),
    rollup: str = "reporting_rollup",
    first: str = "reporting_firstfact",
) -> int:
    contacts, kinds, facts, leads = (
        (list(column) for column in zip(*gone, strict=True)) if gone else ([],) * 4
    )
    with connection.cursor() as cursor:
        cursor.execute(_PLANNING)
        cursor.execute(
            counting.statement(source, rollup=rollup, first=first, has_gone=bool(gone)),
            {
                **given,
                "clients": list(clients) if clients is not None else None,
                "zones": json.dumps(zones),
                "gone_contacts": contacts,
                "gone_kinds": kinds,
                "gone_facts": facts,
                "gone_leads": leads,
            },
        )
        return int(cursor.rowcount)


def _zones() -> dict[str, str]:
    return {str(client_id): zone for client_id, zone in Client.objects.values_list("id", "time_zone")}


def counted_at() -> datetime | None:
    """Until when everything that was stored is in the figures; ``None`` before the first count."""
    found: datetime | None = RollupState.objects.values_list("counted_at", flat=True).first()
    return found
