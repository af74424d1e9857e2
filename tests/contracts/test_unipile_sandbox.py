"""The contract for Unipile again, against the sandbox over real HTTP, and its webhooks as they arrive."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from pytest_django import Settings

from integrations import events, registry
from integrations.base import (
    ManagesWebhooks,
    NoKnowledge,
    ReceivesWebhooks,
    SendsInvitations,
    SendsMessages,
    SettlesSends,
    SyncsMessages,
    SyncsRelations,
    require,
)
from integrations.errors import ErrorKind, ProviderError, WebhookRefusedError
from integrations.sandbox.testing import API_KEY, SandboxHandle, running_sandbox
from integrations.values import AccountStatus, Direction, SendAction, SendIntent, SettlementOutcome
from tests.contracts.base import AdapterContract, Outside

CONNECTED, INVITED, STRANGER = "tomas-weil", "ida-invited", "sina-stranger"
THEIRS = "Sounds good, send details"
SECRET = "secret-of-the-connection"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxHandle]:
    with running_sandbox(seed=None) as handle:
        yield handle


@pytest.fixture
def outside(sandbox: SandboxHandle, settings: Settings) -> Outside:
    """A fresh world: a seat with one connection, one pending invitation, and a second seat beside it."""
    sandbox.clear_faults()
    sandbox.reset(seed="")
    settings.UNIPILE_BASE_URL = sandbox.unipile_url
    seat = sandbox.create_seat("Maya Lindqvist")
    sandbox.create_seat("Somebody Else")
    account_id = seat["id"]
    ids = {slug: sandbox.person(slug)["provider_id"] for slug in (CONNECTED, INVITED, STRANGER)}
    sandbox.act(CONNECTED, "connect", account_id=account_id)
    # A second connection and chat, so that lists have pages.
    sandbox.act("second-one", "connect", account_id=account_id)
    sandbox.act("second-one", "own_message", account_id=account_id, text="Hi")
    sandbox.act(CONNECTED, "own_message", account_id=account_id, text="Hello Tomas")
    sandbox.jump(minutes=5)
    chat_id = sandbox.reply(CONNECTED, THEIRS, account_id=account_id)["chat_id"]
    sandbox.jump(minutes=5)
    adapter = registry.adapter_for("unipile", credentials={"api_key": API_KEY}, connection_id=account_id)
    require(adapter, SendsInvitations).send_invitation(
        account_id=account_id, recipient_provider_id=ids[INVITED]
    )
    return Outside(
        adapter=adapter,
        wrong_adapter=registry.adapter_for("unipile", credentials={"api_key": "wrong-key"}),
        account_id=account_id,
        own_user_id=seat["provider_id"],
        stranger=ids[STRANGER],
        invited=ids[INVITED],
        connected=ids[CONNECTED],
        connected_slug=CONNECTED,
        chat_id=chat_id,
        their_text=THEIRS,
    )


class TestUnipileSandbox(AdapterContract):
    """The sandbox answers as the contract asks."""

    kind = "unipile"

    @pytest.fixture
    def outside(self, outside: Outside) -> Outside:
        return outside


# --- Webhooks as they arrive ---------------------------------------------------------------------------------


class Inbox:
    """Takes webhooks as the product's endpoint does: checks the secret, keeps the raw body, answers 200."""

    def __init__(self) -> None:
        self.calls: list[tuple[dict[str, str], bytes]] = []
        self.url = ""

    def events(self, outside: Outside) -> list[Any]:
        """Everything that arrived, verified and normalised, in order of arrival."""
        adapter = require(outside.adapter, ReceivesWebhooks)
        found: list[Any] = []
        for headers, body in self.calls:
            adapter.verify_webhook(url="", headers=headers, body=body, secrets=["a-newer-secret", SECRET])
            normalised = adapter.normalise(
                body, headers={}, received_at=outside.now(), knowledge=NoKnowledge()
            )
            assert normalised.events or normalised.ignored
            found += normalised.events
        return found


@pytest.fixture
def inbox(outside: Outside) -> Iterator[Inbox]:
    """A registered endpoint."""
    inbox = Inbox()

    class Endpoint(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            inbox.calls.append((dict(self.headers), self.rfile.read(length)))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the base class's name
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    inbox.url = f"http://127.0.0.1:{server.server_address[1]}/webhooks/unipile/key"
    adapter = require(outside.adapter, ManagesWebhooks)
    required = adapter.required_webhooks(url=inbox.url, secret=SECRET)
    for finding in adapter.check_webhooks(registered=adapter.list_webhooks(), required=required):
        assert finding.create is not None
        adapter.create_webhook(finding.create)
    yield inbox
    server.shutdown()
    server.server_close()


def polled(outside: Outside, chat_id: str) -> set[tuple[str, str]]:
    """Kind and key of every event that polling the chat gives."""
    adapter = require(outside.adapter, SyncsMessages)
    chat = adapter.get_chat(account_id=outside.account_id, chat_id=chat_id)
    page = adapter.list_messages(account_id=outside.account_id, chat_id=chat_id)
    return {
        (event.kind, event.dedupe_key)
        for message in page.items
        for event in adapter.events_from_message(message, chat=chat).events
    }


def test_one_fact_has_one_key_however_it_comes(
    sandbox: SandboxHandle, outside: Outside, inbox: Inbox
) -> None:
    require(outside.adapter, SendsMessages).send_message(
        account_id=outside.account_id, chat_id=outside.chat_id, text="Here you are"
    )
    sandbox.settle()
    sandbox.act(CONNECTED, "read")
    sandbox.act(CONNECTED, "react", emoji="🎉")
    sandbox.reply(CONNECTED, "Thank you")
    sandbox.act(CONNECTED, "edit", text="Thank you!")
    sandbox.reply(CONNECTED, "Oops")
    sandbox.act(CONNECTED, "delete")
    sandbox.act(CONNECTED, "own_message", text="From the phone")
    arrived = inbox.events(outside)
    assert {event.kind for event in arrived} >= {
        "message_received",
        "message_read",
        "message_reaction",
        "message_edited",
        "message_deleted",
    }
    by_webhook = {(event.kind, event.dedupe_key) for event in arrived}
    assert by_webhook <= polled(outside, outside.chat_id)
    received = {event.text: event for event in arrived if event.kind == "message_received"}
    assert received["Here you are"].direction is Direction.OUTBOUND
    assert received["From the phone"].direction is Direction.OUTBOUND
    assert received["Thank you"].is_reply
    assert {event.counterpart.provider_id for event in received.values()} == {outside.connected}


def test_acceptance_has_one_key_however_it_comes(
    sandbox: SandboxHandle, outside: Outside, inbox: Inbox
) -> None:
    require(outside.adapter, SendsInvitations).send_invitation(
        account_id=outside.account_id, recipient_provider_id=outside.stranger, note="Hello Sina"
    )
    sandbox.accept(STRANGER)
    sandbox.jump(hours=9)
    arrived = inbox.events(outside)
    (relation,) = [event for event in arrived if isinstance(event, events.RelationCreated)]
    (note,) = [event for event in arrived if isinstance(event, events.MessageReceived)]
    assert note.counterpart is not None
    assert relation.person.provider_id == note.counterpart.provider_id == outside.stranger
    assert note.implies_connection
    assert not note.is_reply
    adapter = require(outside.adapter, SyncsRelations)
    newest = adapter.list_relations(account_id=outside.account_id).items[0]
    (told,) = adapter.events_from_relation(
        account_id=outside.account_id, relation=newest, seen_at=outside.now()
    ).events
    assert told.dedupe_key == relation.dedupe_key


@pytest.mark.parametrize(
    ("status", "expected"), [("CREDENTIALS", AccountStatus.CREDENTIALS), ("STOPPED", AccountStatus.STOPPED)]
)
def test_account_status_arrives(
    sandbox: SandboxHandle, outside: Outside, inbox: Inbox, status: str, expected: AccountStatus
) -> None:
    sandbox.set_seat_status(outside.account_id, status)
    (event,) = [found for found in inbox.events(outside) if found.kind == "account_status"]
    assert event.status is expected
    assert event.account_id == outside.account_id


@pytest.mark.parametrize(
    "variants",
    [
        ["is_sender_null"],
        ["is_sender_absent"],
        ["is_sender_absent", "no_account_info"],
        ["participants", "is_sender_null"],
        ["no_public_identifier"],
        ["null_public_identifier"],
        ["attachment_dict"],
        ["unknown_fields"],
        ["no_content_type"],
    ],
)
def test_every_shape_tells_the_same(
    sandbox: SandboxHandle, outside: Outside, inbox: Inbox, variants: list[str]
) -> None:
    for variant in variants:
        sandbox.add_fault("shape", on="webhook", variant=variant)
    sandbox.reply(CONNECTED, "A reply")
    sandbox.act(CONNECTED, "own_message", text="Our own")
    received = {event.text: event for event in inbox.events(outside)}
    assert received["A reply"].direction is Direction.INBOUND
    assert received["Our own"].direction is Direction.OUTBOUND
    assert received["A reply"].counterpart.provider_id == outside.connected
    assert received["Our own"].counterpart.provider_id == outside.connected


def test_an_unproven_secret_is_refused(sandbox: SandboxHandle, outside: Outside, inbox: Inbox) -> None:
    sandbox.reply(CONNECTED, "A reply")
    headers, body = inbox.calls[0]
    with pytest.raises(WebhookRefusedError):
        require(outside.adapter, ReceivesWebhooks).verify_webhook(
            url="", headers=headers, body=body, secrets=["another-secret"]
        )


# --- Sends that break ----------------------------------------------------------------------------------------


def send(outside: Outside, intent: SendIntent) -> None:
    """Do what ``intent`` says."""
    if intent.action is SendAction.INVITE:
        require(outside.adapter, SendsInvitations).send_invitation(
            account_id=intent.account_id,
            recipient_provider_id=intent.recipient_provider_id,
            note=intent.text,
        )
    else:
        require(outside.adapter, SendsMessages).send_message(
            account_id=intent.account_id, chat_id=outside.chat_id, text=intent.text
        )


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ({"kind": "drop", "perform": True}, SettlementOutcome.SENT),
        ({"kind": "drop", "perform": False}, SettlementOutcome.NOT_SENT),
        ({"kind": "status", "status": 504, "perform": True}, SettlementOutcome.SENT),
        ({"kind": "status", "status": 504, "perform": False}, SettlementOutcome.NOT_SENT),
        ({"kind": "status", "status": 502, "html": True, "perform": True}, SettlementOutcome.SENT),
        ({"kind": "status", "status": 500, "type": "errors/provider_error"}, SettlementOutcome.NOT_SENT),
    ],
)
@pytest.mark.parametrize("action", list(SendAction))
def test_a_send_that_breaks_is_settled_by_asking(
    sandbox: SandboxHandle,
    outside: Outside,
    action: SendAction,
    fault: dict[str, Any],
    outcome: SettlementOutcome,
) -> None:
    sandbox.add_fault(**fault, provider="unipile", method="POST", times=1)
    intent = SendIntent(
        action=action,
        account_id=outside.account_id,
        attempted_at=outside.now(),
        recipient_provider_id=outside.stranger if action is SendAction.INVITE else outside.connected,
        text="Exactly once",
    )
    with pytest.raises(ProviderError) as caught:
        send(outside, intent)
    assert caught.value.kind is ErrorKind.INDETERMINATE
    asked = require(outside.adapter, SettlesSends)
    found = asked.settle(intent, now=intent.attempted_at + timedelta(minutes=10))
    assert found.outcome is outcome
    sent = [call for call in sandbox.calls(method="POST") if call["path"] != "/webhooks"]
    assert len([call for call in sent if "Exactly once" in str(call["body"])]) == 1


def test_a_signed_out_account_is_told_and_settles_nothing(sandbox: SandboxHandle, outside: Outside) -> None:
    sandbox.set_seat_status(outside.account_id, "CREDENTIALS")
    with pytest.raises(ProviderError) as caught:
        require(outside.adapter, SendsMessages).send_message(
            account_id=outside.account_id, chat_id=outside.chat_id, text="Hello"
        )
    assert caught.value.kind is ErrorKind.ACCOUNT_DISCONNECTED
    intent = SendIntent(
        action=SendAction.MESSAGE,
        account_id=outside.account_id,
        attempted_at=outside.now(),
        chat_id=outside.chat_id,
        text="Hello",
    )
    found = require(outside.adapter, SettlesSends).settle(
        intent, now=intent.attempted_at + timedelta(minutes=10)
    )
    assert found.outcome is SettlementOutcome.UNDECIDED


def test_the_chat_of_another_account_cannot_be_written_to(sandbox: SandboxHandle, outside: Outside) -> None:
    """One token covers both seats, so the account id in the form is the guard."""
    other = next(
        account["id"]
        for account in sandbox.state()["unipile"]["accounts"]
        if account["id"] != outside.account_id
    )
    with pytest.raises(ProviderError) as caught:
        require(outside.adapter, SendsMessages).send_message(
            account_id=other, chat_id=outside.chat_id, text="Hello"
        )
    assert not caught.value.transient
    with pytest.raises(ProviderError):
        require(outside.adapter, SyncsMessages).list_messages(account_id=other, chat_id=outside.chat_id)
