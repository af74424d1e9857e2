"""The EmailBison adapter beside its contract: observed shapes, refusals with 200, batches that are refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import respx
from pytest_django import Settings

from integrations import registry
from integrations.errors import ErrorKind, ProviderError
from integrations.providers.emailbison import parse
from integrations.providers.emailbison.adapter import EmailBisonAdapter
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

INSTANCE = "https://send.agency.test"
CAMPAIGN = {"id": 41, "name": "Q3", "status": "Active", "total_leads": 100, "max_emails_per_day": 500}
REPLY = {
    "id": 8801, "type": "Tracked Reply", "subject": "Re: Q", "html_body": "<p>More</p>", "text_body": "More",
    "date_received": "2026-03-03T10:00:00.000000Z", "from_name": "Lee", "from_email_address": "lee@acme.test",
    "to": [{"name": None, "address": "ana@x.test"}], "campaign_id": 41, "lead_id": 7001, "sender_email_id": 301,
    "scheduled_email_id": 22, "raw_message_id": "<r1@acme.test>",
}  # fmt: skip
LEAD = ProviderLead(lead_id="7001", campaign_id="41", status=LeadStatus.PENDING, raw_status="")


@pytest.fixture
def router(settings: Settings) -> Iterator[respx.MockRouter]:
    settings.REQUEST_RATES = {}
    with respx.mock(base_url=f"{INSTANCE}/api", assert_all_called=False) as mocked:
        yield mocked


def make(base_url: str = INSTANCE) -> EmailBisonAdapter:
    made = registry.adapter_for("emailbison", credentials={"api_key": "12|token-of-it"}, base_url=base_url)
    assert isinstance(made, EmailBisonAdapter)
    return made


def sent_to(route: respx.Route) -> Any:
    return json.loads(route.calls.last.request.content)


@pytest.mark.parametrize(
    "typed", [INSTANCE, f"{INSTANCE}/", f"{INSTANCE}/api", f"{INSTANCE}/api/", "send.agency.test"]
)
def test_instances_are_typed_in_any_way(router: respx.MockRouter, typed: str) -> None:
    route = router.get("/campaigns/41").respond(json={"data": CAMPAIGN})
    found = make(typed).get_campaign("41")
    assert (found.status, found.raw_status, found.lead_count) == (CampaignStatus.RUNNING, "Active", 100)
    assert route.calls.last.request.headers["Authorization"] == "Bearer 12|token-of-it"


@pytest.mark.parametrize(
    ("meta", "links", "cursor"),
    [({"last_page": 2}, {}, "2"), ({"last_page": 1}, {}, None), ({}, {"next": "x"}, "2"), ({}, {}, None)],
)
def test_pages(router: respx.MockRouter, meta: Any, links: Any, cursor: str | None) -> None:
    router.get("/campaigns").respond(json={"data": [CAMPAIGN], "meta": meta, "links": links})
    assert make().list_campaigns().cursor == cursor


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, {"message": "Unauthenticated."}, ErrorKind.AUTH),
        (403, {"message": "Please switch workspace first"}, ErrorKind.CONFLICT),
        (403, {"message": "This action is unauthorized."}, ErrorKind.CONFLICT),
        (404, {"message": "The route api/x could not be found."}, ErrorKind.NOT_FOUND),
        (404, {"data": {"success": False, "message": "Record not found"}}, ErrorKind.NOT_FOUND),
        (405, {"message": "Supported methods: GET."}, ErrorKind.UNSUPPORTED),
        (200, {"data": {"success": False, "message": "Something else"}}, ErrorKind.VALIDATION),
        (422, {"message": "Invalid.", "errors": {"name": ["Name is required."]}}, ErrorKind.VALIDATION),
        (429, {"message": "Too Many Attempts."}, ErrorKind.RATE_LIMITED),
        (500, "<html>", ErrorKind.UNAVAILABLE),
    ],
)
def test_errors(router: respx.MockRouter, status: int, body: Any, kind: ErrorKind) -> None:
    answer = httpx.Response(status, text=body) if isinstance(body, str) else httpx.Response(status, json=body)
    router.patch("/campaigns/41/pause").mock(return_value=answer)
    with pytest.raises(ProviderError) as caught:
        make().pause_campaign("41")
    assert caught.value.kind is kind


def test_no_steps_is_told_with_success(router: respx.MockRouter) -> None:
    body = {"data": {"success": False, "message": "Sequence steps do not exist for campaign 41."}}
    route = router.get("/campaigns/41/sequence-steps").respond(json=body)
    assert make().get_sequence("41").steps == ()
    route.respond(404, json={"message": "Record not found"})
    with pytest.raises(ProviderError):
        make().get_sequence("41")


def test_variants_belong_to_their_steps() -> None:
    rows = [
        {
            "id": 3,
            "order": None,
            "variant": True,
            "variant_from_step": 1,
            "email_subject": "B",
            "email_body": "b",
        },
        {
            "id": 2,
            "order": 2,
            "wait_in_days": 3,
            "thread_reply": True,
            "email_subject": "Re: A",
            "email_body": "c",
        },
        {
            "id": 1,
            "order": 1,
            "wait_in_days": 1,
            "email_subject": "A",
            "email_body": "{FIRST_NAME} {a|b} {ICE}",
        },
    ]
    first, second = parse.steps(rows)
    assert first.body == "{{first_name}} {a|b} {{ice}}"
    assert [variant.subject for variant in first.variants] == ["B"]
    assert (first.wait_days, second.wait_days, second.same_thread) == (0, 3, True)


@pytest.mark.parametrize("exists", [True, False])
def test_a_schedule_is_made_or_replaced(router: respx.MockRouter, exists: bool) -> None:
    none = {"data": {"success": False, "message": "Schedule not found for this campaign."}}
    router.get("/campaigns/41/schedule").respond(json={"data": {"timezone": "UTC"}} if exists else none)
    route = router.request("PUT" if exists else "POST", "/campaigns/41/schedule").respond(json={"data": {}})
    make().change_schedule("41", CampaignSchedule(timezone="UTC", days=frozenset({6, 7})))
    told = sent_to(route)
    assert (told["saturday"], told["sunday"], told["monday"], told["start_time"]) == (
        True,
        True,
        False,
        "09:00",
    )


def test_settings_that_did_not_take_are_told(router: respx.MockRouter) -> None:
    route = router.patch("/campaigns/41/update").respond(json={"data": CAMPAIGN})
    make().change_settings("41", CampaignSettings(daily_limit=500))
    with pytest.raises(ProviderError) as caught:
        make().change_settings("41", CampaignSettings(daily_limit=20))
    assert caught.value.kind is ErrorKind.CONFLICT
    assert sent_to(route) == {"max_emails_per_day": 20}


def test_a_refused_batch_is_halved_until_the_culprit_stands_alone(router: respx.MockRouter) -> None:
    people = [
        {"id": number, "email": f"a{number}@b.test", "lead_campaign_data": []} for number in range(1, 6)
    ]
    people[4]["lead_campaign_data"] = [{"campaign_id": 41, "status": "replied"}]
    router.post("/leads/create-or-update/multiple").respond(json={"data": people})

    def attach(request: httpx.Request) -> httpx.Response:
        if 3 in json.loads(request.content)["lead_ids"]:
            return httpx.Response(
                200, json={"data": {"success": False, "message": "Bounced: no leads were added."}}
            )
        return httpx.Response(200, json={"data": {"success": True}})

    router.get("/campaigns/41").respond(json={"data": CAMPAIGN})
    route = router.post("/campaigns/41/leads/attach-leads").mock(side_effect=attach)
    leads = [NewLead(email=f"a{number}@b.test", first_name="A", last_name="B") for number in range(1, 6)]
    added = make().add_leads("41", [*leads, NewLead(email="x@y.test", first_name="Only")])
    assert (added.added, added.duplicates) == (3, 1)
    assert "Bounced" in added.refused["a3@b.test"]
    assert added.refused["x@y.test"] == "EmailBison needs last name."
    assert route.call_count <= 5


@pytest.mark.parametrize(("campaign", "kind", "most"), [
    (CAMPAIGN | {"status": "archived"}, ErrorKind.CONFLICT, 8),
    (CAMPAIGN, ErrorKind.VALIDATION, 60),
])  # fmt: skip
def test_nobody_is_given_up_where_the_campaign_takes_nobody(
    router: respx.MockRouter, campaign: Any, kind: ErrorKind, most: int
) -> None:
    people = [{"id": number, "email": f"a{number}@b.test", "lead_campaign_data": []} for number in range(100)]
    router.get("/campaigns/41").respond(json={"data": campaign})
    router.post("/leads/create-or-update/multiple").respond(json={"data": people})
    route = router.post("/campaigns/41/leads/attach-leads").respond(400, json={"message": "No room is left."})
    leads = [NewLead(email=f"a{number}@b.test", first_name="A", last_name="B") for number in range(100)]
    with pytest.raises(ProviderError) as caught:
        make().add_leads("41", leads)
    assert caught.value.kind is kind
    assert route.call_count <= most


@pytest.mark.parametrize("room", [0, 2])
def test_who_comes_to_a_full_campaign_waits_however_few_they_are(router: respx.MockRouter, room: int) -> None:
    people = [{"id": number, "email": f"a{number}@b.test", "lead_campaign_data": []} for number in range(5)]
    taken: set[int] = set()

    def attach(request: httpx.Request) -> httpx.Response:
        wanted = set(json.loads(request.content)["lead_ids"])
        if len(taken | wanted) > room:
            return httpx.Response(400, json={"message": "Not added."})
        taken.update(wanted)
        return httpx.Response(200, json={"data": {"success": True}})

    router.get("/campaigns/41").mock(
        side_effect=lambda _request: httpx.Response(
            200, json={"data": CAMPAIGN | {"total_leads": 50_000 - room + len(taken)}}
        )
    )
    router.post("/leads/create-or-update/multiple").respond(json={"data": people})
    router.post("/campaigns/41/leads/attach-leads").mock(side_effect=attach)
    leads = [NewLead(email=f"a{number}@b.test", first_name="A", last_name="B") for number in range(5)]
    with pytest.raises(ProviderError, match="full at EmailBison: it has 50,000 people") as caught:
        make().add_leads("41", leads)
    assert (caught.value.kind, len(taken)) == (ErrorKind.CONFLICT, room)


def test_a_small_batch_of_people_who_are_all_refused_is_told_by_person(router: respx.MockRouter) -> None:
    people = [{"id": number, "email": f"a{number}@b.test", "lead_campaign_data": []} for number in range(5)]
    router.get("/campaigns/41").respond(json={"data": CAMPAIGN})
    router.post("/leads/create-or-update/multiple").respond(json={"data": people})
    router.post("/campaigns/41/leads/attach-leads").respond(400, json={"message": "Bounced."})
    leads = [NewLead(email=f"a{number}@b.test", first_name="A", last_name="B") for number in range(5)]
    assert set(make().add_leads("41", leads).refused) == {lead.email for lead in leads}


def test_undeclared_variables_are_declared(router: respx.MockRouter) -> None:
    router.get("/custom-variables").respond(json={"data": [{"id": 1, "name": "ICE"}]})
    declared = router.post("/custom-variables").respond(201, json={"data": {}})
    router.post("/leads/create-or-update/multiple").respond(json={"data": []})
    person = NewLead(email="a@b.test", first_name="A", last_name="B", custom={"ice": "1", "fire": "2"})
    assert make().add_leads("41", [person]).refused == {"a@b.test": "EmailBison did not take this person."}
    assert [json.loads(call.request.content)["name"] for call in declared.calls] == ["fire"]


def test_the_inbox_holds_more_than_replies(router: respx.MockRouter) -> None:
    rows = [REPLY, REPLY | {"id": 2, "type": "Outgoing Email"}, REPLY | {"id": 3, "type": "Bounced"},
            REPLY | {"id": 4, "type": "Untracked Reply", "campaign_id": None, "lead_id": None}]  # fmt: skip
    router.get("/replies").respond(json={"data": rows, "meta": {"next_cursor": "abc"}})
    page = make().list_replies()
    assert [message.message_id for message in page.items] == ["reply:8801", "reply:4"]
    assert [message.chat_id for message in page.items] == ["41:7001", "mail:301:lee@acme.test"]
    assert page.cursor == "abc"
    assert make().list_replies(after=page.items[0].sent_at).cursor is None


def test_the_inbox_is_read_by_when_a_mail_was_fetched_not_by_when_it_was_received(
    router: respx.MockRouter,
) -> None:
    """A mail that was fetched hours late neither ends a pass before newer ones nor is too old to be news itself."""
    late = REPLY | {
        "date_received": "2026-03-02T08:00:00.000000Z",
        "created_at": "2026-03-03T10:30:00.000000Z",
    }
    before_it = REPLY | {
        "id": 9,
        "raw_message_id": "<r9@acme.test>",
        "created_at": "2026-03-03T10:20:00.000000Z",
    }
    old = REPLY | {"id": 5, "raw_message_id": "<r5@acme.test>", "created_at": "2026-03-03T09:50:00.000000Z"}
    pages = {"1": ([late], "2"), "2": ([before_it, old], "3")}
    router.get("/replies").mock(
        side_effect=lambda request: httpx.Response(
            200,
            json={
                "data": pages[request.url.params.get("cursor", "1")][0],
                "meta": {"next_cursor": pages[request.url.params.get("cursor", "1")][1]},
            },
        )
    )
    after = datetime(2026, 3, 3, 10, tzinfo=UTC)
    first = make().list_replies(after=after)
    assert [message.message_id for message in first.items] == ["reply:8801"]
    second = make().list_replies(after=after, cursor=first.cursor)
    assert [message.message_id for message in second.items] == ["reply:9"]
    assert second.cursor is None


def test_answers_name_recipients_as_they_are_written(router: respx.MockRouter) -> None:
    router.get("/replies").respond(json={"data": [REPLY], "meta": {}})
    reply = make().list_replies().items[0]
    route = router.post("/replies/8801/reply").mock(side_effect=httpx.ReadTimeout("slow"))
    with pytest.raises(ProviderError) as caught:
        make().reply_to_thread(ThreadReply(answers=reply, text="Sure"))
    assert caught.value.kind is ErrorKind.INDETERMINATE
    assert route.call_count == 1
    told = sent_to(route)
    assert told["to_emails"] == [{"name": "Lee", "email_address": "lee@acme.test"}]
    assert (told["sender_email_id"], told["content_type"]) == (301, "text")


def test_who_is_not_in_it_cannot_be_stopped(router: respx.MockRouter) -> None:
    router.get("/leads/7001").respond(
        json={"data": {"id": 7001, "lead_campaign_data": [{"campaign_id": 40}]}}
    )
    with pytest.raises(ProviderError) as caught:
        make().stop_lead("41", LEAD)
    assert caught.value.kind is ErrorKind.NOT_FOUND


@pytest.mark.parametrize("status", [404, 405])
def test_steps_go_to_the_address_without_a_version_where_the_newer_one_is_missing(
    router: respx.MockRouter, status: int
) -> None:
    router.get("/campaigns/41").respond(json={"data": {"id": 41, "name": "Founders", "status": "draft"}})
    router.get("/campaigns/41/sequence-steps").respond(json={"data": []})
    newer = router.post("/campaigns/v1.1/41/sequence-steps").respond(status, json={"message": "not found"})
    older = router.post("/campaigns/41/sequence-steps").respond(json={"data": {"id": 41}})
    step = SequenceStep(number=1, action=StepAction.EMAIL, subject="Question", body="<p>Hi</p>")
    make().save_sequence("41", [step])
    assert (newer.call_count, older.call_count) == (1, 1)
    assert sent_to(older) == json.loads(newer.calls.last.request.content)


def test_the_last_page_that_is_given_out_says_that_there_are_more(router: respx.MockRouter) -> None:
    body = {
        "data": [{"id": 7001, "email": "lee@acme.test"}],
        "meta": {"current_page": 1000, "last_page": 1001},
    }
    router.get("/campaigns/41/leads").respond(json=body)
    page = make().list_leads("41", cursor="1000")
    assert page.cursor is None
    assert "1,000 pages" in page.note
