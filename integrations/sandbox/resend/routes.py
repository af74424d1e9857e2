"""Resend's API as far as the product uses it, mounted at ``/resend`` (docs/providers/resend.md)."""

from __future__ import annotations

import hashlib
import json
from email.utils import parseaddr
from typing import Any

from starlette.routing import BaseRoute, Mount, Route

from integrations.sandbox.clock import DAY
from integrations.sandbox.gateway import Answer, Call, Gateway, Handler
from integrations.sandbox.resend import happenings, state
from integrations.sandbox.resend.state import fault_answer, refusal
from integrations.sandbox.world import Provider, World

#: The one domain that is not proven; everything else may send.
_UNVERIFIED = "unverified.example"
_MAX_TAG = 256


def _authenticate(world: World, call: Call) -> None:
    """A named client and a known key (403 code 1010 without a name, as their network answers)."""
    if not call.headers.get("user-agent"):
        raise refusal("validation_error", "error code: 1010", status=403)
    scheme, _, key = call.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key:
        raise refusal("missing_api_key")
    if key not in world.settings["api_keys"]:
        raise refusal("invalid_api_key")


def _checked(call: Call) -> tuple[dict[str, Any], str]:
    """The request of an e-mail and its recipient, if it is one that can be sent."""
    body = call.json
    if call.malformed or not isinstance(body, dict):
        raise refusal("validation_error", "The body is not a JSON object", status=400)
    for name in ("from", "to", "subject"):
        if not body.get(name):
            raise refusal("missing_required_field", f"Missing `{name}` field.")
    if not body.get("html") and not body.get("text"):
        raise refusal("missing_required_field", "Missing `html` or `text` field.")
    to = [body["to"]] if isinstance(body["to"], str) else body["to"]
    recipient = parseaddr(to[0])[1].lower()
    sender = parseaddr(body["from"])[1].lower()
    if "@" not in recipient or "@" not in sender:
        raise refusal("validation_error", "Invalid `to` or `from` field.")
    if sender.endswith(f"@{_UNVERIFIED}"):
        raise refusal("validation_error", f"The {_UNVERIFIED} domain is not verified.", status=403)
    for tag in body.get("tags") or []:
        letters = f"{tag['name']}{tag['value']}".replace("_", "").replace("-", "")
        if not (letters.isascii() and letters.isalnum()) or len(letters) > 2 * _MAX_TAG:
            raise refusal("validation_error", "Tags should only contain ASCII letters, numbers, _ and -.")
    if any(not isinstance(value, str) for value in (body.get("headers") or {}).values()):
        raise refusal("validation_error", "Header values must be strings.")
    return body, recipient


def _send(world: World, call: Call) -> Answer:
    body, recipient = _checked(call)
    key = call.headers.get("idempotency-key", "")
    payload = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
    world.store.run("DELETE FROM resend_keys WHERE at < ?", world.clock.now() - DAY)
    known = world.store.one("SELECT * FROM resend_keys WHERE key = ?", key) if key else None
    if known is not None:
        if known["payload"] != payload:
            raise refusal("invalid_idempotent_request")
        return Answer({"id": known["email_id"]})
    row = state.add_email(world, body, recipient)
    if key:
        world.store.insert("resend_keys", key=key, payload=payload, email_id=row["id"], at=world.clock.now())
    call.wrote("email", id=row["id"], to=recipient, subject=body["subject"], text=body.get("text"))
    happenings.on_sent(world, row)
    return Answer({"id": row["id"]})


def _email(world: World, call: Call) -> Answer:
    row = state.email(world, call.parameters["email_id"])
    if row is None:
        raise refusal("not_found", "Email not found")
    return Answer(state.shape(row, full=True))


def _emails(world: World, call: Call) -> Answer:
    """Newest first; ``after`` is the id of the last one seen."""
    limit = min(100, int((call.query.get("limit") or ["20"])[-1]))
    after = (call.query.get("after") or [""])[-1]
    last = state.email(world, after) if after else None
    rows = world.store.all(
        "SELECT * FROM resend_emails WHERE ?1 = 0 OR seq < ?1 ORDER BY seq DESC LIMIT ?2",
        last["seq"] if last else 0,
        limit + 1,
    )
    data = [state.shape(row, full=False) for row in rows[:limit]]
    return Answer({"object": "list", "has_more": len(rows) > limit, "data": data})


def _domains(world: World, call: Call) -> Answer:
    domain = {
        "id": "d91cd9bd-1176-453e-8fc1-35364d380206",
        "name": "mail.sandbox.example",
        "status": "verified",
    }
    return Answer({"object": "list", "has_more": False, "data": [domain]})


def _add_webhook(world: World, call: Call) -> Answer:
    body = call.json if isinstance(call.json, dict) else {}
    endpoint, events = body.get("endpoint"), body.get("events")
    if not isinstance(endpoint, str) or not isinstance(events, list):
        raise refusal("missing_required_field", "Missing `endpoint` or `events` field.")
    row = state.add_webhook(world, endpoint, [str(event) for event in events])
    call.wrote("webhook", id=row["id"], endpoint=endpoint)
    return Answer({"object": "webhook", "id": row["id"], "signing_secret": row["secret"]}, 201)


def _webhooks(world: World, call: Call) -> Answer:
    rows = world.store.all("SELECT id, endpoint, events FROM resend_webhooks")
    data = [
        {"id": row["id"], "endpoint": row["endpoint"], "events": json.loads(row["events"]), "status": "enabled"}
        for row in rows
    ]  # fmt: skip
    return Answer({"object": "list", "has_more": False, "data": data})


def _drop_webhook(world: World, call: Call) -> Answer:
    if not world.store.run("DELETE FROM resend_webhooks WHERE id = ?", call.parameters["webhook_id"]):
        raise refusal("not_found", "Webhook not found")
    return Answer({"object": "webhook", "id": call.parameters["webhook_id"], "deleted": True})


def _unknown(world: World, call: Call) -> Answer:
    raise refusal("not_found")


_ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("POST", "/emails", _send),
    ("GET", "/emails", _emails),
    ("GET", "/emails/{email_id}", _email),
    ("GET", "/domains", _domains),
    ("POST", "/webhooks", _add_webhook),
    ("GET", "/webhooks", _webhooks),
    ("DELETE", "/webhooks/{webhook_id}", _drop_webhook),
)


def _routes(world: World) -> list[BaseRoute]:
    gateway = Gateway(world, "resend", "/resend", _authenticate, fault_answer)
    found: list[BaseRoute] = [
        Route(path, gateway.endpoint(handler), methods=[method]) for method, path, handler in _ROUTES
    ]
    found.append(
        Route("/{rest:path}", gateway.endpoint(_unknown), methods=["GET", "POST", "PATCH", "DELETE"])
    )
    return [Mount("/resend", routes=found)]


def _summary(world: World) -> dict[str, Any]:
    hooks = world.store.all("SELECT id, endpoint FROM resend_webhooks")
    return {
        "emails": world.store.value("SELECT COUNT(*) FROM resend_emails"),
        "webhooks": [dict(row) for row in hooks],
    }


RESEND = Provider(
    name="resend",
    schema=state.SCHEMA,
    tables=state.TABLES,
    routes=_routes,
    control_routes=lambda world: [],
    agenda=happenings.AGENDA,
    actions=happenings.ACTIONS,
    variants=happenings.VARIANTS,
    summary=_summary,
    person_summary=happenings.summary,
    active_people=happenings.active_people,
    seed=lambda world, name: None,
    channel="email",
    last_contact=happenings.last_contact,
    sign=happenings.sign_delivery,
)
