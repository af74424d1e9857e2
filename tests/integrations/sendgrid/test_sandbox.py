"""SendGrid from the form to the reply: the product's own services and endpoint against the sandbox."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client as Browser

from integrations.errors import ProviderError
from integrations.models import (
    Connection,
    OutboundMessage,
    ProviderEvent,
    SendAttempt,
    SenderAccount,
    WebhookDelivery,
)
from integrations.sandbox.testing import API_KEY, SandboxHandle, running_sandbox
from integrations.services import connections, hygiene, identities, outbox, senders, suppressions
from integrations.services.adapters import credentials_of
from integrations.tasks import pull_due_suppressions, settle_due
from project.core.clock import now
from project.core.refusals import Invalid
from project.core.scoping import no_scope, organization_scope
from tests.factories import Agency
from tests.integrations.conftest import Hints

pytestmark = pytest.mark.django_db(transaction=True)

HOST = "in.kestrel.example"
ADDRESS = "maya@mail.kestrel.example"
ANA = "ana@prospect.example"
POSTAL = {"address": "1 High Street", "city": "Leeds", "zip": "LS1 1AA", "country": "United Kingdom"}


@pytest.fixture(scope="module")
def world() -> Iterator[SandboxHandle]:
    with running_sandbox() as handle:
        yield handle


@pytest.fixture
def sandbox(world: SandboxHandle) -> SandboxHandle:
    world.clear_faults()
    world.reset(seed="demo")
    return world


@pytest.fixture
def connection(
    kestrel: Agency,
    sandbox: SandboxHandle,
    hints: Hints,
    live_server: Any,
    settings: Any,
    alone: None,
    clean_redis: Any,
) -> Connection:
    """A connection whose webhooks are registered, with the keys that SendGrid made."""
    settings.SENDGRID_BASE_URL = sandbox.sendgrid_url
    settings.WEBHOOK_BASE_URL = live_server.url
    settings.SEND_SPACING_MS = (0, 0)
    with organization_scope(kestrel.id):
        made = connections.create(
            provider="sendgrid", name="", credentials={"api_key": API_KEY, "parse_hosts": HOST}
        )
        assert connections.try_out(connection=made).ok
        assert len(connections.ensure_webhooks(connection=made)) == 2
        assert connections.webhook_findings(made) == ()
    return made


def add(kestrel: Agency, connection: Connection, **changes: Any) -> SenderAccount:
    fields: dict[str, Any] = {"address": ADDRESS, "name": "Maya at Kestrel", "postal": POSTAL}
    wanted = identities.Wanted(**fields | {"reply_to": f"maya@{HOST}", "ip_pool": "main"} | changes)
    return identities.add(connection=connection, client=kestrel.first, wanted=wanted, actor=kestrel.admin)


@pytest.fixture
def sender(kestrel: Agency, connection: Connection, sandbox: SandboxHandle, hints: Hints) -> SenderAccount:
    """An address that its owner has proven."""
    with organization_scope(kestrel.id):
        made = add(kestrel, connection)
        sandbox.prove(ADDRESS)
        made = senders.refresh(sender=made)
    hints.lose()
    return made


def queue(sender: SenderAccount, **values: Any) -> OutboundMessage:
    made = outbox.queue(
        **{
            "sender": sender,
            "client_id": sender.client_id,
            "channel": "email",
            "action": "email",
            "origin": "campaign",
            "dedupe_key": "test:1",
            "recipient": {"email": ANA, "name": "Ana Ruiz"},
            "body": "Hi Ana, see https://kestrel.example/demo",
            "payload": {
                "subject": "Question",
                "html": '<p>Hi Ana, <a href="https://kestrel.example/demo">see</a></p>',
                "track_opens": True,
                "track_clicks": True,
                "headers": {
                    "List-Unsubscribe": f"<mailto:maya@{HOST}?subject=unsubscribe>",
                },
            },
            **values,
        }
    )
    assert made is not None
    return made


def facts(kestrel: Agency) -> dict[str, Any]:
    with organization_scope(kestrel.id):
        return {row.kind: row for row in ProviderEvent.objects.order_by("recorded_at")}


def test_an_address_is_pending_until_its_owner_proves_it(
    kestrel: Agency, connection: Connection, sandbox: SandboxHandle
) -> None:
    with organization_scope(kestrel.id):
        made = add(kestrel, connection, signature="Maya", time_zone="Europe/Madrid")
        assert (made.status, made.status_raw) == ("connecting", "not verified")
        assert ADDRESS in made.status_reason
        hold = senders.sendable(made, "email", now())
        assert hold is not None
        assert hold.code == "sender_status"
        identities.resend(sender=made, actor=kestrel.admin)
        sandbox.prove(ADDRESS)
        assert senders.refresh(sender=made).status == "ok"
        made.refresh_from_db()
        assert (made.name, made.time_zone, made.options["ip_pool"]) == (
            "Maya at Kestrel",
            "Europe/Madrid",
            "main",
        )
        assert senders.sendable(made, "email", now()) is None
        sandbox.prove(ADDRESS, "locked")
        assert senders.refresh(sender=made).status == "error"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"address": "no address"}, "address"),
        ({"name": " "}, "name"),
        ({"reply_to": "x@"}, "reply_to"),
        ({"time_zone": "Mars/Base"}, "time_zone"),
        ({"ip_pool": "no such pool"}, "ip_pool"),
        ({"postal": {}}, "postal_address"),
    ],
)
def test_what_is_typed_is_checked(
    kestrel: Agency, connection: Connection, changes: dict[str, Any], field: str
) -> None:
    with organization_scope(kestrel.id), pytest.raises(Invalid) as caught:
        add(kestrel, connection, **changes)
    assert caught.value.field == field


def test_one_address_is_one_sender(kestrel: Agency, connection: Connection, sender: SenderAccount) -> None:
    with organization_scope(kestrel.id), pytest.raises(Invalid):
        add(kestrel, connection)


def test_from_the_outbox_to_the_reply(
    kestrel: Agency, sender: SenderAccount, sandbox: SandboxHandle, hints: Hints
) -> None:
    with organization_scope(kestrel.id):
        outbound = queue(sender)
    hints.run_all()
    sandbox.settle()
    for action in ("open", "click"):
        sandbox.act(ANA, action)
    sandbox.reply(ANA, "Sounds good")
    hints.run_all()
    with organization_scope(kestrel.id):
        outbound.refresh_from_db()
        assert outbound.state == "sent"
        assert outbound.delivered_at is not None
        assert outbound.seen_at is not None
        assert outbound.message_id
        assert {row.state for row in WebhookDelivery.objects.all()} == {"processed"}
        reply = ProviderEvent.objects.get(kind="message_received")
        assert reply.payload["text"] == "Sounds good"
        assert reply.payload["chat_id"] == outbound.chat_id == outbound.provider_message_id
        assert reply.sender_id == sender.id
    assert {"message_delivered", "message_opened", "link_clicked"} <= set(facts(kestrel))
    (call,) = sandbox.calls(path="*/mail/send")
    body = call["body"]
    assert body["ip_pool_name"] == "main"
    assert body["personalizations"][0]["custom_args"] == {
        "x_send_id": str(outbound.id),
        "x_account": sender.provider_account_id,
    }


def test_reports_settle_what_was_uncertain_and_nothing_is_sent_twice(
    kestrel: Agency, sender: SenderAccount, sandbox: SandboxHandle, hints: Hints
) -> None:
    sandbox.add_fault("drop", path="*/mail/send", perform=True, times=1)
    sandbox.add_fault("status", path="*/messages", status=403)
    sandbox.add_fault("hold", provider="sendgrid", event="events")
    with organization_scope(kestrel.id):
        outbound = queue(sender)
    hints.run_all()
    with organization_scope(kestrel.id):
        outbound.refresh_from_db()
        assert outbound.state == "unknown"
        SendAttempt.objects.update(settle_after=now())
    with no_scope():
        settle_due.run()
    hints.run_all()
    with organization_scope(kestrel.id):
        assert "Email Activity" in SendAttempt.objects.get().detail
    sandbox.clear_faults()
    hints.run_all()
    with organization_scope(kestrel.id):
        outbound.refresh_from_db()
        assert outbound.state == "sent"
        assert SendAttempt.objects.get().state == "settled_sent"
    assert len(sandbox.calls(path="*/mail/send")) == 1


def test_duplicates_and_disorder_are_one_fact_each(
    kestrel: Agency, sender: SenderAccount, sandbox: SandboxHandle, hints: Hints
) -> None:
    sandbox.add_fault("duplicate", provider="sendgrid", event="*", copies=2)
    sandbox.add_fault("reorder", provider="sendgrid", event="delivered")
    with organization_scope(kestrel.id):
        queue(sender)
    hints.run_all()
    sandbox.settle()
    sandbox.act(ANA, "complain")
    hints.run_all()
    with organization_scope(kestrel.id):
        kinds = sorted(ProviderEvent.objects.values_list("kind", flat=True))
        assert kinds == ["message_delivered", "spam_complained"]


def test_lists_are_kept_in_step_both_ways(
    kestrel: Agency,
    sender: SenderAccount,
    sandbox: SandboxHandle,
    hints: Hints,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sandbox.change_person("bo@prospect.example", behaviour={"mail": "bounce"})
    with organization_scope(kestrel.id):
        queue(sender, recipient={"email": "bo@prospect.example"})
        assert suppressions.tell(client_id=kestrel.first.id, address="gone@prospect.example") == 1
        assert suppressions.tell(client_id=kestrel.second.id, address="other@prospect.example") == 0
    hints.run_all()
    sandbox.settle()
    told: list[Any] = []
    monkeypatch.setattr(suppressions, "publish", told.append)
    with no_scope():
        assert pull_due_suppressions.run() == 1
    hints.run_all()
    found = {(event.suppression.kind, event.suppression.address) for event in told}
    assert found == {("bounce", "bo@prospect.example"), ("unsubscribe", "gone@prospect.example")}
    with no_scope():
        assert pull_due_suppressions.run() == 0

    with organization_scope(kestrel.id):
        assert suppressions.take_back(client_id=kestrel.first.id, address="gone@prospect.example") == 1
    hints.run_all()
    told.clear()
    with organization_scope(kestrel.id):
        suppressions.pull(sender.connection)
    assert ("unsubscribe", "gone@prospect.example") not in {
        (event.suppression.kind, event.suppression.address) for event in told
    }


def test_a_list_that_cannot_be_read_is_read_the_next_time(
    kestrel: Agency, connection: Connection, sandbox: SandboxHandle
) -> None:
    sandbox.add_fault("status", path="*/suppression/bounces", status=403, times=1)
    with organization_scope(kestrel.id):
        with pytest.raises(ProviderError):
            suppressions.pull(connection)
        assert set(connection.suppressions_read) == {"complaint", "unsubscribe"}
        suppressions.pull(connection)
        assert set(connection.suppressions_read) == set(suppressions.KINDS)


# --- Intake ------------------------------------------------------------------------------------------------------


def address_of(connection: Connection) -> str:
    return f"/webhooks/sendgrid/{connection.key}"


def post(connection: Connection, body: bytes, **headers: str) -> Any:
    with no_scope():
        return Browser().post(
            address_of(connection), data=body, content_type="multipart/form-data; boundary=x", headers=headers
        )


def test_a_replaced_key_stays_valid_until_the_next(
    kestrel: Agency, connection: Connection, sender: SenderAccount, sandbox: SandboxHandle, hints: Hints
) -> None:
    with organization_scope(kestrel.id):
        before = credentials_of(connection)["event_public_key"]
        hygiene.rotate_secret(connection=connection, actor=kestrel.admin)
        values = credentials_of(Connection.objects.get(id=connection.id))
        assert values["previous_event_public_key"] == before != values["event_public_key"]
        queue(sender)
    hints.run_all()
    sandbox.settle()
    hints.run_all()
    assert "message_delivered" in facts(kestrel)


def test_without_a_key_mail_is_asked_to_come_again(kestrel: Agency, connection: Connection) -> None:
    with organization_scope(kestrel.id):
        bare = connections.create(provider="sendgrid", name="Bare", credentials={"api_key": API_KEY})
    answer = post(bare, b"--x\r\n")
    assert (answer.status_code, answer["Retry-After"]) == (503, "300")
    with organization_scope(kestrel.id):
        assert WebhookDelivery.objects.get(connection_id=bare.id).state == "rejected"


def test_a_bad_signature_is_refused(kestrel: Agency, connection: Connection) -> None:
    answer = post(
        connection,
        b"--x\r\n",
        **{
            "X-Twilio-Email-Event-Webhook-Signature": "TUVVQ0lR",
            "X-Twilio-Email-Event-Webhook-Timestamp": "1600112502",
        },
    )
    assert answer.status_code == 401


def test_what_is_refused_for_good_is_thanked_and_what_may_come_again_gets_5xx(
    kestrel: Agency,
    connection: Connection,
    sender: SenderAccount,
    sandbox: SandboxHandle,
    hints: Hints,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with organization_scope(kestrel.id):
        queue(sender)
    hints.run_all()
    sandbox.settle()
    hints.run_all()
    settings.WEBHOOKS_PER_MINUTE = 0
    sandbox.reply(ANA, "Too much at once")
    (mail,) = sandbox.deliveries(event="inbound_parse")
    assert (mail["state"], mail["log"][-1]["status"]) == ("queued", 503)
    settings.WEBHOOKS_PER_MINUTE = 1000
    sandbox.jump(minutes=5)
    hints.run_all()
    assert facts(kestrel)["message_received"].payload["text"] == "Too much at once"
    monkeypatch.setattr("integrations.services.intake.max_bytes", lambda provider: 10)
    assert post(connection, b"x" * 100).status_code == 200
    with organization_scope(kestrel.id):
        assert WebhookDelivery.objects.filter(state="rejected", event_type="oversize").count() == 1


def test_mail_of_many_megabytes_is_taken_in(
    kestrel: Agency, connection: Connection, sender: SenderAccount, sandbox: SandboxHandle, hints: Hints
) -> None:
    with organization_scope(kestrel.id):
        queue(sender)
    hints.run_all()
    sandbox.settle()
    content = base64.b64encode(b"x" * 6_000_000).decode()
    file = {"name": "plan.pdf", "mimetype": "application/pdf", "content_base64": content}
    sandbox.reply(ANA, "The plan is attached", attachments=[file])
    hints.run_all()
    received = facts(kestrel)["message_received"].payload
    assert [item["name"] for item in received["attachments"]] == ["plan.pdf"]
