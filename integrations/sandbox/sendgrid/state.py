"""What SendGrid keeps: senders, messages, webhooks with their keys, suppressions."""

from __future__ import annotations

import json
import secrets
from typing import Any

from integrations.sandbox.clock import iso_ms, utc_now
from integrations.sandbox.store import Row
from integrations.sandbox.world import World

SCHEMA = """
CREATE TABLE IF NOT EXISTS sendgrid_identities (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    from_email TEXT UNIQUE NOT NULL,
    body TEXT NOT NULL,
    verified INTEGER NOT NULL DEFAULT 0,
    locked INTEGER NOT NULL DEFAULT 0,
    token TEXT NOT NULL,
    mails_sent INTEGER NOT NULL DEFAULT 1
);
CREATE TABLE IF NOT EXISTS sendgrid_domains (
    id INTEGER PRIMARY KEY AUTOINCREMENT, domain TEXT UNIQUE NOT NULL, valid INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS sendgrid_pools (name TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS sendgrid_messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    vendor_id TEXT NOT NULL,
    rfc_id TEXT NOT NULL,
    recipient TEXT NOT NULL,
    from_email TEXT NOT NULL,
    from_name TEXT NOT NULL,
    reply_to TEXT NOT NULL,
    subject TEXT NOT NULL,
    text TEXT NOT NULL,
    html TEXT NOT NULL,
    headers TEXT NOT NULL,
    args TEXT NOT NULL,
    categories TEXT NOT NULL,
    tracks_opens INTEGER NOT NULL,
    tracks_clicks INTEGER NOT NULL,
    pool TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'processed',
    opens INTEGER NOT NULL DEFAULT 0,
    clicks INTEGER NOT NULL DEFAULT 0,
    sent REAL NOT NULL,
    at TEXT NOT NULL,
    last_event_at TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS sendgrid_by_recipient ON sendgrid_messages (recipient, id);
CREATE TABLE IF NOT EXISTS sendgrid_replies (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    message INTEGER NOT NULL,
    rfc_id TEXT NOT NULL,
    text TEXT NOT NULL,
    at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS sendgrid_suppressions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    email TEXT NOT NULL,
    reason TEXT NOT NULL,
    status TEXT NOT NULL,
    created INTEGER NOT NULL,
    UNIQUE (kind, email)
);
CREATE TABLE IF NOT EXISTS sendgrid_waiting (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, body TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS sendgrid_event_webhooks (
    id TEXT PRIMARY KEY, body TEXT NOT NULL, key TEXT NOT NULL DEFAULT ''
);
CREATE TABLE IF NOT EXISTS sendgrid_parse_webhooks (
    hostname TEXT PRIMARY KEY, url TEXT NOT NULL, send_raw INTEGER NOT NULL, spam_check INTEGER NOT NULL,
    policy TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS sendgrid_policy_webhooks (id TEXT PRIMARY KEY, name TEXT NOT NULL, key TEXT NOT NULL);
"""
TABLES = (
    "sendgrid_replies", "sendgrid_messages", "sendgrid_identities", "sendgrid_domains", "sendgrid_pools",
    "sendgrid_suppressions", "sendgrid_waiting", "sendgrid_event_webhooks", "sendgrid_parse_webhooks",
    "sendgrid_policy_webhooks",
)  # fmt: skip

#: Suppressions that stop later mail, and the reason of the drop. Blocks do not.
DROP_REASONS = {
    "unsubscribes": "Unsubscribed Address",
    "bounces": "Bounced Address",
    "spam_reports": "Spam Reporting Address",
    "invalid_emails": "Invalid",
}


def token(length: int = 22) -> str:
    """A random URL-safe id."""
    return secrets.token_urlsafe(length)[:length]


def unix_now() -> int:
    """Real time in Unix seconds, as the API reports it."""
    return int(utc_now().timestamp())


def may_send(world: World, address: str) -> bool:
    """Whether the address, or its whole domain, is proven."""
    row = world.store.one("SELECT * FROM sendgrid_identities WHERE from_email = ?", address)
    if row is not None and row["verified"] and not row["locked"]:
        return True
    domain = address.rpartition("@")[2]
    return bool(world.store.value("SELECT 1 FROM sendgrid_domains WHERE domain = ? AND valid = 1", domain))


def suppress(world: World, kind: str, email: str, reason: str = "", status: str = "") -> None:
    """Put an address on one of the lists; once is enough."""
    world.store.run(
        "INSERT INTO sendgrid_suppressions (kind, email, reason, status, created) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (kind, email) DO NOTHING",
        kind,
        email.lower(),
        reason,
        status,
        unix_now(),
    )


def drop_reason(world: World, email: str) -> str:
    """Why mail to an address is dropped, ``""`` if it is not."""
    rows = world.store.all("SELECT kind FROM sendgrid_suppressions WHERE email = ? ORDER BY id", email)
    return next((DROP_REASONS[row["kind"]] for row in rows if row["kind"] in DROP_REASONS), "")


def message(world: World, message_id: int) -> Row | None:
    """A message by its number."""
    return world.store.one("SELECT * FROM sendgrid_messages WHERE id = ?", message_id)


def latest_to(world: World, recipient: str) -> Row | None:
    """The newest message to an address."""
    return world.store.one(
        "SELECT * FROM sendgrid_messages WHERE recipient = ? ORDER BY id DESC LIMIT 1", recipient
    )


def note(world: World, row: Row, **columns: Any) -> None:
    """Change a message and the time of its last event."""
    columns["last_event_at"] = iso_ms(utc_now())
    names = ", ".join(f"{name} = ?" for name in columns)
    world.store.run(
        f"UPDATE sendgrid_messages SET {names} WHERE id = ?",  # noqa: S608 - names are literals of ours
        *columns.values(),
        row["id"],
    )


def headers_of(row: Row) -> dict[str, str]:
    """The headers that the sender gave, names in lower case."""
    return {name.lower(): value for name, value in json.loads(row["headers"]).items()}
