"""Changes of messages: receipts, reactions, edits, deletions and failures, in whatever order they come.

The caller holds the sender's lock (``integrations.locks``), so facts of one account are applied one after the other.
"""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q

from campaigns.events import MessageMatched
from inbox.models import Conversation, Message, PendingChange
from inbox.services import clocks, live, threads
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
    SpamComplained,
    Unsubscribed,
    from_json,
    to_json,
)
from integrations.models import OutboundMessage, SenderAccount

#: About a message, and nothing that its thread shows.
NOT_SHOWN = (LinkClicked, SpamComplained, Unsubscribed)
#: What was done with a change that came before its message.
KEPT = "Its message has not come yet; kept until it does."


def on_change(matched: MessageMatched, event: MessageEvent) -> None:
    """Apply a receipt, reaction, edit or deletion; one that comes before its message is kept for it."""
    if isinstance(event, NOT_SHOWN):
        return
    conversation = _conversation_of(matched.sender, event, matched.outbound)
    message = known_message(conversation, event, matched.outbound) if conversation else None
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
    was = message.state
    if apply_change(message, event):
        if (
            isinstance(event, MessageEdited | MessageDeleted)
            and message.direction != Message.Direction.OUTBOUND
        ):
            # Whoever answers must have seen what it says now.
            message.revision = threads.next_revision(conversation)
            live.conversation_changed(conversation)
        message.save()
        clocks.left(conversation, message, was=was)
        if isinstance(event, MessageBounced | MessageFailed):
            threads.count_failures(conversation)
            live.conversation_changed(conversation)
        live.entry_changed(conversation, "message", message.id)
        _summarise_again(conversation, message)
    matched.outcome["inbox"] = applied(conversation)


def known_message(
    conversation: Conversation, event: MessageEvent, outbound: OutboundMessage | None
) -> Message | None:
    """The message of a conversation that an event is about, by either id or by our send."""
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


def applied(conversation: Conversation) -> str:
    """What was done with a change."""
    return f"Applied to a message of “{conversation.title}”."


def _summarise_again(conversation: Conversation, message: Message) -> None:
    """Let the list follow a change of the newest message's text."""
    text = threads.summary(message)
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
    return threads.locked(known)


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
        case MessageBounced() | MessageFailed() if (
            event.recipient in message.copied_to + message.blind_copied_to
        ):
            return  # whom it was for has got it
        case MessageBounced() | MessageFailed():
            if message.state != Message.State.GIVEN_UP:
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
