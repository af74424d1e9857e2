"""Errors of providers: what the API answers for each kind, what is kept of them, and what the weather page says."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser

from integrations.errors import TRANSIENT_KINDS, ErrorKind, ProviderError
from integrations.models import ProviderFailure, SenderAccount
from integrations.services import failures
from integrations.services.adapters import adapter_of
from integrations.weather import WORDS, Sort, sort_of
from project.core.clock import now
from project.core.scoping import no_scope
from tests.integrations import world as world_module
from tests.integrations.conftest import Room
from tests.integrations.world import ACCOUNT_ID, WorldAdapter


def _failing(monkeypatch: pytest.MonkeyPatch, kind: ErrorKind, **fields: Any) -> None:
    def refuse(self: Any, account_id: str) -> Any:
        raise ProviderError(kind, "A plain sentence.", provider="unipile", **fields)

    monkeypatch.setattr(WorldAdapter, "get_account", refuse)


def _asked(room: Room, path: str, method: str = "get", user: Any = None) -> Any:
    browser = Browser()
    browser.force_login(user or room.agency.admin)
    with no_scope():
        return getattr(browser, method)(f"/api/v1{path}", headers={"X-Organization": room.agency.slug})


@pytest.mark.parametrize("kind", [kind for kind in ErrorKind if kind is not ErrorKind.NOT_FOUND], ids=str)
def test_each_kind_reaches_the_caller_of_the_api(
    room: Room, monkeypatch: pytest.MonkeyPatch, kind: ErrorKind
) -> None:
    wait = 41.2 if kind is ErrorKind.RATE_LIMITED else None
    _failing(monkeypatch, kind, retry_after=wait)
    answer = _asked(room, f"/senders/{room.sender.id}/refresh", "post")
    body = answer.json()
    assert body["code"] == f"PROVIDER_{kind.upper()}"
    assert body["message"] == "A plain sentence."
    assert body["details"] == {
        "provider": "unipile",
        "kind": kind.value,
        "transient": kind in TRANSIENT_KINDS,
    }
    if kind in TRANSIENT_KINDS:
        assert answer.status_code == 503
        assert answer["Retry-After"] == ("42" if wait else "30")
    else:
        assert answer.status_code == 502
        assert "Retry-After" not in answer


def test_a_missing_thing_answers_502_where_it_says_nothing_about_the_account(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(self: Any, **kwargs: Any) -> Any:
        raise ProviderError(ErrorKind.NOT_FOUND, "There is no such account.", provider="unipile")

    monkeypatch.setattr(WorldAdapter, "connect_link", missing)
    browser = Browser()
    browser.force_login(room.agency.admin)
    with no_scope():
        answer = browser.post(
            f"/api/v1/senders/{room.sender.id}/reconnect", headers={"X-Organization": room.agency.slug}
        )
    assert (answer.status_code, answer.json()["details"]["kind"]) == (502, "not_found")


def test_a_storm_of_errors_is_one_row_a_minute(
    room: Room, monkeypatch: pytest.MonkeyPatch, time_machine: Any
) -> None:
    _failing(monkeypatch, ErrorKind.RATE_LIMITED, status=429, raw_type="too_many")
    with room.scope():
        begun = now().replace(second=1, microsecond=0)
        time_machine.move_to(begun, tick=False)
        adapter: Any = adapter_of(room.connection)
        for _ in range(50):
            with pytest.raises(ProviderError):
                adapter.get_account(account_id=ACCOUNT_ID)
        time_machine.move_to(begun + timedelta(minutes=1), tick=False)
        with pytest.raises(ProviderError):
            adapter.get_account(account_id=ACCOUNT_ID)
        rows = list(ProviderFailure.objects.order_by("minute"))
        assert [row.count for row in rows] == [50, 1]
        assert {(row.sender_id, row.connection_id) for row in rows} == {(room.sender.id, room.connection.id)}
        assert {(row.kind, row.is_transient, row.route, row.status) for row in rows} == {
            ("rate_limited", True, "get_account", 429)
        }
        time_machine.move_to(begun + failures.KEEP + timedelta(seconds=59), tick=False)
        assert failures.trim() == 1
        assert ProviderFailure.objects.get().count == 1


def test_what_is_as_good_as_success_is_no_failure_and_one_error_counts_once(room: Room) -> None:
    with room.scope():
        error = world_module.problem(ErrorKind.TIMEOUT)
        for _ in range(2):
            failures.note(
                error, connection_id=room.connection.id, organization_id=room.agency.id, route="get_profile"
            )
        failures.note(
            world_module.problem(ErrorKind.ALREADY_DONE),
            connection_id=room.connection.id,
            organization_id=room.agency.id,
            route="send_invitation",
        )
        assert [(row.kind, row.count) for row in ProviderFailure.objects.all()] == [("timeout", 1)]


def test_a_watched_adapter_keeps_what_it_can_do(room: Room) -> None:
    from integrations.base import SendsMessages, WatchesInbound

    with room.scope():
        adapter = adapter_of(room.connection)
    assert isinstance(adapter, SendsMessages)
    assert not isinstance(adapter, WatchesInbound)


def test_the_weather_says_who_has_to_act(room: Room) -> None:
    with room.scope():
        second = SenderAccount.objects.create(
            client=room.agency.second, connection=room.connection, channel="linkedin", name="Jonas Ek",
            provider_account_id="acc-2", status="ok",
        )  # fmt: skip
        for kind, account in (
            (ErrorKind.UNAVAILABLE, ACCOUNT_ID),
            (ErrorKind.UNAVAILABLE, ACCOUNT_ID),
            (ErrorKind.ACCOUNT_DISCONNECTED, "acc-2"),
        ):
            failures.note(
                world_module.problem(kind), connection_id=room.connection.id,
                organization_id=room.agency.id, account_id=account, route="send_message",
            )  # fmt: skip
    browser = Browser()
    browser.force_login(room.agency.ops)
    with no_scope():
        page = browser.get(room.agency.url("ops/weather/")).content.decode()
    assert "Account signed out" in page
    assert "Its owner has to sign in again" in page
    assert "Not reachable" in page
    found = _asked(room, "/ops/weather?hours=1").json()
    assert [(row["kind"], row["count"], row["sender_id"]) for row in found["clusters"]] == [
        ("account_disconnected", 1, str(second.id)),
        ("unavailable", 2, str(room.sender.id)),
    ]
    assert sum(found["clusters"][1]["columns"]) == 2
    assert found["connections"][0]["tone"] == "bad"
    # Somebody over the second client only sees that client's account.
    limited = _asked(room, "/ops/weather", user=room.agency.limited)
    assert limited.status_code == 403 or len(limited.json()["clusters"]) == 1
    reliability = _asked(room, "/analytics/reliability?hours=1").json()
    assert (reliability["transient"], reliability["terminal"]) == (2, 1)
    assert reliability["sync_lag"]["accounts"] == 2


def test_reliability_measures_webhooks_and_retries(room: Room) -> None:
    from integrations.models import WebhookDelivery

    with room.scope():
        # The last was replayed by a person, late: that says nothing of our lag, and is no try of ours.
        for seconds, replays in ((1, 0), (2, 0), (30, 0), (2, 1)):
            WebhookDelivery.objects.create(
                connection_id=room.connection.id, provider="unipile", body=b"", payload_hash="x",
                state="processed", received_at=now() - timedelta(minutes=5), attempts=seconds,
                replay_count=replays,
                processed_at=now() - timedelta(minutes=5) + timedelta(seconds=seconds),
            )  # fmt: skip
    found = _asked(room, "/analytics/reliability").json()
    assert found["webhook_lag"]["count"] == 3
    assert found["webhook_lag"]["max_seconds"] == pytest.approx(30, abs=0.1)
    assert found["webhook_lag"]["mean_seconds"] == pytest.approx(11, abs=0.1)
    assert found["retries"] == {"sends": 0, "webhooks": 30, "syncs": 0}


def test_every_kind_has_words_and_somebody_who_acts() -> None:
    assert set(WORDS) == set(ErrorKind)
    assert {kind for kind in ErrorKind if sort_of(kind) is Sort.PASSES} == TRANSIENT_KINDS | {
        ErrorKind.INDETERMINATE
    }
