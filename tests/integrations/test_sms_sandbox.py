"""Texts through the whole room against the provider sandbox: real HTTP both ways, and faults on demand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine

from integrations.models import OutboundMessage, ProviderEvent, SenderAccount, WebhookDelivery
from integrations.sandbox.testing import SandboxHandle, running_sandbox
from integrations.sandbox.twilio.state import ACCOUNT_SID, AUTH_TOKEN
from integrations.services import certification, connections, numbers, outbox, sync
from integrations.tasks import dispatch_due, settle_due
from project.core.clock import now
from project.core.scoping import no_scope, organization_scope
from tests.factories import Agency
from tests.integrations.conftest import Hints

pytestmark = pytest.mark.django_db(transaction=True)

NUMBER, THEIRS = "+13125550100", "+13125550142"


@pytest.fixture
def sandbox() -> Iterator[SandboxHandle]:
    with running_sandbox(process=True, seed=None) as handle:
        handle.rent_number(NUMBER, campaign_status="VERIFIED")
        yield handle


@pytest.fixture
def sender(
    kestrel: Agency, sandbox: SandboxHandle, hints: Hints, live_server: Any, settings: Any, alone: None
) -> SenderAccount:
    settings.TWILIO_BASE_URL = sandbox.twilio_url
    settings.WEBHOOK_BASE_URL = live_server.url
    settings.SEND_SPACING_MS = (0, 0)
    with organization_scope(kestrel.id):
        connection = connections.create(
            provider="twilio",
            name="Texts",
            credentials={"account_sid": ACCOUNT_SID, "auth_token": AUTH_TOKEN},
        )
        made = numbers.add(
            connection=connection, client=kestrel.first, account_id=NUMBER, actor=kestrel.admin
        )
    hints.run_all()
    return made


def queue(sender: SenderAccount, body: str) -> OutboundMessage:
    with organization_scope(sender.organization_id):
        made = outbox.queue(
            sender=sender,
            client_id=sender.client_id,
            channel="sms",
            action="sms",
            origin="campaign",
            dedupe_key=f"sms:{body}",
            recipient={"phone": THEIRS},
            body=body,
        )
        assert made is not None
        return made


def again(sender: SenderAccount, outbound: OutboundMessage) -> OutboundMessage:
    with organization_scope(sender.organization_id):
        return OutboundMessage.objects.get(id=outbound.id)


def facts(sender: SenderAccount) -> list[tuple[str, str]]:
    with organization_scope(sender.organization_id):
        return list(ProviderEvent.objects.order_by("recorded_at").values_list("kind", "source"))


def test_a_text_is_delivered_and_answered(
    sender: SenderAccount, sandbox: SandboxHandle, hints: Hints
) -> None:
    outbound = queue(sender, "Hi Ana 👍")
    hints.run_all()
    sent = again(sender, outbound)
    assert sent.state == "sent", sent.error_detail
    assert sent.chat_id == f"{NUMBER}:{THEIRS}"
    assert sent.delivered_at is None
    # The reports come in the wrong order and twice.
    sandbox.add_fault("reorder", event="message.*", window=2, times=2)
    sandbox.jump(minutes=1)
    sandbox.add_fault("duplicate", event="message.received", times=1)
    sandbox.reply(THEIRS, "Sounds good", media=[{"url": "https://m.test/ME1", "content_type": "image/png"}])
    hints.run_all()
    assert again(sender, outbound).delivered_at is not None
    assert facts(sender) == [("message_delivered", "webhook"), ("message_received", "webhook")]
    with organization_scope(sender.organization_id):
        reply = ProviderEvent.objects.get(kind="message_received").payload
        assert (reply["text"], reply["chat_id"]) == ("Sounds good", f"{NUMBER}:{THEIRS}")
        assert reply["attachments"][0]["attachment_id"] == "ME1"
        states = sorted(WebhookDelivery.objects.values_list("event_type", "state", "duplicates"))
        assert states == [
            ("message.delivered", "processed", 0),
            ("message.received", "processed", 1),
            ("message.sent", "ignored", 0),
        ]
    for delivery in sandbox.deliveries():
        assert delivery["state"] == "delivered", delivery["log"]


def test_a_text_that_does_not_arrive(sender: SenderAccount, sandbox: SandboxHandle, hints: Hints) -> None:
    sandbox.change_person(THEIRS, behaviour={"texts": "landline"})
    outbound = queue(sender, "Hello?")
    hints.run_all()
    sandbox.jump(minutes=1)
    hints.run_all()
    failed = again(sender, outbound)
    assert (failed.state, failed.error_kind) == ("sent", "undelivered")
    assert "landline" in failed.error_detail
    assert facts(sender) == [("message_failed", "webhook")]


def test_opting_out_is_heard_and_later_texts_are_refused(
    sender: SenderAccount, sandbox: SandboxHandle, hints: Hints
) -> None:
    sandbox.act(THEIRS, "stop", account_id=NUMBER)
    hints.run_all()
    assert facts(sender) == [("message_received", "webhook"), ("unsubscribed", "webhook")]
    outbound = queue(sender, "One more thing")
    hints.run_all()
    refused = again(sender, outbound)
    assert (refused.state, refused.error_kind) == ("failed", "recipient")
    with organization_scope(sender.organization_id):
        told = ProviderEvent.objects.get(kind="unsubscribed", source="send").payload
    assert (told["recipient"], told["how"], told["raw_type"]) == (THEIRS, "provider", "21610")
    assert told["send_id"] == str(outbound.id)


def test_an_uncertain_text_is_settled_and_never_sent_twice(
    sender: SenderAccount, sandbox: SandboxHandle, hints: Hints
) -> None:
    sandbox.add_fault("drop", method="POST", path="*/Messages.json", perform=True, times=1)
    left = queue(sender, "This one left")
    hints.run_all()
    sandbox.add_fault("drop", method="POST", path="*/Messages.json", times=1)
    lost = queue(sender, "This one did not")
    hints.run_all()
    assert {again(sender, left).state, again(sender, lost).state} == {"unknown"}
    # No report tells: only the list of messages can, once the service has chosen its number.
    sandbox.add_fault("lose", event="message.*")
    sandbox.jump(minutes=1)
    with time_machine.travel(now() + timedelta(minutes=5), tick=True):
        with no_scope():
            settle_due.run()
        hints.run_all()
    with time_machine.travel(now() + timedelta(minutes=15), tick=True):
        with no_scope():
            dispatch_due.run()
        hints.run_all()
    assert again(sender, left).state == "sent"
    assert again(sender, lost).state == "sent"
    texts = [call["body"]["Body"][0] for call in sandbox.calls(path="*/Messages.json", writes=True)]
    assert sorted(texts) == ["This one did not", "This one left"]
    with organization_scope(sender.organization_id):
        assert certification.certify().ok


def test_a_report_ends_the_doubt(sender: SenderAccount, sandbox: SandboxHandle, hints: Hints) -> None:
    sandbox.add_fault("drop", method="POST", path="*/Messages.json", perform=True, times=1)
    outbound = queue(sender, "Did it leave?")
    hints.run_all()
    assert again(sender, outbound).state == "unknown"
    sandbox.jump(minutes=1)
    hints.run_all()
    known = again(sender, outbound)
    assert known.state == "sent"
    assert known.delivered_at is not None
    assert known.provider_message_id.startswith("SM")


def test_our_answers_to_twilio_hold_no_words(sender: SenderAccount, client: Any) -> None:
    path = f"/webhooks/twilio/{sender.connection.key}"
    for answer in (
        client.get(path),
        client.post(path, b"Body=Hi", content_type="application/x-www-form-urlencoded"),
        client.post("/webhooks/twilio/unknown", b"Body=Hi", content_type="application/x-www-form-urlencoded"),
    ):
        assert answer.content == b""


def test_a_text_whose_call_was_lost_is_found_by_asking(
    sender: SenderAccount, sandbox: SandboxHandle, hints: Hints
) -> None:
    def poll() -> None:
        with organization_scope(sender.organization_id):
            run = sync.request(sender=sender, resource="messages", trigger="test")
            assert run is not None
            assert sync.run(run.id) == "done"

    poll()
    sandbox.add_fault("lose", event="message.received", times=1)
    sandbox.reply(THEIRS, "Did you get this?", account_id=NUMBER)
    sandbox.reply(THEIRS, "And this?", account_id=NUMBER)
    hints.run_all()
    poll()
    poll()
    with organization_scope(sender.organization_id):
        told = ProviderEvent.objects.filter(kind="message_received").order_by("recorded_at")
        assert sorted(told.values_list("source", "payload__text")) == [
            ("poll", "Did you get this?"),
            ("webhook", "And this?"),
        ]
