"""Playing somebody with an e-mail address: the actions of ``POST /_sandbox/people/{address}/{action}``."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from integrations.sandbox.files import decode_files
from integrations.sandbox.people import Person
from integrations.sandbox.replies import INTENTS
from integrations.sandbox.sendgrid import events, fates, inbound, state
from integrations.sandbox.store import Row
from integrations.sandbox.world import ControlError, World

_Action = Callable[[World, Row, Person, dict[str, Any]], dict[str, Any]]
_BOUNCES = ("hard", "blocked", "async")


def _message(world: World, person: Person, body: dict[str, Any]) -> Row:
    """The message that the body names (``send_id`` or ``message_id``), else the newest to the person."""
    wanted = body.get("message_id") or body.get("send_id")
    rows = world.store.all(
        "SELECT * FROM sendgrid_messages WHERE recipient = ? ORDER BY id DESC LIMIT 500", person.slug
    )
    for row in rows:
        known = {row["vendor_id"], row["rfc_id"], *json.loads(row["args"]).values()}
        if not wanted or wanted in known:
            return row
    raise ControlError(409, "conflict", f"nobody has written such an e-mail to {person.slug}")


def _action(act: _Action) -> Callable[[World, Person, dict[str, Any]], dict[str, Any]]:
    def run(world: World, person: Person, body: dict[str, Any]) -> dict[str, Any]:
        row = _message(world, person, body)
        fates.stop_autopilot(world, person.slug)
        told = {"message_id": row["rfc_id"], "vendor_id": row["vendor_id"], "account": row["from_email"]}
        return told | act(world, row, person, body)

    return run


def _open(world: World, row: Row, person: Person, body: dict[str, Any]) -> dict[str, Any]:
    machine = body.get("machine") in (True, "true", "1")
    if not fates.opened(world, row, machine=machine):
        raise ControlError(
            409, "conflict", "the message has no picture that tells: no HTML, or opens not tracked"
        )
    return {"machine": machine}


def _click(world: World, row: Row, person: Person, body: dict[str, Any]) -> dict[str, Any]:
    scanner = body.get("scanner") in (True, "true", "1")
    url = str(body.get("url") or fates.link_of(row))
    if not fates.clicked(world, row, url, scanner=scanner):
        raise ControlError(409, "conflict", "clicks are not tracked, or the message has no link")
    return {"url": url, "scanner": scanner}


def _answered(
    world: World, row: Row, person: Person, body: dict[str, Any], *, automatic: bool, intent: str | None
) -> dict[str, Any]:
    if inbound.setting_for(world, row["reply_to"]) is None:
        raise ControlError(409, "conflict", f"nobody takes mail for {row['reply_to']} (Inbound Parse)")
    text = str(body.get("text") or "") or fates.compose(world, row, person, intent)[0]
    rfc_id = fates.reply(world, row, person, text, automatic=automatic, files=decode_files(body))
    return {"reply_id": rfc_id, "text": text}


def _reply(world: World, row: Row, person: Person, body: dict[str, Any]) -> dict[str, Any]:
    intent = body.get("intent") or None
    if intent is not None and intent not in INTENTS:
        raise ControlError(400, "invalid", f"intent: one of {', '.join(INTENTS)}")
    return _answered(world, row, person, body, automatic=intent == "out_of_office", intent=intent)


def _out_of_office(world: World, row: Row, person: Person, body: dict[str, Any]) -> dict[str, Any]:
    return _answered(world, row, person, body, automatic=True, intent="out_of_office")


def _bounce(world: World, row: Row, person: Person, body: dict[str, Any]) -> dict[str, Any]:
    kind = str(body.get("kind") or "hard")
    if kind not in _BOUNCES:
        raise ControlError(400, "invalid", f"kind: one of {', '.join(_BOUNCES)}")
    fates.bounce(world, row, kind)
    return {"kind": kind}


def _defer(world: World, row: Row, person: Person, body: dict[str, Any]) -> dict[str, Any]:
    events.tell(world, row, "deferred", response="451 4.7.1 try again later", attempt="1", tls=1)
    return {}


def _drop(world: World, row: Row, person: Person, body: dict[str, Any]) -> dict[str, Any]:
    reason = str(body.get("reason") or "Spam Content")
    events.tell(world, row, "dropped", reason=reason)
    return {"reason": reason}


def _complain(world: World, row: Row, person: Person, body: dict[str, Any]) -> dict[str, Any]:
    events.tell(world, row, "spamreport")
    state.suppress(world, "spam_reports", row["recipient"])
    return {}


def _unsubscribe(world: World, row: Row, person: Person, body: dict[str, Any]) -> dict[str, Any]:
    how = str(body.get("how") or "")
    if how not in {"", "link", "group"}:
        raise ControlError(400, "invalid", "how: link or group (nothing: as their mail program does it)")
    if not how:
        return {"how": fates.unsubscribe(world, row, person)}
    events.tell(world, row, "unsubscribe" if how == "link" else "group_unsubscribe")
    state.suppress(world, "unsubscribes", row["recipient"])
    return {"how": how}


def _ignore(world: World, person: Person, body: dict[str, Any]) -> dict[str, Any]:
    """The person does nothing by themselves any more."""
    world.people.override(person.slug, {"behaviour": {"ignores": True}})
    fates.stop_autopilot(world, person.slug)
    return {"ignores": True}


ACTIONS = {
    "open": _action(_open),
    "click": _action(_click),
    "reply": _action(_reply),
    "out_of_office": _action(_out_of_office),
    "bounce": _action(_bounce),
    "defer": _action(_defer),
    "drop": _action(_drop),
    "complain": _action(_complain),
    "unsubscribe": _action(_unsubscribe),
    "ignore": _ignore,
}
