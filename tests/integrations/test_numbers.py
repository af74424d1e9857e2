"""Telephone numbers of a connection as senders."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client as Browser

from integrations.models import Connection, SenderAccount
from integrations.sandbox.testing import SandboxHandle, running_sandbox
from integrations.sandbox.twilio.state import ACCOUNT_SID, AUTH_TOKEN
from integrations.services import connections, numbers, senders
from integrations.services.adapters import credentials_of, webhook_secrets
from project.core.refusals import Invalid
from project.core.scoping import no_scope
from tests.factories import Agency
from tests.integrations.conftest import Hints

pytestmark = pytest.mark.django_db

NUMBER = "+13125550100"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxHandle]:
    with running_sandbox(seed=None) as handle:
        yield handle


@pytest.fixture
def connection(kestrel: Agency, sandbox: SandboxHandle, hints: Hints, settings: Any) -> Iterator[Connection]:
    sandbox.clear_faults()
    sandbox.reset(seed="")
    settings.TWILIO_BASE_URL = sandbox.twilio_url
    settings.WEBHOOK_BASE_URL = "https://app.test"
    sandbox.rent_number(NUMBER, name="Chicago", campaign_status="VERIFIED")
    with kestrel.scope():
        yield connections.create(
            provider="twilio",
            name="Texts",
            credentials={"account_sid": ACCOUNT_SID, "auth_token": AUTH_TOKEN},
        )


def test_a_number_becomes_a_sender_and_brings_its_texts(
    kestrel: Agency, connection: Connection, sandbox: SandboxHandle
) -> None:
    assert connections.try_out(connection=connection).ok
    number, service = numbers.offered(connection)
    assert (number.account.address, number.sender) == (NUMBER, None)
    assert number.registration == "Registered for the United States (A2P)"
    sender = numbers.add(connection=connection, client=kestrel.first, account_id=NUMBER, actor=kestrel.admin)
    assert (sender.channel, sender.address, sender.name, sender.status) == ("sms", NUMBER, "Chicago", "ok")
    assert sender.options["messaging_service_sid"] == service.account.account_id
    assert sender.options["a2p_status"] == "approved"
    url = f"https://app.test/webhooks/twilio/{connection.key}"
    assert sandbox.state()["twilio"]["numbers"][0]["sms_url"] == url
    known, _service = numbers.offered(connection)
    assert known.sender == sender
    with pytest.raises(Invalid):
        numbers.add(connection=connection, client=kestrel.first, account_id=NUMBER, actor=kestrel.admin)
    assert senders.refresh(sender=sender).status == SenderAccount.Status.OK


def test_numbers_that_are_not_there(kestrel: Agency, connection: Connection) -> None:
    for account_id in ("+10000000000", "", "MG0"):
        with pytest.raises(Invalid):
            numbers.add(
                connection=connection, client=kestrel.first, account_id=account_id, actor=kestrel.admin
            )


def test_a_replaced_token_stays_valid_for_calls(kestrel: Agency, connection: Connection) -> None:
    changed = connections.replace_credentials(
        connection=connection, credentials={"auth_token": "the-promoted-token"}, actor=kestrel.admin
    )
    found = webhook_secrets("twilio", credentials_of(changed))
    assert found == ["the-promoted-token", AUTH_TOKEN]


def test_the_page_lists_and_adds(
    kestrel: Agency, connection: Connection, sandbox: SandboxHandle, client: Browser
) -> None:
    with no_scope():
        client.force_login(kestrel.manager)
        url = kestrel.url("senders/add-number/")
        shown = client.get(url).content.decode()
        assert NUMBER in shown
        assert "Registered for the United States" in shown
        fields = {"connection": str(connection.id), "client": str(kestrel.first.id), "account": NUMBER}
        assert client.post(url, fields).status_code == 303
        assert "Registered for the United States" in client.get(kestrel.url("senders/")).content.decode()
        again = client.post(url, fields)
        assert again.status_code == Invalid.status
        assert "is a sender already" in again.content.decode()
        assert client.post(url, fields | {"connection": str(kestrel.first.id)}).status_code == 404
        sandbox.add_fault("status", path="*/IncomingPhoneNumbers.json", status=503)
        assert "not available" in client.get(url).content.decode()
        client.force_login(kestrel.agent)
        assert client.get(url).status_code == 403


def test_the_page_says_where_a_provider_has_to_report(
    kestrel: Agency, hints: Hints, client: Browser, settings: Any
) -> None:
    settings.UNIPILE_BASE_URL = "http://127.0.0.1:9"
    with kestrel.scope():
        made = connections.create(
            provider="resend", name="Reports", credentials={"api_key": "re_key_of_the_team"}
        )
        connections.create(provider="unipile", name="Seats", credentials={"api_key": "k"})
    client.force_login(kestrel.admin)
    page = client.get(kestrel.url("settings/connections/")).content.decode()
    assert f"/webhooks/resend/{made.key}" in page
    assert "/webhooks/unipile/" not in page
    assert page.count("Mend webhooks") == 1
