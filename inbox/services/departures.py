"""Replies that have not left: taken back within the undo window, called off or sent before their time.

A reply waits as a row of the outbox whose time has not come, so nothing here lives in a process: a worker that restarts
finds what is due, and what was taken back is not there to be found.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet

from inbox.events import ReplyCalledOff
from inbox.models import Conversation, Message
from inbox.services import drafts, files, live, threads
from inbox.services.arrivals import NEWS_FOR
from integrations.locks import lock_sender
from integrations.models import OutboundMessage
from integrations.services import outbox
from integrations.services.holds import Hold
from project.core.clock import now
from project.core.events import publish
from project.core.refusals import Invalid
from project.core.tasks import enqueue
from project.tenancy import audit
from project.tenancy.models import User

#: How far ahead a reply may be scheduled.
FURTHEST: Final = timedelta(days=180)
#: Why the outbox gave a reply up that they have written after.
WROTE_FIRST: Final = "wrote_first"


class TooLate(Invalid):
    """The reply has left, or is leaving: nothing can be taken back."""

    status = 409
    default_code = "ALREADY_LEFT"


def timing_of(leaves_at: datetime | None, undo_seconds: int) -> tuple[str, datetime | None]:
    """Return why a reply waits, and until when. Raises ``Invalid`` for a time that has passed or is too far away."""
    at = now()
    if leaves_at is not None:
        if not at < leaves_at <= at + FURTHEST:
            raise Invalid(f"Choose a time in the next {FURTHEST.days} days.", field="leaves_at")
        return Message.Timing.SCHEDULED, leaves_at
    if undo_seconds > 0:
        return Message.Timing.UNDO, at + timedelta(seconds=min(undo_seconds, 60))
    return Message.Timing.NOW, None


@transaction.atomic
def take_back(*, message_id: UUID, actor: User, keeps_text: bool = True) -> Message:
    """Take a reply back that has not left; with ``keeps_text`` it is its author's draft again. Raises ``TooLate``."""
    message = _waiting(message_id)
    _withdraw(message, f"Taken back by {actor.display_name}.", keeps_text=keeps_text)
    audit.record(
        actor=actor, action="reply.taken_back", subject=message.conversation, message=str(message.id)
    )
    return message


@transaction.atomic
def leave_now(*, message_id: UUID, actor: User) -> Message:
    """Let a scheduled reply leave at once. Raises ``TooLate``."""
    message = _waiting(message_id)
    at = now()
    OutboundMessage.objects.filter(id=message.outbound_id).update(not_before=at, updated_at=at)
    message.timing, message.leaves_at, message.occurred_at = Message.Timing.UNDO, at, at
    message.decided_at = at
    message.save(update_fields=["timing", "leaves_at", "occurred_at", "decided_at", "updated_at"])
    outbox.nudge(message.conversation.sender_id)
    audit.record(
        actor=actor, action="reply.sent_early", subject=message.conversation, message=str(message.id)
    )
    live.entry_changed(message.conversation, "message", message.id)
    return message


@transaction.atomic
def move(*, message_id: UUID, leaves_at: datetime, actor: User) -> Message:
    """Choose another time for a scheduled reply. Raises ``TooLate`` and ``Invalid``."""
    message = _waiting(message_id)
    message.timing, message.leaves_at = timing_of(leaves_at, 0)
    message.occurred_at, message.decided_at = leaves_at, now()
    message.save(update_fields=["timing", "leaves_at", "occurred_at", "decided_at", "updated_at"])
    OutboundMessage.objects.filter(id=message.outbound_id).update(not_before=leaves_at, updated_at=now())
    audit.record(
        actor=actor, action="reply.rescheduled", subject=message.conversation, message=str(message.id)
    )
    live.entry_changed(message.conversation, "message", message.id)
    live.conversation_changed(message.conversation)
    return message


def _waiting(message_id: UUID, *, held_too: bool = False) -> Message:
    """A reply that waits, with its account's and its conversation's locks; with ``held_too`` also one that something
    holds up. Raises ``TooLate``.
    """
    sender_id = Message.objects.values_list("conversation__sender_id", flat=True).get(id=message_id)
    lock_sender(sender_id)
    message: Message = Message.objects.select_related("outbound", "outbound__sender", "author").get(
        id=message_id
    )
    message.conversation = threads.locked(message.conversation_id)
    is_waiting = (
        (message.timing or held_too)
        and message.outbound is not None
        and message.outbound.state == OutboundMessage.State.QUEUED
        and message.state == Message.State.QUEUED
    )
    if not is_waiting:
        raise TooLate("This message has left already, so it cannot be taken back.")
    return message


def _withdraw(message: Message, reason: str, *, keeps_text: bool = True) -> None:
    """Make a waiting reply as if it had not been sent. The caller holds the locks."""
    conversation = message.conversation
    message.state, message.failure = Message.State.WITHDRAWN, reason[:300]
    message.revision = threads.next_revision(conversation)
    message.save(update_fields=["state", "failure", "revision", "updated_at"])
    assert message.outbound is not None
    if message.outbound.state == OutboundMessage.State.QUEUED:
        outbox.cancel(message.outbound, reason=reason)
    files.give_back(message=message)
    if message.author is not None and keeps_text:
        drafts.give_back(
            conversation_id=conversation.id,
            author=message.author,
            body=message.body,
            cc=", ".join(message.copied_to),
            bcc=", ".join(message.blind_copied_to),
        )
    threads.summarise(conversation)
    live.entry_changed(conversation, "message", message.id)
    live.conversation_changed(conversation)


def call_off(*, conversation: Conversation, message: Message) -> None:
    """They wrote, so what has not left answers something else: scheduled, held or within its undo window.

    Here at once; in other threads with the same person by a task, and by ``gate`` in any case. The caller holds the
    locks.
    """
    for waiting in _waiting_in(Q(conversation=conversation)):
        waiting.conversation = conversation
        _call_off(waiting)
    if conversation.lead_id is not None and _waiting_elsewhere(conversation).exists():
        from inbox.tasks import call_off_elsewhere

        enqueue(call_off_elsewhere, conversation_id=conversation.id)


def call_off_elsewhere(*, conversation_id: UUID) -> None:
    """Call off what waits in the other threads with the person of a conversation, each in a transaction of its own."""
    conversation = Conversation.objects.get(id=conversation_id)
    if conversation.lead_id is None:
        return
    for waiting in list(_waiting_elsewhere(conversation)):
        with transaction.atomic():
            try:
                message = _waiting(waiting.id, held_too=True)
            except TooLate:
                continue
            if _wrote_since(message):
                _call_off(message)


def _waiting_in(threads_of: Q) -> QuerySet[Message]:
    """Replies of people that have not left."""
    rows: QuerySet[Message] = Message.objects.filter(
        threads_of,
        state=Message.State.QUEUED,
        author__isnull=False,
        outbound__state=OutboundMessage.State.QUEUED,
    )
    return rows.select_related("outbound", "outbound__sender", "author").order_by("id")


def _waiting_elsewhere(conversation: Conversation) -> QuerySet[Message]:
    theirs = Q(conversation__lead_id=conversation.lead_id)
    return _waiting_in(theirs).exclude(conversation=conversation)


def gate(outbound: OutboundMessage) -> Hold | None:
    """A gate of the outbox: a reply that they have written after is final; its author gets the text back."""
    if outbound.origin != OutboundMessage.Origin.REPLY:
        return None
    message = Message.objects.filter(outbound=outbound).select_related("conversation").first()
    if message is None or not _wrote_since(message):
        return None
    return Hold(WROTE_FIRST, "They wrote first.", final=True)


def _wrote_since(message: Message) -> bool:
    """Whether the person has written, in whatever thread, since somebody decided that a reply leaves."""
    decided = message.decided_at or message.created_at
    conversation = message.conversation
    threads_of = Q(conversation=conversation)
    if conversation.lead_id is not None:
        theirs = Conversation.objects.filter(lead_id=conversation.lead_id).values_list("id", flat=True)
        threads_of = Q(conversation__in=list(theirs))
    rows = Message.objects.filter(
        threads_of,
        direction=Message.Direction.INBOUND,
        created_at__gt=decided,
        occurred_at__gt=decided - NEWS_FOR,
    )
    return bool(rows.exists())


def called_off(*, message_id: UUID) -> None:
    """The outbox has given a reply up because they wrote first. The caller holds the account's lock."""
    message: Message = Message.objects.select_related("outbound", "outbound__sender", "author").get(
        id=message_id
    )
    message.conversation = threads.locked(message.conversation_id)
    _call_off(message)


def _call_off(waiting: Message) -> None:
    conversation = waiting.conversation
    was_scheduled = waiting.timing == Message.Timing.SCHEDULED
    _withdraw(waiting, "They wrote first.")
    author = waiting.author.display_name if waiting.author else "somebody"
    kind = "had scheduled" if was_scheduled else "had sent, and that had not left yet,"
    text = f"{conversation.title} wrote first, so the reply that {author} {kind} does not leave."
    threads.add_line(conversation, "called_off", f"{text} Its text is a draft again.", now())
    publish(ReplyCalledOff(conversation=conversation, message=waiting))
