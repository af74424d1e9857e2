"""A tenant's bulk sync beside another tenant's live replies, in the installation's own worker processes.

What is measured is what the workers themselves wrote down: from the commit of the provider's call to the commit of what
came of it. Each reply beside the bulk work is compared with one for which that work was halted, so that whatever else
the machine does concerns both.
"""

from __future__ import annotations

import json
import signal
import statistics
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client as Browser

from inbox.models import Message
from integrations.models import Connection, ProviderEvent, SenderAccount, SyncRun, WebhookDelivery
from integrations.sandbox.server import open_world
from integrations.sandbox.testing import API_KEY, running_sandbox
from integrations.services import connections, sync
from integrations.services.adapters import credentials_of
from project.core.clock import now
from project.core.scoping import no_scope, organization_scope
from tests.chaos.workers import running_workers
from tests.contracts.base import eventually
from tests.factories import Agency
from tests.integrations.conftest import message_webhook
from tests.integrations.world import OWN_ID

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("clean_redis")]

SEAT = "acc_bulk"
#: What the bulk sync finds, and replies of either kind.
MESSAGES = 2_000
ROUNDS = 3
#: The product's promise, in seconds; and what no reply may take, which is less than until the sweeper finds it.
DELAY_S, WORST_S = 1.0, 8.0


def fill(folder: Path) -> None:
    """A seat with a long history."""
    filled = open_world(folder, seed=None, speed=0.0)
    store, start = filled.store, now() - timedelta(days=10)

    def stamp(number: int) -> str:
        return (start + timedelta(minutes=number)).strftime("%Y-%m-%dT%H:%M:%S.000Z")

    with store.transaction():
        store.insert(
            "unipile_accounts", id=SEAT, provider_id="ACoAABbulk", slug="bulk", username="bulk@bulk.test", name="Bulk",
            created_at=start.isoformat(), status="OK", features="[]", inmail_credits=0,
        )  # fmt: skip
        people = [filled.people.meet(f"person-{number}").provider_id for number in range(50)]
        for number, person in enumerate(people):
            store.insert(
                "unipile_chats", id=f"chat-{number}", thread_id=f"2-{number}", account_id=SEAT,
                members=json.dumps([person]), other=person, at=stamp(1),
            )  # fmt: skip
        for number in range(MESSAGES):
            store.insert(
                "unipile_messages", id=f"m-{number}", provider_id=f"n-{number}", chat_id=f"chat-{number % 50}",
                account_id=SEAT, sender_id=people[number % 50], is_sender=0, text=f"Text {number}", at=stamp(number),
                message_type="MESSAGE",
            )  # fmt: skip
    store.close()


def account(agency: Agency, account_id: str) -> tuple[Connection, SenderAccount]:
    connection = connections.create(provider="unipile", name="LinkedIn", credentials={"api_key": API_KEY})
    sender = SenderAccount.objects.create(
        client=agency.first, connection=connection, channel="linkedin", name="Maya Lindqvist",
        provider_account_id=account_id, own_user_id=OWN_ID, status="ok",
    )  # fmt: skip
    return connection, sender


@contextmanager
def halted(process: subprocess.Popen[bytes]) -> Iterator[None]:
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


def test_a_bulk_sync_delays_no_other_tenants_reply_by_more_than_a_second(
    kestrel: Agency, rival: Agency, tmp_path: Path, settings: Any
) -> None:
    fill(tmp_path)
    with running_sandbox(data_dir=tmp_path, seed=None, process=True) as sandbox:
        settings.UNIPILE_BASE_URL = sandbox.unipile_url
        with no_scope(), organization_scope(rival.id):
            theirs, _sender = account(rival, "acc-rival")
            secret = credentials_of(theirs)["webhook_secret"]
        with running_workers(tmp_path / "workers.log", UNIPILE_BASE_URL=sandbox.unipile_url) as workers:

            def reply() -> float:
                """Let somebody answer the other tenant; return how long it took until that stood in the inbox."""
                call = message_webhook("Is this still open?", account_id="acc-rival")
                with no_scope():
                    answer = Browser().post(
                        f"/webhooks/unipile/{theirs.key}", data=call, content_type="application/json",
                        headers={"Unipile-Auth": secret},
                    )  # fmt: skip
                assert answer.status_code == 200
                with no_scope(), organization_scope(rival.id):
                    done = eventually(
                        lambda: WebhookDelivery.objects.exclude(processed_at=None).last(), seconds=60
                    )
                    assert Message.objects.filter(provider_message_id=call["provider_message_id"]).exists()
                    taken = done.processed_at - done.received_at
                    WebhookDelivery.objects.all().delete()
                return float(taken.total_seconds())

            reply()  # loads what the worker loads once
            with no_scope(), organization_scope(kestrel.id):
                _connection, sender = account(kestrel, SEAT)
                run = sync.request(sender=sender, resource="messages", trigger="person")
                assert run is not None
            progress = watched(kestrel, run)
            beside, alone = [], []
            for _ in range(ROUNDS):
                eventually(progress, seconds=60)
                beside.append(reply())
                with halted(workers["worker-bulk"]):
                    alone.append(reply())
            with no_scope(), organization_scope(kestrel.id):
                state = run.refreshed().state
    assert state == "running", "the bulk work was over too soon to be in anybody's way"
    delays = [one - other for one, other in zip(beside, alone, strict=True)]
    assert statistics.median(delays) < DELAY_S, (beside, alone)
    assert max(beside) < WORST_S, (beside, alone)


def watched(agency: Agency, run: SyncRun) -> Callable[[], int | None]:
    """What says whether the bulk work has come further since it was asked last."""
    known = 0

    def progress() -> int | None:
        nonlocal known
        with no_scope(), organization_scope(agency.id):
            count = ProviderEvent.objects.filter(sender_id=run.sender_id).count()
        is_further, known = count > known, count
        return count if is_further else None

    return progress
