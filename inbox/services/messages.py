"""Messages: each is stored once in the one conversation it belongs to, whichever way and in whatever order it comes.

The caller holds the sender's lock (``integrations.locks``), so facts of one account are applied one after the other.
"""

from __future__ import annotations

from typing import Any

from django.db.models import F, Q

from campaigns.events import MessageMatched
from campaigns.models import Enrollment
from inbox import mail_html
from inbox.events import ReplyStored
from inbox.models import CannedReply, Conversation, Message, Participant, SystemLine
from inbox.services import arrivals, changes, clocks, departures, files, live, threads
from integrations.events import MessageEvent, MessageReceived
from integrations.models import OutboundMessage
from integrations.values import Direction, MessageKind
from project.core.clock import now
from project.core.events import publish

#: Characters of quoted mail that are kept.
LONGEST_QUOTE = 60_000
_HIDDEN_KINDS = {MessageKind.SPONSORED, MessageKind.SYSTEM}


def on_message_matched(matched: MessageMatched) -> None:
    """Store a message, or apply a reaction, edit, deletion or failure to the one it concerns."""
    event = matched.event
    if isinstance(event, MessageReceived):
        _on_message(matched, event)
    elif isinstance(event, MessageEvent):
        changes.on_change(matched, event)


def _on_message(matched: MessageMatched, event: MessageReceived) -> None:
    if event.message_kind in _HIDDEN_KINDS:
        matched.outcome["inbox"] = "Not a message of a person; nothing is shown."
        return
    conversation = threads.find_or_create(
        sender=matched.sender,
        chat_id=event.chat_id,
        provider_chat_id=event.provider_chat_id,
        counterpart=event.counterpart or (event.sender if event.direction is Direction.INBOUND else None),
        lead=matched.lead,
        occurred_at=event.occurred_at,
        subject=event.subject,
        references=event.references,
    )
    matched.outcome["conversation_id"] = str(conversation.id)
    _remember_people(conversation, event)
    known = changes.known_message(conversation, event, matched.outbound)
    if known is not None:
        _confirm(conversation, known, event)
        matched.outcome["inbox"] = "This message is in the thread already."
        return
    message, is_news = _store(conversation, matched, event)
    matched.outcome["inbox"] = f"Conversation “{conversation.title}”, one message more."
    if message.direction == Message.Direction.INBOUND:
        publish(ReplyStored(conversation=conversation, message=message, is_news=is_news))


def _remember_people(conversation: Conversation, event: MessageReceived) -> None:
    people = {
        threads.identifier_of(person): person
        for person in (*event.participants, event.sender)
        if threads.identifier_of(person)
    }
    Participant.objects.bulk_create(
        [
            Participant(
                conversation=conversation,
                provider_id=identifier,
                name=person.name[:200],
                profile_url=person.profile_url[:300],
                is_self=bool(person.is_self) or identifier in conversation.sender.own_user_ids,
            )
            for identifier, person in people.items()
        ],
        ignore_conflicts=True,
    )


def _confirm(conversation: Conversation, message: Message, event: MessageReceived) -> None:
    """A message that is known came again by another way: learn its ids, and that it left."""
    learned: dict[str, Any] = {}
    if event.provider_message_id and not message.provider_message_id:
        learned["provider_message_id"] = event.provider_message_id
    if event.message_id and not message.api_message_id:
        learned["api_message_id"] = event.message_id
    if message.state in {Message.State.QUEUED, Message.State.UNKNOWN, Message.State.FAILED}:
        learned |= {"state": Message.State.SENT, "occurred_at": event.occurred_at, "failure": ""}
    if not learned:
        return
    was = message.state
    for name, value in learned.items():
        setattr(message, name, value)
    message.save(update_fields=[*learned, "updated_at"])
    was_waited_for = changes.apply_pending(conversation.sender, message)
    clocks.left(conversation, message, was=was)
    if "state" in learned or was_waited_for:
        threads.count_failures(conversation)
        live.entry_changed(conversation, "message", message.id)
        live.conversation_changed(conversation)


def _writer(conversation: Conversation, event: MessageReceived) -> str:
    """Who wrote to us; a telephone number is no name where the lead is known."""
    name = event.sender.name
    return name if name and name != conversation.counterpart_id else conversation.title


def _store(
    conversation: Conversation, matched: MessageMatched, event: MessageReceived
) -> tuple[Message, bool]:
    """Store a message that is new here; say whether it is news to the people, too."""
    direction = Message.Direction(event.direction.value)
    inbound = direction == Message.Direction.INBOUND
    message = Message(
        conversation=conversation,
        revision=threads.next_revision(conversation),
        direction=direction,
        state=Message.State.RECEIVED if inbound else Message.State.SENT,
        provider_message_id=event.provider_message_id,
        api_message_id=event.message_id,
        sender_name=(_writer(conversation, event) if inbound else event.sender.name or matched.sender.name)[
            :200
        ],
        sender_address=event.sender.email.lower()[:254] if inbound and not event.is_automatic else "",
        subject=event.subject[:300],
        body=event.text,
        quoted=mail_html.quoted_part(event.text, event.full_text)[:LONGEST_QUOTE],
        copied_to=[address[:254] for address in event.copied_to[:20]],
        **_html_of(event),
        direction_raw=f"{event.raw_direction} ({event.direction_rule})"[:40],
        occurred_at=event.occurred_at,
        **(_attribution(matched.outbound) or _provider_step(matched)),
    )
    message.save()
    files.receive(message=message, found=event.attachments)
    _number_answers(message)
    changes.apply_pending(matched.sender, message)
    is_news = arrivals.is_news(conversation, message, source=matched.source)
    _settle_into(conversation, message, counts_as_unread=is_news)
    if inbound and is_news:
        _count_canned(conversation, message)
        _wrote_first(conversation, message)
    _attach_enrollment(conversation, matched.enrollment)
    if inbound:
        arrivals.received(conversation, message, event, is_news=is_news)
    else:
        arrivals.answered_elsewhere(conversation, message)
    conversation.save()
    live.entry_changed(conversation, "message", message.id)
    live.conversation_changed(conversation)
    return message, is_news


def _wrote_first(conversation: Conversation, message: Message) -> None:
    """Call off what waits for its time: it would answer something else than what they wrote last."""
    departures.call_off(conversation=conversation, message=message)


def _html_of(event: MessageReceived) -> dict[str, Any]:
    kept = mail_html.keep(event.html) if event.html else None
    return {"html": kept.html, "remote_images": kept.remote_images} if kept is not None else {}


def _count_canned(conversation: Conversation, message: Message) -> None:
    """Their message speaks for the canned reply that it answers."""
    ours = Message.objects.filter(
        conversation=conversation, direction=Message.Direction.OUTBOUND, occurred_at__lte=message.occurred_at
    ).exclude(state__in=[Message.State.WITHDRAWN, Message.State.FAILED])
    canned = ours.order_by("-occurred_at", "-id").values_list("canned_id", flat=True).first()
    if canned is not None:
        CannedReply.objects.filter(id=canned).update(answers=F("answers") + 1)


def store_own(conversation: Conversation, outbound: OutboundMessage) -> Message:
    """Store a message that the sequence sent, as its receipt tells; the webhook's echo will find it by its ids."""
    message = Message(
        conversation=conversation,
        revision=threads.next_revision(conversation),
        direction=Message.Direction.OUTBOUND,
        state=Message.State.SENT,
        provider_message_id=outbound.provider_message_id,
        api_message_id=outbound.message_id,
        sender_name=outbound.sender.name,
        subject=str(outbound.payload.get("subject", ""))[:300],
        body=outbound.body,
        occurred_at=outbound.sent_at or now(),
        **_attribution(outbound),
    )
    message.save()
    changes.apply_pending(outbound.sender, message)
    _settle_into(conversation, message, counts_as_unread=False)
    if outbound.enrollment_id is not None and conversation.enrollment_id is None:
        conversation.enrollment_id = outbound.enrollment_id
        conversation.campaign_id = outbound.campaign_id
    conversation.save()
    return message


def _attribution(outbound: OutboundMessage | None) -> dict[str, Any]:
    if outbound is None:
        return {}
    return {
        "outbound": outbound,
        "author": outbound.author,
        "enrollment_id": outbound.enrollment_id,
        "node_id": outbound.node_id,
        "step_label": outbound.node_id.replace("_", " ").capitalize()[:80],
    }


def _provider_step(matched: MessageMatched) -> dict[str, Any]:
    """The step of a provider-run campaign that a message belongs to."""
    if matched.step_number is None:
        return {}
    is_reply = getattr(matched.event, "direction", None) is Direction.INBOUND
    label = matched.node_id.replace("_", " ").capitalize() or f"Step {matched.step_number}"
    return {
        "sequence_step_number": min(matched.step_number, 32_000),
        "enrollment_id": matched.enrollment.id if matched.enrollment else None,
        "node_id": "" if is_reply else matched.node_id,
        "step_label": "" if is_reply else label[:80],
    }


def _number_answers(message: Message) -> None:
    """A step that is told after the answers to it: they answer it, and not an earlier one."""
    number = message.sequence_step_number
    if number is None or message.direction != Message.Direction.OUTBOUND:
        return
    later = Message.objects.filter(
        Q(sequence_step_number=None) | Q(sequence_step_number__lt=number),
        conversation_id=message.conversation_id,
        direction=Message.Direction.INBOUND,
        occurred_at__gte=message.occurred_at,
    )
    later.update(sequence_step_number=number, updated_at=now())


def _settle_into(conversation: Conversation, message: Message, *, counts_as_unread: bool) -> None:
    """Bring the conversation's summary in line with a new message, whatever its place in time."""
    inbound = message.direction == Message.Direction.INBOUND
    if message.occurred_at >= conversation.last_message_at or not conversation.last_snippet:
        conversation.last_message_at = message.occurred_at
        conversation.last_snippet = threads.summary(message)
        conversation.last_inbound = inbound
    if not inbound:
        return
    if conversation.last_inbound_at is None or message.occurred_at >= conversation.last_inbound_at:
        threads.answer_to(conversation, message)
    conversation.has_inbound = True
    conversation.last_inbound_at = max(filter(None, [conversation.last_inbound_at, message.occurred_at]))
    if counts_as_unread:
        conversation.unread += 1
        if conversation.status != Conversation.Status.OPEN:
            was = conversation.get_status_display().lower()
            conversation.status = Conversation.Status.OPEN
            conversation.snoozed_until = None
            conversation.closed_at = None
            threads.add_line(
                conversation, "reopened", f"It was {was}; a new message opened it.", message.occurred_at
            )


def _attach_enrollment(conversation: Conversation, enrollment: Enrollment | None) -> None:
    if enrollment is None:
        return
    conversation.enrollment = enrollment
    conversation.campaign_id = enrollment.campaign_id
    if enrollment.status == Enrollment.Status.ENDED and enrollment.stage == Enrollment.Stage.REPLIED:
        text = f"{enrollment.campaign}: nothing more is sent, because they replied."
        if not SystemLine.objects.filter(conversation=conversation, kind="stopped", text=text).exists():
            threads.add_line(
                conversation, "stopped", text, enrollment.ended_at or conversation.last_message_at
            )
