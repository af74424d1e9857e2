"""Threads of e-mail and SMS: one conversation each, answered on their channel, whatever arrives first."""

from __future__ import annotations

import itertools
import uuid
from datetime import timedelta
from typing import Any

import pytest

from inbox.models import Conversation, Message, PendingChange
from inbox.services import replies
from integrations.events import MessageBounced, MessageDelivered, MessageOpened
from integrations.models import OutboundMessage
from integrations.services.outgoing import message_id_of
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
