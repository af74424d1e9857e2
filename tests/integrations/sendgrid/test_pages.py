"""The form that adds an e-mail sender, and what its card offers."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client as Browser

from integrations.models import Connection, SenderAccount
from integrations.sandbox.testing import API_KEY, SandboxHandle
from tests.factories import Agency
from tests.integrations.sendgrid.test_sandbox import ADDRESS, HOST, connection, sandbox, world

pytestmark = pytest.mark.django_db(transaction=True)

__all__ = ["connection", "sandbox", "world"]


def form(kestrel: Agency, made: Connection, **changes: str) -> dict[str, str]:
    return {
        "connection": str(made.id),
        "client": str(kestrel.first.id),
        "address": ADDRESS,
        "name": "Maya at Kestrel",
        "reply_to": f"maya@{HOST}",
        "postal_address": "1 High Street",
        "postal_city": "Leeds",
        "postal_country": "United Kingdom",
    } | changes


def test_an_address_is_added_proven_and_changed(
    kestrel: Agency, connection: Connection, sandbox: SandboxHandle, client: Browser
) -> None:
    client.force_login(kestrel.manager)
    url = kestrel.url("senders/add-email/")
    assert "Add an e-mail address" in client.get(kestrel.url("senders/")).content.decode()
    assert client.get(url).status_code == 200
    wrong = client.post(url, form(kestrel, connection, address="nonsense"))
    assert wrong.status_code == 422
    assert "Maya at Kestrel" in wrong.content.decode()
    assert client.post(url, form(kestrel, connection)).status_code == 303
    page = client.get(kestrel.url("senders/")).content.decode()
    assert "Not verified yet" in page
    assert "Send the mail again" in page
    with kestrel.scope():
        sender = SenderAccount.objects.get(address=ADDRESS)
    base = f"senders/{sender.id}"
    assert client.post(kestrel.url(f"{base}/verification/")).status_code == 303
    sandbox.prove(ADDRESS)
    assert client.post(kestrel.url(f"{base}/refresh/")).status_code == 303
    assert "Not verified yet" not in client.get(kestrel.url("senders/")).content.decode()
    changed = {"name": "Maya", "reply_to": "", "signature": "Maya\nKestrel", "ip_pool": "warm-up"}
    assert client.post(kestrel.url(f"{base}/identity/"), changed).status_code == 303
    assert client.post(kestrel.url(f"{base}/identity/"), {"ip_pool": "none such"}).status_code == 422
    with kestrel.scope():
        sender.refresh_from_db()
    assert (sender.name, sender.signature, sender.options["ip_pool"]) == ("Maya", "Maya\nKestrel", "warm-up")


def test_the_vendor_being_away_is_told(
    kestrel: Agency, connection: Connection, sandbox: SandboxHandle, client: Browser
) -> None:
    sandbox.add_fault("status", path="*/verified_senders", method="POST", status=503)
    client.force_login(kestrel.manager)
    answer = client.post(kestrel.url("senders/add-email/"), form(kestrel, connection))
    assert answer.status_code == 422
    assert "SendGrid is not available" in answer.content.decode()


def test_a_connection_is_added_by_its_form(
    kestrel: Agency, connection: Connection, sandbox: SandboxHandle, client: Browser, settings: Any
) -> None:
    client.force_login(kestrel.admin)
    url = kestrel.url("settings/connections/add/")
    page = client.post(url, {"provider": "sendgrid", "api_key": API_KEY, "name": "Second"}).content.decode()
    assert "It works." in page
    assert "No key for e-mail validation is set" in page
    lacking = client.post(url, {"provider": "sendgrid", "api_key": ""})
    assert lacking.status_code == 422
    assert API_KEY not in page
