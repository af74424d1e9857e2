"""Chats and their attendees (docs/providers/unipile.md, 5)."""

from __future__ import annotations

import json

from integrations.sandbox.gateway import Answer, Call
from integrations.sandbox.people import Person
from integrations.sandbox.store import Row
from integrations.sandbox.unipile import access, params, prospects, shapes, state
from integrations.sandbox.unipile.errors import refusal
from integrations.sandbox.unipile.messages import attach, check_content, message_list
from integrations.sandbox.world import World

_SYNC_STEPS = ("SYNC_STARTED", "SYNC_DONE")


def seat_ids(call: Call) -> str | None:
    """The comma-separated ``account_id`` filter as a JSON list for SQL, or ``None``."""
    value = params.text(call, "account_id")
    return json.dumps([item.strip() for item in value.split(",") if item.strip()]) if value else None


def _page(world: World, call: Call, *, other: str | None = None) -> Answer:
    size, (at, seq) = params.limit(call, 250, 100), params.keyset(call)
    before, after, unread = (
        params.date(call, "before"),
        params.date(call, "after"),
        params.flag(call, "unread"),
    )
    kind = params.text(call, "account_type")
    rows = world.store.all(
        "SELECT * FROM unipile_chats WHERE synced = 1 AND (at, seq) < (?1, ?2)"
        " AND (?3 IS NULL OR account_id IN (SELECT value FROM json_each(?3)))"
        " AND (?4 IS NULL OR at < ?4) AND (?5 IS NULL OR at > ?5)"
        " AND (?6 IS NULL OR (unread > 0) = ?6) AND (?7 IS NULL OR other = ?7)"
        " ORDER BY at DESC, seq DESC LIMIT ?8",
        at,
        seq,
        seat_ids(call),
        before,
        after,
        None if unread is None else int(unread),
        other,
        size + 1 if kind in {None, "LINKEDIN"} else 0,
    )
    more = params.encode_cursor([rows[size - 1]["at"], rows[size - 1]["seq"]]) if len(rows) > size else None
    return Answer(params.listing("ChatList", [shapes.chat(row) for row in rows[:size]], more))


def list_chats(world: World, call: Call) -> Answer:
    """``GET /chats``: newest activity first."""
    return _page(world, call)


def find_chat(world: World, call: Call) -> Row:
    """The chat of the path: by Unipile id, or by the provider's thread id if ``account_id`` is given."""
    identifier, account_id = call.parameters["chat_id"], params.text(call, "account_id")
    row = world.store.one(
        "SELECT * FROM unipile_chats WHERE synced = 1"
        " AND (id = ?1 OR (?2 IS NOT NULL AND thread_id = ?1 AND account_id = ?2))",
        identifier,
        account_id,
    )
    if row is None:
        raise refusal("resource_not_found", call.path, "Chat not found.")
    return row


def get_chat(world: World, call: Call) -> Answer:
    """``GET /chats/{chat_id}``: with ``lastMessage``."""
    row = find_chat(world, call)
    last = world.store.one(
        "SELECT * FROM unipile_messages WHERE chat_id = ? AND synced = 1 ORDER BY at DESC, seq DESC LIMIT 1",
        row["id"],
    )
    return Answer(shapes.chat(row) | {"lastMessage": shapes.message(world, last) if last else None})


def patch_chat(world: World, call: Call) -> Answer:
    """``PATCH /chats/{chat_id}``: ``setReadStatus`` is the only action."""
    row, spec = find_chat(world, call), params.body(call)
    if spec.get("action") != "setReadStatus" or not isinstance(spec.get("value"), bool):
        raise refusal("invalid_parameters", call.path, "action must be setReadStatus with a boolean value.")
    world.store.run("UPDATE unipile_chats SET unread = ? WHERE id = ?", 0 if spec["value"] else 1, row["id"])
    call.wrote("chat_read_status", chat_id=row["id"], value=spec["value"])
    return Answer({"object": "ChatPatched"})


def sync_chat(world: World, call: Call) -> Answer:
    """``GET /chats/{chat_id}/sync``: started, then done."""
    row = find_chat(world, call)
    world.store.run("UPDATE unipile_chats SET resync = resync + 1 WHERE id = ?", row["id"])
    status = _SYNC_STEPS[row["resync"] % len(_SYNC_STEPS)]
    return Answer({"object": "ChatHistorySync", "chat_id": row["id"], "status": status})


def chat_messages(world: World, call: Call) -> Answer:
    """``GET /chats/{chat_id}/messages``."""
    return message_list(world, call, chat_id=find_chat(world, call)["id"])


def start_chat(world: World, call: Call) -> Answer:
    """``POST /chats`` (multipart): first-degree connections only, or an InMail; an existing 1:1 chat is reused."""
    params.multipart(call)
    account_id, wanted = params.part(call, "account_id"), call.fields.get("attendees_ids", [])
    if not account_id or not wanted:
        raise refusal("missing_parameters", call.path, "account_id and attendees_ids are required.")
    text = params.part(call, "text")
    check_content(call, text)
    seat = access.live_seat(world, call, account_id)
    people = [_recipient(world, call, seat, identifier) for identifier in wanted]
    inmail = params.part(call, "linkedin[inmail]").lower() == "true"
    if inmail:
        _check_inmail(world, call, seat, people)
    elif not all(state.is_related(world, seat["id"], person.provider_id) for person in people):
        raise refusal("no_connection_with_recipient", call.path)
    subject = (params.part(call, "subject") or None) if inmail else None  # dropped on ordinary messages
    chat_row = state.chat_between(world, seat["id"], people[0].provider_id) if len(people) == 1 else None
    if chat_row is None:
        chat_row = state.create_chat(
            world, seat, [person.provider_id for person in people],
            subject=subject, content_type="inmail" if inmail else None,
        )  # fmt: skip
    row = state.add_message(
        world, seat, chat_row, sender_id=seat["provider_id"], text=text, subject=subject,
        message_type="INMAIL" if inmail else "MESSAGE",
    )  # fmt: skip
    attach(world, call, row)
    call.wrote("message", message_id=row["id"], chat_id=chat_row["id"], account_id=seat["id"],
               provider_ids=[person.provider_id for person in people], text=text)  # fmt: skip
    prospects.on_messaged(world, seat, chat_row, row)
    return Answer({"object": "ChatStarted", "chat_id": chat_row["id"], "message_id": row["id"]}, 201)


def _recipient(world: World, call: Call, seat: Row, identifier: str) -> Person:
    person = world.people.find(identifier) if identifier.startswith(("ACo", "ADo", "ACw")) else None
    if person is None or person.provider_id == seat["provider_id"]:
        raise refusal("invalid_recipient", call.path)
    if person.refuse_message:
        raise refusal(person.refuse_message, call.path)
    return person


def _check_inmail(world: World, call: Call, seat: Row, people: list[Person]) -> None:
    if params.part(call, "linkedin[api]") in {"sales_navigator", "recruiter"} - set(state.features(seat)):
        raise refusal("feature_not_subscribed", call.path)
    if len(people) != 1 or not people[0].can_send_inmail:
        raise refusal("not_allowed_inmail", call.path)
    if people[0].is_open_profile:
        return
    if seat["inmail_credits"] < 1:
        raise refusal("insufficient_credits", call.path)
    world.store.run(
        "UPDATE unipile_accounts SET inmail_credits = inmail_credits - 1 WHERE id = ?", seat["id"]
    )


# ---- attendees


def chat_attendees(world: World, call: Call) -> Answer:
    """``GET /chats/{chat_id}/attendees``: the others and the seat itself."""
    row = find_chat(world, call)
    seat = access.seat(world, call, row["account_id"])
    members = [*json.loads(row["members"]), seat["provider_id"]]
    items = [shapes.attendee(world, seat, world.people.meet(member)) for member in members]
    return Answer(params.listing("ChatAttendeeList", items, None))


def list_attendees(world: World, call: Call) -> Answer:
    """``GET /chat_attendees``."""
    size, start = params.limit(call, 250, 100), params.offset(call)
    rows = world.store.all(
        "SELECT * FROM unipile_attendees WHERE ?1 IS NULL OR account_id IN (SELECT value FROM json_each(?1))"
        " ORDER BY rowid DESC LIMIT ?2 OFFSET ?3",
        seat_ids(call),
        size + 1,
        start,
    )
    items = [
        shapes.attendee(
            world, access.seat(world, call, row["account_id"]), world.people.meet(row["provider_id"])
        )
        for row in rows[:size]
    ]
    more = params.encode_cursor([start + size]) if len(rows) > size else None
    return Answer(params.listing("ChatAttendeeList", items, more))


def _attendee(world: World, call: Call) -> Row:
    row = world.store.one("SELECT * FROM unipile_attendees WHERE id = ?", call.parameters["attendee_id"])
    if row is None:
        raise refusal("resource_not_found", call.path, "Attendee not found.")
    return row


def get_attendee(world: World, call: Call) -> Answer:
    """``GET /chat_attendees/{id}``."""
    row = _attendee(world, call)
    seat = access.seat(world, call, row["account_id"])
    return Answer(shapes.attendee(world, seat, world.people.meet(row["provider_id"])))


def _member_id(world: World, call: Call) -> str:
    """The person of the path, given by attendee id or by provider id; an unknown one has no chats."""
    identifier = call.parameters["attendee_id"]
    row = world.store.one("SELECT provider_id FROM unipile_attendees WHERE id = ?", identifier)
    return str(row["provider_id"]) if row else identifier


def attendee_chats(world: World, call: Call) -> Answer:
    """``GET /chat_attendees/{attendee_id or provider_id}/chats``: an empty list is the normal "not found"."""
    return _page(world, call, other=_member_id(world, call))


def attendee_messages(world: World, call: Call) -> Answer:
    """``GET /chat_attendees/{sender_id}/messages``."""
    return message_list(world, call, sender_id=_member_id(world, call))
