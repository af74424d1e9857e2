"""Accounts of providers that run campaigns: read regularly, and noticed when they fall behind or silent."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from integrations.models import (
    Connection,
    LedgerDay,
    LedgerIncident,
    ProviderEvent,
    SenderAccount,
    SyncCursor,
    SyncRun,
)
from integrations.running import ProviderMessage
from integrations.services import connections, healing, sync
from integrations.services.adapters import adapter_of
from integrations.sync_health import health_of
from integrations.tasks import watch_silence
from integrations.values import Direction, Page, Person
from project.core.clock import now
from project.core.scoping import no_scope
from project.tenancy.services import entitlements
from tests.factories import Agency
from tests.integrations.conftest import Hints
from tests.rows import Rows

pytestmark = pytest.mark.django_db

PROVIDERS = {"smartlead": "email_outreach", "emailbison": "email_outreach", "heyreach": "linkedin_outreach"}
#: An address of the public network that needs no look-up.
PUBLIC = "https://93.184.216.34"


@pytest.fixture(params=PROVIDERS)
def accounts(request: Any, kestrel: Agency, hints: Hints) -> list[SenderAccount]:
    """Two accounts of one connection whose webhooks came just now."""
    with kestrel.scope():
        entitlements.grant(
            capability=PROVIDERS[request.param],
            provider=request.param,
            client_id=kestrel.first.id,
            actor=None,
        )
        made = connections.create(
            provider=request.param,
            name="Runs campaigns",
            credentials={"api_key": "sandbox-key"},
            base_url=PUBLIC if request.param == "emailbison" else "",
        )
        Connection.objects.filter(id=made.id).update(status="ok", last_webhook_at=now())
        rows = Rows(kestrel, kestrel.first)
        for number in (1, 2):
            rows.fresh(
                SenderAccount, connection=made, provider_account_id=f"acc{number}", status="ok",
                last_webhook_at=now(),
            )  # fmt: skip
    hints.lose()
    with kestrel.scope():
        SenderAccount.objects.update(created_at=now() - timedelta(days=3))
        return list(SenderAccount.objects.filter(connection=made).select_related("connection").order_by("id"))


def test_they_are_read_every_ten_minutes_by_one_of_them_even_while_webhooks_come(
    kestrel: Agency, accounts: list[SenderAccount], time_machine: Any
) -> None:
    time_machine.move_to(now(), tick=False)
    with kestrel.scope():
        assert sync.request_due() >= 1
        run = SyncRun.objects.get(resource="messages")
        assert (run.sender_id, run.trigger) == (accounts[0].id, "interval")
        SyncRun.objects.all().delete()
        cursor = SyncCursor.objects.create(
            sender=accounts[0], resource="messages", last_success_at=now(), read_until=now()
        )
        sync.request_due()
        assert not SyncRun.objects.filter(resource="messages").exists()
        SyncRun.objects.all().delete()
        time_machine.shift(timedelta(minutes=11))
        Connection.objects.update(last_webhook_at=now())
        sync.request_due()
        assert SyncRun.objects.get(resource="messages").sender_id == accounts[0].id
        # A provider that gives nothing out (HeyReach by choice) is asked every few hours only.
        SyncRun.objects.all().delete()
        SyncCursor.objects.filter(id=cursor.id).update(
            note="Gives nothing out.", next_try_at=now() + sync.NOTHING_GIVEN_EVERY
        )
        sync.request_due()
        assert not SyncRun.objects.filter(resource="messages").exists()


def test_their_day_is_counted_by_one_pass_over_the_list_and_grouped_by_account(
    kestrel: Agency,
    accounts: list[SenderAccount],
    hints: Hints,
    monkeypatch: pytest.MonkeyPatch,
    time_machine: Any,
) -> None:
    time_machine.move_to(datetime(2026, 11, 20, 9, tzinfo=UTC), tick=False)
    asked: list[str | None] = []

    def list_replies(adapter: Any, *, cursor: str | None = None, **_wanted: Any) -> Page[ProviderMessage]:
        asked.append(cursor)
        page = int(cursor or 0)
        # Of the first account two and of the second one on each page, and one of an account that is not ours.
        items = tuple(
            ProviderMessage(
                account_id=account, provider_message_id=f"m{page}{number}", chat_id=f"c{page}{number}",
                direction=Direction.INBOUND, person=Person(email="lee@acme.test", provider_id="ACoAAlee"),
                text=f"Answer {page}{number}", sent_at=datetime(2026, 11, 19, 12, page, number, tzinfo=UTC),
            )
            for number, account in enumerate(("acc1", "acc1", "acc2", "acc9"))
        )  # fmt: skip
        return Page(items=items, cursor=str(page + 1) if page < 2 else None)

    with kestrel.scope():
        SenderAccount.objects.update(created_at=now() - timedelta(days=3))
        adapter = adapter_of(accounts[0].connection)
        monkeypatch.setattr(type(adapter).__mro__[1], "list_replies", list_replies)
        SyncCursor.objects.bulk_create(
            SyncCursor(sender=account, resource="messages", last_success_at=now(), read_until=now())
            for account in accounts
        )
        Connection.objects.update(last_webhook_at=now())
        sync.request_due()
        run = SyncRun.objects.get(resource="ledger")
        assert run.sender_id == accounts[0].id
        assert sync.run(run.id) == "done"
        lines = LedgerDay.objects.order_by("sender_id").values_list("sender_id", "listed", "stored")
        assert list(lines) == [(accounts[0].id, 6, 0), (accounts[1].id, 3, 0)]
        found = {row.sender_id: row.samples for row in LedgerIncident.objects.all()}
        assert [len(found[account.id]) for account in accounts] == [6, 3]
        assert asked == [None, "1", "2"]
        # It is counted: none of them is counted again by itself.
        sync.request_due()
        assert not SyncRun.objects.filter(resource="ledger").exclude(id=run.id).exists()
        # A person has all of them counted by one run as well, and one of them alone where it is asked for.
        day = date(2026, 11, 19)
        assert healing.count_all(senders=accounts, day=day, actor=kestrel.ops) == 2
        again = SyncRun.objects.get(resource="ledger", trigger="person")
        assert sync.run(again.id) == "done"
        assert LedgerDay.objects.count() == 2
        alone = healing.count(sender=accounts[1], day=day, trigger="request")
        assert alone is not None
        assert (alone.sender_id, sync.run(alone.id)) == (accounts[1].id, "done")
        assert LedgerDay.objects.get(sender=accounts[1]).listed == 3


def test_they_are_behind_where_neither_a_reading_nor_a_webhook_tells_of_them(
    kestrel: Agency, accounts: list[SenderAccount], time_machine: Any
) -> None:
    time_machine.move_to(now(), tick=False)
    with kestrel.scope():
        cursor = SyncCursor.objects.create(sender=accounts[0], resource="messages", last_success_at=now())
        assert [row["status"] for row in health_of(accounts)] == ["ok", "ok"]
        time_machine.shift(timedelta(minutes=40))
        told = health_of(accounts)
        assert [(row["status"], row["lag_seconds"]) for row in told] == [("lagging", 2400)] * 2
        # Where the provider gives nothing out, nobody expects a reading.
        SyncCursor.objects.filter(id=cursor.id).update(note="Gives nothing out.")
        assert [row["status"] for row in health_of(accounts)] == ["limited", "limited"]


def test_they_are_silent_where_a_reading_shows_an_answer_that_no_webhook_told_of(
    kestrel: Agency, accounts: list[SenderAccount], time_machine: Any
) -> None:
    time_machine.move_to(now() + timedelta(minutes=20), tick=False)
    first, second = accounts

    def seen(sender: SenderAccount, minutes: int, **payload: Any) -> None:
        ProviderEvent.objects.create(
            sender_id=sender.id, occurred_at=now() - timedelta(minutes=minutes), kind="message_received",
            source="poll", dedupe_key=f"m{minutes}", payload={"is_automatic": False, **payload},
        )  # fmt: skip

    with kestrel.scope():
        seen(second, 9, direction="outbound")
        seen(second, 8, direction="inbound", is_automatic=True)
    with no_scope():
        assert watch_silence.run() == 0
    with kestrel.scope():
        seen(first, 7, direction="inbound")
    with no_scope():
        assert watch_silence.run() == 1
        assert watch_silence.run() == 0
    with kestrel.scope():
        silent = SenderAccount.objects.exclude(webhooks_silent_since=None).get()
        assert (silent.id, silent.webhooks_silent_since) == (first.id, now() - timedelta(minutes=7))
