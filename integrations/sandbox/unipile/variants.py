"""Other shapes of the same facts: those that were seen in production (docs/providers/unipile.md, 6 and 8), and one that
nobody knows, as a provider may send it any day.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_PUBLIC_IDENTIFIERS = frozenset(
    {"public_identifier", "user_public_identifier", "invited_user_public_id", "inviter_public_identifier",
     "attendee_public_identifier", "public_profile_url", "user_profile_url"}
)  # fmt: skip


def _everywhere(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[Any], Any]:
    """Apply ``change`` to every object inside a payload."""

    def walk(value: Any) -> Any:
        if isinstance(value, list):
            return [walk(item) for item in value]
        if isinstance(value, dict):
            return change({name: walk(item) for name, item in value.items()})
        return value

    return walk


def _without(names: frozenset[str]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda item: {name: value for name, value in item.items() if name not in names}


def _null(names: frozenset[str]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda item: {name: None if name in names else value for name, value in item.items()}


def _participants(item: dict[str, Any]) -> dict[str, Any]:
    return {"participants" if name == "attendees" else name: value for name, value in item.items()}


def _renamed_event(payload: dict[str, Any]) -> dict[str, Any]:
    """What nobody has seen yet: the event goes by another name."""
    return payload | {"event": f"{payload['event']}_v2"} if "event" in payload else payload


def _documented_attachment(item: dict[str, Any]) -> dict[str, Any]:
    """The docs' example: one object with ``id, type, mimetype, url, size`` instead of an array."""
    found = item.get("attachments")
    if not isinstance(found, list) or not found:
        return item
    first = found[0]
    one = {
        "id": first.get("attachment_id", first.get("id")),
        "type": first.get("attachment_type", first.get("type")),
        "mimetype": first.get("mimetype"),
        "url": first.get("attachment_url", first.get("url")),
        "size": first.get("attachment_size", first.get("file_size")),
    }
    return item | {"attachments": one}


#: Name -> rewriting of a webhook payload or of a REST answer.
VARIANTS: dict[str, Callable[[Any], Any]] = {
    "is_sender_absent": _everywhere(_without(frozenset({"is_sender"}))),
    "is_sender_null": _everywhere(_null(frozenset({"is_sender"}))),
    "participants": _everywhere(_participants),
    "no_public_identifier": _everywhere(_without(_PUBLIC_IDENTIFIERS)),
    "null_public_identifier": _everywhere(_null(_PUBLIC_IDENTIFIERS)),
    "no_account_info": _everywhere(_without(frozenset({"account_info"}))),
    "attachment_dict": _everywhere(_documented_attachment),
    "null_ids": _everywhere(_null(frozenset({"message_id", "chat_id"}))),
    "unknown_fields": _everywhere(lambda item: item | {"x_new_field": {"since": "2026-01"}}),
    "renamed_event": _renamed_event,
    # Only the header goes; the payload stays as it is (see events.emit).
    "no_content_type": lambda payload: payload,
}
