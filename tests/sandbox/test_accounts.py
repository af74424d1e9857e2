"""Connecting seats: listed, hosted sign-in, native sign-in with checkpoints (docs/providers/unipile.md, 2)."""

from __future__ import annotations

import httpx
import pytest

from integrations.sandbox.testing import SandboxHandle
from tests.sandbox.conftest import ERIK, Api, Receiver, problem

LINK = {"type": "create", "providers": ["LINKEDIN"], "expiresOn": "2099-01-01T00:00:00.000Z"}


def test_seats_of_the_demo_are_listed_in_the_documented_shape(api: Api) -> None:
    listed = api.get("accounts").json()
    assert [item["id"] for item in listed["items"]] == [ERIK, "acc_lucia_ferrer", "acc_greta_lund"]
    seat = listed["items"][1]
    assert (seat["object"], seat["type"], seat["name"]) == ("Account", "LINKEDIN", "Lucía Ferrer")
    assert seat["connection_params"]["im"]["publicIdentifier"] == "lucia-ferrer"
    assert seat["connection_params"]["im"]["id"].startswith("ACoAA")
    assert seat["sources"] == [{"id": "acc_lucia_ferrer_MESSAGING", "status": "OK"}]
    page = api.get("accounts", params={"limit": 2}).json()
    rest = api.get("accounts", params={"limit": 2, "cursor": page["cursor"]}).json()
    assert [item["id"] for item in rest["items"]] == ["acc_greta_lund"]
    assert rest["cursor"] is None
    owner = api.get("users/me", params={"account_id": ERIK}).json()
    assert (owner["first_name"], owner["premium"], owner["email"]) == ("Erik", True, "erik-sand@demo.test")


def test_hosted_sign_in_connects_notifies_and_redirects(
    sandbox: SandboxHandle, api: Api, receiver: Receiver
) -> None:
    body = LINK | {
        "api_url": sandbox.unipile_url,
        "name": "tenant42:user7:nonce",
        "notify_url": receiver.url,
        "success_redirect_url": "http://app.test/done",
    }
    link = api.post("hosted/accounts/link", json=body)
    assert link.status_code == 200
    assert link.json()["object"] == "HostedAuthUrl"
    url = link.json()["url"]
    assert "Connect LinkedIn" in httpx.get(url).text
    done = httpx.post(url, data={"name": "Sam Seller", "decision": "connect"})
    assert (done.status_code, done.headers["location"]) == (303, "http://app.test/done")
    sandbox.settle()
    (told,) = receiver.events()
    assert told == {
        "status": "CREATION_SUCCESS",
        "account_id": told["account_id"],
        "name": "tenant42:user7:nonce",
    }
    seat = api.get(f"accounts/{told['account_id']}").json()
    assert seat["name"] == "Sam Seller"
    assert httpx.get(url).status_code == 401, "a link works once"


def test_hosted_reconnect_keeps_the_id(sandbox: SandboxHandle, api: Api, receiver: Receiver) -> None:
    sandbox.set_seat_status(ERIK, "CREDENTIALS")
    body = LINK | {
        "type": "reconnect",
        "reconnect_account": ERIK,
        "api_url": sandbox.unipile_url,
        "notify_url": receiver.url,
        "failure_redirect_url": "http://app.test/failed",
    }
    url = api.post("hosted/accounts/link", json=body).json()["url"]
    assert httpx.post(url, data={"decision": "fail"}).headers["location"] == "http://app.test/failed"
    assert httpx.post(url, data={"decision": "connect"}).status_code == 200
    sandbox.settle()
    assert receiver.events() == [{"status": "RECONNECTED", "account_id": ERIK, "name": None}]
    assert api.get(f"accounts/{ERIK}").json()["sources"][0]["status"] == "OK"


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"type": "other"}, "invalid_parameters"),
        ({"expiresOn": "2099-01-01T00:00:00Z"}, "invalid_parameters"),
        ({"expiresOn": "2020-01-01T00:00:00.000Z"}, "invalid_parameters"),
        ({"providers": None}, "missing_parameters"),
        ({"api_url": ""}, "missing_parameters"),
        ({"notify_url": "javascript:alert(1)"}, "invalid_parameters"),
    ],
)
def test_a_wrong_link_request_is_refused(api: Api, change: dict[str, object], kind: str) -> None:
    body = LINK | {"api_url": "http://x"} | change
    assert problem(api.post("hosted/accounts/link", json=body)) == (400, kind)


def test_native_sign_in(sandbox: SandboxHandle, api: Api) -> None:
    spec = {"provider": "LINKEDIN", "username": "ida.holm@example.test", "password": "secret"}
    made = api.post("accounts", json=spec)
    assert made.status_code == 201
    account_id = made.json()["account_id"]
    assert made.json() == {"object": "AccountCreated", "account_id": account_id}
    assert api.get(f"accounts/{account_id}").json()["name"] == "Ida Holm"
    assert problem(api.post("accounts", json=spec | {"password": "wrong"})) == (401, "invalid_credentials")
    assert problem(api.post("accounts", json={"provider": "LINKEDIN"})) == (400, "missing_parameters")
    sandbox.set_seat_status(account_id, "CREDENTIALS")
    assert api.post(f"accounts/{account_id}/restart").json() == {"object": "AccountFailedToRestart"}
    other = spec | {"username": "somebody.else@example.test"}
    assert problem(api.post(f"accounts/{account_id}", json=other)) == (401, "wrong_account")
    again = api.post(f"accounts/{account_id}", json=spec)
    assert (again.status_code, again.json()["object"]) == (201, "AccountReconnected")
    assert api.delete(f"accounts/{account_id}").json() == {"object": "AccountDeleted"}
    assert problem(api.get(f"accounts/{account_id}")) == (404, "resource_not_found")


def test_native_sign_in_with_a_checkpoint(api: Api) -> None:
    spec = {"provider": "LINKEDIN", "username": "ida.holm@example.test", "password": "2fa"}
    asked = api.post("accounts", json=spec)
    assert asked.status_code == 202
    account_id = asked.json()["account_id"]
    assert asked.json() == {"object": "Checkpoint", "account_id": account_id, "checkpoint": {"type": "2FA"}}
    answer = {"provider": "LINKEDIN", "account_id": account_id}
    wrong = api.post("accounts/checkpoint", json=answer | {"code": "000000"})
    assert problem(wrong) == (401, "invalid_checkpoint_solution")
    resent = api.post("accounts/checkpoint/resend", json=answer)
    assert resent.json() == {"object": "CheckpointResend", "account_id": account_id, "success": True}
    other = api.post("accounts/checkpoint", json=answer | {"code": "TRY_ANOTHER_WAY"})
    assert other.json()["checkpoint"] == {"type": "OTP"}
    solved = api.post("accounts/checkpoint", json=answer | {"code": "123456"})
    assert (solved.status_code, solved.json()["object"]) == (201, "AccountCreated")
    assert api.get(f"accounts/{account_id}").status_code == 200


def test_resync_goes_through_its_states(api: Api) -> None:
    statuses = [api.get(f"accounts/{ERIK}/sync").json()["status"] for _ in range(4)]
    assert statuses == ["SYNC_STARTED", "SYNC_RUNNING", "SYNC_DONE", "SYNC_STARTED"]
