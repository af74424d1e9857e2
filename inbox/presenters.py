"""What templates show of inbox rows: plain dictionaries, the same for every viewer, without queries."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

from django.urls import reverse

from inbox.file_types import is_risky
from inbox.models import Conversation, Message, Note, SystemLine
from integrations.models import OutboundMessage

#: What stands in place of a message that was taken back.
DELETED = "This message was deleted."

#: Pictures that browsers may show.
_SHOWN_IMAGES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})

_LINE_ICONS = {
    "assigned": "user-plus",
    "closed": "check-circle",
    "reopened": "inbox-stack",
    "woke": "bell-snooze",
    "snoozed": "bell-snooze",
    "stopped": "stop-circle",
    "linked": "link",
    "called_off": "arrow-uturn-left",
    "elsewhere": "arrows-right-left",
    "merged": "square-2-stack",
    "split": "arrows-right-left",
    "meeting": "calendar-days",
    "sequence": "play-circle",
}
_LINE_TITLES = {
    "assigned": "Assigned",
    "closed": "Closed",
    "reopened": "Open again",
    "woke": "Awake",
    "snoozed": "Snoozed",
    "stopped": "Sequence stopped",
    "linked": "Linked",
    "called_off": "Called off",
    "elsewhere": "Answered elsewhere",
    "merged": "Merged",
    "split": "Split",
    "meeting": "Meeting",
    "sequence": "Sequence",
}


def _instant(moment: datetime) -> str:
    """An instant as text that sorts like the instant: always UTC, always with microseconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def row(conversation: Conversation, slug: str) -> dict[str, Any]:
    """One conversation of the list. Reads ``client``, ``lead.company`` and ``assignee``; load them with it."""
    lead = conversation.lead
    assignee = conversation.assignee
    return {
        "id": f"conversation-row-{conversation.id}",
        "url": reverse(
            "inbox:conversation", kwargs={"organization_slug": slug, "conversation_id": conversation.id}
        ),
        "channel": conversation.channel,
        "who": conversation.title,
        "company": lead.company.name if lead and lead.company else "",
        "at": conversation.last_message_at,
        "mine": "" if conversation.last_inbound else "Sent:",
        "text": conversation.last_snippet or "No text",
        "client": conversation.client,
        "failure": "Not sent" if conversation.failed_sends else "",
        "label": "" if lead else "Unmatched",
        "active": assignee,
        "unread": conversation.unread > 0,
        "conversation_id": conversation.id,
        "key": f"{_instant(conversation.last_message_at)}~{conversation.id}",
        "facts": json.dumps(
            {
                "status": conversation.status,
                "assignee": str(assignee.id) if assignee else "",
                "client": str(conversation.client_id),
                "failed": conversation.failed_sends > 0,
                "matched": lead is not None,
            }
        ),
    }


def message(entry: Message) -> dict[str, Any]:
    """One message of a thread. Reads ``author``; load it with it."""
    outbound = entry.direction == Message.Direction.OUTBOUND
    name = entry.author.display_name if entry.author else entry.sender_name
    waiting = outbound and entry.state in {Message.State.QUEUED, Message.State.UNKNOWN}
    held = entry.timing if outbound and entry.state == Message.State.QUEUED else ""
    return {
        "kind": "message",
        "id": f"message-{entry.id}",
        "entry_id": entry.id,
        "direction": "out" if outbound else "in",
        "name": name or "Somebody",
        "person": entry.author or name or "Somebody",
        "via": entry.sender_name if entry.author else "",
        "at": entry.occurred_at,
        "state": entry.state if outbound else "",
        "why": entry.failure,
        "waits": entry.failure if waiting else "",
        "failure": entry.failure if entry.state == Message.State.FAILED else "",
        "step": entry.step_label,
        "subject": entry.subject,
        "body": DELETED if entry.deleted_at else entry.body,
        "edited": entry.edited_at is not None and entry.deleted_at is None,
        "deleted": entry.deleted_at is not None,
        "unclear": entry.direction == Message.Direction.UNKNOWN,
        "reactions": entry.reactions,
        "attachments": [] if entry.deleted_at else [_file(item) for item in entry.attachments],
        "to": ", ".join(entry.copied_to),
        "html": bool(entry.html) and entry.deleted_at is None,
        "remote_images": entry.remote_images,
        "quoted": "" if entry.deleted_at or entry.html else entry.quoted,
        "quoted_lines": 0 if entry.deleted_at or entry.html else _lines(entry.quoted),
        "withdrawn": entry.state == Message.State.WITHDRAWN,
        "held": held,
        "leaves_at": entry.leaves_at if held else None,
        "key": f"{_instant(entry.occurred_at)}~0~{entry.id}",
        # One that was taken back, for an address that must not be written to, stays where it is.
        "can_retry": entry.outbound is not None and entry.outbound.state == OutboundMessage.State.FAILED,
    }


def _file(item: dict[str, Any]) -> dict[str, Any]:
    """A file of a message. ``shows``: a browser may show it, if its bytes are what its type says."""
    name = item.get("name") or "attachment"
    kind = str(item.get("mime_type", ""))
    gone = bool(item.get("unavailable"))
    return {
        "id": item.get("file_id", ""),
        "name": name,
        "size": item.get("size"),
        "image": kind in _SHOWN_IMAGES and not gone,
        "shows": (kind in _SHOWN_IMAGES or kind == "application/pdf") and not gone,
        "gone": gone,
        "risky": is_risky(name),
    }


def _lines(text: str) -> int:
    return len(text.splitlines()) if text else 0


def note(entry: Note) -> dict[str, Any]:
    """One private note of a thread. Reads ``author``."""
    return {
        "kind": "note",
        "id": f"note-{entry.id}",
        "author": entry.author.display_name if entry.author else "Somebody",
        "at": entry.created_at,
        "body": entry.body,
        "pieces": pieces(entry.body, entry.mentions),
        "key": f"{_instant(entry.created_at)}~2~{entry.id}",
    }


def pieces(text: str, mentions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A note's text cut at whom it mentions: ``[{"text", "mention"}]``."""
    names = sorted(
        {part for one in mentions for part in _called(str(one.get("name", "")))}, key=len, reverse=True
    )
    if not names:
        return [{"text": text, "mention": False}]
    pattern = re.compile("@(?:" + "|".join(re.escape(name) for name in names) + r")\b", re.IGNORECASE)
    found, last = [], 0
    for match in pattern.finditer(text):
        found += [
            {"text": text[last : match.start()], "mention": False},
            {"text": match[0], "mention": True},
        ]
        last = match.end()
    return [piece for piece in [*found, {"text": text[last:], "mention": False}] if piece["text"]]


def _called(name: str) -> list[str]:
    return [part for part in (name, name.split(" ", maxsplit=1)[0]) if part]


def line(entry: SystemLine) -> dict[str, Any]:
    """One system line of a thread."""
    return {
        "kind": "line",
        "id": f"line-{entry.id}",
        "icon": _LINE_ICONS.get(entry.kind, "information-circle"),
        "title": _LINE_TITLES.get(entry.kind, "Note"),
        "text": entry.text,
        "at": entry.occurred_at,
        "key": f"{_instant(entry.occurred_at)}~1~{entry.id}",
    }
