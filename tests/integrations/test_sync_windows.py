"""Long runs: a window of history, the count of a day, all connections; bounded turns, crashes, and one at a time."""

from __future__ import annotations

import random
import threading
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection as database
from django.test import Client as Browser

from integrations.errors import ErrorKind, ProviderError
from integrations.events import MessageReceived
from integrations.models import (
    LedgerDay,
    LedgerIncident,
    OutboundMessage,
    ProviderEvent,
    RateUsage,
    SenderAccount,
    SyncCursor,
    SyncRun,
)
from integrations.services import healing, rates, sync, sync_pages, sync_sources, sync_windows
from integrations.services.adapters import StoredKnowledge, adapter_of
from integrations.services.events import record_event
from integrations.services.sync_sources import ChatSource
from project.core import events as core_events
from project.core.clock import now
from project.core.http import deadline
from project.core.refusals import Invalid, Refused
from project.core.scoping import no_scope, organization_scope
from tests.integrations.conftest import Room, message_webhook
from tests.integrations.world import OWN_ID, Killed, WorldAdapter, problem

DAY = date(2026, 11, 18)
NOON = datetime(2026, 11, 18, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def today() -> Any:
    """Two days later."""
    with time_machine.travel(datetime(2026, 11, 20, 9, tzinfo=UTC), tick=True):
        yield


def fill(room: Room, count: int, *, at: datetime = NOON) -> None:
    for number in range(count):
        room.world.add_message(f"Text {number}", at=at + timedelta(minutes=number))


def texts(room: Room) -> list[str]:
    with room.scope():
        rows = ProviderEvent.objects.filter(kind="message_received").order_by("occurred_at")
        return [row.payload["text"] for row in rows]


def ask(room: Room, resource: str, **values: Any) -> SyncRun:
    if resource in {"history", "ledger"}:
        since, until = values.pop("window", (NOON - timedelta(hours=12), NOON + timedelta(hours=12)))
        values |= {"since": since, "until": until}
    with room.scope():
        made = sync.request(sender=room.sender, resource=resource, trigger="test", **values)
    assert made is not None
    return made


def finish(room: Room) -> SyncRun:
    """Run hints until nothing is left."""
    room.hints.run_all()
    with room.scope():
        run: SyncRun = SyncRun.objects.order_by("-created_at").first()
    return run


def test_a_window_is_filled_in_bounded_turns_and_nothing_outside_of_it(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync_pages, "MAX_REQUESTS", 3)
    fill(room, 45)
    room.world.add_message("The day before", at=NOON - timedelta(hours=13))
    room.world.add_message("First moment", at=NOON - timedelta(hours=12))
    room.world.add_message("The next day", at=NOON + timedelta(hours=12))
    ask(room, "history", expected=46)
    done = finish(room)
    assert (done.state, done.seen, done.created, done.expected) == ("done", 46, 46, 46)
    assert done.claims > 2, "it has to let others have their turn"
    assert texts(room) == ["First moment", *(f"Text {number}" for number in range(45))]
    with room.scope():
        assert set(ProviderEvent.objects.values_list("source", flat=True)) == {"history"}
    again = ask(room, "history")
    done = finish(room)
    assert (done.id, done.state, done.created) == (again.id, "done", 0)


def test_a_worker_that_dies_anywhere_leaves_nothing_out_and_nothing_twice(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync_pages, "MAX_REQUESTS", 4)
    fill(room, 38)
    # Several at the very time at which pages end.
    for number in range(6):
        room.world.add_message(f"Same time {number}", at=NOON + timedelta(minutes=28))
    made = ask(room, "ledger")
    real, chance = sync_pages.Progress.page_done, random.Random(7)

    def dies(self: Any, *args: Any, **kwargs: Any) -> None:
        if chance.random() < 0.4:
            raise Killed
        real(self, *args, **kwargs)
        if chance.random() < 0.4:
            raise Killed

    monkeypatch.setattr(sync_pages.Progress, "page_done", dies)
    kills = 0
    for _ in range(200):
        with room.scope():
            try:
                sync.run(made.id)
            except Killed:
                kills += 1
                # Its lease runs out.
                SyncRun.objects.filter(id=made.id).update(claimed_until=now() - timedelta(seconds=1))
            made.refresh_from_db()
        if made.state == "done":
            break
    assert made.state == "done"
    assert kills > 2
    with room.scope():
        line = LedgerDay.objects.get()
        assert (line.listed, line.stored, line.missing) == (44, 0, 44)


def test_the_ledger_opens_an_incident_and_one_click_heals_it(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    for name in ("LedgerDifferenceFound", "LedgerDifferenceHealed"):
        event_class = getattr(sync_windows.ledger, name)
        receivers = {"test": lambda event, name=name: told.append(name)}
        monkeypatch.setitem(core_events._receivers, event_class, receivers)
    fill(room, 12)
    lost = room.world.messages[3:6]
    room.world.messages = [row for row in room.world.messages if row not in lost]
    ask(room, "history")
    finish(room)
    room.world.messages += lost
    for _ in range(2):
        ask(room, "ledger")
        finish(room)
    with room.scope():
        line, incident = LedgerDay.objects.get(), LedgerIncident.objects.get()
        assert (line.day, line.listed, line.stored, line.missing, line.extra) == (DAY, 12, 9, 3, 0)
        assert (incident.state, incident.missing) == ("open", 3)
        assert {sample["text"] for sample in incident.samples} == {"Text 3", "Text 4", "Text 5"}
        assert healing.heal(incident=incident, actor=room.agency.ops) is not None
        assert healing.heal(incident=incident, actor=room.agency.ops) is None, "one run at a time"
    finish(room)
    with room.scope():
        line.refresh_from_db()
        incident.refresh_from_db()
        assert (line.stored, line.missing) == (12, 0)
        assert (incident.state, incident.attempts) == ("healed", 1)
        assert [run.resource for run in SyncRun.objects.order_by("created_at")][-2:] == ["history", "ledger"]
    assert told == ["LedgerDifferenceFound", "LedgerDifferenceHealed"]


def test_what_was_deleted_at_the_provider_is_told_and_is_no_drop(room: Room) -> None:
    fill(room, 5)
    ask(room, "history")
    finish(room)
    del room.world.messages[:2]
    ask(room, "ledger")
    finish(room)
    with room.scope():
        line = LedgerDay.objects.get()
        assert (line.listed, line.stored, line.missing, line.extra) == (3, 3, 0, 2)
        assert (line.matched, line.unmatched, line.hidden) == (0, 0, 5), "nobody above listens here"
        assert not LedgerIncident.objects.exists()


def test_ops_count_the_day_so_far_from_the_ledgers_page(room: Room, client: Browser) -> None:
    fill(room, 3, at=datetime(2026, 11, 20, 8, tzinfo=UTC))
    client.force_login(room.agency.ops)
    shown = client.post(room.agency.url("ops/ledger/count/"), HTTP_HX_REQUEST="true").content.decode()
    assert "Not started." not in shown
    assert (
        "Not started."
        in client.post(room.agency.url("ops/ledger/count/"), HTTP_HX_REQUEST="true").content.decode()
    ), "it is being counted already"
    finish(room)
    page = client.get(room.agency.url("ops/ledger/")).content.decode()
    assert "3 missing" in page
    assert page.count("1 difference open") == 2, "the heading, and what it is kept true with"


def test_each_account_is_counted_once_a_night_by_itself(room: Room) -> None:
    with room.scope():
        SenderAccount.objects.update(created_at=now() - timedelta(days=3), last_webhook_at=now())
        SyncCursor.objects.create(
            sender=room.sender, resource="relations", next_try_at=now() + timedelta(hours=1)
        )
        assert sync.request_due() == 1
    run = finish(room)
    assert (run.resource, run.trigger) == ("ledger", "schedule")
    assert run.since == datetime(2026, 11, 19, tzinfo=UTC)
    with room.scope():
        assert sync.request_due() == 1, "the night's look for chats"
    assert finish(room).resource == "chats"
    with room.scope():
        assert sync.request_due() == 0


def test_a_broken_off_back_fill_goes_on_where_it_stood(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sync_pages, "MAX_REQUESTS", 3)
    fill(room, 40)
    made = ask(room, "history")
    with room.scope():
        assert sync.run(made.id) == "queued"
    room.hints.lose()
    room.world.read_error = problem(ErrorKind.UNAVAILABLE)
    with room.scope():
        assert sync.run(made.id) == "failed"
        assert not SyncCursor.objects.exclude(last_error="").exists(), "the account is not at fault"
    room.world.read_error = None
    asked = room.world.requests["messages"]
    ask(room, "history")
    done = finish(room)
    assert (done.state, done.seen) == ("done", 40)
    # Three pages were read before; it does not read them again.
    assert room.world.requests["messages"] - asked <= 3


def test_a_window_has_to_make_sense(room: Room) -> None:
    bad = (
        (NOON, NOON),
        (NOON, NOON - timedelta(1)),
        (NOON - timedelta(500), NOON),
        (NOON + timedelta(9), None),
    )
    for since, until in bad:
        with room.scope(), pytest.raises(Invalid):
            sync.request(sender=room.sender, resource="history", trigger="test", since=since, until=until)
    with room.scope():
        room.sender.connection.provider = "sendgrid"
        with pytest.raises(Refused, match="does not list"):
            healing.count(sender=room.sender, day=DAY, trigger="test")


def test_a_preview_counts_and_records_nothing(room: Room) -> None:
    fill(room, 7)
    room.post(message_webhook("Text 0", provider_message_id=room.world.messages[0]["provider_id"]))
    room.hints.run_all()
    with room.scope():
        found = healing.preview(sender=room.sender, since=NOON, until=NOON + timedelta(hours=1))
    assert (found.listed, found.missing, found.complete) == (7, 6, True)
    assert len(texts(room)) == 1


@pytest.mark.parametrize("answers", [0, 2], ids=["none", "two pages"])
def test_a_preview_that_takes_too_long_says_so_with_what_it_has(
    room: Room, client: Browser, monkeypatch: pytest.MonkeyPatch, answers: int
) -> None:
    clock = [0.0]
    monkeypatch.setattr(deadline, "clock", lambda: clock[0])
    monkeypatch.setattr(sync_sources, "PAGE", 2)
    fill(room, 9)
    real, asked = WorldAdapter.list_messages, []

    def slowly(adapter: Any, **wanted: Any) -> Any:
        asked.append(wanted)
        if len(asked) > answers:
            clock[0] += 30
            raise problem(ErrorKind.TIMEOUT)
        clock[0] += 3.0
        return real(adapter, **wanted)

    monkeypatch.setattr(WorldAdapter, "list_messages", slowly)
    with room.scope():
        found = healing.preview(sender=room.sender, since=NOON, until=NOON + timedelta(hours=1))
    assert (found.listed, found.missing, found.complete) == (2 * answers, 2 * answers, False)
    assert len(asked) == answers + 1
    asked.clear()
    client.force_login(room.agency.ops)
    page = client.post(
        room.agency.url(f"ops/sync/{room.sender.id}/window/"),
        {"since": "2026-11-18", "until": "2026-11-18", "act": "count"},
    )
    assert page.status_code == 200
    assert "Incomplete: the provider answers slowly, and in 8 seconds it has listed" in page.content.decode()


@pytest.mark.parametrize(("answers", "kind"), [(2, ErrorKind.RATE_LIMITED), (1, ErrorKind.UNAVAILABLE)])
def test_a_preview_that_is_put_off_says_what_it_has_counted(
    room: Room, monkeypatch: pytest.MonkeyPatch, answers: int, kind: ErrorKind
) -> None:
    """Whoever would have to wait longer than there is time is told at once, before the time is over."""
    monkeypatch.setattr(sync_sources, "PAGE", 2)
    fill(room, 9)
    real, asked = WorldAdapter.list_messages, []

    def put_off(adapter: Any, **wanted: Any) -> Any:
        asked.append(wanted)
        if len(asked) > answers:
            raise problem(kind)
        return real(adapter, **wanted)

    monkeypatch.setattr(WorldAdapter, "list_messages", put_off)
    with room.scope():
        found = healing.preview(sender=room.sender, since=NOON, until=NOON + timedelta(hours=1))
        assert (found.listed, found.missing, found.complete) == (2 * answers, 2 * answers, False)
        assert f"puts us off for now, and until then it has listed {2 * answers} messages" in found.note
        # What does not pass by itself is an error as before, and so is an answer that never came.
        for error, first in ((ErrorKind.AUTH, answers), (kind, 0)):
            asked.clear()
            kind, answers = error, first
            with pytest.raises(ProviderError):
                healing.preview(sender=room.sender, since=NOON, until=NOON + timedelta(hours=1))


def test_any_interleaving_of_webhook_poll_and_history_gives_each_message_once(room: Room) -> None:
    """Webhooks name messages otherwise than the store does; the network's id is the same."""
    for seed in range(6):
        chance = random.Random(seed)
        at = NOON + timedelta(hours=seed, minutes=1)
        stored = [
            room.world.add_message(f"{seed}.{number}", at=at + timedelta(seconds=number), sender_id=who)
            for number, who in enumerate(["ACoAABlead", OWN_ID, "ACoAABlead", "ACoAABlead", OWN_ID])
        ]

        def pull(resource: str) -> None:
            with room.scope():
                busy = SyncRun.objects.filter(state__in=sync.ACTIVE).exists()
            if not busy:
                ask(room, resource)

        def webhook(row: dict[str, Any]) -> None:
            room.post(
                message_webhook(
                    row["text"],
                    provider_message_id=row["provider_id"],
                    sender_id=row["sender_id"],
                    timestamp=row["timestamp"],
                )
            )

        acts: list[Any] = [lambda row=row: webhook(row) for row in stored]
        acts += [lambda row=row: webhook(row) for row in chance.sample(stored, 2)]
        acts += [lambda: pull("messages"), lambda: pull("history")]
        chance.shuffle(acts)
        for act in acts:
            act()
            if chance.random() < 0.7:
                room.hints.run_all()
        room.hints.run_all()
        # What is left out by chance is there after the next pass.
        ask(room, "history")
        room.hints.run_all()
    found = texts(room)
    assert sorted(found) == sorted(f"{seed}.{number}" for seed in range(6) for number in range(5))


def test_use_of_limits_is_raised_to_what_left_past_us(room: Room) -> None:
    with room.scope():
        adapter: Any = adapter_of(room.sender.connection)
        source = ChatSource(adapter, "acc-1", StoredKnowledge(room.connection.id))
        fill(room, 3)
        for number in range(4):
            room.world.add_message(
                f"By hand {number}", at=NOON + timedelta(hours=1, minutes=number), sender_id=OWN_ID
            )
        page = source.page(since=NOON - timedelta(hours=1), before=None, cursor=None)
        for told in page.items:
            assert isinstance(told.events[0], MessageReceived)
            record_event(told.events[0], sender=room.sender, source="poll")
        left = room.queue()
        assert left is not None
        OutboundMessage.objects.filter(id=left.id).update(state="sent", sent_at=NOON)
        for _ in range(2):
            rates.backfill(sender=room.sender, since=NOON, until=NOON + timedelta(hours=2))
        assert RateUsage.objects.get(action="message", window="day").used == 4
        RateUsage.objects.update(used=9)
        assert rates.backfill(sender=room.sender, since=NOON, until=NOON + timedelta(hours=2)) == 0
        assert RateUsage.objects.get(action="message", window="day").used == 9


@pytest.mark.django_db(transaction=True)
def test_two_workers_for_one_run_and_two_askers_for_one_account(room: Room) -> None:
    fill(room, 60)
    asked: list[bool] = []
    done: list[str] = []
    gate = threading.Barrier(4)

    def asks() -> None:
        with no_scope(), organization_scope(room.agency.id):
            gate.wait(30)
            made = sync.request(
                sender=room.sender,
                resource="history",
                trigger="test",
                since=NOON,
                until=NOON + timedelta(hours=2),
            )
            asked.append(made is not None)
        database.close()

    def works(run_id: Any) -> None:
        with no_scope(), organization_scope(room.agency.id):
            done.append(sync.run(run_id))
        database.close()

    threads = [threading.Thread(target=asks) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(asked) == [False, False, False, True]
    with room.scope():
        run_id = SyncRun.objects.get().id
    threads = [threading.Thread(target=works, args=(run_id,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(done) == ["", "", "done"]
    assert len(texts(room)) == 60
