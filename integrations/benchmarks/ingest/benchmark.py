"""Batches of 100 signed SendGrid events and single Unipile events over HTTP, answered after commit, eight at once;
then the same events normalised and applied.

The product is served as deployments serve it (``manage.py up --only pages``, compose.yaml). Baselines of the same run:
for batches psycopg alone with the events of a batch as one jsonb parameter and ``INSERT .. ON CONFLICT``; for single
events a bare WSGI callable on the same server that inserts the body.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from django.apps import apps
from django.db import connection as database
from django.db import transaction

from integrations.benchmarks.ingest.bare import TABLE
from integrations.domain_events import OutboundChanged
from integrations.models import Connection, OutboundMessage, SenderAccount, WebhookDelivery
from integrations.sandbox.sendgrid import signing
from integrations.services import webhook_runs, webhooks
from project.core import crypto
from project.core.bench import BenchOptions, BenchResult, Target, median_of, percentile
from project.core.db.base import owner_connection
from project.core.embedded import parts
from project.core.events import publish
from project.core.ids import uuid7
from project.core.scoping import no_scope, organization_scope, platform_scope
from project.tenancy.models import Client, Organization

BATCH = 100
CONCURRENCY = 8
SECRET = "benchmark-secret"  # noqa: S105 -- of a connection that lives as long as the benchmark
_EVENTS = ("delivered", "open", "click", "deferred")


@dataclass(frozen=True, slots=True)
class Stage:
    """An organization with a SendGrid and a Unipile connection, a sender of each, and mails that were sent."""

    organization: Any
    sendgrid: Connection
    unipile: Connection
    account: str
    mails: list[str]
    key: str


def ingest(options: BenchOptions) -> BenchResult:
    """Measure how many events are taken in, and how many are applied."""
    batches, singles, rounds = (20, 200, 1) if options.quick else (200, 2000, 3)
    with _stage(mails=batches * BATCH // len(_EVENTS)) as stage, _bare_table():
        with _server("project.wsgi:application") as port:
            _batches(stage, port, 10)  # loads what is loaded once
            taken = [_batches(stage, port, batches) for _ in range(rounds)]
            one_by_one = [_singles(port, stage.unipile, singles) for _ in range(rounds)]
        with _server("integrations.benchmarks.ingest.bare:application") as port:
            _singles(port, stage.unipile, 100)
            bare_singles = [_singles(port, stage.unipile, singles) for _ in range(rounds)]
        limit = [_limit(batches) for _ in range(rounds)]
        applied = _apply(stage, min(batches, 60))
    batch, single = median_of(taken), median_of(one_by_one)
    options.say(f"ingest: {batch['per_second']:,.0f} events a second in batches, {applied:,.0f} applied")
    bare, most = median_of(bare_singles), median_of(limit)
    return BenchResult(
        name="ingest",
        figures={"batches": batch, "singles": single, "applied_per_second": round(applied)},
        baseline={"psycopg_jsonb": most, "bare_wsgi_singles": bare},
        ratios={
            "batches_of_the_limit": round(batch["per_second"] / most["per_second"], 3),
            "singles_of_a_bare_app": round(single["per_second"] / bare["per_second"], 3),
            "batch_p99_ms": round(batch["p99_ms"], 1),
            "applied_per_second": round(applied),
        },
        targets={
            "batches_of_the_limit": Target(0.6, "at_least"),
            "singles_of_a_bare_app": Target(0.5, "at_least"),
            "batch_p99_ms": Target(50, "at_most"),
            "applied_per_second": Target(2000, "at_least"),
        },
    )


# --- the calls ------------------------------------------------------------------------------------


def _event(stage: Stage, number: int) -> dict[str, Any]:
    """One event, as large as the vendor's; each is a fact of its own."""
    name = _EVENTS[number % len(_EVENTS)]
    mail = stage.mails[number // len(_EVENTS) % len(stage.mails)]
    return {
        "email": f"person-{number}@prospect.example",
        "timestamp": int(time.time()),
        "event": name,
        "sg_event_id": uuid7().hex,
        "sg_message_id": f"{mail[:22]}.recvd-5f54b-1-67BADEEA-6.0",
        "smtp-id": f"<{mail}@bench.example>",
        "useragent": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15",
        "response": "250 2.0.0 OK",
        "url": "https://bench.example/demo",
        "ip": "198.51.100.7",
        "category": ["campaign-1"],
        "x_send_id": mail,
        "x_account": stage.account,
    }


def _batches(stage: Stage, port: int, count: int) -> dict[str, float]:
    calls = []
    for number in range(count):
        events = [_event(stage, number * BATCH + place) for place in range(BATCH)]
        body = json.dumps(events).encode() + b"\r\n"
        calls.append((body, {"Content-Type": "application/json", **signing.signed(stage.key, body)}))
    return _figures(_load(port, f"/webhooks/sendgrid/{stage.sendgrid.key}", calls), BATCH)


def _singles(port: int, unipile: Connection, count: int) -> dict[str, float]:
    calls = []
    for _ in range(count):
        identifier = uuid7().hex
        payload = {
            "event": "message_read",
            "account_id": "acc-bench",
            "account_type": "LINKEDIN",
            "chat_id": "c_1",
            "message_id": identifier,
            "provider_message_id": f"2-{identifier}",
            "timestamp": "2026-03-12T10:00:00.000Z",
        }
        headers = {"Content-Type": "application/json", "Unipile-Auth": SECRET}
        calls.append((json.dumps(payload).encode(), headers))
    return _figures(_load(port, f"/webhooks/unipile/{unipile.key}", calls), 1)


def _load(port: int, path: str, calls: list[tuple[bytes, dict[str, str]]]) -> dict[str, Any]:
    """Have the calls made by another process, so that it costs the server no turn of its own lock."""
    with tempfile.NamedTemporaryFile() as file:
        spans, at = [], 0
        for body, headers in calls:
            file.write(body)
            spans.append({"span": [at, at + len(body)], "headers": headers})
            at += len(body)
        file.flush()
        task = {"port": port, "path": path, "calls": spans, "bodies": file.name, "concurrency": CONCURRENCY}
        done = subprocess.run(
            [sys.executable, "-m", "integrations.benchmarks.ingest.load"],
            input=json.dumps(task) + "\n",
            capture_output=True,
            text=True,
            check=True,
        )
    answer: dict[str, Any] = json.loads(done.stdout)
    if answer["refused"]:
        raise RuntimeError(
            f"The server refused {len(answer['refused'])} calls, first with {answer['refused'][0]}."
        )
    return answer


def _figures(answer: dict[str, Any], events: int) -> dict[str, float]:
    times = answer["ms"]
    return {
        "per_second": len(times) * events / answer["seconds"],
        "p50_ms": percentile(times, 0.5),
        "p99_ms": percentile(times, 0.99),
    }


def _limit(batches: int) -> dict[str, float]:
    """Psycopg alone: the events of a batch as rows, from one jsonb parameter, eight connections at once."""
    statement = (
        f"INSERT INTO {TABLE} (key, body) SELECT item->>'sg_event_id', item::text::bytea"  # noqa: S608
        " FROM jsonb_array_elements(%s::jsonb) AS item ON CONFLICT (key) DO NOTHING"
    )
    events = [{"sg_event_id": "", "email": "x" * 400} for _ in range(BATCH)]
    payloads = iter(
        [json.dumps([{**event, "sg_event_id": uuid7().hex} for event in events]) for _ in range(batches)]
    )
    lock = threading.Lock()

    def work() -> None:
        with psycopg.connect(_database_url(), autocommit=True) as link:
            while True:
                with lock:
                    payload = next(payloads, None)
                if payload is None:
                    return
                link.execute(statement, (payload,))

    began = time.perf_counter()
    threads = [threading.Thread(target=work) for _ in range(CONCURRENCY)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"per_second": batches * BATCH / (time.perf_counter() - began)}


def _apply(stage: Stage, count: int) -> float:
    """Process ``count`` stored batches as one worker does; return events a second."""
    with organization_scope(stage.organization.id):
        _tell_rooms_above(stage, count * BATCH // len(_EVENTS))
        _analyze()
        first = WebhookDelivery.objects.filter(connection_id=stage.sendgrid.id).latest("received_at")
        webhooks.process(first.id, first.received_at)  # loads what is loaded once
        _leave_waiting(stage, count)
        done, began = 0, time.perf_counter()
        while done < count:
            done += webhook_runs.process_waiting(stage.sendgrid.id)
        seconds = time.perf_counter() - began
        rows = WebhookDelivery.objects.filter(connection_id=stage.sendgrid.id, processed_at__isnull=False)
        ended = set(rows.values_list("state", flat=True))
        if ended != {WebhookDelivery.State.PROCESSED}:
            raise RuntimeError(f"Batches ended as {', '.join(sorted(ended))}.")
        return done * BATCH / seconds


def _tell_rooms_above(stage: Stage, mails: int) -> None:
    """Tell what a real send tells when it has left, so that reports meet threads and outcomes as they do in life."""
    rows = OutboundMessage.objects.filter(id__in=stage.mails[:mails]).select_related("sender")
    with transaction.atomic():
        for row in rows:
            publish(OutboundChanged(outbound=row, previous=OutboundMessage.State.SENDING))


def _leave_waiting(stage: Stage, count: int) -> None:
    """Leave only the ``count`` oldest calls: the rooms above know no other sends, and a worker stops at none."""
    waiting = WebhookDelivery.objects.filter(
        connection_id=stage.sendgrid.id, state=WebhookDelivery.State.RECEIVED
    )
    oldest = list(waiting.order_by("not_before").values_list("id", flat=True)[:count])
    with owner_connection():
        waiting.exclude(id__in=oldest).delete()


def _analyze() -> None:
    """Have the server know its tables, as it does where autovacuum has been: these were empty a minute ago."""
    with owner_connection(), database.cursor() as cursor:
        cursor.execute("ANALYZE")


# --- the world around -----------------------------------------------------------------------------


@contextlib.contextmanager
def _stage(mails: int) -> Iterator[Stage]:
    organization = Organization.objects.create(name="Benchmark", slug=f"bench-{uuid7().hex}")
    key = signing.new_key()
    try:
        with organization_scope(organization.id):
            client = Client.objects.create(name="Client", slug="client")
            sendgrid = Connection.objects.create(
                provider="sendgrid",
                name="SendGrid",
                credentials=crypto.encrypt({"api_key": "x", "event_public_key": signing.public_half(key)}),
            )
            unipile = Connection.objects.create(
                provider="unipile",
                name="Unipile",
                credentials=crypto.encrypt({"api_key": "x", "webhook_secret": SECRET}),
            )
            sender = SenderAccount.objects.create(
                client=client,
                connection=sendgrid,
                channel="email",
                name="Bench",
                address="bench@bench.example",
                provider_account_id="4711",
                status=SenderAccount.Status.OK,
            )
            sent = [_mail(client, sender, number) for number in range(mails)]
            OutboundMessage.objects.bulk_create(sent, batch_size=500)
        ids = [str(row.id) for row in sent]
        yield Stage(organization, sendgrid, unipile, sender.provider_account_id, ids, key)
    finally:
        with no_scope(), owner_connection(), platform_scope("remove the organization of a benchmark"):
            _remove(organization.id)


def _remove(organization_id: UUID) -> None:
    """Remove everything of the organization. Whatever the rooms above made of the events protects what it points
    at, so that rows go table by table; references are checked at the commit.
    """
    with transaction.atomic():
        for model in apps.get_models():
            if any(field.name == "organization" for field in model._meta.fields):
                rows = model._base_manager.filter(organization_id=organization_id)
                rows._raw_delete(rows.db)
        Organization.objects.filter(id=organization_id).delete()


def _mail(client: Client, sender: SenderAccount, number: int) -> OutboundMessage:
    identifier = uuid7()
    return OutboundMessage(
        id=identifier,
        organization_id=client.organization_id,
        client=client,
        sender=sender,
        channel="email",
        action="email",
        origin="campaign",
        dedupe_key=f"bench:{number}",
        recipient={"email": f"person-{number}@prospect.example"},
        body="Hello",
        state=OutboundMessage.State.SENT,
        sent_at=datetime.now(UTC),
        provider_message_id=f"<{identifier}@bench.example>",
    )


@contextlib.contextmanager
def _bare_table() -> Iterator[None]:
    with psycopg.connect(_database_url(), autocommit=True) as link:
        link.execute(f"DROP TABLE IF EXISTS {TABLE}")
        link.execute(f"CREATE TABLE {TABLE} (id bigserial PRIMARY KEY, key text UNIQUE, body bytea)")
        try:
            yield
        finally:
            link.execute(f"DROP TABLE {TABLE}")


def _database_url() -> str:
    """The server's address for psycopg, as the owner of the tables."""
    values = database.settings_dict
    parts = {"host": values["HOST"], "port": values["PORT"], "user": values["USER"], "dbname": values["NAME"],
             "password": values["PASSWORD"]}  # fmt: skip
    return psycopg.conninfo.make_conninfo(**{name: str(value) for name, value in parts.items() if value})


@contextlib.contextmanager
def _server(application: str) -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    environment = {
        **os.environ,
        "WEBHOOKS_PER_MINUTE": "100000000",
        "WEBHOOKS_PER_MINUTE_ORGANIZATION": "100000000",
        "LOG_LEVEL": "ERROR",
        "BENCH_DATABASE_URL": _database_url(),
    }
    plan = parts.Plan(host="127.0.0.1", port=port, data_dir=Path(), sandbox_port=0)
    process = subprocess.Popen(parts.pages(plan, application), env=environment)
    try:
        _wait_for(port, process)
        yield port
    finally:
        process.terminate()
        process.wait(20)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise RuntimeError("The server of the benchmark did not start; see its error above.")
