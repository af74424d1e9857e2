"""Names of the streams of the inbox; nothing else builds them."""

from __future__ import annotations

from uuid import UUID

from project.core.realtime import stream_name


def client_inbox(client_id: UUID) -> str:
    """List rows and counts of one client's conversations."""
    return stream_name("inbox", client_id)


def conversation(conversation_id: UUID) -> str:
    """One thread: messages, notes, assignment."""
    return stream_name("conversation", conversation_id)
