"""Reads of the inbox: one function per screen or part, with exactly what its template needs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db.models import Count, Q, QuerySet
from django.urls import reverse

from campaigns import selectors as campaign_selectors
from campaigns.rendering.mail import reply_subject
from inbox import presenters, querysets, selectors_context, streams
from inbox.models import CannedReply, Conversation, Message, Note, SystemLine
from inbox.selectors_composer import writing
from inbox.services.answering import MAX_LENGTH
from inbox.services.canned import VARIABLES
from integrations.services import rates
from project.core.clock import now
from project.core.ids import parse_uuid
from project.core.pagination import keyset_page
from project.tenancy.access import Access, Permission
from project.tenancy.models import Membership, Role, User

PAGE = 40
THREAD_ENTRIES = 100
#: Counts are exact up to here; beyond it the list says "500+".
COUNT_CAP = 500


@dataclass(frozen=True, slots=True)
class Filters:
    """What the address asks for: a view and, if given, one client."""

    view: str = "all"
    client_id: UUID | None = None

    @classmethod
    def of(cls, data: Any, access: Access) -> Filters:
        """Read ``view`` and ``client`` of a query string; what makes no sense is left out."""
        view = data.get("view", "")
        if view not in querysets.VIEWS:
            view = "mine" if access.can(Permission.INBOX_REPLY) and data.get("view") is None else "all"
        client_id = parse_uuid(data.get("client", ""))
        return cls(view, client_id if client_id and access.sees_client(client_id) else None)

    @property
    def query(self) -> str:
        """The query string of this choice."""
        client = f"&client={self.client_id}" if self.client_id else ""
        return f"view={self.view}{client}"


def _rows(access: Access) -> QuerySet[Any]:
    return querysets.visible(access).select_related("client", "lead", "lead__company", "assignee")


def conversation_list(access: Access, filters: Filters, cursor: str | None) -> dict[str, Any]:
    """The list of one view: a page of rows, the conditions that live rows must meet, and the next page's address."""
    chosen = _rows(access).filter(querysets.condition(filters.view, access))
    where = querysets.where(filters.view, access)
    if filters.client_id:
        chosen = chosen.filter(client_id=filters.client_id)
        where = {**where, "client": [str(filters.client_id)]}
    page = keyset_page(chosen, order=("-last_message_at", "-id"), cursor=cursor, limit=PAGE)
    slug = access.organization.slug
    url = reverse("inbox:list", kwargs={"organization_slug": slug})
    return {
        "rows": [presenters.row(conversation, slug) for conversation in page.items],
        "filters": filters,
        "view_label": querysets.VIEWS[filters.view][0],
        "where": json.dumps(where),
        "list_url": f"{url}?{filters.query}",
        "next_url": f"{url}?{filters.query}&cursor={page.next_cursor}" if page.next_cursor else "",
        "streams": " ".join(streams.client_inbox(client_id) for client_id in client_ids(access, filters)),
    }


def client_ids(access: Access, filters: Filters) -> list[UUID]:
    """The clients whose streams the list listens to."""
    if filters.client_id:
        return [filters.client_id]
    return list(access.clients().order_by("id").values_list("id", flat=True))


def view_counts(access: Access) -> list[dict[str, Any]]:
    """The views with what is in them, for the sidebar; one query."""
    counted = querysets.visible(access).aggregate(
        **{
            key: Count("id", filter=querysets.condition(key, access))
            for key in querysets.VIEWS
            if key != "closed"
        }
    )
    slug = access.organization.slug
    url = reverse("inbox:list", kwargs={"organization_slug": slug})
    return [
        {"key": key, "label": label, "icon": icon, "count": counted.get(key), "url": f"{url}?view={key}"}
        for key, (label, icon) in querysets.VIEWS.items()
        if key != "mine" or access.can(Permission.INBOX_REPLY)
    ]


def area_count(access: Access) -> int | None:
    """Unread open conversations within reach, for the navigation."""
    unread = Q(status=Conversation.Status.OPEN, unread__gt=0)
    return min(querysets.visible(access).filter(unread)[: COUNT_CAP + 1].count(), COUNT_CAP) or None


def visible_conversation(access: Access, conversation_id: UUID) -> Conversation | None:
    """A conversation within reach, or ``None``."""
    found: Conversation | None = (
        Conversation.objects.filter(access.client_filter(), id=conversation_id)
        .select_related(
            "client", "lead", "lead__company", "assignee", "sender", "sender__connection", "campaign"
        )
        .first()
    )
    return found


def entries(conversation: Conversation) -> list[dict[str, Any]]:
    """The last entries of a thread - messages, notes, system lines - oldest first."""
    messages = (
        Message.objects.filter(conversation=conversation)
        .exclude(state=Message.State.WITHDRAWN)
        .select_related("author", "outbound")
        .order_by("-occurred_at", "-id")[:THREAD_ENTRIES]
    )
    notes = Note.objects.filter(conversation=conversation).select_related("author").order_by("-created_at")
    lines = SystemLine.objects.filter(conversation=conversation).order_by("-occurred_at")
    found = [presenters.message(entry) for entry in messages]
    found += [presenters.note(entry) for entry in notes[:THREAD_ENTRIES]]
    found += [presenters.line(entry) for entry in lines[:THREAD_ENTRIES]]
    return sorted(found, key=lambda entry: str(entry["key"]))


def entries_of(conversation: Conversation) -> dict[str, Any]:
    """The entries of a thread alone."""
    return {
        "conversation": conversation,
        "entries": entries(conversation),
        "stream": streams.conversation(conversation.id),
    }


def thread(access: Access, conversation: Conversation) -> dict[str, Any]:
    """A thread with its composer."""
    return {
        "conversation": conversation,
        "head": thread_head(conversation),
        "entries": entries(conversation),
        "stream": streams.conversation(conversation.id),
        "can_reply": access.can(Permission.INBOX_REPLY),
        "can_diagnose": access.can(Permission.OPS_VIEW),
        "assignees": assignees(conversation) if access.can(Permission.INBOX_REPLY) else [],
        "composer": composer(conversation),
        "writing": writing(access, conversation) if access.can(Permission.INBOX_REPLY) else None,
    }


def thread_head(conversation: Conversation) -> dict[str, Any]:
    """The head of a thread: the same for every viewer. Reads ``client``, ``lead``, ``assignee``, ``campaign``."""
    return {
        "conversation": conversation,
        "title": conversation.title,
        "client": conversation.client,
        "campaign": conversation.campaign,
        "assignee": conversation.assignee,
        "status": conversation.status,
        "snoozed_until": conversation.snoozed_until,
    }


#: Action that a reply is, and what its daily budget is counted in, by channel.
_REPLIES: Final = {
    "linkedin": ("message", "messages"),
    "email": ("email", "e-mails"),
    "sms": ("sms", "texts"),
}


def composer(conversation: Conversation) -> dict[str, Any]:
    """What the composer says before anything is written: sender, budget, length, and why it is off, if it is."""
    from integrations.services.senders import sendable

    sender = conversation.sender
    action, counted = _REPLIES[conversation.channel]
    used, limit = rates.usage(sender, rates.day_of(sender, now())).get(action, (0, 0))
    hold = sendable(sender, action, now())
    return {
        "sender": sender,
        "channel": conversation.channel,
        "used": used,
        "limit": limit,
        "left": max(0, limit - used),
        "counted": counted,
        "resets": rates.next_day_starts(sender, now()),
        "off": hold.reason if hold else "",
        "revision": conversation.revision,
        "max_length": MAX_LENGTH[conversation.channel],
        "subject": reply_subject(conversation.subject) if conversation.channel == "email" else "",
        "to": conversation.counterpart_id if conversation.channel in {"email", "sms"} else "",
    }


def canned_rows(access: Access) -> QuerySet[Any]:
    """Canned replies that somebody may use or change: the team's for clients within reach, and their own."""
    rows = CannedReply.objects.filter(Q(owner=access.user) | Q(owner=None)).select_related("client", "owner")
    return rows if access.whole_organization else rows.filter(access.client_filter() | Q(client=None))


def canned_replies(access: Access) -> dict[str, Any]:
    """The page of canned replies."""
    return {
        "rows": list(canned_rows(access).order_by("name", "id")[:300]),
        "variables": sorted(VARIABLES),
    }


def assignees(conversation: Conversation) -> list[User]:
    """Members who may answer this conversation."""
    members = (
        Membership.objects.filter(is_active=True, role__in=(Role.ADMIN, Role.MANAGER, Role.AGENT))
        .filter(Q(all_clients=True) | Q(client_links__client_id=conversation.client_id))
        .select_related("user")
        .order_by("user__name")
        .distinct()
    )
    return [membership.user for membership in members]


def context_panel(access: Access, conversation: Conversation) -> dict[str, Any]:
    """What is known around a thread: the lead, what goes out next and why, the timeline, other conversations."""
    lead = conversation.lead
    journey = campaign_selectors.lead_journey(lead) if lead else None
    others = Conversation.objects.filter(access.client_filter(), lead=lead).exclude(id=conversation.id)
    return {
        "conversation": conversation,
        "lead": lead,
        "addresses": list(lead.channels.all()) if lead else [],
        "journey": journey,
        **selectors_context.panel(access, conversation, journey),
        "others": list(others.select_related("sender").order_by("-last_message_at")[:5]) if lead else [],
        "candidates": []
        if lead
        else campaign_selectors.lead_candidates(conversation.client_id, conversation.counterpart_name),
        "can_reply": access.can(Permission.INBOX_REPLY),
        "can_diagnose": access.can(Permission.OPS_VIEW),
    }


def counts_by_client(client_id: UUID) -> dict[str, Any]:
    """Counts of one client's conversations, the same for every viewer: the browser adds up the clients it sees."""
    shown = Conversation.objects.filter(Q(has_inbound=True) | Q(failed_sends__gt=0), client_id=client_id)
    is_open = Q(status=Conversation.Status.OPEN)
    totals = shown.aggregate(
        all=Count("id", filter=is_open),
        unassigned=Count("id", filter=is_open & Q(assignee=None)),
        snoozed=Count("id", filter=Q(status=Conversation.Status.SNOOZED)),
        failed=Count("id", filter=Q(failed_sends__gt=0)),
        unmatched=Count("id", filter=is_open & Q(lead=None)),
        unread=Count("id", filter=is_open & Q(unread__gt=0)),
    )
    assigned = (
        shown.filter(is_open).exclude(assignee=None).values_list("assignee_id").annotate(count=Count("id"))
    )
    return {**totals, "mine": {str(user_id): count for user_id, count in assigned}}
