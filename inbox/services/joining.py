"""What a merged thread carries into the other one beside its entries, and how both are told apart again.

Nobody loses sight of what waited: the more open state, the earlier promise, the higher rank, labels and half-written
texts are those of the thread that stays.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from inbox.models import Conversation, ConversationLabel, ReplyDraft, ThreadMove
from inbox.services import arrivals, assignment, drafts
from project.core.clock import now
from project.tenancy.models import User

#: What of a conversation a merge changes and its undoing restores.
_STATE: Final = (
    "status", "snoozed_until", "closed_at", "awaiting_since", "sla_due_at", "sla_breached_at", "lease_expires_at",
    "assignee_id", "priority", "intent", "lead_id", "campaign_id", "enrollment_id",
)  # fmt: skip
#: The most open first.
_OPENNESS: Final = (Conversation.Status.OPEN, Conversation.Status.SNOOZED, Conversation.Status.CLOSED)


def state_of(conversation: Conversation) -> dict[str, Any]:
    """What a merge may change, as the journal keeps it."""
    return {name: _plain(getattr(conversation, name)) for name in _STATE}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value


def carry(source: Conversation, target: Conversation, *, actor: User) -> list[str]:
    """Let the target have what the source stood at, both locked; give the ids of the labels that it got.

    The source is closed and waits for nothing. The caller saves both.
    """
    if _OPENNESS.index(_status(source)) < _OPENNESS.index(_status(target)):
        for name in ("status", "snoozed_until", "closed_at"):
            setattr(target, name, getattr(source, name))
    for name in ("awaiting_since", "sla_due_at", "sla_breached_at"):
        known = [value for row in (source, target) if (value := getattr(row, name)) is not None]
        setattr(target, name, min(known, default=None))
    target.priority = max(source.priority, target.priority)
    if _is_newer(source, target):
        target.intent = source.intent or target.intent
    if target.assignee_id is None and source.assignee is not None:
        text = f"{source.assignee.display_name} had the merged thread, and has this one."
        assignment.give(target, source.assignee, by=actor, text=text)
        target.lease_expires_at = source.lease_expires_at
    for name in ("lead_id", "campaign_id", "enrollment_id"):
        if getattr(target, name) is None:
            setattr(target, name, getattr(source, name))
    _carry_drafts(source, target)
    source.status, source.closed_at, source.snoozed_until = Conversation.Status.CLOSED, now(), None
    arrivals.stop_clock(source)
    return _carry_labels(source, target, actor)


def _status(conversation: Conversation) -> Conversation.Status:
    return Conversation.Status(conversation.status)


def _is_newer(source: Conversation, target: Conversation) -> bool:
    if source.last_inbound_at is None:
        return False
    return target.last_inbound_at is None or source.last_inbound_at > target.last_inbound_at


def _carry_labels(source: Conversation, target: Conversation, actor: User) -> list[str]:
    got = []
    for label_id in ConversationLabel.objects.filter(conversation=source).values_list("label_id", flat=True):
        _, is_new = ConversationLabel.objects.get_or_create(
            conversation=target, label_id=label_id, defaults={"added_by": actor}
        )
        got += [str(label_id)] if is_new else []
    return got


def _carry_drafts(source: Conversation, target: Conversation) -> None:
    """Half-written texts go along, and stay there when the merge is undone: their writers have gone on with them."""
    rows = ReplyDraft.objects.filter(conversation=source).exclude(body="").select_related("author")
    for row in rows.order_by("id"):
        given = {"body": row.body, "mode": row.mode, "cc": row.cc, "bcc": row.bcc}
        drafts.clear(conversation_id=source.id, author=row.author)
        drafts.give_back(conversation_id=target.id, author=row.author, **given)


def part(move: ThreadMove, source: Conversation, target: Conversation) -> None:
    """Put both back to what they were, except what somebody has changed since. The caller saves both."""
    moved = move.moved
    _restore(source, moved.get("source", {"status": moved.get("status", Conversation.Status.OPEN)}))
    present, after = state_of(target), moved.get("after", {})
    before = moved.get("target", {})
    _restore(target, {name: before[name] for name in before if present[name] == after.get(name)})
    source.unread = moved.get("unread", 0)
    target.unread = max(0, target.unread - source.unread)
    ConversationLabel.objects.filter(conversation=target, label_id__in=moved.get("labels", ())).delete()


def _restore(conversation: Conversation, state: dict[str, Any]) -> None:
    fields = {field.attname: field for field in Conversation._meta.concrete_fields}
    for name, value in state.items():
        setattr(conversation, name, fields[name].to_python(value))
