"""Fairness: what one tenant does in bulk stands in no queue in which another tenant's reply waits.

The workers are played as they are deployed (``project.core.embedded.parts``): one takes ``inbound`` and ``dispatch``,
the other everything long. A reply waits for what is before it in its own worker's queues, and for nothing else.
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser

from integrations.models import Connection, ProviderEvent, SenderAccount
from integrations.services import connections, sync
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


def test_what_is_long_rides_in_no_live_queue() -> None:
    from celery import current_app

    live = queues_of("worker-live")
    assert live == {"inbound", "dispatch"}
    names = {name for name, task in current_app.tasks.items() if getattr(task, "queue", "") in live}
    words = ("sync", "import", "replay", "reconcil", "backfill", "simulat", "export", "trim", "alert")
    long = [name for name in names if any(word in name for word in words)]
    assert long == []
