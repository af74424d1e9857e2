"""The clocks of promised answers as time passes: broken promises, and conversations that close by themselves."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import DurationField, ExpressionWrapper, F, Q

from inbox.events import ConversationAnswered, PromiseAtRisk, PromiseBroken
from inbox.filters import SOON
from inbox.models import Conversation, InboxPolicy, Message
from inbox.services import arrivals, live, threads
from integrations.models import OutboundMessage
from project.core.clock import now
from project.core.events import publish
from project.tenancy.models import User

BATCH = 200


def answered(conversation: Conversation, message: Message, author: User) -> None:
    """A person's answer leaves a locked conversation: say how long it took and whether in time, and stop the clock.

    It does not answer what they wrote after it was decided on: that waits on, with its own promise.
    """
    since, due = conversation.awaiting_since, conversation.sla_due_at
    unseen = _unseen(conversation, message)
    if since is not None and unseen is not None and unseen <= since:
        # Nobody waited for it: whoever waits now wrote while it was on its way.
        since = due = None
    else:
        _stop(conversation, message, unseen)
    publish(
        ConversationAnswered(
            conversation=conversation,
            message=message,
            author=author,
            seconds=int((message.occurred_at - since).total_seconds()) if since is not None else None,
            in_time=message.occurred_at <= due if due is not None else None,
            is_first=not _left_earlier(conversation, message),
        )
    )


def _stop(conversation: Conversation, message: Message, unseen: datetime | None) -> None:
    due, lease = conversation.sla_due_at, conversation.lease_expires_at
    if due is not None and message.occurred_at > due:
        note_breach(conversation)
    arrivals.stop_clock(conversation)
    if unseen is not None:
        arrivals.start_clock(conversation, unseen)
        conversation.lease_expires_at = lease
    conversation.save(
        update_fields=[
            "awaiting_since",
            "sla_due_at",
            "sla_warned_at",
            "sla_breached_at",
            "lease_expires_at",
            "updated_at",
        ]
    )


def _unseen(conversation: Conversation, message: Message) -> datetime | None:
    """When they wrote first of what waits and was stored after a reply was decided on; ``None`` where nothing was."""
    if conversation.awaiting_since is None:
        return None
    decided = message.decided_at or message.created_at
    found: datetime | None = (
        Message.objects.filter(
            conversation=conversation,
            direction=Message.Direction.INBOUND,
            created_at__gt=decided,
            occurred_at__gte=max(conversation.awaiting_since, decided - arrivals.NEWS_FOR),
        )
        .order_by("occurred_at")
        .values_list("occurred_at", flat=True)
        .first()
    )
    return found


#: Message states that say that it has left.
_LEFT = frozenset({Message.State.SENT, Message.State.DELIVERED, Message.State.SEEN})


def _left_earlier(conversation: Conversation, message: Message) -> bool:
    """Whether another answer of a person has left, also one that came back: it was told as the first then."""
    theirs = Message.objects.filter(conversation=conversation, author__isnull=False).exclude(id=message.id)
    came_back = Q(
        state__in=[Message.State.FAILED, Message.State.GIVEN_UP],
        outbound__state=OutboundMessage.State.SENT,
    )
    return bool(theirs.filter(Q(state__in=_LEFT) | came_back).exists())


def left(conversation: Conversation, message: Message, *, was: str) -> None:
    """A reply of a person is in a new state, after ``was``: once it has left, and not before, somebody has answered."""
    if message.author is not None and message.state in _LEFT and was not in _LEFT:
        answered(conversation, message, message.author)


def due_warnings() -> list[Conversation]:
    """Open conversations whose promised time is nearly over and for which nobody has said so (platform scope).

    Nearly over: less than ``SOON`` is left, and at least half of it has passed.
    """
    moment = now()
    rows = Conversation.objects.filter(
        status=Conversation.Status.OPEN,
        sla_due_at__gt=moment,
        sla_due_at__lte=moment + SOON,
        sla_breached_at=None,
        sla_warned_at=None,
    ).annotate(
        half=ExpressionWrapper((F("sla_due_at") - F("awaiting_since")) / 2, output_field=DurationField())
    )
    return list(rows.filter(sla_due_at__lte=moment + F("half")).order_by("sla_due_at")[:BATCH])


@transaction.atomic
def warn(*, conversation_id: UUID) -> None:
    """Say that an answer is due soon; harmless when somebody was faster."""
    conversation = threads.locked(conversation_id)
    due = conversation.sla_due_at
    if due is None or due <= now() or conversation.sla_warned_at is not None:
        return
    conversation.sla_warned_at = now()
    conversation.save(update_fields=["sla_warned_at", "updated_at"])
    publish(PromiseAtRisk(conversation=conversation, due_at=due))
    # Lists and views of what is due soon have one more.
    live.conversation_changed(conversation)


def due_promises() -> list[Conversation]:
    """Open conversations whose promised time has passed and for which nobody has said so (platform scope)."""
    rows = Conversation.objects.filter(
        status=Conversation.Status.OPEN, sla_due_at__lte=now(), sla_breached_at=None
    )
    return list(rows.order_by("sla_due_at")[:BATCH])


@transaction.atomic
def break_promise(*, conversation_id: UUID) -> None:
    """Say that an answer is late; harmless when somebody was faster."""
    conversation = threads.locked(conversation_id)
    due = conversation.sla_due_at
    if due is None or due > now() or conversation.sla_breached_at is not None:
        return
    note_breach(conversation)
    conversation.save(update_fields=["sla_breached_at", "updated_at"])
    live.conversation_changed(conversation)


def note_breach(conversation: Conversation) -> None:
    """Note on a locked conversation that its answer is late, once. The caller saves it."""
    if conversation.sla_breached_at is None and conversation.sla_due_at is not None:
        conversation.sla_breached_at = now()
        publish(PromiseBroken(conversation=conversation, due_at=conversation.sla_due_at))


def to_close() -> list[Conversation]:
    """Open conversations in which we had the last word for as long as the client's policy says (platform scope).

    Where they never wrote there is no conversation that could be resolved.
    """
    found: list[Conversation] = []
    for policy in InboxPolicy.objects.filter(close_after_days__gt=0):
        silent = Conversation.objects.filter(
            organization_id=policy.organization_id,
            status=Conversation.Status.OPEN,
            has_inbound=True,
            last_inbound=False,
            last_message_at__lte=now() - timedelta(days=policy.close_after_days),
        )
        if policy.client_id is not None:
            silent = silent.filter(client_id=policy.client_id)
        else:
            own = InboxPolicy.objects.filter(
                organization_id=policy.organization_id, client__isnull=False
            ).values("client_id")
            silent = silent.exclude(client_id__in=own)
        found += silent.filter(Q(closed_at=None) | Q(closed_at__lt=F("last_message_at"))).order_by(
            "last_message_at"
        )[:BATCH]
    return found
