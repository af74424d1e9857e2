"""Telling open screens what changed; called by services only, inside their transaction."""

from __future__ import annotations

from uuid import UUID

from inbox import streams
from inbox.models import Conversation, JournalEntry
from project.core.realtime import emit
from project.tenancy.streams import user_stream


def conversation_changed(conversation: Conversation) -> None:
    """The row in the list and the head of the thread."""
    subject = ("conversation", conversation.id)
    emit(
        stream=streams.client_inbox(conversation.client_id),
        kind="conversation.changed",
        subject=subject,
        data={},
    )
    emit(stream=streams.conversation(conversation.id), kind="thread.head", subject=subject, data={})


def conversation_gone(conversation: Conversation) -> None:
    """The row is in no list any more: nobody wrote in it, and nothing of ours failed."""
    emit(
        stream=streams.client_inbox(conversation.client_id),
        kind="conversation.gone",
        subject=("conversation", conversation.id),
        data={},
    )


def entry_changed(conversation: Conversation, kind: str, entry_id: UUID) -> None:
    """One entry of the thread: ``kind`` is ``message``, ``note`` or ``line``."""
    emit(
        stream=streams.conversation(conversation.id),
        kind=f"thread.{kind}",
        subject=(kind, entry_id),
        data={"conversation_id": str(conversation.id)},
    )


def thread_changed(conversation: Conversation) -> None:
    """So much of a thread moved that whoever has it open fetches it again."""
    emit(
        stream=streams.conversation(conversation.id),
        kind="thread.moved",
        subject=("conversation", conversation.id),
        data={"home": str(conversation.merged_into_id or "")},
    )


def act_changed(entry: JournalEntry) -> None:
    """How far an act on many conversations is; for whoever does it."""
    emit(stream=user_stream(entry.actor_id), kind="inbox.act", subject=("journal", entry.id), data={})
