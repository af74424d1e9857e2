"""The Resend adapter beside its contract, with Svix's own library as the other side of signatures."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings
from svix.webhooks import Webhook

from integrations import registry
from integrations.errors import ErrorKind, ProviderError, WebhookRefusedError
from integrations.providers.resend import errors, webhooks
from integrations.providers.resend.adapter import ResendAdapter
from integrations.sandbox.testing import API_KEY, SandboxHandle, running_sandbox
from integrations.values import OutgoingAttachment, OutgoingEmail, SendAction, SendIntent, SettlementOutcome
from project.core.http import Redactor
from tests.integrations.calls import Listener, listening

SECRET = "whsec_c2VjcmV0LW9mLXRoZS1pbnN0YWxsYXRpb24="
US, THEM = "leo@mail.sandbox.example", "ana@prospect.example"


# --- Signatures --------------------------------------------------------------------------------------------


def signed(body: bytes, *, at: datetime | None = None, secret: str = SECRET) -> dict[str, str]:
    moment = at or datetime.now(UTC)
    return {
        "svix-id": "msg_1",
        "svix-timestamp": str(int(moment.timestamp())),
        "svix-signature": Webhook(secret).sign("msg_1", moment, body.decode()),
    }


@given(st.text(max_size=60))
def test_our_verifier_accepts_theirs_and_theirs_ours(text: str) -> None:
    body = text.encode()
    headers = signed(body)
    webhooks.verify(headers, body, [SECRET])
    own = webhooks.signature(webhooks.key_of(SECRET), "msg_1", headers["svix-timestamp"], body)
    assert headers["svix-signature"] == own


def test_any_of_the_listed_signatures_and_any_of_our_secrets_will_do() -> None:
    body, other = b'{"a": 1}', "whsec_b3RoZXItc2VjcmV0LW9mLW90aGVycw=="
    headers = signed(body)
    listed = headers | {"svix-signature": f"v1a,xyz v1,AAAA {headers['svix-signature']}"}
    webhooks.verify(listed, body, [other, SECRET])
    webhooks.verify({name.title(): value for name, value in listed.items()}, body, [SECRET])


@pytest.mark.parametrize(
    "change",
    [
        {"body": b'{"a": 2}'},
        {"secrets": []},
        {"secrets": ["", "no base64 !"]},
        {"secrets": ["whsec_b3RoZXItc2VjcmV0LW9mLW90aGVycw=="]},
        {"headers": {"svix-id": "msg_2"}},
        {"headers": {"svix-timestamp": "1"}},
        {"headers": {"svix-timestamp": "soon"}},
        {"headers": {"svix-signature": "v1,ünïcode"}},
        {"headers": {"svix-signature": ""}},
        {"at": -301},
        {"at": 301},
    ],
)
def test_anything_else_is_refused(change: dict[str, Any]) -> None:
    body = b'{"a": 1}'
    headers = signed(body) | change.get("headers", {})
    at = float(headers["svix-timestamp"]) + change["at"] if "at" in change else None
    with pytest.raises(WebhookRefusedError):
        webhooks.verify(headers, change.get("body", body), change.get("secrets", [SECRET]), at=at)


# --- Against the sandbox -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxHandle]:
    with running_sandbox(seed=None) as handle:
        yield handle


@pytest.fixture
def adapter(sandbox: SandboxHandle, settings: Settings) -> ResendAdapter:
    sandbox.clear_faults()
    sandbox.reset(seed="")
    settings.RESEND_BASE_URL = sandbox.resend_url
    made = registry.adapter_for("resend", credentials={"api_key": API_KEY, "signing_secret": SECRET})
    assert isinstance(made, ResendAdapter)
    return made


@pytest.fixture
def caught() -> Iterator[Listener]:
    with listening() as listener:
        yield listener


def email(**values: Any) -> OutgoingEmail:
    given_values: dict[str, Any] = {
        "send_id": str(uuid4()), "message_id": f"<{uuid4().hex}@mail.sandbox.example>", "from_email": US,
        "to_email": THEM, "subject": "Hello", "text": "Text",
    }  # fmt: skip
    return OutgoingEmail(**given_values | values)


def test_the_same_key_sends_once_and_other_content_is_refused(
    adapter: ResendAdapter, sandbox: SandboxHandle
) -> None:
    one = email()
    first = adapter.send_email(account_id=US, email=one)
    assert adapter.send_email(account_id=US, email=one).message_id == first.message_id
    with pytest.raises(ProviderError) as caught:
        adapter.send_email(account_id=US, email=one.model_copy(update={"text": "Other"}))
    assert caught.value.kind is ErrorKind.ALREADY_DONE
    assert len(sandbox.calls(path="/emails", writes=1)) == 1


def test_everything_of_an_email_is_handed_over(adapter: ResendAdapter, sandbox: SandboxHandle) -> None:
    adapter.send_email(
        account_id=US,
        email=email(
            from_name='Léo "the" Fox', reply_to="in@mail.sandbox.example", html="<p>T</p>",
            in_reply_to="<a@b>", references=("<r@b>", "<a@b>"), tags=("campaign-ä 1",),
            attachments=(OutgoingAttachment(name="a.txt", mime_type="text/plain", content=b"abc"),),
        ),
    )  # fmt: skip
    (call,) = sandbox.calls(path="/emails", writes=1)
    body = call["body"]
    assert body["from"] == f'"Léo the Fox" <{US}>'
    assert body["headers"]["References"] == "<r@b> <a@b>"
    assert body["headers"]["In-Reply-To"] == "<a@b>"
    assert body["reply_to"] == "in@mail.sandbox.example"
    assert body["attachments"] == [{"filename": "a.txt", "content_type": "text/plain", "content": "YWJj"}]
    assert body["tags"][1] == {"name": "campaign-_1", "value": "1"}


def test_unproven_domains_and_restricted_keys(adapter: ResendAdapter, sandbox: SandboxHandle) -> None:
    with pytest.raises(ProviderError) as caught:
        adapter.send_email(account_id=US, email=email(from_email="a@unverified.example"))
    assert caught.value.kind is ErrorKind.CONFIG
    assert adapter.verify_credentials().works == (
        "Resend answers.",
        "Verified domains: mail.sandbox.example.",
    )
    sandbox.add_fault("status", path="/domains", status=401, type="restricted_api_key", times=1)
    check = adapter.verify_credentials()
    assert check.ok
    assert any("may only send" in lack for lack in check.lacks)


def test_settling_finds_what_left(adapter: ResendAdapter, sandbox: SandboxHandle) -> None:
    lost = email()
    sandbox.add_fault("drop", path="/emails", method="POST", perform=True, times=1)
    with pytest.raises(ProviderError) as caught:
        adapter.send_email(account_id=US, email=lost)
    assert caught.value.kind is ErrorKind.INDETERMINATE
    for number in range(120):
        adapter.send_email(account_id=US, email=email(to_email=f"p{number}@prospect.example"))
    intent = SendIntent(
        action=SendAction.EMAIL, account_id=US, attempted_at=datetime.now(UTC), text=lost.text,
        send_id=lost.send_id, rfc_message_id=lost.message_id, recipient_email=THEM,
    )  # fmt: skip
    answer = adapter.settle(intent, now=datetime.now(UTC))
    assert answer.outcome is SettlementOutcome.SENT
    assert answer.receipt is not None
    assert answer.receipt.provider_message_id == lost.message_id
    other = intent.model_copy(update={"send_id": str(uuid4()), "rfc_message_id": "<other@x>"})
    late = datetime.now(UTC) + timedelta(minutes=5)
    assert adapter.settle(other, now=late).outcome is SettlementOutcome.NOT_SENT
    assert adapter.settle(other, now=datetime.now(UTC)).outcome is SettlementOutcome.UNDECIDED
    sandbox.add_fault("status", path="/emails", status=500)
    assert adapter.settle(intent, now=late).outcome is SettlementOutcome.UNDECIDED


def test_svixs_library_accepts_the_sandboxs_calls(
    adapter: ResendAdapter, sandbox: SandboxHandle, caught: Listener
) -> None:
    hook = httpx.post(
        f"{sandbox.resend_url}/webhooks",
        json={
            "endpoint": f"{caught.url}/hook",
            "events": ["email.delivered", "email.opened", "email.complained"],
        },
        headers={"Authorization": f"Bearer {API_KEY}"},
        trust_env=False,
    ).json()
    caught.statuses = [500]
    adapter.send_email(account_id=US, email=email())
    sandbox.jump(minutes=5)
    sandbox.jump(minutes=5)
    sandbox.act(THEM, "open")
    sandbox.act(THEM, "complain")
    kinds = []
    for call in caught.calls:
        Webhook(hook["signing_secret"]).verify(call.body, call.headers)
        webhooks.verify(call.headers, call.body, [hook["signing_secret"]])
        kinds.append(adapter.webhook_type(call.body))
    assert kinds == ["email.delivered", "email.delivered", "email.opened", "email.complained"]
    first, again = caught.calls[:2]
    assert first.headers["svix-id"] == again.headers["svix-id"], "a repetition has the same id"


# --- Errors ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(errors.RULES))
def test_every_name_of_the_table(name: str) -> None:
    response = httpx.Response(422, json={"statusCode": 422, "name": name, "message": "No"})
    assert errors.from_response(response, Redactor(), send=True).kind is errors.RULES[name].kind
    broken = httpx.Response(500, json={"statusCode": 500, "name": name, "message": "No"})
    assert errors.from_response(broken, Redactor(), send=True).kind is ErrorKind.INDETERMINATE


@pytest.mark.parametrize("body", [b"", b"<html>error code: 1010</html>", b"[]", b"{}"])
def test_pages_of_the_network(body: bytes) -> None:
    found = {
        status: errors.from_response(httpx.Response(status, content=body), Redactor()).kind
        for status in (301, 403, 404, 418, 429, 503)
    }
    assert found == {
        301: ErrorKind.CONFIG,
        403: ErrorKind.AUTH,
        404: ErrorKind.NOT_FOUND,
        418: ErrorKind.UNKNOWN,
        429: ErrorKind.RATE_LIMITED,
        503: ErrorKind.UNAVAILABLE,
    }
