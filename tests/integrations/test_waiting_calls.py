"""Calls that wait together are applied together: it comes to what it comes to call by call."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from integrations.models import ProviderEvent
from integrations.services import webhook_runs
from tests.integrations.conftest import Room, message_webhook
from tests.integrations.world import ACCOUNT_ID, WorldAdapter


def receipt(number: int) -> dict[str, Any]:
    return {
        "event": "message_read",
        "account_id": ACCOUNT_ID,
        "account_type": "LINKEDIN",
        "chat_id": "c_1",
        "message_id": f"m-{number}",
        "provider_message_id": f"2-m-{number}",
        "timestamp": "2026-03-12T10:00:00.000Z",
    }


def work_off(room: Room) -> int:
    with room.scope():
        return webhook_runs.process_waiting(room.connection.id)


def test_a_burst_is_worked_off_and_each_call_says_what_it_told(room: Room) -> None:
    calls: list[Any] = [
        receipt(1),
        receipt(2),
        message_webhook("Tell me more"),
        receipt(3),
        receipt(4) | {"account_id": "stranger"},
        receipt(5) | {"timestamp": [], "message_id": None, "provider_message_id": None},
        receipt(6),
    ]
    for call in calls:
        assert room.post(call).status_code == 200
    assert work_off(room) == 7
    deliveries = room.deliveries()
    assert [row.state for row in deliveries] == [*["processed"] * 4, "ignored", "rejected", "processed"]
    with room.scope():
        told = {event.delivery_id: event.kind for event in ProviderEvent.objects.all()}
    kinds = ["message_read", "message_read", "message_received", "message_read", None, None, "message_read"]
    assert [told.get(delivery.id) for delivery in deliveries] == kinds
    assert [[item["event"] for item in delivery.outcome] for delivery in deliveries] == [
        [kind] if kind else [] for kind in kinds
    ]


def test_a_call_is_read_once_unless_reports_before_it_may_matter(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = ["First", "Second", "Third"]
    calls = [receipt(1), *map(message_webhook, texts), receipt(2), receipt(3)]
    for call in calls:
        room.post(call)
    read: list[str] = []
    real = WorldAdapter.normalise

    def counted(self: Any, body: bytes, **told: Any) -> Any:
        read.append(json.loads(body).get("message", "report"))
        return real(self, body, **told)

    monkeypatch.setattr(WorldAdapter, "normalise", counted)
    assert work_off(room) == len(calls)
    assert read == ["report", "First", "First", "Second", "Third", "report", "report"]
    assert {row.state for row in room.deliveries()} == {"processed"}


def test_a_run_that_breaks_is_done_call_by_call(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("a run breaks")

    for number in range(3):
        room.post(receipt(number))
    monkeypatch.setattr(webhook_runs, "record_events", broken)
    assert work_off(room) == 3
    assert [row.state for row in room.deliveries()] == ["processed"] * 3


def test_a_burst_costs_little_more_than_one_call(room: Room) -> None:
    def cost(numbers: range) -> int:
        for number in numbers:
            room.post(receipt(number))
        with CaptureQueriesContext(database) as queries:
            assert work_off(room) == len(numbers)
        return len(queries)

    cost(range(2))
    few, many = cost(range(10, 12)), cost(range(20, 36))
    assert many - few <= 14 * 3
