"""What prospects do, by themselves (agenda) or because somebody plays them (control API)."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from integrations.sandbox.clock import MINUTE, iso_ms, utc_now
from integrations.sandbox.people import Person
from integrations.sandbox.population import FIRST_NAMES, LAST_NAMES, ROLES
from integrations.sandbox.replies import reply_text
from integrations.sandbox.store import Row
from integrations.sandbox.unipile import events, state
from integrations.sandbox.world import World

_AUTOPILOT = ("unipile.accept", "unipile.read", "unipile.reply")
#: Chance that somebody who accepts an invitation with a note answers it straight away.
_REPLY_TO_NOTE = 0.25
_DELIVERED_AFTER = 3.0


def _subject(account_id: str, provider_id: str) -> str:
    return f"unipile|{account_id}|{provider_id}"


def stop_autopilot(world: World, account_id: str, provider_id: str) -> None:
    """Forget what this prospect was about to do towards this seat: somebody plays them by hand now."""
    world.agenda.cancel(_subject(account_id, provider_id), _AUTOPILOT)


def _plays(world: World, person: Person) -> bool:
    return bool(world.settings["autopilot"]) and not person.behaviour.ignores


def _delay(person: Person, span: tuple[float, float], *occasion: object) -> float:
    return person.rng("delay", *occasion).uniform(*span) * MINUTE


# ---- what the seat's actions set in motion


def on_invited(world: World, seat: Row, person: Person, invitation_id: str) -> None:
    """An invitation went out: decide whether and when it is accepted."""
    behaviour = person.behaviour
    if not _plays(world, person) or person.rng("accept", seat["id"]).random() >= behaviour.accept_probability:
        return
    world.agenda.add(
        "unipile.accept",
        due=world.clock.now() + _delay(person, behaviour.accept_delay_minutes, "accept", seat["id"]),
        subject=_subject(seat["id"], person.provider_id),
        payload={"invitation_id": invitation_id},
    )


def on_messaged(world: World, seat: Row, chat: Row, message: Row, *, at: float | None = None) -> None:
    """A message of the seat's own went out: tell it, deliver it, and let the other decide about an answer."""
    now = world.clock.now() if at is None else at
    events.message_event(world, seat, message)
    world.agenda.add(
        "unipile.delivered",
        due=now + _DELIVERED_AFTER,
        subject="unipile",
        payload={"message_id": message["id"]},
    )
    if chat["other"] is None or seat["status"] != "OK":
        return
    _schedule_answer(world, seat, world.people.meet(chat["other"]), chat, now, message)


def _schedule_answer(world: World, seat: Row, person: Person, chat: Row, now: float, message: Row) -> None:
    if not _plays(world, person):
        return
    behaviour, subject = person.behaviour, _subject(seat["id"], person.provider_id)
    earlier = int(
        world.store.value(
            "SELECT COUNT(*) FROM unipile_messages WHERE chat_id = ? AND is_sender = 1", chat["id"]
        )
    )
    if person.rng("read", seat["id"], earlier).random() < behaviour.read_probability:
        read_at = now + _delay(person, behaviour.read_delay_minutes, "read", seat["id"], earlier)
        world.agenda.add("unipile.read", due=read_at, subject=subject, payload={"message_id": message["id"]})
    if person.rng("reply", seat["id"], earlier).random() < behaviour.reply_probability:
        _schedule_reply(world, seat, person, chat["id"], now, earlier)


def _schedule_reply(world: World, seat: Row, person: Person, chat_id: str, now: float, occasion: int) -> None:
    world.agenda.add(
        "unipile.reply",
        due=now + _delay(person, person.behaviour.reply_delay_minutes, "reply", seat["id"], occasion),
        subject=_subject(seat["id"], person.provider_id),
        payload={"chat_id": chat_id, "occasion": occasion},
    )


def become_connected(world: World, seat: Row, person: Person, at: float) -> None:
    """Seat and person are connected; Unipile notices and tells after a while (``new_relation``)."""
    if not state.relate(world, seat["id"], person.provider_id):
        return
    low, high = world.settings["new_relation_delay_minutes"]
    delay = person.rng("notice", seat["id"]).uniform(low, high) * MINUTE
    world.agenda.add(
        "unipile.new_relation",
        due=at + delay,
        subject="unipile",
        payload={"account_id": seat["id"], "provider_id": person.provider_id},
    )


def accept(world: World, seat: Row, person: Person, invitation: Row, at: float) -> Row | None:
    """The person accepts at sandbox time ``at``; a note becomes the first message of a new chat (returned)."""
    state.decide_invitation(world, invitation["id"], "ACCEPTED", at)
    become_connected(world, seat, person, at)
    if not invitation["note"]:
        return None
    chat = state.chat_between(world, seat["id"], person.provider_id) or state.create_chat(
        world, seat, [person.provider_id]
    )
    note = state.add_message(
        world, seat, chat, sender_id=seat["provider_id"], text=invitation["note"], message_type="INVITATION"
    )
    events.message_event(world, seat, note)
    return chat


def say(
    world: World,
    seat: Row,
    person: Person,
    text: str,
    *,
    chat: Row | None = None,
    files: list[dict[str, Any]] | None = None,
) -> Row:
    """The person writes to the seat; a chat is opened if there is none."""
    where = chat or state.chat_between(world, seat["id"], person.provider_id)
    where = where or state.create_chat(world, seat, [person.provider_id])
    first_answer = where["content_type"] == "inmail"
    row = state.add_message(
        world, seat, where, sender_id=person.provider_id, text=text,
        message_type="INMAIL_REPLY" if first_answer else "MESSAGE",
    )  # fmt: skip
    for item in files or []:
        state.add_attachment(
            world,
            row["id"],
            name=item["name"],
            mimetype=item["mimetype"],
            content=item["content"],
            voice=False,
        )
    events.message_event(world, seat, row)
    return row


def mark_read(world: World, seat: Row, message: Row) -> None:
    """The other has seen this message of the seat's (and with it the chat's earlier ones)."""
    moment = iso_ms(utc_now())
    world.store.run(
        "UPDATE unipile_messages SET seen = 1, seen_at = ?"
        " WHERE chat_id = ? AND seq <= ? AND is_sender = 1 AND seen = 0",
        moment,
        message["chat_id"],
        message["seq"],
    )
    events.message_event(world, seat, message, "message_read", timestamp=moment)


# ---- the agenda


def _agenda_accept(world: World, payload: dict[str, Any], due: float) -> None:
    row = world.store.one(
        "SELECT * FROM unipile_invitations WHERE id = ? AND status = 'PENDING'", payload["invitation_id"]
    )
    seat = state.account(world, row["account_id"]) if row else None
    if row is None or seat is None:
        return
    person = world.people.meet(row["provider_id"])
    chat = accept(world, seat, person, row, due)
    if (
        chat is not None
        and person.rng("note", seat["id"]).random() < _REPLY_TO_NOTE * person.behaviour.reply_probability
    ):
        _schedule_reply(world, seat, person, chat["id"], due, 0)


def _agenda_new_relation(world: World, payload: dict[str, Any], due: float) -> None:
    seat = state.account(world, payload["account_id"])
    if seat is not None:
        events.new_relation(world, seat, world.people.meet(payload["provider_id"]))


def _with_message(world: World, payload: dict[str, Any]) -> tuple[Row, Row] | None:
    message = state.message(world, payload["message_id"])
    seat = state.account(world, message["account_id"]) if message else None
    return (seat, message) if seat and message else None


def _agenda_delivered(world: World, payload: dict[str, Any], due: float) -> None:
    found = _with_message(world, payload)
    if found:
        events.message_event(world, *found, "message_delivered", timestamp=iso_ms(utc_now()))


def _agenda_read(world: World, payload: dict[str, Any], due: float) -> None:
    found = _with_message(world, payload)
    if found and not found[1]["seen"]:
        mark_read(world, *found)


def _agenda_reply(world: World, payload: dict[str, Any], due: float) -> None:
    chat = world.store.one("SELECT * FROM unipile_chats WHERE id = ?", payload["chat_id"])
    seat = state.account(world, chat["account_id"]) if chat else None
    if chat is None or seat is None:
        return
    person = world.people.meet(chat["other"])
    written = world.store.value(
        "SELECT COUNT(*) FROM unipile_messages WHERE chat_id = ? AND is_sender = 0", chat["id"]
    )
    if written >= person.behaviour.max_replies:
        return
    unseen = world.store.one(
        "SELECT * FROM unipile_messages WHERE chat_id = ? AND is_sender = 1 ORDER BY seq DESC LIMIT 1",
        chat["id"],
    )
    if unseen is not None and not unseen["seen"]:
        mark_read(world, seat, unseen)
    say(world, seat, person, compose(person, seat, payload["occasion"], follow_up=written > 0), chat=chat)


def compose(
    person: Person, seat: Row, occasion: int, *, intent: str | None = None, follow_up: bool = False
) -> str:
    """What the person would write on this occasion, of the given intent or one in character."""
    rng = person.rng("text", seat["id"], occasion)
    weights: dict[str, float] = person.behaviour.intents
    chosen = intent or rng.choices(list(weights), list(weights.values()))[0]
    colleague = f"{rng.choice(FIRST_NAMES)} {rng.choice(LAST_NAMES)}"
    domain = "".join(letter for letter in person.company.lower() if letter.isalnum() and letter.isascii())
    back = utc_now() + timedelta(days=rng.randrange(3, 18))
    words = {
        "sender": seat["name"].split()[0],
        "first": person.first_name,
        "company": person.company,
        "role": rng.choice(ROLES),
        "colleague": colleague,
        "mail": f"{colleague.partition(' ')[0].lower()}@{domain}.example",
        "phone": f"+49 30 5550 {rng.randrange(1000, 9999)}",
        "date": f"{back.day} {back:%B}",
    }
    return reply_text(chosen, rng, words, follow_up=follow_up)


AGENDA = {
    "unipile.accept": _agenda_accept,
    "unipile.new_relation": _agenda_new_relation,
    "unipile.delivered": _agenda_delivered,
    "unipile.read": _agenda_read,
    "unipile.reply": _agenda_reply,
}


def active_people(world: World, limit: int) -> list[str]:
    """Whom the seats have invited or are chatting with, latest first."""
    rows = world.store.all(
        "SELECT who, MAX(at) AS latest FROM ("
        " SELECT other AS who, at FROM unipile_chats WHERE other IS NOT NULL"
        " UNION ALL SELECT provider_id, sent_at FROM unipile_invitations"
        ") GROUP BY who ORDER BY latest DESC LIMIT ?",
        limit,
    )
    return [row["who"] for row in rows]


def summary(world: World, person: Person) -> list[dict[str, Any]]:
    """How the person stands towards each seat: connected, invited, and the chat."""
    standing = []
    for seat in world.store.all("SELECT * FROM unipile_accounts ORDER BY rowid"):
        invitation = state.invitation(world, seat["id"], person.provider_id)
        chat = state.chat_between(world, seat["id"], person.provider_id)
        related = state.is_related(world, seat["id"], person.provider_id)
        if invitation is None and chat is None and not related:
            continue
        rows = world.store.all(
            "SELECT * FROM unipile_messages WHERE chat_id = ? ORDER BY seq DESC LIMIT 20",
            chat["id"] if chat else "",
        )
        standing.append(
            {
                "account_id": seat["id"],
                "account_name": seat["name"],
                "connected": related,
                "invitation": invitation["status"] if invitation else None,
                "invitation_note": invitation["note"] if invitation else None,
                "chat_id": chat["id"] if chat else None,
                "messages": [
                    {"id": row["id"], "from": "seat" if row["is_sender"] else "person", "text": row["text"],
                     "at": row["at"], "seen": row["seen"], "reactions": json.loads(row["reactions"])}
                    for row in reversed(rows)
                ],
                "will": world.agenda.pending(_subject(seat["id"], person.provider_id)),
            }
        )  # fmt: skip
    return standing
