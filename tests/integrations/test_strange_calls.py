"""Calls of a shape that nobody knows: counted, kept, and what they told is asked for."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine

from integrations.base import NoKnowledge
from integrations.models import ProviderFailure, SenderAccount, SyncCursor, SyncRun, WebhookDelivery
from integrations.providers.emailbison import inbound as emailbison
from integrations.providers.heyreach import inbound as heyreach
from integrations.providers.resend import inbound as resend
from integrations.providers.sendgrid import inbound as sendgrid
from integrations.providers.smartlead import inbound as smartlead
from integrations.services import replays, sync, webhooks
from integrations.webhook_filters import Filter
from project.core.clock import now
from tests.integrations.conftest import Room, message_webhook
from tests.integrations.world import WorldAdapter

NOBODY = NoKnowledge()


def counted(room: Room) -> int:
    with room.scope():
        return sum(ProviderFailure.objects.filter(kind="unreadable").values_list("count", flat=True))


def renamed(text: str = "Hello") -> dict[str, Any]:
    return message_webhook(text) | {"event": "message_new"}


def test_what_a_call_of_unknown_shape_told_is_polled_for_although_others_are_heard(room: Room) -> None:
    with time_machine.travel(now(), tick=False) as clock:
        room.post(message_webhook("Understood"))
        room.hints.run_all()
        with room.scope():
            SyncCursor.objects.create(
                sender=room.sender, resource="messages", last_success_at=now(), read_until=now()
            )
        clock.shift(timedelta(seconds=60))
        with room.scope():
            sync.request_due()
            assert not SyncRun.objects.filter(resource="messages").exists()
        room.world.add_message("Only the poll can read this.")
        room.post(renamed("Only the poll can read this."))
        room.hints.run_all()
        (delivery, _) = sorted(room.deliveries(), key=lambda row: row.state)
        assert (delivery.state, delivery.reason) == ("ignored", "Event 'message_new' is not known.")
        assert counted(room) == 1
        with room.scope():
            sync.request_due()
            assert SyncRun.objects.get(resource="messages").trigger == "webhooks not understood"
        room.hints.run_all()
        with room.scope():
            assert SyncRun.objects.get(resource="messages").created == 1
            # What came before that pass is read: the account waits for the next such call.
            clock.shift(timedelta(seconds=60))
            sync.request_due()
            assert SyncRun.objects.filter(resource="messages").count() == 1


def test_a_replay_of_what_is_still_not_understood_is_no_news(room: Room) -> None:
    room.post(renamed())
    room.hints.run_all()
    with room.scope():
        replays.request(criteria=Filter(state="ignored"), actor=None)
    room.hints.run_all()
    with room.scope():
        assert WebhookDelivery.objects.get().replay_count == 1
    assert counted(room) == 1


def test_what_cannot_be_read_breaks_the_reading_or_is_of_nobody_is_counted_once(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.post({name: value for name, value in message_webhook().items() if not name.endswith("message_id")})
    room.hints.run_all()
    assert (room.deliveries()[0].state, counted(room)) == ("rejected", 1)

    def broken(*args: Any, **kwargs: Any) -> None:
        raise KeyError("sender")

    room.post(message_webhook("Breaks"))
    delivery = next(row for row in room.deliveries() if row.state == "received")
    with monkeypatch.context() as patch, room.scope():
        patch.setattr(WorldAdapter, "normalise", broken)
        for _ in range(2):
            assert webhooks.process(delivery.id, delivery.received_at) == "failed"
            WebhookDelivery.objects.filter(id=delivery.id).update(not_before=now())
    assert counted(room) == 2
    with room.scope():
        assert SenderAccount.objects.get().last_webhook_at is None


@pytest.mark.parametrize(
    ("read", "is_strange"),
    [
        (
            lambda at: smartlead.from_webhook({"event_type": "LEAD_MOVED"}, received_at=at, knowledge=NOBODY),
            True,
        ),
        (
            lambda at: smartlead.from_webhook(
                {"event_type": "EMAIL_REPLY"}, received_at=at, knowledge=NOBODY
            ),
            True,
        ),
        (
            lambda at: smartlead.from_webhook(
                {"event_type": "MANUAL_STEP_REACHED"}, received_at=at, knowledge=NOBODY
            ),
            False,
        ),
        (lambda at: heyreach.from_webhook({"event_type": "lead_left"}, received_at=at), True),
        (lambda at: heyreach.from_webhook({"event_type": "message_sent"}, received_at=at), True),
        (lambda at: heyreach.from_webhook({"event_type": "liked_post"}, received_at=at), False),
        (lambda at: emailbison.from_webhook({"event": {"type": "LEAD_MOVED"}}, received_at=at), True),
        (lambda at: emailbison.from_webhook({"event": {"type": "LEAD_REPLIED"}}, received_at=at), True),
        (lambda at: emailbison.from_webhook({"event": {"type": "TAG_ATTACHED"}}, received_at=at), False),
        (lambda at: resend.from_webhook({"type": "email.lost"}, received_at=at, knowledge=NOBODY), True),
        (lambda at: resend.from_webhook({"type": "email.sent"}, received_at=at, knowledge=NOBODY), False),
        (lambda at: resend.from_webhook({"type": "domain.created"}, received_at=at, knowledge=NOBODY), False),
        (lambda at: sendgrid.from_batch(b'[{"event": "mangled"}]', received_at=at, knowledge=NOBODY), True),
        (
            lambda at: sendgrid.from_batch(b'[{"event": "processed"}]', received_at=at, knowledge=NOBODY),
            False,
        ),
        (
            lambda at: sendgrid.from_batch(
                b'[{"event": "account_status_change"}]', received_at=at, knowledge=NOBODY
            ),
            False,
        ),
    ],
)
def test_what_is_documented_and_merely_not_used_is_not_strange(read: Any, is_strange: bool) -> None:
    told = read(now())
    assert (told.events, told.is_strange) == ((), is_strange)
    assert told.ignored
