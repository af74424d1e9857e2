"""Webhooks out: payloads, headers, retries, what a lost session does to them (docs/providers/unipile.md, 6)."""

from __future__ import annotations

from urllib.parse import parse_qs

import pytest

from integrations.sandbox.testing import SandboxHandle
from tests.sandbox.conftest import ERIK, LUCIA, Api, Receiver, befriend, problem
from tests.sandbox.test_chats import talk

MESSAGING = [
    "message_received", "message_read", "message_reaction", "message_edited", "message_deleted", "message_delivered",
]  # fmt: skip


def test_subscriptions_are_listed_with_their_headers_and_never_merged(api: Api, receiver: Receiver) -> None:
    header = {"key": "Unipile-Auth", "value": "s3cret"}
    first = api.subscribe(receiver.url, headers=[header], account_ids=[ERIK])
    second = api.subscribe(receiver.url)
    listed = api.get("webhooks").json()
    assert listed["object"] == "WebhookList"
    assert [item["id"] for item in listed["items"]] == [first, second]
    assert listed["items"][0]["account_ids"] == [{"id": ERIK, "name": "Erik Sand", "type": "LINKEDIN"}]
    assert listed["items"][0]["headers"] == [header]
    assert listed["items"][1]["account_ids"] == []
    assert listed["items"][1]["events"] == ["message_received"]
    assert api.delete(f"webhooks/{first}").json() == {"object": "WebhookDeleted"}
    assert problem(api.delete(f"webhooks/{first}")) == (404, "resource_not_found")
    wrong = {"source": "messaging", "request_url": receiver.url, "events": ["new_relation"]}
    assert problem(api.post("webhooks", json=wrong)) == (400, "invalid_parameters")


def test_a_reply_arrives_flat_with_the_secret_and_without_content_type(
    sandbox: SandboxHandle, api: Api, receiver: Receiver
) -> None:
    chat_id, _ = talk(sandbox, api)
    api.subscribe(receiver.url, headers=[{"key": "Unipile-Auth", "value": "s3cret"}])
    said = sandbox.reply("tomas-weil", "Sounds good, send details")
    (got,) = receiver.received
    assert got.headers["unipile-auth"] == "s3cret"
    assert "content-type" not in got.headers
    body = got.body
    person, own = (
        api.member_id("tomas-weil"),
        api.get(f"accounts/{ERIK}").json()["connection_params"]["im"]["id"],
    )
    assert body["event"] == "message_received"
    assert body["account_id"] == ERIK
    assert body["account_info"] == {"type": "LINKEDIN", "feature": "classic", "user_id": own}
    assert body["webhook_name"] == "t-messaging"
    assert (body["chat_id"], body["message_id"]) == (chat_id, said["message_id"])
    assert body["message"] == "Sounds good, send details"
    assert "text" not in body
    assert (body["is_sender"], body["is_group"], body["is_event"]) == (False, False, 0)
    assert body["sender"]["attendee_provider_id"] == person
    assert body["sender"]["attendee_profile_url"] == f"https://www.linkedin.com/in/{person}/"
    assert [item["attendee_provider_id"] for item in body["attendees"]] == [own]
    assert body["attachments"] == []
    stored = api.get(f"messages/{said['message_id']}").json()
    assert body["provider_message_id"] == stored["provider_id"]
    assert body["timestamp"] == stored["timestamp"]


def test_json_content_type_comes_if_the_subscription_says_so(
    sandbox: SandboxHandle, api: Api, receiver: Receiver
) -> None:
    talk(sandbox, api)
    api.subscribe(receiver.url, headers=[{"key": "Content-Type", "value": "application/json"}])
    sandbox.reply("tomas-weil", "Hello")
    assert receiver.received[0].headers["content-type"] == "application/json"


def test_own_messages_arrive_too_from_the_api_and_from_the_phone(
    sandbox: SandboxHandle, api: Api, receiver: Receiver
) -> None:
    provider_id = befriend(sandbox, api, "tomas-weil")
    api.subscribe(receiver.url)
    api.start_chat(provider_id, "From the API")
    sandbox.settle()
    sandbox.act("tomas-weil", "own_message", text="From my phone")
    texts = [(item["message"], item["is_sender"]) for item in receiver.events("message_received")]
    assert texts == [("From the API", True), ("From my phone", True)]
    for item in receiver.events():
        assert item["sender"]["attendee_provider_id"] == item["account_info"]["user_id"]
        assert item["sender"]["attendee_specifics"]["network_distance"] == "SELF"
        assert [person["attendee_provider_id"] for person in item["attendees"]] == [provider_id]


def test_every_messaging_event_is_told(sandbox: SandboxHandle, api: Api, receiver: Receiver) -> None:
    _chat_id, message_id = talk(sandbox, api)
    api.subscribe(receiver.url, events=MESSAGING)
    sandbox.jump(minutes=1)
    sandbox.act("tomas-weil", "read")
    sandbox.act("tomas-weil", "react", emoji="👍")
    theirs = sandbox.reply("tomas-weil", "Frist")["message_id"]
    sandbox.act("tomas-weil", "edit", text="First")
    sandbox.act("tomas-weil", "delete")
    events = receiver.events()
    assert [(item["event"], item["message_id"]) for item in events] == [
        ("message_delivered", message_id),
        ("message_read", message_id),
        ("message_reaction", message_id),
        ("message_received", theirs),
        ("message_edited", theirs),
        ("message_deleted", theirs),
    ]
    assert events[2]["reaction"] == "👍"
    assert events[2]["reaction_sender"]["attendee_name"] == "Tomas Weil"
    assert events[4]["message"] == "First"
    assert events[5]["message"] == ""
    ours = api.get(f"messages/{message_id}").json()
    assert ours["seen"] == 1
    assert ours["reactions"] == [
        {"value": "👍", "sender_id": api.member_id("tomas-weil"), "is_sender": False}
    ]
    assert api.get(f"messages/{theirs}").json()["deleted"] == 1


def test_new_relation_is_flat_late_and_without_timestamp(
    sandbox: SandboxHandle, api: Api, receiver: Receiver
) -> None:
    sandbox.settings(new_relation_delay_minutes=[480, 480])
    api.subscribe(receiver.url, source="users")
    api.invite("tomas-weil")
    sandbox.accept("tomas-weil")
    sandbox.jump(minutes=479)
    assert receiver.received == []
    sandbox.jump(minutes=2)
    (body,) = receiver.events()
    assert body == {
        "event": "new_relation",
        "account_id": ERIK,
        "account_type": "LINKEDIN",
        "webhook_name": "t-users",
        "user_full_name": "Tomas Weil",
        "user_provider_id": api.member_id("tomas-weil"),
        "user_public_identifier": "tomas-weil",
        "user_profile_url": "https://www.linkedin.com/in/tomas-weil/",
        "user_picture_url": body["user_picture_url"],
    }


def test_subscriptions_of_one_account_hear_nothing_of_others(
    sandbox: SandboxHandle, api: Api, receiver: Receiver
) -> None:
    api.subscribe(receiver.url, account_ids=[LUCIA])
    talk(sandbox, api)
    sandbox.reply("tomas-weil", "Hello")
    assert receiver.received == []


def test_anything_but_200_is_tried_five_times_more_with_growing_delay(
    sandbox: SandboxHandle, api: Api, receiver: Receiver
) -> None:
    talk(sandbox, api)
    api.subscribe(receiver.url)
    receiver.statuses = [500, 201, 302, 500, 500, 500, 500]
    sandbox.reply("tomas-weil", "Hello")
    assert len(receiver.received) == 1
    for count, minutes in enumerate([1, 5, 15, 60, 180], start=2):
        sandbox.jump(minutes=minutes - 0.5)
        assert len(receiver.received) == count - 1, "too early"
        sandbox.jump(minutes=0.5)
        assert len(receiver.received) == count
    sandbox.jump(days=2)
    assert len(receiver.received) == 6
    assert len({item.raw for item in receiver.received}) == 1
    (failed,) = sandbox.deliveries(state="failed")
    assert [item["status"] for item in failed["log"]] == [500, 201, 302, 500, 500, 500]
    receiver.statuses = []
    sandbox.call("POST", f"/deliveries/{failed['id']}/redeliver")
    sandbox.settle()
    assert [item["id"] for item in sandbox.deliveries(state="delivered")] == [failed["id"]]


def test_a_receiver_that_is_down_or_slow_is_tried_again(
    sandbox: SandboxHandle, api: Api, receiver: Receiver
) -> None:
    talk(sandbox, api)
    api.subscribe("http://127.0.0.1:9/nobody")
    sandbox.reply("tomas-weil", "Hello")
    (waiting,) = sandbox.deliveries(state="queued")
    assert waiting["log"][0]["status"] is None
    assert "Connect" in waiting["log"][0]["error"]


def test_a_lost_session_stops_message_webhooks_and_reconnecting_brings_the_missed_ones(
    sandbox: SandboxHandle, api: Api, receiver: Receiver
) -> None:
    chat_id, _ = talk(sandbox, api)
    api.subscribe(receiver.url)
    api.subscribe(receiver.url, source="users")
    api.subscribe(
        receiver.url, source="account_status", events=["credentials", "reconnected", "ok", "sync_success"]
    )
    sandbox.set_seat_status(ERIK, "CREDENTIALS")
    assert receiver.received.pop().body == {
        "AccountStatus": {"account_id": ERIK, "account_type": "LINKEDIN", "message": "CREDENTIALS"}
    }
    assert api.get(f"accounts/{ERIK}").json()["sources"][0]["status"] == "CREDENTIALS"
    first = sandbox.reply("tomas-weil", "one")
    sandbox.reply("tomas-weil", "two")
    sandbox.act("new-friend", "connect", account_id=ERIK)
    assert receiver.received == []
    assert len(api.get(f"chats/{chat_id}/messages").json()["items"]) == 1, "stale while disconnected"

    sandbox.set_seat_status(ERIK, "OK")
    burst = [item["message"] for item in receiver.events("message_received")]
    assert burst == ["one", "two"]
    assert receiver.events("message_received")[0]["timestamp"] == first["timestamp"]
    assert len(receiver.events("new_relation")) == 1
    told = [item["AccountStatus"]["message"] for item in receiver.events() if "AccountStatus" in item]
    assert told == ["RECONNECTED", "OK", "SYNC_SUCCESS"]
    assert len(api.get(f"chats/{chat_id}/messages").json()["items"]) == 3


def test_form_format_and_renamed_fields(sandbox: SandboxHandle, api: Api, receiver: Receiver) -> None:
    talk(sandbox, api)
    api.subscribe(
        receiver.url,
        format="form",
        data=[{"name": "words", "key": "message"}, {"name": "at", "key": "timestamp"}],
    )
    said = sandbox.reply("tomas-weil", "Hello & goodbye")
    (got,) = receiver.received
    assert got.headers["content-type"] == "application/x-www-form-urlencoded"
    assert parse_qs(got.raw.decode()) == {
        "event": ["message_received"],
        "words": ["Hello & goodbye"],
        "at": [said["timestamp"]],
    }


@pytest.mark.parametrize(
    ("variant", "changed"),
    [
        ("is_sender_absent", lambda body: "is_sender" not in body),
        ("is_sender_null", lambda body: body["is_sender"] is None),
        ("participants", lambda body: "attendees" not in body and len(body["participants"]) == 1),
        ("no_public_identifier", lambda body: "attendee_public_identifier" not in body["sender"]),
        ("no_account_info", lambda body: "account_info" not in body),
        ("attachment_dict", lambda body: body["attachments"]["mimetype"] == "text/plain"),
    ],
)
def test_shape_variants(
    sandbox: SandboxHandle, api: Api, receiver: Receiver, variant: str, changed: object
) -> None:
    talk(sandbox, api)
    api.subscribe(receiver.url)
    sandbox.add_fault("shape", on="webhook", variant=variant, times=1)
    note = {"name": "a.txt", "mimetype": "text/plain", "content_base64": "aGVsbG8="}
    sandbox.reply("tomas-weil", "Hello", attachments=[note])
    sandbox.reply("tomas-weil", "Hello", attachments=[note])
    bent, straight = receiver.events()
    assert callable(changed)
    assert changed(bent)
    assert straight["is_sender"] is False
    assert straight["attachments"][0]["attachment_name"] == "a.txt"


def test_a_long_backlog_loses_nothing(sandbox: SandboxHandle, api: Api, receiver: Receiver) -> None:
    talk(sandbox, api)
    api.subscribe(receiver.url)
    sandbox.add_fault("duplicate", copies=5999, times=1)
    sandbox.add_fault("late", minutes=5, times=1)
    sandbox.reply("tomas-weil", "Hello", settle=False)
    assert sandbox.state()["deliveries"] == {"queued": 6000}
