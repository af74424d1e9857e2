"""What can be made to happen by hand to the last mail that a person got from a mailbox."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from integrations.sandbox.files import decode_files
from integrations.sandbox.mailbox import fates, mime, returns, state
from integrations.sandbox.people import Person
from integrations.sandbox.replies import INTENTS
from integrations.sandbox.store import Row
from integrations.sandbox.world import ControlError, PersonAction, World

_Step = Callable[[World, Row, Person, dict[str, Any]], dict[str, Any]]


def _action(step: _Step) -> PersonAction:
    def act(world: World, person: Person, body: dict[str, Any]) -> dict[str, Any]:
        row = state.last_sent_to(world, person.slug, str(body.get("account_id") or "").lower())
        if row is None:
            raise ControlError(409, "conflict", "no mailbox has written to this address")
        fates.stop_autopilot(world, person.slug)
        return {"account_id": row["address"], "message_id": row["rfc_id"]} | step(world, row, person, body)

    return act


def _one_of(body: dict[str, Any], name: str, allowed: tuple[str, ...], default: str) -> str:
    value = str(body.get(name) or default)
    if value and value not in allowed:
        raise ControlError(400, "invalid", f"{name}: one of {', '.join(allowed)}")
    return value


def _reply(world: World, row: Row, person: Person, body: dict[str, Any]) -> dict[str, Any]:
    intent = _one_of(body, "intent", INTENTS, "") or None
    style = _one_of(body, "style", mime.STYLES, "")
    text = str(body.get("text") or "") or fates.compose(row, person, intent)[0]
    sender = str(body.get("from_address") or "").strip().lower()
    rfc_id = fates.reply(world, row, person, text, style=style, sender=sender, files=decode_files(body))
    return {"reply_id": rfc_id, "text": text}


def _out_of_office(world: World, row: Row, person: Person, body: dict[str, Any]) -> dict[str, Any]:
    language = _one_of(body, "language", tuple(mime.ABSENCES), "")
    return {"language": fates.absent(world, row, person, language=language)}


def _bounce(world: World, row: Row, person: Person, body: dict[str, Any]) -> dict[str, Any]:
    kind = _one_of(body, "kind", tuple(returns.KINDS), "hard")
    form = _one_of(body, "format", returns.FORMATS, "")
    return {"kind": kind, "format": fates.bounce(world, row, person, kind=kind, form=form)}


def _defer(world: World, row: Row, person: Person, body: dict[str, Any]) -> dict[str, Any]:
    return _bounce(world, row, person, body | {"kind": "delayed"})


def _complain(world: World, row: Row, person: Person, body: dict[str, Any]) -> dict[str, Any]:
    fates.deliver(world, row, returns.complaint(row, person))
    return {}


def _unsubscribe(world: World, row: Row, person: Person, body: dict[str, Any]) -> dict[str, Any]:
    return {"how": fates.unsubscribe(world, row, person, how=_one_of(body, "how", ("mailto",), ""))}


def _own_message(world: World, row: Row, person: Person, body: dict[str, Any]) -> dict[str, Any]:
    """The mailbox's owner writes to the person from another program: it lies among the sent mail."""
    account = state.account(world, row["address"])
    if account is None:
        raise ControlError(409, "conflict", "the mailbox is gone")
    text = str(body.get("text") or "One more thing.")
    message = mime.own(
        account, to=person.slug, subject=f"Re: {row['subject']}", text=text, answers=row["rfc_id"]
    )
    state.put(world, row["address"], account["sent_folder"], message.as_bytes(), seen=True)
    return {"own_id": str(message["Message-ID"])}


def _ignore(world: World, person: Person, body: dict[str, Any]) -> dict[str, Any]:
    """The person does nothing by themselves any more."""
    world.people.override(person.slug, {"behaviour": {"ignores": True}})
    fates.stop_autopilot(world, person.slug)
    return {"ignores": True}


ACTIONS = {
    "reply": _action(_reply),
    "out_of_office": _action(_out_of_office),
    "bounce": _action(_bounce),
    "defer": _action(_defer),
    "complain": _action(_complain),
    "unsubscribe": _action(_unsubscribe),
    "own_message": _action(_own_message),
    "ignore": _ignore,
}
