"""Threads of e-mail and SMS: one conversation each, answered on their channel, whatever arrives first."""

from __future__ import annotations

import itertools
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser

from campaigns.services import suppression
from inbox.models import Conversation, Message, PendingChange
from inbox.services import replies
from integrations.events import MessageBounced, MessageDelivered, MessageOpened
from integrations.mail.building import build_mime
from integrations.models import OutboundMessage
from integrations.providers.sendgrid.send import body_of
from integrations.services.outgoing import email_of, message_id_of
from tests.campaigns.channels import Post, post
from tests.campaigns.conftest import WORKING

__all__ = ["post"]
pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


def write(post: Post, conversation: Conversation, body: str) -> OutboundMessage:
    message = replies.send_reply(
        conversation_id=conversation.id,
        author=post.agency.agent,
        body=body,
        client_token=uuid.uuid4(),
        seen_revision=conversation.refreshed().revision,
    )
    assert message.outbound is not None
    return OutboundMessage.objects.get(id=message.outbound_id)


def test_a_person_answers_a_mail_in_its_thread(post: Post) -> None:
    post.lead("Ada")
    post.launch()
    first = post.send_next()
    own = message_id_of(OutboundMessage.objects.select_related("sender").get(id=first.id))
    post.answers(
        "ada@prospect.test", "Tell me more", WORKING + HOUR, references=(own,), message_id="<a1@prospect.test>",
        subject="AW: Cold rooms at your place",
    )  # fmt: skip
    conversation = Conversation.objects.get()
    assert conversation.counterpart_id == "ada@prospect.test"
    reply = write(post, conversation, "Gladly. See https://kestrelcooling.com/x")
    assert reply.action == "email"
    assert reply.recipient == {"email": "ada@prospect.test", "name": "Ada Berg"}
    assert reply.payload["subject"] == "Re: Cold rooms at your place"
    assert reply.payload["in_reply_to"] == "<a1@prospect.test>"
    assert reply.payload["references"] == [own, "<a1@prospect.test>"]
    assert reply.body.endswith("Leo Sand\nKestrel")
    assert "Unsubscribe" not in reply.body
    post.sent(reply)
    assert Conversation.objects.count() == 1
    assert Message.objects.filter(conversation=conversation).count() == 3


def test_a_person_answers_a_text(post: Post) -> None:
    post.lead("Ada", phone="+46701234567")
    post.texts("+46701234567", "Who is this?", WORKING)
    conversation = Conversation.objects.get()
    assert conversation.channel == "sms"
    assert Message.objects.get().sender_name == conversation.title == "Ada Berg"
    reply = write(post, conversation, "Kestrel, about cold rooms.")
    assert (reply.action, reply.recipient) == ("sms", {"phone": "+46701234567"})
    assert reply.payload["segments"]["count"] == 1
    post.sent(reply)
    post.texts("+46701234567", "Ah!", WORKING + HOUR)
    assert Conversation.objects.count() == 1
    with pytest.raises(replies.ReplyRefused, match="1,600"):
        write(post, conversation, "x" * 1601)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_a_thread_is_one_whatever_order_its_mails_come_in(post: Post, order: tuple[int, ...]) -> None:
    ids = ["<t0@prospect.test>", "<t1@prospect.test>", "<t2@prospect.test>"]
    mails: list[dict[str, Any]] = [
        {"text": "One", "message_id": ids[0], "references": ()},
        {"text": "Two", "message_id": ids[1], "references": (ids[0],)},
        {"text": "Three", "message_id": ids[2], "references": (ids[0], ids[1])},
    ]
    for number in [*order, order[0]]:
        mail = dict(mails[number])
        post.answers("ada@prospect.test", mail.pop("text"), WORKING + number * HOUR, **mail)
    conversation = Conversation.objects.get()
    assert [message.body for message in Message.objects.order_by("occurred_at")] == ["One", "Two", "Three"]
    assert conversation.unread == 3
    assert conversation.last_snippet == "Three"


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_reports_and_the_message_in_any_order(post: Post, order: tuple[int, ...]) -> None:
    post.lead("Ada")
    post.launch()
    sent = post.send_next()
    message = Message.objects.get()
    reports: list[Any] = [
        (MessageDelivered, HOUR, {}),
        (MessageOpened, 2 * HOUR, {"vendor_event_id": "o"}),
        (MessageBounced, 3 * HOUR, {"is_permanent": True, "reason": "gone"}),
    ]
    for number in order:
        kind, later, values = reports[number]
        post.report(kind, sent, WORKING + later, **values)
    message.refresh_from_db()
    assert (message.state, message.failure) == ("failed", "gone")
    assert message.conversation.refreshed().failed_sends == 1
    assert not PendingChange.objects.exists()


def test_two_people_at_one_mailbox_are_two_conversations(post: Post) -> None:
    post.answers("ada@prospect.test", "Hello", WORKING)
    post.answers("bo@prospect.test", "Hello", WORKING)
    assert set(Conversation.objects.values_list("counterpart_id", flat=True)) == {
        "ada@prospect.test", "bo@prospect.test",
    }  # fmt: skip


def test_a_colleague_who_takes_over_is_answered_and_the_first_one_gets_a_copy(
    post: Post, client: Browser
) -> None:
    post.lead("Ada")
    post.answers("ada@prospect.test", "Bo knows more", WORKING, message_id="<a@prospect.test>")
    post.answers(
        "bo@prospect.test", "I do", WORKING + HOUR, references=("<a@prospect.test>",), message_id="<b@prospect.test>",
        copied_to=("Ada@prospect.test", "cy@prospect.test"),
    )  # fmt: skip
    post.answers(
        "robot@prospect.test", "Ticket 7", WORKING + 2 * HOUR, references=("<b@prospect.test>",),
        message_id="<r@prospect.test>", is_automatic=True,
    )  # fmt: skip
    conversation = Conversation.objects.get()
    client.force_login(post.agency.agent)
    page = client.get(post.agency.url(f"inbox/{conversation.id}/")).content.decode()
    assert " to bo@prospect.test</span>" in page, "whom it goes to is seen before it is sent"
    reply = write(post, conversation, "Gladly")
    assert reply.recipient["email"] == "bo@prospect.test"
    assert reply.payload["in_reply_to"] == "<b@prospect.test>"
    post.answers(
        "ada@prospect.test", "Me again", WORKING + 3 * HOUR, references=("<b@prospect.test>",),
        message_id="<c@prospect.test>", copied_to=("bo@prospect.test",),
    )  # fmt: skip
    assert conversation.refreshed().answers_to == "ada@prospect.test"
    assert write(post, conversation, "And so").recipient == {"email": "ada@prospect.test", "name": "Ada Berg"}


def test_an_answer_goes_to_whoever_had_a_copy_and_says_so(post: Post, client: Browser) -> None:
    post.lead("Ada")
    post.answers("ada@prospect.test", "My colleague is in copy", WORKING, copied_to=("Bo@prospect.test",))
    conversation = Conversation.objects.get()
    client.force_login(post.agency.agent)
    page = client.get(post.agency.url(f"inbox/{conversation.id}/")).content.decode()
    assert 'name="cc" maxlength="2000" autocomplete="off" value="bo@prospect.test"' in page

    def answer(**given: str) -> Any:
        fields = {
            "body": "Welcome both",
            "client_token": str(uuid.uuid4()),
            "seen_revision": conversation.refreshed().revision,
            "cc": "",
            "bcc": "",
        }
        return client.post(post.agency.url(f"inbox/{conversation.id}/replies/"), fields | given)

    refused = answer(cc="bo@prospect.test, nobody")
    assert refused.status_code == 422
    assert "“nobody” is not an e-mail address" in refused.content.decode()
    assert 'value="bo@prospect.test, nobody"' in refused.content.decode(), "what was typed is kept"
    suppression.suppress(
        client_id=conversation.client_id,
        channel="email",
        value="cy@prospect.test",
        source="person",
        reason="Asked.",
    )
    assert "cy@prospect.test must not be written to" in answer(bcc="cy@prospect.test").content.decode()

    taken = answer(cc='"Berg, Bo" <bo@prospect.test>; ada@prospect.test', bcc="boss@kestrel.test")
    assert taken.status_code < 400, taken.content.decode()
    reply = OutboundMessage.objects.select_related("sender").get()
    assert (reply.payload["cc"], reply.payload["bcc"]) == (["bo@prospect.test"], ["boss@kestrel.test"])
    mail = email_of(reply)
    made = build_mime(mail, provider="mailbox")
    assert made["Cc"] == "bo@prospect.test"
    assert "boss@kestrel.test" not in made.as_string()
    sent = body_of(mail, account_id="a", sandbox_mode=False)["personalizations"][0]
    assert sent["cc"] == [{"email": "bo@prospect.test"}]
    assert sent["bcc"] == [{"email": "boss@kestrel.test"}]
    shown = client.get(post.agency.url(f"inbox/{conversation.id}/thread/")).content.decode()
    assert "copy to bo@prospect.test blind copy to boss@kestrel.test" in shown

    # What comes back from a copy says nothing about Ada.
    left = post.sent(reply)
    post.report(
        MessageBounced,
        left,
        WORKING + HOUR,
        is_permanent=True,
        recipient="bo@prospect.test",
        category="mailbox",
    )
    message = Message.objects.get(outbound=reply)
    assert message.state == Message.State.SENT
    assert suppression.suppression_of_value(
        client_id=conversation.client_id, channel="email", value="bo@prospect.test"
    )

    # What comes back from Ada later is news all the same.
    post.bounces(left, WORKING + 2 * HOUR)
    assert message.refreshed().state == Message.State.FAILED
