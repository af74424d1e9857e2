"""Proof of origin and hygiene of registrations."""

from __future__ import annotations

import json
from typing import Any

import pytest
import respx

from integrations.errors import ErrorKind, ProviderError, WebhookRefusedError
from integrations.providers.unipile import webhooks
from integrations.providers.unipile.adapter import UnipileAdapter
from integrations.values import WebhookProblem, WebhookRegistration
from tests.integrations.unipile import payloads

URL = "https://app.test/webhooks/unipile/key"
SECRET = "secret-of-the-connection"
WANTED = webhooks.required(URL, SECRET)


def verify(adapter: UnipileAdapter, headers: dict[str, str], *secrets: str) -> None:
    adapter.verify_webhook(url="", headers=headers, body=b"{}", secrets=secrets)


@pytest.mark.parametrize("name", ["Unipile-Auth", "unipile-auth", "UNIPILE-AUTH"])
def test_the_right_secret_passes(adapter: UnipileAdapter, name: str) -> None:
    verify(adapter, {name: SECRET}, SECRET)


def test_both_secrets_pass_during_rotation(adapter: UnipileAdapter) -> None:
    verify(adapter, {"Unipile-Auth": "old"}, "new", "old")
    verify(adapter, {"Unipile-Auth": "new"}, "new", "old")


@pytest.mark.parametrize(
    ("headers", "secrets"),
    [
        ({}, [SECRET]),
        ({"Unipile-Auth": ""}, [SECRET]),
        ({"Unipile-Auth": "wrong"}, [SECRET]),
        ({"Unipile-Auth": SECRET + "x"}, [SECRET]),
        ({"Unipile-Auth": "ünïcode"}, [SECRET]),
        ({"Unipile-Auth": ""}, [""]),
        ({"Unipile-Auth": "x"}, []),
        ({"X-Unipile-Signature": SECRET}, [SECRET]),
    ],
)
def test_anything_else_is_refused(
    adapter: UnipileAdapter, headers: dict[str, str], secrets: list[str]
) -> None:
    with pytest.raises(WebhookRefusedError) as caught:
        verify(adapter, headers, *secrets)
    assert SECRET not in caught.value.reason


def listed(**changes: Any) -> WebhookRegistration:
    return webhooks.parse(payloads.webhook(**changes))


def right() -> list[WebhookRegistration]:
    """What Unipile lists once everything is registered as wanted."""
    return [
        listed(
            id=f"we_{want.source}",
            name=want.name,
            events=sorted(want.events),
            account_ids=[],
        )
        for want in WANTED
    ]


def test_nothing_is_wrong_with_what_we_register() -> None:
    assert webhooks.check(right(), WANTED) == ()


def test_the_source_is_told_from_the_events() -> None:
    assert [found.source for found in right()] == ["messaging", "users", "account_status"]
    assert listed(events=[], name="outbound-engine users").source == "users"
    assert listed(events=["mail_received"], name="mail").source == ""


def test_missing() -> None:
    findings = webhooks.check([], WANTED)
    assert [finding.problem for finding in findings] == [WebhookProblem.MISSING] * 3
    assert all(finding.create is not None and not finding.remove for finding in findings)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"request_url": "https://old.test/webhooks/unipile/key"}, WebhookProblem.WRONG_URL),
        ({"enabled": False}, WebhookProblem.DISABLED),
        ({"events": ["message_received"]}, WebhookProblem.WRONG_EVENTS),
        ({"headers": []}, WebhookProblem.WRONG_HEADERS),
        ({"headers": [{"key": "Unipile-Auth", "value": "old-secret-value"}]}, WebhookProblem.WRONG_HEADERS),
        ({"format": "form"}, WebhookProblem.WRONG_FORMAT),
        ({"data": [{"name": "text", "key": "message"}]}, WebhookProblem.WRONG_FORMAT),
        ({"account_ids": [{"id": "a", "name": "A", "type": "LINKEDIN"}]}, WebhookProblem.LIMITED_TO_ACCOUNTS),
    ],
)
def test_wrong_ones_are_replaced(changes: dict[str, Any], problem: WebhookProblem) -> None:
    (finding,) = webhooks.check([listed(**changes), *right()[1:]], WANTED)
    assert finding.problem is problem
    assert finding.remove == ("we_1",)
    assert finding.create == WANTED[0]
    assert SECRET not in finding.message
    assert "secret-of" not in repr(finding)


def test_masked_secrets_cannot_be_judged() -> None:
    headers = [
        {"key": "unipile-auth", "value": "********"},
        {"key": "content-type", "value": "application/json"},
    ]
    assert webhooks.check([listed(headers=headers), *right()[1:]], WANTED) == ()


def test_duplicates_keep_the_right_one() -> None:
    wrong = listed(id="we_wrong", enabled=False)
    again = listed(id="we_again")
    findings = webhooks.check([wrong, *right(), again], WANTED)
    assert {finding.remove: finding.problem for finding in findings} == {
        ("we_wrong",): WebhookProblem.DISABLED,
        ("we_again",): WebhookProblem.DUPLICATE,
    }
    assert all(finding.create is None for finding in findings)


def test_two_wrong_ones_are_replaced_by_one() -> None:
    wrong = [listed(id="we_a", enabled=False), listed(id="we_b", format="form")]
    findings = webhooks.check([*wrong, *right()[1:]], WANTED)
    assert [finding.create is not None for finding in findings] == [True, False]


def test_other_peoples_registrations_are_left_alone() -> None:
    foreign = listed(id="we_x", request_url="https://app.test/webhooks/unipile/another-key", enabled=False)
    assert webhooks.check([foreign, *right()], WANTED) == ()


def test_more_events_than_needed_are_fine() -> None:
    more = listed(events=[*payloads.webhook()["events"], "message_translated"])
    assert webhooks.check([more, *right()[1:]], WANTED) == ()


def test_fixing_all_findings_leaves_nothing_wrong(api: respx.Router, adapter: UnipileAdapter) -> None:
    created = api.post("/webhooks").respond(201, json={"object": "WebhookCreated", "webhook_id": "we_9"})
    api.delete("/webhooks/gone").respond(404, json={"type": "errors/resource_not_found", "status": 404})
    assert adapter.create_webhook(WANTED[0]) == "we_9"
    sent = json.loads(created.calls.last.request.content)
    assert sent == {
        "source": "messaging",
        "request_url": URL,
        "name": "outbound-engine messaging",
        "format": "json",
        "enabled": True,
        "events": sorted(WANTED[0].events),
        "headers": [
            {"key": "Unipile-Auth", "value": SECRET},
            {"key": "Content-Type", "value": "application/json"},
        ],
    }
    adapter.delete_webhook("gone")
    round_trip = webhooks.parse({"id": "we_9", **sent})
    assert webhooks.check([round_trip], WANTED[:1]) == ()


def test_deleting_says_when_it_fails(api: respx.Router, adapter: UnipileAdapter) -> None:
    api.delete("/webhooks/we_1").respond(503, json={"type": "errors/network_down"})
    with pytest.raises(ProviderError) as caught:
        adapter.delete_webhook("we_1")
    assert caught.value.kind is ErrorKind.UNAVAILABLE


def test_listing_follows_cursors(api: respx.Router, adapter: UnipileAdapter) -> None:
    api.get("/webhooks", params={"cursor": "n"}).respond(
        json=payloads.page("WebhookList", payloads.webhook(id="b"))
    )
    api.get("/webhooks").respond(json=payloads.page("WebhookList", payloads.webhook(id="a"), cursor="n"))
    assert [found.registration_id for found in adapter.list_webhooks()] == ["a", "b"]
