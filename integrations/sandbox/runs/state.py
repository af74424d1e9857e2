"""Accounts, campaigns, steps, leads, messages and webhooks of the providers that run campaigns.

``p`` is the provider. Statuses are kept in plain words (``CAMPAIGN_STATES``, ``MEMBER_STATES``); each provider has
its own names for them.
"""

from __future__ import annotations

import json
import secrets
from typing import Any

from integrations.sandbox.clock import iso_ms, utc_now
from integrations.sandbox.people import clean_slug
from integrations.sandbox.store import Row
from integrations.sandbox.world import World

CAMPAIGN_STATES = ("draft", "starting", "running", "paused", "stopped", "completed", "archived")
MEMBER_STATES = ("pending", "in_progress", "paused", "replied", "completed", "stopped", "blocked")
#: Members that are still to get something.
ACTIVE = ("pending", "in_progress")

SCHEMA = """
CREATE TABLE IF NOT EXISTS runs_accounts (
    id INTEGER PRIMARY KEY AUTOINCREMENT, p TEXT NOT NULL, address TEXT NOT NULL, name TEXT NOT NULL,
    ok INTEGER NOT NULL DEFAULT 1, created_at TEXT NOT NULL, UNIQUE (p, address)
);
CREATE TABLE IF NOT EXISTS runs_campaigns (
    id INTEGER PRIMARY KEY AUTOINCREMENT, p TEXT NOT NULL, name TEXT NOT NULL, status TEXT NOT NULL,
    settings TEXT NOT NULL DEFAULT '{}', schedule TEXT NOT NULL DEFAULT '{}', list_id INTEGER,
    created_at TEXT NOT NULL, updated_at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS runs_campaign_accounts (
    campaign_id INTEGER NOT NULL, account_id INTEGER NOT NULL, PRIMARY KEY (campaign_id, account_id)
);
CREATE TABLE IF NOT EXISTS runs_steps (
    id INTEGER PRIMARY KEY AUTOINCREMENT, campaign_id INTEGER NOT NULL, number INTEGER NOT NULL, kind TEXT NOT NULL,
    wait REAL NOT NULL, subject TEXT NOT NULL DEFAULT '', body TEXT NOT NULL DEFAULT '', shape TEXT NOT NULL DEFAULT '{}'
);
CREATE INDEX IF NOT EXISTS runs_steps_campaign ON runs_steps (campaign_id, number);
CREATE TABLE IF NOT EXISTS runs_leads (
    id INTEGER PRIMARY KEY AUTOINCREMENT, p TEXT NOT NULL, slug TEXT NOT NULL, fields TEXT NOT NULL,
    unsubscribed INTEGER NOT NULL DEFAULT 0, created_at TEXT NOT NULL, UNIQUE (p, slug)
);
CREATE TABLE IF NOT EXISTS runs_members (
    id INTEGER PRIMARY KEY AUTOINCREMENT, campaign_id INTEGER NOT NULL, lead_id INTEGER NOT NULL, status TEXT NOT NULL,
    account_id INTEGER, step INTEGER NOT NULL DEFAULT 0, category TEXT NOT NULL DEFAULT '', invited INTEGER NOT NULL DEFAULT 0,
    connected INTEGER NOT NULL DEFAULT 0, reason TEXT NOT NULL DEFAULT '', created_at TEXT NOT NULL,
    last_at TEXT, UNIQUE (campaign_id, lead_id)
);
CREATE TABLE IF NOT EXISTS runs_messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT, p TEXT NOT NULL, campaign_id INTEGER, lead_id INTEGER NOT NULL,
    account_id INTEGER NOT NULL, inbound INTEGER NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL DEFAULT '',
    body TEXT NOT NULL DEFAULT '', step INTEGER, message_id TEXT NOT NULL, thread TEXT NOT NULL,
    answers INTEGER, opens INTEGER NOT NULL DEFAULT 0, clicks INTEGER NOT NULL DEFAULT 0,
    bounced INTEGER NOT NULL DEFAULT 0, automated INTEGER NOT NULL DEFAULT 0, read INTEGER NOT NULL DEFAULT 0,
    sent_at TEXT NOT NULL, happened REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS runs_messages_lead ON runs_messages (lead_id, campaign_id, id);
CREATE TABLE IF NOT EXISTS runs_lists (id INTEGER PRIMARY KEY AUTOINCREMENT, p TEXT NOT NULL, name TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS runs_webhooks (
    id INTEGER PRIMARY KEY AUTOINCREMENT, p TEXT NOT NULL, campaign_id INTEGER, url TEXT NOT NULL, name TEXT NOT NULL,
    events TEXT NOT NULL, enabled INTEGER NOT NULL DEFAULT 1
);
"""  # noqa: E501 - one column after the other

#: Emptied on reset in this order; shared by the three providers.
TABLES = (
    "runs_messages", "runs_members", "runs_leads", "runs_steps", "runs_campaign_accounts", "runs_campaigns",
    "runs_lists", "runs_webhooks", "runs_accounts",
)  # fmt: skip


def stamp() -> str:
    """The present moment, as the APIs report it."""
    return iso_ms(utc_now())


def add_account(world: World, p: str, address: str, name: str) -> Row:
    """Connect a mailbox or seat."""
    number = world.store.insert("runs_accounts", p=p, address=address.lower(), name=name, created_at=stamp())
    return must(account(world, p, number))


def account(world: World, p: str, identifier: object) -> Row | None:
    """An account by its number or address."""
    return world.store.one(
        "SELECT * FROM runs_accounts WHERE p = ?1 AND (CAST(id AS TEXT) = ?2 OR address = ?2)",
        p, str(identifier).lower(),
    )  # fmt: skip


def accounts(world: World, p: str) -> list[Row]:
    """All accounts of a provider."""
    return world.store.all("SELECT * FROM runs_accounts WHERE p = ? ORDER BY id", p)


def add_campaign(world: World, p: str, name: str, **columns: Any) -> Row:
    """Make a draft."""
    at = stamp()
    columns = {"status": "draft", "created_at": at, "updated_at": at, **columns}
    return must(campaign(world, p, world.store.insert("runs_campaigns", p=p, name=name, **columns)))


def campaign(world: World, p: str, identifier: object) -> Row | None:
    """A campaign by its number."""
    return world.store.one(
        "SELECT * FROM runs_campaigns WHERE p = ? AND CAST(id AS TEXT) = ?", p, str(identifier)
    )


def campaigns(world: World, p: str) -> list[Row]:
    """All campaigns, newest first."""
    return world.store.all("SELECT * FROM runs_campaigns WHERE p = ? ORDER BY id DESC", p)


def change_campaign(world: World, row: Row, **columns: Any) -> Row:
    """Change a campaign's columns."""
    columns["updated_at"] = stamp()
    names = ", ".join(f"{name} = ?" for name in columns)
    world.store.run(f"UPDATE runs_campaigns SET {names} WHERE id = ?", *columns.values(), row["id"])  # noqa: S608 - names are literals of ours
    return must(campaign(world, row["p"], row["id"]))


def campaign_accounts(world: World, campaign_id: int) -> list[Row]:
    """The accounts that a campaign sends from."""
    return world.store.all(
        "SELECT a.* FROM runs_accounts a JOIN runs_campaign_accounts c ON c.account_id = a.id"
        " WHERE c.campaign_id = ? ORDER BY a.id",
        campaign_id,
    )


def attach(world: World, campaign_id: int, account_ids: list[int]) -> None:
    """Add accounts to a campaign."""
    for number in account_ids:
        world.store.run("INSERT OR IGNORE INTO runs_campaign_accounts VALUES (?, ?)", campaign_id, number)


def detach(world: World, campaign_id: int, account_ids: list[int]) -> None:
    """Take accounts away from a campaign."""
    for number in account_ids:
        world.store.run(
            "DELETE FROM runs_campaign_accounts WHERE campaign_id = ? AND account_id = ?", campaign_id, number
        )


def steps(world: World, campaign_id: int) -> list[Row]:
    """The steps of a campaign, in order."""
    return world.store.all("SELECT * FROM runs_steps WHERE campaign_id = ? ORDER BY number, id", campaign_id)


def add_step(
    world: World, campaign_id: int, number: int, kind: str, *, wait: float, subject: str = "", body: str = "",
    shape: dict[str, Any] | None = None,
) -> None:  # fmt: skip
    """Append a step; ``wait`` is in sandbox seconds since the one before."""
    world.store.insert(
        "runs_steps", campaign_id=campaign_id, number=number, kind=kind, wait=wait, subject=subject, body=body,
        shape=json.dumps(shape or {}),
    )  # fmt: skip


def forget_steps(world: World, campaign_id: int) -> None:
    """Remove all steps."""
    world.store.run("DELETE FROM runs_steps WHERE campaign_id = ?", campaign_id)


def put_lead(world: World, p: str, identifier: str, fields: dict[str, Any]) -> tuple[Row, bool]:
    """The lead behind an address or profile, made or updated; and whether it is new."""
    slug = clean_slug(identifier)
    world.people.meet(slug)
    found = world.store.one("SELECT * FROM runs_leads WHERE p = ? AND slug = ?", p, slug)
    if found is None:
        number = world.store.insert(
            "runs_leads", p=p, slug=slug, fields=json.dumps(fields), created_at=stamp()
        )
        return must(lead(world, p, number)), True
    merged = json.loads(found["fields"]) | fields
    world.store.run("UPDATE runs_leads SET fields = ? WHERE id = ?", json.dumps(merged), found["id"])
    return must(lead(world, p, found["id"])), False


def as_number(identifier: object) -> int | None:
    """The number that an identifier of a path spells out, ``None`` if it is none: columns of numbers have indexes."""
    text = str(identifier)
    return int(text) if text.isdecimal() and len(text) <= 18 else None


def lead(world: World, p: str, identifier: object) -> Row | None:
    """A lead by its number or slug."""
    return world.store.one(
        "SELECT * FROM runs_leads WHERE p = ?1 AND (id = ?2 OR slug = ?3)",
        p,
        as_number(identifier),
        str(identifier),
    )


def add_member(world: World, campaign_id: int, lead_id: int, account_id: int | None) -> Row | None:
    """Put a lead into a campaign; ``None`` if it is in it already."""
    before = member(world, campaign_id, lead_id)
    if before is not None:
        return None
    world.store.insert(
        "runs_members", campaign_id=campaign_id, lead_id=lead_id, status="pending", account_id=account_id,
        created_at=stamp(),
    )  # fmt: skip
    return member(world, campaign_id, lead_id)


def member(world: World, campaign_id: object, lead_id: object) -> Row | None:
    """A lead's membership of a campaign."""
    return world.store.one(
        "SELECT * FROM runs_members WHERE campaign_id = ? AND lead_id = ?",
        as_number(campaign_id),
        as_number(lead_id),
    )


def members(world: World, campaign_id: int) -> list[Row]:
    """The members of a campaign, oldest first."""
    return world.store.all("SELECT * FROM runs_members WHERE campaign_id = ? ORDER BY id", campaign_id)


def member_page(world: World, campaign_id: int, limit: int, offset: int) -> tuple[list[Row], int]:
    """Some members of a campaign, oldest first, and how many there are."""
    rows = world.store.all(
        "SELECT * FROM runs_members WHERE campaign_id = ? ORDER BY id LIMIT ? OFFSET ?",
        campaign_id,
        limit,
        offset,
    )
    total = world.store.value("SELECT count(*) FROM runs_members WHERE campaign_id = ?", campaign_id)
    return rows, int(total)


def change_member(world: World, row: Row, **columns: Any) -> Row:
    """Change a membership's columns."""
    names = ", ".join(f"{name} = ?" for name in columns)
    world.store.run(f"UPDATE runs_members SET {names} WHERE id = ?", *columns.values(), row["id"])  # noqa: S608 - names are literals of ours
    return must(world.store.one("SELECT * FROM runs_members WHERE id = ?", row["id"]))


def add_message(world: World, p: str, **columns: Any) -> Row:
    """Record a message that was just written."""
    token = secrets.token_hex(8)
    columns = {
        "p": p, "message_id": f"<{token}@mail.sandbox.test>", "thread": f"st-{token}", "sent_at": stamp(),
        "happened": world.clock.now(), **columns,
    }  # fmt: skip
    number = world.store.insert("runs_messages", **columns)
    return must(message(world, p, number))


def message(world: World, p: str, identifier: object) -> Row | None:
    """A message by its number, Message-ID or thread (then the first)."""
    return world.store.one(
        "SELECT * FROM runs_messages WHERE p = ?1 AND ?2 IN (CAST(id AS TEXT), message_id, thread) ORDER BY id",
        p, str(identifier),
    )  # fmt: skip


def messages(
    world: World, p: str, *, campaign_id: int | None = None, lead_id: int | None = None
) -> list[Row]:
    """Messages, oldest first, of one campaign, lead or both."""
    return world.store.all(
        "SELECT * FROM runs_messages WHERE p = ?1 AND (?2 IS NULL OR campaign_id = ?2)"
        " AND (?3 IS NULL OR lead_id = ?3) ORDER BY id",
        p, campaign_id, lead_id,
    )  # fmt: skip


def last_sent(world: World, p: str, lead_id: int, campaign_id: int | None = None) -> Row | None:
    """The newest message of ours to a lead."""
    found = [
        row for row in messages(world, p, lead_id=lead_id, campaign_id=campaign_id) if not row["inbound"]
    ]
    return found[-1] if found else None


def hooks(world: World, p: str, campaign_id: int | None = None) -> list[Row]:
    """The webhooks of a provider, or of one campaign."""
    return world.store.all(
        "SELECT * FROM runs_webhooks WHERE p = ?1 AND (?2 IS NULL OR campaign_id = ?2) ORDER BY id",
        p,
        campaign_id,
    )


def fields_of(row: Row) -> dict[str, Any]:
    """What was said of a lead when it was added."""
    found: dict[str, Any] = json.loads(row["fields"])
    return found


def must(row: Row | None) -> Row:
    """A row that has to be there."""
    assert row is not None
    return row
