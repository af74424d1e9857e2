"""The life of a seat: connect, lose the session, reconnect and catch up."""

from __future__ import annotations

import json
from typing import Any

from integrations.sandbox.people import Person
from integrations.sandbox.store import Row
from integrations.sandbox.unipile import events, state
from integrations.sandbox.world import World

#: Seats of ``--seed demo``: id, slug, first name, last name, role, premium features.
DEMO_SEATS = (
    ("acc_erik_sand", "erik-sand", "Erik", "Sand", "Account Executive", ["premium", "sales_navigator"]),
    ("acc_lucia_ferrer", "lucia-ferrer", "Lucía", "Ferrer", "Business Development Lead", ["premium"]),
    ("acc_greta_lund", "greta-lund", "Greta", "Lund", "Partner", ["premium", "sales_navigator"]),
)
#: How many people each demo seat is connected with from the start.
_DEMO_RELATIONS = 24
_DAY_MS = 86_400_000


def connect(
    world: World,
    person: Person,
    username: str,
    *,
    features: list[str] | None = None,
    account_id: str | None = None,
) -> Row:
    """Add a seat and tell so: CREATION_SUCCESS, then SYNC_SUCCESS."""
    seat = state.create_account(
        world, person=person, username=username, features=["premium"] if features is None else features,
        account_id=account_id,
    )  # fmt: skip
    events.account_status(world, seat, "CREATION_SUCCESS")
    events.account_status(world, seat, "SYNC_SUCCESS")
    return seat


def set_status(world: World, seat: Row, status: str) -> Row:
    """Move a seat to ``status`` and tell so; back to OK it reconnects and catches up what it missed."""
    if status == seat["status"]:
        return seat
    world.store.run("UPDATE unipile_accounts SET status = ? WHERE id = ?", status, seat["id"])
    changed = state.account(world, seat["id"])
    assert changed is not None
    if status != "OK":
        events.account_status(world, changed, status)
        return changed
    if seat["status"] in {"CREDENTIALS", "PERMISSIONS"}:
        events.account_status(world, changed, "RECONNECTED")
    events.account_status(world, changed, "OK")
    events.catch_up(world, changed)
    events.account_status(world, changed, "SYNC_SUCCESS")
    return changed


def reconnect(world: World, seat: Row) -> Row:
    """A person signed in again; told as RECONNECTED even if nothing was wrong."""
    if seat["status"] == "OK":
        events.account_status(world, seat, "RECONNECTED")
        return seat
    return set_status(world, seat, "OK")


def delete(world: World, seat: Row) -> None:
    """Disconnect a seat for good; its chats and connections go with it."""
    events.account_status(world, seat, "DELETED")
    world.store.run("DELETE FROM unipile_accounts WHERE id = ?", seat["id"])


def seed(world: World, name: str) -> None:
    """``demo``: three seats with some old connections each. Other names leave Unipile empty."""
    if name != "demo":
        return
    for account_id, slug, first, last, role, features in DEMO_SEATS:
        person = world.people.register(
            slug=slug, first_name=first, last_name=last, role=role, company="Outbound Demo"
        )
        seat = state.create_account(
            world, person=person, username=f"{slug}@demo.test", features=features, account_id=account_id
        )
        _seed_relations(world, seat, person)


def _seed_relations(world: World, seat: Row, owner: Person) -> None:
    rng = owner.rng("relations")
    since = int(world.clock.now() * 1000)
    oldest_first: list[tuple[str, int]] = []
    for _ in range(_DEMO_RELATIONS):
        since -= rng.randrange(_DAY_MS // 2, 20 * _DAY_MS)
        oldest_first.insert(0, (f"ACoAA{rng.randbytes(17).hex()}", since))
    for provider_id, moment in oldest_first:
        state.relate(world, seat["id"], world.people.meet(provider_id).provider_id, moment)


def describe(world: World, seat: Row) -> dict[str, Any]:
    """A seat as the control API shows it."""
    count = world.store.value
    return {
        "id": seat["id"],
        "name": seat["name"],
        "slug": seat["slug"],
        "provider_id": seat["provider_id"],
        "username": seat["username"],
        "status": seat["status"],
        "features": json.loads(seat["features"]),
        "inmail_credits": seat["inmail_credits"],
        "relations": count("SELECT COUNT(*) FROM unipile_relations WHERE account_id = ?", seat["id"]),
        "pending_invitations": count(
            "SELECT COUNT(*) FROM unipile_invitations WHERE account_id = ? AND direction='SENT' AND status='PENDING'",
            seat["id"],
        ),
        "chats": count("SELECT COUNT(*) FROM unipile_chats WHERE account_id = ?", seat["id"]),
        "missed": count("SELECT COUNT(*) FROM unipile_missed WHERE account_id = ?", seat["id"]),
    }
