"""What conversations and the provider's records of an account tell each other outside of messages."""

from __future__ import annotations

from uuid import UUID

from django.db import IntegrityError, transaction

from inbox.models import Conversation
from inbox.services import live
from integrations.domain_events import ChatFound
from integrations.models import SenderAccount


def nameless(sender: SenderAccount, after: str, limit: int) -> list[str]:
    """Return ids of people, in order and above ``after``, whose conversation with ``sender`` was begun here and has no
    id of its chat.
    """
    rows = Conversation.objects.filter(
        sender=sender, chat_id="", provider_chat_id="", counterpart_id__gt=after, channel="linkedin"
    )
    return list(rows.order_by("counterpart_id").values_list("counterpart_id", flat=True)[:limit])


def on_chat_found(found: ChatFound) -> None:
    """Fill in the ids of a conversation's chat. Where the chat has a conversation already, the two are left apart: a
    person sees both on the lead.
    """
    conversation = (
        Conversation.objects.select_for_update(of=("self",))
        .filter(sender=found.sender, chat_id="", provider_chat_id="", counterpart_id=found.counterpart_id)
        .first()
    )
    if conversation is None:
        return
    conversation.chat_id = found.chat.chat_id
    conversation.provider_chat_id = found.chat.provider_chat_id
    try:
        with transaction.atomic():
            conversation.save(update_fields=["chat_id", "provider_chat_id", "updated_at"])
    except IntegrityError:
        return
    live.conversation_changed(conversation)


def linked_among(conversation_ids: set[UUID]) -> set[UUID]:
    """Return those conversations that have a lead."""
    rows = Conversation.objects.filter(id__in=conversation_ids, lead__isnull=False)
    return set(rows.values_list("id", flat=True))
