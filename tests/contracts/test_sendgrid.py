"""The contract for SendGrid, against hand-written payloads and the vendor's own library."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest
import respx
from sendgrid.helpers.eventwebhook import EventWebhook
from sendgrid.helpers.mail import Mail

from integrations import registry
from integrations.base import MessageKnowledge, NoKnowledge, ReceivesWebhooks
from integrations.errors import WebhookRefusedError
from integrations.providers.sendgrid import send, webhooks
from integrations.sandbox.sendgrid import signing
from tests.contracts.base import AdapterContract, Outside, WebhookFixtures, require
from tests.contracts.mocked_sendgrid import API, KEY, SENDER_ID, MockedSendGrid
from tests.contracts.sendgrid import SendGridContract, email
from tests.integrations.sendgrid.payloads import PUBLIC_KEY, VECTOR


class Known(NoKnowledge):
    """One account, its inbound address, and one message that it sent."""

    def account_of_address(self, address: str) -> str:
        return "4711" if address == "leo@in.acme.example" else ""

    def account_of_message(self, message_ids: frozenset[str]) -> str:
        return "4711" if "<0199c1f000007000800000000000a001@mail.acme.example>" in message_ids else ""


class TestSendGridFixtures(WebhookFixtures):
    """What SendGrid sends us."""

    kind = "sendgrid"

    def knowledge(self) -> MessageKnowledge:
        return Known()


class TestSendGrid(SendGridContract, AdapterContract):
    """What SendGrid answers us."""

    kind = "sendgrid"

    @pytest.fixture
    def outside(self) -> Iterator[Outside]:
        with respx.mock(assert_all_called=False) as router:
            router.route(url__startswith=API).mock(side_effect=MockedSendGrid())
            yield Outside(
                adapter=registry.adapter_for(
                    "sendgrid",
                    credentials={"api_key": KEY, "validation_key": KEY},
                    base_url=API,
                    connection_id="mocked",
                ),
                wrong_adapter=registry.adapter_for(
                    "sendgrid", credentials={"api_key": "wrong-key"}, base_url=API, connection_id="wrong"
                ),
                account_id=SENDER_ID,
                own_user_id="leo@mail.acme.example",
            )


# --- The vendor's library as the other side -------------------------------------------------------------------


def test_our_verifier_takes_the_vendors_published_vector() -> None:
    adapter = require(registry.adapter_for("sendgrid", credentials={}), ReceivesWebhooks)
    headers = {
        webhooks.SIGNATURE_HEADER: VECTOR["signature"],
        webhooks.TIMESTAMP_HEADER.lower(): VECTOR["timestamp"],
    }
    body = VECTOR["body"].encode()
    adapter.verify_webhook(url="", headers=headers, body=body, secrets=["another", PUBLIC_KEY])
    with pytest.raises(WebhookRefusedError) as caught:
        adapter.verify_webhook(url="", headers=headers, body=body.rstrip(), secrets=[PUBLIC_KEY])
    assert not caught.value.fault_is_ours


def test_the_vendors_verifier_takes_our_sandboxs_signatures() -> None:
    key = signing.new_key()
    body = '[{"event":"open","email":"josé@example.com"}]\r\n'
    headers = signing.signed(key, body.encode())
    theirs = EventWebhook()
    public = theirs.convert_public_key_to_ecdsa(signing.public_half(key))
    signature, timestamp = headers[signing.SIGNATURE_HEADER], headers[signing.TIMESTAMP_HEADER]
    assert theirs.verify_signature(body, signature, timestamp, public)
    assert not theirs.verify_signature(body + " ", signature, timestamp, public)
    webhooks.verify(headers, body.encode(), [signing.public_half(key)])


def test_both_spellings_of_a_public_key_are_taken() -> None:
    key = signing.public_half(signing.new_key())
    armoured = f"-----BEGIN PUBLIC KEY-----\n{key[:64]}\n{key[64:]}\n-----END PUBLIC KEY-----"
    assert webhooks.public_key(key) is not None
    assert webhooks.public_key(armoured) is not None
    assert webhooks.public_key("no key") is None
    assert webhooks.public_key(base64.b64encode(b"garbage").decode()) is None


def test_the_vendors_library_writes_the_same_request() -> None:
    """Names and nesting of our body are those of the vendor's own builder."""
    ours = send.body_of(email(), account_id=SENDER_ID, sandbox_mode=False)
    theirs = Mail(
        from_email=("leo@mail.acme.example", "Leo at Acme"),
        to_emails=("ana@prospect.example", "Ana Ruiz"),
        subject="Question about your Q3 rollout",
        plain_text_content="Hi Ana",
        html_content="<p>Hi Ana</p>",
    ).get()
    assert {name: ours[name] for name in ("from", "subject", "content")} == {
        name: theirs[name] for name in ("from", "subject", "content")
    }
    assert ours["personalizations"][0]["to"] == theirs["personalizations"][0]["to"]
