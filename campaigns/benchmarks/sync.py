"""``sync``: a connection's leads and an account's messages reconciled against the sandbox, everything known already.

The product path is ``integrations.services.reconciliation.run``, turn by turn, through the adapters, with row-level
security. Beside it, in the same run: the same requests and nothing else. Messages are those of one LinkedIn account
(100 to a page), leads those of one Smartlead campaign (100 to a page): the sandbox's other lists have no pages of that
size.
"""

from __future__ import annotations

import http.client
import json
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode, urlsplit
from uuid import UUID

from django.db import connection as database
from django.test import override_settings

from campaigns.benchmarks.world import World, world
from campaigns.models import Campaign, CampaignMirror
from integrations.models import Connection, ReconciliationReport, SenderAccount
from integrations.sandbox.server import open_world
from integrations.sandbox.testing import SandboxHandle, running_sandbox
from integrations.services import connections, reconciliation
from project.core.bench import BenchOptions, BenchResult, Target, median_of
from project.core.clock import now
from project.core.db.base import owner_connection
from project.core.scoping import organization_scope, platform_scope

ACCOUNT: Final = "acc_bench"
KEY: Final = "sandbox-key"
MESSAGES_EACH: Final = 4
PAGE: Final = 100

_EVENT_KEYS = """
INSERT INTO integrations_providereventkey (id, organization_id, created_at, updated_at, sender_id, key, event_id)
SELECT gen_random_uuid(), %(organization)s, %(now)s, %(now)s, %(sender)s,
    'message_received:' || %(account)s || ':n-' || n, gen_random_uuid()
FROM generate_series(1, %(messages)s) AS n
"""
_EVENTS = """
INSERT INTO integrations_providerevent (id, organization_id, created_at, updated_at, recorded_at, occurred_at,
    sender_id, kind, source, dedupe_key, payload, outcome)
SELECT event_id, organization_id, %(now)s, %(now)s, %(now)s,
    %(start)s + make_interval(secs => 60 * split_part(key, ':n-', 2)::int), sender_id, 'message_received', 'webhook',
    key, '{"direction": "inbound"}', '{}'
FROM integrations_providereventkey WHERE organization_id = %(organization)s
"""
_PEOPLE = """
INSERT INTO campaigns_enrollmentmirror (id, organization_id, created_at, updated_at, mirror_id, enrollment_id, key,
    state, attempts, not_before, reason, provider_lead_id, membership_id, status, raw_status, category, step_number)
SELECT gen_random_uuid(), organization_id, %(now)s, %(now)s, %(mirror)s, id, 'lead' || n || '@bench.test', 'added', 0,
    %(now)s, '', n::text, n::text, 'pending', 'STARTED', '', 0
FROM (SELECT id, organization_id, row_number() OVER (ORDER BY id) AS n FROM campaigns_enrollment
    WHERE organization_id = %(organization)s) AS numbered
"""
_TABLES: Final = (
    "integrations_reconciliationreport", "campaigns_enrollmentmirror", "campaigns_campaignmirror",
    "integrations_providerevent", "integrations_providereventkey",
)  # fmt: skip


def sync(options: BenchOptions) -> BenchResult:
    """Measure at two sizes; the larger one in three rounds, interleaved, median."""
    small, large, rounds = (300, 3_000, 1) if options.quick else (5_000, 50_000, 2)
    at_small, _memory, _writes = _at(small, rounds, options)
    figures, grown_mb, writes = _at(large, rounds, options)
    per_small = at_small["product_s"] / at_small["records"]
    per_large = figures["product_s"] / figures["records"]
    return BenchResult(
        name="sync",
        figures={
            **figures,
            "leads": large,
            "messages": large * MESSAGES_EACH,
            "records_per_s": figures["records"] / figures["product_s"],
            "memory_grown_mb": grown_mb,
            "writes": writes,
        },
        baseline={"calls_alone_s": figures["calls_s"], "small_leads": small, "small": at_small},
        ratios={
            "of_calls_alone": figures["product_s"] / figures["calls_s"],
            "writes_of_unchanged": float(writes),
            "memory_grown_mb": grown_mb,
            "cost_per_record_growth": per_large / per_small,
        },
        targets={
            "of_calls_alone": Target(3.0, "at_most"),
            "writes_of_unchanged": Target(0.0, "at_most"),
            "memory_grown_mb": Target(40.0, "at_most"),
            "cost_per_record_growth": Target(1.2, "at_most"),
        },
    )


def _at(leads: int, rounds: int, options: BenchOptions) -> tuple[dict[str, float], float, int]:
    """Return the figures of one size, by how much memory grew over the rounds, and how many rows were written."""
    with (
        tempfile.TemporaryDirectory() as folder,
        world(leads, organizations=1, senders=1) as made,
        _outside(Path(folder), leads) as sandbox,
        _settings(sandbox),
    ):
        organization_id = made.organizations[0]
        mine = _connections(organization_id, leads)
        try:
            # A first pass fills caches and pools; what grows after it would grow on.
            writes = _reconcile(organization_id, mine)[1]
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            found = []
            for number in range(rounds):
                options.say(f"sync: {leads:,} leads, round {number + 1} of {rounds}")
                calls = _calls_alone(sandbox, leads)
                product, written = _reconcile(organization_id, mine)
                writes = max(writes, written)
                found.append(
                    {"calls_s": calls, "product_s": product, "records": float(leads * (1 + MESSAGES_EACH))}
                )
            grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
            return median_of(found), grown, writes
        finally:
            _remove(made)


@contextmanager
def _outside(folder: Path, leads: int) -> Iterator[SandboxHandle]:
    """A sandbox, as a process of its own, with one seat and one campaign."""
    filled = open_world(folder, seed=None, speed=0.0)
    store, start = filled.store, _start()
    with store.transaction():
        filled.people.meet("Erik Bench")
        store.insert(
            "unipile_accounts", id=ACCOUNT, provider_id="ACoAABbench", slug="erik-bench", username="erik@bench.test",
            name="Erik Bench", created_at=start.isoformat(), status="OK", features="[]", inmail_credits=0,
        )  # fmt: skip
        people = [filled.people.meet(f"person-{number}").provider_id for number in range(50)]
        for number, person in enumerate(people):
            store.insert(
                "unipile_chats", id=f"chat-{number}", thread_id=f"2-{number}", account_id=ACCOUNT,
                members=json.dumps([person]), other=person, at=_stamp(start, 1),
            )  # fmt: skip
        for number in range(1, leads * MESSAGES_EACH + 1):
            chat = number % 50
            store.insert(
                "unipile_messages", id=f"m-{number}", provider_id=f"n-{number}", chat_id=f"chat-{chat}",
                account_id=ACCOUNT, sender_id=people[chat], is_sender=0, text=f"Text {number}",
                at=_stamp(start, number), message_type="MESSAGE",
            )  # fmt: skip
        campaign = store.insert(
            "runs_campaigns", p="smartlead", name="Bench", status="running", created_at=start.isoformat(),
            updated_at=start.isoformat(),
        )  # fmt: skip
        for number in range(1, leads + 1):
            slug = f"lead{number}@bench.test"
            lead = store.insert(
                "runs_leads",
                p="smartlead",
                slug=slug,
                fields=json.dumps({"email": slug}),
                created_at=start.isoformat(),
            )
            store.insert(
                "runs_members",
                campaign_id=campaign,
                lead_id=lead,
                status="pending",
                created_at=start.isoformat(),
            )
    store.close()
    with running_sandbox(data_dir=folder, seed=None, process=True) as handle:
        yield handle


def _start() -> datetime:
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=160)


def _stamp(start: datetime, number: int) -> str:
    return (start + timedelta(minutes=number)).strftime("%Y-%m-%dT%H:%M:%S.000Z")


@contextmanager
def _settings(sandbox: SandboxHandle) -> Iterator[None]:
    addresses = {"UNIPILE_BASE_URL": sandbox.unipile_url, "SMARTLEAD_BASE_URL": sandbox.url_of("smartlead")}
    with override_settings(REQUEST_RATES={}, **addresses):
        yield


def _connections(organization_id: UUID, leads: int) -> list[Connection]:
    """The two connections, with everything that the provider has known already."""
    with organization_scope(organization_id):
        sender = SenderAccount.objects.select_related("connection").get()
        chats = connections.create(provider="unipile", name="Unipile", credentials={"api_key": KEY})
        runs = connections.create(provider="smartlead", name="Smartlead", credentials={"api_key": KEY})
        SenderAccount.objects.filter(id=sender.id).update(connection=chats, provider_account_id=ACCOUNT)
        mirror = CampaignMirror.objects.create(
            campaign=Campaign.objects.get(), connection=runs, provider_campaign_id="1", status="running",
            raw_status="ACTIVE",
        )  # fmt: skip
    values = {
        "organization": organization_id, "sender": sender.id, "account": ACCOUNT, "mirror": mirror.id, "now": now(),
        "messages": leads * MESSAGES_EACH, "start": _start(),
    }  # fmt: skip
    with owner_connection(), platform_scope("benchmark"), database.cursor() as cursor:
        for statement in (_EVENT_KEYS, _EVENTS, _PEOPLE):
            cursor.execute(statement, values)
        for table in _TABLES:
            cursor.execute(f"VACUUM (ANALYZE) {table}")
    return [runs, chats]


def _reconcile(organization_id: UUID, mine: list[Connection]) -> tuple[float, int]:
    """Reconcile both, applied; return the seconds it took and how many rows were written besides its own progress."""
    written = 0

    def count(execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        nonlocal written
        text = str(sql)
        own = ("reconciliationreport", "streamevent", "streamcounter")
        written += text.startswith(("INSERT", "UPDATE", "DELETE")) and not any(name in text for name in own)
        return execute(sql, params, many, context)

    began = time.perf_counter()
    with organization_scope(organization_id), database.execute_wrapper(count):
        for connection in mine:
            report = reconciliation.request(
                connection=connection, mode="apply", trigger="benchmark", since=_start() - timedelta(days=1)
            )
            if report is None:
                raise RuntimeError("Somebody else reconciles the benchmark's connection.")
            while report.refreshed().state in reconciliation.ACTIVE:
                reconciliation.run(report.id)
            _check(report)
    return time.perf_counter() - began, written


def _check(report: ReconciliationReport) -> None:
    found = {
        name: count for part in report.counts.values() for name, count in part.items() if name != "unchanged"
    }
    if report.state != ReconciliationReport.State.DONE or any(found.values()):
        raise RuntimeError(
            f"It is not as it was filled: {report.state} {report.error} {report.counts} {report.samples}"
        )


def _calls_alone(sandbox: SandboxHandle, leads: int) -> float:
    """The same requests over one connection, answers read and forgotten."""
    began = time.perf_counter()
    chats, runs = urlsplit(sandbox.unipile_url), urlsplit(sandbox.url_of("smartlead"))
    client = http.client.HTTPConnection(chats.netloc, timeout=60)
    cursor: str | None = ""
    while cursor is not None:
        query = {"account_id": ACCOUNT, "limit": PAGE} | ({"cursor": cursor} if cursor else {})
        body = _get(client, f"{chats.path}/api/v1/messages?{urlencode(query)}")
        cursor = body.get("cursor")
    for offset in range(0, leads, PAGE):
        query = {"api_key": KEY, "offset": offset, "limit": PAGE}
        _get(client, f"{runs.path}/campaigns/1/leads?{urlencode(query)}")
    client.close()
    return time.perf_counter() - began


def _get(client: http.client.HTTPConnection, path: str) -> dict[str, Any]:
    client.request("GET", path, headers={"X-API-KEY": KEY, "Accept": "application/json"})
    answer = client.getresponse()
    found: dict[str, Any] = json.loads(answer.read())
    if answer.status != 200:
        raise RuntimeError(f"The sandbox answered {answer.status}: {found}")
    return found


def _remove(made: World) -> None:
    with owner_connection(), platform_scope("remove what a benchmark made"), database.cursor() as cursor:
        for table in _TABLES:
            cursor.execute(f"DELETE FROM {table} WHERE organization_id = ANY(%s)", [made.organizations])  # noqa: S608
