"""What the timeline of a lead shows of its conversations: what they wrote, what people answered, and notes."""

from __future__ import annotations

from datetime import datetime
from functools import partial

from django.db.models import Q
from django.urls import reverse

from campaigns.moments import QUOTE, Moment, Timeline, Who, page_of, register_source
from inbox import presenters
from inbox.models import Conversation, Message, Note
from project.tenancy.access import Access, Permission


def _threads(access: Access, who: Who) -> dict[object, Conversation]:
    rows = Conversation.objects.filter(access.client_filter(), lead__in=who.ids).select_related("sender")
    return {row.id: row for row in rows.order_by("-last_message_at", "-id")[:50]}


def _conversations(access: Access, who: Who, before: datetime, limit: int) -> list[Moment]:
    if not access.can(Permission.INBOX_VIEW):
        return []
    # What campaigns sent is told by the campaigns.
    return _said_in(access, _threads(access, who), Q(node_id=""), before, limit)


def of_thread(access: Access, conversation: Conversation, *, cursor: str) -> Timeline:
    """A page of one thread, newest first: of whoever is no lead there is nothing else. Raises ``InvalidCursor``."""
    return page_of([partial(_said_in, access, {conversation.id: conversation}, Q())], cursor)


def _said_in(
    access: Access, threads: dict[object, Conversation], which: Q, before: datetime, limit: int
) -> list[Moment]:
    slug = access.organization.slug
    urls = {
        thread_id: reverse(
            "inbox:conversation", kwargs={"organization_slug": slug, "conversation_id": thread_id}
        )
        for thread_id in threads
    }
    messages = (
        Message.objects.filter(which, conversation__in=list(threads), occurred_at__lte=before)
        .exclude(state=Message.State.WITHDRAWN)
        .select_related("author")
        .order_by("-occurred_at", "-id")[:limit]
    )
    notes = (
        Note.objects.filter(conversation__in=list(threads), created_at__lte=before)
        .select_related("author")
        .order_by("-created_at", "-id")[:limit]
    )
    found = [
        Moment(
            row.occurred_at, f"message:{row.id}", _title(row, threads[row.conversation_id]),
            channel=threads[row.conversation_id].channel, text=row.subject,
            quote=presenters.DELETED if row.deleted_at else row.body[:QUOTE],
            url=urls[row.conversation_id], link="Open the conversation",
        )
        for row in messages
    ]  # fmt: skip
    found += [
        Moment(
            row.created_at, f"note:{row.id}", f"Note by {row.author.display_name if row.author else 'somebody'}",
            icon="pencil-square", quote=row.body[:QUOTE], url=urls[row.conversation_id],
            link="Open the conversation",
        )
        for row in notes
    ]  # fmt: skip
    return found


def _title(message: Message, thread: Conversation) -> str:
    who = message.author.display_name if message.author else message.sender_name or "Somebody"
    return (
        f"{who} to {thread.sender.name}" if message.direction == Message.Direction.INBOUND else f"{who} wrote"
    )


register_source("inbox.conversations", _conversations)
