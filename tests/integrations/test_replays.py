"""Replays: what was lost comes back, twice is once, a dry run leaves no trace, and a killed worker loses nothing."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.apps import apps
from django.db import connection, transaction

from inbox.models import Conversation, Message
from integrations import locks, registry
from integrations.base import Capability, NoKnowledge, ReceivesWebhooks, require
from integrations.errors import ProviderError
from integrations.models import Connection, ProviderEvent, ReplayRun, SenderAccount, WebhookDelivery
from integrations.providers.unipile.adapter import UnipileAdapter
from integrations.services import rehearsals, replays, webhooks
from integrations.services.adapters import adapter_of
from integrations.tasks import sweep_replays
from integrations.webhook_filters import Filter
from project.core import crypto
from project.core.clock import now
from project.core.rehearsal import OutsideRefused, refuse_outside, rehearse
from project.core.scoping import no_scope
from project.tenancy.models import AuditEntry
from tests.campaigns.conftest import WORKING, World, world
from tests.contracts.fixtures import fixtures_of
from tests.factories import Agency
from tests.killing import Killed, Killer

pytestmark = pytest.mark.django_db

__all__ = ["world"]

Stored = Callable[..., WebhookDelivery]


def reply(text: str = "Tell me more", *, slug: str = "marta", number: int = 1) -> dict[str, Any]:
    """A reply by webhook, as Unipile tells it."""
    return {
        "event": "message_received",
        "account_id": "acc_erik",
        "account_type": "LINKEDIN",
        "chat_id": f"chat_{slug}",
        "provider_chat_id": f"thread_{slug}",
        "message_id": f"api_{slug}{number}",
        "provider_message_id": f"net_{slug}{number}",
        "timestamp": (WORKING + timedelta(minutes=number)).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "message": text,
        "message_type": "MESSAGE",
        "is_sender": False,
        "sender": {
            "attendee_id": "a",
            "attendee_name": slug.title(),
            "attendee_provider_id": f"ACoAA_{slug}",
        },
        "attendees": [],
        "attachments": [],
    }


@pytest.fixture
def stored(world: World) -> Stored:
    """Stores calls as the door does, in the state that a test wants."""

    def store(payload: Any, *, state: str = "dead", minute: int = 0, **values: Any) -> WebhookDelivery:
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        made: WebhookDelivery = WebhookDelivery.objects.create(
            **{
                "connection_id": world.connection.id,
                "provider": "unipile",
                "event_type": "message_received",
                "body": body,
                "size": len(body),
                "payload_hash": hashlib.sha256(body).hexdigest(),
                "received_at": WORKING + timedelta(minutes=minute - 60),
                "state": state,
                "attempts": webhooks.MAX_ATTEMPTS if state == "dead" else 1,
                "last_error": "OperationalError: the database went away" if state == "dead" else "",
                **values,
            }
        )
        return made

    return store


def replay(**criteria: Any) -> ReplayRun:
    made = replays.request(criteria=Filter(**criteria), actor=None)
    assert replays.run(made.id) == "done"
    return made.refreshed()


def digests(leave_out: tuple[str, ...] = ()) -> dict[str, str]:
    """One digest for each table: any row that was added, changed or taken away shows."""
    found = {}
    for model in apps.get_models():
        table = model._meta.db_table
        if table in leave_out:
            continue
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM \"{table}\" t"
            )
            found[table] = cursor.fetchone()[0]
    return found


BOOKS = (
    "integrations_webhookdelivery",
    "integrations_replayrun",
    "tenancy_auditentry",
    "core_streamevent",
    "core_streamcounter",
)


# --- what it does -----------------------------------------------------------------------------------


def test_a_reply_that_was_lost_half_way_comes_back_once(world: World, stored: Stored) -> None:
    lead = world.lead("Marta", "marta")
    world.launch()
    world.tick()
    world.deliver(world.queued()[0])
    delivery = stored(reply())
    before = digests()
    found = rehearsals.dry_run(criteria=Filter(ids=(delivery.id,)))
    assert digests() == before
    assert (found.total, found.changed, found.is_complete, found.changes_nothing) == (1, 1, True, False)
    kinds = {(sign, kind) for sign, kind, _count in found.difference.kinds()}
    assert {("+", "message"), ("~", "enrollment"), ("+", "fact")} <= kinds
    [stopped] = found.difference.stopped
    assert "Marta" in stopped.text
    assert "sequence running → ended" in stopped.text
    assert any("Tell me more" in change.text for change in found.difference.changes)
    assert found.live_events

    run = replay(ids=(delivery.id,))
    assert (run.total, run.done, run.changed, run.failed, run.skipped) == (1, 1, 1, 0, 0)
    assert world.enrollment(lead).stage == "replied"
    assert Message.objects.filter(direction="inbound").count() == 1
    delivery = WebhookDelivery.objects.get(id=delivery.id)
    assert (delivery.state, delivery.replay_count, delivery.last_replay_id) == ("processed", 1, run.id)
    assert delivery.last_replay_at is not None
    assert AuditEntry.objects.filter(action="webhooks.replayed", subject_id=run.id).count() == 1

    # Twice is once: nothing but the books of the replay differs.
    found = rehearsals.dry_run(criteria=Filter(ids=(delivery.id,)))
    assert found.changes_nothing
    assert found.known == 1
    before = digests(BOOKS)
    assert replay(ids=(delivery.id,)).changed == 0
    assert digests(BOOKS) == before
    assert WebhookDelivery.objects.get(id=delivery.id).replay_count == 2


def test_a_message_that_fitted_nobody_finds_the_lead_that_came_later(world: World, stored: Stored) -> None:
    delivery = stored(reply(), state="received", attempts=0)
    webhooks.process(delivery.id, delivery.received_at)
    assert Conversation.objects.get().lead is None
    lead = world.lead("Marta", "marta")
    world.launch()
    found = rehearsals.dry_run(criteria=Filter(ids=(delivery.id,)))
    assert any(
        change.kind == "conversation" and "lead nothing → Marta" in change.text
        for change in found.difference.changes
    )
    assert [change.text.split(" in ")[0] for change in found.difference.stopped] == [str(lead)]
    assert replay(ids=(delivery.id,)).changed == 1
    assert Conversation.objects.get().lead == lead
    assert world.enrollment(lead).stage == "replied"
    assert Message.objects.count() == 1
    assert replay(ids=(delivery.id,)).changed == 0


def test_replays_go_in_the_order_of_receipt_and_out_of_order_ends_the_same(
    world: World, stored: Stored
) -> None:
    message = reply("Yes")
    same = {key: message[key] for key in ("message_id", "provider_message_id", "chat_id", "provider_chat_id")}
    about = {"account_id": "acc_erik", "account_type": "LINKEDIN", **same}
    stored({"event": "message_reaction", "reaction": "👍", **about}, minute=1)
    stored({"event": "message_deleted", **about}, minute=2)
    stored(message, minute=3)
    assert replay(state="dead").changed == 3
    kept = Message.objects.get()
    assert kept.deleted_at is not None
    assert Conversation.objects.get().unread == 0 or kept.deleted_at


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\x00\xff\xfe", b"[1, 2]", b'"text"', b'{"event": {"deep": []}}', b"null", b"1" * 3000],
)
def test_what_cannot_be_read_is_replayed_without_a_fault(world: World, stored: Stored, body: bytes) -> None:
    delivery = stored(body, state="rejected", reason="It cannot be read.")
    found = rehearsals.dry_run(criteria=Filter(ids=(delivery.id,)))
    assert found.changes_nothing
    assert found.troubles or found.ignored
    run = replay(ids=(delivery.id,))
    assert (run.done, run.changed, run.failed) == (1, 0, 0)
    assert WebhookDelivery.objects.get(id=delivery.id).state in {"rejected", "ignored"}


def test_what_was_refused_at_the_door_is_never_replayed(world: World, stored: Stored) -> None:
    forged = stored(reply(), state="rejected", attempts=0, reason="The signature is wrong.")
    with pytest.raises(Exception, match="None of these deliveries can be replayed"):
        replay(ids=(forged.id,))
    good = stored(reply(number=2))
    assert replay(ids=(forged.id, good.id)).total == 1
    assert WebhookDelivery.objects.get(id=forged.id).replay_count == 0
    assert ProviderEvent.objects.count() == 1


def test_a_replayed_delivery_has_all_its_tries_again(world: World, stored: Stored, monkeypatch: Any) -> None:
    delivery = stored(reply())
    with monkeypatch.context() as patch:
        patch.setattr(UnipileAdapter, "normalise", lambda *args, **kwargs: 1 / 0)
        run = replay(ids=(delivery.id,))
        assert (run.failed, run.changed) == (1, 0)
        for _ in range(webhooks.MAX_ATTEMPTS - 2):
            assert webhooks.process(delivery.id, delivery.received_at) == "failed"
        assert webhooks.process(delivery.id, delivery.received_at) == "dead"
    assert replay(state="dead").changed == 1


# --- workers ----------------------------------------------------------------------------------------


def test_a_killed_worker_in_a_bulk_replay_is_taken_over_at_any_statement(
    world: World, stored: Stored, time_machine: Any
) -> None:
    """Killed before every statement in turn: in the end each delivery was applied once and the books are right."""
    statement, moment = 0, WORKING
    while True:
        statement += 7
        moment += timedelta(hours=1)
        time_machine.move_to(moment, tick=False)
        for number in range(3):
            stored(reply(slug=f"p{statement}n{number}"), received_at=moment + timedelta(seconds=number - 10))
        made = replays.request(criteria=Filter(state="dead"), actor=None)
        killer = Killer(statement)
        with connection.execute_wrapper(killer), suppress(Killed):
            replays.run(made.id)
        time_machine.move_to(moment + replays.LEASE + timedelta(seconds=1), tick=False)
        assert replays.run(made.id) in {"done", ""}
        run = made.refreshed()
        assert (run.state, run.total, run.done, run.failed, run.skipped) == ("done", 3, 3, 0, 0)
        assert not WebhookDelivery.objects.exclude(state="processed").exists()
        if not killer.killed:
            break
        assert statement < 1000
    assert statement > 60
    assert Message.objects.count() == ProviderEvent.objects.count() == 3 * statement / 7


def test_a_forgotten_replay_is_hinted_at_and_an_outrun_worker_stops(
    world: World, stored: Stored, time_machine: Any
) -> None:
    stored(reply())
    made = replays.request(criteria=Filter(state="dead"), actor=None)
    mine = replays._claim(made.id)
    assert mine is not None
    assert replays.run(made.id) == ""
    time_machine.shift(replays.LEASE + timedelta(seconds=1))
    with no_scope():
        assert sweep_replays.run() == 1
    assert replays.run(made.id) == "done"
    assert replays._end(mine, "failed", "late") == ""
    assert made.refreshed().state == "done"


def test_a_replay_is_cancelled_between_two_deliveries(world: World, stored: Stored) -> None:
    for number in range(3):
        stored(reply(slug=f"p{number}"), minute=number)
    made = replays.request(criteria=Filter(state="dead"), actor=world.agency.ops)

    def stop(run: ReplayRun) -> None:
        replays.cancel(run=run, actor=world.agency.ops)

    first = True

    def told(run: ReplayRun) -> None:
        nonlocal first
        if first:
            stop(run)
            first = False

    assert replays.run(made.id, told=told) == "cancelled"
    run = made.refreshed()
    assert (run.state, run.done, run.total) == ("cancelled", 2, 3)
    assert not replays.cancel(run=run, actor=None)


# --- dry runs ---------------------------------------------------------------------------------------


def test_a_rehearsal_asks_nobody_and_hands_nothing_over(
    world: World, stored: Stored, monkeypatch: Any
) -> None:
    with rehearse(), pytest.raises(OutsideRefused, match="Unipile would have to be asked"):
        refuse_outside("Unipile")
    refuse_outside("Unipile")
    # Nothing in the call tells who wrote it: Unipile would have to be asked.
    asks = stored({**reply(), "is_sender": None, "sender": None})
    found = rehearsals.dry_run(criteria=Filter(ids=(asks.id,)))
    assert found.tried == 1
    assert found.changes_nothing or found.changed


def test_a_dry_run_is_bounded_and_says_so(world: World, stored: Stored) -> None:
    for number in range(4):
        stored(reply(slug=f"p{number}"), minute=number)
    found = rehearsals.dry_run(criteria=Filter(state="dead"), limit=2)
    assert (found.total, found.tried, found.is_complete) == (4, 2, False)
    found = rehearsals.dry_run(criteria=Filter(state="dead"), seconds=0)
    assert (found.total, found.tried) == (4, 1)


def waits_for(sender_id: UUID, *, hold: threading.Event | None = None) -> threading.Thread:
    """Another worker that takes the account's lock, and holds it until told; waited for until it waits or holds."""
    has = threading.Event()

    def work() -> None:
        with transaction.atomic():
            locks.lock_sender(sender_id)
            has.set()
            if hold is not None:
                hold.wait(60)
        connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    until = time.monotonic() + 60
    while not has.is_set() and not locks.is_waited_for():
        assert time.monotonic() < until
    return thread


def test_a_dry_run_gives_way_to_live_work(world: World, stored: Stored, monkeypatch: Any) -> None:
    for number in range(4):
        stored(reply(slug=f"p{number}"), minute=number)
    monkeypatch.setattr(rehearsals, "LOOKS_EVERY", 0.0)
    monkeypatch.setattr(rehearsals, "GIVES_WAY_AFTER", 0.0)
    real, live = rehearsals._try, []

    def tries(found: Any, delivery: Any) -> None:
        real(found, delivery)
        if found.tried == 2:
            live.append(waits_for(world.sender.id))

    monkeypatch.setattr(rehearsals, "_try", tries)
    found = rehearsals.dry_run(criteria=Filter(state="dead"), seconds=600)
    assert (found.total, found.tried, found.gave_way, found.is_complete) == (4, 2, True, False)
    assert found.changed == 2
    live[0].join(60)
    assert not live[0].is_alive(), "the lock is free once the dry run is rolled back"


def test_a_dry_run_never_waits_long_for_live_work(world: World, stored: Stored, monkeypatch: Any) -> None:
    stored(reply())
    monkeypatch.setattr(rehearsals, "WAITS_MS", 50)
    done = threading.Event()
    live = waits_for(world.sender.id, hold=done)
    found = rehearsals.dry_run(criteria=Filter(state="dead"))
    done.set()
    live.join(60)
    assert [one.reason for one in found.troubles] == [
        "Its account is being worked on just now. Look again in a moment."
    ]
    again = rehearsals.dry_run(criteria=Filter(state="dead"))
    assert (again.changed, again.troubles, again.gave_way) == (1, [], False)


PROVIDERS = [one.kind for one in registry.providers() if Capability.RECEIVES_WEBHOOKS in one.capabilities]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_no_providers_dry_run_leaves_a_trace_and_twice_is_once(provider: str, kestrel: Agency) -> None:
    with kestrel.scope():
        count = store_fixtures(provider, kestrel)
        before = digests()
        found = rehearsals.dry_run(criteria=Filter(provider=provider), limit=1000, seconds=120)
        assert digests() == before
        assert found.tried == count
        assert not [one.reason for one in found.troubles if one.reason.startswith("It breaks")]
        run = replay(provider=provider)
        assert run.done == count
        assert 0 < found.changed <= run.changed
        # Applied twice: the second time nothing but the books of the replay differs.
        before = digests(BOOKS)
        assert replay(provider=provider).changed == 0
        assert digests(BOOKS) == before


def store_fixtures(provider: str, agency: Agency) -> int:
    """Store every hand-written call of a provider as a delivery, with the accounts that they name."""
    known = registry.get(provider)
    made = Connection.objects.create(
        provider=provider,
        name=known.label,
        base_url="http://127.0.0.1:9",
        status="ok",
        credentials=crypto.encrypt({field.name: "secret" for field in known.credential_fields}),
    )
    adapter = require(adapter_of(made), ReceivesWebhooks)
    accounts = {"the-account"}
    for number, fixture in enumerate(fixtures_of(provider)):
        at = now() + timedelta(milliseconds=number)
        WebhookDelivery.objects.create(
            connection_id=made.id, provider=provider, event_type=fixture.event_type[:80], body=fixture.body,
            headers=fixture.headers, payload_hash=str(number), received_at=at, state="failed", attempts=1,
        )  # fmt: skip
        for knowledge in (NoKnowledge(), OneAccount()):
            with suppress(ProviderError):
                told = adapter.normalise(
                    fixture.body, headers=fixture.headers, received_at=at, knowledge=knowledge
                )
                accounts |= {event.account_id for event in told.events}
    for account_id in filter(None, accounts):
        SenderAccount.objects.create(
            client=agency.first, connection=made, channel=known.channels[0], name=account_id[:120],
            provider_account_id=account_id, own_user_id="me", status="ok",
        )  # fmt: skip
    return len(fixtures_of(provider))


class OneAccount(NoKnowledge):
    """Whatever address or message it is: it belongs to the account."""

    def account_of_address(self, address: str) -> str:
        return "the-account"

    def account_of_message(self, message_ids: frozenset[str]) -> str:
        return "the-account"
