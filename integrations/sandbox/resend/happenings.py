"""What becomes of e-mails: delivered, opened, clicked, bounced; each told by a signed webhook."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable
from typing import Any

from integrations.sandbox.clock import MINUTE, iso_ms, utc_now
from integrations.sandbox.deliveries import Outgoing
from integrations.sandbox.people import Person
from integrations.sandbox.resend import state
from integrations.sandbox.store import Row
from integrations.sandbox.world import ControlError, World

_DELIVERED_AFTER = 3.0
_HARD = {"type": "Permanent", "subType": "NoEmail", "message": "The recipient's mail server rejected the address.",
         "diagnosticCode": ["smtp; 550 5.1.1 user unknown"]}  # fmt: skip
_BLOCKED = {"type": "Transient", "subType": "ContentRejected", "message": "The message was refused.",
            "diagnosticCode": ["smtp; 554 5.7.1 rejected by policy"]}  # fmt: skip


def _with_new_field(item: Any) -> Any:
    return item | {"x_new_field": "2026-01"} if isinstance(item, dict) else item


#: Other shapes of the same facts.
VARIANTS: dict[str, Callable[[Any], Any]] = {"unknown_fields": _with_new_field}


def sign(secret: str, call_id: str, timestamp: int, body: bytes) -> str:
    """The ``svix-signature`` of a call: HMAC-SHA256 over id, time and body."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, f"{call_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def sign_delivery(world: World, headers: dict[str, str], body: bytes) -> dict[str, str]:
    """Headers of one attempt: the id stays over retries, time and signature are of the attempt."""
    row = world.store.one("SELECT secret FROM resend_webhooks WHERE id = ?", headers.get("x-webhook", ""))
    sent = {name: value for name, value in headers.items() if name != "x-webhook"}
    if row is None:
        return sent
    now = int(time.time())
    return sent | {
        "svix-timestamp": str(now),
        "svix-signature": sign(row["secret"], headers["svix-id"], now, body),
    }


def tell(world: World, row: Row, kind: str, **extra: Any) -> None:
    """Send one event of an e-mail to everybody who subscribed to its kind."""
    event = f"email.{kind}"
    request = json.loads(row["request"])
    payload = {
        "type": event,
        "created_at": iso_ms(utc_now()),
        "data": {
            "email_id": row["id"],
            "created_at": row["created_at"],
            "from": request["from"],
            "to": request["to"],
            "subject": request["subject"],
            "message_id": row["message_id"],
            "tags": {tag["name"]: tag["value"] for tag in request.get("tags", [])},
            **extra,
        },
    }
    faults = world.faults.for_webhook("resend", event)
    for fault in faults:
        if fault.kind == "shape" and fault.variant in VARIANTS:
            payload = VARIANTS[fault.variant](payload)
    body = json.dumps(payload, ensure_ascii=False)
    for hook in world.store.all("SELECT * FROM resend_webhooks"):
        wanted = json.loads(hook["events"])
        if wanted and event not in wanted:
            continue
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Svix-Webhooks/1.24",
            "svix-id": f"msg_{secrets.token_urlsafe(20)}",
            "x-webhook": hook["id"],
        }
        world.deliveries.enqueue(
            Outgoing(
                "resend", f"resend|{hook['id']}", event, hook["endpoint"], headers, body, rules="any_2xx"
            ),
            faults,
        )


def happen(world: World, row: Row, kind: str, **extra: Any) -> None:
    """Let something become of an e-mail, and tell it."""
    world.store.run("UPDATE resend_emails SET last_event = ? WHERE id = ?", kind, row["id"])
    tell(world, row, kind, **extra)


def on_sent(world: World, row: Row) -> None:
    """An e-mail was taken: let it go its way."""
    tell(world, row, "sent")
    world.agenda.add(
        "resend.report", due=world.clock.now() + _DELIVERED_AFTER, subject="resend", payload={"id": row["id"]}
    )


def _agenda_report(world: World, payload: dict[str, Any], due: float) -> None:
    row = state.email(world, payload["id"])
    if row is None:
        return
    person = world.people.meet(row["recipient"])
    fate = person.behaviour.mail
    if fate in {"bounce", "async_bounce"}:
        happen(world, row, "bounced", bounce=_HARD)
    elif fate == "block":
        happen(world, row, "bounced", bounce=_BLOCKED)
    elif fate == "defer":
        happen(world, row, "delivery_delayed")
    elif fate == "drop":
        suppressed = {
            "type": "Suppressed",
            "reason": "previous_bounce",
            "message": "Suppressed.",
            "diagnosticCode": [],
        }
        happen(world, row, "suppressed", suppressed=suppressed)
    else:
        happen(world, row, "delivered")
        _schedule_opening(world, row, person, due)


def _schedule_opening(world: World, row: Row, person: Person, at: float) -> None:
    if not world.settings["autopilot"] or person.behaviour.ignores:
        return
    if person.rng("open", row["seq"]).random() < person.behaviour.read_probability:
        low, high = person.behaviour.read_delay_minutes
        due = at + person.rng("delay", row["seq"]).uniform(low, high) * MINUTE
        world.agenda.add("resend.open", due=due, subject=f"resend|{person.slug}", payload={"id": row["id"]})


def _agenda_open(world: World, payload: dict[str, Any], due: float) -> None:
    row = state.email(world, payload["id"])
    if row is not None:
        happen(world, row, "opened")


AGENDA = {"resend.report": _agenda_report, "resend.open": _agenda_open}


# ---- people played by hand


def _email_to(world: World, person: Person) -> Row:
    world.agenda.cancel(f"resend|{person.slug}", ("resend.open",))
    row = state.latest_to(world, person.slug)
    if row is None:
        raise ControlError(409, "conflict", f"Resend has no e-mail to {person.slug}")
    return row


def _open(world: World, person: Person, body: dict[str, Any]) -> dict[str, Any]:
    row = _email_to(world, person)
    happen(world, row, "opened")
    return {"email_id": row["id"]}


def _click(world: World, person: Person, body: dict[str, Any]) -> dict[str, Any]:
    row = _email_to(world, person)
    link = str(body.get("link") or "https://app.example/")
    click = {
        "ipAddress": "192.0.2.7",
        "link": link,
        "timestamp": iso_ms(utc_now()),
        "userAgent": "Mozilla/5.0",
    }
    happen(world, row, "clicked", click=click)
    return {"email_id": row["id"], "link": link}


def _complain(world: World, person: Person, body: dict[str, Any]) -> dict[str, Any]:
    row = _email_to(world, person)
    happen(world, row, "complained")
    return {"email_id": row["id"]}


ACTIONS = {"open": _open, "click": _click, "complain": _complain}


def active_people(world: World, limit: int) -> list[str]:
    """Whom e-mails went to, latest first."""
    rows = world.store.all(
        "SELECT recipient, MAX(seq) AS latest FROM resend_emails GROUP BY recipient ORDER BY latest DESC LIMIT ?",
        limit,
    )
    return [row["recipient"] for row in rows]


def last_contact(world: World, person: Person) -> float:
    """Sandbox time of the latest e-mail to a person, 0 for none."""
    return float(
        world.store.value("SELECT MAX(happened) FROM resend_emails WHERE recipient = ?", person.slug) or 0
    )


def summary(world: World, person: Person) -> list[dict[str, Any]]:
    """The e-mails that Resend has for a person."""
    rows = world.store.all(
        "SELECT * FROM resend_emails WHERE recipient = ? ORDER BY seq DESC LIMIT 10", person.slug
    )
    if not rows:
        return []
    return [
        {
            "account_id": "resend",
            "account_name": "Resend",
            "state": rows[0]["last_event"],
            "messages": [
                {
                    "from": "seat",
                    "text": json.loads(row["request"])["subject"],
                    "seen": row["last_event"] == "opened",
                }
                for row in reversed(rows)
            ],
            "will": [],
            "actions": [
                {"name": "open", "label": "Open"},
                {"name": "click", "label": "Click"},
                {"name": "complain", "label": "Complain"},
            ],
        }
    ]
