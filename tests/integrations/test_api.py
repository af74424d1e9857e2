"""The JSON API of this room: what it answers, and that it shows no more than the caller may see."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import transaction
from django.test import Client as Browser

from integrations.errors import ErrorKind
from integrations.models import Connection, OutboundMessage, SenderAccount, SyncCursor, SyncRun
from integrations.services import senders, sync
from integrations.values import AccountStatus
from project.core.clock import now
from project.core.scoping import no_scope
from project.tenancy.models import User
from tests.integrations.conftest import Room, message_webhook
from tests.integrations.world import problem


@pytest.fixture
def call(room: Room) -> Any:
    """Call the API as somebody of the agency: ``call("GET", "senders", user)``."""

    def made(method: str, path: str, user: User, body: dict[str, Any] | None = None) -> Any:
        browser = Browser()
        browser.force_login(user)
        with no_scope():
            answer = browser.generic(
                method,
                f"/api/v1/{path}",
                data=json.dumps(body) if body is not None else "",
                content_type="application/json",
                headers={"X-Organization": room.agency.slug},
            )
        return answer.status_code, json.loads(answer.content or b"null")

    return made


def test_senders_with_budgets(room: Room, call: Any) -> None:
    with room.scope():
        room.queue()
    room.hints.run_all()
    status, found = call("GET", "senders", room.agency.viewer)
    assert status == 200
    (item,) = found["items"]
    assert item["sender"]["name"] == "Maya Lindqvist"
    budgets = {budget["action"]: (budget["used"], budget["limit"]) for budget in item["budgets"]}
    assert budgets["message"] == (1, 100)
    assert budgets["invite"] == (0, 25)
    # A member of another client only does not see it.
    assert call("GET", "senders", room.agency.limited)[1]["items"] == []
    assert call("GET", f"senders/{room.sender.id}", room.agency.limited)[0] == 404


def test_pausing_and_limits(room: Room, call: Any) -> None:
    assert call("POST", f"senders/{room.sender.id}/pause", room.agency.viewer)[0] == 403
    status, paused = call("POST", f"senders/{room.sender.id}/pause", room.agency.manager)
    assert status == 200
    assert paused["paused_at"]
    assert call("POST", f"senders/{room.sender.id}/resume", room.agency.manager)[1]["paused_at"] is None
    path = f"senders/{room.sender.id}/limits/"
    assert call("PUT", f"{path}invite", room.agency.manager, {"per_day": 10})[0] == 200
    assert call("PUT", f"{path}dance", room.agency.manager, {"per_day": 10})[0] == 422
    assert call("PUT", f"{path}invite", room.agency.manager, {"per_day": -1})[0] == 422


def test_provider_errors_by_their_class(room: Room, call: Any) -> None:
    from tests.integrations.world import WorldAdapter

    def refuse(kind: ErrorKind) -> Any:
        def refused(*args: Any, **kwargs: Any) -> None:
            raise problem(kind)

        return refused

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WorldAdapter, "get_account", refuse(ErrorKind.UNAVAILABLE))
        assert call("POST", f"senders/{room.sender.id}/refresh", room.agency.manager)[0] == 503
        patch.setattr(WorldAdapter, "get_account", refuse(ErrorKind.AUTH))
        assert call("POST", f"senders/{room.sender.id}/refresh", room.agency.manager)[0] == 502


def test_connections_never_show_their_credentials(room: Room, call: Any) -> None:
    body = {"provider": "unipile", "name": "Second", "credentials": {"api_key": "a-very-secret-key"}}
    status, made = call("POST", "connections", room.agency.admin, body)
    assert status == 201
    for path in ("connections", f"connections/{made['id']}"):
        shown = json.dumps(call("GET", path, room.agency.admin)[1])
        assert "secret" not in shown
        assert "key" not in shown
    status, check = call("POST", f"connections/{made['id']}/test", room.agency.admin)
    assert (status, check["ok"], check["works"]) == (200, True, ["Unipile answers."])
    assert call("POST", "connections", room.agency.admin, {**body, "credentials": {}})[0] == 422
    assert call("POST", "connections", room.agency.manager, body)[0] == 403
    assert len(call("POST", f"connections/{made['id']}/webhooks", room.agency.ops)[1]) == 3
    assert call("GET", f"connections/{made['id']}/webhooks", room.agency.ops)[1] == []


def test_webhook_deliveries(room: Room, call: Any) -> None:
    for number in range(3):
        room.post(message_webhook(f"Text {number}"))
    room.post(b"{", secret="wrong")
    room.hints.run_all()
    status, page = call("GET", "webhook-deliveries?limit=2", room.agency.ops)
    assert status == 200
    assert len(page["items"]) == 2
    rest = call("GET", f"webhook-deliveries?limit=2&cursor={page['next_cursor']}", room.agency.ops)[1]
    assert len(rest["items"]) == 2
    assert call("GET", "webhook-deliveries?state=rejected", room.agency.ops)[1]["items"][0]["reason"]
    one = call("GET", f"webhook-deliveries/{rest['items'][0]['id']}", room.agency.ops)[1]
    assert "Text" in one["body"]
    assert one["headers"]["Unipile-Auth"] == "[masked]"
    assert call("GET", "webhook-deliveries", room.agency.agent)[0] == 403


def test_uncertain_sends_are_listed_and_decided(room: Room, call: Any) -> None:
    room.world.failures_after.append(problem(ErrorKind.INDETERMINATE))
    with room.scope():
        room.queue()
    room.hints.run_all()
    (row,) = call("GET", "outbox?state=unknown", room.agency.ops)[1]["items"]
    path = f"outbox/{row['id']}/decision"
    assert call("POST", path, room.agency.manager, {"sent": True})[0] == 403
    assert call("POST", path, room.agency.ops, {"sent": True})[1]["state"] == "sent"
    status, refusal = call("POST", path, room.agency.ops, {"sent": True})
    assert (status, refusal["code"]) == (409, "NOT_UNKNOWN")
    assert call("POST", f"outbox/{row['id']}/retry", room.agency.ops)[0] == 409


def test_kill_switches(room: Room, call: Any) -> None:
    stop = {"level": "sender", "target_id": str(room.sender.id), "on": True, "reason": "Odd replies"}
    status, on = call("POST", "kill-switches", room.agency.manager, stop)
    assert status == 200
    assert on[0]["target_name"] == "Maya Lindqvist"
    # The limited manager neither reaches the sender nor may stop the whole organization.
    assert call("POST", "kill-switches", room.agency.limited, stop)[0] == 404
    assert call("POST", "kill-switches", room.agency.limited, {"level": "organization", "on": True})[0] == 403
    assert call("GET", "kill-switches", room.agency.limited)[1] == []
    assert call("POST", "kill-switches", room.agency.manager, {**stop, "on": False})[1] == []


def test_synchronisation(room: Room, call: Any) -> None:
    assert call("POST", f"senders/{room.sender.id}/sync", room.agency.ops, {"resource": "messages"})[0] == 202
    status, refusal = call(
        "POST", f"senders/{room.sender.id}/sync", room.agency.ops, {"resource": "messages"}
    )
    assert (status, refusal["code"]) == (409, "SYNC_RUNNING")
    (health,) = call("GET", "analytics/message-sync-health", room.agency.ops)[1]
    assert health["status"] == "running"
    (run,) = call("GET", "sync-runs", room.agency.ops)[1]["items"]
    assert call("POST", f"sync-runs/{run['id']}/cancel", room.agency.ops)[1]["state"] == "cancelled"
    assert call("GET", "analytics/message-sync-health", room.agency.ops)[1][0]["status"] == "never"
    with room.scope():
        made = sync.request(sender=SenderAccount.objects.get(), resource="messages", trigger="test")
        assert made is not None
        sync.run(made.id)
        assert OutboundMessage.objects.count() == 0
    assert call("GET", "analytics/message-sync-health", room.agency.ops)[1][0]["status"] == "ok"
    assert call("GET", f"sync-runs/{run['id']}", room.agency.ops)[1]["id"] == run["id"]


def test_what_a_provider_has_no_list_of_is_refused_and_no_trouble(room: Room, call: Any) -> None:
    with room.scope():
        connection = Connection.objects.create(provider="sendgrid", name="SendGrid", status="ok")
        sender = SenderAccount.objects.create(
            client=room.agency.first, connection=connection, channel="email", name="Greta Lund",
            provider_account_id="greta@x.test", status="connecting",
        )  # fmt: skip
        # An attempt from before: it says nothing about today.
        SyncCursor.objects.create(sender=sender, resource="messages", last_error="SendGrid cannot do this.")
        with transaction.atomic():
            senders.report_status(sender, status=AccountStatus.OK, raw_status="OK", reported_at=now())
        assert not SyncRun.objects.filter(sender=sender).exists()
    for resource in ("messages", "relations", "connections", "chats"):
        status, refusal = call("POST", f"senders/{sender.id}/sync", room.agency.ops, {"resource": resource})
        assert (status, refusal["code"]) == (409, "NOT_LISTED")
        assert refusal["message"].startswith("SendGrid cannot be asked for ")
    found = call("GET", "analytics/message-sync-health", room.agency.ops)[1]
    health = {row["sender_id"]: row for row in found}[str(sender.id)]
    assert (health["status"], health["last_error"]) == ("never", "")
