"""What becomes of a message, by itself (agenda) or by hand: delivery, bounces, opening, clicking, answering."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from urllib.parse import unquote

from integrations.sandbox.clock import MINUTE, iso_ms, utc_now
from integrations.sandbox.deliveries import Outgoing
from integrations.sandbox.people import Person
from integrations.sandbox.population import FIRST_NAMES, LAST_NAMES, ROLES
from integrations.sandbox.replies import reply_text
from integrations.sandbox.sendgrid import events, inbound, mime, state
from integrations.sandbox.store import Row
from integrations.sandbox.world import World

_AUTOPILOT = ("sendgrid.read", "sendgrid.click", "sendgrid.reply")
_ASYNC_AFTER, _DEFERRED_FOR = 30 * MINUTE, 10 * MINUTE
#: How often a mail program of this world fetches pictures by itself, before anybody looks.
_MACHINE_OPENS = 0.25
_BROWSER = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Safari/605.1.15"
_MACHINE = "Mozilla/5.0"
_SCANNER = "Barracuda Sentinel (EE) link-scan/1.4"
_LINK = re.compile(r"""href=["'](https?://[^"']+)["']""", re.IGNORECASE)
_BARE_LINK = re.compile(r"https?://[^\s<>\"']+")
_UNSUBSCRIBE = re.compile(r"<([^<>]+)>")


def subject_of(row: Row) -> str:
    """What agenda items of a recipient are cancelled by."""
    return f"sendgrid|{row['recipient']}"


def stop_autopilot(world: World, recipient: str) -> None:
    """Forget what the recipient was about to do: somebody plays them by hand now."""
    world.agenda.cancel(f"sendgrid|{recipient}", _AUTOPILOT)


# ---- delivery


def deliver(world: World, payload: dict[str, Any], due: float) -> None:
    """SendGrid takes the message on, and the recipient's server decides."""
    row = state.message(world, payload["id"])
    if row is None:
        return
    reason = state.drop_reason(world, row["recipient"])
    person = world.people.meet(row["recipient"])
    fate = "deliver" if person.exists else "bounce"
    fate = person.behaviour.mail if person.behaviour.mail != "deliver" else fate
    if reason or fate == "drop":
        events.tell(world, row, "dropped", reason=reason or "Spam Content")
        return
    events.tell(world, row, "processed", **({"pool": {"name": row["pool"], "id": 1}} if row["pool"] else {}))
    if fate in {"bounce", "block"}:
        bounce(world, row, "blocked" if fate == "block" else "hard")
        return
    if fate == "defer":
        events.tell(world, row, "deferred", response="451 4.7.1 try again later", attempt="1", tls=1)
        world.agenda.add("sendgrid.arrive", due=due + _DEFERRED_FOR, subject=subject_of(row), payload=payload)
        return
    arrive(world, payload, due)
    if fate == "async_bounce":
        world.agenda.add(
            "sendgrid.async_bounce", due=due + _ASYNC_AFTER, subject=subject_of(row), payload=payload
        )


def arrive(world: World, payload: dict[str, Any], due: float) -> None:
    """The recipient's server takes the message; from here on it is up to people."""
    row = state.message(world, payload["id"])
    if row is None:
        return
    events.tell(world, row, "delivered", response="250 2.0.0 OK", ip="198.51.100.7", tls=1)
    person = world.people.meet(row["recipient"])
    behaviour = person.behaviour
    if not world.settings["autopilot"] or behaviour.ignores or behaviour.mail != "deliver":
        return
    occasion = row["id"]

    def plan(kind: str, chance: float, span: tuple[float, float]) -> None:
        if person.rng(kind, row["rfc_id"]).random() < chance:
            delay = person.rng("delay", kind, row["rfc_id"]).uniform(*span) * MINUTE
            world.agenda.add(
                f"sendgrid.{kind}", due=due + delay, subject=subject_of(row), payload={"id": occasion}
            )

    if person.rng("machine").random() < _MACHINE_OPENS:
        opened(world, row, machine=True)
    plan("read", behaviour.read_probability, behaviour.read_delay_minutes)
    plan("click", behaviour.click_probability, (behaviour.read_delay_minutes[1], 30.0))
    plan("reply", behaviour.reply_probability * 0.6, behaviour.reply_delay_minutes)


def bounce(world: World, row: Row, kind: str) -> None:
    """It comes back: ``hard``, ``blocked`` or ``async`` (after the delivery, without SendGrid's message id)."""
    if kind == "blocked":
        events.tell(
            world, row, "bounce", type="blocked", bounce_classification="Reputation", status="5.7.1",
            reason="550 5.7.1 message refused by policy", ip="198.51.100.7", tls=1,
        )  # fmt: skip
        state.suppress(world, "blocks", row["recipient"], "550 5.7.1 message refused by policy", "5.7.1")
        return
    fields: dict[str, Any] = {
        "type": "bounce",
        "bounce_classification": "Invalid Address",
        "status": "5.1.1",
        "reason": "550 5.1.1 user unknown",
    }
    if kind == "async":
        fields["sg_message_id"] = None
    events.tell(world, row, "bounce", **fields)
    state.suppress(world, "bounces", row["recipient"], "550 5.1.1 user unknown", "5.1.1")


# ---- people


def opened(world: World, row: Row, *, machine: bool) -> bool:
    """The pictures are loaded; false if the message has none that tell."""
    if not row["tracks_opens"] or not row["html"]:
        return False
    state.note(world, row, opens=row["opens"] + 1)
    events.tell(
        world, row, "open", useragent=_MACHINE if machine else _BROWSER, ip="17.58.1.2" if machine else "192.0.2.9",
        sg_machine_open=machine, sg_content_type="html",
    )  # fmt: skip
    return True


def link_of(row: Row) -> str:
    """The first link of a message that is not the one to unsubscribe, ``""`` if there is none."""
    links = _LINK.findall(row["html"]) or _BARE_LINK.findall(row["text"])
    return next((link for link in links if "/u/" not in link), "")


def clicked(world: World, row: Row, url: str, *, scanner: bool) -> bool:
    """A link is followed; false if clicks are not tracked or there is no link."""
    if not row["tracks_clicks"] or not url:
        return False
    state.note(world, row, clicks=row["clicks"] + 1)
    events.tell(
        world, row, "click", url=url, useragent=_SCANNER if scanner else _BROWSER,
        ip="203.0.113.66" if scanner else "192.0.2.9", url_offset={"index": 0, "type": "html"},
    )  # fmt: skip
    return True


def reply(
    world: World, row: Row, person: Person, text: str, *, automatic: bool = False, files: Any = ()
) -> str | None:
    """The person answers; returns the id of their mail, ``None`` if nobody takes mail for the address."""
    message = mime.reply_to(row, person, text, automatic=automatic, files=list(files))
    if not inbound.post(world, message, sender=person.slug, to=row["reply_to"]):
        return None
    rfc_id = str(message["Message-ID"])
    world.store.insert("sendgrid_replies", message=row["id"], rfc_id=rfc_id, text=text, at=iso_ms(utc_now()))
    return rfc_id


def unsubscribe(world: World, row: Row, person: Person) -> str:
    """The person uses the mail program's button: one click, else a mail, else SendGrid's own link; tells which."""
    given = state.headers_of(row)
    ways = _UNSUBSCRIBE.findall(given.get("list-unsubscribe", ""))
    web = next((way for way in ways if way.startswith(("http://", "https://"))), "")
    if web and "one-click" in given.get("list-unsubscribe-post", "").lower():
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        world.deliveries.enqueue(
            Outgoing(
                "sendgrid", f"one-click|{row['recipient']}", "one_click", web, headers,
                "List-Unsubscribe=One-Click", retry=False, rules="any_2xx",
            ),
            [],
        )  # fmt: skip
        return "one_click"
    mail = next((way for way in ways if way.startswith("mailto:")), "")
    if mail:
        address, _, query = mail.removeprefix("mailto:").partition("?")
        subject = next((item[8:] for item in query.split("&") if item.startswith("subject=")), "unsubscribe")
        message = mime.plain(person, unquote(address), unquote(subject), "")
        if inbound.post(world, message, sender=person.slug, to=unquote(address).lower()):
            return "mailto"
    events.tell(world, row, "unsubscribe")
    state.suppress(world, "unsubscribes", row["recipient"])
    return "link"


def compose(world: World, row: Row, person: Person, intent: str | None = None) -> tuple[str, str]:
    """What the person would write, and its intent."""
    written = world.store.value("SELECT COUNT(*) FROM sendgrid_replies WHERE message = ?", row["id"])
    rng = person.rng("text", row["rfc_id"], written)
    weights = person.behaviour.intents
    chosen = intent or rng.choices(list(weights), list(weights.values()))[0]
    colleague = f"{rng.choice(FIRST_NAMES)} {rng.choice(LAST_NAMES)}"
    back = utc_now() + timedelta(days=rng.randrange(3, 18))
    words = {
        "sender": (row["from_name"] or "there").split()[0],
        "first": person.first_name,
        "company": person.company,
        "role": rng.choice(ROLES),
        "colleague": colleague,
        "mail": f"{colleague.partition(' ')[0].lower()}@{person.slug.rpartition('@')[2]}",
        "phone": f"+49 30 5550 {rng.randrange(1000, 9999)}",
        "date": f"{back.day} {back:%B}",
    }
    return reply_text(chosen, rng, words, follow_up=written > 0), chosen


# ---- the agenda


def _async_bounce(world: World, payload: dict[str, Any], due: float) -> None:
    row = state.message(world, payload["id"])
    if row is not None:
        bounce(world, row, "async")


def _read(world: World, payload: dict[str, Any], due: float) -> None:
    row = state.message(world, payload["id"])
    if row is not None:
        opened(world, row, machine=False)


def _click(world: World, payload: dict[str, Any], due: float) -> None:
    row = state.message(world, payload["id"])
    if row is not None:
        clicked(world, row, link_of(row), scanner=False)


def _reply(world: World, payload: dict[str, Any], due: float) -> None:
    row = state.message(world, payload["id"])
    if row is None:
        return
    person = world.people.meet(row["recipient"])
    written = world.store.value(
        "SELECT COUNT(*) FROM sendgrid_replies JOIN sendgrid_messages AS m ON m.id = message WHERE m.recipient = ?",
        row["recipient"],
    )
    if written >= person.behaviour.max_replies:
        return
    text, intent = compose(world, row, person)
    if intent == "unsubscribe" and person.rng("how", row["rfc_id"]).random() < 0.6:
        unsubscribe(world, row, person)
        return
    reply(world, row, person, text, automatic=intent == "out_of_office")


def _verify(world: World, payload: dict[str, Any], due: float) -> None:
    """The owner of an address follows the link of the mail."""
    world.store.run("UPDATE sendgrid_identities SET verified = 1 WHERE id = ? AND locked = 0", payload["id"])


AGENDA = {
    "sendgrid.flush": events.flush,
    "sendgrid.deliver": deliver,
    "sendgrid.arrive": arrive,
    "sendgrid.async_bounce": _async_bounce,
    "sendgrid.read": _read,
    "sendgrid.click": _click,
    "sendgrid.reply": _reply,
    "sendgrid.verify": _verify,
}
