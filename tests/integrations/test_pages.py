"""Pages of senders, connections and operations as members see them."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client as Browser

from integrations.models import Connection, KillSwitch, OutboundMessage, RateLimit, WebhookDelivery
from integrations.services import connections, outbox, rates
from integrations.services.adapters import credentials_of
from project.core.clock import now
from project.tenancy.models import Organization
from tests.campaigns.conftest import World, world

pytestmark = pytest.mark.django_db

__all__ = ["world"]


@pytest.fixture
def delivery(world: World) -> WebhookDelivery:
    return WebhookDelivery.objects.create(
        connection_id=world.connection.id,
        provider="unipile",
        event_type="message_received",
        body=b'{"event": "message_received", "message": "<script>alert(1)</script>"}',
        payload_hash="x",
        headers={"Content-Type": "application/json"},
        state="processed",
    )


def test_operations_show_accounts_budgets_and_deliveries(
    world: World, client: Browser, delivery: WebhookDelivery
) -> None:
    rates.reserve(sender=world.sender, action="invite", at=now())
    client.force_login(world.agency.ops)
    assert "Erik Sand" in client.get(world.agency.url("ops/sync/")).content.decode()
    assert "24 of 25 invites left today" in client.get(world.agency.url("ops/rates/")).content.decode()
    assert "message_received" in client.get(world.agency.url("ops/webhooks/")).content.decode()
    page = client.get(world.agency.url(f"ops/webhooks/{delivery.id}/")).content.decode()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert client.get(world.agency.url("ops/queues/")).status_code == 200
    assert client.get(world.agency.url("ops/webhooks/?state=dead")).status_code == 200


def test_a_switch_is_thrown_and_let_go(world: World, client: Browser) -> None:
    client.force_login(world.agency.ops)
    url = world.agency.url("ops/switches/throw/")
    target = {"level": "organization", "target": world.agency.id}
    assert client.post(url, {**target, "on": "1"}).status_code == 303
    assert KillSwitch.objects.count() == 1
    assert "stopped" in client.get(world.agency.url("ops/switches/")).content.decode()
    client.post(url, {**target, "on": "0"})
    assert not KillSwitch.objects.exists()
    assert client.post(url, {"level": "client", "target": world.agency.id, "on": "1"}).status_code == 404


def test_a_manager_pauses_a_sender_and_sets_its_limit(world: World, client: Browser) -> None:
    client.force_login(world.agency.manager)
    base = world.agency.url(f"senders/{world.sender.id}/")
    client.post(f"{base}pause/")
    assert "Paused" in client.get(world.agency.url("senders/")).content.decode()
    client.post(f"{base}resume/")
    assert client.post(f"{base}limit/", {"action": "invite", "per_day": "12"}).status_code == 303
    assert RateLimit.objects.get().cap == 12
    refused = client.post(f"{base}limit/", {"action": "invite", "per_day": "-3"})
    assert refused.status_code == 422
    assert "whole number" in refused.content.decode()


def test_credentials_are_never_shown(world: World, client: Browser, settings: Any) -> None:
    settings.UNIPILE_BASE_URL = "http://127.0.0.1:1/unipile"
    made = connections.create(provider="unipile", name="Second", credentials={"api_key": "very-secret-key"})
    client.force_login(world.agency.admin)
    page = client.get(world.agency.url("settings/connections/")).content.decode()
    assert "Second" in page
    assert "very-secret-key" not in page
    assert made.key not in page


def test_credentials_are_corrected_in_place(world: World, client: Browser, settings: Any) -> None:
    settings.UNIPILE_BASE_URL = "http://127.0.0.1:1/unipile"
    made = connections.create(provider="unipile", name="Second", credentials={"api_key": "mistyped-key"})
    client.force_login(world.agency.admin)
    url = world.agency.url(f"settings/connections/{made.id}/credentials/")
    assert url in client.get(world.agency.url("settings/connections/")).content.decode()
    answer = client.post(url, {"api_key": "the-right-key", "webhook_secret": "not for people"})
    assert answer.status_code == 200
    assert "the-right-key" not in answer.content.decode()
    stored = credentials_of(made.refreshed())
    assert stored["api_key"] == "the-right-key"
    assert stored["webhook_secret"] != "not for people"


def test_a_mailbox_is_not_made_without_its_sender(world: World, client: Browser) -> None:
    client.force_login(world.agency.admin)
    page = client.get(world.agency.url("settings/connections/")).content.decode()
    assert 'value="mailbox"' not in page
    assert world.agency.url("senders/mailboxes/add/") in page
    given = {"provider": "mailbox", "address": "ana@kestrel.test", "password": "x"}
    refused = client.post(world.agency.url("settings/connections/add/"), given)
    assert refused.status_code == 422
    assert not Connection.objects.filter(provider="mailbox").exists()


def test_managers_find_a_clients_rules(world: World, client: Browser) -> None:
    client.force_login(world.agency.manager)
    page = client.get(world.agency.url("settings/clients/")).content.decode()
    assert world.agency.url(f"settings/clients/{world.campaign.client_id}/outreach/") in page


def test_private_addresses_are_refused(world: World, client: Browser) -> None:
    client.force_login(world.agency.admin)
    response = client.post(
        world.agency.url("settings/connections/add/"),
        {"provider": "unipile", "name": "X", "base_url": "http://169.254.169.254/", "api_key": "k" * 20},
    )
    assert response.status_code == 422


def test_nothing_leaves_a_suspended_organization(world: World) -> None:
    world.lead("Marta", "marta")
    world.launch()
    world.tick()
    [queued] = world.queued()
    assert outbox.first_hold(queued) is None
    Organization.objects.filter(id=world.agency.id).update(is_active=False)
    held = outbox.first_hold(OutboundMessage.objects.get(id=queued.id))
    assert held is not None
    assert held.code == "suspended"
