"""Around a thread: intent, sequence, merging and splitting, and telling people."""

from __future__ import annotations

import hashlib
import hmac
import json
import uuid
from datetime import UTC, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import pytest
import respx
from cryptography.hazmat.primitives.asymmetric import ec
from django.test import Client as Browser

from campaigns.models import Campaign, Enrollment, Lead, ReplyReading
from inbox.models import (
    Conversation,
    Message,
    Notification,
    NotificationDelivery,
    NotificationSettings,
    SystemLine,
)
from inbox.services import delivering, moves, notes, notifications, push, replies, slack, steering, triage
from integrations.models import SystemMail
from integrations.services import outbox
from integrations.services.outgoing import message_id_of
from project.core.clock import now
from project.core.http import guard
from project.core.ids import uuid7
from project.core.refusals import Invalid
from project.core.scoping import no_scope
from tests.campaigns.channels import Post, post
from tests.campaigns.conftest import WORKING, World

__all__ = ["post"]
pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture
def thread(world: World) -> Conversation:
    world.lead("Marta", "marta")
    world.says("marta", "Tell me more", WORKING)
    return Conversation.objects.get()


# --- intent and sequence ----------------------------------------------------------------------------


def test_an_intent_is_corrected_and_what_the_rules_said_is_kept(post: Post) -> None:
    post.lead("Ada")
    post.launch()
    own = message_id_of(post.send_next())
    post.answers("ada@prospect.test", "Not now, try again next year", WORKING + HOUR, references=(own,))
    reading = ReplyReading.objects.get()
    conversation = Conversation.objects.get()
    steering.correct_intent(conversation_id=conversation.id, intent="interested", actor=post.agency.agent)
    reading.refresh_from_db()
    assert (reading.intent, reading.first_intent, reading.source) == ("interested", "not_now", "person")
    assert conversation.refreshed().intent == "interested"
    assert SystemLine.objects.filter(conversation=conversation, text__contains="interested").exists()
    with pytest.raises(Invalid):
        steering.correct_intent(conversation_id=conversation.id, intent="bored", actor=post.agency.agent)


def test_a_sequence_is_moved_and_a_meeting_ends_it(post: Post, client: Browser) -> None:
    lead = post.lead("Ada")
    post.launch()
    post.send_next()
    conversation = Conversation.objects.get()
    steering.act_on_sequence(
        conversation_id=conversation.id, act="move", node_id="bump", actor=post.agency.agent
    )
    assert post.enrollment(lead).node_id == "bump"
    with pytest.raises(Invalid, match="no such step"):
        steering.act_on_sequence(
            conversation_id=conversation.id, act="move", node_id="nowhere", actor=post.agency.agent
        )
    with no_scope():
        client.force_login(post.agency.agent)
        panel = client.get(post.agency.url(f"inbox/{conversation.id}/context/")).content.decode()
    assert "Why, and what would change it" in panel
    steering.act_on_sequence(conversation_id=conversation.id, act="meeting", actor=post.agency.agent)
    assert post.enrollment(lead).stage == "meeting"
    assert SystemLine.objects.filter(conversation=conversation, kind="meeting").exists()


def test_whose_sequence_has_ended_is_put_into_another_and_who_is_away_comes_back(
    post: Post, client: Browser
) -> None:
    lead = post.lead("Ada")
    post.launch()
    post.send_next()
    conversation = Conversation.objects.get()
    second = Campaign.objects.get()
    second.pk, second.name, second.status = uuid7(), "Second try", Campaign.Status.DRAFT
    second.current_version = None
    second._state.adding = True
    second.save()
    client.force_login(post.agency.agent)
    address = post.agency.url(f"inbox/{conversation.id}/")

    def enter() -> Any:
        return client.post(f"{address}sequence/", {"act": "enter", "campaign": str(second.id)})

    assert "no other running campaign" in client.get(f"{address}campaigns/").content.decode()
    assert enter().status_code == 422, "it does not run yet"
    version = post.enrollment(lead).plan_version
    Campaign.objects.filter(id=second.id).update(status=Campaign.Status.ACTIVE, current_version=version)
    assert "Second try" in client.get(f"{address}campaigns/").content.decode()
    enter()
    first, other = Enrollment.objects.filter(lead=lead).order_by("created_at")
    assert (first.status, other.status, other.campaign_id) == ("ended", "active", second.id)
    assert "Second try" in first.reason
    assert SystemLine.objects.filter(conversation=conversation, text__endswith="“Second try”.").exists()
    again = enter()
    assert (again.status_code, "already" in again.content.decode()) == (422, True)

    # Away until a day: back in the list on that morning, where the person is.
    Lead.objects.filter(id=lead.id).update(time_zone="America/New_York")
    day = (now() + timedelta(days=9)).date()
    client.post(f"{address}intent/", {"intent": "out_of_office", "returns_on": day.isoformat()})
    conversation.refresh_from_db()
    assert (conversation.intent, conversation.status) == ("out_of_office", "snoozed")
    assert conversation.snoozed_until is not None
    back = conversation.snoozed_until.astimezone(ZoneInfo("America/New_York"))
    assert (back.date(), back.hour) == (day, 9)
    assert (
        client.post(f"{address}intent/", {"intent": "out_of_office", "returns_on": "soon"}).status_code == 422
    )


# --- merging and splitting --------------------------------------------------------------------------


def test_a_deal_is_kept_with_the_lead_told_in_the_thread_and_exported(
    world: World, thread: Conversation, client: Browser
) -> None:
    agency = world.agency
    client.force_login(agency.agent)
    url = agency.url(f"inbox/{thread.id}/deal/")
    htmx = {"HX-Request": "true"}
    for wrong in (
        {"value": "a lot"},
        {"value": "-1", "currency": "NOK"},
        {"value": "5"},
        {"value": "5", "currency": "€"},
    ):
        assert client.post(url, {"stage": "open", **wrong}, headers=htmx).status_code == 422
    given = {"stage": "open", "value": "12500.50", "currency": "nok", "meeting_on": "2026-12-24"}
    panel = client.post(url, given, headers=htmx).content.decode()
    assert "12,500.50 NOK" in panel
    assert "meeting 24 Dec 2026" in panel
    client.post(url, {**given, "stage": "won"}, headers=htmx)
    said = SystemLine.objects.filter(conversation=thread, kind="deal").order_by("created_at")
    assert [line.text.partition(" says ")[2] for line in said] == [
        "that the deal is open, worth 12,500.50 NOK.", "that the deal is won, worth 12,500.50 NOK.",
    ]  # fmt: skip
    with no_scope():
        lines = b"".join(client.get(agency.url("inbox/export.csv?view=all"))).decode().splitlines()
    assert lines[1].endswith("won,12500.50,NOK,2026-12-24")
    gone = client.post(url, {"act": "remove"}, headers=htmx).content.decode()
    assert "None yet." in gone


def test_merged_threads_are_one_whatever_comes_later_and_can_be_parted_again(
    post: Post, client: Browser
) -> None:
    post.lead("Ada")
    post.answers("ada@prospect.test", "One", WORKING, message_id="<a@x>", subject="A")
    post.answers("ada@prospect.test", "Two", WORKING + HOUR, message_id="<b@x>", subject="B")
    first, second = (Message.objects.get(body=body).conversation for body in ("One", "Two"))
    move = moves.merge(source_id=second.id, target_id=first.id, actor=post.agency.agent)
    assert Message.objects.filter(conversation=first).count() == 2
    assert (first.refreshed().last_snippet, first.refreshed().unread) == ("Two", 2)
    assert second.refreshed().has_inbound is False, "an empty thread is in no list"
    # Whoever has the empty thread open is led to where it went, and writes nothing into it.
    client.force_login(post.agency.agent)
    led = client.get(post.agency.url(f"inbox/{second.id}/?view=mine"))
    assert led.headers["Location"] == post.agency.url(f"inbox/{first.id}/?view=mine")
    with pytest.raises(threads.ThreadMoved) as refusal:
        replies.send_reply(
            conversation_id=second.id, author=post.agency.agent, body="Lost", client_token=uuid.uuid4(),
            seen_revision=second.refreshed().revision,
        )  # fmt: skip
    assert refusal.value.details["home"] == str(first.id)
    with pytest.raises(threads.ThreadMoved):
        notes.add_note(conversation_id=second.id, author=post.agency.agent, body="Lost")
    post.answers("ada@prospect.test", "Three", WORKING + 2 * HOUR, message_id="<c@x>", references=("<b@x>",))
    assert Message.objects.filter(conversation=first).count() == 3
    moves.undo(move_id=move.id, actor=post.agency.agent)
    assert [row.body for row in Message.objects.filter(conversation=second)] == ["Two"]
    assert second.refreshed().merged_into is None
    assert second.refreshed().status == "open"


def test_a_thread_is_split_and_later_mail_goes_where_it_belongs(post: Post) -> None:
    post.lead("Ada")
    post.answers("ada@prospect.test", "One", WORKING, message_id="<a@x>")
    post.answers("ada@prospect.test", "Two", WORKING + HOUR, message_id="<b@x>", references=("<a@x>",))
    source = Conversation.objects.get()
    second = Message.objects.get(body="Two")
    move = moves.split(conversation_id=source.id, message_id=second.id, actor=post.agency.agent)
    post.answers(
        "ada@prospect.test", "Three", WORKING + 2 * HOUR, message_id="<c@x>", references=("<a@x>", "<b@x>")
    )
    assert [row.body for row in Message.objects.filter(conversation=move.target)] == ["Two", "Three"]
    with pytest.raises(moves.MoveRefused, match="Nothing would be left"):
        moves.split(
            conversation_id=source.id, message_id=Message.objects.get(body="One").id, actor=post.agency.agent
        )


def test_threads_of_other_senders_and_people_stay_apart(world: World, thread: Conversation) -> None:
    bo = world.lead("Bo", "bo")
    world.says("bo", "Hello", WORKING, message="b1")
    other = Conversation.objects.exclude(id=thread.id).get()
    with pytest.raises(moves.MoveRefused, match="different people"):
        moves.merge(source_id=other.id, target_id=thread.id, actor=world.agency.agent)
    move = moves.rehome(conversation_id=other.id, lead_id=thread.lead_id, actor=world.agency.agent)
    assert other.refreshed().lead_id == thread.lead_id
    moves.undo(move_id=move.id, actor=world.agency.agent)
    assert other.refreshed().lead_id == bo.id


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
    payload = {"type": "block_actions", "user": {"id": "U1"}, "response_url": "https://evil.example/"}
    payload |= {"actions": [{"action_id": "close", "value": str(thread.id)}]}
    assert slack.pressed(own.refreshed(), urlencode({"payload": json.dumps(payload)}).encode())[1] == ""


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
