"""The contract for SendGrid again, against the sandbox over real HTTP, and its webhooks as they arrive."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from pytest_django import Settings
from sendgrid.helpers.eventwebhook import EventWebhook

from integrations import registry
from integrations.base import ManagesWebhooks, ReceivesWebhooks, SendsEmail, VerifiesIdentities
from integrations.errors import ErrorKind, ProviderError, WebhookRefusedError
from integrations.providers.sendgrid import webhooks
from integrations.sandbox.testing import API_KEY, SandboxHandle, SandboxRefused, running_sandbox
from tests.contracts.base import AdapterContract, Outside, require
from tests.contracts.sendgrid import MESSAGE_ID, SEND_ID, SendGridContract, email
from tests.contracts.test_sendgrid import Known

HOST = "in.acme.example"
ANA = "ana@prospect.example"


class AccountKnown(Known):
    """Whatever id the sandbox gave to the account."""

    def __init__(self, account_id: str) -> None:
        self.account_id = account_id

    def account_of_address(self, address: str) -> str:
        return self.account_id if address == f"leo@{HOST}" else ""

    def account_of_message(self, message_ids: frozenset[str]) -> str:
        return self.account_id if MESSAGE_ID in message_ids else ""


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxHandle]:
    with running_sandbox(seed=None) as handle:
        yield handle


@pytest.fixture
def outside(sandbox: SandboxHandle, settings: Settings) -> Outside:
    """A fresh world with one proven sender, and a locked one beside it."""
    sandbox.clear_faults()
    sandbox.reset(seed="demo")
    settings.SENDGRID_BASE_URL = sandbox.sendgrid_url
    credentials = {"api_key": API_KEY, "validation_key": API_KEY, "parse_hosts": ""}
    adapter = registry.adapter_for("sendgrid", credentials=credentials, connection_id="sandbox")
    senders = require(adapter, VerifiesIdentities)
    made = senders.create_identity(address="leo@mail.acme.example", name="Leo", reply_to="", postal={})
    senders.create_identity(address="old@mail.acme.example", name="Old", reply_to="", postal={})
    sandbox.prove("leo@mail.acme.example")
    sandbox.prove("old@mail.acme.example", "locked")
    return Outside(
        adapter=adapter,
        wrong_adapter=registry.adapter_for("sendgrid", credentials={"api_key": "wrong"}, connection_id="no"),
        account_id=made.identity_id,
        own_user_id="leo@mail.acme.example",
    )


class TestSendGridSandbox(SendGridContract, AdapterContract):
    """The sandbox answers as the contract asks."""

    kind = "sendgrid"

    @pytest.fixture
    def outside(self, outside: Outside) -> Outside:
        return outside


# --- Webhooks as they arrive ---------------------------------------------------------------------------------


class Inbox:
    """Takes calls as the product's endpoint does: checks the signature, keeps the raw body, answers ``status``."""

    def __init__(self, outside: Outside) -> None:
        self.calls: list[tuple[dict[str, str], bytes]] = []
        self.url = ""
        self.status = 200
        self.keys: list[str] = []
        self.outside = outside

    def events(self) -> list[Any]:
        """Everything that arrived, verified and normalised, in order of arrival."""
        adapter = require(self.outside.adapter, ReceivesWebhooks)
        knowledge = AccountKnown(self.outside.account_id)
        found: list[Any] = []
        for headers, body in self.calls:
            adapter.verify_webhook(url="", headers=headers, body=body, secrets=["", *self.keys])
            normalised = adapter.normalise(
                body, headers=headers, received_at=self.outside.now(), knowledge=knowledge
            )
            assert normalised.events or normalised.ignored
            found += normalised.events
        return found

    def kinds(self) -> list[str]:
        return [event.kind for event in self.events()]


@pytest.fixture
def inbox(outside: Outside) -> Iterator[Inbox]:
    """A registered endpoint for events and for the mail to one host."""
    inbox = Inbox(outside)

    class Endpoint(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            inbox.calls.append((dict(self.headers), self.rfile.read(length)))
            self.send_response(inbox.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the base class's name
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    inbox.url = f"http://127.0.0.1:{server.server_address[1]}/webhooks/sendgrid/key"
    credentials = {"api_key": API_KEY, "parse_hosts": HOST}
    adapter = require(registry.adapter_for("sendgrid", credentials=credentials), ManagesWebhooks)
    required = adapter.required_webhooks(url=inbox.url, secret="one")
    for finding in adapter.check_webhooks(registered=adapter.list_webhooks(), required=required):
        assert finding.create is not None
        adapter.create_webhook(finding.create)
    assert adapter.check_webhooks(registered=adapter.list_webhooks(), required=required) == ()
    inbox.keys = [found.public_key for found in adapter.list_webhooks()]
    assert all(inbox.keys)
    yield inbox
    server.shutdown()
    server.server_close()


def send(outside: Outside, sandbox: SandboxHandle, **changes: Any) -> None:
    require(outside.adapter, SendsEmail).send_email(
        account_id=outside.account_id,
        email=email(
            reply_to=f"leo@{HOST}",
            html='<p>Hi <a href="https://acme.example/demo">demo</a></p>',
            track_clicks=True,
            **changes,
        ),
    )
    sandbox.settle()


def test_what_becomes_of_an_email_arrives_signed(
    sandbox: SandboxHandle, outside: Outside, inbox: Inbox
) -> None:
    send(outside, sandbox)
    sandbox.act(ANA, "open")
    sandbox.act(ANA, "open", machine=True)
    sandbox.act(ANA, "click")
    sandbox.act(ANA, "click", scanner=True)
    sandbox.act(ANA, "complain")
    sandbox.act(ANA, "unsubscribe", how="link")
    found = inbox.events()
    assert [event.kind for event in found] == [
        "message_delivered",
        "message_opened",
        "message_opened",
        "link_clicked",
        "link_clicked",
        "spam_complained",
        "unsubscribed",
    ]
    assert {(event.send_id, event.account_id) for event in found} == {(SEND_ID, outside.account_id)}
    assert [event.is_machine for event in found[1:5]] == [False, True, False, True]
    assert found[0].provider_message_id == MESSAGE_ID


def test_the_vendors_verifier_takes_what_arrives(
    sandbox: SandboxHandle, outside: Outside, inbox: Inbox
) -> None:
    send(outside, sandbox)
    headers, body = inbox.calls[0]
    theirs = EventWebhook()
    for key in inbox.keys[:1]:
        public = theirs.convert_public_key_to_ecdsa(key)
        signature, timestamp = headers[webhooks.SIGNATURE_HEADER], headers[webhooks.TIMESTAMP_HEADER]
        assert theirs.verify_signature(body.decode(), signature, timestamp, public)
    with pytest.raises(WebhookRefusedError):
        require(outside.adapter, ReceivesWebhooks).verify_webhook(
            url="", headers=headers, body=body + b" ", secrets=inbox.keys
        )


@pytest.mark.parametrize(
    ("fate", "kinds", "permanent"),
    [
        ("bounce", ["message_bounced"], True),
        ("block", ["message_bounced"], False),
        ("async_bounce", ["message_delivered", "message_bounced"], True),
        ("defer", ["message_bounced", "message_delivered"], False),
        ("drop", ["message_failed"], None),
    ],
)
def test_bad_fates(
    sandbox: SandboxHandle,
    outside: Outside,
    inbox: Inbox,
    fate: str,
    kinds: list[str],
    permanent: bool | None,
) -> None:
    sandbox.change_person("bo@prospect.example", behaviour={"mail": fate})
    send(outside, sandbox, to_email="bo@prospect.example")
    sandbox.jump(hours=1)
    found = inbox.events()
    assert [event.kind for event in found] == kinds
    bounces = [event for event in found if event.kind == "message_bounced"]
    assert [event.is_permanent for event in bounces] == ([] if permanent is None else [permanent])
    if fate == "async_bounce":
        assert bounces[0].message_id == ""


def test_who_bounced_is_dropped_the_next_time(sandbox: SandboxHandle, outside: Outside, inbox: Inbox) -> None:
    for _ in range(2):
        send(outside, sandbox, to_email="nobody-here@prospect.example")
    first, second = inbox.events()
    assert (first.kind, first.category) == ("message_bounced", "invalid_address")
    assert (second.kind, second.category) == ("message_failed", "suppressed")


def test_duplicates_and_disorder_inside_a_batch(
    sandbox: SandboxHandle, outside: Outside, inbox: Inbox
) -> None:
    sandbox.add_fault("duplicate", provider="sendgrid", event="delivered", copies=2)
    sandbox.add_fault("reorder", provider="sendgrid", event="delivered")
    send(outside, sandbox)
    ((_headers, body),) = inbox.calls
    assert body.count(b'"delivered"') == 3
    assert len({event.dedupe_key for event in inbox.events()}) == 1


@pytest.mark.parametrize("send_raw", [True, False])
def test_a_reply_arrives_as_mail(
    sandbox: SandboxHandle, outside: Outside, inbox: Inbox, send_raw: bool
) -> None:
    if not send_raw:
        require(outside.adapter, ManagesWebhooks)
        client = outside.adapter._client  # type: ignore[attr-defined]
        client.patch(f"/user/webhooks/parse/settings/{HOST}", {"send_raw": False})
    send(outside, sandbox)
    inbox.calls.clear()
    sandbox.reply(ANA, "Sounds good, très bien")
    sandbox.act(ANA, "out_of_office")
    reply, absence = inbox.events()
    assert reply.text == "Sounds good, très bien"
    assert reply.is_reply
    assert reply.references == (MESSAGE_ID,)
    assert reply.chat_id == MESSAGE_ID
    assert reply.account_id == outside.account_id
    assert reply.counterpart.email == ANA
    assert "Hi Ana" in reply.full_text
    assert not reply.is_automatic
    assert absence.is_automatic


def test_the_same_mail_again_is_the_same_call(sandbox: SandboxHandle, outside: Outside, inbox: Inbox) -> None:
    send(outside, sandbox)
    inbox.calls.clear()
    inbox.status = 503
    sandbox.reply(ANA, "Once")
    inbox.status = 200
    sandbox.jump(minutes=5)
    adapter = require(outside.adapter, ReceivesWebhooks)
    assert len(inbox.calls) == 2
    assert len({adapter.webhook_key(body) for _headers, body in inbox.calls}) == 1


def test_a_refused_mail_is_lost(sandbox: SandboxHandle, outside: Outside, inbox: Inbox) -> None:
    send(outside, sandbox)
    inbox.calls.clear()
    inbox.status = 401
    sandbox.reply(ANA, "Lost")
    sandbox.jump(days=3)
    assert len(inbox.calls) == 1


def test_nobody_takes_mail_for_another_host(sandbox: SandboxHandle, outside: Outside, inbox: Inbox) -> None:
    require(outside.adapter, SendsEmail).send_email(account_id=outside.account_id, email=email())
    sandbox.settle()
    with pytest.raises(SandboxRefused, match="Inbound Parse"):
        sandbox.reply(ANA, "Hello?")


def test_a_replaced_secret_makes_a_new_key(sandbox: SandboxHandle, outside: Outside, inbox: Inbox) -> None:
    adapter = require(outside.adapter, ManagesWebhooks)
    required = adapter.required_webhooks(url=inbox.url, secret="two")
    (finding,) = adapter.check_webhooks(registered=adapter.list_webhooks(), required=required)
    assert finding.create is not None
    assert not finding.remove
    adapter.create_webhook(finding.create)
    assert adapter.check_webhooks(registered=adapter.list_webhooks(), required=required) == ()
    fresh = [found.public_key for found in adapter.list_webhooks() if found.source == "event"]
    assert len(fresh) == 1
    assert fresh[0] not in inbox.keys
    send(outside, sandbox)
    with pytest.raises(WebhookRefusedError):
        inbox.events()
    inbox.keys += fresh
    assert inbox.kinds() == ["message_delivered"]


# --- Sends that break ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ({"kind": "status", "status": 429, "retry_after": "30"}, ErrorKind.RATE_LIMITED),
        ({"kind": "status", "status": 503}, ErrorKind.INDETERMINATE),
        ({"kind": "status", "status": 502, "html": True}, ErrorKind.INDETERMINATE),
        ({"kind": "status", "status": 401}, ErrorKind.AUTH),
        ({"kind": "status", "status": 401, "detail": "Maximum credits exceeded"}, ErrorKind.QUOTA),
        ({"kind": "status", "status": 413}, ErrorKind.VALIDATION),
        ({"kind": "drop", "perform": True}, ErrorKind.INDETERMINATE),
    ],
    ids=lambda value: str(value.get("status", value["kind"])) if isinstance(value, dict) else value.value,
)
def test_a_send_is_never_made_twice(
    sandbox: SandboxHandle, outside: Outside, fault: dict[str, Any], kind: ErrorKind
) -> None:
    sandbox.call("DELETE", "/calls")
    sandbox.add_fault(fault.pop("kind"), path="*/mail/send", times=1, **fault)
    with pytest.raises(ProviderError) as caught:
        require(outside.adapter, SendsEmail).send_email(account_id=outside.account_id, email=email())
    assert caught.value.kind is kind
    assert len(sandbox.calls(path="*/mail/send")) == 1
    if kind is ErrorKind.RATE_LIMITED:
        assert caught.value.retry_after == 30


def test_without_the_activity_an_uncertain_send_stays_undecided(
    sandbox: SandboxHandle, outside: Outside
) -> None:
    sandbox.add_fault("status", path="*/messages", status=403)
    settled = SendGridContract().settler(outside)
    assert settled(SEND_ID, timedelta(hours=5)).value == "undecided"


def test_in_sandbox_mode_nothing_is_sent(sandbox: SandboxHandle, outside: Outside) -> None:
    credentials = {"api_key": API_KEY, "sandbox_mode": "yes"}
    adapter = registry.adapter_for("sendgrid", credentials=credentials, connection_id="sandbox-mode")
    sandbox.call("DELETE", "/calls")
    receipt = require(adapter, SendsEmail).send_email(account_id=outside.account_id, email=email())
    assert receipt.message_id == ""
    assert sandbox.calls(writes=True) == []
