"""The Smartlead adapter beside its contract: every observed shape, refusals, proof of origin."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import respx
from pytest_django import Settings

from integrations import registry
from integrations.errors import ErrorKind, ProviderError, WebhookRefusedError
from integrations.providers.smartlead import parse
from integrations.providers.smartlead.adapter import SmartleadAdapter
from integrations.running import (
    CampaignSchedule,
    CampaignSettings,
    CampaignStatus,
    LeadStatus,
    NewLead,
    ProviderLead,
    SequenceStep,
    StepAction,
    ThreadReply,
)
from integrations.values import Direction, WebhookRegistration

BASE = "https://smartlead.test/api/v1"
CAMPAIGN = {"id": 1001, "name": "Q3", "status": "ACTIVE", "created_at": "2026-03-01T08:00:00.000Z"}
LEAD = ProviderLead(
    lead_id="7001", campaign_id="1001", email="lee@acme.test", status=LeadStatus.PENDING, raw_status="STARTED"
)


@pytest.fixture
def router(settings: Settings) -> Iterator[respx.MockRouter]:
    settings.REQUEST_RATES = {}
    with respx.mock(base_url=BASE, assert_all_called=False) as mocked:
        yield mocked


@pytest.fixture
def adapter(router: respx.MockRouter) -> SmartleadAdapter:
    made = registry.adapter_for("smartlead", credentials={"api_key": "key-of-the-account"}, base_url=BASE)
    assert isinstance(made, SmartleadAdapter)
    return made


def sent_to(route: respx.Route) -> Any:
    return json.loads(route.calls.last.request.content)


# --- Lists and objects --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body", [[CAMPAIGN], {"data": [CAMPAIGN]}, {"campaigns": [CAMPAIGN]}, {"ok": True, "data": [CAMPAIGN]}]
)
def test_lists_come_bare_or_in_an_envelope(
    router: respx.MockRouter, adapter: SmartleadAdapter, body: Any
) -> None:
    route = router.get("/campaigns/").respond(json=body)
    (found,) = adapter.list_campaigns().items
    assert (found.campaign_id, found.status, found.raw_status) == ("1001", CampaignStatus.RUNNING, "ACTIVE")
    assert set(route.calls.last.request.url.params) == {"api_key"}


@pytest.mark.parametrize(
    "answer", [httpx.Response(200), httpx.Response(200, json={}), httpx.Response(404, text="Cannot GET /x")]
)
def test_a_missing_campaign(
    router: respx.MockRouter, adapter: SmartleadAdapter, answer: httpx.Response
) -> None:
    router.get("/campaigns/1001").mock(return_value=answer)
    with pytest.raises(ProviderError) as caught:
        adapter.get_campaign("1001")
    assert caught.value.kind is ErrorKind.NOT_FOUND


def test_where_limit_is_refused_the_whole_list_is_read(
    router: respx.MockRouter, adapter: SmartleadAdapter
) -> None:
    rows = [
        {"campaign_lead_map_id": n, "status": "STARTED", "lead": {"id": n, "email": f"a{n}@b.test"}}
        for n in (1, 2, 3)
    ]

    def answer(request: httpx.Request) -> httpx.Response:
        if "limit" in request.url.params:
            return httpx.Response(400, json={"message": '"limit" is not allowed'})
        return httpx.Response(200, json={"total_leads": "3", "data": rows})

    router.get("/campaigns/1001/leads").mock(side_effect=answer)
    page = adapter.list_leads("1001", limit=2)
    assert len(page.items) == 3
    assert page.cursor is None


def test_totals_as_text_page_on(router: respx.MockRouter, adapter: SmartleadAdapter) -> None:
    row = {
        "campaign_lead_map_id": "9001",
        "status": "INPROGRESS",
        "lead": {"id": "7001", "email": "Lee@acme.test"},
    }
    router.get("/campaigns/1001/leads").respond(json={"total_leads": "3", "data": [row]})
    page = adapter.list_leads("1001", limit=1)
    assert page.cursor == "1"
    assert page.items[0].email == "lee@acme.test"
    assert page.items[0].membership_id == "9001"


def test_secrets_of_mailboxes_are_not_kept(router: respx.MockRouter, adapter: SmartleadAdapter) -> None:
    row = {
        "id": 301,
        "from_email": "Ana@x.test",
        "password": "p1",
        "imap_password": "p2",
        "warmup_details": None,
    }
    router.get("/email-accounts/").respond(json=[row])
    (account,) = adapter.list_accounts().items
    assert account.account_id == "ana@x.test"
    assert "p1" not in account.model_dump_json()
    assert "p2" not in account.model_dump_json()


@pytest.mark.parametrize(("value", "number"), [("98%", "98"), (98, "98"), ("98", "98")])
def test_reputation_is_text_or_number(value: Any, number: str) -> None:
    account = parse.account(
        {"id": 1, "from_email": "a@b.test", "warmup_details": {"warmup_reputation": value}}
    )
    assert account.options["warmup_reputation"] == number


@pytest.mark.parametrize(
    ("body", "added", "duplicates", "blocked"),
    [
        ({"ok": True, "upload_count": 2, "duplicate_count": 1, "already_added_to_campaign": 1, "block_count": 1,
          "bounce_count": 1}, 2, 2, 2),
        ({"ok": True, "inserted_count": "2", "duplicate_count": "1", "blocked_count": "0"}, 2, 1, 0),
        ({"success": True, "data": {"added_count": 2, "skipped_count": 1, "skipped_leads": [{"email": "x@y.test"}]}},
         2, 0, 0),
    ],
)  # fmt: skip
def test_three_answers_to_added_leads(
    router: respx.MockRouter, adapter: SmartleadAdapter, body: Any, added: int, duplicates: int, blocked: int
) -> None:
    route = router.post("/campaigns/1001/leads").respond(json=body)
    result = adapter.add_leads(
        "1001", [NewLead(email="Lee@acme.test", title="CMO"), NewLead(first_name="No")]
    )
    assert (result.added, result.duplicates, result.blocked) == (added, duplicates, blocked)
    assert result.refused["#2"]
    assert sent_to(route)["lead_list"] == [{"email": "lee@acme.test", "custom_fields": {"title": "CMO"}}]


@pytest.mark.parametrize(
    "value", [["DONT_EMAIL_OPEN"], ["DONT_TRACK_EMAIL_OPEN"], "DONT_EMAIL_OPEN", '["DONT_TRACK_EMAIL_OPEN"]']
)
def test_both_generations_of_tracking_words(value: Any) -> None:
    settings = parse.campaign(CAMPAIGN | {"track_settings": value}).settings
    assert settings is not None
    assert (settings.track_opens, settings.track_clicks) == (False, True)


@pytest.mark.parametrize("as_text", [True, False])
def test_schedules_come_as_object_or_text(as_text: bool) -> None:
    cron: Any = {"tz": "Europe/Berlin", "days": [0, 1, 7], "startHour": "09:00", "endHour": "17:00"}
    raw = CAMPAIGN | {
        "scheduler_cron_value": json.dumps(cron) if as_text else cron,
        "min_time_btwn_emails": "10",
    }
    schedule = parse.campaign(raw).schedule
    assert schedule is not None
    assert schedule.days == {1, 7}
    assert schedule.minutes_between == 10


@pytest.mark.parametrize("name", ["sequence_variants", "seq_variants", "variants"])
@pytest.mark.parametrize("delay", [{"delayInDays": 3}, {"delay_in_days": "3"}])
def test_steps(name: str, delay: Any) -> None:
    wordings = [{"subject": "A", "email_body": "Hi {{company_name}}"}]
    rows = [{"id": 2, "seq_number": 2, "subject": "", "email_body": "<p>x</p>", "seq_delay_details": delay},
            {"id": 1, "seq_number": 1, "subject": "", name: wordings, "seq_delay_details": {}}]  # fmt: skip
    first, second = parse.steps(rows)
    assert first.body == first.variants[0].body == "Hi {{company}}"
    assert not first.same_thread
    assert (second.wait_days, second.same_thread, second.step_id) == (3, True, "2")


# --- Writes -------------------------------------------------------------------------------------------------


def test_tracking_falls_back_to_the_older_words(router: respx.MockRouter, adapter: SmartleadAdapter) -> None:
    router.get("/campaigns/1001").respond(json=CAMPAIGN | {"track_settings": ["DONT_REPLY_TO_AN_EMAIL"]})
    refused = httpx.Response(400, json={"message": '"track_settings[0]" must be one of [DONT_EMAIL_OPEN]'})
    route = router.post("/campaigns/1001/settings").mock(
        side_effect=[refused, httpx.Response(200, json={"ok": True})]
    )
    adapter.change_settings("1001", CampaignSettings(track_opens=False, name="New"))
    assert sent_to(route) == {"name": "New", "track_settings": ["DONT_EMAIL_OPEN", "DONT_REPLY_TO_AN_EMAIL"]}


def test_sunday_is_zero_or_seven(router: respx.MockRouter, adapter: SmartleadAdapter) -> None:
    refused = httpx.Response(400, json={"message": '"days_of_the_week[0]" must be larger than 0'})
    route = router.post("/campaigns/1001/schedule").mock(
        side_effect=[refused, httpx.Response(200, json={"ok": True})]
    )
    adapter.change_schedule("1001", CampaignSchedule(timezone="UTC", days=frozenset({1, 7})))
    assert json.loads(route.calls[0].request.content)["days_of_the_week"] == [0, 1]
    assert sent_to(route)["days_of_the_week"] == [1, 7]


def test_limits_are_no_settings(router: respx.MockRouter, adapter: SmartleadAdapter) -> None:
    with pytest.raises(ProviderError) as caught:
        adapter.change_settings("1001", CampaignSettings(name="X", daily_limit=5))
    assert caught.value.kind is ErrorKind.UNSUPPORTED
    assert not router.calls


def test_a_running_campaign_keeps_its_steps(router: respx.MockRouter, adapter: SmartleadAdapter) -> None:
    router.get("/campaigns/1001").respond(json=CAMPAIGN)
    step = SequenceStep(number=1, action=StepAction.EMAIL, subject="Hi {{ company }}", body="Hello")
    with pytest.raises(ProviderError) as caught:
        adapter.save_sequence("1001", [step])
    assert caught.value.kind is ErrorKind.CONFLICT
    assert parse.step_body(step) == {
        "id": None, "seq_number": 1, "seq_delay_details": {"delay_in_days": 0}, "subject": "Hi {{company_name}}",
        "email_body": "Hello",
    }  # fmt: skip


HISTORY: dict[str, Any] = {
    "history": [
        {"stats_id": "s-1", "type": "SENT", "message_id": "<m1@x.test>", "time": "2026-03-02T09:00:00.000Z",
         "email_body": "<p>Hi</p>", "subject": "Q", "email_seq_number": "1", "open_count": 1},
        {"stats_id": "s-1", "type": "REPLY", "message_id": "<r1@acme.test>", "time": "2026-03-03T10:00:00.000Z",
         "email_body": "<p>Tell me more</p>"},
        {"stats_id": "s-1", "type": "SENT", "message_id": "<m2@x.test>", "time": "2026-03-03T11:00:00.000Z",
         "email_body": "Gladly", "email_seq_number": None},
    ],
    "from": "Ana@x.test", "to": "lee@acme.test",
}  # fmt: skip
NEWER = {
    "messages": [
        {**item, "direction": {"SENT": "outbound", "REPLY": "inbound"}[item["type"]], "type": ""}
        for item in HISTORY["history"]
    ],
    "from": "ana@x.test", "to": "lee@acme.test",
}  # fmt: skip


def test_a_list_of_threads_without_their_messages_ends_by_when_they_were_answered(
    router: respx.MockRouter, adapter: SmartleadAdapter
) -> None:
    rows = [
        {
            "email_lead_id": number,
            "lead_email": "lee@acme.test",
            "last_reply_time": f"2026-03-0{9 - number}T10:00:00Z",
        }
        for number in range(1, 3)
    ]
    router.post("/master-inbox/inbox-replies").respond(json={"ok": True, "data": rows})
    assert adapter.list_replies(after=datetime(2026, 3, 8, tzinfo=UTC), limit=2).cursor is None
    assert adapter.list_replies(after=datetime(2026, 3, 1, tzinfo=UTC), limit=2).cursor == "2"


@pytest.mark.parametrize("body", [HISTORY, NEWER])
def test_threads_number_replies_and_answer_them(
    router: respx.MockRouter, adapter: SmartleadAdapter, body: Any
) -> None:
    router.get("/campaigns/1001/leads/7001/message-history").respond(json=body)
    first, reply, manual = adapter.lead_messages("1001", LEAD).items
    assert [item.sequence_step_number for item in (first, reply, manual)] == [1, 1, None]
    assert [item.direction for item in (first, reply, manual)] == [
        Direction.OUTBOUND,
        Direction.INBOUND,
        Direction.OUTBOUND,
    ]
    assert {item.chat_id for item in (first, reply, manual)} == {"1001:lee@acme.test"}
    assert first.account_id == "ana@x.test"
    assert reply.text == "Tell me more"
    route = router.post("/campaigns/1001/reply-email-thread").respond(json={"success": True, "message": "ok"})
    adapter.reply_to_thread(ThreadReply(answers=reply, text="Sure\nAna", copies=("b@x.test",)))
    told = sent_to(route)
    assert (told["email_stats_id"], told["reply_message_id"]) == ("s-1", "<r1@acme.test>")
    assert (told["email_body"], told["cc"]) == ("Sure<br>Ana", "b@x.test")


@pytest.mark.parametrize(
    "failure", [httpx.Response(502), httpx.ReadTimeout("slow"), httpx.Response(504, text="<html>")]
)
def test_a_reply_that_may_have_gone_is_not_sent_again(
    router: respx.MockRouter, adapter: SmartleadAdapter, failure: Any
) -> None:
    router.get("/campaigns/1001/leads/7001/message-history").respond(json=HISTORY)
    reply = adapter.lead_messages("1001", LEAD).items[1]
    route = router.post("/campaigns/1001/reply-email-thread").mock(side_effect=[failure])
    with pytest.raises(ProviderError) as caught:
        adapter.reply_to_thread(ThreadReply(answers=reply, text="Sure"))
    assert caught.value.kind is ErrorKind.INDETERMINATE
    assert route.call_count == 1


def test_deletes_have_a_body_and_may_answer_text(router: respx.MockRouter, adapter: SmartleadAdapter) -> None:
    route = router.delete("/campaigns/1001/webhooks").respond(text="success")
    adapter.delete_webhook("1001:88")
    assert sent_to(route) == {"id": 88}


# --- Errors -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, {"message": "Invalid API Key"}, ErrorKind.AUTH),
        (401, {"message": "API key is required."}, ErrorKind.AUTH),
        (200, {"error": "Campaign not found"}, ErrorKind.NOT_FOUND),
        (200, {"ok": False, "message": "Something is off"}, ErrorKind.VALIDATION),
        (200, {"success": False, "message": "Something is off"}, ErrorKind.VALIDATION),
        (400, {}, ErrorKind.VALIDATION),
        (403, {"message": "Forbidden"}, ErrorKind.CONFLICT),
        (404, "Cannot PATCH /api/v1/campaigns/1/status", ErrorKind.NOT_FOUND),
        (422, {"error": {"code": "X", "message": "bad", "details": {"field": "name"}}}, ErrorKind.VALIDATION),
        (503, "<html>", ErrorKind.UNAVAILABLE),
    ],
)
def test_errors(
    router: respx.MockRouter, adapter: SmartleadAdapter, status: int, body: Any, kind: ErrorKind
) -> None:
    answer = httpx.Response(status, text=body) if isinstance(body, str) else httpx.Response(status, json=body)
    router.post("/campaigns/1001/leads/7001/pause").mock(return_value=answer)
    with pytest.raises(ProviderError) as caught:
        adapter.pause_lead("1001", LEAD)
    assert caught.value.kind is kind
    assert "key-of-the-account" not in f"{caught.value}{caught.value.detail}"


@pytest.mark.parametrize(("headers", "wait"), [({"Retry-After": "7"}, 7), ({}, 30)])
def test_rate_limits_say_when(
    router: respx.MockRouter, adapter: SmartleadAdapter, headers: dict[str, str], wait: float
) -> None:
    error = {"code": "RATE_LIMIT_EXCEEDED", "message": "Slow down", "retry_after": 30}
    router.post("/campaigns/1001/leads/7001/pause").respond(429, json={"error": error}, headers=headers)
    with pytest.raises(ProviderError) as caught:
        adapter.pause_lead("1001", LEAD)
    assert caught.value.kind is ErrorKind.RATE_LIMITED
    assert caught.value.retry_after == wait


# --- Calls to us --------------------------------------------------------------------------------------------


def test_proofs_of_origin(adapter: SmartleadAdapter) -> None:
    secret, body = "a-long-enough-secret", b'{"event_type": "EMAIL_SENT"}'
    signature = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    keyed = json.dumps({"secret_key": secret}).encode()
    url = "https://app.test/h/1"
    for called, headers, content in (
        (f"{url}?token={secret}", {}, body),
        (url, {"x-smartlead-signature": signature}, body),
        (url, {}, keyed),
    ):
        adapter.verify_webhook(url=called, headers=headers, body=content, secrets=["other", secret])
    for called, headers, content in (
        (f"{url}?token=wrong", {"X-Smartlead-Signature": "sha256=00"}, b'{"secret_key": "wrong"}'),
        (url, {"X-Smartlead-Signature": signature}, body + b" "),
        (url, {}, b"not json"),
    ):
        with pytest.raises(WebhookRefusedError):
            adapter.verify_webhook(url=called, headers=headers, body=content, secrets=["other", secret])


def test_an_event_that_an_account_lacks_does_not_cost_the_others(
    router: respx.MockRouter, adapter: SmartleadAdapter
) -> None:
    wanted = WebhookRegistration(
        source="campaign:1001",
        url="https://app.test/h",
        events=frozenset({"EMAIL_REPLY", "UNTRACKED_REPLIES"}),
    )

    def answer(request: httpx.Request) -> httpx.Response:
        if b"UNTRACKED_REPLIES" in request.content:
            return httpx.Response(400, json={"error": '"event_types[1]": UNTRACKED_REPLIES is not allowed'})
        return httpx.Response(200, json={"ok": True})

    router.get("/campaigns/1001/webhooks").respond(json=[])
    route = router.post("/campaigns/1001/webhooks").mock(side_effect=answer)
    adapter.create_webhook(wanted)
    assert sent_to(route)["event_types"] == ["EMAIL_REPLY"]
    # Anything else that is refused is refused.
    route.mock(return_value=httpx.Response(400, json={"error": "webhook_url is invalid"}))
    with pytest.raises(ProviderError):
        adapter.create_webhook(wanted)
    assert len(route.calls) == 3
