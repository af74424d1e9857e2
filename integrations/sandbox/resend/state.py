"""What Resend knows: tables of e-mails, idempotency keys and webhooks; its error envelope."""

from __future__ import annotations

import base64
import json
import secrets
import uuid
from typing import Any

from integrations.sandbox.clock import iso_ms, utc_now
from integrations.sandbox.faults import Fault
from integrations.sandbox.gateway import Answer, Refusal
from integrations.sandbox.store import Row
from integrations.sandbox.world import World

SCHEMA = """
CREATE TABLE IF NOT EXISTS resend_emails (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, recipient TEXT NOT NULL, request TEXT NOT NULL,
    message_id TEXT NOT NULL, last_event TEXT NOT NULL, created_at TEXT NOT NULL, happened REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS resend_keys (
    key TEXT PRIMARY KEY, payload TEXT NOT NULL, email_id TEXT NOT NULL, at REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS resend_webhooks (
    id TEXT PRIMARY KEY, endpoint TEXT NOT NULL, events TEXT NOT NULL, secret TEXT NOT NULL
);
"""

#: Emptied on reset in this order.
TABLES = ("resend_keys", "resend_emails", "resend_webhooks")

#: Name -> (status, message).
ERRORS: dict[str, tuple[int, str]] = {
    "missing_api_key": (401, "Missing API key in the authorization header"),
    "restricted_api_key": (401, "This API key is restricted to only send emails"),
    "invalid_api_key": (403, "API key is invalid"),
    "validation_error": (422, "The request is not valid"),
    "missing_required_field": (422, "A required field is missing"),
    "not_found": (404, "The requested endpoint does not exist"),
    "invalid_idempotent_request": (409, "This idempotency key has been used with a different payload"),
    "concurrent_idempotent_requests": (409, "The same idempotency key is being processed"),
    "rate_limit_exceeded": (429, "Too many requests"),
    "daily_quota_exceeded": (429, "You have reached your daily email sending quota"),
    "application_error": (500, "An unexpected error occurred"),
}
_BY_STATUS = {400: "validation_error", 401: "missing_api_key", 403: "invalid_api_key", 404: "not_found",
              409: "concurrent_idempotent_requests", 422: "validation_error", 429: "rate_limit_exceeded"}  # fmt: skip


def refusal(name: str, message: str = "", *, status: int = 0) -> Refusal:
    """The exception that answers with the error ``name``."""
    usual_status, usual = ERRORS.get(name, (422, name.replace("_", " ")))
    code = status or usual_status
    return Refusal(Answer({"statusCode": code, "name": name, "message": message or usual}, code))


def fault_answer(fault: Fault, path: str) -> Answer:
    """The error that an injected ``status`` fault answers."""
    name = fault.type or _BY_STATUS.get(fault.status, "application_error")
    message = fault.detail or ERRORS.get(name, (0, name))[1]
    headers = {"Retry-After": fault.retry_after} if fault.retry_after else {}
    return Answer({"statusCode": fault.status, "name": name, "message": message}, fault.status, headers)


def add_email(world: World, request: dict[str, Any], recipient: str) -> Row:
    """Take an e-mail; its RFC id is the sender's if they gave one."""
    email_id = str(uuid.uuid4())
    headers = request.get("headers") or {}
    world.store.insert(
        "resend_emails", id=email_id, recipient=recipient, request=json.dumps(request), last_event="queued",
        message_id=headers.get("Message-ID") or f"<{email_id}@resend.example>", created_at=iso_ms(utc_now()),
        happened=world.clock.now(),
    )  # fmt: skip
    row = email(world, email_id)
    assert row is not None
    return row


def email(world: World, email_id: str) -> Row | None:
    """An e-mail by its id."""
    return world.store.one("SELECT * FROM resend_emails WHERE id = ?", email_id)


def latest_to(world: World, recipient: str) -> Row | None:
    """The newest e-mail to somebody."""
    return world.store.one(
        "SELECT * FROM resend_emails WHERE recipient = ? ORDER BY seq DESC LIMIT 1", recipient
    )


def add_webhook(world: World, endpoint: str, events: list[str]) -> Row:
    """Subscribe; the secret is shown to whoever asks for it now."""
    identifier = str(uuid.uuid4())
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()
    world.store.insert(
        "resend_webhooks", id=identifier, endpoint=endpoint, events=json.dumps(events), secret=secret
    )
    row = world.store.one("SELECT * FROM resend_webhooks WHERE id = ?", identifier)
    assert row is not None
    return row


def shape(row: Row, *, full: bool) -> dict[str, Any]:
    """An e-mail as the API shows it; lists leave the texts out."""
    request = json.loads(row["request"])
    body = {
        "object": "email",
        "id": row["id"],
        "to": request["to"],
        "from": request["from"],
        "created_at": row["created_at"],
        "subject": request["subject"],
        "bcc": request.get("bcc"),
        "cc": request.get("cc"),
        "reply_to": request.get("reply_to"),
        "last_event": row["last_event"],
    }
    if full:
        body |= {
            "html": request.get("html"),
            "text": request.get("text"),
            "message_id": row["message_id"],
            "tags": request.get("tags", []),
        }
    return body
