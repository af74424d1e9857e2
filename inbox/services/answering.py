"""What a person's reply leaves as, by channel: action, recipient and headers of the thread."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from campaigns.rendering import sms_segments
from campaigns.rendering.mail import mail_body, reply_subject
from inbox.models import Conversation, Message
from integrations import registry
from integrations.services import thread_replies

#: Characters that a reply may have, by channel.
MAX_LENGTH: Final = {"linkedin": 8000, "email": 20_000, "sms": 1600}
MAX_REFERENCES: Final = 20


class NotAnswerable(ValueError):
    """The thread cannot be answered as it is; the message says why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The parts of an outbox row that depend on the channel."""

    action: str
    recipient: dict[str, Any]
    body: str
    payload: dict[str, Any] = field(default_factory=dict)


def answer(conversation: Conversation, text: str) -> Answer:
    """Return what a reply in a conversation leaves as. E-mail answers whoever wrote last and keeps the thread.

    Raises ``NotAnswerable`` where a provider keeps the thread and there is no message of theirs in it.
    """
    if thread_replies.answers_through_provider(conversation.sender):
        return _through_provider(conversation, text)
    if conversation.channel == "email":
        return _email(conversation, text)
    if conversation.channel == "sms":
        found = sms_segments(text)
        segments = {"encoding": found.encoding, "units": found.units, "count": found.count}
        return Answer("sms", {"phone": conversation.counterpart_id}, text, {"segments": segments})
    recipient = {
        "provider_id": conversation.counterpart_id,
        "public_identifier": "",
        "chat_id": conversation.chat_id,
    }
    return Answer("message", recipient, text)


def _through_provider(conversation: Conversation, text: str) -> Answer:
    """A provider that runs campaigns keeps the thread and sends the answer: it is told which message is answered."""
    theirs = (
        Message.objects.filter(conversation=conversation, direction=Message.Direction.INBOUND)
        .order_by("-occurred_at", "-id")
        .values_list("provider_message_id", "api_message_id")
        .first()
    )
    told = theirs and thread_replies.answered(
        conversation.sender, provider_message_id=theirs[0], message_id=theirs[1]
    )
    if not told:
        label = registry.get(conversation.sender.connection.provider).label
        raise NotAnswerable(f"{label} can only answer what they wrote, and they have not written yet.")
    payload: dict[str, Any] = {"thread": thread_replies.to_payload(told)}
    if conversation.channel == "email":
        payload |= {"subject": reply_subject(conversation.subject), "html": mail_body(text).html}
        return Answer(
            "email", {"email": conversation.counterpart_id, "name": _name(conversation)}, text, payload
        )
    recipient = {
        "provider_id": conversation.counterpart_id,
        "public_identifier": "",
        "chat_id": conversation.chat_id,
    }
    return Answer("message", recipient, text, payload)


def _email(conversation: Conversation, text: str) -> Answer:
    known = list(
        Message.objects.filter(conversation=conversation)
        .exclude(provider_message_id="")
        .exclude(state=Message.State.FAILED)
        .order_by("occurred_at", "id")
        .values_list("provider_message_id", "direction", "sender_address")
    )
    ids = list(dict.fromkeys([conversation.chat_id, *(found for found, *_ in known)]))
    references = [found for found in ids if found]
    if len(references) > MAX_REFERENCES:
        references = [references[0], *references[-(MAX_REFERENCES - 1) :]]
    inbound = [(found, author) for found, way, author in known if way == Message.Direction.INBOUND]
    answered = [found for found, author in inbound if author == conversation.answers_to.lower()]
    theirs = answered or [found for found, _ in inbound]
    body = mail_body(text, signature=conversation.sender.signature)
    subject = reply_subject(conversation.subject) if references else conversation.subject
    payload: dict[str, Any] = {"subject": subject, "html": body.html}
    if references:
        payload |= {"in_reply_to": theirs[-1] if theirs else references[-1], "references": references}
    recipient = {"email": conversation.answers_to, "name": _name(conversation)}
    return Answer("email", recipient, body.text, payload)


def _name(conversation: Conversation) -> str:
    if conversation.answer_address and not thread_replies.answers_through_provider(conversation.sender):
        return "" if conversation.answer_name == conversation.answer_address else conversation.answer_name
    if conversation.lead is not None:
        return str(conversation.lead.full_name)
    name = conversation.counterpart_name
    return "" if name == conversation.counterpart_id else name
