"""Playing a prospect by hand: the actions of ``POST /_sandbox/people/{person}/{action}`` (docs/sandbox.md)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from integrations.sandbox.files import decode_files
from integrations.sandbox.people import Person
from integrations.sandbox.replies import INTENTS
from integrations.sandbox.store import Row
from integrations.sandbox.unipile import events, prospects, state
from integrations.sandbox.world import ControlError, World

#: (world, seat, person, body) -> what happened.
_SeatAction = Callable[[World, Row, Person, dict[str, Any]], dict[str, Any]]


def _seat(world: World, person: Person, body: dict[str, Any]) -> Row:
    """The seat named in the body, else the one that dealt with the person last, else the only one there is."""
    account_id = body.get("account_id")
    if account_id:
        named = state.account(world, str(account_id))
        if named is None:
            raise ControlError(404, "not_found", f"no seat {account_id}")
        return named
    latest = world.store.value(
        "SELECT account_id FROM ("
        " SELECT account_id, at FROM unipile_chats WHERE other = ?1"
        " UNION ALL SELECT account_id, sent_at FROM unipile_invitations WHERE provider_id = ?1"
        ") ORDER BY at DESC LIMIT 1",
        person.provider_id,
    )
    latest = latest or world.store.value(
        "SELECT account_id FROM unipile_relations WHERE provider_id = ? ORDER BY seq DESC LIMIT 1",
        person.provider_id,
    )
    seats = world.store.all("SELECT * FROM unipile_accounts LIMIT 2")
    seat = state.account(world, latest) if latest else seats[0] if len(seats) == 1 else None
    if seat is None:
        raise ControlError(409, "conflict", "name a seat: account_id (nobody has dealt with this person yet)")
    return seat


def _action(act: _SeatAction) -> Callable[[World, Person, dict[str, Any]], dict[str, Any]]:
    """Find the seat and take the person off autopilot towards it, then act."""

    def run(world: World, person: Person, body: dict[str, Any]) -> dict[str, Any]:
        seat = _seat(world, person, body)
        prospects.stop_autopilot(world, seat["id"], person.provider_id)
        return {"account_id": seat["id"]} | act(world, seat, person, body)

    return run


def _text(body: dict[str, Any], name: str = "text", default: str | None = None) -> str:
    value = body.get(name, default)
    if not isinstance(value, str) or not value:
        raise ControlError(400, "invalid", f"{name}: a text")
    return value


def _message(world: World, seat: Row, person: Person, body: dict[str, Any], *, by_seat: bool) -> Row:
    """The message named in the body, or the newest of that side in the chat with the person."""
    chat = state.chat_between(world, seat["id"], person.provider_id)
    row = world.store.one(
        "SELECT * FROM unipile_messages WHERE chat_id = ? AND is_sender = ? AND (?3 IS NULL OR id = ?3)"
        " ORDER BY seq DESC LIMIT 1",
        chat["id"] if chat else "",
        int(by_seat),
        body.get("message_id"),
    )
    if row is None:
        raise ControlError(
            409, "conflict", f"there is no such message of {'the seat' if by_seat else 'the person'}"
        )
    return row


def _accept(world: World, seat: Row, person: Person, body: dict[str, Any]) -> dict[str, Any]:
    row = state.invitation(world, seat["id"], person.provider_id)
    if row is None or row["status"] != "PENDING":
        raise ControlError(409, "conflict", f"{person.name} has no pending invitation from {seat['name']}")
    chat = prospects.accept(world, seat, person, row, world.clock.now())
    return {"invitation_id": row["id"], "chat_id": chat["id"] if chat else None}


def _decline(world: World, seat: Row, person: Person, body: dict[str, Any]) -> dict[str, Any]:
    row = state.invitation(world, seat["id"], person.provider_id)
    if row is None or row["status"] != "PENDING":
        raise ControlError(409, "conflict", f"{person.name} has no pending invitation from {seat['name']}")
    state.decide_invitation(world, row["id"], "IGNORED", world.clock.now())
    return {"invitation_id": row["id"]}


def _connect(world: World, seat: Row, person: Person, body: dict[str, Any]) -> dict[str, Any]:
    prospects.become_connected(world, seat, person, world.clock.now())
    return {}


def _invite(world: World, seat: Row, person: Person, body: dict[str, Any]) -> dict[str, Any]:
    if state.is_related(world, seat["id"], person.provider_id):
        raise ControlError(409, "conflict", "they are connected already")
    invitation_id = state.add_invitation(
        world, account_id=seat["id"], provider_id=person.provider_id, direction="RECEIVED",
        note=str(body.get("text") or ""), at=world.clock.now(),
    )  # fmt: skip
    return {"invitation_id": invitation_id}


def _said(row: Row) -> dict[str, Any]:
    return {
        "chat_id": row["chat_id"],
        "message_id": row["id"],
        "provider_message_id": row["provider_id"],
        "text": row["text"],
        "timestamp": row["at"],
    }


def _reply(world: World, seat: Row, person: Person, body: dict[str, Any]) -> dict[str, Any]:
    intent, files = body.get("intent") or None, decode_files(body)
    if intent is not None and intent not in INTENTS:
        raise ControlError(400, "invalid", f"intent: one of {', '.join(INTENTS)}")
    text = str(body.get("text") or "")
    if not text and not files:
        text = prospects.compose(
            person, seat, world.store.value("SELECT COUNT(*) FROM unipile_messages"), intent=intent
        )
    _check_can_write(world, seat, person)
    return _said(prospects.say(world, seat, person, text, files=files))


def _check_can_write(world: World, seat: Row, person: Person) -> None:
    """Only connections write, or those who were written to by InMail. A pending invitation is accepted by it."""
    if state.is_related(world, seat["id"], person.provider_id) or state.chat_between(
        world, seat["id"], person.provider_id
    ):
        return
    row = state.invitation(world, seat["id"], person.provider_id)
    if row is None or row["status"] != "PENDING":
        raise ControlError(409, "conflict", f"{person.name} is not connected with {seat['name']}")
    prospects.accept(world, seat, person, row, world.clock.now())


def _out_of_office(world: World, seat: Row, person: Person, body: dict[str, Any]) -> dict[str, Any]:
    return _reply(world, seat, person, body | {"intent": "out_of_office"})


def _own_message(world: World, seat: Row, person: Person, body: dict[str, Any]) -> dict[str, Any]:
    """The seat's owner writes from the phone or browser: the product learns of it by webhook only."""
    if not state.is_related(world, seat["id"], person.provider_id):
        raise ControlError(409, "conflict", f"{seat['name']} is not connected with {person.name}")
    chat = state.chat_between(world, seat["id"], person.provider_id)
    chat = chat or state.create_chat(world, seat, [person.provider_id])
    row = state.add_message(world, seat, chat, sender_id=seat["provider_id"], text=_text(body))
    prospects.on_messaged(world, seat, chat, row)
    return _said(row)


def _read(world: World, seat: Row, person: Person, body: dict[str, Any]) -> dict[str, Any]:
    row = _message(world, seat, person, body, by_seat=True)
    prospects.mark_read(world, seat, row)
    return {"message_id": row["id"]}


def _react(world: World, seat: Row, person: Person, body: dict[str, Any]) -> dict[str, Any]:
    row, emoji = _message(world, seat, person, body, by_seat=True), _text(body, "emoji", "👍")
    reactions = [
        *json.loads(row["reactions"]),
        {"value": emoji, "sender_id": person.provider_id, "is_sender": False},
    ]
    world.store.run(
        "UPDATE unipile_messages SET reactions = ? WHERE id = ?", json.dumps(reactions), row["id"]
    )
    events.message_event(
        world,
        seat,
        row,
        "message_reaction",
        reaction=emoji,
        reaction_sender=events.attendee(world, seat, person),
    )
    return {"message_id": row["id"], "reaction": emoji}


def _edit(world: World, seat: Row, person: Person, body: dict[str, Any]) -> dict[str, Any]:
    row, text = _message(world, seat, person, body, by_seat=False), _text(body)
    world.store.run("UPDATE unipile_messages SET text = ?, edited = 1 WHERE id = ?", text, row["id"])
    events.message_event(world, seat, row, "message_edited", message=text)
    return {"message_id": row["id"], "text": text}


def _delete(world: World, seat: Row, person: Person, body: dict[str, Any]) -> dict[str, Any]:
    row = _message(world, seat, person, body, by_seat=False)
    world.store.run("UPDATE unipile_messages SET text = NULL, deleted = 1 WHERE id = ?", row["id"])
    events.message_event(world, seat, row, "message_deleted", message="")
    return {"message_id": row["id"]}


def _ignore(world: World, person: Person, body: dict[str, Any]) -> dict[str, Any]:
    """The person does nothing by themselves any more, towards anybody."""
    world.people.override(person.slug, {"behaviour": {"ignores": True}})
    for seat in world.store.all("SELECT id FROM unipile_accounts"):
        prospects.stop_autopilot(world, seat["id"], person.provider_id)
    return {"ignores": True}


ACTIONS = {
    "accept": _action(_accept),
    "decline": _action(_decline),
    "connect": _action(_connect),
    "invite": _action(_invite),
    "reply": _action(_reply),
    "out_of_office": _action(_out_of_office),
    "own_message": _action(_own_message),
    "read": _action(_read),
    "react": _action(_react),
    "edit": _action(_edit),
    "delete": _action(_delete),
    "ignore": _ignore,
}
