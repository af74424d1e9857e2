"""Unipile's webhooks: payloads and who gets them (docs/providers/unipile.md, 6)."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from integrations.sandbox.deliveries import Outgoing
from integrations.sandbox.faults import Fault
from integrations.sandbox.people import Person
from integrations.sandbox.store import Row
from integrations.sandbox.unipile import shapes, state
from integrations.sandbox.unipile.variants import VARIANTS
from integrations.sandbox.world import World

#: Source -> (all events, events subscribed to when none are named).
SOURCES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "messaging": (
        ("message_received", "message_read", "message_reaction", "message_edited", "message_deleted",
         "message_delivered"),
        ("message_received",),
    ),
    "users": (("new_relation",), ("new_relation",)),
    "account_status": (
        ("creation_success", "creation_fail", "deleted", "reconnected", "sync_success", "stopped", "ok", "connecting",
         "error", "credentials", "permissions"),
        ("creation_success", "creation_fail", "deleted", "reconnected", "sync_success", "error", "credentials",
         "permissions"),
    ),
    "email": (("mail_received", "mail_sent", "mail_moved"), ("mail_received",)),
    "email_tracking": (("mail_opened", "mail_link_clicked"), ("mail_opened",)),
}  # fmt: skip

#: What a seat that is not OK gets later, on reconnect; the rest is simply never told.
_CAUGHT_UP = frozenset({"message_received", "new_relation"})


def emit(world: World, seat: Row, source: str, event: str, payload: dict[str, Any]) -> None:
    """Send ``payload`` to every subscription of ``source``/``event``; kept for later while the seat is not OK."""
    if source != "account_status" and seat["status"] != "OK":
        if event in _CAUGHT_UP:
            world.store.insert(
                "unipile_missed",
                account_id=seat["id"],
                source=source,
                event=event,
                payload=json.dumps(payload),
            )
        return
    for hook in world.store.all(
        "SELECT * FROM unipile_webhooks WHERE source = ? AND enabled = 1 ORDER BY seq", source
    ):
        accounts = json.loads(hook["account_ids"]) if hook["account_ids"] else None
        if event in json.loads(hook["events"]) and (accounts is None or seat["id"] in accounts):
            faults = world.faults.for_webhook("unipile", event)
            world.deliveries.enqueue(_outgoing(hook, event, payload, faults), faults)


def catch_up(world: World, seat: Row) -> int:
    """After a reconnect: show and send what happened meanwhile, in order, with its old timestamps."""
    world.store.run("UPDATE unipile_messages SET synced = 1 WHERE account_id = ?", seat["id"])
    world.store.run("UPDATE unipile_chats SET synced = 1 WHERE account_id = ?", seat["id"])
    missed = world.store.all("SELECT * FROM unipile_missed WHERE account_id = ? ORDER BY seq", seat["id"])
    world.store.run("DELETE FROM unipile_missed WHERE account_id = ?", seat["id"])
    for item in missed:
        emit(world, seat, item["source"], item["event"], json.loads(item["payload"]))
    return len(missed)


def _outgoing(hook: Row, event: str, payload: dict[str, Any], faults: list[Fault]) -> Outgoing:
    shaped: Any = payload if "AccountStatus" in payload else payload | {"webhook_name": hook["name"]}
    variants = [fault.variant for fault in faults if fault.kind == "shape"]
    for variant in variants:
        shaped = VARIANTS[variant](shaped)
    renames = json.loads(hook["data"])
    if renames and "AccountStatus" not in payload:
        shaped = {"event": event} | {item["name"]: shaped.get(item["key"]) for item in renames}
    # No JSON content type unless the subscription's own headers say so.
    headers = {item["key"]: item["value"] for item in json.loads(hook["headers"])}
    if "no_content_type" in variants:
        headers = {name: value for name, value in headers.items() if name.lower() != "content-type"}
    if hook["format"] == "form":
        flat = {k: v if isinstance(v, str) else json.dumps(v, ensure_ascii=False) for k, v in shaped.items()}
        body = urlencode(flat)
        headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
    else:
        body = json.dumps(shaped, ensure_ascii=False)
    return Outgoing("unipile", hook["id"], event, hook["request_url"], headers, body)


def message_event(world: World, seat: Row, row: Row, event: str = "message_received", **extra: Any) -> None:
    """Send a messaging event about ``row``, own messages included; ``extra`` replaces payload fields."""
    emit(world, seat, "messaging", event, _message_payload(world, seat, row, event) | extra)


def _message_payload(world: World, seat: Row, row: Row, event: str) -> dict[str, Any]:
    chat_row = state.chat(world, row["chat_id"])
    members = [*json.loads(chat_row["members"]), seat["provider_id"]]
    others = [world.people.meet(member) for member in members if member != row["sender_id"]]
    quoted = state.message(world, row["quoted_id"]) if row["quoted_id"] else None
    payload: dict[str, Any] = {
        "event": event,
        "account_id": seat["id"],
        "account_type": "LINKEDIN",
        "account_info": {"type": "LINKEDIN", "feature": "classic", "user_id": seat["provider_id"]},
        "chat_id": row["chat_id"],
        "provider_chat_id": chat_row["thread_id"],
        "message_id": row["id"],
        "provider_message_id": row["provider_id"],
        "timestamp": row["at"],
        "message": row["text"],
        "subject": row["subject"],
        "message_type": row["message_type"],
        "chat_content_type": chat_row["content_type"],
        "is_group": chat_row["other"] is None,
        "is_event": row["is_event"],
        "is_sender": bool(row["is_sender"]),
        "folder": ["INBOX"],
        "sender": attendee(world, seat, world.people.meet(row["sender_id"])),
        "attendees": [attendee(world, seat, person) for person in others],
        "attachments": [_attachment(item) for item in state.attachments(world, row["id"])],
    }
    if quoted is not None:
        payload["quoted"] = shapes.quotation(world, quoted)
    return payload


def attendee(world: World, seat: Row, person: Person) -> dict[str, Any]:
    """A person inside a webhook; the profile address holds the member id, not the slug."""
    return {
        "attendee_id": state.attendee_id(world, seat["id"], person.provider_id),
        "attendee_name": person.name,
        "attendee_provider_id": person.provider_id,
        "attendee_public_identifier": person.slug,
        "attendee_profile_url": f"https://www.linkedin.com/in/{person.provider_id}/",
        "attendee_specifics": {
            "provider": "LINKEDIN",
            "occupation": person.headline,
            "network_distance": shapes.distance(world, seat, person),
        },
    }


def _attachment(row: Row) -> dict[str, Any]:
    return {
        "attachment_id": row["id"],
        "attachment_type": row["kind"],
        "attachment_name": row["name"],
        "attachment_url": f"att://{row['message_id']}/{row['id']}",
        "attachment_size": row["size"],
        "mimetype": row["mimetype"],
        "voice_note": row["kind"] == "audio",
    }


def new_relation(world: World, seat: Row, person: Person) -> None:
    """Tell that the seat has a new connection: flat, no timestamp, no invitation id."""
    payload = {
        "event": "new_relation",
        "account_id": seat["id"],
        "account_type": "LINKEDIN",
        "user_full_name": person.name,
        "user_provider_id": person.provider_id,
        "user_public_identifier": person.slug,
        "user_profile_url": f"{shapes.profile_url(person)}/",
        "user_picture_url": shapes.picture_url(person),
    }
    emit(world, seat, "users", "new_relation", payload)


def account_status(world: World, seat: Row, message: str) -> None:
    """Tell a change of a seat's state: nested, without ``event`` (``message`` in upper case)."""
    payload = {"AccountStatus": {"account_id": seat["id"], "account_type": "LINKEDIN", "message": message}}
    emit(world, seat, "account_status", message.lower(), payload)
