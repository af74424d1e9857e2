"""What Twilio knows: tables of numbers, services, messages and opt-outs."""

from __future__ import annotations

import secrets
from typing import Any

from integrations.sandbox.clock import iso_ms, utc_now
from integrations.sandbox.store import Row
from integrations.sandbox.world import World

SCHEMA = """
CREATE TABLE IF NOT EXISTS twilio_services (
    sid TEXT PRIMARY KEY, name TEXT NOT NULL, inbound_url TEXT NOT NULL DEFAULT '',
    campaign_status TEXT NOT NULL DEFAULT '', brand TEXT NOT NULL DEFAULT '', created_at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS twilio_numbers (
    sid TEXT PRIMARY KEY, number TEXT UNIQUE NOT NULL, name TEXT NOT NULL, service_sid TEXT NOT NULL DEFAULT '',
    sms_url TEXT NOT NULL DEFAULT '', sms INTEGER NOT NULL DEFAULT 1, created_at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS twilio_messages (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, sid TEXT UNIQUE NOT NULL, service_sid TEXT NOT NULL DEFAULT '',
    ours TEXT NOT NULL, theirs TEXT NOT NULL, body TEXT NOT NULL, status TEXT NOT NULL, direction TEXT NOT NULL,
    error_code INTEGER, segments INTEGER NOT NULL, media TEXT NOT NULL DEFAULT '[]', callback TEXT NOT NULL DEFAULT '',
    created_at TEXT NOT NULL, sent_at TEXT, happened REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS twilio_messages_theirs ON twilio_messages (theirs, seq);
CREATE TABLE IF NOT EXISTS twilio_optouts (scope TEXT NOT NULL, number TEXT NOT NULL, PRIMARY KEY (scope, number));
"""

#: Emptied on reset in this order.
TABLES = ("twilio_optouts", "twilio_messages", "twilio_numbers", "twilio_services")

ACCOUNT_SID = f"AC{'5a' * 16}"
AUTH_TOKEN = "sandbox-auth-token-0123456789ab"  # noqa: S105 - the sandbox's own, worth nothing elsewhere
_TOKEN_SETTING = "twilio_auth_token"  # noqa: S105 - the name of a setting


def auth_token(world: World) -> str:
    """The auth token that signs webhooks and is accepted in calls."""
    return str(world.store.setting(_TOKEN_SETTING, AUTH_TOKEN))


def set_auth_token(world: World, token: str) -> None:
    """Replace the auth token, as a promoted secondary token does."""
    world.store.set_setting(_TOKEN_SETTING, token)


def new_sid(prefix: str) -> str:
    """A fresh id of Twilio's kind: two letters and 32 hexadecimal digits."""
    return prefix + secrets.token_hex(16)


def add_service(world: World, name: str, *, campaign_status: str = "VERIFIED") -> str:
    """Make a messaging service; a ``campaign_status`` of ``""`` has no A2P campaign. Returns its id."""
    sid = new_sid("MG")
    world.store.insert(
        "twilio_services", sid=sid, name=name, campaign_status=campaign_status,
        brand=new_sid("BN") if campaign_status else "", created_at=iso_ms(utc_now()),
    )  # fmt: skip
    return sid


def add_number(world: World, number: str, name: str, *, service_sid: str = "", sms_url: str = "") -> str:
    """Rent a number; returns its id."""
    sid = new_sid("PN")
    world.store.insert(
        "twilio_numbers", sid=sid, number=number, name=name, service_sid=service_sid, sms_url=sms_url,
        created_at=iso_ms(utc_now()),
    )  # fmt: skip
    return sid


def number(world: World, number_or_sid: str) -> Row | None:
    """A number of ours, by itself or by its id."""
    return world.store.one("SELECT * FROM twilio_numbers WHERE ? IN (number, sid)", number_or_sid)


def service(world: World, sid: str) -> Row | None:
    """A messaging service."""
    return world.store.one("SELECT * FROM twilio_services WHERE sid = ?", sid)


def service_number(world: World, sid: str, theirs: str) -> Row | None:
    """The number that a service writes from: the one that it wrote from before, else its first."""
    earlier = world.store.value(
        "SELECT ours FROM twilio_messages WHERE theirs = ? AND service_sid = ? ORDER BY seq DESC LIMIT 1",
        theirs,
        sid,
    )
    return world.store.one(
        "SELECT * FROM twilio_numbers WHERE service_sid = ?1 ORDER BY number = ?2 DESC, rowid LIMIT 1",
        sid,
        earlier or "",
    )


def add_message(world: World, **columns: Any) -> Row:
    """Record a message that was just made."""
    columns = {
        "sid": new_sid("SM"), "created_at": iso_ms(utc_now()), "happened": world.clock.now(), **columns
    }  # fmt: skip
    world.store.insert("twilio_messages", **columns)
    found = message(world, columns["sid"])
    assert found is not None
    return found


def message(world: World, sid: str) -> Row | None:
    """A message."""
    return world.store.one("SELECT * FROM twilio_messages WHERE sid = ?", sid)


def scope_of(world: World, ours: str) -> str:
    """Where an opt-out holds: the whole service that a number is in, or the number alone."""
    found = number(world, ours)
    return str(found["service_sid"] or ours) if found else ours


def opted_out(world: World, ours: str, theirs: str) -> bool:
    """Whether somebody does not want messages from this number or its service."""
    scope = scope_of(world, ours)
    return bool(
        world.store.value("SELECT 1 FROM twilio_optouts WHERE scope = ? AND number = ?", scope, theirs)
    )


def set_opt_out(world: World, ours: str, theirs: str, *, out: bool) -> None:
    """Note that somebody opted out, or in again."""
    scope = scope_of(world, ours)
    if out:
        world.store.run("INSERT OR IGNORE INTO twilio_optouts (scope, number) VALUES (?, ?)", scope, theirs)
    else:
        world.store.run("DELETE FROM twilio_optouts WHERE scope = ? AND number = ?", scope, theirs)


def seed(world: World, name: str) -> None:
    """The numbers of a new world: one in an approved service, one outside of the United States."""
    if name == "demo":
        service_sid = add_service(world, "Outbound US")
        add_number(world, "+13125550100", "Chicago", service_sid=service_sid)
        add_number(world, "+447700900100", "London")
