"""Mailboxes, the mail that lies in them, and what was handed over by SMTP."""

from __future__ import annotations

import secrets
from datetime import datetime
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesHeaderParser
from email.policy import compat32
from email.utils import parseaddr
from typing import Any

from integrations.sandbox.clock import iso_ms, utc_now
from integrations.sandbox.store import Row
from integrations.sandbox.world import World

SCHEMA = """
CREATE TABLE IF NOT EXISTS mailbox_accounts (
    address TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    password TEXT NOT NULL,
    locked INTEGER NOT NULL DEFAULT 0,
    saves_sent INTEGER NOT NULL DEFAULT 0,
    sent_folder TEXT NOT NULL DEFAULT 'Sent',
    epoch INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS mailbox_mails (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    address TEXT NOT NULL,
    folder TEXT NOT NULL,
    seen INTEGER NOT NULL DEFAULT 0,
    raw BLOB NOT NULL,
    at TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS mailbox_mails_folder ON mailbox_mails (address, folder, id);
CREATE TABLE IF NOT EXISTS mailbox_sent (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    address TEXT NOT NULL,
    recipient TEXT NOT NULL,
    rfc_id TEXT NOT NULL,
    subject TEXT NOT NULL,
    raw BLOB NOT NULL,
    replies INTEGER NOT NULL DEFAULT 0,
    at TEXT NOT NULL,
    sandbox_at REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS mailbox_sent_recipient ON mailbox_sent (recipient, id);
"""

TABLES = ("mailbox_sent", "mailbox_mails", "mailbox_accounts")
FOLDERS = ("INBOX", "Sent", "Drafts", "Trash", "Junk")


def account(world: World, address: str) -> Row | None:
    """The mailbox of an address, any case."""
    return world.store.one("SELECT * FROM mailbox_accounts WHERE address = ?", address.strip().lower())


def accounts(world: World) -> list[Row]:
    """All mailboxes."""
    return world.store.all("SELECT * FROM mailbox_accounts ORDER BY rowid")


def create_account(
    world: World, *, address: str, name: str, password: str, saves_sent: bool, sent_folder: str = "Sent"
) -> Row:
    """Open a mailbox."""
    world.store.insert(
        "mailbox_accounts",
        address=address.strip().lower(),
        name=name,
        password=password,
        saves_sent=int(saves_sent),
        sent_folder=sent_folder,
        epoch=_new_epoch(),
    )
    row = account(world, address)
    assert row is not None
    return row


def change_account(world: World, address: str, **changes: Any) -> None:
    """Change columns of a mailbox; their names come from this package."""
    for name, value in changes.items():
        world.store.run(
            f"UPDATE mailbox_accounts SET {name} = ? WHERE address = ?",  # noqa: S608 - names are ours
            value,
            address,
        )


def rebuild(world: World, address: str) -> None:
    """Make the folders anew, as servers do after a restore: UIDs mean other mails now (UIDVALIDITY)."""
    change_account(world, address, epoch=_new_epoch())


def _new_epoch() -> int:
    return secrets.randbelow(2**30) + 1


def put(
    world: World, address: str, folder: str, raw: bytes, *, seen: bool = False, at: datetime | None = None
) -> int:
    """Store a mail in a folder and let the IMAP server know."""
    number = world.store.insert(
        "mailbox_mails",
        address=address,
        folder=folder,
        seen=int(seen),
        raw=raw,
        at=iso_ms(at or utc_now()),
    )
    for listener in world.listeners:
        listener(address, folder)
    return number


def mails(world: World, address: str, folder: str, *, after: int = 0) -> list[Row]:
    """The mails of a folder, oldest first."""
    return world.store.all(
        "SELECT * FROM mailbox_mails WHERE address = ? AND folder = ? AND id > ? ORDER BY id",
        address,
        folder,
        after,
    )


def note_sent(world: World, address: str, recipient: str, raw: bytes) -> Row:
    """Remember an e-mail that was handed over."""
    head = headers(raw)
    number = world.store.insert(
        "mailbox_sent",
        address=address,
        recipient=recipient.lower(),
        rfc_id=str(head.get("Message-ID", "")).strip(),
        subject=subject_of(head),
        raw=raw,
        at=iso_ms(utc_now()),
        sandbox_at=world.clock.now(),
    )
    row = sent(world, number)
    assert row is not None
    return row


def sent(world: World, number: int) -> Row | None:
    """An e-mail that was handed over."""
    return world.store.one("SELECT * FROM mailbox_sent WHERE id = ?", number)


def last_sent_to(world: World, recipient: str, address: str = "") -> Row | None:
    """The latest e-mail to a person, of one mailbox if it is named."""
    return world.store.one(
        "SELECT * FROM mailbox_sent WHERE recipient = ?1 AND (?2 = '' OR address = ?2) ORDER BY id DESC LIMIT 1",
        recipient,
        address,
    )


def headers(raw: bytes) -> Message:
    """The header of a mail."""
    return BytesHeaderParser(policy=compat32).parsebytes(raw)


def subject_of(head: Message) -> str:
    """The subject, decoded."""
    return str(make_header(decode_header(str(head.get("Subject", "")))))


def reply_address(row: Row) -> str:
    """Where an answer to a sent e-mail goes."""
    head = headers(row["raw"])
    return parseaddr(str(head.get("Reply-To") or head.get("From") or ""))[1] or str(row["address"])


def describe(world: World, row: Row) -> dict[str, Any]:
    """A mailbox as the control API shows it."""
    counts = world.store.all(
        "SELECT folder, COUNT(*) AS n FROM mailbox_mails WHERE address = ? GROUP BY folder", row["address"]
    )
    return {
        "address": row["address"],
        "name": row["name"],
        "locked": bool(row["locked"]),
        "saves_sent": bool(row["saves_sent"]),
        "folders": {item["folder"]: item["n"] for item in counts},
        "sent": world.store.value("SELECT COUNT(*) FROM mailbox_sent WHERE address = ?", row["address"]),
    }
