"""Processing of deliveries: claims, retries, dead letters, sweeps, and what is written down about them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine

from integrations.errors import ErrorKind
from integrations.models import ProviderEvent, SenderAccount, WebhookDelivery
from integrations.services import webhooks
from integrations.tasks import sweep_deliveries
from project.core.clock import now
from project.core.scoping import no_scope
from tests.integrations.conftest import Room, message_webhook
from tests.integrations.world import OWN_ID, WorldAdapter, problem


def process(room: Room) -> str:
    delivery = room.deliveries()[-1]
    with room.scope():
        return webhooks.process(delivery.id, delivery.received_at)


def sweep() -> int:
    with no_scope():
        return int(sweep_deliveries.run())


def test_a_processed_delivery_says_what_it_did(room: Room) -> None:
    room.post(message_webhook("Yes, please"))
    room.hints.run_all()
    (delivery,) = room.deliveries()
    assert delivery.state == "processed"
    assert delivery.processed_at is not None
    assert delivery.outcome[0]["event"] == "message_received"
    with room.scope():
        event = ProviderEvent.objects.get()
        assert (event.source, event.delivery_id) == ("webhook", delivery.id)
        assert event.payload["text"] == "Yes, please"
        assert SenderAccount.objects.get().last_inbound_at is not None


def test_the_accounts_own_message_is_outbound_even_without_a_flag(room: Room) -> None:
    room.post(message_webhook("From my phone", sender_id=OWN_ID, is_sender=None))
    room.hints.run_all()
    with room.scope():
        assert ProviderEvent.objects.get().payload["direction"] == "outbound"
        assert SenderAccount.objects.get().last_inbound_at is None


def test_processing_twice_changes_nothing(room: Room) -> None:
    room.post(message_webhook())
    assert process(room) == "processed"
    assert process(room) == ""
    with room.scope():
        assert ProviderEvent.objects.count() == 1


def test_a_provider_that_is_down_is_waited_for(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(*args: Any, **kwargs: Any) -> None:
        raise problem(ErrorKind.UNAVAILABLE)

    room.post(message_webhook())
    with monkeypatch.context() as patch:
        patch.setattr(WorldAdapter, "normalise", down)
        assert process(room) == "failed"
    (delivery,) = room.deliveries()
    assert delivery.not_before > now()
    assert "unavailable" in delivery.last_error
    room.hints.lose()
    assert sweep() == 0
    with time_machine.travel(now() + timedelta(minutes=5), tick=True):
        assert sweep() == 1
        room.hints.run_all()
    assert room.deliveries()[0].state == "processed"
    assert room.deliveries()[0].attempts == 2


def test_what_stays_broken_is_kept_as_dead_with_its_error(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any, **kwargs: Any) -> None:
        raise ZeroDivisionError("boom")

    room.post(message_webhook())
    monkeypatch.setattr(WorldAdapter, "normalise", broken)
    states = [process(room) for _ in range(webhooks.MAX_ATTEMPTS)]
    assert states == ["failed"] * (webhooks.MAX_ATTEMPTS - 1) + ["dead"]
    (delivery,) = room.deliveries()
    assert delivery.last_error == "ZeroDivisionError: boom"
    with time_machine.travel(now() + timedelta(days=1), tick=True):
        assert sweep() == 0


def test_a_forgotten_hint_is_found_by_the_sweeper_after_its_grace(room: Room) -> None:
    room.post(message_webhook())
    room.hints.lose()
    assert sweep() == 0
    with time_machine.travel(now() + timedelta(seconds=11), tick=True):
        assert sweep() == 1
        # It is left to the workers for a while: sweeps do not pile up hints.
        assert sweep() == 0
        room.hints.run_all()
    assert room.deliveries()[0].state == "processed"


def test_a_dead_workers_delivery_is_taken_over_and_the_dead_cannot_finish_it(room: Room) -> None:
    room.post(message_webhook())
    room.hints.lose()
    delivery = room.deliveries()[0]
    with room.scope():
        mine = webhooks.claim(delivery.id, delivery.received_at)
        assert mine is not None
        assert webhooks.claim(delivery.id, delivery.received_at) is None
    with time_machine.travel(now() + webhooks.LEASE + timedelta(seconds=1), tick=True):
        assert sweep() == 1
        room.hints.run_all()
        assert room.deliveries()[0].state == "processed"
        with room.scope():
            assert webhooks._failed(mine, "late", None) == ""
    assert room.deliveries()[0].state == "processed"


def test_a_deleted_connection_leaves_a_reason(room: Room) -> None:
    room.post(message_webhook())
    with room.scope():
        WebhookDelivery.objects.update(connection_id=room.sender.id)
    assert process(room) == "ignored"
    assert room.deliveries()[0].reason == "Its connection was deleted."


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_facts_in_any_order_are_the_same_facts(room: Room, order: tuple[int, ...]) -> None:
    message = message_webhook("Yes")
    same = {key: message[key] for key in ("message_id", "provider_message_id", "chat_id", "provider_chat_id")}
    calls = [
        message,
        {
            "event": "message_reaction",
            "account_id": "acc-1",
            "account_type": "LINKEDIN",
            "reaction": "👍",
            **same,
        },
        {"event": "message_deleted", "account_id": "acc-1", "account_type": "LINKEDIN", **same},
    ]
    for index in order:
        room.post(calls[index])
        room.hints.run_all()
    with room.scope():
        kinds = sorted(ProviderEvent.objects.values_list("kind", flat=True))
    assert kinds == ["message_deleted", "message_reaction", "message_received"]
    assert {delivery.state for delivery in room.deliveries()} == {"processed"}
