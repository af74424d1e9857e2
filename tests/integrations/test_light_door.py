"""Webhooks as deployments serve them: by WSGI, past the site's middleware, hints gathered by a thread."""

from __future__ import annotations

import io
import json
import os
import socket
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import DatabaseError
from django.db import connection as database
from django.test import RequestFactory

from integrations.models import Connection
from integrations.services import intake, intake_hints
from integrations.services.adapters import credentials_of
from project import wsgi
from project.core import crypto, light
from project.core.scoping import no_scope
from tests.integrations.conftest import Room, message_webhook


@pytest.fixture(autouse=True)
def gathered(monkeypatch: pytest.MonkeyPatch) -> None:
    """What `project.wsgi` switches on for its process must not stay on for the other tests."""
    monkeypatch.setattr(intake_hints, "_gatherer", None)
    intake_hints.gather()


def call(
    address: str, body: bytes = b"", *, method: str = "POST", **headers: str
) -> tuple[int, bytes, dict[str, str]]:
    environ = RequestFactory().generic(method, address, body, "application/json", headers=headers).environ
    environ["wsgi.input"] = io.BytesIO(body)
    told: list[Any] = []
    with no_scope():
        parts = wsgi.application(environ, lambda status, names: told.extend([status, names]))
        content = b"".join(parts)
    return int(told[0].split()[0]), content, dict(told[1])


def eventually(condition: Callable[[], bool], seconds: float = 10) -> bool:
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.01)
    return condition()


def genuine(room: Room) -> dict[str, str]:
    return {"Unipile-Auth": room.secret}


def test_many_calls_are_stored_and_the_workers_told_once(room: Room) -> None:
    for number in range(5):
        payload = message_webhook(f"Number {number}")
        status, content, headers = call(room.address, json.dumps(payload).encode(), **genuine(room))
        assert (status, content) == (200, b"received")
        assert not {"Set-Cookie", "Content-Security-Policy"} & set(headers)
    assert len(room.deliveries()) == 5
    assert eventually(lambda: bool(room.hints.waiting))
    assert set(room.hints.names()) == {"integrations.process_deliveries"}
    room.hints.run_all()
    assert {row.state for row in room.deliveries()} == {"processed"}
    # What comes after the workers have begun is news to them.
    call(room.address, json.dumps(message_webhook("One more")).encode(), **genuine(room))
    assert eventually(lambda: bool(room.hints.waiting))


def test_addresses_and_methods_are_as_everywhere(room: Room) -> None:
    assert call(room.address, method="GET")[:2] == (200, b"ready")
    assert call(room.address, method="PUT")[0] == 405
    assert call("/webhooks/unipile/no-such-key", b"{}")[:2] == (404, b"unknown address")
    assert call("/webhooks/nothing/of/the/kind", b"{}")[0] == 404
    assert call(room.address, b"{}", **{"Unipile-Auth": "wrong"})[:2] == (401, b"refused")


def test_a_replaced_secret_holds_at_once(room: Room) -> None:
    body = json.dumps(message_webhook()).encode()
    assert call(room.address, body, **genuine(room))[0] == 200
    with room.scope():
        values = {**credentials_of(room.connection), "webhook_secret": "another-secret-of-ours"}
        Connection.objects.filter(id=room.connection.id).update(credentials=crypto.encrypt(values))
    assert call(room.address, body, **genuine(room))[0] == 401
    fresh = json.dumps(message_webhook()).encode()
    assert call(room.address, fresh, **{"Unipile-Auth": "another-secret-of-ours"})[0] == 200


def test_a_connection_that_was_disabled_or_deleted_takes_nothing_more(room: Room) -> None:
    call(room.address, json.dumps(message_webhook()).encode(), **genuine(room))
    with room.scope():
        Connection.objects.filter(id=room.connection.id).update(status=Connection.Status.DISABLED)
    assert call(room.address, json.dumps(message_webhook()).encode(), **genuine(room))[0] == 200
    assert room.deliveries()[-1].state == "ignored"
    with room.scope():
        room.sender.delete()
        Connection.objects.filter(id=room.connection.id).delete()
    assert call(room.address, json.dumps(message_webhook()).encode(), **genuine(room))[0] == 404


def test_a_database_that_is_away_is_said_and_survived(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: Any) -> Any:
        raise DatabaseError("It is away.")

    body = json.dumps(message_webhook()).encode()
    with monkeypatch.context() as patch:
        patch.setattr(intake, "_store", broken)
        patch.setattr(light, "connection", SimpleNamespace(close=lambda: None))
        status, _content, headers = call(room.address, body, **genuine(room))
    assert (status, headers["Retry-After"]) == (503, "5")
    assert call(room.address, body, **genuine(room))[0] == 200


@pytest.mark.django_db(transaction=True)
def test_a_kept_connection_that_was_cut_is_opened_again(room: Room) -> None:
    body = json.dumps(message_webhook()).encode()
    assert call(room.address, body, **genuine(room))[0] == 200
    with socket.socket(fileno=os.dup(database.connection.fileno())) as kept:
        kept.shutdown(socket.SHUT_RDWR)
    again = json.dumps(message_webhook()).encode()
    assert call(room.address, again, **genuine(room))[0] == 200
    assert len(room.deliveries()) == 2
    database.close()
    database.close_pool()  # it has replaced the connection that was lost
