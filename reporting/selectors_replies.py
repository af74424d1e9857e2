"""Replies as reports show them: to the client's own people by the client's rules, to the agency as they are."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from campaigns.models import LeadImportLead
from inbox.models import Conversation, Message, Note
from project.tenancy.access import Access
from project.tenancy.models import Client, Membership, Role
from reporting.filters import Filters, Narrow
from reporting.models import PortalPolicy, ReplyVerdict
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
    rows = Conversation.objects.filter(client_id=client.id, has_inbound=True)
    if filters is not None:
        rows = rows.filter(_asked(filters))
    rows = rows.order_by("-last_inbound_at", "-id")
    return _rows(rows[:limit], covered=is_client and policy.hides_addresses)


def _asked(filters: Filters) -> Q:
    """The threads of the campaign, channel, sender and list that a report is narrowed to."""
    asked = Q(campaign_id=filters.campaign_id) if filters.campaign_id else Q()
    narrow = filters.narrow or Narrow()
    if narrow.channel:
        asked &= Q(channel=narrow.channel)
    if narrow.sender:
        asked &= Q(sender_id=narrow.sender)
    if narrow.list_id:
        listed = LeadImportLead.objects.filter(lead_import_id=narrow.list_id)
        asked &= Q(lead_id__in=listed.values("lead_id"))
    return asked


def readable(access: Access) -> QuerySet[Conversation]:
    """The conversations whose replies somebody may read on a report: not those that the agency keeps from a client."""
    rows: QuerySet[Conversation] = Conversation.objects.filter(access.client_filter())
    if access.role != Role.CLIENT:
        return rows
    return rows.exclude(client__in=PortalPolicy.objects.filter(shows_replies=False).values("client_id"))


def covers(access: Access, client: Client) -> bool:
    """Whether addresses and numbers in what people wrote are covered for whoever asks."""
    return access.role == Role.CLIENT and policy_of(client).hides_addresses


def comments(conversations: Collection[UUID], *, covered: bool) -> dict[UUID, list[dict[str, Any]]]:
    """What the clients' people and the agency said to each other about replies, oldest first, by conversation."""
    of_client = Membership.objects.filter(role=Role.CLIENT)
    rows = (
        Note.objects.filter(conversation__in=conversations)
        .annotate(is_client=Exists(of_client.filter(user=OuterRef("author"))))
        .filter(Q(is_client=True) | Q(shown_to_client_at__isnull=False))
    )
    found: dict[UUID, list[dict[str, Any]]] = {}
    for note in rows.select_related("author").order_by("created_at", "id"):
        one = {
            "id": note.id,
            "author": note.author.display_name if note.author else "Somebody",
            "is_client": note.is_client,
            "body": cover(note.body) if covered else note.body,
            "written_at": note.created_at,
        }
        found.setdefault(note.conversation_id, []).append(one)
    return found


def one(access: Access, conversation_id: UUID) -> dict[str, Any]:
    """One reply that is within reach."""
    conversation = readable(access).select_related("client").get(id=conversation_id, has_inbound=True)
    rows = Conversation.objects.filter(id=conversation.id)
    (row,) = _rows(rows, covered=covers(access, conversation.client))
    return {"row": row}


def _rows(conversations: QuerySet[Conversation], *, covered: bool) -> list[dict[str, Any]]:
    found = list(conversations.select_related("lead", "lead__company", "campaign"))
    ids = [row.id for row in found]
    messages = Message.objects.filter(conversation__in=ids, direction=Message.Direction.INBOUND).order_by(
        "conversation_id", "-occurred_at", "-id"
    )
    newest = {message.conversation_id: message for message in messages.distinct("conversation_id")}
    said = comments(ids, covered=covered)
    verdicts = {row.conversation_id: row for row in ReplyVerdict.objects.filter(conversation__in=ids)}
    return [
        {
            "conversation": row,
            "message": newest[row.id],
            # Whoever fits no lead is called by what the network names them: it may be an address.
            "who": cover(row.title) if covered else row.title,
            "body": cover(newest[row.id].body) if covered else newest[row.id].body,
            "verdict": verdicts.get(row.id),
            "comments": said.get(row.id, []),
        }
        for row in found
        if row.id in newest
    ]
