"""Chats and messages, held against the payload examples of docs/providers/unipile.md (5)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from integrations.sandbox.testing import SandboxHandle
from tests.sandbox.conftest import ERIK, LUCIA, Api, befriend, problem

MESSAGE_ALWAYS = {
    "object", "id", "provider_id", "chat_id", "chat_provider_id", "account_id", "sender_id", "sender_attendee_id",
    "text", "timestamp", "is_sender", "seen", "seen_by", "delivered", "edited", "deleted", "hidden", "is_event",
    "behavior", "original", "attachments", "reactions",
}  # fmt: skip


def talk(
    sandbox: SandboxHandle, api: Api, slug: str = "tomas-weil", text: str = "Hi Tomas"
) -> tuple[str, str]:
    """Connect and write first; returns (chat id, message id)."""
    answer = api.start_chat(befriend(sandbox, api, slug), text)
    assert answer.status_code == 201, answer.text
    body = answer.json()
    assert body["object"] == "ChatStarted"
    return body["chat_id"], body["message_id"]


def test_only_connections_can_be_written_to(sandbox: SandboxHandle, api: Api) -> None:
    stranger = api.member_id("tomas-weil")
    assert problem(api.start_chat(stranger, "Hi")) == (422, "no_connection_with_recipient")
    assert api.get("messages", params={"account_id": ERIK}).json()["items"] == []
    sandbox.change_person("tomas-weil", refuse_message="user_unreachable")
    assert problem(api.start_chat(befriend(sandbox, api, "tomas-weil"), "Hi")) == (422, "user_unreachable")


def test_a_chat_and_its_messages_have_the_documented_shape(sandbox: SandboxHandle, api: Api) -> None:
    chat_id, message_id = talk(sandbox, api)
    before = datetime.now(UTC)
    sandbox.reply("tomas-weil", "Sounds good, send details")
    chat = api.get("chats", params={"account_id": f"{LUCIA},{ERIK}"}).json()["items"][0]
    assert chat["id"] == chat_id
    assert chat["attendee_provider_id"] == api.member_id("tomas-weil")
    assert chat["name"] is None
    assert (chat["type"], chat["archived"], chat["read_only"], chat["unread_count"]) == (0, 0, 0, 1)
    assert "attendees" not in chat
    assert "content_type" not in chat

    theirs, ours = api.get(f"chats/{chat_id}/messages").json()["items"]
    assert theirs.keys() >= MESSAGE_ALWAYS
    assert theirs["text"] == "Sounds good, send details"
    assert (theirs["is_sender"], theirs["is_event"], theirs["edited"], theirs["deleted"]) == (0, 0, 0, 0)
    assert theirs["sender_id"] == chat["attendee_provider_id"]
    assert theirs["attendee_distance"] == 1
    assert (ours["id"], ours["is_sender"]) == (message_id, 1)
    # What is reported is real time, whatever the sandbox clock says.
    said = datetime.strptime(theirs["timestamp"], "%Y-%m-%dT%H:%M:%S.%f%z")
    assert abs((said - before).total_seconds()) < 10

    whole = api.get(f"chats/{chat['provider_id']}", params={"account_id": ERIK}).json()
    assert whole["lastMessage"] == theirs
    assert api.get(f"messages/{theirs['id']}").json() == theirs
    assert problem(api.get(f"chats/{chat['provider_id']}")) == (404, "resource_not_found")


def test_an_existing_chat_is_reused_and_guarded(sandbox: SandboxHandle, api: Api) -> None:
    chat_id, _ = talk(sandbox, api)
    again = api.start_chat(api.member_id("tomas-weil"), "Second").json()
    assert again["chat_id"] == chat_id
    sent = api.say(chat_id, "Third", account_id=ERIK)
    assert sent.status_code == 201
    assert sent.json() == {"object": "MessageSent", "message_id": sent.json()["message_id"]}
    assert problem(api.say(chat_id, "Fourth", account_id=LUCIA)) == (403, "insufficient_permissions")
    assert problem(api.say("c_none", "Fifth")) == (404, "resource_not_found")
    quoted = api.say(chat_id, "As I said", quote_id=again["message_id"]).json()["message_id"]
    assert api.get(f"messages/{quoted}").json()["quoted"]["text"] == "Second"


def test_sends_take_multipart_only(sandbox: SandboxHandle, api: Api) -> None:
    provider_id = befriend(sandbox, api, "tomas-weil")
    json_body = {"account_id": ERIK, "attendees_ids": [provider_id], "text": "Hi"}
    assert problem(api.post("chats", json=json_body)) == (415, "unsupported_media_type")
    assert problem(api.start_chat(provider_id, "")) == (400, "missing_parameters")
    broken = api.post(
        "chats", content=b"nonsense", headers={"Content-Type": "multipart/form-data; boundary=x"}
    )
    assert problem(broken)[0] == 400


def test_date_filters_are_strict_and_exclusive(sandbox: SandboxHandle, api: Api) -> None:
    _chat_id, message_id = talk(sandbox, api)
    at = api.get(f"messages/{message_id}").json()["timestamp"]
    for wrong in (
        "2026-03-12T09:41:10Z",
        "2026-03-12T09:41:10.000+00:00",
        "2026-03-12",
        "2026-13-12T09:41:10.000Z",
    ):
        assert problem(api.get("messages", params={"after": wrong})) == (400, "invalid_parameters")
    assert api.get("messages", params={"after": at}).json()["items"] == []
    assert api.get("messages", params={"before": at}).json()["items"] == []
    assert len(api.get("messages", params={"after": "2020-01-01T00:00:00.000Z"}).json()["items"]) == 1
    assert api.get("chats", params={"after": at}).json()["items"] == []


def test_messages_page_newest_first_without_gap_or_repeat(sandbox: SandboxHandle, api: Api) -> None:
    chat_id, _ = talk(sandbox, api, text="message 0")
    for number in range(1, 7):
        api.say(chat_id, f"message {number}")
    seen, cursor = [], None
    while True:
        query = {"account_id": ERIK, "limit": "3", "cursor": cursor or ""}
        page = api.get("messages", params=query).json()
        seen += [item["text"] for item in page["items"]]
        cursor = page["cursor"]
        if cursor is None:
            break
    assert seen == [f"message {number}" for number in range(6, -1, -1)]


def test_attachments_come_back_as_their_bytes(sandbox: SandboxHandle, api: Api) -> None:
    chat_id, _ = talk(sandbox, api)
    content = bytes(range(256)) * 10
    sent = api.post(
        f"chats/{chat_id}/messages",
        files=[("text", (None, "see file")), ("attachments", ("plan.pdf", content, "application/pdf"))],
    ).json()
    item = api.get(f"messages/{sent['message_id']}").json()["attachments"][0]
    assert (item["type"], item["file_name"], item["file_size"]) == ("file", "plan.pdf", len(content))
    got = api.get(f"messages/{sent['message_id']}/attachments/{item['id']}")
    assert got.content == content
    assert got.headers["content-type"] == "application/pdf"
    too_large = [("attachments", ("big.bin", b"x" * (15 * 1024 * 1024 + 1), "application/zip"))]
    assert problem(api.post(f"chats/{chat_id}/messages", files=too_large)) == (400, "content_too_large")


def test_attendees_lead_to_the_chat_without_asking_linkedin(sandbox: SandboxHandle, api: Api) -> None:
    chat_id, _ = talk(sandbox, api)
    provider_id = api.member_id("tomas-weil")
    other, own = api.get(f"chats/{chat_id}/attendees").json()["items"]
    assert (other["provider_id"], other["is_self"], own["is_self"]) == (provider_id, 0, 1)
    assert other["specifics"]["network_distance"] == "DISTANCE_1"
    assert own["specifics"]["network_distance"] == "SELF"
    for identifier in (provider_id, other["id"]):
        items = api.get(f"chat_attendees/{identifier}/chats", params={"account_id": ERIK}).json()["items"]
        assert [item["id"] for item in items] == [chat_id]
    assert (
        api.get("chat_attendees/ACoAAUnknownPerson/chats", params={"account_id": ERIK}).json()["items"] == []
    )
    assert api.get(f"chat_attendees/{other['id']}").json() == other
    assert len(api.get("chat_attendees", params={"account_id": ERIK}).json()["items"]) == 2


def test_read_status_can_be_set(sandbox: SandboxHandle, api: Api) -> None:
    chat_id, _ = talk(sandbox, api)
    sandbox.reply("tomas-weil", "Hello")
    patched = api.patch(f"chats/{chat_id}", json={"action": "setReadStatus", "value": True})
    assert patched.json() == {"object": "ChatPatched"}
    assert api.get(f"chats/{chat_id}").json()["unread_count"] == 0
    assert api.get("chats", params={"account_id": ERIK, "unread": "true"}).json()["items"] == []
    assert problem(api.patch(f"chats/{chat_id}", json={"action": "archive"})) == (400, "invalid_parameters")
    statuses = [api.get(f"chats/{chat_id}/sync").json()["status"] for _ in range(2)]
    assert statuses == ["SYNC_STARTED", "SYNC_DONE"]


def test_inmail_reaches_strangers_and_costs_a_credit(sandbox: SandboxHandle, api: Api) -> None:
    sandbox.change_person("far-away", can_send_inmail=True, is_open_profile=False)
    stranger = api.member_id("far-away")
    answer = api.start_chat(stranger, "Hello", subject="Intro", **{"linkedin[inmail]": "true"})
    assert answer.status_code == 201
    chat_id = answer.json()["chat_id"]
    chat = api.get(f"chats/{chat_id}").json()
    assert (chat["content_type"], chat["subject"]) == ("inmail", "Intro")
    balance = api.get("linkedin/inmail_balance", params={"account_id": ERIK}).json()
    assert balance == {
        "object": "LinkedinInmailBalance",
        "premium": 49,
        "recruiter": None,
        "sales_navigator": 49,
    }
    assert problem(api.say(chat_id, "And?")) == (422, "no_connection_with_recipient")
    sandbox.reply("far-away", "Tell me more")
    assert api.get(f"chats/{chat_id}").json()["lastMessage"]["message_type"] == "INMAIL_REPLY"
    assert api.say(chat_id, "Gladly").status_code == 201
    sandbox.change_person("closed-box", can_send_inmail=False)
    refused = api.start_chat(api.member_id("closed-box"), "Hi", **{"linkedin[inmail]": "true"})
    assert problem(refused) == (422, "not_allowed_inmail")


def test_an_accepted_note_is_the_only_message_of_a_new_chat(sandbox: SandboxHandle, api: Api) -> None:
    api.invite("tomas-weil", message="Hi Tomas, let's connect")
    assert api.get("chats", params={"account_id": ERIK}).json()["items"] == []
    sandbox.accept("tomas-weil")
    (chat,) = api.get("chats", params={"account_id": ERIK}).json()["items"]
    (note,) = api.get(f"chats/{chat['id']}/messages").json()["items"]
    assert (note["text"], note["is_sender"], note["message_type"]) == (
        "Hi Tomas, let's connect",
        1,
        "INVITATION",
    )


@pytest.mark.parametrize("action", ["patch", "delete"])
def test_own_messages_can_be_changed_and_others_not(sandbox: SandboxHandle, api: Api, action: str) -> None:
    _, message_id = talk(sandbox, api)
    theirs = sandbox.reply("tomas-weil", "Mine")["message_id"]
    body = {"text": "Changed"} if action == "patch" else None
    assert problem(api.request(action, f"messages/{theirs}", json=body)) == (403, "insufficient_permissions")
    assert api.request(action, f"messages/{message_id}", json=body).status_code == 200
    message = api.get(f"messages/{message_id}").json()
    changed = (message["text"], message["edited"], message["deleted"])
    assert changed == (("Changed", 1, 0) if action == "patch" else (None, 0, 1))
