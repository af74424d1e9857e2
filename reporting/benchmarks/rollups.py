"""``rollup``: new facts into sums, against the same deltas by bare SQL; reports from sums, against facts.

Pages of reports are asked for as a manager does (``pages``). Two sizes of the ledger, so that growth shows. History
is written by statements over whole tables; what is measured is the product's own path: ``services.rollups.count`` and
the selectors of reports. The baseline writes the same sums and firsts by two bare statements (``_RAW_FIRST``,
``_raw_sums``); how long three kinds of sums take is told beside it.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.db import connection, connections, transaction

from campaigns.models import Campaign
from project.core.bench import BenchOptions, BenchResult, Target
from project.core.clock import now
from project.core.db.base import owner_connection
from project.core.scoping import organization_scope, platform_scope
from project.tenancy.models import Client, Organization
from reporting import counting
from reporting.benchmarks.pages import page_times
from reporting.demo import removal
from reporting.filters import Period
from reporting.models import Fact
from reporting.selectors_rollups import Grain, of_subjects
from reporting.services import rollups

ORGANIZATIONS: Final = 10
CLIENTS: Final = 20
CAMPAIGNS: Final = 3
DAYS: Final = 360
NEW: Final = 100_000
SIZES: Final = (2_000_000, 20_000_000)
#: A campaign runs for the sixth part of a year; on the last day, the sixth part of all campaigns runs.
WINDOWS: Final = 6
#: Of ten facts, which kind each is: about what a campaign over e-mail leaves behind.
_KINDS: Final = (
    "enrolled", "emailed", "delivered", "emailed", "delivered", "emailed", "delivered", "opened", "replied", "positive",
)  # fmt: skip

#: Each person is told of ten times; what is theirs is made once for all ten (``OFFSET 0``).
_MAKE: Final = """
INSERT INTO {table} (id, organization_id, created_at, updated_at, occurred_at, kind, key, client_id, campaign_id,
  enrollment_id, lead_id, sender_id, node_id, variant_id, channel, domain, value, written_in)
SELECT gen_random_uuid(), organization_id, at, at, at, (%(kinds)s::text[])[1 + k], %(mark)s || n, client_id,
  campaign_id, who, who, senders[1 + n %% 4], 'step' || person %% 5,
  CASE WHEN n %% 2 = 0 THEN 'a' ELSE 'b' END, 'email',
  'domain' || n %% 40 || '.test', CASE WHEN k >= 8 THEN n %% 300000 END, %(transaction)s
FROM (
  SELECT person, md5(%(mark)s || person)::uuid AS who, c.organization_id, c.client_id, c.id AS campaign_id, c.senders,
    %(since)s::timestamptz + (place %% %(windows)s + (hashint8(person) & 1048575) / 1048576.0)
      * %(span)s / %(windows)s * interval '1 second' AS at
  FROM generate_series(%(first)s::bigint / 10, %(last)s::bigint / 10) AS person
  JOIN bench_campaign AS c ON c.place = person %% %(fewer)s * %(stride)s + %(offset)s
  OFFSET 0
) AS people CROSS JOIN generate_series(0, 9) AS k CROSS JOIN LATERAL (SELECT person * 10 + k AS n) AS numbered
"""
#: The same sums as bare SQL, into tables of the same columns and keys: whom it happened to first, and every sum that
#: the product writes of these facts. One pass over all organizations, days in UTC, nobody moves because of a late fact,
#: nothing is taken back, no tenancy, and whoever something happens to is taken to be new: the least a count can do.
_RAW_FIRST: Final = f"""
INSERT INTO bench_first (organization_id, contact_id, kind, client_id, first_at, fact_id)
SELECT DISTINCT ON (enrollment_id, counted) organization_id, enrollment_id, counted, client_id, occurred_at, id
FROM bench_new JOIN (VALUES {counting.MEANINGS}) AS meaning (kind, counted, is_people) USING (kind)
ORDER BY enrollment_id, counted, occurred_at, id
ON CONFLICT (organization_id, contact_id, kind) DO NOTHING
"""  # noqa: S608 - statements are built from constants
_RAW_GRAINS: Final = (
    ("organization", "organization_id", "''", "true"),
    ("client", "client_id", "''", "true"),
    ("campaign", "campaign_id", "''", "true"),
    ("sender", "sender_id", "''", "true"),
    ("campaign_sender", "campaign_id", "sender_id::text", "true"),
    ("channel", "campaign_id", "channel", "true"),
    ("step", "campaign_id", "node_id", "true"),
    ("variant", "campaign_id", "node_id || '/' || variant_id", "true"),
    ("domain", "campaign_id", "domain", f"counted IN {counting.DOMAIN_KINDS}"),
    ("hour", "campaign_id", "to_char(occurred_at, 'HH24')", "counted IN ('contacted', 'replied')"),
    ("wait", "campaign_id", counting.WAIT, "counted = 'replied'"),
    (
        "sent_hour",
        "campaign_id",
        "to_char(occurred_at - value * interval '1 second', 'HH24')",
        "counted = 'replied'",
    ),
)


def _raw_sums(grains: Sequence[tuple[str, str, str, str]]) -> str:
    parts = " UNION ALL ".join(
        f"SELECT organization_id, '{grain}' AS grain, {subject} AS subject_id, day, {part} AS part, counted AS kind,"  # noqa: S608
        " (array_agg(client_id))[1] AS client_id, count(*) AS n, count(value) AS timed, coalesce(sum(value), 0) AS s"
        f" FROM told WHERE {which} GROUP BY 1, 3, 4, 5, 6"
        for grain, subject, part, which in grains
    )
    return f"""
    WITH told AS MATERIALIZED (
      SELECT organization_id, client_id, campaign_id, sender_id, channel, node_id, variant_id, domain, value,
        occurred_at AT TIME ZONE 'UTC' AS occurred_at, (occurred_at AT TIME ZONE 'UTC')::date AS day, counted
      FROM bench_new JOIN (VALUES {counting.MEANINGS}) AS meaning (kind, counted, is_people) USING (kind)
    )
    INSERT INTO bench_sum AS known
      (organization_id, grain, subject_id, day, part, kind, client_id, n, people, timed, seconds)
    SELECT organization_id, grain, subject_id, day, part, kind, client_id, n, n, timed, s FROM ({parts}) AS sums
    ON CONFLICT (organization_id, grain, subject_id, day, part, kind) DO UPDATE SET n = known.n + excluded.n,
      people = known.people + excluded.people, timed = known.timed + excluded.timed,
      seconds = known.seconds + excluded.seconds"""  # noqa: S608


class NotEmpty(RuntimeError):
    """The database has organizations: it is somebody's."""


def rollup(options: BenchOptions) -> BenchResult:
    """Measure at two sizes; targets are those of the larger one."""
    sizes = (50_000, 200_000) if options.quick else SIZES
    new = 10_000 if options.quick else NEW
    with _world() as organizations:
        found = []
        written = 0
        for size in sizes:
            options.say(
                f"rollup: {size:,} facts, written in {_timed(partial(_history, written, size)) / 1e3:.0f} s"
            )
            written = size
            options.say(f"rollup: counted in {_timed(partial(_rebuild, organizations)) / 1e3:.0f} s")
            options.say(f"rollup: baseline copied in {_timed(_settle) / 1e3:.0f} s")
            rounds = [
                _round(organizations, new, f"r{size}-{number}-")
                for number in range(2 if options.quick else 3)
            ]
            found.append(
                {key: statistics.median(one[key] for one in rounds) for key in rounds[0]}
                | _reports(organizations[0], 3 if options.quick else 7)
                | page_times(organizations[0], 3 if options.quick else 5)
            )
            options.say("rollup: " + ", ".join(f"{key} {value:.1f}" for key, value in found[-1].items()))
    small, large = found
    ratios = {
        "count_to_raw": large["count_ms"] / large["raw_ms"],
        "count_to_raw_of_three_grains": large["count_ms"] / large["raw_of_three_grains_ms"],
        "client_direct_to_report": large["client_direct_ms"] / large["client_ms"],
        "organization_direct_to_report": large["organization_direct_ms"] / large["organization_ms"],
        "count_growth": large["count_ms"] / small["count_ms"],
        "slowest_page_ms": max(value for name, value in large.items() if name.startswith("page_")),
    }
    return BenchResult(
        name="rollup",
        figures={
            **{f"{key}_{sizes[0]}": value for key, value in small.items()},
            **large,
            "facts": sizes[1],
            "new": new,
        },
        baseline={
            "raw_ms": large["raw_ms"],
            "raw_of_three_grains_ms": large["raw_of_three_grains_ms"],
            "client_direct_ms": large["client_direct_ms"],
        },
        ratios=ratios,
        targets={
            "count_to_raw": Target(3.0, "at_most"),
            "count_to_raw_of_three_grains": Target(3.0, "at_most"),
            "client_direct_to_report": Target(10.0, "at_least"),
            "organization_direct_to_report": Target(10.0, "at_least"),
            "count_growth": Target(1.2, "at_most"),
            "slowest_page_ms": Target(300.0, "at_most"),
        },
    )


@contextmanager
def _world() -> Iterator[list[Organization]]:
    with platform_scope("see whether this database is somebody's"):
        if Organization.objects.exists():
            raise NotEmpty("This database has organizations. Use make bench, which takes a throw-away one.")
    made = [Organization.objects.create(name=f"Agency {n}", slug=f"bench-{n}") for n in range(ORGANIZATIONS)]
    for organization in made:
        with organization_scope(organization.id):
            for n in range(CLIENTS):
                client = Client.objects.create(name=f"Client {n}", slug=f"c{n}", colour=n % 8 + 1)
                for number in range(CAMPAIGNS):
                    Campaign.objects.create(client=client, name=f"Campaign {number}")
    with owner_connection(), platform_scope("benchmark"), connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE bench_campaign AS SELECT organization_id, client_id, id,"
            " row_number() OVER (ORDER BY id) - 1 AS place,"
            " ARRAY(SELECT md5(id::text || n)::uuid FROM generate_series(0, 3) AS n) AS senders FROM campaigns_campaign"
        )
        cursor.execute("CREATE TABLE bench_new (LIKE reporting_fact)")
    try:
        yield made
    finally:
        _remove()


def _remove() -> None:
    with owner_connection(), platform_scope("benchmark"), connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS bench_campaign, bench_first, bench_sum, bench_new")
        cursor.execute("TRUNCATE reporting_fact, reporting_rollup, reporting_firstfact")
    for number in range(ORGANIZATIONS):
        removal.remove(f"bench-{number}")


def _history(written: int, size: int) -> None:
    """Fill the ledger up to ``size``, spread over a year; its indexes are built afterwards."""
    with owner_connection(), platform_scope("benchmark"), connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")
        cursor.execute("SET maintenance_work_mem = '512MB'")
        with _without_indexes(cursor, "reporting_fact"):
            _make(cursor, "history-", written, size - 1, now() - timedelta(days=DAYS), DAYS * 86_400, 1)


@contextmanager
def _without_indexes(cursor: Any, table: str) -> Iterator[None]:
    """Take the indexes of a partitioned table away, but for its primary key, and build them again."""
    cursor.execute(
        "SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid), c.conname, pg_get_constraintdef(c.oid)"
        " FROM pg_index AS i LEFT JOIN pg_constraint AS c ON c.conindid = i.indexrelid AND c.conrelid = i.indrelid"
        " WHERE i.indrelid = %s::regclass AND NOT i.indisprimary",
        [table],
    )
    found = cursor.fetchall()
    for index, _, constraint, _ in found:
        cursor.execute(
            f"ALTER TABLE {table} DROP CONSTRAINT {constraint}" if constraint else f"DROP INDEX {index}"
        )
    yield
    for _, index, constraint, rule in found:
        whole = index.replace(" ON ONLY ", " ON ")
        cursor.execute(f"ALTER TABLE {table} ADD CONSTRAINT {constraint} {rule}" if constraint else whole)


def _rebuild(organizations: list[Organization]) -> None:
    """Count all facts, two organizations at a time."""

    def one(organization: Organization) -> None:
        try:
            with organization_scope(organization.id):
                rollups.rebuild()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(one, organizations))


def _make(
    cursor: Any,
    mark: str,
    first: int,
    last: int,
    since: Any,
    span: int,
    written_in: int,
    *,
    is_new: bool = False,
) -> None:
    campaigns = ORGANIZATIONS * CLIENTS * CAMPAIGNS
    fewer, stride, offset = (campaigns // WINDOWS, WINDOWS, WINDOWS - 1) if is_new else (campaigns, 1, 0)
    cursor.execute(
        _MAKE.format(table="bench_new" if is_new else "reporting_fact"),
        {
            "mark": mark, "first": first, "last": last, "since": since, "span": span, "transaction": written_in,
            "kinds": list(_KINDS), "fewer": fewer, "stride": stride, "offset": offset,
            "windows": 1 if is_new else WINDOWS,
        },
    )  # fmt: skip


def _settle() -> None:
    """What the bare statements write into is the product's own, with its keys; and all of it is at rest."""
    with owner_connection(), platform_scope("benchmark"), connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")
        cursor.execute("SET maintenance_work_mem = '512MB'")
        for ours, theirs in (("bench_first", "reporting_firstfact"), ("bench_sum", "reporting_rollup")):
            cursor.execute(f"DROP TABLE IF EXISTS {ours}")
            cursor.execute(f"CREATE TABLE {ours} (LIKE {theirs} INCLUDING DEFAULTS INCLUDING STORAGE)")
            if ours == "bench_sum":
                cursor.execute("ALTER TABLE bench_sum SET (fillfactor = 80)")
            cursor.execute(f"INSERT INTO {ours} SELECT * FROM {theirs}")  # noqa: S608 - names of tables
            cursor.execute(
                "SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = %s::regclass", [theirs]
            )
            for number, (definition,) in enumerate(cursor.fetchall()):
                columns = definition[definition.index("(") :]
                unique = "UNIQUE" if "UNIQUE" in definition else ""
                cursor.execute(f"CREATE {unique} INDEX {ours}_{number} ON {ours} USING btree {columns}")
        for table in (
            "reporting_fact",
            "reporting_rollup",
            "reporting_firstfact",
            "bench_first",
            "bench_sum",
        ):
            cursor.execute(f"VACUUM (ANALYZE) {table}")


def _round(organizations: list[Organization], new: int, mark: str) -> dict[str, float]:
    """New facts of the last day, one in a hundred of them two weeks late: added up by bare SQL, and counted."""
    with owner_connection(), platform_scope("benchmark"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id()::text::bigint")
        (written_in,) = cursor.fetchone()
        cursor.execute("TRUNCATE bench_new")
        _make(cursor, mark, 0, new - 1, now() - timedelta(days=1), 86_400, written_in, is_new=True)
        cursor.execute(
            "UPDATE bench_new SET occurred_at = occurred_at - interval '14 days' WHERE hashtext(key) % 100 = 0"
        )
        cursor.execute("INSERT INTO reporting_fact SELECT * FROM bench_new")
        cursor.execute("ANALYZE bench_new")
    with owner_connection(), platform_scope("benchmark"), connection.cursor() as cursor:
        cursor.execute("SET work_mem = '64MB'")  # as much as the product gives itself
        firsts = _timed(lambda: cursor.execute(_RAW_FIRST))
        raw = firsts + _timed(lambda: cursor.execute(_raw_sums(_RAW_GRAINS)))
        # For comparison with what others keep: days of organizations, clients and campaigns alone.
        with transaction.atomic():
            three = firsts + _timed(lambda: cursor.execute(_raw_sums(_RAW_GRAINS[:3])))
            transaction.set_rollback(True)
    counted = 0.0
    for organization in organizations:
        with organization_scope(organization.id):
            counted += _timed(rollups.count)
    return {"raw_ms": raw, "raw_of_three_grains_ms": three, "count_ms": counted}


def _reports(organization: Organization, rounds: int) -> dict[str, float]:
    """Ninety days of one client and of all clients: from sums, and from facts."""
    times: dict[str, list[float]] = {}
    with organization_scope(organization.id):
        clients = list(Client.objects.order_by("id"))
        # Campaigns are dealt out in order: the second client's run in the last three parts of the year.
        one = clients[1]
        period = Period.last_days(90, ZoneInfo("UTC"))
        asked: dict[str, Callable[[], Any]] = {
            "client_ms": lambda: of_subjects(Grain.CLIENT, [one.id], period),
            "client_direct_ms": lambda: _direct(period, [one]),
            "organization_ms": lambda: of_subjects(Grain.CLIENT, [client.id for client in clients], period),
            "organization_direct_ms": lambda: _direct(period, clients),
        }
        for name, ask in asked.items():
            ask()
            times[name] = [_timed(ask) for _ in range(rounds)]
    return {name: statistics.median(found) for name, found in times.items()}


def _direct(period: Period, clients: list[Client]) -> list[Any]:
    """The same people by kind, from the facts."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT client_id, kind, count(*), count(DISTINCT enrollment_id) FROM {Fact._meta.db_table}"  # noqa: S608
            " WHERE client_id = ANY(%s) AND occurred_at >= %s AND occurred_at < %s GROUP BY 1, 2",
            [[client.id for client in clients], period.start, period.end],
        )
        return list(cursor.fetchall())


def _timed(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return 1e3 * (time.perf_counter() - began)
