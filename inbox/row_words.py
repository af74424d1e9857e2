"""How rows of this room read in a difference."""

from __future__ import annotations

from inbox.models import Message
from project.core.changes import RowWords, tell


def _message(row: Message) -> str:
    who = "from" if row.direction == Message.Direction.INBOUND else "to"
    return f"{who} {row.conversation.title}, “{row.body[:80]}”"


def register() -> None:
    """Say how they read."""
    tell(
        "inbox.Message",
        RowWords(
            order=10,
            name="message",
            text=_message,
            related=("conversation__lead",),
            fields={
                "state": "state",
                "body": "text",
                "reactions": "reactions",
                "delivered_at": "delivered",
                "seen_at": "seen",
                "edited_at": "edited",
                "deleted_at": "deleted",
                "failure": "failure",
            },
        ),
    )
    tell(
        "inbox.Conversation",
        RowWords(
            order=20,
            name="conversation",
            text=lambda row: row.title,
            related=("lead", "assignee"),
            fields={
                "lead": "lead",
                "status": "state",
                "unread": "unread",
                "assignee": "assignee",
                "snoozed_until": "snoozed until",
                "last_message_at": "last message",
                "failed_sends": "failed sends",
            },
        ),
    )
    tell(
        "inbox.Participant",
        RowWords(order=70, name="participant", text=lambda row: row.name or row.provider_id),
    )
    tell("inbox.SystemLine", RowWords(order=70, name="line in the thread", text=lambda row: row.text))
    tell(
        "inbox.PendingChange",
        RowWords(order=70, name="change that waits for its message", text=lambda row: row.message_ref),
    )
