"""The inbox as programs use it."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from inbox.models import Conversation
from integrations.models import OutboundMessage
from project.core.scoping import no_scope
from tests.api.conftest import Program
from tests.campaigns.conftest import WORKING, World

pytestmark = pytest.mark.django_db


@pytest.fixture
def thread(world: World) -> Conversation:
    world.lead("Marta", "marta")
    world.launch()
    world.says("marta", "Tell me more", WORKING)
    return Conversation.objects.get()


def reply(seen: int, text: str = "Gladly.", **values: Any) -> dict[str, Any]:
    return {"body": text, "client_token": str(uuid.uuid4()), "seen_revision": seen, **values}


def test_reading_and_answering(world: World, thread: Conversation, agent: Program) -> None:
    (row,) = agent("GET", "conversations")[1]["items"]
    assert (row["title"], row["unread"], row["last_snippet"]) == ("Marta Lindqvist", 1, "Tell me more")
    path = f"conversations/{row['id']}"
    shown = agent("GET", path)[1]
    assert [entry["kind"] for entry in shown["entries"]].count("message") == 1
    assert shown["entries"][0]["message"]["occurred_at"] == "2026-11-18T09:00:00Z"
    assert (shown["composer"]["sender_name"], shown["composer"]["off"]) == ("Erik Sand", "")
    body = reply(shown["revision"])
    status, sent = agent("POST", f"{path}/replies", body)
    assert (status, sent["state"], sent["direction"], sent["body"]) == (201, "queued", "outbound", "Gladly.")
    # The same token is the same reply, with or without a key.
    assert agent("POST", f"{path}/replies", body)[1]["id"] == sent["id"]
    assert OutboundMessage.objects.filter(origin="reply").count() == 1
    status, note = agent("POST", f"{path}/notes", {"body": "Likes short answers."})
    assert (status, note["body"]) == (201, "Likes short answers.")
    kinds = {entry["kind"] for entry in agent("GET", path)[1]["entries"]}
    assert kinds >= {"message", "note"}


def test_a_stale_reply_is_refused_with_what_is_new(
    world: World, thread: Conversation, agent: Program
) -> None:
    seen = agent("GET", f"conversations/{thread.id}")[1]["revision"]
    world.says("marta", "And the price?", WORKING + timedelta(minutes=1), message="m2")
    status, error = agent("POST", f"conversations/{thread.id}/replies", reply(seen))
    assert (status, error["code"]) == (409, "STALE_THREAD")
    assert [message["body"] for message in error["details"]["new"]] == ["And the price?"]
    assert not OutboundMessage.objects.filter(origin="reply").exists()
    again = reply(error["details"]["revision"])
    assert agent("POST", f"conversations/{thread.id}/replies", again)[0] == 201


def test_replies_that_cannot_be(thread: Conversation, agent: Program) -> None:
    path = f"conversations/{thread.id}/replies"
    status, error = agent("POST", path, {"body": None, "seen_revision": -1})
    assert (status, error["code"]) == (422, "VALIDATION_ERROR")
    assert set(error["details"]["fields"]) == {"body", "client_token", "seen_revision"}
    for nothing in ("", " \n "):
        status, error = agent("POST", path, reply(thread.refreshed().revision, nothing))
        assert (status, error["message"]) == (422, "Write something first; the reply is empty.")
    assert agent("POST", path, reply(99, "x" * 8001))[0] == 422
    assert agent("POST", path)[0] == 422


def test_triage(world: World, thread: Conversation, agent: Program) -> None:
    path = f"conversations/{thread.id}"
    user = str(world.agency.agent.id)
    assert agent("POST", f"{path}/assign", {"assignee_id": user})[1]["assignee_id"] == user
    assert agent("GET", "conversations?view=mine")[1]["items"][0]["id"] == str(thread.id)
    assert agent("POST", f"{path}/assign", {"assignee_id": None})[1]["assignee_id"] is None
    viewer = str(world.agency.viewer.id)
    status, error = agent("POST", f"{path}/assign", {"assignee_id": viewer})
    assert (status, error["code"]) == (422, "VALIDATION_ERROR")
    assert agent("POST", f"{path}/read")[1]["unread"] == 0
    assert agent("POST", f"{path}/unread")[1]["unread"] == 1
    until = (WORKING + timedelta(days=1)).isoformat()
    assert agent("POST", f"{path}/snooze", {"until": until})[1]["status"] == "snoozed"
    assert agent("POST", f"{path}/snooze", {"until": "2020-01-01T00:00:00Z"})[0] == 422
    assert agent("POST", f"{path}/close")[1]["status"] == "closed"
    assert agent("GET", "conversations?view=closed")[1]["items"][0]["id"] == str(thread.id)
    assert agent("POST", f"{path}/reopen")[1]["status"] == "open"
    counts = {view["key"]: view["count"] for view in agent("GET", "conversation-views")[1]}
    assert (counts["all"], counts["mine"], counts["closed"]) == (1, 0, None)
    assert agent("POST", f"{path}/sequence", {"act": "pause"})[0] == 200
    assert agent("POST", f"{path}/sequence", {"act": "resume"})[0] == 200
    assert agent("POST", f"{path}/sequence", {"act": "stop"})[0] == 200


def test_an_unmatched_thread_is_linked(world: World, agent: Program) -> None:
    world.says("olga", "Who are you?", WORKING)
    (row,) = agent("GET", "conversations?view=unmatched")[1]["items"]
    path = f"conversations/{row['id']}"
    assert agent("POST", f"{path}/sequence", {"act": "stop"})[1]["code"] == "NO_SEQUENCE"
    assert agent("POST", f"{path}/link-lead", {"lead_id": str(uuid.uuid4())})[0] == 422
    lead = world.lead("Olga", "olga-h")
    assert agent("POST", f"{path}/link-lead", {"lead_id": str(lead.id)})[1]["lead_id"] == str(lead.id)
    assert agent("GET", f"conversations?filter[lead]={lead.id}")[1]["items"][0]["id"] == row["id"]


def test_a_failed_reply_is_sent_again(thread: Conversation, agent: Program) -> None:
    revision = thread.refreshed().revision
    sent = agent("POST", f"conversations/{thread.id}/replies", reply(revision))[1]
    assert agent("POST", f"messages/{sent['id']}/retry")[0] == 422
    OutboundMessage.objects.filter(origin="reply").update(state="failed")
    assert agent("POST", f"messages/{sent['id']}/retry")[1]["state"] == "queued"


def test_long_lists_come_in_pages(world: World, agent: Program) -> None:
    for number in range(5):
        world.says(f"p{number}", "Hello", WORKING + timedelta(minutes=number), message=f"m{number}")
    first = agent("GET", "conversations?limit=3")[1]
    rest = agent("GET", f"conversations?limit=3&cursor={first['next_cursor']}")[1]
    assert [len(first["items"]), len(rest["items"]), rest["next_cursor"]] == [3, 2, None]
    path = f"conversations/{first['items'][0]['id']}/messages"
    for number in range(3):
        world.says("p4", f"More {number}", WORKING + timedelta(hours=number + 1), message=f"n{number}")
    page = agent("GET", f"{path}?limit=3")[1]
    assert [message["body"] for message in page["items"]] == ["More 2", "More 1", "More 0"]
    assert agent("GET", f"{path}?limit=3&cursor={page['next_cursor']}")[1]["items"][0]["body"] == "Hello"
    elsewhere = f"conversations?filter[client]={world.agency.second.id}"
    assert agent("GET", elsewhere)[1]["items"] == []


def test_who_may_not(
    world: World,
    thread: Conversation,
    limited: Program,
    stranger: Program,
    reader: Program,
) -> None:
    path = f"conversations/{thread.id}"
    for program in (limited, stranger):
        assert program("GET", path)[0] == 404
        assert program("GET", f"{path}/messages")[0] == 404
        assert program("POST", f"{path}/replies", reply(1))[0] == 404
        assert program("POST", f"{path}/close")[0] == 404
        assert program("GET", "conversations")[1]["items"] == []
    assert reader("GET", path)[0] == 200
    assert reader("POST", f"{path}/replies", reply(1))[1]["code"] == "FORBIDDEN"
    viewer = Program(world.agency, world.agency.viewer)
    assert viewer("POST", f"{path}/notes", {"body": "x"})[0] == 403


def test_rules_are_switched_and_a_clients_promise_is_removed(
    world: World, manager: Program, limited: Program
) -> None:
    client = str(world.agency.first.id)
    rule = manager("POST", "assignment-rules", {"method": "load", "client_id": client})[1]
    assert manager("PATCH", f"assignment-rules/{rule['id']}", {"is_active": False})[1]["is_active"] is False
    assert limited("PATCH", f"assignment-rules/{rule['id']}", {"is_active": True})[0] == 404
    assert manager("GET", "assignment-rules")[1][0]["is_active"] is False
    promise = {"client_id": client, "reply_minutes": 30, "hot_reply_minutes": 5}
    assert manager("PUT", "inbox-promises", promise)[0] == 200
    assert limited("DELETE", f"inbox-promises/{client}")[0] == 404
    assert manager("DELETE", f"inbox-promises/{client}")[0] == 204
    assert manager("GET", "inbox-promises")[1] == []


def test_an_upload_that_was_not_sent_is_its_own_programs_alone(
    thread: Conversation, agent: Program, manager: Program
) -> None:
    given = SimpleUploadedFile("offer.png", b"\x89PNG\r\n\x1a\n" + b"0" * 40)
    _, kept = agent.upload(f"conversations/{thread.id}/files", {"file": given})
    assert manager("DELETE", f"files/{kept['id']}")[0] == 404
    with no_scope():
        found = [
            program.browser.get(
                f"/api/v1/files/{kept['id']}", headers={"Authorization": f"Bearer {program.token}"}
            ).status_code
            for program in (manager, agent)
        ]
    assert found == [404, 200]


def test_a_misspelt_filter_acts_on_nothing(thread: Conversation, agent: Program) -> None:
    status, error = agent("POST", "conversation-acts", {"act": "close", "query": "view=all&intent=intrested"})
    assert (status, error["code"]) == (422, "VALIDATION_ERROR")
    assert "“intrested” is nothing to filter by" in error["message"]
    assert agent("GET", "conversations-export?query=intnt%3Dinterested")[0] == 422
    assert thread.refreshed().status == "open"
