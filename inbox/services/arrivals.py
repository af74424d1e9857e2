"""What a message sets in motion around its thread: what it means, the clock of the answer, and who gets it.

The caller has the conversation locked and saves it.
"""

from __future__ import annotations

from datetime import datetime

from campaigns.replies.intents import judge
from inbox.models import Conversation, Message
from inbox.services import assignment, policies
from integrations.events import MessageReceived


def received(
    conversation: Conversation, message: Message, event: MessageReceived, *, is_history: bool
) -> None:
    """A message of theirs was stored. What history brings is read, and makes nobody hurry."""
    if conversation.last_inbound_at is not None and message.occurred_at < conversation.last_inbound_at:
        return
    found = judge(
        event.text,
        event.occurred_at.date(),
        channel=conversation.channel,
        subject=event.subject,
        is_automatic=event.is_automatic,
    )
    conversation.intent = found.intent.value
    if is_history or (conversation.last_read_at and message.occurred_at <= conversation.last_read_at):
        return
    start_clock(conversation, message.occurred_at)
    if conversation.assignee_id is None:
        assignment.assign_by_rule(conversation)


def start_clock(conversation: Conversation, since: datetime) -> None:
    """Somebody waits for an answer: note since when, and until when it is in time. The earliest promise holds."""
    policy = policies.policy_of(conversation.client_id)
    due = policies.promise(policy, conversation.client).due(since, conversation.intent)
    if due is None:
        return
    conversation.awaiting_since = conversation.awaiting_since or since
    conversation.sla_due_at = min(filter(None, [conversation.sla_due_at, due]))


def stop_clock(conversation: Conversation) -> None:
    """Nobody waits any more: answered, or closed."""
    conversation.awaiting_since = None
    conversation.sla_due_at = None
    conversation.sla_breached_at = None
    conversation.lease_expires_at = None


def answered_elsewhere(conversation: Conversation, message: Message) -> None:
    """A message of ours appeared that a person wrote outside the product: it answers what waited before it."""
    since = conversation.awaiting_since
    if since is not None and message.enrollment_id is None and message.occurred_at >= since:
        stop_clock(conversation)
