"""Threads: every fact about a message lands in the one conversation it belongs to, in whatever order it comes.

The caller holds the sender's lock (``integrations.locks``), so facts of one account are applied one after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import F, Q

from campaigns.events import MessageMatched
from campaigns.models import Enrollment, Lead
from campaigns.rendering.mail import base_subject
from inbox import mail_html
from inbox.events import ReplyStored
from inbox.models import CannedReply, Conversation, Message, Participant, PendingChange, SystemLine
from inbox.presenters import DELETED
from inbox.services import arrivals, files, live
from integrations.events import (
    BaseEvent,
    LinkClicked,
    MessageBounced,
    MessageDeleted,
    MessageDelivered,
    MessageEdited,
    MessageEvent,
    MessageFailed,
    MessageOpened,
    MessageReaction,
    MessageRead,
    MessageReceived,
    SpamComplained,
    Unsubscribed,
    from_json,
    to_json,
)
from integrations.models import OutboundMessage, ProviderEvent, SenderAccount
from integrations.values import Direction, MessageKind, Person
from project.core.clock import now
from project.core.events import publish

SNIPPET = 160
#: Characters of quoted mail that are kept.
LONGEST_QUOTE = 60_000
#: About a message, and nothing that its thread shows.
NOT_SHOWN = (LinkClicked, SpamComplained, Unsubscribed)
#: What was done with a change that came before its message.
KEPT = "Its message has not come yet; kept until it does."
_HIDDEN_KINDS = {MessageKind.SPONSORED, MessageKind.SYSTEM}


def on_message_matched(matched: MessageMatched) -> None:
    """Store a message, or apply a reaction, edit, deletion or failure to the one it concerns."""
    event = matched.event
    if isinstance(event, MessageReceived):
        _on_message(matched, event)
    elif isinstance(event, MessageEvent):
        _on_change(matched, event)


def _on_message(matched: MessageMatched, event: MessageReceived) -> None:
    if event.message_kind in _HIDDEN_KINDS:
        matched.outcome["inbox"] = "Not a message of a person; nothing is shown."
        return
    conversation = find_or_create(
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
    known = _known_message(conversation, event, matched.outbound)
    if known is not None:
        _confirm(conversation, known, event)
        matched.outcome["inbox"] = "This message is in the thread already."
        return
    message = _store(conversation, matched, event)
    matched.outcome["inbox"] = f"Conversation “{conversation.title}”, one message more."
    if message.direction == Message.Direction.INBOUND:
        publish(ReplyStored(conversation=conversation, message=message))


def find_or_create(
    *,
    sender: SenderAccount,
    chat_id: str,
    provider_chat_id: str,
    counterpart: Person | None,
    lead: Lead | None,
    occurred_at: datetime,
    subject: str = "",
    references: Sequence[str] = (),
) -> Conversation:
    """Return the locked conversation of a chat; what was not known of it (ids, lead, name) is filled in.

    A thread that began with our own first message is found by its counterpart until the chat's ids are known. E-mail is
    also found by the messages that it answers (``references``), whatever its program made of the thread.
    """
    rows = Conversation.objects.select_for_update(of=("self",)).select_related("lead", "client", "sender")
    ids = Q()
    if chat_id:
        ids |= Q(chat_id=chat_id)
    if provider_chat_id:
        ids |= Q(provider_chat_id=provider_chat_id)
    found = _answered_thread(sender, references)
    if found is None and ids:
        found = rows.filter(ids, sender=sender).order_by("created_at", "id").first()
    if found is None and counterpart is not None and identifier_of(counterpart):
        nameless = Q(chat_id="", provider_chat_id="", counterpart_id=identifier_of(counterpart))
        found = rows.filter(nameless, sender=sender).first()
    if found is not None and found.merged_into_id is not None:
        found = _home_of(found)
    if found is None:
        found = Conversation(
            client_id=sender.client_id, sender=sender, channel=sender.channel, last_message_at=occurred_at
        )
        found.organization_id = sender.organization_id
    changes = _missing(found, chat_id, provider_chat_id, counterpart, lead, subject)
    for name, value in changes.items():
        setattr(found, name, value)
    if found._state.adding:
        found.save()
    elif changes:
        found.save(update_fields=[*changes, "updated_at"])
    return found


def _answered_thread(sender: SenderAccount, references: Sequence[str]) -> Conversation | None:
    """The locked conversation of the newest message that a mail answers: threads may have been split since."""
    if not references:
        return None
    rows = Message.objects.filter(conversation__sender=sender, provider_message_id__in=list(references))
    homes = dict(rows.values_list("provider_message_id", "conversation_id"))
    newest = next((homes[found] for found in reversed(references) if found in homes), None)
    return locked(newest) if newest is not None else None


def _home_of(merged: Conversation) -> Conversation:
    """Where the entries of a merged conversation went, locked."""
    seen = {merged.id}
    found = merged
    while found.merged_into_id is not None and found.merged_into_id not in seen:
        seen.add(found.merged_into_id)
        found = locked(found.merged_into_id)
    return found


def _missing(
    conversation: Conversation,
    chat_id: str,
    provider_chat_id: str,
    counterpart: Person | None,
    lead: Lead | None,
    subject: str,
) -> dict[str, Any]:
    given: dict[str, Any] = {"chat_id": chat_id, "provider_chat_id": provider_chat_id}
    given["subject"] = base_subject(subject)[:300]
    if counterpart is not None:
        given["counterpart_id"] = identifier_of(counterpart)
        given["counterpart_name"] = (counterpart.name or identifier_of(counterpart))[:200]
    changes = {name: value for name, value in given.items() if value and not getattr(conversation, name)}
    if lead is not None and conversation.lead_id is None:
        changes["lead"] = lead
    return changes


def identifier_of(person: Person) -> str:
    """What a person is known by on their channel: the network's id, the e-mail address or the telephone number."""
    return (person.provider_id or person.email.lower() or person.phone)[:160]


def _remember_people(conversation: Conversation, event: MessageReceived) -> None:
    people = {
        identifier_of(person): person
        for person in (*event.participants, event.sender)
        if identifier_of(person)
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


def _known_message(
    conversation: Conversation, event: MessageEvent, outbound: OutboundMessage | None
) -> Message | None:
    condition = Q()
    if event.message_ids:
        condition |= Q(provider_message_id__in=event.message_ids) | Q(api_message_id__in=event.message_ids)
    if outbound is not None:
        condition |= Q(outbound=outbound)
    if not condition:
        return None
    rows = Message.objects.filter(condition, conversation=conversation)
    found: Message | None = rows.order_by("created_at", "id").first()
    return found


def _confirm(conversation: Conversation, message: Message, event: MessageReceived) -> None:
    """A message that is known came again by another way: learn its ids, and that it left."""
    changes: dict[str, Any] = {}
    if event.provider_message_id and not message.provider_message_id:
        changes["provider_message_id"] = event.provider_message_id
    if event.message_id and not message.api_message_id:
        changes["api_message_id"] = event.message_id
    if message.state in {Message.State.QUEUED, Message.State.UNKNOWN, Message.State.FAILED}:
        changes |= {"state": Message.State.SENT, "occurred_at": event.occurred_at, "failure": ""}
    if not changes:
        return
    for name, value in changes.items():
        setattr(message, name, value)
    message.save(update_fields=[*changes, "updated_at"])
    was_waited_for = apply_pending(conversation.sender, message)
    if "state" in changes or was_waited_for:
        count_failures(conversation)
        live.entry_changed(conversation, "message", message.id)
        live.conversation_changed(conversation)


def _writer(conversation: Conversation, event: MessageReceived) -> str:
    """Who wrote to us; a telephone number is no name where the lead is known."""
    name = event.sender.name
    return name if name and name != conversation.counterpart_id else conversation.title


def _store(conversation: Conversation, matched: MessageMatched, event: MessageReceived) -> Message:
    direction = Message.Direction(event.direction.value)
    inbound = direction == Message.Direction.INBOUND
    message = Message(
        conversation=conversation,
        revision=next_revision(conversation),
        direction=direction,
        state=Message.State.RECEIVED if inbound else Message.State.SENT,
        provider_message_id=event.provider_message_id,
        api_message_id=event.message_id,
        sender_name=(_writer(conversation, event) if inbound else event.sender.name or matched.sender.name)[
            :200
        ],
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
    apply_pending(matched.sender, message)
    is_news = matched.source != ProviderEvent.Source.HISTORY
    _settle_into(conversation, message, counts_as_unread=is_news)
    if inbound and is_news:
        _count_canned(conversation, message)
        _wrote_first(conversation, message)
    _attach_enrollment(conversation, matched.enrollment)
    if inbound:
        is_history = matched.source == ProviderEvent.Source.HISTORY
        arrivals.received(conversation, message, event, is_history=is_history)
    else:
        arrivals.answered_elsewhere(conversation, message)
    conversation.save()
    live.entry_changed(conversation, "message", message.id)
    live.conversation_changed(conversation)
    return message


def _wrote_first(conversation: Conversation, message: Message) -> None:
    """Call off what waits for its time: it would answer something else than what they wrote last."""
    from inbox.services import departures  # departures adds lines to threads

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


def lead_of(lead_id: UUID | None) -> Lead | None:
    """The lead with that id, or ``None``."""
    return Lead.objects.filter(id=lead_id).first() if lead_id else None


def store_own(conversation: Conversation, outbound: OutboundMessage) -> Message:
    """Store a message that the sequence sent, as its receipt tells; the webhook's echo will find it by its ids."""
    message = Message(
        conversation=conversation,
        revision=next_revision(conversation),
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
    apply_pending(outbound.sender, message)
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


def next_revision(conversation: Conversation) -> int:
    """Raise the conversation's revision; the caller has its row locked and saves it (or nothing else does)."""
    Conversation.objects.filter(id=conversation.id).update(revision=F("revision") + 1)
    conversation.revision = Conversation.objects.values_list("revision", flat=True).get(id=conversation.id)
    return conversation.revision


def _settle_into(conversation: Conversation, message: Message, *, counts_as_unread: bool) -> None:
    """Bring the conversation's summary in line with a new message, whatever its place in time."""
    inbound = message.direction == Message.Direction.INBOUND
    if message.occurred_at >= conversation.last_message_at or not conversation.last_snippet:
        conversation.last_message_at = message.occurred_at
        conversation.last_snippet = summary(message)
        conversation.last_inbound = inbound
    if not inbound:
        return
    conversation.has_inbound = True
    conversation.last_inbound_at = max(filter(None, [conversation.last_inbound_at, message.occurred_at]))
    read_until = conversation.last_read_at
    if counts_as_unread and (read_until is None or message.occurred_at > read_until):
        conversation.unread += 1
        if conversation.status != Conversation.Status.OPEN:
            was = conversation.get_status_display().lower()
            conversation.status = Conversation.Status.OPEN
            conversation.snoozed_until = None
            conversation.closed_at = None
            add_line(conversation, "reopened", f"It was {was}; a new message opened it.", message.occurred_at)


def summary(message: Message) -> str:
    """What the list says of a message; what was taken back is not shown there either."""
    if message.deleted_at:
        return DELETED
    text = snippet(message.body)
    return text or ", ".join(str(item.get("name", "")) for item in message.attachments)[:SNIPPET]


def summarise(conversation: Conversation) -> None:
    """Bring a conversation's summary in line with what is in it now; the caller has its row locked."""
    rows = Message.objects.filter(conversation=conversation).exclude(state=Message.State.WITHDRAWN)
    shown = rows.exclude(state=Message.State.QUEUED, timing=Message.Timing.SCHEDULED)
    newest = shown.order_by("-occurred_at", "-id").first()
    theirs = rows.filter(direction=Message.Direction.INBOUND)
    conversation.last_inbound_at = (
        theirs.order_by("-occurred_at").values_list("occurred_at", flat=True).first()
    )
    conversation.has_inbound = conversation.last_inbound_at is not None
    conversation.failed_sends = rows.filter(state=Message.State.FAILED).count()
    conversation.last_snippet = summary(newest) if newest is not None else ""
    if newest is not None:
        conversation.last_message_at = newest.occurred_at
        conversation.last_inbound = newest.direction == Message.Direction.INBOUND
    conversation.save()


def snippet(text: str) -> str:
    """One line of a message for the list."""
    return " ".join(text.split())[:SNIPPET]


def _attach_enrollment(conversation: Conversation, enrollment: Enrollment | None) -> None:
    if enrollment is None:
        return
    conversation.enrollment = enrollment
    conversation.campaign_id = enrollment.campaign_id
    if enrollment.status == Enrollment.Status.ENDED and enrollment.stage == Enrollment.Stage.REPLIED:
        text = f"{enrollment.campaign}: nothing more is sent, because they replied."
        if not SystemLine.objects.filter(conversation=conversation, kind="stopped", text=text).exists():
            add_line(conversation, "stopped", text, enrollment.ended_at or conversation.last_message_at)


def add_line(conversation: Conversation, kind: str, text: str, at: datetime) -> SystemLine:
    """Add a line that says what happened around the thread."""
    line: SystemLine = SystemLine.objects.create(
        conversation=conversation,
        revision=next_revision(conversation),
        kind=kind,
        text=text[:300],
        occurred_at=at,
    )
    live.entry_changed(conversation, "line", line.id)
    return line


def _on_change(matched: MessageMatched, event: MessageEvent) -> None:
    """Apply a receipt, reaction, edit or deletion; one that comes before its message is kept for it."""
    if isinstance(event, NOT_SHOWN):
        return
    conversation = _conversation_of(matched.sender, event, matched.outbound)
    message = _known_message(conversation, event, matched.outbound) if conversation else None
    if conversation is None or message is None:
        PendingChange.objects.bulk_create(
            [
                PendingChange(sender=matched.sender, message_ref=ref, event=to_json(event))
                for ref in refs(event, matched.outbound)
            ]
        )
        matched.outcome["inbox"] = KEPT
        return
    matched.outcome["conversation_id"] = str(conversation.id)
    if apply_change(message, event):
        message.save()
        if isinstance(event, MessageBounced | MessageFailed):
            count_failures(conversation)
            live.conversation_changed(conversation)
        live.entry_changed(conversation, "message", message.id)
        _summarise_again(conversation, message)
    matched.outcome["inbox"] = applied(conversation)


def applied(conversation: Conversation) -> str:
    """What was done with a change."""
    return f"Applied to a message of “{conversation.title}”."


def _summarise_again(conversation: Conversation, message: Message) -> None:
    """Let the list follow a change of the newest message's text."""
    text = summary(message)
    if message.occurred_at != conversation.last_message_at or conversation.last_snippet == text:
        return
    conversation.last_snippet = text
    conversation.save(update_fields=["last_snippet", "updated_at"])
    live.conversation_changed(conversation)


def apply_pending(sender: SenderAccount, message: Message) -> bool:
    """Apply what came before its message, or before its ids; say whether there was any.

    In order of occurrence; each change is harmless twice. To be called whenever a stored message learns an id.
    """
    refs = [ref for ref in (message.provider_message_id, message.api_message_id) if ref]
    if message.outbound_id is not None:
        refs.append(f"send:{message.outbound_id}")
    waiting = list(PendingChange.objects.filter(sender=sender, message_ref__in=refs))
    if not waiting:
        return False
    for event in sorted((from_json(row.event) for row in waiting), key=lambda event: event.occurred_at):
        apply_change(message, event)
    message.save()
    PendingChange.objects.filter(id__in=[row.id for row in waiting]).delete()
    return True


def refs(event: MessageEvent, outbound: OutboundMessage | None) -> list[str]:
    """What a change that came too early is kept under: its message will have one of these."""
    return sorted(event.message_ids) + ([f"send:{outbound.id}"] if outbound is not None else [])


def _conversation_of(
    sender: SenderAccount, event: MessageEvent, outbound: OutboundMessage | None
) -> Conversation | None:
    ids = event.message_ids
    ours = Q(outbound=outbound) if outbound is not None else Q()
    if not ids and outbound is None:
        return None
    known = (
        Message.objects.filter(
            Q(provider_message_id__in=ids) | Q(api_message_id__in=ids) | ours, conversation__sender=sender
        )
        .values_list("conversation_id", flat=True)
        .first()
    )
    if known is None:
        return None
    return locked(known)


def apply_change(message: Message, event: BaseEvent) -> bool:
    """Change a message by a receipt, reaction, edit or deletion; say whether it changed. Order does not matter."""
    before = _changeable(message)
    match event:
        case MessageRead():
            message.seen_at = _earlier(message.seen_at, event.occurred_at)
            if message.direction == Message.Direction.OUTBOUND:
                message.state = Message.State.SEEN
        case MessageDelivered():
            message.delivered_at = _earlier(message.delivered_at, event.occurred_at)
            if message.state in {Message.State.SENT, Message.State.QUEUED, Message.State.UNKNOWN}:
                message.state = Message.State.DELIVERED
        case MessageReaction():
            entry = {"value": event.reaction, "by": event.reactor.name, "by_id": event.reactor.provider_id}
            if entry not in message.reactions:
                # Sorted: they come in any order and carry no time.
                message.reactions = sorted([*message.reactions, entry], key=lambda one: sorted(one.items()))
        case MessageEdited():
            if message.edited_at is None or event.occurred_at >= message.edited_at:
                message.body, message.edited_at = event.text, event.occurred_at
        case MessageDeleted():
            message.deleted_at = _earlier(message.deleted_at, event.occurred_at)
        case _:
            _apply_report(message, event)
    return before != _changeable(message)


def _apply_report(message: Message, event: BaseEvent) -> None:
    """Change a message by what its provider reports: what came back stays so, whenever it was opened before."""
    match event:
        case MessageOpened() if not event.is_machine and message.state != Message.State.FAILED:
            message.seen_at = _earlier(message.seen_at, event.occurred_at)
            message.state = Message.State.SEEN
        case MessageBounced() if not event.is_permanent:
            return
        case MessageBounced() | MessageFailed():
            message.state = Message.State.FAILED
            message.failure = (event.reason or "It came back. Nothing reached them.")[:300]


def _earlier(known: datetime | None, told: datetime) -> datetime:
    return min(known, told) if known is not None else told


def _changeable(message: Message) -> tuple[object, ...]:
    return (
        message.state,
        message.body,
        len(message.reactions),
        message.edited_at,
        message.deleted_at,
        message.seen_at,
        message.delivered_at,
    )


def count_failures(conversation: Conversation) -> None:
    """Bring the number of failed sends of a conversation in line with its messages."""
    conversation.failed_sends = Message.objects.filter(
        conversation=conversation, state=Message.State.FAILED
    ).count()
    conversation.save(update_fields=["failed_sends", "updated_at"])


def locked(conversation_id: UUID) -> Conversation:
    """Return a conversation with its row locked until the end of the transaction."""
    conversation: Conversation = (
        Conversation.objects.select_for_update(of=("self",))
        .select_related("lead", "client", "sender", "sender__connection", "assignee")
        .get(id=conversation_id)
    )
    return conversation
