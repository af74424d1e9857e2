"""Faults on demand: each does what it says, as often as it says, and is told in the log of calls."""

from __future__ import annotations

import httpx
import pytest

from integrations.sandbox.testing import SandboxHandle, SandboxRefused
from tests.sandbox.conftest import ERIK, Api, Receiver, problem
from tests.sandbox.test_chats import talk

INVITE = "*/users/invite"


def invited(api: Api) -> int:
    return len(api.get("users/invite/sent", params={"account_id": ERIK}).json()["items"])


def test_a_status_with_retry_after_performs_nothing_and_is_spent(sandbox: SandboxHandle, api: Api) -> None:
    member = api.member_id("tomas-weil")
    sandbox.add_fault("status", method="POST", path=INVITE, status=429, retry_after="7", times=1)
    body = {"provider_id": member, "account_id": ERIK}
    refused = api.post("users/invite", json=body)
    assert problem(refused) == (429, "too_many_requests")
    assert refused.headers["Retry-After"] == "7"
    assert invited(api) == 0
    assert api.post("users/invite", json=body).status_code == 200


def test_faults_match_by_method_path_and_skip(sandbox: SandboxHandle, api: Api) -> None:
    sandbox.add_fault(
        "status", method="GET", path="*/accounts", status=500, type="provider_error", skip=1, times=1
    )
    assert api.get("chats", params={"account_id": ERIK}).status_code == 200
    statuses = [api.get("accounts").status_code for _ in range(3)]
    assert statuses == [200, 500, 200]


def test_a_gateway_page_is_html(sandbox: SandboxHandle, api: Api) -> None:
    sandbox.add_fault("status", status=502, html=True, times=1)
    answer = api.get("accounts")
    assert answer.status_code == 502
    assert answer.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("perform", [True, False], ids=["did it but no answer", "cut before performing"])
def test_a_cut_connection(sandbox: SandboxHandle, api: Api, perform: bool) -> None:
    member = api.member_id("tomas-weil")
    sandbox.add_fault("drop", method="POST", path=INVITE, perform=perform, times=1)
    with pytest.raises(httpx.TransportError):
        api.post("users/invite", json={"provider_id": member, "account_id": ERIK})
    assert invited(api) == int(perform)
    (call,) = sandbox.calls(path=INVITE)
    assert call["status"] is None
    assert call["outcome"] == ("cut after" if perform else "cut before")
    assert [write["kind"] for write in call["writes"]] == (["invitation"] if perform else [])


def test_a_slow_answer_has_performed_when_the_caller_gives_up(sandbox: SandboxHandle, api: Api) -> None:
    member = api.member_id("tomas-weil")
    sandbox.add_fault("slow_answer", path=INVITE, seconds=5, times=1)
    with pytest.raises(httpx.ReadTimeout):
        api.post("users/invite", json={"provider_id": member, "account_id": ERIK}, timeout=0.2)
    assert invited(api) == 1


def test_an_answered_write_with_a_server_error_can_have_happened(sandbox: SandboxHandle, api: Api) -> None:
    member = api.member_id("tomas-weil")
    sandbox.add_fault("status", path=INVITE, status=504, perform=True, times=1)
    answer = api.post("users/invite", json={"provider_id": member, "account_id": ERIK})
    assert problem(answer) == (504, "request_timeout")
    assert invited(api) == 1


def test_ids_can_be_null_in_the_answer_of_a_send(sandbox: SandboxHandle, api: Api) -> None:
    chat_id, _ = talk(sandbox, api)
    sandbox.add_fault("shape", on="request", path="*/messages", method="POST", variant="null_ids", times=1)
    assert api.say(chat_id, "Hi").json() == {"object": "MessageSent", "message_id": None}


def test_webhooks_are_doubled_reordered_held_delayed_and_lost(
    sandbox: SandboxHandle, api: Api, receiver: Receiver
) -> None:
    talk(sandbox, api)
    api.subscribe(receiver.url)

    def after(*texts: str) -> list[str]:
        receiver.received.clear()
        for text in texts:
            sandbox.reply("tomas-weil", text)
        return [item["message"] for item in receiver.events()]

    sandbox.add_fault("duplicate", times=1)
    assert after("a") == ["a", "a"]
    assert receiver.received[0].raw == receiver.received[1].raw
    sandbox.add_fault("reorder", window=3, times=3)
    assert after("b", "c", "d") == ["d", "c", "b"]
    sandbox.add_fault("lose", times=1)
    assert after("e", "f") == ["f"]
    sandbox.add_fault("late", minutes=30, times=1)
    assert after("g", "h") == ["h"]
    sandbox.jump(minutes=31)
    assert receiver.events()[-1]["message"] == "g"
    sandbox.add_fault("hold", event="message_received")
    assert after("i", "j") == []
    sandbox.clear_faults()
    assert [item["message"] for item in receiver.events()] == ["i", "j"]


def test_the_log_tells_calls_with_their_bodies_and_writes_and_hides_keys(
    sandbox: SandboxHandle, api: Api
) -> None:
    _chat_id, message_id = talk(sandbox, api, text="Hi Tomas")
    (call,) = sandbox.calls(method="POST", path="*/chats", writes=True)
    assert call["provider"] == "unipile"
    assert call["path"] == "/api/v1/chats"
    assert call["body"]["text"] == ["Hi Tomas"]
    assert call["status"] == 201
    assert call["writes"][0]["message_id"] == message_id
    assert call["headers"]["x-api-key"] == "…-key"
    assert sandbox.calls(since_id=call["id"]) == []
    api.start_chat("not-a-member", "Hi")
    refused = sandbox.calls(since_id=call["id"])[0]
    assert (refused["status"], refused["writes"]) == (422, [])
    sandbox.call("DELETE", "/calls")
    assert sandbox.calls() == []


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({}, "kind"),
        ({"kind": "explode"}, "kind"),
        ({"kind": "status", "status": 200}, "status"),
        ({"kind": "status", "times": 0}, "times"),
        ({"kind": "status", "status": "500"}, "status"),
        ({"kind": "hold", "on": "request"}, "on"),
        ({"kind": "shape", "variant": "upside_down"}, "variant"),
        ({"kind": "status", "nonsense": 1}, "nonsense"),
    ],
)
def test_a_senseless_fault_is_refused_by_name(
    sandbox: SandboxHandle, spec: dict[str, object], field: str
) -> None:
    with pytest.raises(SandboxRefused, match=rf'400 .*"message": "{field}'):
        sandbox.call("POST", "/faults", spec)
    assert sandbox.call("GET", "/faults")["items"] == []
