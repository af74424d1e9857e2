"""What a message sets in motion around its thread: what it means, the clock of the answer, and who gets it.

The caller has the conversation locked and saves it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from campaigns.replies.intents import judge
from inbox.models import Conversation, Message
from inbox.services import assignment, policies
from integrations.events import MessageReceived
from integrations.models import ProviderEvent
from project.core.clock import now

#: What is found afterwards and is older than this is history.
NEWS_FOR: Final = timedelta(days=7)


def is_news(conversation: Conversation, message: Message, *, source: str) -> bool:
    """Say whether a message that is stored now is one that nobody has seen, whenever it was written.

    One that crossed an answer of ours, or comes by a later poll, is. What a reading of the past brings is news if it is
    of the last ``NEWS_FOR`` (a lost reply that was found) and nobody answered it in the network's own app.
    """
    if source != ProviderEvent.Source.HISTORY:
        return True
    return message.occurred_at > now() - NEWS_FOR and not _answered_outside(conversation, message)


def received(conversation: Conversation, message: Message, event: MessageReceived, *, is_news: bool) -> None:
    """A message of theirs was stored. What is no news is read, and makes nobody hurry."""
    if conversation.last_inbound_at is None or message.occurred_at >= conversation.last_inbound_at:
        found = judge(
            event.text,
            event.occurred_at.date(),
            channel=conversation.channel,
            subject=event.subject,
            is_automatic=event.is_automatic,
        )
        conversation.intent = found.intent.value
    if not is_news or _answered_outside(conversation, message):
        return
    start_clock(conversation, message.occurred_at)
    if conversation.assignee_id is None:
        assignment.assign_by_rule(conversation)


def _answered_outside(conversation: Conversation, message: Message) -> bool:
    """Whether somebody wrote after a message of theirs without the product, and so with it before their eyes."""
    if message.occurred_at >= conversation.last_message_at:
        return False
    ours = Message.objects.filter(
        conversation=conversation,
        direction=Message.Direction.OUTBOUND,
        author=None,
        enrollment_id=None,
        occurred_at__gt=message.occurred_at,
    )
    return bool(ours.exists())


def start_clock(conversation: Conversation, since: datetime) -> None:
    """Somebody waits for an answer: note since when, and until when it is in time. The earliest promise holds."""
    policy = policies.policy_of(conversation.client_id)
    due = policies.promise(policy, conversation.client).due(since, conversation.intent)
    if due is None:
        return
    conversation.awaiting_since = min(filter(None, [conversation.awaiting_since, since]))
    conversation.sla_due_at = min(filter(None, [conversation.sla_due_at, due]))


def stop_clock(conversation: Conversation) -> None:
    """Nobody waits any more: answered, or closed."""
    conversation.awaiting_since = None
    conversation.sla_due_at = None
    conversation.sla_warned_at = None
    conversation.sla_breached_at = None
    conversation.lease_expires_at = None


def answered_elsewhere(conversation: Conversation, message: Message) -> None:
    """A message of ours appeared that a person wrote outside the product: it answers what they had written before it.

    What they wrote after it waits on, with its own promise, however late this one is stored.
    """
    since, lease = conversation.awaiting_since, conversation.lease_expires_at
    if since is None or message.enrollment_id is not None or message.occurred_at < since:
        return
    stop_clock(conversation)
    theirs = Message.objects.filter(
        conversation=conversation,
        direction=Message.Direction.INBOUND,
        occurred_at__gt=message.occurred_at,
    )
    waits_on = theirs.order_by("occurred_at").values_list("occurred_at", flat=True).first()
    if waits_on is not None:
        start_clock(conversation, waits_on)
        conversation.lease_expires_at = lease
