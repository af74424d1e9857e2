"""The whole room against the provider sandbox: the production adapter, real HTTP both ways, and faults on
demand.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine

from integrations.base import ConnectsAccounts, require
from integrations.mail.authentication import MAILERS, HttpNames, check
from integrations.models import OutboundMessage, ProviderEvent, SenderAccount, WebhookDelivery
from integrations.sandbox.testing import API_KEY, SandboxHandle, running_sandbox
from integrations.services import certification, connections, outbox, senders, sync
from integrations.services.adapters import adapter_of
from integrations.tasks import dispatch_due, settle_due
from project.core.clock import now
from project.core.scoping import no_scope, organization_scope
from tests.factories import Agency
from tests.integrations.conftest import Hints

pytestmark = pytest.mark.django_db(transaction=True)

PERSON = "tomas-weil"


@pytest.fixture
def sandbox() -> Iterator[SandboxHandle]:
    with running_sandbox(process=True) as handle:
        yield handle


def test_the_worlds_name_service_answers_about_sending_domains(sandbox: SandboxHandle) -> None:
    names = HttpNames(f"{sandbox.base_url}/resolve")
    found = check("nordwind.example", [MAILERS["sendgrid"]], names)
    assert [one.verdict for one in found][:2] == ["ok", "ok"]
    silent = check("nordwind.example", [], HttpNames(f"{sandbox.base_url}/nowhere"))
    assert {one.verdict for one in silent} == {"unknown"}


@pytest.fixture
def sender(
    kestrel: Agency, sandbox: SandboxHandle, hints: Hints, live_server: Any, settings: Any, alone: None
) -> SenderAccount:
    """The first account of the sandbox, connected with webhooks registered there."""
    settings.UNIPILE_BASE_URL = sandbox.unipile_url
    settings.WEBHOOK_BASE_URL = live_server.url
    settings.SEND_SPACING_MS = (0, 0)
    with organization_scope(kestrel.id):
        connection = connections.create(provider="unipile", name="LinkedIn", credentials={"api_key": API_KEY})
        assert connections.try_out(connection=connection).ok
        assert len(connections.ensure_webhooks(connection=connection)) == 3
        assert connections.webhook_findings(connection) == ()
        account = require(adapter_of(connection), ConnectsAccounts).list_accounts().items[0]
        sender = senders.adopt(connection=connection, client=kestrel.first, account=account)
        assert sender.status == "ok"
    # A new account reads what there is at once.
    hints.run_all()
    return sender


def queue(sender: SenderAccount, action: str, body: str, **values: Any) -> None:
    made = outbox.queue(
        sender=sender,
        client_id=sender.client_id,
        channel="linkedin",
        action=action,
        origin="campaign",
        dedupe_key=f"sandbox:{action}:{body}",
        recipient={"public_identifier": PERSON},
        body=body,
        **values,
    )
    assert made is not None


def kinds() -> list[str]:
    return list(ProviderEvent.objects.order_by("recorded_at").values_list("kind", flat=True))


def test_invite_accept_message_reply(sender: SenderAccount, sandbox: SandboxHandle, hints: Hints) -> None:
    with sender_scope(sender):
        queue(sender, "invite", "Hello Tomas")
    hints.run_all()
    with sender_scope(sender):
        invite = OutboundMessage.objects.get(action="invite")
        assert invite.state == "sent", invite.error_detail
        assert invite.invitation_id
        provider_id = invite.recipient["provider_id"]
    sandbox.accept(PERSON)
    hints.run_all()
    with sender_scope(sender):
        assert "relation_created" in kinds()
        queue(sender, "message", "Shall we talk?")
    hints.run_all()
    sandbox.reply(PERSON, "Yes, on Monday")
    hints.run_all()
    with sender_scope(sender):
        message = OutboundMessage.objects.get(action="message")
        assert message.state == "sent", message.error_detail
        reply = ProviderEvent.objects.filter(kind="message_received", payload__text="Yes, on Monday").get()
        assert reply.payload["direction"] == "inbound"
        assert reply.payload["sender"]["provider_id"] == provider_id
        own = ProviderEvent.objects.filter(kind="message_received", payload__text="Shall we talk?").get()
        assert own.payload["direction"] == "outbound"
        assert message.provider_message_id or message.message_id
        known = ProviderEvent.objects.count()
        # The poll tells all of it again, and nothing of it is news.
        run = sync.request(sender=sender, resource="messages", trigger="test")
        assert run is not None
        assert sync.run(run.id) == "done"
        told_again = ProviderEvent.objects.filter(kind="message_received").count()
        assert told_again == len(
            {row.dedupe_key for row in ProviderEvent.objects.filter(kind="message_received")}
        )
        assert ProviderEvent.objects.filter(kind="message_received").exclude(source="webhook").count() == 0
        assert ProviderEvent.objects.count() >= known
        assert set(WebhookDelivery.objects.values_list("state", flat=True)) <= {"processed", "ignored"}
        assert certification.certify().ok


@pytest.mark.parametrize("perform", [True, False])
def test_a_lost_answer_is_settled_and_nothing_leaves_twice(
    sender: SenderAccount, sandbox: SandboxHandle, hints: Hints, perform: bool
) -> None:
    sandbox.add_fault("drop", method="POST", path="*/users/invite", times=1, perform=perform)
    with sender_scope(sender):
        queue(sender, "invite", "Hello Tomas")
    hints.run_all()
    with sender_scope(sender):
        assert OutboundMessage.objects.get().state == "unknown"
    moment = now()
    for _ in range(4):
        moment += timedelta(minutes=3)
        with time_machine.travel(moment, tick=True):
            with no_scope():
                settle_due.run()
                dispatch_due.run()
            hints.run_all()
    with sender_scope(sender):
        row = OutboundMessage.objects.get()
        assert row.state == "sent", (row.state, row.error_detail)
        assert row.attempts == (1 if perform else 2)
        assert certification.certify().ok
    assert len(sandbox.calls(path="*/users/invite", method="POST")) == (1 if perform else 2)


def test_lost_duplicated_and_reordered_webhooks_end_in_the_same_facts(
    sender: SenderAccount, sandbox: SandboxHandle, hints: Hints
) -> None:
    with sender_scope(sender):
        queue(sender, "invite", "")
    hints.run_all()
    sandbox.accept(PERSON)
    sandbox.add_fault("duplicate", copies=3)
    sandbox.reply(PERSON, "First")
    sandbox.clear_faults()
    sandbox.add_fault("lose", event="message_received", times=1)
    sandbox.reply(PERSON, "Lost on the way")
    sandbox.clear_faults()
    sandbox.add_fault("reorder", event="message_received", window=2, times=2)
    sandbox.reply(PERSON, "Third", settle=False)
    sandbox.reply(PERSON, "Fourth", settle=False)
    sandbox.clear_faults()
    hints.run_all()
    with sender_scope(sender):
        run = sync.request(sender=sender, resource="messages", trigger="test")
        assert run is not None
        assert sync.run(run.id) == "done"
        inbound = [
            row.payload["text"]
            for row in ProviderEvent.objects.filter(kind="message_received", payload__direction="inbound")
        ]
        assert sorted(inbound) == ["First", "Fourth", "Lost on the way", "Third"]
        assert max(WebhookDelivery.objects.values_list("duplicates", flat=True)) == 3


def test_a_signed_out_account_stops_and_catches_up(
    sender: SenderAccount, sandbox: SandboxHandle, hints: Hints
) -> None:
    sandbox.set_seat_status(sender.provider_account_id, "CREDENTIALS")
    hints.run_all()
    with sender_scope(sender):
        sender.refresh_from_db()
        assert (sender.status, sender.status_raw) == ("credentials", "CREDENTIALS")
        queue(sender, "invite", "Hello")
    hints.run_all()
    with sender_scope(sender):
        assert OutboundMessage.objects.get().hold_code == "sender_status"
    assert sandbox.calls(path="*/users/invite", method="POST") == []
    sandbox.set_seat_status(sender.provider_account_id, "OK")
    hints.run_all()
    with sender_scope(sender):
        sender.refresh_from_db()
        assert sender.status == "ok"
        assert OutboundMessage.objects.get().state == "sent"


def sender_scope(sender: SenderAccount) -> Any:
    return organization_scope(sender.organization_id)


def test_inmail_costs_credits_and_views_leave_nothing_behind(
    sender: SenderAccount, sandbox: SandboxHandle, hints: Hints
) -> None:
    sandbox.change_person(PERSON, can_send_inmail=True, is_open_profile=False)
    account = f"/accounts/{sender.provider_account_id}"
    sandbox.call("POST", f"{account}/credits", {"inmail": 1})
    with sender_scope(sender):
        queue(sender, "profile_view", "")
        queue(sender, "inmail", "A word from outside", payload={"subject": "An introduction"})
    hints.run_all()
    sandbox.settle()
    hints.run_all()
    (sent,) = sandbox.calls(path="*/chats", method="POST", writes=True)
    assert sent["body"]["subject"] == ["An introduction"]
    assert sent["body"]["linkedin[inmail]"] == ["true"]
    with sender_scope(sender):
        rows = {row.action: row for row in OutboundMessage.objects.all()}
        assert {row.state for row in rows.values()} == {"sent"}, [row.error_detail for row in rows.values()]
        assert rows["inmail"].chat_id
        own = ProviderEvent.objects.get(kind="message_received", payload__message_kind="inmail").payload
        assert (own["direction"], own["subject"]) == ("outbound", "An introduction")
        # The credit is spent: the action rests on this account, and nobody is failed for it.
        queue(sender, "inmail", "Another word")
        queue(sender, "profile_view", "Another look")
    hints.run_all()
    with sender_scope(sender):
        waiting = OutboundMessage.objects.get(action="inmail", body="Another word")
        assert (waiting.state, waiting.error_kind, waiting.hold_code) == ("queued", "quota", "throttled")
        sender.refresh_from_db()
        assert "inmail" in sender.action_pauses
        assert OutboundMessage.objects.get(action="profile_view", body="Another look").state == "sent"


def test_people_who_take_no_inmail(sender: SenderAccount, sandbox: SandboxHandle, hints: Hints) -> None:
    sandbox.change_person(PERSON, can_send_inmail=False)
    with sender_scope(sender):
        queue(sender, "inmail", "Hello", payload={"subject": "Hello"})
    hints.run_all()
    with sender_scope(sender):
        refused = OutboundMessage.objects.get(action="inmail")
        assert (refused.state, refused.error_kind) == ("failed", "recipient")
