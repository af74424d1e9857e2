"""Alerts: opened by taxonomy, one row while it lasts, told without holding anything up, and over again."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction
from django.test import Client as Browser

from campaigns.models import Brake
from integrations.domain_events import (
    ReconciliationFinished,
    WebhooksDrifted,
    WebhooksFellSilent,
    WebhooksHeardAgain,
)
from integrations.errors import ErrorKind
from integrations.models import (
    Connection,
    OutboundMessage,
    RateLimit,
    ReconciliationReport,
    SenderAccount,
    SystemMail,
    WebhookDelivery,
)
from integrations.services import failures, ledger, rates, strange_calls
from project.core.clock import now
from project.core.events import publish
from project.core.refusals import Invalid
from reporting.models import Alert, AlertChannel, AlertNotice, Fact
from reporting.services import alert_channels, alerts
from tests.campaigns.conftest import World, world
from tests.integrations.conftest import Hints, hints
from tests.integrations.world import problem

pytestmark = pytest.mark.django_db
__all__ = ["hints", "world"]


class Receiver:
    """A web server that takes, or refuses, what alerts tell."""

    def __init__(self) -> None:
        self.status = 200
        self.got: list[tuple[dict[str, str], bytes]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.got.append((dict(self.headers), body))
                self.send_response(outer.status)
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                return

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/hook"


@pytest.fixture
def receiver(settings: Any, clean_redis: Any) -> Iterator[Receiver]:
    settings.ALERT_PRIVATE_TARGETS = True
    made = Receiver()
    yield made
    made.server.shutdown()
    made.server.server_close()


def fail(world: World, kind: ErrorKind, times: int = 1) -> None:
    for _ in range(times):
        failures.note(
            problem(kind), connection_id=world.connection.id, organization_id=world.agency.id,
            account_id=world.sender.provider_account_id, route="send_message",
        )  # fmt: skip


def kinds() -> list[str]:
    return sorted(Alert.objects.filter(resolved_at=None).values_list("kind", flat=True))


def test_what_passes_alerts_in_a_burst_and_what_does_not_at_once(world: World, time_machine: Any) -> None:
    begun = now()
    time_machine.move_to(begun, tick=False)
    fail(world, ErrorKind.UNAVAILABLE, times=19)
    alerts.evaluate()
    assert kinds() == []
    fail(world, ErrorKind.RATE_LIMITED)
    alerts.evaluate()
    alerts.evaluate()
    assert kinds() == ["provider_burst"]
    burst = Alert.objects.get()
    assert (burst.severity, burst.subject) == ("warning", world.connection.name)
    assert "20 errors in 5 minutes" in burst.message
    fail(world, ErrorKind.CONFIG)
    # One person who cannot be reached is nothing to wake anybody for.
    fail(world, ErrorKind.RECIPIENT)
    alerts.evaluate()
    assert kinds() == ["provider_burst", "provider_terminal"]
    assert Alert.objects.get(kind="provider_terminal").severity == "critical"
    time_machine.move_to(begun + timedelta(minutes=7), tick=False)
    alerts.evaluate()
    assert kinds() == ["provider_terminal"]
    time_machine.move_to(begun + timedelta(minutes=17), tick=False)
    alerts.evaluate()
    assert kinds() == []
    fail(world, ErrorKind.CONFIG)
    alerts.evaluate()
    assert Alert.objects.filter(kind="provider_terminal").count() == 2


def strange(world: World, times: int) -> None:
    for _ in range(times):
        delivery = WebhookDelivery(
            connection_id=world.connection.id, provider="unipile", event_type="message_new",
            organization_id=world.agency.id,
        )  # fmt: skip
        strange_calls.note(delivery, "Event 'message_new' is not known.")


def test_webhooks_that_are_not_understood_alert_above_what_is_usual_and_are_over_by_themselves(
    world: World, time_machine: Any
) -> None:
    begun = now().replace(minute=10)
    # Somebody registered for more than is used: four a day at one hour is the usual here.
    for days in range(7, 0, -1):
        time_machine.move_to(begun - timedelta(days=days), tick=False)
        strange(world, 4)
    time_machine.move_to(begun, tick=False)
    strange(world, 8)
    alerts.evaluate()
    assert kinds() == []
    strange(world, 1)
    alerts.evaluate()
    assert kinds() == ["webhook_shapes"]
    alert = Alert.objects.get()
    assert (alert.subject, alert.severity) == (world.connection.name, "critical")
    assert alert.message.startswith("9 webhooks in 30 minutes could not be understood")
    assert "message_new: Event 'message_new' is not known." in alert.message
    assert alert.path == f"ops/webhooks/?connection_id={world.connection.id}"
    # While it lasts it does not become the usual, however long that is.
    for hours in range(1, 30):
        time_machine.move_to(begun + timedelta(hours=hours), tick=False)
        strange(world, 9)
        alerts.evaluate()
    assert Alert.objects.get().resolved_at is None
    time_machine.move_to(now() + timedelta(minutes=32), tick=False)
    alerts.evaluate()
    assert kinds() == []


def test_a_failure_has_the_rules_looked_at_soon(world: World, hints: Hints) -> None:
    hints.lose()
    fail(world, ErrorKind.AUTH, times=3)
    assert hints.names().count("reporting.evaluate_alerts") == 1
    hints.run_all()
    assert kinds() == ["provider_terminal"]


def test_what_stands_or_does_not_work_alerts_until_it_goes_on(world: World, time_machine: Any) -> None:
    begun = now()
    Connection.objects.filter(id=world.connection.id).update(
        status="failing", last_error="The token was revoked."
    )
    SenderAccount.objects.filter(id=world.sender.id).update(last_webhook_at=begun - timedelta(minutes=31))
    waiting = WebhookDelivery.objects.create(
        connection_id=world.connection.id, provider="unipile", body=b"{}", payload_hash="x",
        received_at=begun - timedelta(minutes=6), not_before=begun - timedelta(minutes=6),
    )  # fmt: skip
    OutboundMessage.objects.create(
        sender=world.sender, client=world.sender.client, channel="linkedin", action="message", origin="reply",
        dedupe_key="late", body="Hi", not_before=begun - timedelta(minutes=8),
    )  # fmt: skip
    alerts.evaluate()
    assert kinds() == ["not_working", "queue_age", "queue_age", "sync_lag"]
    broken = Alert.objects.get(kind="not_working")
    assert broken.message == "The token was revoked."
    Connection.objects.filter(id=world.connection.id).update(status="ok")
    WebhookDelivery.objects.filter(id=waiting.id).update(state="processed")
    SenderAccount.objects.filter(id=world.sender.id).update(last_webhook_at=begun)
    OutboundMessage.objects.update(hold_code="limit")
    alerts.evaluate()
    assert kinds() == []
    assert broken.refreshed().resolved_at is not None


def test_a_limit_that_is_used_up_alerts_until_the_next_window(world: World, time_machine: Any) -> None:
    begun = now()
    time_machine.move_to(begun, tick=False)
    alerts.evaluate()
    assert kinds() == []
    RateLimit.objects.create(sender=world.sender, action="invite", window="day", cap=2)

    def invite() -> None:
        with transaction.atomic():
            assert isinstance(rates.reserve(sender=world.sender, action="invite", at=now()), rates.Reserved)

    invite()
    alerts.evaluate()
    assert kinds() == []
    alerts.set_rule(
        kind="limit_reached", is_on=True, threshold=50, window_minutes=None, actor=world.agency.admin
    )
    alerts.evaluate()
    near = Alert.objects.get(kind="limit_reached")
    assert near.message.startswith("1 of 2 invites used (daily limit), 1 left until ")
    alerts.set_rule(
        kind="limit_reached", is_on=True, threshold=None, window_minutes=None, actor=world.agency.admin
    )
    invite()
    alerts.evaluate()
    assert kinds() == ["limit_reached"]
    near.refresh_from_db()
    assert near.message.startswith("2 of 2 invites used (daily limit), more from ")
    assert (near.subject, near.path, near.client_id) == (
        "Erik Sand", "ops/rates/", world.sender.client_id,
    )  # fmt: skip
    # What accounts share is one alert for all of them, of no single one.
    RateLimit.objects.create(
        scope="organization", subject=str(world.agency.id), action="", window="day", cap=1
    )
    alerts.evaluate()
    shared = Alert.objects.filter(kind="limit_reached", subject="Organization, a day", resolved_at=None)
    assert shared.get().client_id is None
    time_machine.move_to(begun + timedelta(days=1), tick=False)
    alerts.evaluate()
    assert kinds() == []


def test_mail_that_comes_back_alerts_and_so_does_a_brake(world: World, time_machine: Any) -> None:
    begun = now()
    time_machine.move_to(begun, tick=False)

    def happened(kind: str, count: int, sender: Any = world.sender) -> None:
        for _ in range(count):
            Fact.objects.create(
                occurred_at=begun - timedelta(hours=1), kind=kind, key=uuid4().hex, sender_id=sender.id,
                client_id=world.agency.first.id,
            )  # fmt: skip

    happened("emailed", 99)
    # Four of a hundred prove nothing, and neither does one complaint.
    happened("bounced", 4)
    happened("complained", 1)
    alerts.evaluate()
    assert kinds() == []
    happened("bounced", 1)
    happened("complained", 1)
    alerts.evaluate()
    assert kinds() == ["bounces", "complaints"]
    assert Alert.objects.get(kind="bounces").message.startswith(
        "5 of 99 e-mails bounced in the last 24 hours"
    )
    happened("emailed", 2)
    alerts.evaluate()
    assert kinds() == ["complaints"], "5 of 101 is below 5 %"
    brake = Brake.objects.create(
        client=world.agency.first, scope="sender", target=str(world.sender.id), signal="bounce", counted=7,
        sample=100, reason="7 of the last 100 e-mails bounced (7 %).",
    )  # fmt: skip
    alerts.evaluate()
    told = Alert.objects.get(kind="braked")
    assert (told.subject, told.severity, told.path) == ("Erik Sand", "critical", "campaigns/brakes/")
    assert told.message == f"{brake.reason} Nothing more leaves until somebody releases it."
    Brake.objects.update(released_at=begun)
    time_machine.move_to(begun + timedelta(days=2), tick=False)
    alerts.evaluate()
    assert kinds() == []


def test_a_rule_that_is_switched_off_takes_its_alerts_along(world: World) -> None:
    with transaction.atomic():
        publish(WebhooksFellSilent(sender=world.sender, since=now()))
    assert kinds() == ["webhook_silence"]
    alerts.set_rule(
        kind="webhook_silence", is_on=False, threshold=None, window_minutes=None, actor=world.agency.admin
    )
    assert kinds() == []


def test_rooms_below_tell_of_alerts_and_clear_them(world: World) -> None:
    for _ in range(2):
        with transaction.atomic():
            publish(WebhooksFellSilent(sender=world.sender, since=now()))
    with transaction.atomic():
        publish(
            WebhooksDrifted(connection=world.connection, problems=("The webhook for messages is missing.",))
        )
    alerts.evaluate()
    assert kinds() == ["webhook_drift", "webhook_silence"]
    silence = Alert.objects.get(kind="webhook_silence")
    assert (silence.client_id, silence.path) == (world.sender.client_id, "ops/webhooks/endpoints/")
    with transaction.atomic():
        publish(WebhooksHeardAgain(sender=world.sender))
        publish(WebhooksDrifted(connection=world.connection, problems=()))
    assert kinds() == []
    alerts.set_rule(
        kind="webhook_silence", is_on=False, threshold=None, window_minutes=None, actor=world.agency.admin
    )
    with transaction.atomic():
        publish(WebhooksFellSilent(sender=world.sender, since=now()))
    assert kinds() == []


def test_a_day_that_misses_messages_alerts_until_it_is_healed(world: World) -> None:
    day = date(2026, 3, 2)

    def count(missing: int) -> None:
        found = ledger.DayCount(listed=5, stored=5 - missing, samples=[], lists_own=True)
        with transaction.atomic():
            ledger.settle(sender=world.sender, day=day, found=found)

    for missing in (2, 3):
        count(missing)
        alerts.evaluate()
        assert kinds() == ["ledger_difference"]
    alert = Alert.objects.get()
    assert (alert.severity, alert.subject, alert.path) == ("critical", world.sender.name, "ops/ledger/")
    assert alert.client_id == world.sender.client_id
    assert "2 messages of 2026-03-02" in alert.message
    count(0)
    assert kinds() == []


def test_a_comparison_that_failed_alerts_until_one_gets_through(world: World) -> None:
    def finished(state: str) -> None:
        report = ReconciliationReport.objects.create(
            connection=world.connection, state=state, error="Unipile is down." if state == "failed" else ""
        )
        with transaction.atomic():
            publish(ReconciliationFinished(report=report))
        alerts.evaluate()

    finished("failed")
    assert kinds() == ["reconciliation_failed"]
    alert = Alert.objects.get()
    assert alert.subject == world.connection.name
    assert alert.message.startswith("The comparison with the provider broke off: Unipile is down.")
    finished("cancelled")
    assert kinds() == ["reconciliation_failed"], "one that was stopped proves nothing"
    finished("done")
    assert kinds() == []


def test_a_dead_webhook_alerts_until_it_was_replayed(world: World) -> None:
    dead = WebhookDelivery.objects.create(
        connection_id=world.connection.id, provider="unipile", body=b"{}", payload_hash="x", state="dead"
    )
    alerts.evaluate()
    assert kinds() == ["dead_letters"]
    WebhookDelivery.objects.filter(id=dead.id).update(state="processed")
    alerts.evaluate()
    assert kinds() == []


def _channel(world: World, kind: str, target: str, severity: str = "warning") -> AlertChannel:
    return alert_channels.add(
        kind=kind, name=kind, target=target, min_severity=severity, actor=world.agency.admin
    )


def test_alerts_are_told_over_each_channel_once_and_again_when_over(
    world: World, hints: Hints, receiver: Receiver
) -> None:
    hook = _channel(world, "webhook", receiver.url)
    _channel(world, "slack", receiver.url, "critical")
    _channel(world, "email", "ops@kestrel.test")
    hints.lose()
    fail(world, ErrorKind.UNAVAILABLE, times=20)
    hints.run_all()
    told = [json.loads(body) for _headers, body in receiver.got]
    assert [one["event"] for one in told] == ["alert.opened"]
    assert told[0]["alert"]["kind"] == "provider_burst"
    assert told[0]["alert"]["url"].endswith(f"/o/{world.agency.slug}/ops/weather/?hours=1")
    headers, body = receiver.got[0]
    mark = hmac.new(alert_channels.secret_of(hook).encode(), body, hashlib.sha256).hexdigest()
    assert headers["X-Alert-Signature"] == f"sha256={mark}"
    assert SystemMail.objects.get(kind="alert").recipient == "ops@kestrel.test"
    alerts.evaluate()
    hints.run_all()
    assert len(receiver.got) == 1
    alerts.resolve(key=Alert.objects.get().key)
    hints.run_all()
    assert json.loads(receiver.got[-1][1])["event"] == "alert.resolved"
    assert SystemMail.objects.filter(kind="alert").count() == 2


def test_a_channel_that_fails_is_tried_again_and_holds_nothing_up(
    world: World, hints: Hints, receiver: Receiver, time_machine: Any
) -> None:
    channel = _channel(world, "webhook", receiver.url)
    receiver.status = 500
    hints.lose()
    fail(world, ErrorKind.AUTH)
    hints.run_all()
    notice = AlertNotice.objects.get()
    assert (notice.state, notice.attempts, notice.error) == ("queued", 1, "It answered 500.")
    assert channel.refreshed().last_error == "It answered 500."
    receiver.status = 200
    time_machine.move_to(now() + timedelta(minutes=2))
    assert alert_channels.sweep() == 1
    hints.run_all()
    assert notice.refreshed().state == "sent"
    assert channel.refreshed().last_error == ""
    # Told once more by mistake: nothing is due.
    assert alert_channels.deliver(notice.id) == ""
    assert len(receiver.got) == 2


def test_private_addresses_are_refused_when_typed_and_when_called(
    world: World, hints: Hints, receiver: Receiver, settings: Any
) -> None:
    channel = _channel(world, "webhook", receiver.url)
    settings.ALERT_PRIVATE_TARGETS = False
    for target in (receiver.url, "http://169.254.169.254/latest", "ftp://example.com/x"):
        with pytest.raises(Invalid) as refused:
            _channel(world, "slack", target)
        assert refused.value.field == "target"
    assert "not on the public internet" in alert_channels.try_out(channel=channel)
    assert receiver.got == []
    assert receiver.url not in channel.credentials


def test_the_page_shows_acknowledges_and_sets(world: World, receiver: Receiver) -> None:
    Connection.objects.filter(id=world.connection.id).update(
        status="failing", last_error="The token was revoked."
    )
    alerts.evaluate()
    alert = Alert.objects.get()
    browser = Browser()
    browser.force_login(world.agency.ops)
    url = world.agency.url("ops/alerts/")
    assert "The token was revoked." in browser.get(url).content.decode()
    browser.post(f"{url}{alert.id}/acknowledge/")
    assert alert.refreshed().acknowledged_by == world.agency.ops
    assert "looks after it" in browser.get(url).content.decode()
    browser.post(f"{url}rules/provider_burst/", {"is_on": "1", "threshold": "3", "window_minutes": "2"})
    fail(world, ErrorKind.TIMEOUT, times=3)
    alerts.evaluate()
    assert "provider_burst" in kinds()
    wrong = browser.post(f"{url}rules/provider_burst/", {"is_on": "1", "threshold": "many"})
    assert wrong.status_code == 422
    page = browser.post(
        f"{url}channels/add/",
        {"kind": "webhook", "name": "Desk", "target": receiver.url, "min_severity": "warning"},
    ).content.decode()
    channel = AlertChannel.objects.get()
    assert alert_channels.secret_of(channel) in page
    assert "hook" not in channel.shown
    browser.post(f"{url}channels/{channel.id}/test/")
    assert json.loads(receiver.got[0][1])["event"] == "alert.test"
    browser.post(f"{url}channels/{channel.id}/remove/")
    assert not AlertChannel.objects.exists()
    kept = browser.post(
        f"{url}channels/add/",
        {"kind": "email", "name": "Desk", "target": "nobody", "min_severity": "warning"},
    )
    assert kept.status_code == 422
    assert 'value="nobody"' in kept.content.decode()


def test_the_api_lists_and_sets_alerts(world: World) -> None:
    Connection.objects.filter(id=world.connection.id).update(status="failing")
    alerts.evaluate()
    browser = Browser(headers={"X-Organization": world.agency.slug})
    browser.force_login(world.agency.ops)
    found = browser.get("/api/v1/alerts?state=open").json()["items"]
    assert [(row["kind"], row["severity"]) for row in found] == [("not_working", "critical")]
    answer = browser.post(f"/api/v1/alerts/{found[0]['id']}/acknowledge").json()
    assert answer["acknowledged_at"]
    rules = browser.put(
        "/api/v1/alert-rules/sync_lag", {"threshold": 90}, content_type="application/json"
    ).json()
    assert {row["kind"]: row["threshold"] for row in rules}["sync_lag"] == 90
    refused = browser.post(
        "/api/v1/alert-channels",
        {"kind": "slack", "name": "x", "target": "http://127.0.0.1/x"},
        content_type="application/json",
    )
    assert refused.status_code == 422
