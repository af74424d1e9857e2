"""Metric snapshots: durable, taken when they should be, exported without ever holding work up."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import transaction
from django.test import Client as Browser

from integrations.domain_events import BulkWorkFinished
from integrations.errors import ErrorKind
from integrations.models import ReconciliationReport, SystemMail, WebhookDelivery
from integrations.services import reconciliation
from project.core.clock import now
from project.core.events import publish
from project.core.refusals import Invalid
from project.core.scoping import no_scope, organization_scope
from project.tenancy.models import User
from reporting.models import MetricSink, MetricSnapshot
from reporting.queue_selectors import queue_ages
from reporting.services import snapshots
from tests.campaigns.conftest import World, world
from tests.factories import Agency
from tests.integrations.conftest import Hints, hints
from tests.reporting.test_alerts import Receiver, fail, receiver

pytestmark = pytest.mark.django_db
__all__ = ["hints", "receiver", "world"]


def sink(url: str, **values: Any) -> MetricSink:
    return snapshots.set_sink(
        **{"url": url, "bearer": "token-1", "timeout_seconds": 2, "is_on": True, **values}
    )


def test_figures_are_kept_and_sent_with_the_token(world: World, hints: Hints, receiver: Receiver) -> None:
    fail(world, ErrorKind.TIMEOUT, times=3)
    sink(receiver.url)
    hints.lose()
    with transaction.atomic():
        for _ in range(2):
            publish(BulkWorkFinished(kind="replay"))
    hints.run_all()
    snapshot = MetricSnapshot.objects.get()
    assert (snapshot.reason, snapshot.figures["provider_errors"]) == ("replay", {"timeout": 3})
    assert snapshot.exported_at is not None
    headers, body = receiver.got[0]
    assert headers["Authorization"] == "Bearer token-1"
    sent = json.loads(body)
    assert (sent["contract"], sent["id"], sent["figures"]["provider_errors"]) == (
        snapshots.CONTRACT,
        str(snapshot.id),
        {"timeout": 3},
    )
    assert "token-1" not in MetricSink.objects.get().credentials


def test_a_reconciliation_that_ended_leaves_a_snapshot(world: World, hints: Hints) -> None:
    hints.lose()
    report = ReconciliationReport.objects.create(connection=world.connection, parts=[])
    reconciliation.run(report.id)
    hints.run_all()
    assert ReconciliationReport.objects.get().state == "done"
    assert MetricSnapshot.objects.get().reason == "reconciliation"


def test_a_failing_sink_rests_is_told_once_and_loses_nothing(
    world: World, hints: Hints, receiver: Receiver, staff: User, time_machine: Any
) -> None:
    sink(receiver.url)
    receiver.status = 500
    moment = now()
    for number in range(4):
        time_machine.move_to(moment + timedelta(hours=2 * number), tick=False)
        assert snapshots.take(reason="schedule") is not None
        assert snapshots.export() == 0
        # It rests: the next tick asks nobody.
        assert snapshots.export() == 0
    assert len(receiver.got) == 4
    known = MetricSink.objects.get()
    assert (known.failures, known.last_error) == (4, "It answered 500.")
    assert known.failing_since == moment
    mails = SystemMail.objects.filter(subject="The metric sink fails")
    assert [mail.recipient for mail in mails] == [staff.email]
    receiver.status = 200
    time_machine.move_to(moment + timedelta(hours=20), tick=False)
    assert snapshots.export() == 4
    known.refresh_from_db()
    assert (known.failures, known.failing_since, known.last_error, known.told_at) == (0, None, "", None)
    ids = [json.loads(body)["id"] for _headers, body in receiver.got[4:]]
    assert ids == [str(row.id) for row in MetricSnapshot.objects.order_by("taken_at")]


def test_a_sink_that_is_not_there_breaks_nothing(world: World, hints: Hints, clean_redis: Any) -> None:
    sink("http://127.0.0.1:9/metrics")
    hints.lose()
    snapshots.take(reason="flush")
    hints.run_all()
    assert MetricSnapshot.objects.get().exported_at is None
    assert "No connection" in MetricSink.objects.get().last_error


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"url": "ftp://x.test/"}, "url"),
        ({"url": "https://user:word@x.test/"}, "url"),
        ({"timeout_seconds": 0}, "timeout_seconds"),
        ({"bearer": "two words"}, "bearer"),
    ],
)
def test_a_sink_is_checked_before_it_is_set(db: None, values: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        sink(**{"url": "https://x.test/", **values})
    assert refused.value.field == field
    assert not MetricSink.objects.exists()


def test_staff_flush_list_and_set_by_page_api_and_command(
    world: World, hints: Hints, staff: User, receiver: Receiver
) -> None:
    browser = Browser()
    browser.force_login(staff)
    browser.post("/platform/metrics/flush/")
    browser.post(
        "/platform/metrics/sink/",
        {"url": receiver.url, "timeout_seconds": "3", "is_on": "1", "bearer": "sink-secret-1"},
    )
    page = browser.get("/platform/metrics/").content.decode()
    assert receiver.url in page
    assert "sink-secret-1" not in page
    refused = browser.post("/platform/metrics/sink/", {"url": "nonsense", "timeout_seconds": "3"})
    assert (refused.status_code, 'value="nonsense"' in refused.content.decode()) == (422, True)
    assert browser.post("/api/v1/platform/metric-snapshots").status_code == 201
    found = browser.get("/api/v1/platform/metric-snapshots").json()["items"]
    assert [row["reason"] for row in found] == ["flush", "flush"]
    assert browser.get("/api/v1/platform/metric-sink").json()["timeout_seconds"] == 3
    browser.put("/api/v1/platform/metric-sink", {"url": receiver.url}, content_type="application/json")
    snapshots.export()
    # The token that was stored by the page stayed.
    assert {headers["Authorization"] for headers, _body in receiver.got} == {"Bearer sink-secret-1"}
    out = io.StringIO()
    call_command("metrics", "list", "--json", stdout=out)
    assert len(json.loads(out.getvalue())["snapshots"]) == 2
    call_command("metrics", "flush", stdout=out)
    assert MetricSnapshot.objects.filter(exported_at=None).count() == 0


def test_staff_see_whose_work_waits_and_since_when(world: World, staff: User, rival: Agency) -> None:
    old, older = now() - timedelta(minutes=3), now() - timedelta(minutes=9)
    WebhookDelivery.objects.create(
        connection_id=world.connection.id, provider="unipile", body=b"{}", payload_hash="x", received_at=old,
        not_before=old,
    )  # fmt: skip
    with no_scope(), organization_scope(rival.id):
        WebhookDelivery.objects.create(
            provider="unipile", body=b"{}", payload_hash="x", received_at=older, not_before=older
        )
    with no_scope():
        found = queue_ages()
        assert [(row.organization.slug, row.webhooks, row.webhooks_since) for row in found] == [
            ("rival", 1, older),
            ("kestrel", 1, old),
        ]
        browser = Browser()
        browser.force_login(staff)
        page = browser.get("/platform/metrics/").content.decode()
    assert f'id="queue-age-{rival.id}"' in page
