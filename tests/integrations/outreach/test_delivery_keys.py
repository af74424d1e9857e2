"""Keys of calls of the campaign providers: a repetition has its first's, another fact has one of its own."""

from __future__ import annotations

import json
from typing import Any

import pytest

from integrations import registry
from integrations.base import ReceivesWebhooks, require

AT = "2026-03-03T10:00:00+00:00"


def key(provider: str, call: dict[str, Any]) -> str | None:
    """The key of a call, which does not depend on the order in which its fields are written."""
    adapter = require(
        registry.adapter_for(provider, credentials={}, base_url="https://unused.test"), ReceivesWebhooks
    )
    found = adapter.webhook_key(json.dumps(call).encode())
    assert found == adapter.webhook_key(json.dumps(dict(reversed(call.items()))).encode())
    return found


def smartlead(event: str, **fields: Any) -> dict[str, Any]:
    return {"event_type": event, "event_timestamp": AT, **fields}


def nested(email: str, **fields: Any) -> dict[str, Any]:
    return {"event": "EMAIL_UNSUBSCRIBED", "timestamp": AT, "lead": {"email": email}, **fields}


def heyreach(**fields: Any) -> dict[str, Any]:
    told = {"event_type": "connection_request_sent", "timestamp": AT, "campaign": {"id": 5}}
    return told | {"sender": {"id": 311}, "lead": {"profile_url": "https://www.linkedin.com/in/lee"}} | fields


def wrote(text: str, at: str = AT) -> dict[str, Any]:
    message = {"creation_time": at, "message": text, "is_reply": True}
    return heyreach(
        event_type="every_message_reply_received", conversation_id="2-Z", recent_messages=[message]
    )


def bison(kind: str, **blocks: Any) -> dict[str, Any]:
    return {"event": {"type": kind, "workspace_id": 10}, "data": blocks}


#: Each of these is a fact of its own: all within one second, by one provider.
FACTS: dict[str, list[dict[str, Any]]] = {
    "smartlead": [
        smartlead("EMAIL_ACCOUNT_DISCONNECTED", from_email="ana@x.test"),
        smartlead("EMAIL_ACCOUNT_DISCONNECTED", from_email="ben@x.test"),
        smartlead("EMAIL_ACCOUNT_DISCONNECTED", data={"email_account": "zoe@x.test"}),
        nested("lee@acme.test"),
        nested("mia@acme.test"),
        nested("mia@acme.test", data={"campaign_id": 1001}),
        nested("mia@acme.test", data={"campaign_id": 1002}),
        smartlead("LEAD_UNSUBSCRIBED", campaign_id=1001, to_email="lee@acme.test"),
        smartlead("LEAD_UNSUBSCRIBED", campaign_id=1001, to_email="mia@acme.test"),
        smartlead("EMAIL_REPLY", stats_id="s-1", reply_message={"message_id": "<r1@acme.test>"}),
        smartlead("EMAIL_REPLY", stats_id="s-1", reply_message={"message_id": "<r2@acme.test>"}),
        smartlead("EMAIL_LINK_CLICK", stats_id="s-1", link_clicked=["https://a.test"]),
        smartlead("EMAIL_LINK_CLICK", stats_id="s-1", link_clicked=["https://b.test"]),
        smartlead("EMAIL_OPEN", stats_id="s-1"),
        smartlead("EMAIL_OPEN", stats_id="s-1", event_timestamp="2026-03-03T10:00:01+00:00"),
        smartlead("LEAD_CATEGORY_UPDATED", campaign_id=1, lead_id=7, lead_category={"new_id": 1}),
        smartlead("LEAD_CATEGORY_UPDATED", campaign_id=1, lead_id=7, lead_category={"new_id": 2}),
        smartlead("CAMPAIGN_STATUS_CHANGED", campaign_id=1, campaign_status="PAUSED"),
        smartlead("CAMPAIGN_STATUS_CHANGED", campaign_id=1, campaign_status="ACTIVE"),
    ],
    "heyreach": [
        heyreach(correlation_id="c-1"),
        heyreach(correlation_id="c-2"),
        heyreach(),
        heyreach(lead={"profile_url": "https://www.linkedin.com/in/mia"}),
        heyreach(campaign={"id": 6}),
        heyreach(sender={"id": 312}),
        heyreach(event_type="lead_tag_updated", lead={"id": "A", "tags": ["Warm"]}),
        heyreach(event_type="lead_tag_updated", lead={"id": "A", "tags": ["Warm", "Hot"]}),
        wrote("Yes"),
        wrote("And tomorrow?"),
        wrote("Yes", at="2026-03-03T10:00:01Z"),
    ],
    "emailbison": [
        bison("LEAD_REPLIED", reply={"id": 1}, campaign_event={"id": 1}),
        bison("LEAD_REPLIED", reply={"id": 2}, campaign_event={"id": 2}),
        bison("LEAD_INTERESTED", reply={"id": 1}, campaign_event={"id": 3}),
        bison("EMAIL_OPENED", scheduled_email={"id": 1}, campaign_event={"id": 4}),
        bison("EMAIL_OPENED", scheduled_email={"id": 1}, campaign_event={"id": 5}),
        bison("UNTRACKED_REPLY_RECEIVED", reply={"id": 9}),
    ],
}


@pytest.mark.parametrize("provider", FACTS)
def test_equal_calls_have_one_key_and_different_facts_have_different_ones(provider: str) -> None:
    keys = [key(provider, call) for call in FACTS[provider]]
    assert None not in keys
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize(
    ("provider", "first", "again"),
    [
        # Registered for the campaign and for the account: two hooks tell of one fact.
        (
            "smartlead",
            smartlead("EMAIL_OPEN", stats_id="s-1", webhook_id=88),
            smartlead("EMAIL_OPEN", stats_id="s-1", webhook_id=89),
        ),
        ("smartlead", nested("lee@acme.test"), nested("Lee@Acme.test")),
        ("heyreach", heyreach(correlation_id="c-1"), heyreach(correlationId="c-1", correlation_id=None)),
        ("emailbison", bison("LEAD_REPLIED", reply={"id": 1}), bison("CONTACT_REPLIED", reply={"id": 1})),
        (
            "emailbison",
            bison("LEAD_REPLIED", reply={"id": 1}),
            {"payload": bison("LEAD_REPLIED", reply={"id": 1})},
        ),
    ],
)
def test_a_repetition_is_recognised(provider: str, first: dict[str, Any], again: dict[str, Any]) -> None:
    assert key(provider, first) == key(provider, again) is not None


@pytest.mark.parametrize(
    ("provider", "call"),
    [
        ("smartlead", smartlead("EMAIL_ACCOUNT_DISCONNECTED")),
        ("heyreach", {"event_type": "campaign_completed", "timestamp": AT}),
        ("emailbison", bison("EMAIL_ACCOUNT_DISCONNECTED", sender_email={"id": 301})),
    ],
)
def test_what_names_nothing_that_tells_it_apart_is_never_taken_for_a_repetition(
    provider: str, call: dict[str, Any]
) -> None:
    assert key(provider, call) is None
