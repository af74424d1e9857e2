"""What becomes of a mail: delivered, returned, answered; by itself (agenda) or by hand."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any, Final
from urllib.parse import unquote

from integrations.sandbox.clock import MINUTE, utc_now
from integrations.sandbox.deliveries import Outgoing
from integrations.sandbox.mailbox import mime, returns, state
from integrations.sandbox.people import Person
from integrations.sandbox.population import FIRST_NAMES, LAST_NAMES, ROLES
from integrations.sandbox.replies import reply_text
from integrations.sandbox.store import Row
from integrations.sandbox.world import World

_RETURN_AFTER, _ASYNC_AFTER = 1 * MINUTE, 30 * MINUTE
_WAYS: Final = re.compile(r"<([^<>]+)>")
#: What a person's way of dealing with mail (``behaviour.mail``) makes of it.
_RETURNS: Final = {"bounce": "hard", "block": "blocked", "async_bounce": "hard", "defer": "delayed"}


def subject_of(recipient: str) -> str:
    """What agenda items of a recipient are cancelled by."""
    return f"mailbox|{recipient}"


def stop_autopilot(world: World, recipient: str) -> None:
    """Forget what the recipient was about to do: somebody plays them by hand now."""
    world.agenda.cancel(subject_of(recipient), ("mailbox.reply",))


def is_dropped(world: World, recipient: str) -> bool:
    """Whether the mailbox's own server refuses mail to this person."""
    return state.account(world, recipient) is None and world.people.meet(recipient).behaviour.mail == "drop"


def handed_over(world: World, address: str, recipient: str, raw: bytes) -> int:
    """A mail was taken by the server: keep it, show it, and let the other side decide. Returns its number."""
    row = state.note_sent(world, address, recipient, raw)
    account = state.account(world, address)
    if account is not None and account["saves_sent"]:
        state.put(world, address, account["sent_folder"], raw, seen=True)
    if state.account(world, recipient) is not None:
        state.put(world, recipient, "INBOX", raw)
        return int(row["id"])
    person = world.people.meet(recipient)
    fate = (
        person.behaviour.mail
        if person.behaviour.mail != "deliver"
        else "deliver"
        if person.exists
        else "bounce"
    )
    if fate in _RETURNS:
        delay = _ASYNC_AFTER if fate == "async_bounce" else _RETURN_AFTER
        world.agenda.add(
            "mailbox.return", due=world.clock.now() + delay, subject=subject_of(recipient),
            payload={"id": row["id"], "kind": _RETURNS[fate]},
        )  # fmt: skip
    elif fate == "deliver":
        _plan_answer(world, row, person)
    return int(row["id"])


def _plan_answer(world: World, row: Row, person: Person) -> None:
    behaviour = person.behaviour
    if not world.settings["autopilot"] or behaviour.ignores:
        return
    if person.rng("reply", row["rfc_id"]).random() < behaviour.reply_probability * 0.6:
        delay = person.rng("delay", row["rfc_id"]).uniform(*behaviour.reply_delay_minutes) * MINUTE
        world.agenda.add(
            "mailbox.reply", due=world.clock.now() + delay, subject=subject_of(row["recipient"]),
            payload={"id": row["id"]},
        )  # fmt: skip


def deliver(world: World, row: Row, raw: bytes) -> None:
    """Put a mail into the inbox of whoever wrote ``row``, or of the address that answers go to."""
    to = state.reply_address(row).lower()
    target = to if state.account(world, to) is not None else row["address"]
    state.put(world, target, "INBOX", _with_trace(raw, target))


def _with_trace(raw: bytes, to: str) -> bytes:
    head = b"" if raw.lower().startswith(b"return-path:") else b"Return-Path: <bounce@sandbox.test>\r\n"
    return head + f"Delivered-To: {to}\r\n".encode() + raw


def bounce(world: World, row: Row, person: Person, *, kind: str, form: str = "") -> str:
    """The mail comes back, in the wording of some server; returns which."""
    chosen = form or person.rng("server").choice(returns.FORMATS)
    if kind == "delayed" and chosen == "qmail":
        chosen = "postfix"  # qmail sends no warnings
    deliver(world, row, returns.build(row, person, form=chosen, kind=kind))
    return chosen


def reply(
    world: World, row: Row, person: Person, text: str, *, style: str = "", sender: str = "", files: Any = ()
) -> str:
    """The person answers; returns the id of their mail."""
    chosen = style or person.rng("mail program").choice(mime.STYLES)
    message = mime.reply(row, person, text, style=chosen, sender=sender, files=files)
    deliver(world, row, message.as_bytes())
    world.store.run("UPDATE mailbox_sent SET replies = replies + 1 WHERE id = ?", row["id"])
    return str(message["Message-ID"])


def absent(world: World, row: Row, person: Person, *, language: str = "") -> str:
    """The person's server says that they are away; returns the language."""
    chosen = language or person.rng("language").choice(tuple(mime.ABSENCES))
    back = utc_now() + timedelta(days=person.rng("absence", row["rfc_id"]).randrange(3, 18))
    deliver(world, row, mime.absence(row, person, chosen, f"{back.day}.{back.month}.{back.year}").as_bytes())
    return chosen


def unsubscribe(world: World, row: Row, person: Person, *, how: str = "") -> str:
    """The person uses the mail program's button: one click where there is one, else a mail; tells which."""
    given = state.headers(row["raw"])
    ways = _WAYS.findall(" ".join(str(given.get("List-Unsubscribe", "")).split()))
    web = next((way for way in ways if way.startswith(("http://", "https://"))), "")
    mail = next((way for way in ways if way.startswith("mailto:")), "")
    if how != "mailto" and web and "one-click" in str(given.get("List-Unsubscribe-Post", "")).lower():
        world.deliveries.enqueue(
            Outgoing(
                "mailbox", f"one-click|{row['recipient']}", "one_click", web,
                {"Content-Type": "application/x-www-form-urlencoded"}, "List-Unsubscribe=One-Click",
                retry=False, rules="any_2xx",
            ),
            [],
        )  # fmt: skip
        return "one_click"
    if mail:
        address, _, query = mail.removeprefix("mailto:").partition("?")
        subject = next((item[8:] for item in query.split("&") if item.startswith("subject=")), "unsubscribe")
        message = mime.plain(person, unquote(address), unquote(subject), "")
        local, _, domain = unquote(address).lower().partition("@")
        plain_address = f"{local.partition('+')[0]}@{domain}"
        known = next(
            (a for a in (unquote(address), plain_address) if state.account(world, a)), row["address"]
        )
        state.put(world, str(known).lower(), "INBOX", _with_trace(message.as_bytes(), unquote(address)))
        return "mailto"
    reply(world, row, person, "Please remove me from your list.")
    return "reply"


def compose(row: Row, person: Person, intent: str | None = None) -> tuple[str, str]:
    """What the person would write, and its intent."""
    rng = person.rng("text", row["rfc_id"], row["replies"])
    weights = person.behaviour.intents
    chosen = intent or rng.choices(list(weights), list(weights.values()))[0]
    colleague = f"{rng.choice(FIRST_NAMES)} {rng.choice(LAST_NAMES)}"
    back = utc_now() + timedelta(days=rng.randrange(3, 18))
    words = {
        "sender": str(state.headers(row["raw"]).get("From", "there")).split()[0].strip('"<'),
        "first": person.first_name,
        "company": person.company,
        "role": rng.choice(ROLES),
        "colleague": colleague,
        "mail": f"{colleague.partition(' ')[0].lower()}@{person.slug.rpartition('@')[2]}",
        "phone": f"+49 30 5550 {rng.randrange(1000, 9999)}",
        "date": f"{back.day} {back:%B}",
    }
    return reply_text(chosen, rng, words, follow_up=row["replies"] > 0), chosen


# ---- the agenda


def _return(world: World, payload: dict[str, Any], due: float) -> None:
    row = state.sent(world, payload["id"])
    if row is None:
        return
    person = world.people.meet(row["recipient"])
    bounce(world, row, person, kind=payload["kind"])
    if payload["kind"] == "delayed":
        _plan_answer(world, row, person)


def _reply(world: World, payload: dict[str, Any], due: float) -> None:
    row = state.sent(world, payload["id"])
    if row is None:
        return
    person = world.people.meet(row["recipient"])
    written = world.store.value(
        "SELECT COALESCE(SUM(replies), 0) FROM mailbox_sent WHERE recipient = ?", row["recipient"]
    )
    if written >= person.behaviour.max_replies:
        return
    text, intent = compose(row, person)
    if intent == "out_of_office":
        absent(world, row, person)
    elif intent == "unsubscribe" and person.rng("how", row["rfc_id"]).random() < 0.6:
        unsubscribe(world, row, person)
    else:
        reply(world, row, person, text)


AGENDA = {"mailbox.return": _return, "mailbox.reply": _reply}
