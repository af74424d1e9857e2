"""Telling people: what, on which ways, when, and with what proof."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import uuid
from datetime import UTC, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

import jwt
import pytest
import respx
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.test import Client as Browser

from inbox.models import (
    Conversation,
    Message,
    Notification,
    NotificationDelivery,
    NotificationSettings,
    PushSubscription,
)
from inbox.services import (
    delivering,
    drafts,
    notes,
    notifications,
    push,
    replies,
    slack,
    triage,
)
from integrations.models import SystemMail
from integrations.services import outbox
from project.core.clock import now
from project.core.http import guard
from project.core.refusals import Invalid
from project.core.scoping import no_scope
from tests.campaigns.channels import post
from tests.campaigns.conftest import WORKING, World

__all__ = ["post"]
pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture
def thread(world: World) -> Conversation:
    world.lead("Marta", "marta")
    world.says("marta", "Tell me more", WORKING)
    return Conversation.objects.get()


# --- telling people ---------------------------------------------------------------------------------


def test_a_mention_is_told_once_by_the_ways_that_are_on(world: World, thread: Conversation) -> None:
    agency = world.agency
    name = agency.manager.display_name
    notes.add_note(conversation_id=thread.id, author=agency.agent, body=f"@{name} look")
    told = Notification.objects.get(user=agency.manager, occasion="mention")
    ways = {row.way: row for row in told.deliveries.all()}
    assert set(ways) == {"browser", "email"}
    assert ways["email"].due_at > now(), "mails gather"
    notifications.on_note(
        notifications.NoteAdded(
            conversation=thread, note=thread.notes.get(), author=agency.agent, mentioned=(agency.manager,)
        )
    )
    assert Notification.objects.filter(user=agency.manager, occasion="mention").count() == 1


def test_mail_gathers_and_what_was_read_before_is_not_sent(
    world: World, thread: Conversation, time_machine: Any
) -> None:
    agency = world.agency
    triage.assign(conversation_id=thread.id, assignee_id=agency.agent.id, actor=agency.manager)
    notifications.choose(user=agency.agent, client=None, occasion="reply", way="email", is_on=True)
    for number in range(3):
        world.says("marta", f"And {number}", now() + timedelta(minutes=number), message=f"n{number}")
    assert NotificationDelivery.objects.filter(way="email", user=agency.agent, state="due").count() == 3
    delivering.deliver_due()
    assert not SystemMail.objects.filter(kind="notification").exists()
    time_machine.shift(timedelta(minutes=6))
    delivering.deliver_due()
    [mail] = SystemMail.objects.filter(kind="notification")
    assert mail.subject == "3 things wait for you in the inbox"
    assert set(
        NotificationDelivery.objects.filter(way="email", user=agency.agent).values_list("state", flat=True)
    ) == {"delivered"}
    world.says("marta", "More", now(), message="m9")
    notifications.mark_read(user=agency.agent)
    time_machine.shift(timedelta(minutes=6))
    delivering.deliver_due()
    assert SystemMail.objects.filter(kind="notification").count() == 1
    assert NotificationDelivery.objects.filter(way="email", state="skipped").exists()


def test_nothing_leaves_in_quiet_hours_or_over_the_limit(world: World) -> None:
    own = NotificationSettings(
        user=world.agency.agent, time_zone="Europe/Oslo", quiet_from=time(19), quiet_until=time(7)
    )
    evening = datetime(2026, 11, 30, 20, 0, tzinfo=UTC)
    assert delivering.quiet_until(own, evening) == datetime(2026, 12, 1, 6, 0, tzinfo=UTC)
    assert delivering.quiet_until(own, datetime(2026, 11, 30, 12, 0, tzinfo=UTC)) is None


def test_whoever_ends_their_quiet_hours_waits_for_nothing_any_more(
    world: World, thread: Conversation, time_machine: Any
) -> None:
    agency = world.agency
    always = {"time_zone": "UTC", "quiet_from": time(0), "quiet_until": time(23, 59), "batch_minutes": 5}
    notifications.save_settings(user=agency.manager, values=always, addresses={})
    name = agency.manager.display_name
    notes.add_note(conversation_id=thread.id, author=agency.agent, body=f"@{name} look")
    time_machine.shift(timedelta(minutes=6))
    delivering.deliver_due()
    mails = NotificationDelivery.objects.filter(way="email", user=agency.manager).order_by("created_at")
    put_off = mails.get()
    assert (put_off.state, put_off.reason) == ("due", "Quiet hours.")
    assert put_off.due_at > now() + HOUR
    # What comes meanwhile gathers for minutes, not for a day; with the quiet hours ended, all of it leaves.
    notes.add_note(conversation_id=thread.id, author=agency.agent, body=f"@{name} again")
    assert [row.due_at - now() for row in mails][1] == timedelta(minutes=5)
    notifications.save_settings(
        user=agency.manager, values={"quiet_from": None, "quiet_until": None}, addresses={}
    )
    delivering.deliver_due()
    time_machine.shift(timedelta(minutes=6))
    delivering.deliver_due()
    assert [row.state for row in mails.all()] == ["delivered", "delivered"]


def test_addresses_must_be_public_and_are_told_with_a_signature(
    world: World, thread: Conversation, monkeypatch: pytest.MonkeyPatch, respx_mock: respx.MockRouter
) -> None:
    agency = world.agency

    def save(**addresses: str) -> None:
        notifications.save_settings(user=agency.agent, values={}, addresses=addresses)

    for private in ("https://127.0.0.1/x", "https://169.254.169.254/latest", "http://10.0.0.1/", "ftp://x"):
        with pytest.raises(Invalid):
            save(webhook_url=private)
    monkeypatch.setattr(notifications, "check_url", guard.check_shape)
    save(webhook_url="https://hooks.example/x", webhook_secret="s3cret")
    triage.assign(conversation_id=thread.id, assignee_id=agency.agent.id, actor=agency.manager)
    route = respx_mock.post("https://hooks.example/x").respond(204)
    delivering.deliver_due()
    sent = json.loads(route.calls.last.request.content)
    assert sent["notifications"][0]["occasion"] == "assigned"
    assert route.calls.last.request.headers["X-Outbound-Signature"].startswith("v1=")
    assert NotificationDelivery.objects.get(way="webhook").state == "delivered"
    stored = NotificationSettings.objects.get(user=agency.agent)
    assert "hooks.example" not in stored.addresses


def test_buttons_in_slack_act_for_whom_they_were_made_and_for_nobody_else(
    world: World,
    thread: Conversation,
    client: Browser,
    monkeypatch: pytest.MonkeyPatch,
    respx_mock: respx.MockRouter,
    django_capture_on_commit_callbacks: Any,
) -> None:
    agency = world.agency
    monkeypatch.setattr(notifications, "check_url", guard.check_shape)
    own = notifications.save_settings(
        user=agency.agent,
        values={"batch_minutes": 0},
        addresses={"slack_url": "https://hooks.slack.com/services/x"},
    )
    shown = respx_mock.post("https://hooks.slack.com/services/x").respond(200)
    triage.assign(conversation_id=thread.id, assignee_id=agency.agent.id, actor=agency.manager)
    delivering.deliver_due()
    assert "blocks" not in json.loads(shown.calls.last.request.content), "nobody vouches for who presses"
    notifications.save_settings(
        user=agency.agent, values={}, addresses={"slack_signing_secret": "s3cret", "slack_member": "U1"}
    )
    notes.add_note(
        conversation_id=thread.id, author=agency.manager, body=f"@{agency.agent.display_name} <look> & see"
    )
    delivering.deliver_due()
    section, actions = json.loads(shown.calls.last.request.content)["blocks"]
    assert "&lt;look&gt; &amp; see" in section["text"]["text"]
    assert [one["action_id"] for one in actions["elements"]] == ["open", *slack.BUTTONS]

    def press(
        name: str,
        *,
        who: str = "U1",
        secret: str = "s3cret",
        age: int = 0,
        body: bytes = b"",
        value: str = "",
    ) -> int:
        payload = {
            "type": "block_actions",
            "user": {"id": who},
            "actions": [{"action_id": name, "value": value or str(thread.id)}],
            "response_url": "https://hooks.slack.com/actions/y",
        }
        content = body or urlencode({"payload": json.dumps(payload)}).encode()
        stamp = str(int(now().timestamp()) - age)
        made = hmac.new(secret.encode(), b"v0:" + stamp.encode() + b":" + content, hashlib.sha256).hexdigest()
        headers = {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={made}"}
        with django_capture_on_commit_callbacks(execute=True):
            answer = client.post(
                f"/slack/{own.id}/",
                content,
                content_type="application/x-www-form-urlencoded",
                headers=headers,
            )
        return answer.status_code

    assert press("close", secret="guessed") == 403
    assert press("close", age=301) == 403
    assert client.post(f"/slack/{uuid.uuid4()}/", {}).status_code == 403
    for wrong in (b"payload=%7B", b"payload=[]", b'payload={"type":"block_actions","actions":[]}', b"\xff"):
        assert press("close", body=wrong) == 200
    assert press("delete_all") == 200
    assert press("close", value="x") == 200
    assert press("close", who="U2") == 200
    assert thread.refreshed().status == "open"
    press("close")
    assert thread.refreshed().status == "closed"
    press("snooze")
    assert thread.refreshed().status == "snoozed"
    press("interested")
    assert thread.refreshed().intent == "interested"
    undone = client.get(agency.url("inbox/journal/"))
    assert undone.status_code == 302, "the address signs nobody in"

    # What came of it is told by a task; only Slack's own address is called.
    told = respx_mock.post("https://hooks.slack.com/actions/y").respond(200)
    slack.tell(answer_at="https://hooks.slack.com/actions/y", text="Marta <is> closed.")
    assert json.loads(told.calls.last.request.content)["text"] == "Marta &lt;is&gt; closed."
    payload: dict[str, Any] = {
        "type": "block_actions",
        "user": {"id": "U1"},
        "response_url": "https://evil.example/",
    }
    payload |= {"actions": [{"action_id": "close", "value": str(thread.id)}]}
    assert slack.pressed(own.refreshed(), urlencode({"payload": json.dumps(payload)}).encode())[1] == ""


def test_a_reply_is_answered_from_slack_unless_the_thread_has_moved_on(
    world: World, thread: Conversation, monkeypatch: pytest.MonkeyPatch, respx_mock: respx.MockRouter
) -> None:
    agency = world.agency
    monkeypatch.setattr(notifications, "check_url", guard.check_shape)
    own = notifications.save_settings(
        user=agency.agent,
        values={"batch_minutes": 0},
        addresses={
            "slack_url": "https://hooks.slack.com/services/x", "slack_signing_secret": "s", "slack_member": "U1",
        },
    )  # fmt: skip
    shown = respx_mock.post("https://hooks.slack.com/services/x").respond(200)
    triage.assign(conversation_id=thread.id, assignee_id=agency.agent.id, actor=agency.agent)
    world.says("marta", "What does it cost?", now(), message="m-slack")
    delivering.deliver_due()
    section, field, actions = json.loads(shown.calls.last.request.content)["blocks"]
    assert "What does it cost?" in section["text"]["text"]
    send = next(one for one in actions["elements"] if one["action_id"] == "answer")

    def press(text: Any, who: str = "U1", value: str = send["value"]) -> str:
        payload = {
            "type": "block_actions", "user": {"id": who}, "response_url": "https://hooks.slack.com/actions/y",
            "actions": [{"action_id": "answer", "value": value}],
            "state": {"values": {field["block_id"]: {"text": {"value": text}}}},
        }  # fmt: skip
        return slack.pressed(own.refreshed(), urlencode({"payload": json.dumps(payload)}).encode())[0]

    ours = Message.objects.filter(conversation=thread, author=agency.agent)
    for wrong in (None, "  ", {"a": 1}):
        assert "Nothing was sent" in press(wrong)
    assert "Nothing was sent" in press("Hi", value=f"{thread.id}:x:y")
    assert "Nothing was sent" in press("Hi", value=str(thread.id))
    assert "Only" in press("Hi", who="U2")
    assert not ours.exists()
    drafts.save(conversation_id=thread.id, author=agency.agent, body="Half a thought")
    assert "writing a reply there" in press("Forty a month.")
    drafts.clear(conversation_id=thread.id, author=agency.agent)
    assert "leaves in" in press("Forty a month.")
    assert "leaves in" in press("Forty a month."), "pressed twice"
    assert [(one.body, one.timing) for one in ours] == [("Forty a month.", "undo")]
    # They wrote again: what was written to the first question does not leave.
    world.says("marta", "Never mind, too late", now(), message="m-later")
    assert "writing a reply there" in press("Also: five seats."), "it is a draft again"
    drafts.clear(conversation_id=thread.id, author=agency.agent)
    assert "Nothing was sent" in press("Also: five seats.")
    assert ours.count() == 1


def test_pushes_are_encrypted_as_the_standard_says() -> None:
    # RFC 8291, appendix A.
    private = ec.derive_private_key(
        int.from_bytes(push.decoded("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw")), ec.SECP256R1()
    )
    made = push.encrypt(
        b"When I grow up, I want to be a watermelon",
        p256dh="BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
        auth="BTBZMqHH6r4Tts7J_aSIgg",
        private=private,
        salt=push.decoded("DGv6ra1nlYgDCS1FRnbzlw"),
    )
    assert push.encoded(made) == (
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_y"
        "l95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
    )


def opened(content: bytes, private: ec.EllipticCurvePrivateKey, auth: bytes) -> dict[str, Any]:
    """What a browser makes of a push: the receiving side of RFC 8291."""
    salt, sender = content[:16], content[21 : 21 + content[20]]
    ours = private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    shared = private.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender))

    def derived(secret: bytes, seed: bytes, info: bytes, length: int) -> bytes:
        return HKDF(hashes.SHA256(), length, seed, info).derive(secret)

    secret = derived(shared, auth, b"WebPush: info\0" + ours + sender, 32)
    key = derived(secret, salt, b"Content-Encoding: aes128gcm\0", 16)
    nonce = derived(secret, salt, b"Content-Encoding: nonce\0", 12)
    plain = AESGCM(key).decrypt(nonce, content[21 + content[20] :], None)
    found: dict[str, Any] = json.loads(plain.rstrip(b"\0").removesuffix(b"\x02"))
    return found


def test_a_browser_that_subscribed_gets_what_it_alone_can_read(
    world: World,
    thread: Conversation,
    client: Browser,
    monkeypatch: pytest.MonkeyPatch,
    respx_mock: respx.MockRouter,
) -> None:
    agency = world.agency
    monkeypatch.setattr(notifications, "check_url", guard.check_shape)
    private, auth = ec.generate_private_key(ec.SECP256R1()), b"sixteen bytes !!"
    point = private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    client.force_login(agency.agent)
    address = agency.url("inbox/notifications/browser/")
    keys = {"p256dh": push.encoded(point), "auth": push.encoded(auth), "label": "Firefox"}
    for endpoint in ("https://push.example/one", "https://push.example/gone"):
        assert client.post(address, {**keys, "endpoint": endpoint}).status_code == 204
    taken = respx_mock.post("https://push.example/one").respond(201)
    respx_mock.post("https://push.example/gone").respond(410)
    notifications.mark_read(user=agency.agent)  # their reply was told of before
    triage.assign(conversation_id=thread.id, assignee_id=agency.agent.id, actor=agency.manager)
    delivering.deliver_due()
    request = taken.calls.last.request
    assert b"gave you" not in request.content
    notice = opened(request.content, private, auth)
    assert notice["title"] == f"{agency.manager.display_name} gave you {thread.title}"
    assert notice["url"].endswith(agency.url(f"inbox/{thread.id}/"))
    # The push service is told who sends, for itself and for a while.
    scheme, token, key = re.split(r" t=|, k=", request.headers["Authorization"])
    proof = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), push.decoded(key))
    claims = jwt.decode(token, proof, algorithms=["ES256"], audience="https://push.example")
    assert (scheme, claims["sub"].startswith("mailto:")) == ("vapid", True)
    # A browser that has unsubscribed is forgotten.
    assert [row.endpoint for row in PushSubscription.objects.all()] == ["https://push.example/one"]
    told = NotificationDelivery.objects.get(way="browser", notification__occasion="assigned")
    assert told.state == "delivered"


def test_a_failed_reply_tells_its_author(world: World, thread: Conversation) -> None:
    sent = replies.send_reply(
        conversation_id=thread.id,
        author=world.agency.agent,
        body="Hi",
        client_token=uuid.uuid4(),
        seen_revision=thread.refreshed().revision,
    )
    row = sent.outbound
    assert row is not None
    outbox.cancel(row, reason="They must not be contacted.")
    told = Notification.objects.get(user=world.agency.agent, occasion="failed")
    assert told.text == "They must not be contacted."


def test_the_pages_show_choices_deliveries_and_the_person(
    world: World, thread: Conversation, client: Browser
) -> None:
    agency = world.agency
    notes.add_note(
        conversation_id=thread.id, author=agency.agent, body=f"@{agency.manager.display_name} look"
    )
    with no_scope():
        client.force_login(agency.manager)
        page = client.get(agency.url("inbox/notifications/")).content.decode()
        assert "mentioned you: Marta" in page
        assert "A note that mentions me" in page
        person = client.get(agency.url(f"inbox/{thread.id}/person/")).content.decode()
        worker = client.get("/worker.js")
    assert "Tell me more" in person
    assert worker["Content-Type"].startswith("text/javascript")
