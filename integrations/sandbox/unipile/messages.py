"""Messages and attachments (docs/providers/unipile.md, 5)."""

from __future__ import annotations

import json

from integrations.sandbox.gateway import Answer, Call
from integrations.sandbox.store import Row
from integrations.sandbox.unipile import access, events, params, prospects, shapes, state
from integrations.sandbox.unipile.errors import refusal
from integrations.sandbox.world import World

#: Attachments of one message together.
ATTACHMENT_BYTES = 15 * 1024 * 1024
#: LinkedIn's bound for one message.
TEXT_LENGTH = 8000
_FILE_FIELDS = frozenset({"attachments", "voice_message", "video_message"})


def message_list(
    world: World, call: Call, *, chat_id: str | None = None, sender_id: str | None = None
) -> Answer:
    """Newest first, ``before``/``after`` exclusive, 100 to a page unless told."""
    size, (at, seq) = params.limit(call, 250, 100), params.keyset(call)
    accounts = params.text(call, "account_id")
    sender = sender_id or params.text(call, "sender_id")
    rows = world.store.all(
        "SELECT * FROM unipile_messages WHERE synced = 1 AND (at, seq) < (?1, ?2)"
        " AND (?3 IS NULL OR chat_id = ?3) AND (?4 IS NULL OR sender_id = ?4)"
        " AND (?5 IS NULL OR account_id IN (SELECT value FROM json_each(?5)))"
        " AND (?6 IS NULL OR at < ?6) AND (?7 IS NULL OR at > ?7)"
        " ORDER BY at DESC, seq DESC LIMIT ?8",
        at,
        seq,
        chat_id,
        sender,
        json.dumps([item.strip() for item in accounts.split(",")]) if accounts else None,
        params.date(call, "before"),
        params.date(call, "after"),
        size + 1,
    )
    more = params.encode_cursor([rows[size - 1]["at"], rows[size - 1]["seq"]]) if len(rows) > size else None
    return Answer(params.listing("MessageList", [shapes.message(world, row) for row in rows[:size]], more))


def list_messages(world: World, call: Call) -> Answer:
    """``GET /messages``."""
    return message_list(world, call)


def find_message(world: World, call: Call) -> Row:
    """The message of the path (404)."""
    row = state.message(world, call.parameters["message_id"])
    if row is None or not row["synced"]:
        raise refusal("resource_not_found", call.path, "Message not found.")
    return row


def get_message(world: World, call: Call) -> Answer:
    """``GET /messages/{id}``."""
    return Answer(shapes.message(world, find_message(world, call)))


def get_attachment(world: World, call: Call) -> Answer:
    """``GET /messages/{message_id}/attachments/{attachment_id}``: the bytes."""
    message = find_message(world, call)
    row = world.store.one(
        "SELECT * FROM unipile_attachments WHERE id = ? AND message_id = ?",
        call.parameters["attachment_id"],
        message["id"],
    )
    if row is None:
        raise refusal("resource_not_found", call.path, "Attachment not found.")
    return Answer(content=row["content"], media_type=row["mimetype"])


def check_content(call: Call, text: str) -> None:
    """Something must be said, and neither text nor files may be too large."""
    files = [upload for upload in call.uploads if upload.field in _FILE_FIELDS]
    if not text and not files:
        raise refusal("missing_parameters", call.path, "text or attachments are required.")
    if len(text) > TEXT_LENGTH:
        raise refusal("too_many_characters", call.path)
    if sum(len(upload.content) for upload in files) > ATTACHMENT_BYTES:
        raise refusal("content_too_large", call.path)


def attach(world: World, call: Call, message: Row) -> None:
    """Store the files of a send with its message."""
    for upload in call.uploads:
        if upload.field in _FILE_FIELDS:
            state.add_attachment(
                world, message["id"], name=upload.name, mimetype=upload.mimetype, content=upload.content,
                voice=upload.field == "voice_message",
            )  # fmt: skip


def send_message(world: World, call: Call) -> Answer:
    """``POST /chats/{chat_id}/messages`` (multipart). ``account_id`` guards against another seat's chat."""
    params.multipart(call)
    row = world.store.one("SELECT * FROM unipile_chats WHERE id = ?", call.parameters["chat_id"])
    if row is None:
        raise refusal("resource_not_found", call.path, "Chat not found.")
    guard = params.part(call, "account_id")
    if guard and guard != row["account_id"]:
        raise refusal("insufficient_permissions", call.path, "The chat belongs to another account.")
    text = params.part(call, "text")
    check_content(call, text)
    seat = access.live_seat(world, call, row["account_id"])
    _check_reachable(world, call, seat, row)
    quoted = params.part(call, "quote_id") or None
    if quoted and state.message(world, quoted) is None:
        raise refusal("invalid_parameters", call.path, "quote_id names no message.")
    sent = state.add_message(
        world, seat, row, sender_id=seat["provider_id"], text=text, quoted_id=quoted,
        message_type="INMAIL_REPLY" if row["content_type"] == "inmail" else "MESSAGE",
    )  # fmt: skip
    attach(world, call, sent)
    call.wrote("message", message_id=sent["id"], chat_id=row["id"], account_id=seat["id"],
               provider_ids=json.loads(row["members"]), text=text)  # fmt: skip
    prospects.on_messaged(world, seat, row, sent)
    return Answer({"object": "MessageSent", "message_id": sent["id"]}, 201)


def _check_reachable(world: World, call: Call, seat: Row, chat: Row) -> None:
    """In a 1:1 chat the other must be connected, or have answered in it (an InMail thread)."""
    if not chat["other"]:
        return
    person = world.people.meet(chat["other"])
    if person.refuse_message:
        raise refusal(person.refuse_message, call.path)
    answered = world.store.value(
        "SELECT 1 FROM unipile_messages WHERE chat_id = ? AND is_sender = 0 LIMIT 1", chat["id"]
    )
    if not answered and not state.is_related(world, seat["id"], chat["other"]):
        raise refusal("no_connection_with_recipient", call.path)


def _own_message(world: World, call: Call) -> tuple[Row, Row]:
    row = find_message(world, call)
    if not row["is_sender"]:
        raise refusal("insufficient_permissions", call.path, "Only own messages can be changed.")
    return access.live_seat(world, call, row["account_id"]), row


def edit_message(world: World, call: Call) -> Answer:
    """``PATCH /messages/{id}`` with ``text``, own messages only."""
    seat, row = _own_message(world, call)
    text = params.body_text(call, "text")
    world.store.run("UPDATE unipile_messages SET text = ?, edited = 1 WHERE id = ?", text, row["id"])
    call.wrote("message_edited", message_id=row["id"], text=text)
    events.message_event(world, seat, find_message(world, call), "message_edited")
    return Answer({"object": "MessageEdited"})


def delete_message(world: World, call: Call) -> Answer:
    """``DELETE /messages/{id}``, own messages only."""
    seat, row = _own_message(world, call)
    world.store.run("UPDATE unipile_messages SET text = NULL, deleted = 1 WHERE id = ?", row["id"])
    call.wrote("message_deleted", message_id=row["id"])
    events.message_event(world, seat, find_message(world, call), "message_deleted", message="")
    return Answer({"object": "MessageDeleted"})
