"""What happens to conversations when leads are merged, taken apart or erased."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q, TextField
from django.db.models.functions import Cast

from campaigns.events import LeadErased, LeadsMerged, LeadsParted
from campaigns.models import Lead
from campaigns.services.erasure import rows
from inbox.models import (
    Conversation,
    Message,
    MessageFile,
    Note,
    Notification,
    Participant,
    PendingChange,
    ReplyDraft,
)
from inbox.services import live
from integrations.models import OutboundMessage
from integrations.services import lead_sends
from project.core.clock import now

#: What stands in place of a text that was erased.
ERASED = "Erased at the person's request."


@transaction.atomic
def on_leads_merged(event: LeadsMerged) -> None:
    """Give the conversations of the one to the other."""
    found = list(Conversation.objects.filter(lead_id=event.merge.other_id).order_by("id"))
    event.merge.moved["conversations"] = [str(row.id) for row in found]
    event.merge.save(update_fields=["moved", "updated_at"])
    _give(found, event.merge.kept)


@transaction.atomic
def on_leads_parted(event: LeadsParted) -> None:
    """Give the conversations back that are still with the kept lead."""
    ids = event.merge.moved.get("conversations", [])
    found = list(Conversation.objects.filter(id__in=ids, lead_id=event.merge.kept_id).order_by("id"))
    _give(found, event.merge.other)


def _give(found: list[Conversation], lead: Lead) -> None:
    for row in found:
        row.lead = lead
        row.updated_at = now()
    Conversation.objects.bulk_update(found, ["lead", "updated_at"])
    for row in found:
        live.conversation_changed(row)


@transaction.atomic
def on_lead_erased(event: LeadErased) -> None:
    """Erase what they and others wrote, files and names; that a message came or left, and when, stays."""
    found = list(Conversation.objects.filter(lead=event.lead).order_by("id"))
    messages = Message.objects.filter(conversation__in=found)
    messages.update(
        body=ERASED, html="", quoted="", subject="", sender_name="", sender_address="", copied_to=[],
        blind_copied_to=[], attachments=[], reactions=[], updated_at=now(),
    )  # fmt: skip
    Note.objects.filter(conversation__in=found).update(body=ERASED, mentions=[], updated_at=now())
    MessageFile.objects.filter(conversation__in=found).delete()
    ReplyDraft.objects.filter(conversation__in=found).delete()
    Participant.objects.filter(conversation__in=found).delete()
    # What was told of them stays as a line without a name; what waits to leave says no more.
    Notification.objects.filter(conversation__in=found).update(title=ERASED, text="", updated_at=now())
    _forget_waiting(event.lead, found)
    numbers = list(event.lead.channels.filter(kind="sms").values_list("normalized", flat=True))
    for row in found:
        if any(number in row.chat_id or number in row.provider_chat_id for number in numbers):
            row.chat_id = row.provider_chat_id = ""  # threads of text messages are known by the two numbers
        row.counterpart_name, row.subject, row.last_snippet, row.updated_at = "", "", ERASED, now()
        row.counterpart_id = row.answer_address = row.answer_name = ""
    Conversation.objects.bulk_update(
        found,
        [
            "counterpart_name",
            "counterpart_id",
            "chat_id",
            "provider_chat_id",
            "answer_address",
            "answer_name",
            "subject",
            "last_snippet",
            "updated_at",
        ],
    )
    for row in found:
        live.conversation_changed(row)


def _forget_waiting(lead: Lead, found: list[Conversation]) -> None:
    """Delete changes that wait for a message of theirs: with their texts, nothing is left to be changed."""
    chats = {chat for row in found for chat in (row.chat_id, row.provider_chat_id) if chat}
    sends = OutboundMessage.objects.filter(lead_id=lead.id).values_list("id", flat=True)
    words = {
        value
        for row in lead.channels.all()
        for value in (row.normalized, row.provider_id, row.member_urn)
        if value
    }
    waiting = PendingChange.objects.filter(
        Q(sender__client_id=lead.client_id) | Q(sender__in={row.sender_id for row in found})
    )
    waiting.annotate(written=Cast("event", TextField())).filter(
        lead_sends.says(words)
        | Q(event__chat_id__in=chats)
        | Q(event__provider_chat_id__in=chats)
        | Q(message_ref__in=[f"send:{one}" for one in sends])
    ).delete()


def answered(lead_ids: Sequence[UUID]) -> set[UUID]:
    """Who of some leads has written to us, in whatever thread."""
    theirs = Message.objects.filter(
        conversation__lead_id__in=list(lead_ids), direction=Message.Direction.INBOUND
    )
    return set(theirs.values_list("conversation__lead_id", flat=True))


def record(lead: Lead) -> list[dict[str, Any]]:
    """What the bundle of a person holds of their conversations: messages and notes, in order."""
    messages = Message.objects.filter(conversation__lead=lead).order_by("occurred_at", "id")
    notes = Note.objects.filter(conversation__lead=lead).order_by("created_at", "id")
    return [
        *rows(messages, "occurred_at", "direction", "state", "sender_name", "subject", "body", "attachments"),
        *({"note": True, **row} for row in rows(notes, "created_at", "body")),
    ]
