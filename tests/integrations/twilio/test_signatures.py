"""Signatures, with Twilio's own library as the other side."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlencode

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from integrations.errors import WebhookRefusedError
from integrations.providers.twilio import webhooks
from integrations.sandbox.testing import SandboxHandle, running_sandbox
from integrations.sandbox.twilio.shapes import sign
from integrations.sandbox.twilio.state import ACCOUNT_SID, AUTH_TOKEN
from tests.integrations.calls import Listener, listening

URL = "https://app.test/webhooks/twilio/key?send_id=019c2d4e-5b1a-7c33-9d11-6f0b7a3c2e55"
TOKEN = "token-of-the-account"
NUMBER, THEIRS = "+13125550100", "+13125550142"
FIELDS = st.dictionaries(st.text(min_size=1, max_size=12), st.text(max_size=40), min_size=1, max_size=8)


@given(FIELDS)
def test_our_verifier_accepts_theirs_and_theirs_ours(fields: dict[str, str]) -> None:
    theirs = RequestValidator(TOKEN).compute_signature(URL, fields)
    assert webhooks.signature(URL, fields.items(), TOKEN) == theirs
    assert sign(URL, fields, TOKEN) == theirs
    webhooks.verify(URL, {"x-twilio-signature": theirs}, urlencode(fields).encode(), [TOKEN])


def test_repeated_fields_count_each_distinct_value_once() -> None:
    body = "a=2&a=1&a=2&b="
    given_signature = webhooks.signature(URL, parse_qsl(body, keep_blank_values=True), TOKEN)

    class Form(dict[str, list[str]]):
        def getlist(self, name: str) -> list[str]:
            return self[name]

    form = Form(a=["2", "1", "2"], b=[""])
    assert RequestValidator(TOKEN).compute_signature(URL, form) == given_signature
    webhooks.verify(URL, {"X-Twilio-Signature": given_signature}, body.encode(), [TOKEN])


@pytest.mark.parametrize("signed", ["https://app.test:443/hook?a=1", "https://app.test/hook?a=1"])
@pytest.mark.parametrize("called", ["https://app.test:443/hook?a=1", "https://app.test/hook?a=1"])
def test_the_port_may_be_signed_or_not(signed: str, called: str) -> None:
    signature = RequestValidator(TOKEN).compute_signature(signed, {"Body": "Hi"})
    webhooks.verify(called, {"X-Twilio-Signature": signature}, b"Body=Hi", [TOKEN])


def test_json_bodies_are_proven_by_their_hash() -> None:
    body = json.dumps({"a": 1}).encode()
    url = f"{URL}&bodySHA256={hashlib.sha256(body).hexdigest()}"
    signature = RequestValidator(TOKEN).compute_signature(url, {})
    webhooks.verify(url, {"X-Twilio-Signature": signature}, body, [TOKEN])
    with pytest.raises(WebhookRefusedError):
        webhooks.verify(url, {"X-Twilio-Signature": signature}, body + b" ", [TOKEN])


@pytest.mark.parametrize(
    "change",
    [
        {"url": URL + "0"},
        {"body": b"Body=Hello"},
        {"body": b"Body=Hi&From=%2B1"},
        {"headers": {}},
        {"headers": {"X-Twilio-Signature": ""}},
        {"headers": {"X-Twilio-Signature": "ünïcode"}},
        {"secrets": ["another-token"]},
        {"secrets": []},
        {"secrets": [""]},
    ],
)
def test_anything_else_is_refused(change: dict[str, Any]) -> None:
    signature = webhooks.signature(URL, [("Body", "Hi")], TOKEN)
    call: dict[str, Any] = {
        "url": URL, "headers": {"X-Twilio-Signature": signature}, "body": b"Body=Hi", "secrets": [TOKEN],
    }  # fmt: skip
    webhooks.verify(**call)
    with pytest.raises(WebhookRefusedError):
        webhooks.verify(**(call | change))


def test_both_tokens_are_accepted_while_one_is_replaced() -> None:
    for token in ("new-token", "old-token"):
        signature = webhooks.signature(URL, [("Body", "Hi")], token)
        webhooks.verify(URL, {"X-Twilio-Signature": signature}, b"Body=Hi", ["new-token", "old-token"])


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxHandle]:
    with running_sandbox(seed=None) as handle:
        yield handle


@pytest.fixture
def caught() -> Iterator[Listener]:
    with listening() as listener:
        yield listener


def text(sandbox: SandboxHandle, body: str, callback: str = "") -> httpx.Response:
    fields = {"To": THEIRS, "From": NUMBER, "Body": body} | ({"StatusCallback": callback} if callback else {})
    url = f"{sandbox.twilio_url}/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json"
    return httpx.post(url, data=fields, auth=(ACCOUNT_SID, AUTH_TOKEN), trust_env=False)


def test_twilios_library_accepts_the_sandboxs_calls(sandbox: SandboxHandle, caught: Listener) -> None:
    sandbox.reset(seed="")
    sandbox.rent_number(NUMBER, campaign_status="VERIFIED", sms_url=f"{caught.url}/in?x=1")
    assert text(sandbox, "Hello", callback=f"{caught.url}/status?send_id=1").status_code == 201
    sandbox.jump(minutes=1)
    sandbox.reply(THEIRS, "Hi üñí 👍")
    assert [call.path for call in caught.calls] == ["/status?send_id=1", "/status?send_id=1", "/in?x=1"]
    validator = RequestValidator(AUTH_TOKEN)
    for call in caught.calls:
        url, fields = f"{caught.url}{call.path}", dict(parse_qsl(call.body.decode(), keep_blank_values=True))
        signature = call.headers["X-Twilio-Signature"]
        assert validator.validate(url, fields, signature)
        webhooks.verify(url, call.headers, call.body, [AUTH_TOKEN])
        assert not validator.validate(url, fields | {"Body": "changed"}, signature)
    assert dict(parse_qsl(caught.calls[1].body.decode()))["MessageStatus"] == "delivered"


def test_the_sandbox_keeps_opt_outs_and_loses_what_fails(sandbox: SandboxHandle, caught: Listener) -> None:
    sandbox.reset(seed="")
    sandbox.rent_number(NUMBER, campaign_status="VERIFIED", sms_url=caught.url)
    caught.statuses = [500]
    sandbox.act(THEIRS, "reply", text="Hello there")
    sandbox.act(THEIRS, "stop")
    bodies = [dict(parse_qsl(call.body.decode())) for call in caught.calls]
    assert [(body["Body"], body.get("OptOutType")) for body in bodies] == [
        ("Hello there", None),
        ("STOP", "STOP"),
    ]
    refused = text(sandbox, "One more")
    assert (refused.status_code, refused.json()["code"]) == (400, 21610)
    sandbox.act(THEIRS, "start")
    assert text(sandbox, "Back again").status_code == 201
