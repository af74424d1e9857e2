"""What Unipile and LinkedIn know: tables of seats, relations, invitations, chats, messages, subscriptions."""

from __future__ import annotations

import json
import secrets
from typing import Any

from integrations.sandbox.clock import iso_ms, utc_now
from integrations.sandbox.people import Person, digest_id
from integrations.sandbox.store import Row
from integrations.sandbox.world import World

SCHEMA = """
CREATE TABLE IF NOT EXISTS unipile_accounts (
    id TEXT PRIMARY KEY, provider_id TEXT NOT NULL, slug TEXT NOT NULL, username TEXT NOT NULL, name TEXT NOT NULL,
    created_at TEXT NOT NULL, status TEXT NOT NULL, features TEXT NOT NULL, inmail_credits INTEGER NOT NULL,
    resync INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS unipile_links (
    token TEXT PRIMARY KEY, spec TEXT NOT NULL, used INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS unipile_checkpoints (
    account_id TEXT PRIMARY KEY, kind TEXT NOT NULL, spec TEXT NOT NULL, expires REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS unipile_relations (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id TEXT NOT NULL REFERENCES unipile_accounts (id) ON DELETE CASCADE,
    provider_id TEXT NOT NULL, since_ms INTEGER NOT NULL, UNIQUE (account_id, provider_id)
);
CREATE TABLE IF NOT EXISTS unipile_invitations (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL,
    account_id TEXT NOT NULL REFERENCES unipile_accounts (id) ON DELETE CASCADE,
    provider_id TEXT NOT NULL, direction TEXT NOT NULL, note TEXT NOT NULL, sent_at TEXT NOT NULL,
    sent_sandbox REAL NOT NULL, decided_sandbox REAL, status TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS unipile_invitations_who ON unipile_invitations (account_id, provider_id, status);
CREATE INDEX IF NOT EXISTS unipile_invitations_when ON unipile_invitations (account_id, direction, sent_sandbox);
CREATE TABLE IF NOT EXISTS unipile_attendees (
    id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES unipile_accounts (id) ON DELETE CASCADE, provider_id TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS unipile_chats (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, thread_id TEXT NOT NULL,
    account_id TEXT NOT NULL REFERENCES unipile_accounts (id) ON DELETE CASCADE,
    members TEXT NOT NULL, other TEXT, subject TEXT, content_type TEXT, at TEXT NOT NULL,
    unread INTEGER NOT NULL DEFAULT 0, synced INTEGER NOT NULL DEFAULT 1, resync INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS unipile_chats_other ON unipile_chats (account_id, other);
CREATE INDEX IF NOT EXISTS unipile_chats_when ON unipile_chats (account_id, at, seq);
CREATE TABLE IF NOT EXISTS unipile_messages (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, provider_id TEXT NOT NULL,
    chat_id TEXT NOT NULL REFERENCES unipile_chats (id) ON DELETE CASCADE, account_id TEXT NOT NULL,
    sender_id TEXT NOT NULL, is_sender INTEGER NOT NULL, text TEXT, subject TEXT, at TEXT NOT NULL,
    message_type TEXT NOT NULL, quoted_id TEXT, seen INTEGER NOT NULL DEFAULT 0, seen_at TEXT,
    delivered INTEGER NOT NULL DEFAULT 1, edited INTEGER NOT NULL DEFAULT 0, deleted INTEGER NOT NULL DEFAULT 0,
    is_event INTEGER NOT NULL DEFAULT 0, reactions TEXT NOT NULL DEFAULT '[]', synced INTEGER NOT NULL DEFAULT 1
);
CREATE INDEX IF NOT EXISTS unipile_messages_chat ON unipile_messages (chat_id, at, seq);
CREATE INDEX IF NOT EXISTS unipile_messages_when ON unipile_messages (at, seq);
CREATE TABLE IF NOT EXISTS unipile_attachments (
    id TEXT PRIMARY KEY, message_id TEXT NOT NULL REFERENCES unipile_messages (id) ON DELETE CASCADE,
    name TEXT NOT NULL, mimetype TEXT NOT NULL, size INTEGER NOT NULL, kind TEXT NOT NULL, content BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS unipile_attachments_of ON unipile_attachments (message_id);
CREATE TABLE IF NOT EXISTS unipile_missed (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id TEXT NOT NULL REFERENCES unipile_accounts (id) ON DELETE CASCADE,
    source TEXT NOT NULL, event TEXT NOT NULL, payload TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS unipile_webhooks (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, source TEXT NOT NULL, request_url TEXT NOT NULL,
    name TEXT NOT NULL, format TEXT NOT NULL, account_ids TEXT, enabled INTEGER NOT NULL, headers TEXT NOT NULL,
    data TEXT NOT NULL, events TEXT NOT NULL
);
"""

#: Emptied on reset in this order.
TABLES = (
    "unipile_missed",
    "unipile_attachments",
    "unipile_messages",
    "unipile_chats",
    "unipile_attendees",
    "unipile_invitations",
    "unipile_relations",
    "unipile_checkpoints",
    "unipile_links",
    "unipile_accounts",
    "unipile_webhooks",
)

STATUSES = ("OK", "STOPPED", "ERROR", "CREDENTIALS", "PERMISSIONS", "CONNECTING")


def token() -> str:
    """A fresh id: 22 URL-safe characters."""
    return secrets.token_urlsafe(16)


def account(world: World, account_id: str) -> Row | None:
    """A seat by id."""
    return world.store.one("SELECT * FROM unipile_accounts WHERE id = ?", account_id)


def create_account(
    world: World, *, person: Person, username: str, features: list[str], account_id: str | None = None
) -> Row:
    """Connect a seat for ``person``; its status is OK."""
    identifier = account_id or token()
    world.store.insert(
        "unipile_accounts",
        id=identifier,
        provider_id=person.provider_id,
        slug=person.slug,
        username=username,
        name=person.name,
        created_at=iso_ms(utc_now()),
        status="OK",
        features=json.dumps(features),
        inmail_credits=50,
    )
    created = account(world, identifier)
    assert created is not None
    return created


def attendee_id(world: World, account_id: str, provider_id: str) -> str:
    """Unipile's own id of a person as seen by a seat; the pair is remembered so that the id can be looked up."""
    identifier = digest_id("", f"attendee|{account_id}|{provider_id}", 22)
    world.store.run(
        "INSERT OR IGNORE INTO unipile_attendees (id, account_id, provider_id) VALUES (?, ?, ?)",
        identifier,
        account_id,
        provider_id,
    )
    return identifier


def is_related(world: World, account_id: str, provider_id: str) -> bool:
    """Whether the person is a first-degree connection of the seat."""
    return bool(
        world.store.value(
            "SELECT 1 FROM unipile_relations WHERE account_id = ? AND provider_id = ?",
            account_id,
            provider_id,
        )
    )


def relate(world: World, account_id: str, provider_id: str, since_ms: int | None = None) -> bool:
    """Connect a seat and a person; false if they were connected already."""
    since = since_ms or int(utc_now().timestamp() * 1000)
    return bool(
        world.store.run(
            "INSERT OR IGNORE INTO unipile_relations (account_id, provider_id, since_ms) VALUES (?, ?, ?)",
            account_id,
            provider_id,
            since,
        )
    )


def invitation(world: World, account_id: str, provider_id: str, direction: str = "SENT") -> Row | None:
    """The newest invitation between a seat and a person."""
    return world.store.one(
        "SELECT * FROM unipile_invitations WHERE account_id = ? AND provider_id = ? AND direction = ?"
        " ORDER BY seq DESC LIMIT 1",
        account_id,
        provider_id,
        direction,
    )


def add_invitation(
    world: World, *, account_id: str, provider_id: str, direction: str, note: str, at: float
) -> str:
    """Record a pending invitation sent at sandbox time ``at``; returns its id."""
    identifier = str(7_200_000_000_000_000_000 + secrets.randbelow(10**17))
    world.store.insert(
        "unipile_invitations",
        id=identifier,
        account_id=account_id,
        provider_id=provider_id,
        direction=direction,
        note=note,
        sent_at=iso_ms(utc_now()),
        sent_sandbox=at,
        status="PENDING",
    )
    return identifier


def decide_invitation(world: World, invitation_id: str, status: str, at: float) -> None:
    """Close a pending invitation: ACCEPTED, IGNORED or WITHDRAWN at sandbox time ``at``."""
    world.store.run(
        "UPDATE unipile_invitations SET status = ?, decided_sandbox = ? WHERE id = ? AND status = 'PENDING'",
        status,
        at,
        invitation_id,
    )


def chat_between(world: World, account_id: str, provider_id: str) -> Row | None:
    """The newest 1:1 chat of a seat with a person."""
    return world.store.one(
        "SELECT * FROM unipile_chats WHERE account_id = ? AND other = ? ORDER BY seq DESC LIMIT 1",
        account_id,
        provider_id,
    )


def create_chat(
    world: World,
    seat: Row,
    members: list[str],
    *,
    subject: str | None = None,
    content_type: str | None = None,
) -> Row:
    """Open a chat of a seat with the people ``members`` (provider ids)."""
    identifier = token()
    world.store.insert(
        "unipile_chats",
        id=identifier,
        thread_id=f"2-{token()}==",
        account_id=seat["id"],
        members=json.dumps(members),
        other=members[0] if len(members) == 1 else None,
        subject=subject,
        content_type=content_type,
        at=iso_ms(utc_now()),
        synced=int(seat["status"] == "OK"),
    )
    for provider_id in (*members, seat["provider_id"]):
        attendee_id(world, seat["id"], provider_id)
    return chat(world, identifier)


def chat(world: World, chat_id: str) -> Row:
    """A chat that is known to exist."""
    row = world.store.one("SELECT * FROM unipile_chats WHERE id = ?", chat_id)
    assert row is not None
    return row


def message(world: World, message_id: str) -> Row | None:
    """A message by Unipile id."""
    return world.store.one("SELECT * FROM unipile_messages WHERE id = ?", message_id)


def add_message(
    world: World,
    seat: Row,
    chat_row: Row,
    *,
    sender_id: str,
    text: str,
    message_type: str = "MESSAGE",
    subject: str | None = None,
    quoted_id: str | None = None,
    is_event: bool = False,
    at: str | None = None,
) -> Row:
    """Append a message. While the seat is not OK it stays invisible to the API until the reconnect."""
    identifier, moment = token(), at or iso_ms(utc_now())
    is_sender = int(sender_id == seat["provider_id"])
    world.store.insert(
        "unipile_messages",
        id=identifier,
        provider_id=f"2-{token()}==",
        chat_id=chat_row["id"],
        account_id=seat["id"],
        sender_id=sender_id,
        is_sender=is_sender,
        text=text,
        subject=subject,
        at=moment,
        message_type=message_type,
        quoted_id=quoted_id,
        is_event=int(is_event),
        synced=int(seat["status"] == "OK"),
    )
    world.store.run(
        "UPDATE unipile_chats SET at = MAX(at, ?), unread = CASE WHEN ? THEN 0 ELSE unread + 1 END WHERE id = ?",
        moment,
        is_sender,
        chat_row["id"],
    )
    added = message(world, identifier)
    assert added is not None
    return added


def add_attachment(
    world: World, message_id: str, *, name: str, mimetype: str, content: bytes, voice: bool
) -> Row:
    """Attach a file to a message."""
    identifier = token()
    top = "audio" if voice else mimetype.split("/", 1)[0]
    world.store.insert(
        "unipile_attachments",
        id=identifier,
        message_id=message_id,
        name=name,
        mimetype=mimetype,
        size=len(content),
        kind={"image": "img", "video": "video", "audio": "audio"}.get(top, "file"),
        content=content,
    )
    row = world.store.one("SELECT * FROM unipile_attachments WHERE id = ?", identifier)
    assert row is not None
    return row


def attachments(world: World, message_id: str) -> list[Row]:
    """The files of a message, without their bytes."""
    return world.store.all(
        "SELECT id, message_id, name, mimetype, size, kind FROM unipile_attachments WHERE message_id = ?",
        message_id,
    )


def invites_since(world: World, account_id: str, since: float) -> int:
    """How many invitations a seat sent after a sandbox time (withdrawn ones count, as at LinkedIn)."""
    return int(
        world.store.value(
            "SELECT COUNT(*) FROM unipile_invitations"
            " WHERE account_id = ? AND direction = 'SENT' AND sent_sandbox > ?",
            account_id,
            since,
        )
    )


def notes_since(world: World, account_id: str, since: float) -> int:
    """How many of a seat's invitations after a sandbox time had a note."""
    return int(
        world.store.value(
            "SELECT COUNT(*) FROM unipile_invitations"
            " WHERE account_id = ? AND direction = 'SENT' AND note <> '' AND sent_sandbox > ?",
            account_id,
            since,
        )
    )


def features(seat: Row) -> list[str]:
    """The premium features of a seat: ``premium``, ``sales_navigator``, ``recruiter``."""
    found: list[Any] = json.loads(seat["features"])
    return [str(item) for item in found]
