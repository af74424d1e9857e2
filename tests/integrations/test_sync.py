"""Synchronisation: the same facts through the same door, one run at a time, going on where it stopped."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection as database

from integrations.errors import ErrorKind
from integrations.models import ProviderEvent, SenderAccount, SyncCursor, SyncRun
from integrations.services import sync, sync_pages
from integrations.tasks import sync_due
from integrations.values import AccountStatus
from project.core.clock import now
from project.core.scoping import no_scope
from tests.integrations.conftest import Room, message_webhook
from tests.integrations.world import OWN_ID, Killed, problem


def run(room: Room, resource: str = "messages") -> str:
    with room.scope():
        made = sync.request(sender=room.sender, resource=resource, trigger="test")
        assert made is not None
        state = sync.run(made.id)
    room.hints.lose()
    return state


def texts(room: Room) -> list[str]:
    with room.scope():
        rows = ProviderEvent.objects.filter(kind="message_received").order_by("recorded_at")
        return [row.payload["text"] for row in rows]


def fill(room: Room, count: int) -> None:
    for number in range(count):
        room.world.add_message(f"Text {number}", at=now() - timedelta(minutes=count - number))


def test_polled_messages_are_recorded_once_in_their_order(room: Room) -> None:
    fill(room, 25)
    assert run(room) == "done"
    # Each page in the order in which it was written; the newest page comes first.
    assert texts(room)[:10] == [f"Text {number}" for number in range(15, 25)]
    assert sorted(texts(room)) == sorted(f"Text {number}" for number in range(25))
    with room.scope():
        done = SyncRun.objects.get()
        assert (done.seen, done.created) == (25, 25)
        cursor = SyncCursor.objects.get()
        assert cursor.last_success_at is not None
        assert cursor.position == {}
    asked = room.world.requests["chat"]
    assert asked == 1
    assert run(room) == "done"
    assert len(texts(room)) == 25
    assert room.world.requests["chat"] == asked


def test_what_a_webhook_told_is_not_told_again_by_the_poll_and_vice_versa(room: Room) -> None:
    stored = room.world.add_message("Hello")
    ids = {"message_id": "other-id", "provider_message_id": stored["provider_id"]}
    room.post(message_webhook("Hello", **ids))
    room.hints.run_all()
    assert run(room) == "done"
    assert texts(room) == ["Hello"]
    again = room.world.add_message("Second")
    assert run(room) == "done"
    room.post(message_webhook("Second", message_id="x", provider_message_id=again["provider_id"]))
    room.hints.run_all()
    assert texts(room) == ["Hello", "Second"]
    assert room.deliveries()[-1].outcome[0]["outcome"]["again"]


def test_an_unchanged_page_costs_no_write(room: Room) -> None:
    fill(room, 8)
    run(room)
    written: list[str] = []

    def watch(execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        if "integrations_providerevent" in str(sql) and str(sql).startswith(("INSERT", "UPDATE")):
            written.append(str(sql))
        return execute(sql, params, many, context)

    with database.execute_wrapper(watch):
        assert run(room) == "done"
    assert written == []


def test_a_long_history_is_read_in_bounded_runs(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sync_pages, "MAX_REQUESTS", 3)
    fill(room, 55)
    runs = 0
    while True:
        runs += 1
        assert run(room) == "done"
        with room.scope():
            cursor = SyncCursor.objects.get()
            if not cursor.position:
                break
            assert sync._messages_due(room.sender, cursor, now()) == "continue"
        assert runs < 12
    assert sorted(texts(room)) == sorted(f"Text {number}" for number in range(55))
    assert runs > 2


def test_a_killed_run_goes_on_where_it_stood(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(room, 35)
    with room.scope():
        made = sync.request(sender=room.sender, resource="messages", trigger="test")
        assert made is not None
    real = sync_pages.Progress.page_done
    pages: list[int] = []

    def dies(self: Any, before: Any) -> None:
        real(self, before)
        pages.append(1)
        if len(pages) == 2:
            raise Killed

    with monkeypatch.context() as patch, room.scope():
        patch.setattr(sync_pages.Progress, "page_done", dies)
        with pytest.raises(Killed):
            sync.run(made.id)
    with room.scope():
        assert sync.run(made.id) == ""
        assert sync.request(sender=room.sender, resource="messages", trigger="test") is None
    room.hints.lose()
    with time_machine.travel(now() + sync.LEASE + timedelta(seconds=1), tick=True):
        with no_scope():
            assert sync_due.run() == 1
        room.hints.run_all()
    assert sorted(texts(room)) == sorted(f"Text {number}" for number in range(35))
    with room.scope():
        assert SyncRun.objects.get(id=made.id).state == "done"


def test_failures_are_told_in_plain_words_with_the_next_try(room: Room) -> None:
    room.world.read_error = problem(ErrorKind.UNAVAILABLE, retry_after=120)
    assert run(room) == "failed"
    with room.scope():
        cursor = SyncCursor.objects.get()
        assert (cursor.failures, cursor.last_error) == (1, "A problem: unavailable.")
        assert cursor.next_try_at >= now() + timedelta(seconds=115)
        assert sync._messages_due(room.sender, cursor, now()) == ""
    room.world.read_error = None
    with time_machine.travel(now() + timedelta(minutes=10), tick=True):
        with room.scope():
            assert sync.request_due() == 1
        room.hints.run_all()
    with room.scope():
        cursor = SyncCursor.objects.get(resource="messages")
        assert (cursor.failures, cursor.last_error) == (0, "")


def test_a_signed_out_account_is_noticed_by_the_poll(room: Room) -> None:
    room.world.read_error = problem(ErrorKind.ACCOUNT_DISCONNECTED)
    run(room)
    with room.scope():
        assert SenderAccount.objects.get().status == "credentials"


def test_only_silent_or_troubled_accounts_are_polled(room: Room, settings: Any) -> None:
    settings.SYNC_SILENT_SECONDS = 600
    with room.scope():
        SenderAccount.objects.update(last_webhook_at=now())
        room.sender.refresh_from_db()
        assert sync._messages_due(room.sender, None, now()) == ""
        assert sync._messages_due(room.sender, None, now() + timedelta(minutes=11)) == "webhooks silent"
        room.sender.status = "credentials"
        assert sync._messages_due(room.sender, None, now()) == "account not ok"


def test_an_account_that_recovers_catches_up(room: Room) -> None:
    with room.scope():
        SenderAccount.objects.update(status="credentials", status_reported_at=now() - timedelta(hours=1))
    room.world.add_message("While you were away")
    room.post({"AccountStatus": {"account_id": "acc-1", "account_type": "LINKEDIN", "message": "OK"}})
    room.hints.run_all()
    assert texts(room) == ["While you were away"]
    with room.scope():
        assert SyncRun.objects.get().trigger == "recovered"


def test_a_run_can_be_cancelled_waiting_or_running(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    with room.scope():
        waiting = sync.request(sender=room.sender, resource="messages", trigger="test")
        assert waiting is not None
        assert sync.cancel(run=waiting, actor=room.agency.ops)
        assert not sync.cancel(run=waiting, actor=room.agency.ops)
        assert sync.run(waiting.id) == ""
    fill(room, 40)
    with room.scope():
        running = sync.request(sender=room.sender, resource="messages", trigger="test")
        assert running is not None
        real = sync_pages.Progress.record

        def cancels(self: Any, events: Any) -> None:
            real(self, events)
            sync.cancel(run=SyncRun.objects.get(id=running.id), actor=room.agency.ops)

        monkeypatch.setattr(sync_pages.Progress, "record", cancels)
        assert sync.run(running.id) == "cancelled"
    assert len(texts(room)) == 10


def test_new_connections_are_found_even_if_their_webhook_was_lost(room: Room) -> None:
    def relation(name: str, days: int) -> dict[str, Any]:
        return {
            "object": "UserRelation",
            "member_id": f"ACoAAB{name}",
            "public_identifier": name,
            "first_name": name.title(),
            "last_name": "Weil",
            "created_at": int((now() - timedelta(days=days)).timestamp() * 1000),
        }

    room.world.relations = [relation("tomas", 1), relation("anna", 2), relation("old", 400)]
    assert run(room, "relations") == "done"
    room.post(
        {
            "event": "new_relation",
            "account_id": "acc-1",
            "account_type": "LINKEDIN",
            "user_provider_id": "ACoAABtomas",
            "user_full_name": "Tomas Weil",
        }
    )
    room.hints.run_all()
    with room.scope():
        found = ProviderEvent.objects.filter(kind="relation_created")
        names = sorted(row.payload["person"]["public_identifier"] for row in found)
        assert names == ["anna", "tomas"]
        cursor = SyncCursor.objects.get(resource="relations")
        assert cursor.next_try_at > now() + timedelta(hours=2)


def test_own_messages_in_the_history_are_outbound(room: Room) -> None:
    room.world.add_message("From me", sender_id=OWN_ID)
    run(room)
    with room.scope():
        event = ProviderEvent.objects.get(kind="message_received")
        assert event.payload["direction"] == "outbound"
        assert event.payload["counterpart"]["provider_id"] == "ACoAABlead"
        assert event.source == "poll"


def test_removed_accounts_are_left_alone(room: Room) -> None:
    room.world.status = AccountStatus.DELETED
    with room.scope():
        SenderAccount.objects.update(status="deleted")
        assert sync.request_due() == 0
