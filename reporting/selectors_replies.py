"""Replies as reports show them: to the client's own people by the client's rules, to the agency as they are."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from campaigns.models import LeadImportLead
from inbox.models import Conversation, Message, Note
from project.tenancy.access import Access
from project.tenancy.models import Client, Membership, Role
from reporting.filters import Filters, Narrow
from reporting.models import ReplyVerdict
from reporting.redaction import cover
from reporting.services.portal import policy_of


def latest(
    client: Client, access: Access, filters: Filters | None = None, limit: int = 20
) -> list[dict[str, Any]] | None:
    """The newest replies, one per conversation; ``None`` where the client's people may not read any."""
    policy = policy_of(client)
    is_client = access.role == Role.CLIENT
    if is_client and not policy.shows_replies:
        return None
    rows = Conversation.objects.filter(client_id=client.id, has_inbound=True).order_by("-last_inbound_at")
    if filters is not None:
        rows = rows.filter(_asked(filters))
    return _rows(rows[:limit], covered=is_client and policy.hides_addresses)


def _asked(filters: Filters) -> Q:
    """The threads of the campaign, channel, sender or list that a report is narrowed to."""
    asked = Q(campaign_id=filters.campaign_id) if filters.campaign_id else Q()
    match filters.narrow:
        case Narrow(dimension="channel", value=channel):
            return asked & Q(channel=channel)
        case Narrow(dimension="sender", value=sender):
            return asked & Q(sender_id=sender)
        case Narrow(dimension="list", value=of_list):
            listed = LeadImportLead.objects.filter(lead_import_id=of_list)
            return asked & Q(lead_id__in=listed.values("lead_id"))
    return asked


def one(access: Access, conversation_id: UUID) -> dict[str, Any]:
    """One reply that is within reach."""
    conversation = Conversation.objects.select_related("client").get(
        access.client_filter(), id=conversation_id, has_inbound=True
    )
    is_client = access.role == Role.CLIENT
    covered = is_client and policy_of(conversation.client).hides_addresses
    (row,) = _rows(Conversation.objects.filter(id=conversation.id), covered=covered)
    return {"row": row}


def _rows(conversations: QuerySet[Conversation], *, covered: bool) -> list[dict[str, Any]]:
    found = list(conversations.select_related("lead", "lead__company", "campaign"))
    ids = [row.id for row in found]
    messages = Message.objects.filter(conversation__in=ids, direction=Message.Direction.INBOUND).order_by(
        "conversation_id", "-occurred_at", "-id"
    )
    newest = {message.conversation_id: message for message in messages.distinct("conversation_id")}
    of_client = Membership.objects.filter(role=Role.CLIENT).values("user_id")
    notes: dict[UUID, list[Note]] = {}
    for note in (
        Note.objects.filter(
            Q(author__in=of_client) | Q(shown_to_client_at__isnull=False), conversation__in=ids
        )
        .select_related("author")
        .order_by("id")
    ):
        notes.setdefault(note.conversation_id, []).append(note)
    verdicts = {row.conversation_id: row for row in ReplyVerdict.objects.filter(conversation__in=ids)}
    return [
        {
            "conversation": row,
            "message": newest[row.id],
            # Whoever fits no lead is called by what the network names them: it may be an address.
            "who": cover(row.title) if covered else row.title,
            "body": cover(newest[row.id].body) if covered else newest[row.id].body,
            "verdict": verdicts.get(row.id),
            "comments": [
                {
                    "author": note.author,
                    "body": cover(note.body) if covered else note.body,
                    "at": note.created_at,
                }
                for note in notes.get(row.id, [])
            ],
        }
        for row in found
        if row.id in newest
    ]
