"""Hygiene: registrations that are not as needed are named and mended, silence is noticed, floods are put off."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser

from integrations.domain_events import WebhooksDrifted, WebhooksFellSilent, WebhooksHeardAgain
from integrations.models import Connection, ProviderEvent
from integrations.services import connections, hygiene, intake_limits, sync
from integrations.tasks import check_due_webhooks, watch_silence
from project.core import events as core_events
from project.core.clock import now
from project.core.scoping import no_scope
from tests.integrations.conftest import Room, message_webhook
from tests.integrations.world import WorldAdapter, unavailable

pytestmark = pytest.mark.django_db


@pytest.fixture
def told(room: Room) -> list[Any]:
    """Domain events about webhooks, as alert rules hear them."""
    heard: list[Any] = []
    for event_class in (WebhooksDrifted, WebhooksFellSilent, WebhooksHeardAgain):
        core_events.subscribe(event_class, id="tests.hear")(heard.append)
    return heard


def health(room: Room, user: Any = None) -> dict[str, Any]:
    browser = Browser()
    browser.force_login(user or room.agency.ops)
    answer = browser.get("/api/v1/analytics/webhook-health", headers={"X-Organization": room.agency.slug})
    [row] = answer.json()
    return dict(row)


def works(room: Room) -> None:
    with room.scope():
        Connection.objects.update(status=Connection.Status.OK)
        room.connection.refresh_from_db()


def test_what_is_wrong_is_found_by_schedule_named_and_mended_to_one_of_each(
    room: Room, told: list[Any], client: Browser
) -> None:
    works(room)
    assert health(room)["status"] == "unchecked"
    with no_scope():
        assert check_due_webhooks.run() == 1
    room.hints.run_all()
    found = health(room)
    assert found["status"] == "wrong"
    assert found["problems"]
    assert [type(event) for event in told] == [WebhooksDrifted]
    assert told[0].problems == tuple(found["problems"])
    client.force_login(room.agency.ops)
    page = client.get(room.agency.url("ops/webhooks/endpoints/")).content.decode()
    assert "Registered wrongly" in page
    # Looked at again: nothing is new, so nobody is told.
    with room.scope():
        hygiene.check(connection=room.connection.refreshed())
    assert len(told) == 1

    url = room.agency.url(f"ops/webhooks/endpoints/{room.connection.id}/")
    answer = client.post(url, {"mend": "1"})
    assert answer.status_code == 200
    assert "is mended" in answer.content.decode()
    assert health(room)["status"] == "ok"
    assert told[1].problems == ()
    sources = [row.source for row in room.world.registered]
    assert len(sources) == len(set(sources)) > 0

    # A duplicate, a wrong address and a missing one, each in its own words; then exactly one of each again.
    first = room.world.registered[0]
    room.world.registered.append(first.model_copy(update={"registration_id": "again"}))
    room.world.registered.remove(room.world.registered[1])
    with room.scope():
        checked = hygiene.check(connection=room.connection.refreshed())
    assert len(checked.problems) >= 2
    assert len(set(checked.problems)) == len(checked.problems)
    with room.scope():
        hygiene.mend(connection=room.connection.refreshed(), actor=room.agency.ops)
        assert connections.webhook_findings(room.connection) == ()
    assert sorted(row.source for row in room.world.registered) == sorted(sources)
    assert client.post(url, {"mend": "1"}).content.decode().count("nothing had to be mended") == 1


def test_a_check_that_fails_says_so_and_keeps_what_was_known(
    room: Room, told: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    works(room)
    with room.scope():
        hygiene.check(connection=room.connection)
        known = room.connection.refreshed().webhook_findings
        assert known

        def down(self: Any) -> Any:
            raise unavailable()

        monkeypatch.setattr(WorldAdapter, "list_webhooks", down)
        checked = hygiene.check(connection=room.connection.refreshed())
        assert not checked.is_right
        assert room.connection.refreshed().webhook_findings == known
    found = health(room)
    assert (found["status"], found["error"]) == ("wrong", "Unipile is down.")


def test_silence_is_told_by_what_the_provider_shows_and_ends_with_the_first_webhook(
    room: Room, told: list[Any], time_machine: Any
) -> None:
    works(room)
    moment = now()
    time_machine.move_to(moment, tick=False)
    room.post(message_webhook("Heard"))
    room.hints.run_all()
    time_machine.move_to(moment + timedelta(minutes=20), tick=False)
    unheard = room.world.add_message("Nobody told of this", at=moment + timedelta(minutes=12))
    with room.scope():
        _poll(room)
    with no_scope():
        assert watch_silence.run() == 1
        assert watch_silence.run() == 0
    [event] = told
    assert isinstance(event, WebhooksFellSilent)
    assert event.since == moment.replace(microsecond=event.since.microsecond) + timedelta(minutes=12)
    found = health(room)
    assert (found["status"], found["silent_senders"]) == (
        "wrong" if found["problems"] else "silent",
        ["Maya Lindqvist"],
    )
    browser = Browser()
    browser.force_login(room.agency.ops)
    assert "no webhook told of what came since" in browser.get(room.agency.url("ops/sync/")).content.decode()
    # The webhook comes after all, hours late: what it tells is known, and the silence is over.
    room.post(
        message_webhook(
            "Nobody told of this", message_id=unheard["id"], provider_message_id=unheard["provider_id"]
        )
    )
    room.hints.run_all()
    assert isinstance(told[-1], WebhooksHeardAgain)
    assert health(room)["silent_senders"] == []
    with room.scope():
        assert ProviderEvent.objects.filter(kind="message_received").count() == 2


def _poll(room: Room) -> None:
    sync.request(sender=room.sender, resource="messages", trigger="test")
    room.hints.run_all()


def test_a_quiet_account_and_a_webhook_that_waits_are_not_silent(
    room: Room, told: list[Any], time_machine: Any
) -> None:
    works(room)
    moment = now()
    time_machine.move_to(moment, tick=False)
    with no_scope():
        assert watch_silence.run() == 0
    # It was read by a poll, and its webhook is in and waits for a worker.
    time_machine.move_to(moment + timedelta(minutes=20), tick=False)
    room.world.add_message("In line", at=moment + timedelta(minutes=12))
    room.post(message_webhook("In line"))
    room.hints.lose()
    with room.scope():
        _poll(room)
    with no_scope():
        assert watch_silence.run() == 0
    assert told == []


def test_a_flood_is_put_off_counted_and_shown(room: Room, settings: Any, client: Browser) -> None:
    works(room)
    settings.WEBHOOKS_PER_MINUTE = 2
    statuses = [room.post(message_webhook()).status_code for _ in range(5)]
    assert statuses == [200, 200, 429, 429, 429]
    assert health(room)["limited"] == 3
    client.force_login(room.agency.ops)
    assert (
        "2 a minute are taken in" in client.get(room.agency.url("ops/webhooks/endpoints/")).content.decode()
    )


def test_an_organization_has_a_budget_over_all_its_connections(room: Room, settings: Any) -> None:
    settings.WEBHOOKS_PER_MINUTE_ORGANIZATION = 3
    assert [room.post(message_webhook()).status_code for _ in range(5)] == [200, 200, 200, 429, 429]


def test_guessing_addresses_is_put_off_by_ip_and_hurts_nobody_else(room: Room, settings: Any) -> None:
    settings.WEBHOOKS_UNKNOWN_PER_MINUTE = 3
    guesser = Browser(REMOTE_ADDR="198.51.100.7")
    with no_scope():
        answers = [guesser.post(f"/webhooks/unipile/guess{number}") for number in range(5)]
    assert [answer.status_code for answer in answers] == [404, 404, 404, 429, 429]
    assert int(answers[-1]["Retry-After"]) > 0
    assert room.post(message_webhook()).status_code == 200
    intake_limits._local.clear()
