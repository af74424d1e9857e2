"""What templates show of inbox rows: plain dictionaries, the same for every viewer, without queries."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.urls import reverse
from django.utils import timezone

from inbox.file_types import is_risky
from inbox.models import Conversation, JournalEntry, Label, Message, Note, SystemLine
from inbox.models.triage import ACT_WORDS, CANNOT_UNDO, UNDO_FOR
from integrations.models import OutboundMessage
from project.core.clock import now

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
    "undone": "arrow-uturn-left",
    "deal": "flag",
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
    "undone": "Undone",
    "deal": "Deal",
}


def _instant(moment: datetime) -> str:
    """An instant as text that sorts like the instant: always UTC, always with microseconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


_UNMARKED = dict.fromkeys(("open", "cursor", "selected", "leaving", "note", "live_key", "live_facts"), "")
#: Where the id stands in the address that is made once for all rows of a list.
_PLACE = str(UUID(int=0))


@lru_cache(maxsize=256)
def _address(slug: str) -> str:
    return reverse("inbox:conversation", kwargs={"organization_slug": slug, "conversation_id": _PLACE})


def row_id(conversation: Conversation) -> str:
    """The id of a conversation's row in the document."""
    return f"conversation-row-{conversation.id}"


def row(conversation: Conversation, slug: str) -> dict[str, Any]:
    """One conversation of the list, as ``querysets.for_rows`` loads it."""
    lead = conversation.lead
    assignee = conversation.assignee
    labels = sorted((link.label for link in conversation.labelled), key=lambda one: one.name)
    is_open = conversation.status == Conversation.Status.OPEN
    return {
        "id": row_id(conversation),
        "url": _address(slug).replace(_PLACE, str(conversation.id)),
        "channel": conversation.channel,
        "who": conversation.title,
        "company": lead.company.name if lead and lead.company else "",
        "at": conversation.last_message_at,
        "mine": "" if conversation.last_inbound else "Sent:",
        "text": conversation.last_snippet or "No text",
        "client": conversation.client,
        "intent": conversation.intent if conversation.intent not in _NOT_SHOWN else "",
        "failure": "Not sent" if conversation.failed_sends else "",
        "label": _first(labels),
        "unmatched": lead is None,
        "labels": ", ".join(label.name for label in labels),
        "priority": conversation.get_priority_display() if conversation.priority else "",
        "sla_due": conversation.sla_due_at if is_open else None,
        "until": conversation.snoozed_until if conversation.status == Conversation.Status.SNOOZED else None,
        "until_reply": conversation.status == Conversation.Status.SNOOZED and not conversation.snoozed_until,
        "active": assignee,
        "held_until": conversation.lease_expires_at if assignee and is_open else None,
        "unread": conversation.unread > 0,
        "conversation_id": conversation.id,
        # Marks of the part that this list does not use, or the browser sets: a template pays for what is missing.
        **_UNMARKED,
        "can_reopen": conversation.status != Conversation.Status.OPEN,
        "key": f"{_instant(conversation.last_message_at)}~{conversation.id}",
        "facts": json.dumps(_facts(conversation, [str(label.id) for label in labels])),
    }


#: Intents that say nothing to whoever reads the list.
_NOT_SHOWN = frozenset({"unclear", "automatic"})


def _first(labels: list[Label]) -> str:
    """The one label that a row has room for."""
    if not labels:
        return ""
    return labels[0].name + (f" +{len(labels) - 1}" if len(labels) > 1 else "")


def _facts(conversation: Conversation, labels: list[str]) -> dict[str, Any]:
    """What decides in the browser whether a row belongs into a list (``Filters.where``)."""
    return {
        "status": conversation.status,
        "assignee": str(conversation.assignee_id or ""),
        "client": str(conversation.client_id),
        "campaign": str(conversation.campaign_id or ""),
        "sender": str(conversation.sender_id),
        "channel": conversation.channel,
        "intent": conversation.intent,
        "labels": labels,
        "unread": conversation.unread > 0,
        "revision": conversation.revision,
        "urgent": conversation.priority > 0,
        "failed": conversation.failed_sends > 0,
        "matched": conversation.lead_id is not None,
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
        "blind": ", ".join(entry.blind_copied_to),
        "html": bool(entry.html) and entry.deleted_at is None,
        "remote_images": entry.remote_images,
        "quoted": "" if entry.deleted_at or entry.html else entry.quoted,
        "quoted_lines": 0 if entry.deleted_at or entry.html else _lines(entry.quoted),
        "withdrawn": entry.state == Message.State.WITHDRAWN,
        "held": held,
        "leaves_at": entry.leaves_at if held else None,
        "key": f"{_instant(entry.occurred_at)}~0~{entry.id}",
        # One that was taken back, for an address that must not be written to, stays where it is.
        "is_given_up": entry.state == Message.State.GIVEN_UP,
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
    """One note of a thread. Reads ``author``."""
    return {
        "kind": "note",
        "id": f"note-{entry.id}",
        "entry_id": entry.id,
        "is_pinned": entry.pinned_at is not None,
        "is_shown": entry.shown_to_client_at is not None,
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
        "until": entry.until,
        "at": entry.occurred_at,
        "key": f"{_instant(entry.occurred_at)}~1~{entry.id}",
    }


def day(at: datetime) -> dict[str, Any]:
    """The separator before the first entry of a day: the same for every entry of that day."""
    date = timezone.localtime(at).date()
    return {
        "kind": "day",
        "id": f"day-{date}",
        "date": date,
        "key": _instant(timezone.localtime(at).replace(hour=0, minute=0, second=0, microsecond=0)),
    }


def folded(entries: list[dict[str, Any]], unfolded: int) -> list[dict[str, Any]]:
    """The same entries, all messages but the last ``unfolded`` as one line. What waits or failed is never folded."""
    messages = [entry for entry in entries if entry["kind"] == "message"]
    for entry in messages[:-unfolded]:
        entry["folded"] = not (entry["failure"] or entry["waits"] or entry["held"])
    return entries


def by_day(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Entries of a thread with a separator before each day."""
    found: list[dict[str, Any]] = []
    last = ""
    for entry in entries:
        separator = day(entry["at"])
        if separator["id"] != last:
            found.append(separator)
            last = separator["id"]
        found.append(entry)
    return found


def act(entry: JournalEntry) -> dict[str, Any]:
    """One entry of the journal: what was done, what was not, and whether it can be taken back."""
    past = f"Ran “{entry.given['name']}” on" if "name" in entry.given else ACT_WORDS[entry.act]
    people = "1 conversation" if entry.total == 1 else f"{entry.total:,} conversations"
    done, total = entry.done, entry.total
    if entry.state == JournalEntry.State.UNDOING:
        text = f"Taking back: {past[0].lower()}{past[1:]} {people}"
        done, total = entry.back, entry.done - len(entry.failures)
    elif entry.state == JournalEntry.State.UNDONE:
        back = done - len(entry.failures) - len(entry.kept)
        text = f"Taken back: {'1 conversation' if back == 1 else f'{back:,} conversations'}"
    elif entry.failures:
        text = f"{past} {done - len(entry.failures):,} of {people}"
    else:
        text = f"{past} {people}"
    return {
        "id": entry.id,
        "text": text,
        "at": entry.created_at,
        "done": done,
        "total": total,
        "is_running": entry.state in {JournalEntry.State.RUNNING, JournalEntry.State.UNDOING},
        "can_undo": entry.state == JournalEntry.State.DONE and entry.created_at >= now() - UNDO_FOR,
        "cannot_undo": CANNOT_UNDO.get(entry.act, ""),
        "failures": entry.failures,
        "kept": entry.kept,
    }
