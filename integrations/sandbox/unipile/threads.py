"""Conversations that a seat had before anybody looked: nothing is told of them, and they are listed as all others."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from integrations.sandbox.clock import iso_ms
from integrations.sandbox.people import clean_slug
from integrations.sandbox.store import Row
from integrations.sandbox.unipile import state
from integrations.sandbox.world import ControlError, World

_NAMES = ("first_name", "last_name", "role", "company")


def add(world: World, seat: Row, body: dict[str, Any]) -> dict[str, Any]:
    """Connect a person with the seat and make this all that they wrote each other; return the ids of what was made."""
    slug, said = clean_slug(str(body.get("slug") or "")), body.get("messages")
    if not slug or not isinstance(said, list) or not said:
        raise ControlError(400, "invalid", "slug and messages are needed")
    lines = [_line(item) for item in said]
    person = world.people.override(slug, {name: body[name] for name in _NAMES if body.get(name)})
    state.relate(world, seat["id"], person.provider_id, int(lines[0][1].timestamp() * 1000))
    chat = state.chat_between(world, seat["id"], person.provider_id) or state.create_chat(
        world, seat, [person.provider_id]
    )
    world.store.run("DELETE FROM unipile_messages WHERE chat_id = ?", chat["id"])
    # The list of chats is by their latest message, which is one of these.
    world.store.run("UPDATE unipile_chats SET at = ? WHERE id = ?", iso_ms(lines[0][1]), chat["id"])
    made = [
        state.add_message(
            world,
            seat,
            chat,
            sender_id=seat["provider_id"] if ours else person.provider_id,
            text=text,
            at=iso_ms(at),
        )
        for text, at, ours in lines
    ]
    return {
        "provider_id": person.provider_id,
        "chat_id": chat["id"],
        "thread_id": chat["thread_id"],
        "messages": [{"id": row["id"], "provider_id": row["provider_id"]} for row in made],
    }


def _line(item: Any) -> tuple[str, datetime, bool]:
    try:
        at = datetime.fromisoformat(item["at"])
        return str(item["text"]), at.astimezone(UTC), bool(item.get("ours"))
    except (KeyError, TypeError, ValueError) as error:
        raise ControlError(400, "invalid", "messages: each with text, at (ISO 8601) and ours") from error
