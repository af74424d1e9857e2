"""What the operations are made of: conversations within reach, and threads as they are shown."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from inbox import querysets, selectors
from inbox.models import Conversation, Message, Note, SystemLine
from project.tenancy.access import Access
from project.tenancy.models import Membership


def listed(access: Access, view: str) -> QuerySet[Conversation]:
    """The conversations of a view. Raises ``KeyError`` for an unknown one."""
    return loaded(querysets.visible(access).filter(querysets.condition(view, access)))


def loaded(found: QuerySet[Conversation]) -> QuerySet[Conversation]:
    """The same conversations with what ``shown`` reads."""
    return querysets.with_labels(found.select_related("lead"))


def reachable(access: Access) -> QuerySet[Conversation]:
    """All conversations within reach, with what a thread shows."""
    rows = Conversation.objects.filter(access.client_filter())
    return querysets.with_labels(
        rows.select_related("client", "lead", "assignee", "sender", "sender__connection", "campaign")
    )


def members() -> QuerySet[Membership]:
    """Members of the organization, with their users."""
    found: QuerySet[Membership] = Membership.objects.select_related("user")
    return found


def messages(access: Access) -> QuerySet[Message]:
    """Messages within reach."""
    found: QuerySet[Message] = Message.objects.filter(access.client_filter("conversation__client_id"))
    return found


def shown(conversation: Conversation) -> dict[str, Any]:
    """One conversation. Reads ``lead``."""
    names = (
        "id", "client_id", "sender_id", "channel", "title", "lead_id", "campaign_id", "enrollment_id", "status",
        "snoozed_until", "assignee_id", "revision", "unread", "failed_sends", "last_message_at",
        "last_inbound_at", "last_snippet", "intent", "priority", "awaiting_since", "sla_due_at", "lease_expires_at",
    )  # fmt: skip
    labels = sorted(link.label.name for link in conversation.labelled)
    return {**{name: getattr(conversation, name) for name in names}, "labels": labels}


def detail(conversation: Conversation) -> dict[str, Any]:
    """A thread with its entries and composer."""
    composer = selectors.composer(conversation)
    sender = composer["sender"]
    return {
        **shown(conversation),
        "entries": entries(conversation),
        "composer": {**composer, "sender_id": sender.id, "sender_name": sender.name},
    }


def entries(conversation: Conversation) -> list[dict[str, Any]]:
    """The last entries of a thread, oldest first."""
    last = selectors.THREAD_ENTRIES
    found: list[dict[str, Any]] = [
        {"kind": "message", "at": row.occurred_at, "message": row}
        for row in Message.objects.filter(conversation=conversation)
        .exclude(state=Message.State.WITHDRAWN)
        .order_by("-occurred_at", "-id")[:last]
    ]
    found += [
        {"kind": "note", "at": row.created_at, "note": row}
        for row in Note.objects.filter(conversation=conversation).order_by("-created_at", "-id")[:last]
    ]
    found += [
        {"kind": "line", "at": row.occurred_at, "line": row}
        for row in SystemLine.objects.filter(conversation=conversation).order_by("-occurred_at", "-id")[:last]
    ]
    return sorted(found, key=lambda entry: (entry["at"], entry["kind"] != "message"))[-last:]
