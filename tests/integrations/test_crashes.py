"""A worker may die between any two steps: nothing is sent twice, nothing is lost, nothing is applied twice.

The first tests kill the worker before every single statement in turn (a killed transaction is rolled back, as
when the process dies); the last ones kill a real process.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.db import connection as database

from integrations.domain_events import ProviderEventRecorded
from integrations.models import OutboundMessage, ProviderEvent, SendAttempt, WebhookDelivery
from integrations.services import intake_limits
from integrations.tasks import dispatch_due, dispatch_sender, settle_due, sweep_deliveries
from project.core.clock import now
from project.core.events import subscribe
from project.core.scoping import no_scope
from project.tenancy import audit
from project.tenancy.models import AuditEntry
from tests.integrations.conftest import Room, message_webhook
from tests.integrations.world import Killed

#: More statements than any of the paths has: the loops end when a run was not killed any more.
MANY = 120


@contextmanager
def killed_before(statement: int) -> Iterator[list[bool]]:
    """Kill the block before its n-th statement; tell whether that happened."""
    seen = [0]
    was_killed = [False]

    def count(execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        if str(sql).startswith(("SAVEPOINT", "RELEASE", "ROLLBACK")):
            return execute(sql, params, many, context)
        seen[0] += 1
        if seen[0] == statement:
            was_killed[0] = True
            raise Killed
        return execute(sql, params, many, context)

    with database.execute_wrapper(count), suppress(Killed):
        yield was_killed


@pytest.fixture
def applied() -> None:
    """A room above that writes a row for each fact that it hears of."""

    @subscribe(ProviderEventRecorded, id="integrations.test_applied")
    def _apply(event: ProviderEventRecorded) -> None:
        audit.record(actor=None, action="test.applied", key=event.event.dedupe_key)
        event.outcome["inbox"] = "Stored."


def recover(room: Room, start: datetime, rounds: int = 5) -> None:
    """Let time pass and the ticks look for what was forgotten."""
    moment = start
    for _ in range(rounds):
        moment += timedelta(minutes=6)
        with time_machine.travel(moment, tick=True):
            with no_scope():
                sweep_deliveries.run()
                settle_due.run()
                dispatch_due.run()
            room.hints.run_all()


def test_ingest_killed_before_any_statement(room: Room, applied: None) -> None:
    for statement in range(1, MANY):
        payload = message_webhook(f"Text {statement}")
        room.post(payload)
        room.hints.waiting, hints = [], room.hints.waiting
        with killed_before(statement) as was_killed:
            for target, values in hints:
                with no_scope():
                    target.run(**values)
        room.hints.lose()
        # A worker that died before it began leaves word for some seconds that it was told.
        intake_limits.begin(room.connection.id)
        recover(room, now(), rounds=1)
        with room.scope():
            assert set(WebhookDelivery.objects.values_list("state", flat=True)) == {"processed"}
            assert ProviderEvent.objects.count() == statement
            assert AuditEntry.objects.filter(action="test.applied").count() == statement
            last = WebhookDelivery.objects.order_by("-received_at").first()
            assert last.outcome[0]["outcome"]["inbox"] == "Stored."
        if not was_killed[0]:
            break
    assert 8 < statement < MANY - 1


def test_intake_killed_before_any_statement_is_called_again(room: Room) -> None:
    for statement in range(1, MANY):
        payload = message_webhook(f"Text {statement}")
        with killed_before(statement) as was_killed:
            room.post(payload)
        # The provider saw no answer and calls again.
        room.post(payload)
        room.hints.run_all()
        with room.scope():
            assert ProviderEvent.objects.count() == WebhookDelivery.objects.count() == statement
        if not was_killed[0]:
            break
    assert 1 < statement < MANY - 1


@pytest.mark.parametrize("recipient", [{"provider_id": "ACoAABlead"}, {"public_identifier": "tomas-weil"}])
def test_send_killed_before_any_statement(room: Room, recipient: dict[str, str], settings: Any) -> None:
    settings.DAILY_LIMITS = {"message": 1000, "profile_view": 1000}
    start = now()
    for statement in range(1, MANY):
        # Each round on a day of its own, so that all rounds can look back.
        moment = start + timedelta(days=statement)
        with time_machine.travel(moment, tick=True):
            with room.scope():
                room.queue(body=f"Hello {statement}", recipient=dict(recipient))
            room.hints.lose()
            with killed_before(statement) as was_killed, no_scope():
                dispatch_sender.run(organization_id=str(room.agency.id), sender_id=str(room.sender.id))
            room.hints.lose()
        recover(room, moment)
        texts = [entry["text"] for entry in room.world.sent]
        assert texts.count(f"Hello {statement}") == 1, f"killed before statement {statement}: {texts}"
        with room.scope():
            assert set(OutboundMessage.objects.values_list("state", flat=True)) == {"sent"}
        if not was_killed[0]:
            break
    assert 12 < statement < MANY - 1
    with room.scope():
        used = sum(OutboundMessage.objects.filter(state="sent").values_list("attempts", flat=True))
        assert SendAttempt.objects.count() == used


@pytest.mark.parametrize("when", ["before", "after"])
def test_send_killed_during_the_call(room: Room, when: str) -> None:
    (room.world.failures if when == "before" else room.world.failures_after).append(Killed())
    with room.scope():
        room.queue(body="Hello Tomas")
    room.hints.lose()
    with pytest.raises(Killed), no_scope():
        dispatch_sender.run(organization_id=str(room.agency.id), sender_id=str(room.sender.id))
    assert len(room.world.sent) == (when == "after")
    recover(room, now())
    assert [entry["text"] for entry in room.world.sent] == ["Hello Tomas"]
    with room.scope():
        row = OutboundMessage.objects.get()
        assert row.state == "sent"
        assert row.message_id == "m_1"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_real_worker_killed_while_it_sends(room: Room, when: str, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    ledger.touch()
    with room.scope():
        room.queue(body="Hello Tomas")
    room.hints.lose()
    base = os.environ["DATABASE_URL"].rpartition("/")[0]
    child = subprocess.run(
        [
            sys.executable, "-m", "tests.integrations.crash_child",
            str(room.agency.id), str(room.sender.id), str(ledger), when,
        ],
        env={
            **os.environ,
            "DATABASE_URL": f"{base}/{database.settings_dict['NAME']}",
            "DJANGO_SETTINGS_MODULE": "project.settings.test",
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )  # fmt: skip
    assert child.returncode == -signal.SIGKILL, child.stderr[-2000:]
    with room.scope():
        row = OutboundMessage.objects.get()
        assert row.state == "sending"
    for text in ledger.read_text().splitlines():
        room.world.sent.append(
            {"id": "m_9", "action": "message", "to": "x", "text": text, "at": row.updated_at}
        )
    recover(room, now())
    with room.scope():
        assert OutboundMessage.objects.get().state == "sent"
    assert [entry["text"] for entry in room.world.sent] == ["Hello Tomas"]
