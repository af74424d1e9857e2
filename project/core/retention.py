"""How long ledgers are kept: whole months go once they are old enough and nothing is to be done with them any more.

Rooms register their ledgers with the setting that says for how many months rows are kept (0: for ever). A month goes
as a whole; rows of months that have no partition of their own (they lie in the default one) are deleted in batches.
Whatever is not finished, e.g. a fact that is in no sum yet, holds its month. Run as the owner of the tables, in the
platform scope, outside of any transaction.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Final, LiteralString

import structlog
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError, connection, transaction

from project.core.clock import now
from project.core.partitions import PartitionedByMonth, month_start

log = structlog.get_logger(__name__)

#: Partitions of so many months back are made anew (``ensure_partitions``), so that fewer cannot be kept.
FEWEST_MONTHS: Final = 4
#: How long live work may have to wait for a month to go; then it stays until the next day.
LOCK_WAIT: Final = "2s"
#: Rows of the default partition that one statement deletes, and how many statements one run has.
BATCH: Final = 20_000
BATCHES: Final = 50

_PARTITIONS: Final = """
SELECT child.relname, pg_total_relation_size(child.oid), greatest(child.reltuples, 0)::bigint
FROM pg_inherits JOIN pg_class AS child ON child.oid = pg_inherits.inhrelid
WHERE pg_inherits.inhparent = %s::regclass ORDER BY child.relname
"""


def _nothing(before: datetime) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Ledger:
    """A partitioned table that is not kept for ever."""

    model: type[PartitionedByMonth]
    #: The setting with the number of months.
    setting: str
    #: SQL about a row, ``kept``: nothing is to be done with it any more.
    finished: LiteralString
    #: What a row that is not finished is, e.g. ``in no sum yet``.
    unfinished: str
    #: Called in the transaction in which a month goes, before it does: what lies before this instant is going.
    prepare: Callable[[datetime], None] = _nothing
    #: Called after it: removes what belongs to the rows that went.
    tidy: Callable[[datetime], None] = _nothing

    @property
    def table(self) -> str:
        """Name of the table."""
        return str(self.model._meta.db_table)  # type: ignore[attr-defined]

    @property
    def column(self) -> str:
        """The column by which it is partitioned."""
        return self.model.partition_field

    def before(self, today: date) -> datetime | None:
        """The instant before which rows are not kept; ``None``: all are. Raises ``ImproperlyConfigured``."""
        months = int(getattr(settings, self.setting))
        if not months:
            return None
        if months < FEWEST_MONTHS:
            raise ImproperlyConfigured(f"{self.setting} is 0 (for ever) or at least {FEWEST_MONTHS} months.")
        return _instant(month_start(today, -months))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became, or would become, of a month that is past its time."""

    table: str
    #: The month (``2025-01``), or ``others`` for rows of months without a partition.
    month: str
    #: ``dropped``, ``detached``, ``deleted``, ``would go`` or ``held``.
    did: str
    rows: int
    bytes: int
    #: What holds it.
    why: str = ""


_ledgers: dict[str, Ledger] = {}


def register(ledger: Ledger) -> None:
    """Have a ledger's old months go."""
    _ledgers[ledger.table] = ledger


def run(*, dry_run: bool = False, detach: bool = False) -> list[Outcome]:
    """Let old months go and say what became of each; a dry run changes nothing.

    ``detach``: their tables stay in the database, by themselves, for whoever puts them elsewhere; they are dropped
    otherwise. Raises ``ImproperlyConfigured``.
    """
    today, done = now().date(), list[Outcome]()
    due = [(ledger, ledger.before(today)) for _, ledger in sorted(_ledgers.items())]
    for ledger, before in due:
        if before is None:
            continue
        done += _months(ledger, before, dry_run=dry_run, detach=detach)
        done += _others(ledger, before, dry_run=dry_run)
        if not dry_run:
            ledger.tidy(before)
    for outcome in done:
        log.info("retention", table=outcome.table, month=outcome.month, did=outcome.did, why=outcome.why)
    return done


def _months(ledger: Ledger, before: datetime, *, dry_run: bool, detach: bool) -> list[Outcome]:
    with connection.cursor() as cursor:
        cursor.execute(_PARTITIONS, [ledger.table])
        found = cursor.fetchall()
    done = []
    for name, size, rows in found:
        month = re.fullmatch(rf"{ledger.table}_(\d{{4}})_(\d\d)", name)
        if month is None:
            continue
        first = date(int(month[1]), int(month[2]), 1)
        if _instant(month_start(first, 1)) > before:
            continue
        did, why = _month(ledger, name, month_start(first, 1), dry_run=dry_run, detach=detach)
        done.append(Outcome(ledger.table, f"{first:%Y-%m}", did, rows, size, why))
    return done


def _month(ledger: Ledger, name: str, end: date, *, dry_run: bool, detach: bool) -> tuple[str, str]:
    """What became of one month's partition, and what holds it."""
    if dry_run:
        held = _unfinished(ledger, name, _instant(end))
        return ("held", held) if held else ("would go", "")
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_WAIT}'")
            ledger.prepare(_instant(end))
            # Late rows wait from here on; afterwards they find the default partition.
            cursor.execute(f'LOCK TABLE "{name}" IN SHARE ROW EXCLUSIVE MODE')
            held = _unfinished(ledger, name, _instant(end))
            if held:
                transaction.set_rollback(True)
                return "held", held
            cursor.execute(f'ALTER TABLE "{ledger.table}" DETACH PARTITION "{name}"')
            if not detach:
                cursor.execute(f'DROP TABLE "{name}"')
    except OperationalError as error:
        return "held", f"Others were using it: {str(error).splitlines()[0]}"
    return ("detached" if detach else "dropped"), ""


def _unfinished(ledger: Ledger, table: str, before: datetime) -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            f'SELECT count(*) FROM "{table}" AS kept WHERE "{ledger.column}" < %s AND NOT ({ledger.finished})',  # noqa: S608
            [before],
        )
        count = int(cursor.fetchone()[0])
    return f"{count} of its rows are {ledger.unfinished}." if count else ""


def _others(ledger: Ledger, before: datetime, *, dry_run: bool) -> list[Outcome]:
    """Old rows of the default partition: those that are finished go."""
    name = f"{ledger.table}_default"
    condition = f'"{ledger.column}" < %s AND ({ledger.finished})'
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s)", [name])
        if cursor.fetchone()[0] is None:
            return []
        held = _unfinished(ledger, name, before)
        if dry_run:
            cursor.execute(f'SELECT count(*) FROM "{name}" AS kept WHERE {condition}', [before])  # noqa: S608
            gone = int(cursor.fetchone()[0])
        else:
            gone = _delete(ledger, name, condition, before)
    did = "would go" if dry_run else "deleted"
    return [
        *([Outcome(ledger.table, "others", did, gone, 0)] if gone else []),
        *([Outcome(ledger.table, "others", "held", 0, 0, held)] if held else []),
    ]


def _delete(ledger: Ledger, name: str, condition: str, before: datetime) -> int:
    gone = 0
    for _ in range(BATCHES):
        with transaction.atomic(), connection.cursor() as cursor:
            ledger.prepare(before)
            cursor.execute(
                f'DELETE FROM "{name}" WHERE ctid = ANY(ARRAY('  # noqa: S608
                f'SELECT ctid FROM "{name}" AS kept WHERE {condition} LIMIT {BATCH}))',
                [before],
            )
            gone += cursor.rowcount
            if not cursor.rowcount:
                transaction.set_rollback(True)
            if cursor.rowcount < BATCH:
                break
    return gone


def _instant(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
