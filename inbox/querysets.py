"""Composable filters of conversations, and of replies that wait."""

from __future__ import annotations

from typing import Any

from django.db.models import Prefetch, Q, QuerySet

from inbox.models import Conversation, ConversationLabel, Message, MessageFile
from inbox.models.conversations import SHOWN
from project.tenancy.access import Access

#: Views of the inbox: key, label, icon, and what belongs to it. ``mine`` needs the viewer.
VIEWS: dict[str, tuple[str, str]] = {
    "mine": ("Mine", "user"),
    "unassigned": ("Unassigned", "user-plus"),
    "all": ("All open", "inbox-stack"),
    "snoozed": ("Snoozed", "bell-snooze"),
    "closed": ("Closed", "check-circle"),
    "failed": ("Failed sends", "exclamation-triangle"),
    "unmatched": ("Unmatched", "link-slash"),
}

#: What a search looks through unless it is told otherwise; no view of the sidebar.
ANY = "any"


def visible(access: Access) -> QuerySet[Any]:
    """Conversations within the viewer's reach that are shown."""
    return Conversation.objects.filter(access.client_filter(), SHOWN)


def waiting_for_their_time() -> QuerySet[Any]:
    """Replies that were scheduled and have not left."""
    return Message.objects.filter(
        state=Message.State.QUEUED, timing=Message.Timing.SCHEDULED, leaves_at__isnull=False
    )


def scheduled(access: Access, *, mine: bool = False) -> QuerySet[Any]:
    """The scheduled replies within the viewer's reach: everybody's, or their own."""
    rows = waiting_for_their_time().filter(access.client_filter("conversation__client_id"))
    return rows.filter(author=access.user) if mine else rows


def files(access: Access) -> QuerySet[Any]:
    """Files within the viewer's reach; what somebody has uploaded and not sent is theirs alone."""
    unsent = Q(message=None) & Q(uploaded_by__isnull=False) & ~Q(uploaded_by=access.user)
    return MessageFile.objects.filter(~unsent, access.client_filter("conversation__client_id"))


def for_rows(rows: QuerySet[Any]) -> QuerySet[Any]:
    """The same conversations with all that a row of the list shows."""
    return with_labels(rows.select_related("client", "lead", "lead__company", "assignee"))


def with_labels(rows: QuerySet[Any]) -> QuerySet[Any]:
    """The same conversations with their labels as ``labelled``; a manager for each row costs more than the query."""
    links = ConversationLabel.objects.select_related("label")
    return rows.prefetch_related(Prefetch("label_links", links, to_attr="labelled"))


def condition(view: str, access: Access) -> Q:
    """What belongs to a view. Raises ``KeyError`` for an unknown one."""
    is_open = Q(status=Conversation.Status.OPEN)
    return {
        ANY: Q(),
        "mine": is_open & Q(assignee=access.user),
        "unassigned": is_open & Q(assignee=None),
        "all": is_open,
        "snoozed": Q(status=Conversation.Status.SNOOZED),
        "closed": Q(status=Conversation.Status.CLOSED),
        "failed": Q(failed_sends__gt=0),
        "unmatched": is_open & Q(lead=None),
    }[view]


def where(view: str, access: Access) -> dict[str, list[Any]]:
    """The same as facts that live rows carry, for the browser: which rows belong into the list."""
    facts: dict[str, dict[str, list[Any]]] = {
        ANY: {},
        "mine": {"status": ["open"], "assignee": [str(access.user.id)]},
        "unassigned": {"status": ["open"], "assignee": [""]},
        "all": {"status": ["open"]},
        "snoozed": {"status": ["snoozed"]},
        "closed": {"status": ["closed"]},
        "failed": {"failed": [True]},
        "unmatched": {"status": ["open"], "matched": [False]},
    }
    return facts[view]
