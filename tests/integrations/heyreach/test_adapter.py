"""The HeyReach adapter beside its contract: observed shapes and refusals."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import respx
from pytest_django import Settings

from integrations import registry
from integrations.errors import ErrorKind, ProviderError
from integrations.providers.heyreach import parse
from integrations.providers.heyreach.adapter import HeyReachAdapter
from integrations.running import LeadStatus, NewLead, SequenceStep, StepAction

BASE = "https://heyreach.test/api/public"
CAMPAIGN = {
    "id": 50123,
    "name": "LI",
    "status": "IN_PROGRESS",
    "linkedInUserListId": 9001,
    "campaignAccountIds": [311],
}


@pytest.fixture
def router(settings: Settings) -> Iterator[respx.MockRouter]:
    settings.REQUEST_RATES = {}
    with respx.mock(base_url=BASE, assert_all_called=False) as mocked:
        yield mocked


@pytest.fixture
def adapter(router: respx.MockRouter) -> HeyReachAdapter:
    made = registry.adapter_for("heyreach", credentials={"api_key": "key-of-workspace"}, base_url=BASE)
    assert isinstance(made, HeyReachAdapter)
    return made


def test_reads_by_post_or_get(router: respx.MockRouter, adapter: HeyReachAdapter) -> None:
    router.post("/campaign/GetAll").respond(405)
    route = router.get("/campaign/GetAll").respond(json={"totalCount": 1, "items": [CAMPAIGN]})
    assert adapter.list_campaigns().items[0].account_ids == ("311",)
    assert dict(route.calls.last.request.url.params) == {"offset": "0", "limit": "100"}


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, {"errorMessage": "Unauthorized"}, ErrorKind.AUTH),
        (400, {"title": "Invalid", "errors": {"AccountIds": ["Required."]}}, ErrorKind.VALIDATION),
        (400, {"errorMessage": "You can only pause active campaigns"}, ErrorKind.VALIDATION),
        (400, {"errorMessage": "cannot add new leads to a draft campaign"}, ErrorKind.CONFLICT),
        (200, "This key is not workspace level", ErrorKind.AUTH),
        (429, {}, ErrorKind.RATE_LIMITED),
        (502, "<html>", ErrorKind.UNAVAILABLE),
    ],
)
def test_errors(
    router: respx.MockRouter, adapter: HeyReachAdapter, status: int, body: Any, kind: ErrorKind
) -> None:
    answer = httpx.Response(status, text=body) if isinstance(body, str) else httpx.Response(status, json=body)
    router.post("/campaign/Pause").mock(return_value=answer)
    with pytest.raises(ProviderError) as caught:
        adapter.pause_campaign("50123")
    assert caught.value.kind is kind


def test_an_empty_campaign_that_pauses_at_once_is_told(
    router: respx.MockRouter, adapter: HeyReachAdapter
) -> None:
    router.get("/campaign/GetById").respond(json=CAMPAIGN | {"status": "PAUSED"})
    router.post("/campaign/Resume").respond(200)
    with pytest.raises(ProviderError) as caught:
        adapter.start_campaign("50123")
    assert caught.value.kind is ErrorKind.CONFLICT


def test_silent_drops_are_counted(router: respx.MockRouter, adapter: HeyReachAdapter) -> None:
    router.get("/campaign/GetById").respond(json=CAMPAIGN)
    counts = {"addedLeadsCount": 0, "updatedLeadsCount": 0, "failedLeadsCount": 0}
    route = router.post("/campaign/AddLeadsToCampaignV2").respond(json=counts)
    url = "https://www.linkedin.com/in/lee"
    people = [
        NewLead(profile_url=url, first_name="Lee", last_name="Park"),
        NewLead(profile_url=url, first_name="Lee"),
    ]
    added = adapter.add_leads("50123", people)
    assert (added.added, added.failed) == (0, 1)
    assert added.note
    assert added.refused[url] == "HeyReach needs last name."
    assert len(json.loads(route.calls.last.request.content)["accountLeadPairs"]) == 1


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, LeadStatus.IN_PROGRESS),
        ({"leadMessageStatus": "MessageReply"}, LeadStatus.REPLIED),
        ({"leadCampaignStatusMessage": "Manually paused by API"}, LeadStatus.STOPPED),
        ({"leadCampaignStatus": "Failed", "leadConnectionStatus": "ConnectionAccepted"}, LeadStatus.FAILED),
        ({"leadCampaignStatus": "SomethingNew"}, LeadStatus.UNKNOWN),
    ],
)
def test_three_statuses_are_one(changes: dict[str, str], status: LeadStatus) -> None:
    raw = {
        "id": 1,
        "leadCampaignStatus": "InSequence",
        "linkedInUserProfile": {"linkedin_id": "58344979"},
    } | changes
    lead = parse.lead(raw, "1")
    assert (lead.status, lead.lead_id) == (status, "58344979")
    assert str(raw["leadCampaignStatus"]) in lead.raw_status


def test_a_tree_that_branches_is_read_as_its_main_path() -> None:
    end = {"nodeType": "END"}
    message = {"nodeType": "MESSAGE", "payload": {"messages": ["Hi {FIRST_NAME}"]}, "actionDelay": 30,
               "actionDelayUnit": "HOUR", "unconditionalNode": {"nodeType": "SEND_LEAD_TO_BISON"}}  # fmt: skip
    root = {
        "nodeType": "CHECK_IS_CONNECTION",
        "conditionalNode": message,
        "unconditionalNode": message | {"x": end},
    }
    steps, linear = parse.steps(root)
    assert not linear
    assert [step.action for step in steps] == [StepAction.OTHER, StepAction.MESSAGE, StepAction.OTHER]
    assert (steps[1].wait_days, steps[1].wait_hours, steps[1].body) == (1, 6, "Hi {{first_name}}")


@pytest.mark.parametrize(
    "answer", [{"content": b""}, {"json": 1}, {"text": "OK"}], ids=["empty", "number", "text"]
)
@pytest.mark.parametrize("status", ["IN_PROGRESS", "DRAFT"])
def test_an_answer_that_says_nothing_drops_nobody(
    router: respx.MockRouter, adapter: HeyReachAdapter, answer: dict[str, Any], status: str
) -> None:
    router.get("/campaign/GetById").respond(json=CAMPAIGN | {"status": status})
    for path in ("/campaign/AddLeadsToCampaignV2", "/list/AddLeadsToListV2"):
        router.post(path).respond(**answer)
    person = NewLead(profile_url="https://www.linkedin.com/in/lee", first_name="Lee", last_name="Park")
    added = adapter.add_leads("50123", [person])
    assert (added.unsaid, added.failed, added.note) == (1, 0, "")


def test_older_accounts_give_conversations_by_the_older_route(router: respx.MockRouter) -> None:
    credentials = {"api_key": "key-of-workspace", "mode": "pull_best_effort"}
    adapter = registry.adapter_for("heyreach", credentials=credentials, base_url=BASE)
    assert isinstance(adapter, HeyReachAdapter)
    router.post("/inbox/GetConversationsV2").respond(404)
    older = router.post("/inbox/GetConversations").respond(json={"totalCount": 0, "items": []})
    page = adapter.list_replies()
    assert (page.items, page.note, older.call_count) == ((), "", 1)


def test_a_webhook_whose_making_answers_nothing_is_found_in_the_list(
    router: respx.MockRouter, adapter: HeyReachAdapter
) -> None:
    wanted = adapter.required_webhooks(url="https://us.test/hook", secret="of-the-hook")[0]
    router.post("/webhooks/CreateWebhook").respond(200)
    row = {"eventType": wanted.source, "webhookUrl": wanted.url, "isActive": True}
    others = {"eventType": wanted.source, "webhookUrl": "https://other.test/"}
    rows = [{**row, "id": 9}, {**row, "id": 12}, {**others, "id": 40}]
    router.post("/webhooks/GetAllWebhooks").respond(json={"totalCount": 3, "items": rows})
    assert adapter.create_webhook(wanted) == "12"


def test_an_inmails_subject_has_a_fallback_of_its_own() -> None:
    step = SequenceStep(
        number=1, action=StepAction.INMAIL, subject="For {{first_name}}", body="Hello", fallback="Hello",
        fallback_subject="For you",
    )  # fmt: skip
    [message] = [payload["fallbackMessage"] for payload in [parse.tree([step])["payload"]]]
    assert message == {"subject": "For you", "message": "Hello"}
    assert parse.steps(parse.tree([step]))[0][0].fallback_subject == "For you"
