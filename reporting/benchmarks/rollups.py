"""``rollup``: new facts into sums, against the same deltas by bare SQL; reports from sums, against facts.

Two sizes of the ledger, so that growth shows. History is written by statements over whole tables; what is measured is
the product's own path: ``services.rollups.count`` and the selectors of reports.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from campaigns.models import Campaign
from project.core.bench import BenchOptions, BenchResult, Target
from project.core.clock import now
from project.core.db.base import owner_connection
from project.core.scoping import organization_scope, platform_scope
from project.tenancy.models import Client, Organization
from reporting import selectors
from reporting.demo import removal
from reporting.filters import Filters, Period
from reporting.models import Fact
from reporting.selectors_rollups import Grain, of_subjects
from reporting.services import rollups

ORGANIZATIONS: Final = 10
CLIENTS: Final = 20
CAMPAIGNS: Final = 3
DAYS: Final = 360
NEW: Final = 100_000
SIZES: Final = (2_000_000, 20_000_000)
#: Of a hundred facts, which kind each is: about what a campaign over e-mail leaves behind.
_KINDS: Final = (
    "enrolled", "emailed", "delivered", "emailed", "delivered", "emailed", "delivered", "opened", "replied", "positive",
)  # fmt: skip

_MAKE: Final = """
INSERT INTO reporting_fact (id, organization_id, created_at, updated_at, occurred_at, kind, key, client_id, campaign_id,
  enrollment_id, lead_id, sender_id, node_id, variant_id, channel, domain, value, written_in)
SELECT gen_random_uuid(), c.organization_id, now(), now(), at, kind, %(mark)s || n, c.client_id, c.id, who, who,
  md5(c.id::text || n %% 4)::uuid, 'step' || n / 10 %% 5, CASE WHEN n %% 2 = 0 THEN 'a' ELSE 'b' END, 'email',
  'domain' || n %% 40 || '.test', CASE WHEN kind IN ('replied', 'positive') THEN n %% 300000 END, %(transaction)s
FROM (
  SELECT n, (%(kinds)s::text[])[1 + n %% 10] AS kind, md5(%(mark)s || n / 10)::uuid AS who,
    n / 10 %% %(campaigns)s AS place,
    %(since)s::timestamptz + (hashint8(n / 10) & 1048575) / 1048576.0 * %(span)s * interval '1 second' AS at
  FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
) AS made JOIN bench_campaign AS c USING (place)
"""
#: The same deltas as bare SQL: who happened first, and the days of campaigns, clients and organizations.
_RAW: Final = (
    """INSERT INTO bench_first SELECT DISTINCT organization_id, enrollment_id, kind, date_trunc('hour', occurred_at)
    FROM bench_new ON CONFLICT DO NOTHING""",
    """INSERT INTO bench_day AS d SELECT organization_id, campaign_id, occurred_at::date, kind, count(*),
    count(DISTINCT enrollment_id) FROM bench_new GROUP BY 1, 2, 3, 4
    ON CONFLICT (organization_id, subject_id, day, kind) DO UPDATE SET n = d.n + excluded.n""",
    """INSERT INTO bench_day AS d SELECT organization_id, client_id, occurred_at::date, kind, count(*),
    count(DISTINCT enrollment_id) FROM bench_new GROUP BY 1, 2, 3, 4
    ON CONFLICT (organization_id, subject_id, day, kind) DO UPDATE SET n = d.n + excluded.n""",
    """INSERT INTO bench_day AS d SELECT organization_id, organization_id, occurred_at::date, kind, count(*),
    count(DISTINCT enrollment_id) FROM bench_new GROUP BY 1, 3, 4
    ON CONFLICT (organization_id, subject_id, day, kind) DO UPDATE SET n = d.n + excluded.n""",
)


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
            options.say(f"rollup: {size:,} facts")
            _history(written, size)
            written = size
            for organization in organizations:
                with organization_scope(organization.id):
                    rollups.rebuild()
            _settle()
            rounds = [
                _round(organizations, new, f"r{size}-{number}-")
                for number in range(2 if options.quick else 3)
            ]
            found.append(
                {key: statistics.median(one[key] for one in rounds) for key in rounds[0]}
                | _reports(organizations[0], 3 if options.quick else 7)
            )
            options.say("rollup: " + ", ".join(f"{key} {value:.1f}" for key, value in found[-1].items()))
    small, large = found
    ratios = {
        "count_to_raw": large["count_ms"] / large["raw_ms"],
        "client_direct_to_report": large["client_direct_ms"] / large["client_ms"],
        "organization_direct_to_report": large["organization_direct_ms"] / large["organization_ms"],
        "count_growth": large["count_ms"] / small["count_ms"],
        "report_page_ms": large["page_ms"],
    }
    return BenchResult(
        name="rollup",
        figures={
            **{f"{key}_{sizes[0]}": value for key, value in small.items()},
            **large,
            "facts": sizes[1],
            "new": new,
        },
        baseline={"raw_ms": large["raw_ms"], "client_direct_ms": large["client_direct_ms"]},
        ratios=ratios,
        targets={
            "count_to_raw": Target(3.0, "at_most"),
            "client_direct_to_report": Target(10.0, "at_least"),
            "organization_direct_to_report": Target(10.0, "at_least"),
            "count_growth": Target(1.2, "at_most"),
            "report_page_ms": Target(300.0, "at_most"),
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
            " row_number() OVER (ORDER BY id) - 1 AS place FROM campaigns_campaign"
        )
        cursor.execute(
            "CREATE TABLE bench_first (organization_id uuid, contact_id uuid, kind text, hour timestamptz,"
            " PRIMARY KEY (organization_id, contact_id, kind))"
        )
        cursor.execute(
            "CREATE TABLE bench_day (organization_id uuid, subject_id uuid, day date, kind text, n bigint,"
            " people bigint, PRIMARY KEY (organization_id, subject_id, day, kind))"
        )
        cursor.execute("CREATE TABLE bench_new (LIKE reporting_fact)")
    try:
        yield made
    finally:
        _remove()


def _remove() -> None:
    with owner_connection(), platform_scope("benchmark"), connection.cursor() as cursor:
        cursor.execute("DROP TABLE bench_campaign, bench_first, bench_day, bench_new")
        cursor.execute("TRUNCATE reporting_fact, reporting_rollup, reporting_firstfact")
    for number in range(ORGANIZATIONS):
        removal.remove(f"bench-{number}")


def _history(written: int, size: int) -> None:
    """Fill the ledger up to ``size``, spread over a year, without its indexes meanwhile."""
    with owner_connection(), platform_scope("benchmark"), connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")
        cursor.execute("SET maintenance_work_mem = '512MB'")
        _make(cursor, "history-", written, size - 1, now() - timedelta(days=DAYS), DAYS * 86_400, 1)
        # What the bare deltas go into is as large as the product's own.
        cursor.execute(
            "INSERT INTO bench_first SELECT DISTINCT organization_id, enrollment_id, kind,"
            " date_trunc('hour', occurred_at) FROM reporting_fact ON CONFLICT DO NOTHING"
        )
        for subject in ("campaign_id", "client_id", "organization_id"):
            cursor.execute(
                f"INSERT INTO bench_day SELECT organization_id, {subject}, occurred_at::date, kind, count(*), 0"  # noqa: S608
                " FROM reporting_fact GROUP BY 1, 2, 3, 4 ON CONFLICT DO NOTHING"
            )


def _make(cursor: Any, mark: str, first: int, last: int, since: Any, span: int, written_in: int) -> None:
    cursor.execute(
        _MAKE,
        {
            "mark": mark, "first": first, "last": last, "since": since, "span": span, "transaction": written_in,
            "kinds": list(_KINDS), "campaigns": ORGANIZATIONS * CLIENTS * CAMPAIGNS,
        },
    )  # fmt: skip


def _settle() -> None:
    with owner_connection(), connection.cursor() as cursor:
        for table in (
            "reporting_fact",
            "reporting_rollup",
            "reporting_firstfact",
            "bench_first",
            "bench_day",
        ):
            cursor.execute(f"VACUUM (ANALYZE) {table}")


def _round(organizations: list[Organization], new: int, mark: str) -> dict[str, float]:
    """New facts of the last day, one in a hundred of them two weeks late: counted, and added up by bare SQL."""
    with owner_connection(), platform_scope("benchmark"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id()::text::bigint")
        (written_in,) = cursor.fetchone()
        _make(cursor, mark, 0, new - 1, now() - timedelta(days=1), 86_400, written_in)
        cursor.execute(
            "UPDATE reporting_fact SET occurred_at = occurred_at - interval '14 days'"
            " WHERE written_in = %s AND hashtext(key) %% 100 = 0",
            [written_in],
        )
        cursor.execute("TRUNCATE bench_new")
        cursor.execute(
            "INSERT INTO bench_new SELECT * FROM reporting_fact WHERE written_in = %s", [written_in]
        )
        cursor.execute("ANALYZE bench_new")
    counted = raw = 0.0
    with owner_connection(), platform_scope("benchmark"), connection.cursor() as cursor:
        raw = _timed(lambda: [cursor.execute(sql) for sql in _RAW])
    for organization in organizations:
        with organization_scope(organization.id):
            counted += _timed(rollups.count)
    return {"raw_ms": raw, "count_ms": counted}


def _reports(organization: Organization, rounds: int) -> dict[str, float]:
    """Ninety days of one client and of all clients: from sums, and from facts; and a whole report."""
    times: dict[str, list[float]] = {}
    with organization_scope(organization.id):
        clients = list(Client.objects.order_by("id"))
        period = Period.last_days(90, ZoneInfo("UTC"))
        filters = Filters.of({"days": "90"}, ZoneInfo("UTC"))
        asked: dict[str, Callable[[], Any]] = {
            "client_ms": lambda: of_subjects(Grain.CLIENT, [clients[0].id], period),
            "client_direct_ms": lambda: _direct(period, clients[:1]),
            "organization_ms": lambda: of_subjects(Grain.CLIENT, [one.id for one in clients], period),
            "organization_direct_ms": lambda: _direct(period, clients),
            "page_ms": lambda: selectors.client_report(clients[0], filters),
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
