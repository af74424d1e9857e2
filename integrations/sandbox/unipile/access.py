"""Who may call, and which seat a call is about."""

from __future__ import annotations

import hmac

from integrations.sandbox.gateway import Call
from integrations.sandbox.people import Person
from integrations.sandbox.store import Row
from integrations.sandbox.unipile import params, state
from integrations.sandbox.unipile.errors import refusal
from integrations.sandbox.world import World


def authenticate(world: World, call: Call) -> None:
    """``X-API-KEY`` must be one of the sandbox's keys (401 missing_credentials)."""
    given = call.headers.get("x-api-key", "").encode()
    if not any(hmac.compare_digest(given, key.encode()) for key in world.settings["api_keys"]):
        raise refusal("missing_credentials", call.path)


def seat(world: World, call: Call, account_id: str | None = None) -> Row:
    """The seat named by the call's ``account_id`` query, or by ``account_id`` (404 if there is none)."""
    identifier = account_id or params.required(call, "account_id")
    row = state.account(world, identifier)
    if row is None:
        raise refusal("resource_not_found", call.path, "Account not found.")
    return row


def live_seat(world: World, call: Call, account_id: str | None = None) -> Row:
    """A seat whose session works: everything that goes to LinkedIn needs one (401 disconnected_account)."""
    row = seat(world, call, account_id)
    if row["status"] != "OK":
        raise refusal("disconnected_account", call.path)
    return row


def person(world: World, call: Call, identifier: str) -> Person:
    """Somebody by slug or member id (404 invalid_resource_identifier)."""
    found = world.people.find(identifier) if identifier else None
    if found is None:
        raise refusal("invalid_resource_identifier", call.path, "No user has this identifier.")
    return found
