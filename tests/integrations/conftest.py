"""An agency with one connected account, a world that answers it, and hints that are run when a test says
so.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client as Browser

from integrations import registry
from integrations.models import Connection, OutboundMessage, SenderAccount, WebhookDelivery
from integrations.services import connections, intake_limits, outbox
from integrations.services.adapters import credentials_of
from project.core import events as core_events
from project.core import tasks as core_tasks
from project.core.clock import now
from project.core.scoping import no_scope, organization_scope
from tests.factories import Agency
from tests.integrations import world as world_module
from tests.integrations.world import ACCOUNT_ID, OWN_ID, World

_counter = itertools.count(1)


@dataclass
class Hints:
    """What would have been handed to workers."""

    waiting: list[tuple[Any, dict[str, Any]]] = field(default_factory=list)

    def names(self) -> list[str]:
        return [target.name for target, _payload in self.waiting]

    def lose(self) -> None:
        self.waiting.clear()

    def run_all(self, limit: int = 200) -> int:
        """Run hints, and those that they cause, as workers would: without a scope."""
        done = 0
        while self.waiting:
            assert done < limit, f"hints do not end: {self.names()[:5]}"
            target, payload = self.waiting.pop(0)
            with no_scope():
                target.run(**payload)
            done += 1
        return done


@dataclass
class Room:
    """A connected account and how to reach it."""

    agency: Agency
    connection: Connection
    sender: SenderAccount
    secret: str
    world: World
    hints: Hints

    def scope(self) -> AbstractContextManager[None]:
        return organization_scope(self.agency.id)

    @property
    def address(self) -> str:
        return f"/webhooks/unipile/{self.connection.key}"

    def post(self, payload: Any, *, secret: str | None = None, **headers: str) -> Any:
        """POST a webhook; ``payload`` is JSON or raw bytes."""
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        with no_scope():
            return Browser().post(
                self.address,
                data=body,
                content_type="application/json",
                headers={"Unipile-Auth": self.secret if secret is None else secret, **headers},
            )

    def queue(self, **values: Any) -> OutboundMessage | None:
        """Queue a message to a lead; needs the scope."""
        number = next(_counter)
        return outbox.queue(
            **{
                "sender": self.sender,
                "client_id": self.sender.client_id,
                "channel": "linkedin",
                "action": "message",
                "origin": "campaign",
                "dedupe_key": f"test:{number}",
                "recipient": {"provider_id": "ACoAABlead"},
                "body": f"Hello number {number}",
                **values,
            }
        )

    def deliveries(self) -> list[WebhookDelivery]:
        with self.scope():
            return list(WebhookDelivery.objects.order_by("received_at"))


def message_webhook(text: str = "Sounds good", **fields: Any) -> dict[str, Any]:
    number = next(_counter)
    sender_id = fields.pop("sender_id", "ACoAABlead")
    return {
        "event": "message_received",
        "account_id": ACCOUNT_ID,
        "account_type": "LINKEDIN",
        "account_info": {"type": "LINKEDIN", "feature": "classic", "user_id": OWN_ID},
        "webhook_name": "test",
        "chat_id": "c_1",
        "provider_chat_id": "2-chat1",
        "message_id": f"w_{number}",
        "provider_message_id": f"2-w{number}",
        "timestamp": now().strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "message": text,
        "message_type": "MESSAGE",
        "is_event": 0,
        "sender": {
            "attendee_id": "att_1",
            "attendee_name": "Tomas Weil",
            "attendee_provider_id": sender_id,
            "attendee_specifics": {"provider": "LINKEDIN", "network_distance": "DISTANCE_1"},
        },
        "attendees": [{"attendee_id": "att_2", "attendee_provider_id": "ACoAABlead"}],
        "attachments": [],
        **fields,
    }


@pytest.fixture
def hints(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Hints:
    """Collect hints. Tests with real transactions get them on commit, the others (faster) at once."""
    made = Hints()
    marker = request.node.get_closest_marker("django_db")
    if marker is None or not marker.kwargs.get("transaction"):
        at_once = SimpleNamespace(on_commit=lambda callback: callback())
        monkeypatch.setattr(core_tasks, "transaction", at_once)
    monkeypatch.setattr(core_tasks, "_send", lambda target, payload: made.waiting.append((target, payload)))
    return made


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """A fresh world behind the registered provider."""
    fresh = World()
    monkeypatch.setattr(world_module, "WORLD", fresh)
    real = registry.get("unipile")
    patched = dataclasses.replace(real, adapter_path="tests.integrations.world:WorldAdapter")
    monkeypatch.setitem(registry._PROVIDERS, "unipile", patched)
    return fresh


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only this room's receivers and gates: what the rooms above do with facts is tested there."""
    own = {
        event_class: {id_: receiver for id_, receiver in found.items() if id_.startswith("integrations.")}
        for event_class, found in core_events._receivers.items()
    }
    monkeypatch.setattr(core_events, "_receivers", own)
    monkeypatch.setattr(outbox, "_gates", {})


@pytest.fixture
def room(
    db: None,
    kestrel: Agency,
    world: World,
    hints: Hints,
    settings: Any,
    clean_redis: Any,
    alone: None,
) -> Room:
    """An account that is connected and may send at once."""
    settings.UNIPILE_BASE_URL = "http://127.0.0.1:9"
    settings.SEND_SPACING_MS = (0, 0)
    intake_limits._local.clear()
    with organization_scope(kestrel.id):
        connection = connections.create(
            provider="unipile", name="LinkedIn", credentials={"api_key": "key-of-the-test-connection"}
        )
        sender = SenderAccount.objects.create(
            client=kestrel.first,
            connection=connection,
            channel="linkedin",
            name="Maya Lindqvist",
            provider_account_id=ACCOUNT_ID,
            own_user_id=OWN_ID,
            status=SenderAccount.Status.OK,
        )
        secret = credentials_of(connection)["webhook_secret"]
    hints.lose()
    return Room(kestrel, connection, sender, secret, world, hints)
