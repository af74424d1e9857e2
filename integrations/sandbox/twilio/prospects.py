"""What becomes of texts, and what people do: by themselves (agenda) or because somebody plays them."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from integrations.sandbox.clock import MINUTE, iso_ms, utc_now
from integrations.sandbox.deliveries import Outgoing
from integrations.sandbox.people import Person
from integrations.sandbox.replies import reply_text
from integrations.sandbox.store import Row
from integrations.sandbox.twilio import shapes, state
from integrations.sandbox.twilio.variants import VARIANTS
from integrations.sandbox.world import World

#: Sandbox seconds until a text is handed to the carrier, and until the carrier reports.
_SENT_AFTER, _REPORT_AFTER = 2.0, 6.0
#: What may become of a text to somebody -> the code that Twilio reports it with.
FATES = {
    "unreachable": 30003,
    "unknown": 30005,
    "landline": 30006,
    "filtered": 30007,
    "queue_overflow": 30001,
}
STOP_WORDS = frozenset({"STOP", "UNSUBSCRIBE", "END", "QUIT", "STOPALL", "REVOKE", "OPTOUT", "CANCEL"})
START_WORDS = frozenset({"START", "YES", "UNSTOP"})
HELP_WORDS = frozenset({"HELP", "INFO"})
_CONFIRMATION = (
    "You have successfully been unsubscribed. You will not receive any more messages from this number."
)


def emit(world: World, url: str, event: str, fields: dict[str, str]) -> None:
    """Call an address of the product with a signed form. Twilio retries failed connections only, so none here."""
    if not url:
        return
    faults = world.faults.for_webhook("twilio", event)
    for fault in faults:
        if fault.kind == "shape" and fault.variant in VARIANTS:
            fields = VARIANTS[fault.variant](fields)
    headers = {
        "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
        "User-Agent": "TwilioProxy/1.1",
        "I-Twilio-Idempotency-Token": state.new_sid(""),
        "X-Twilio-Signature": shapes.sign(url, fields, state.auth_token(world)),
    }
    lane = f"twilio|{fields.get('MessageSid', '')}"
    world.deliveries.enqueue(
        Outgoing("twilio", lane, event, url, headers, urlencode(fields), retry=False, rules="any_2xx"), faults
    )


# ---- texts of ours


def on_sent(world: World, row: Row) -> None:
    """A text was accepted: let it go its way."""
    payload = {"sid": row["sid"]}
    now = world.clock.now()
    world.agenda.add("twilio.sent", due=now + _SENT_AFTER, subject="twilio", payload=payload)
    world.agenda.add("twilio.report", due=now + _REPORT_AFTER, subject="twilio", payload=payload)


def _report(world: World, row: Row, status: str, code: int | None = None) -> None:
    sent_at = row["sent_at"] or iso_ms(utc_now())
    world.store.run(
        "UPDATE twilio_messages SET status = ?, error_code = ?, sent_at = ? WHERE sid = ?",
        status, code, sent_at, row["sid"],
    )  # fmt: skip
    fields = {
        "AccountSid": state.ACCOUNT_SID,
        "ApiVersion": shapes.VERSION,
        "From": row["ours"],
        "To": row["theirs"],
        "MessageSid": row["sid"],
        "SmsSid": row["sid"],
        "MessageStatus": status,
        "SmsStatus": status,
    }
    if row["service_sid"]:
        fields["MessagingServiceSid"] = row["service_sid"]
    if code:
        fields["ErrorCode"] = str(code)
    if status in {"delivered", "undelivered"}:
        fields["RawDlrDoneDate"] = utc_now().strftime("%y%m%d%H%M")
    emit(world, row["callback"], f"message.{status}", fields)


def _failure(world: World, row: Row, person: Person) -> tuple[str, int] | None:
    """How a text ends that does not arrive: status and code."""
    mine = state.number(world, row["ours"])
    service = state.service(world, mine["service_sid"]) if mine and mine["service_sid"] else None
    registered = service is not None and service["campaign_status"] == "VERIFIED"
    if row["ours"].startswith("+1") and row["theirs"].startswith("+1") and not registered:
        return "undelivered", 30034
    code = FATES.get(person.behaviour.texts)
    if code is None:
        return None
    return ("failed" if code == FATES["queue_overflow"] else "undelivered"), code


def _agenda_sent(world: World, payload: dict[str, Any], due: float) -> None:
    row = state.message(world, payload["sid"])
    if row is not None and row["status"] in {"queued", "accepted"}:
        _report(world, row, "sent")


def _agenda_report(world: World, payload: dict[str, Any], due: float) -> None:
    row = state.message(world, payload["sid"])
    if row is None or row["status"] not in {"queued", "accepted", "sent"}:
        return
    person = world.people.meet(row["theirs"])
    failure = _failure(world, row, person)
    if failure is not None:
        _report(world, row, *failure)
        return
    _report(world, row, "delivered")
    _schedule_answer(world, row, person, due)


# ---- people


def _subject(person: Person) -> str:
    return f"twilio|{person.slug}"


def stop_autopilot(world: World, person: Person) -> None:
    """Forget what this person was about to do: somebody plays them by hand now."""
    world.agenda.cancel(_subject(person), ("twilio.reply",))


def _schedule_answer(world: World, row: Row, person: Person, at: float) -> None:
    if not world.settings["autopilot"] or person.behaviour.ignores:
        return
    earlier = world.store.value(
        "SELECT COUNT(*) FROM twilio_messages WHERE theirs = ? AND direction <> 'inbound'", person.slug
    )
    if person.rng("text", earlier).random() >= person.behaviour.reply_probability:
        return
    low, high = person.behaviour.reply_delay_minutes
    world.agenda.add(
        "twilio.reply",
        due=at + person.rng("delay", earlier).uniform(low, high) * MINUTE,
        subject=_subject(person),
        payload={"sid": row["sid"], "occasion": earlier},
    )


def _agenda_reply(world: World, payload: dict[str, Any], due: float) -> None:
    row = state.message(world, payload["sid"])
    if row is None:
        return
    person = world.people.meet(row["theirs"])
    written = world.store.value(
        "SELECT COUNT(*) FROM twilio_messages WHERE theirs = ? AND direction = 'inbound'", person.slug
    )
    if written < person.behaviour.max_replies:
        say(world, person, row["ours"], compose(person, payload["occasion"], follow_up=written > 0))


def compose(person: Person, occasion: int, *, intent: str | None = None, follow_up: bool = False) -> str:
    """What the person would text on this occasion, of the given intent or one in character."""
    rng = person.rng("words", occasion)
    weights: dict[str, float] = person.behaviour.intents
    chosen = intent or rng.choices(list(weights), list(weights.values()))[0]
    if chosen == "unsubscribe" and rng.random() < 0.6:
        return rng.choice(("STOP", "Stop", "stop."))
    back = utc_now() + timedelta(days=rng.randrange(3, 18))
    words = {
        "sender": "there", "first": person.first_name, "company": person.company, "role": person.role,
        "colleague": "Sam Baker", "mail": "sam@company.example", "phone": "+49 30 5550 1234",
        "date": f"{back.day} {back:%B}",
    }  # fmt: skip
    return reply_text(chosen, rng, words, follow_up=follow_up)


def say(
    world: World, person: Person, ours: str, text: str, *, media: list[dict[str, str]] | None = None
) -> Row:
    """The person writes to one of our numbers. One-word opt-outs are honoured by Twilio itself."""
    mine = state.number(world, ours)
    service_sid = mine["service_sid"] if mine else ""
    row = state.add_message(
        world, service_sid=service_sid, ours=ours, theirs=person.slug, body=text, status="received",
        direction="inbound", segments=shapes.segments(text), media=json.dumps(media or []),
        sent_at=iso_ms(utc_now()),
    )  # fmt: skip
    kind = keyword(text)
    if kind in {"STOP", "START"}:
        state.set_opt_out(world, ours, person.slug, out=kind == "STOP")
    _tell_received(world, row, mine, kind)
    if kind == "STOP":
        state.add_message(
            world, service_sid=service_sid, ours=ours, theirs=person.slug, body=_CONFIRMATION, status="delivered",
            direction="outbound-reply", segments=1, sent_at=iso_ms(utc_now()),
        )  # fmt: skip
    return row


def keyword(text: str) -> str:
    """STOP, START or HELP if the whole text is such a word, else ``""``."""
    word = text.strip().upper()
    words = (("STOP", STOP_WORDS), ("START", START_WORDS), ("HELP", HELP_WORDS))
    return next((kind for kind, known in words if word in known), "")


def _tell_received(world: World, row: Row, mine: Row | None, kind: str) -> None:
    media: list[dict[str, str]] = json.loads(row["media"])
    fields = {
        "AccountSid": state.ACCOUNT_SID,
        "ApiVersion": shapes.VERSION,
        "Body": row["body"],
        "From": row["theirs"],
        "To": row["ours"],
        "FromCountry": "US",
        "FromCity": "",
        "MessageSid": row["sid"],
        "SmsSid": row["sid"],
        "SmsMessageSid": row["sid"],
        "NumMedia": str(len(media)),
        "NumSegments": str(row["segments"]),
        "SmsStatus": "received",
        "ToCountry": "US",
    }
    for index, item in enumerate(media):
        fields[f"MediaUrl{index}"] = item["url"]
        fields[f"MediaContentType{index}"] = item["content_type"]
    url = mine["sms_url"] if mine else ""
    service = state.service(world, row["service_sid"]) if row["service_sid"] else None
    if service is not None:
        fields["MessagingServiceSid"] = service["sid"]
        url = service["inbound_url"] or url
        if kind:
            # Advanced Opt-Out, which the sandbox's services have switched on.
            fields["OptOutType"] = kind
    emit(world, url, "message.received", fields)


AGENDA = {"twilio.sent": _agenda_sent, "twilio.report": _agenda_report, "twilio.reply": _agenda_reply}


def active_people(world: World, limit: int) -> list[str]:
    """Whom our numbers have texted with, latest first."""
    rows = world.store.all(
        "SELECT theirs, MAX(seq) AS latest FROM twilio_messages GROUP BY theirs ORDER BY latest DESC LIMIT ?",
        limit,
    )
    return [row["theirs"] for row in rows]


def last_contact(world: World, person: Person) -> float:
    """Sandbox time of the latest text with a person, 0 for none."""
    return float(
        world.store.value("SELECT MAX(happened) FROM twilio_messages WHERE theirs = ?", person.slug) or 0
    )


def summary(world: World, person: Person) -> list[dict[str, Any]]:
    """How a person stands towards each of our numbers."""
    standing = []
    ours = world.store.all("SELECT DISTINCT ours FROM twilio_messages WHERE theirs = ?", person.slug)
    for row in ours:
        messages = world.store.all(
            "SELECT * FROM twilio_messages WHERE theirs = ? AND ours = ? ORDER BY seq DESC LIMIT 20",
            person.slug,
            row["ours"],
        )
        out = state.opted_out(world, row["ours"], person.slug)
        standing.append(
            {
                "account_id": row["ours"],
                "account_name": row["ours"],
                "state": "opted out" if out else "can be texted",
                "messages": [
                    {"from": "person" if item["direction"] == "inbound" else "seat", "text": item["body"],
                     "seen": False, "status": item["status"], "sid": item["sid"], "error_code": item["error_code"]}
                    for item in reversed(messages)
                ],
                "will": world.agenda.pending(_subject(person)),
                "actions": [
                    {"name": "reply", "label": "Reply", "text": True},
                    {"name": "start", "label": "START"} if out else {"name": "stop", "label": "STOP"},
                    {"name": "help", "label": "HELP"},
                    {"name": "ignore", "label": "Ignore"},
                ],
            }
        )  # fmt: skip
    return standing
