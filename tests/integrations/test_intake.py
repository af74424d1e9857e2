"""Intake: whatever comes in is stored or refused with a reason, at once, and never answered with a 500."""

from __future__ import annotations

import json
import threading
from collections import Counter
from typing import Any

import pytest
from django.db import connection as database
from django.test import Client as Browser

from integrations.models import Connection, ProviderEvent, WebhookDelivery, WebhookKey
from integrations.services import connections, hygiene, intake_limits, intake_store
from project.core.embedded.processes import wait_until
from tests.integrations.conftest import Room, message_webhook


def test_a_genuine_call_is_stored_raw_and_hinted_at(room: Room) -> None:
    payload = message_webhook("Sounds good")
    answer = room.post(payload)
    assert (answer.status_code, answer.content) == (200, b"received")
    (delivery,) = room.deliveries()
    assert json.loads(bytes(delivery.body)) == payload
    assert (delivery.state, delivery.event_type) == ("received", "message_received")
    assert room.hints.names() == ["integrations.process_deliveries"]
    with room.scope():
        assert Connection.objects.get().last_webhook_at is not None


def test_secrets_are_not_kept_with_the_headers(room: Room) -> None:
    room.post(message_webhook(), Cookie="sessionid=abc")
    stored = json.dumps(room.deliveries()[0].headers)
    assert room.secret not in stored
    assert "sessionid" not in stored
    assert room.deliveries()[0].headers["Unipile-Auth"] == "[masked]"


def test_the_same_call_again_is_counted_on_the_first(room: Room) -> None:
    payload = message_webhook()
    assert room.post(payload).content == b"received"
    assert room.post(payload).content == b"repeated"
    assert room.post(payload).content == b"repeated"
    (delivery,) = room.deliveries()
    assert delivery.duplicates == 2
    assert len(room.hints.waiting) == 1


@pytest.mark.django_db(transaction=True)
def test_the_same_call_at_once_from_many_threads_is_one_delivery(room: Room) -> None:
    payload = message_webhook()
    start = threading.Barrier(8)
    words: list[bytes] = []

    def call() -> None:
        start.wait()
        words.append(room.post(payload).content)
        database.close()

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(words) == [b"received"] + [b"repeated"] * 7
    (delivery,) = room.deliveries()
    assert delivery.duplicates == 7
    room.hints.run_all()
    with room.scope():
        assert ProviderEvent.objects.count() == 1
        assert WebhookKey.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_calls_that_come_while_one_is_stored_are_stored_together(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = ["first", "second", "third", "third", "fourth"]
    payloads = {
        text: {**message_webhook(text), "message_id": text, "provider_message_id": text} for text in texts
    }
    first_begun, all_wait, statements = threading.Event(), threading.Event(), []
    run = intake_store.execute_prepared

    def slow(sql: Any, values: dict[str, Any]) -> Any:
        statements.append(len(values["bodies"]))
        first_begun.set()
        assert all_wait.wait(30)
        return run(sql, values)

    monkeypatch.setattr(intake_store, "execute_prepared", slow)
    words: Counter[bytes] = Counter()

    def call(text: str) -> None:
        words[room.post(payloads[text]).content] += 1
        database.close()

    threads = [threading.Thread(target=call, args=[text]) for text in texts]
    threads[0].start()
    assert first_begun.wait(30)
    for thread in threads[1:]:
        thread.start()
    lines = intake_store._combiner._lines
    assert wait_until(lambda: sum(map(len, lines.values())) == 4, seconds=30)
    all_wait.set()
    for thread in threads:
        thread.join()
    assert statements == [1, 4]
    assert words == {b"received": 4, b"repeated": 1}
    kept = {json.loads(bytes(row.body))["message"]: row.duplicates for row in room.deliveries()}
    assert kept == {"first": 0, "second": 0, "third": 1, "fourth": 0}


def test_calls_without_a_name_of_their_own_are_news_each_time(room: Room) -> None:
    status = {"AccountStatus": {"account_id": "acc-1", "account_type": "LINKEDIN", "message": "OK"}}
    room.post(status)
    room.post(status)
    assert len(room.deliveries()) == 2


@pytest.mark.parametrize("secret", ["", "wrong", "wrong" * 400, "ünïcode"])
def test_an_unsigned_call_is_refused_counted_and_stored(room: Room, secret: str) -> None:
    answer = room.post(message_webhook(), secret=secret.encode("utf-8").decode("latin-1"))
    assert answer.status_code == 401
    (delivery,) = room.deliveries()
    assert delivery.state == "rejected"
    assert "Unipile-Auth" in delivery.reason
    assert not room.hints.waiting
    with room.scope():
        assert Connection.objects.get().refused_webhooks == 1


def test_refused_calls_cannot_fill_the_disk(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake_limits, "REFUSED_STORED", 3)
    for _ in range(8):
        assert room.post(message_webhook(), secret="wrong").status_code == 401
    assert len(room.deliveries()) == 3
    with room.scope():
        assert Connection.objects.get().refused_webhooks == 8
    # They do not use up the budget of the genuine ones.
    assert room.post(message_webhook()).status_code == 200


def test_without_redis_refused_calls_are_bounded_and_genuine_ones_pass(
    room: Room, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    settings.WEBHOOKS_PER_MINUTE = 1
    monkeypatch.setattr(intake_limits, "REFUSED_STORED", 2)
    for _ in range(4):
        room.post(message_webhook(), secret="wrong")
    assert len(room.deliveries()) == 2
    assert [room.post(message_webhook()).status_code for _ in range(3)] == [200, 200, 200]


def test_an_oversize_call_is_cut_stored_and_refused(room: Room, settings: Any) -> None:
    settings.WEBHOOK_MAX_BYTES = 1000
    answer = room.post({"event": "message_received", "filler": "x" * 5000})
    assert answer.status_code == 413
    (delivery,) = room.deliveries()
    assert delivery.state == "rejected"
    assert delivery.size > 5000
    assert len(bytes(delivery.body)) <= 1001
    assert "KiB" in delivery.reason


def test_more_calls_a_minute_than_allowed_are_put_off(room: Room, settings: Any) -> None:
    settings.WEBHOOKS_PER_MINUTE = 2
    statuses = [room.post(message_webhook()) for _ in range(3)]
    assert [answer.status_code for answer in statuses] == [200, 200, 429]
    assert 1 <= int(statuses[2]["Retry-After"]) <= 60


def test_an_unknown_address_is_not_found(room: Room) -> None:
    for path in ("/webhooks/unipile/nothing", f"/webhooks/smartlead/{room.connection.key}"):
        assert Browser().post(path, data=b"{}", content_type="application/json").status_code == 404
    assert room.deliveries() == []


def test_methods(room: Room) -> None:
    browser = Browser()
    assert browser.get(room.address).status_code == 200
    assert browser.head(room.address).status_code == 200
    assert browser.put(room.address, data=b"{}").status_code == 405
    assert browser.delete(room.address).status_code == 405


def test_no_csrf_token_and_no_session_are_needed(room: Room) -> None:
    browser = Browser(enforce_csrf_checks=True)
    answer = browser.post(
        room.address,
        data=json.dumps(message_webhook()),
        content_type="text/plain",
        headers={"Unipile-Auth": room.secret},
    )
    assert answer.status_code == 200
    assert not answer.cookies


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"\xff\xfe\x00",
        b'"text"',
        b'{"event": 5}',
        b'{"event": "message_received"}',
        b'{"event": "message_received", "account_id": "acc-1"}',
        b'{"event": "message_received", "account_id": "acc-1", "sender": 7, "attendees": "x"}',
        b'{"event": "ne\x00w"}',
        b'{"AccountStatus": []}',
        b'{"AccountStatus": {"message": "OK"}}',
        b"[" * 100_000,
    ],
)
def test_malformed_calls_end_with_a_reason(room: Room, body: bytes) -> None:
    assert room.post(body).status_code == 200
    room.hints.run_all()
    (delivery,) = room.deliveries()
    assert delivery.state in {"rejected", "ignored"}, delivery.last_error
    assert delivery.reason


def test_unknown_events_and_accounts_are_ignored_with_a_reason(room: Room) -> None:
    room.post({"event": "calendar_event", "account_id": "acc-1", "account_type": "LINKEDIN"})
    room.post(message_webhook(account_id="somebody-else"))
    room.hints.run_all()
    unknown_event, unknown_account = room.deliveries()
    assert (unknown_event.state, unknown_account.state) == ("ignored", "ignored")
    assert "calendar_event" in unknown_event.reason
    assert "somebody-else" in unknown_account.reason


def test_characters_that_the_database_cannot_hold_are_left_out(room: Room) -> None:
    payload = message_webhook("placeholder")
    body = json.dumps(payload).replace("placeholder", "a\\u0000b\\ud800c 👍").encode()
    room.post(body)
    room.hints.run_all()
    assert room.deliveries()[0].state == "processed", room.deliveries()[0].last_error
    with room.scope():
        text = ProviderEvent.objects.get().payload["text"]
    assert text.startswith("ab")
    assert text.endswith("c 👍")


def test_a_disabled_connection_stores_and_ignores(room: Room) -> None:
    with room.scope():
        connections.set_enabled(connection=room.connection, enabled=False, actor=room.agency.admin)
    assert room.post(message_webhook()).status_code == 200
    (delivery,) = room.deliveries()
    assert (delivery.state, delivery.reason) == ("ignored", "This connection is disabled.")


def test_unreadable_credentials_ask_the_provider_to_come_back(room: Room) -> None:
    with room.scope():
        Connection.objects.update(credentials="not a token")
    answer = room.post(message_webhook())
    assert answer.status_code == 503
    assert answer["Retry-After"]


def test_both_secrets_are_accepted_while_one_is_rotated(room: Room) -> None:
    with room.scope():
        hygiene.rotate_secret(connection=room.connection, actor=room.agency.admin)
    assert room.post(message_webhook()).status_code == 200
    with room.scope():
        hygiene.rotate_secret(connection=room.connection, actor=room.agency.admin)
    assert room.post(message_webhook()).status_code == 401


def test_intake_takes_few_statements(room: Room, django_assert_max_num_queries: Any) -> None:
    room.post(message_webhook())
    with django_assert_max_num_queries(2):
        room.post(message_webhook())


def test_a_delivery_is_the_organizations_own(room: Room, rival: Any) -> None:
    room.post(message_webhook())
    with rival.scope():
        assert WebhookDelivery.objects.count() == 0
