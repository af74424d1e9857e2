"""Reads of the inbox: one function per screen or part, with exactly what its template needs."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from campaigns import selectors as campaign_selectors
from campaigns.models import Campaign
from campaigns.rendering.mail import reply_subject
from inbox import presenters, selectors_context, streams
from inbox.models import CannedReply, Conversation, Message, Note, Notification, SystemLine
from inbox.selectors_composer import writing
from inbox.services.answering import MAX_LENGTH
from inbox.services.canned import VARIABLES
from integrations.services import rates
from project.core.clock import now
from project.tenancy.access import Access, Permission

#: Of the thread's campaign only the name and the zone are read; opening a thread pays for every column.
_NOT_READ: Final = tuple(
    f"campaign__{one.attname}"
    for one in Campaign._meta.concrete_fields
    if one.name not in {"id", "organization", "client", "name", "time_zone"}
)
#: Entries of a thread that are shown at first, and how many more each "Show earlier" brings.
THREAD_ENTRIES = 30
EARLIER_ENTRIES = 100
MOST_ENTRIES = 1_000
#: Messages that are shown whole; older ones are one line until somebody opens them.
UNFOLDED = 3


def visible_conversation(access: Access, conversation_id: UUID) -> Conversation | None:
    """A conversation within reach, or ``None``. ``has_news``: whether the viewer has notices of it not seen yet."""
    notices = Notification.objects.filter(user=access.user, conversation_id=OuterRef("id"), read_at=None)
    found: Conversation | None = (
        Conversation.objects.filter(access.client_filter(), id=conversation_id)
        .select_related("client", "lead__company", "assignee", "sender__connection", "campaign")
        .defer(*_NOT_READ)
        .annotate(has_news=Exists(notices))
        .prefetch_related("lead__channels")
        .first()
    )
    if found is not None and found.lead is not None and found.lead.client_id == found.client_id:
        # One more joined table would double what PostgreSQL takes to plan the statement.
        found.lead.client = found.client
    return found


def entries(conversation: Conversation, limit: int = THREAD_ENTRIES) -> list[dict[str, Any]]:
    """The last entries of a thread - messages, notes, system lines - oldest first, at most ``limit`` of each."""
    messages = (
        Message.objects.filter(conversation=conversation)
        .exclude(state=Message.State.WITHDRAWN)
        .select_related("author", "outbound")
        .order_by("-occurred_at", "-id")[:limit]
    )
    notes = Note.objects.filter(conversation=conversation).select_related("author").order_by("-created_at")
    lines = SystemLine.objects.filter(conversation=conversation).order_by("-occurred_at")
    found = [presenters.message(entry) for entry in messages]
    found += [presenters.note(entry) for entry in notes[:limit]]
    found += [presenters.line(entry) for entry in lines[:limit]]
    return sorted(found, key=lambda entry: str(entry["key"]))


def entries_of(conversation: Conversation, shown: int = THREAD_ENTRIES) -> dict[str, Any]:
    """The last ``shown`` entries of a thread by day, and how many came before them (of those within reach)."""
    shown = max(THREAD_ENTRIES, min(shown, MOST_ENTRIES))
    found = entries(conversation, shown + EARLIER_ENTRIES)
    earlier = len(found) - shown
    return {
        "conversation": conversation,
        "entries": presenters.by_day(presenters.folded(found[-shown:], UNFOLDED)),
        "shown": shown,
        "earlier": min(earlier, EARLIER_ENTRIES) if earlier > 0 and shown < MOST_ENTRIES else 0,
        "reach": min(shown + EARLIER_ENTRIES, MOST_ENTRIES),
        "stream": streams.conversation(conversation.id),
    }


def thread(access: Access, conversation: Conversation) -> dict[str, Any]:
    """A thread with its composer."""
    return {
        **entries_of(conversation),
        "head": thread_head(conversation),
        "can_reply": access.can(Permission.INBOX_REPLY),
        "can_diagnose": access.can(Permission.OPS_VIEW),
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
        "held_until": conversation.lease_expires_at if conversation.assignee else None,
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
        "to": conversation.answers_to if conversation.channel in {"email", "sms"} else "",
    }


def canned_rows(access: Access) -> QuerySet[Any]:
    """Canned replies that somebody may use or change: the team's for clients within reach, and their own."""
    rows = CannedReply.objects.filter(Q(owner=access.user) | Q(owner=None)).select_related("client", "owner")
    return rows if access.whole_organization else rows.filter(access.client_filter() | Q(client=None))


def changeable(rows: QuerySet[Any], access: Access) -> QuerySet[Any]:
    """Of texts or macros, those that somebody may change: what is there for all clients needs a reach over all."""
    return rows if access.whole_organization else rows.filter(access.client_filter() | Q(owner=access.user))


def canned_replies(access: Access) -> dict[str, Any]:
    """The page of canned replies."""
    return {
        "rows": list(canned_rows(access).order_by("name", "id")[:300]),
        "reaches_all": access.whole_organization,
        "variables": sorted(VARIABLES),
    }


def context_panel(access: Access, conversation: Conversation) -> dict[str, Any]:
    """What is known around a thread: the lead, what goes out next and why, the timeline, other conversations."""
    lead = conversation.lead
    journey = campaign_selectors.lead_journey(lead) if lead else None
    return {
        "conversation": conversation,
        "lead": lead,
        "addresses": list(lead.channels.all()) if lead else [],
        "journey": journey,
        **selectors_context.panel(access, conversation, journey),
        "candidates": []
        if lead
        else campaign_selectors.lead_candidates(conversation.client_id, conversation.counterpart_name),
        "can_reply": access.can(Permission.INBOX_REPLY),
        "can_diagnose": access.can(Permission.OPS_VIEW),
    }
