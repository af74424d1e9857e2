"""Fairness: what one tenant does in bulk stands in no queue in which another tenant's reply waits.

The workers are played as they are deployed (``project.core.embedded.parts``): one takes ``inbound`` and ``dispatch``,
the other everything long. A reply waits for what is before it in its own worker's queues, and for nothing else.
"""

from __future__ import annotations

import importlib
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection as database
from django.db import transaction
from django.test import Client as Browser

from integrations.models import Connection, ProviderEvent, SenderAccount, WebhookDelivery
from integrations.services import connections, reconciliation, sync
from integrations.services.adapters import credentials_of
from project.core.clock import now
from project.core.embedded import parts
from project.core.scoping import no_scope, organization_scope
from tests.factories import Agency
from tests.integrations.conftest import Hints, Room, message_webhook
from tests.integrations.world import OWN_ID

#: How much bulk work the first tenant has, and how long the other's reply may take (seconds).
BULK = 120
LIMIT_S = 1.0


def queues_of(worker: str) -> set[str]:
    plan = parts.Plan(host="127.0.0.1", port=1, data_dir=None, sandbox_port=1)  # type: ignore[arg-type]
    command = parts._module(worker, plan)
    return set(command[command.index("--queues") + 1].split(","))


def of_worker(hints: Hints, worker: str) -> list[tuple[Any, dict[str, Any]]]:
    return [(target, payload) for target, payload in hints.waiting if target.queue in queues_of(worker)]


def run_one(hints: Hints, worker: str) -> bool:
    """Let a worker take the first task of its queues; say whether there was one."""
    found = of_worker(hints, worker)
    if not found:
        return False
    hints.waiting.remove(found[0])
    with no_scope():
        found[0][0].run(**found[0][1])
    return True


@pytest.fixture
def other(room: Room, rival: Agency) -> tuple[Connection, SenderAccount, str]:
    """The account of another tenant, to which somebody is about to write."""
    with no_scope(), organization_scope(rival.id):
        connection = connections.create(
            provider="unipile", name="Theirs", credentials={"api_key": "key-of-the-other-tenant"}
        )
        sender = SenderAccount.objects.create(
            client=rival.first, connection=connection, channel="linkedin", name="Jonas Ek",
            provider_account_id="acc-rival", own_user_id=OWN_ID, status="ok",
        )  # fmt: skip
        secret = credentials_of(connection)["webhook_secret"]
    room.hints.lose()
    return connection, sender, secret


def test_a_reply_does_not_wait_for_another_tenants_bulk_work(
    room: Room, rival: Agency, other: tuple[Connection, SenderAccount, str]
) -> None:
    connection, sender, secret = other
    for number in range(BULK):
        room.world.add_message(f"Old {number}", at=now() - timedelta(minutes=BULK - number))
    with room.scope():
        assert sync.request(sender=room.sender, resource="messages", trigger="person") is not None
    # The long worker is in the middle of it, and whatever it causes is in the queues already.
    assert run_one(room.hints, "worker-bulk")
    with room.scope():
        assert ProviderEvent.objects.count() >= BULK
        assert sync.request(sender=room.sender, resource="relations", trigger="person") is not None
    waiting = [target.name for target, _payload in of_worker(room.hints, "worker-bulk")]
    assert waiting, "there is bulk work left to be delayed by"
    # The first request of a process pays for what it loads.
    Browser().post(f"/webhooks/unipile/{connection.key}", data="{}", content_type="application/json")
    began = time.perf_counter()
    with no_scope():
        answer = Browser().post(
            f"/webhooks/unipile/{connection.key}",
            data=message_webhook("Is this still open?", account_id="acc-rival"),
            content_type="application/json",
            headers={"Unipile-Auth": secret},
        )
    assert answer.status_code == 200
    ahead = 0
    while True:
        with no_scope(), organization_scope(rival.id):
            if ProviderEvent.objects.filter(sender_id=sender.id).exists():
                break
        assert run_one(room.hints, "worker-live"), "the reply was forgotten"
        ahead += 1
    assert ahead <= 2, "the reply stood behind somebody else's work"
    assert time.perf_counter() - began < LIMIT_S
    assert [target.name for target, _payload in of_worker(room.hints, "worker-bulk")] == waiting


def bulk_parts(room: Room) -> dict[str, Callable[[], Any]]:
    """Long work of a tenant, by the module that writes what it finds."""

    def reads() -> None:
        made = sync.request(sender=room.sender, resource="messages", trigger="person")
        assert made is not None
        sync.run(made.id)

    def compares() -> None:
        made = reconciliation.request(connection=room.connection, mode="apply", trigger="person")
        assert made is not None
        reconciliation.run(made.id)

    return {"sync_pages": reads, "message_reconciliation": compares}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("part", ["sync_pages", "message_reconciliation"])
def test_a_reply_waits_for_no_lock_that_another_tenants_bulk_work_holds(
    room: Room, rival: Agency, other: tuple[Connection, SenderAccount, str], part: str, monkeypatch: Any
) -> None:
    """Two workers for real: the long one is stopped in the middle of its transaction, with all that it has locked."""
    connection, sender, secret = other
    module = importlib.import_module(f"integrations.services.{part}")
    held, go_on, real = threading.Event(), threading.Event(), module.record_events

    def records(*args: Any, **kwargs: Any) -> Any:
        with transaction.atomic():
            done = real(*args, **kwargs)
            held.set()
            go_on.wait(120)
            return done

    monkeypatch.setattr(module, "record_events", records)
    for number in range(30):
        room.world.add_message(f"Old {number}", at=now() - timedelta(minutes=30 - number))

    def works() -> None:
        with no_scope(), organization_scope(room.agency.id):
            bulk_parts(room)[part]()
        database.close()

    worker = threading.Thread(target=works)
    worker.start()
    try:
        assert held.wait(120)
        with database.cursor() as cursor:
            cursor.execute("SET lock_timeout = '1s'")
        answer = Browser().post(
            f"/webhooks/unipile/{connection.key}",
            data=message_webhook("Is this still open?", account_id="acc-rival"),
            content_type="application/json",
            headers={"Unipile-Auth": secret},
        )
        assert answer.status_code == 200
        while run_one(room.hints, "worker-live"):
            pass
        with no_scope(), organization_scope(rival.id):
            assert ProviderEvent.objects.filter(sender_id=sender.id).exists()
            assert WebhookDelivery.objects.get().state == "processed"
        with room.scope():
            assert not ProviderEvent.objects.exists(), "the long work still holds what it has locked"
    finally:
        go_on.set()
        worker.join(120)
        with database.cursor() as cursor:
            cursor.execute("RESET lock_timeout")
    with room.scope():
        assert ProviderEvent.objects.count() == 30


def test_what_is_long_rides_in_no_live_queue() -> None:
    from celery import current_app

    live = queues_of("worker-live")
    assert live == {"inbound", "dispatch"}
    names = {name for name, task in current_app.tasks.items() if getattr(task, "queue", "") in live}
    words = ("sync", "import", "replay", "reconcil", "backfill", "simulat", "export", "trim", "alert")
    long = [name for name in names if any(word in name for word in words)]
    assert long == []
