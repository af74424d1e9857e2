"""Seats: list, read, delete, restart, sync, native connect with checkpoints (docs/providers/unipile.md, 2)."""

from __future__ import annotations

import json
import time
from typing import Any

from integrations.sandbox.clock import iso_ms, utc_now
from integrations.sandbox.gateway import Answer, Call
from integrations.sandbox.people import Person, clean_slug
from integrations.sandbox.store import Row
from integrations.sandbox.unipile import access, params, seats, shapes, state
from integrations.sandbox.unipile.errors import refusal
from integrations.sandbox.world import World

#: Real seconds in which a checkpoint must be solved.
CHECKPOINT_SECONDS = 300
#: The code that solves every checkpoint.
CHECKPOINT_CODE = "123456"
#: Passwords that make the sign-in go a particular way.
_CHECKPOINT_PASSWORDS = {"2fa": "2FA", "otp": "OTP", "app": "IN_APP_VALIDATION", "captcha": "CAPTCHA"}
_SYNC_STEPS = ("SYNC_STARTED", "SYNC_RUNNING", "SYNC_DONE")


def list_accounts(world: World, call: Call) -> Answer:
    """``GET /accounts``."""
    start, size = params.offset(call), params.limit(call, 250, 100)
    rows = world.store.all("SELECT * FROM unipile_accounts ORDER BY rowid LIMIT ? OFFSET ?", size + 1, start)
    more = params.encode_cursor([start + size]) if len(rows) > size else None
    return Answer(params.listing("AccountList", [shapes.account(row) for row in rows[:size]], more))


def get_account(world: World, call: Call) -> Answer:
    """``GET /accounts/{id}``."""
    return Answer(shapes.account(access.seat(world, call, call.parameters["account_id"])))


def delete_account(world: World, call: Call) -> Answer:
    """``DELETE /accounts/{id}``."""
    seat = access.seat(world, call, call.parameters["account_id"])
    seats.delete(world, seat)
    call.wrote("account_deleted", account_id=seat["id"])
    return Answer({"object": "AccountDeleted"})


def restart_account(world: World, call: Call) -> Answer:
    """``POST /accounts/{id}/restart``: helps against ERROR and STOPPED, not against lost credentials."""
    seat = access.seat(world, call, call.parameters["account_id"])
    if seat["status"] in {"CREDENTIALS", "PERMISSIONS"}:
        return Answer({"object": "AccountFailedToRestart"})
    seats.set_status(world, seat, "OK")
    call.wrote("account_restarted", account_id=seat["id"])
    return Answer({"object": "AccountRestarted"})


def sync_account(world: World, call: Call) -> Answer:
    """``GET /accounts/{id}/sync``: starts, then runs, then is done; asking again after that starts anew."""
    seat = access.live_seat(world, call, call.parameters["account_id"])
    for name in ("before", "after"):
        value = params.text(call, name)
        if value is not None and not value.isdigit():
            raise refusal("invalid_parameters", call.path, f"{name} must be epoch milliseconds.")
    status = _SYNC_STEPS[seat["resync"] % len(_SYNC_STEPS)]
    world.store.run("UPDATE unipile_accounts SET resync = resync + 1 WHERE id = ?", seat["id"])
    return Answer({"object": "AccountResync", "status": status})


def create_account(world: World, call: Call) -> Answer:
    """``POST /accounts`` (LinkedIn): 201 AccountCreated, or 202 Checkpoint."""
    spec = _credentials(call)
    kind = _CHECKPOINT_PASSWORDS.get(str(spec.get("password", "")))
    if kind:
        return _checkpoint(world, call, state.token(), kind, spec)
    seat = seats.connect(world, _owner(world, spec), _username(spec))
    call.wrote("account_created", account_id=seat["id"])
    return Answer({"object": "AccountCreated", "account_id": seat["id"]}, 201)


def reconnect_account(world: World, call: Call) -> Answer:
    """``POST /accounts/{id}``: the id stays; another member's credentials are refused (401 wrong_account)."""
    seat = access.seat(world, call, call.parameters["account_id"])
    spec = _credentials(call)
    if spec.get("username") and spec["username"] != seat["username"]:
        raise refusal("wrong_account", call.path)
    kind = _CHECKPOINT_PASSWORDS.get(str(spec.get("password", "")))
    if kind:
        return _checkpoint(world, call, seat["id"], kind, spec)
    return _reconnected(world, call, seat)


def solve_checkpoint(world: World, call: Call) -> Answer:
    """``POST /accounts/checkpoint``: code 123456 solves, TRY_ANOTHER_WAY changes the method, else 401."""
    account_id, code = params.body_text(call, "account_id"), params.body_text(call, "code")
    params.body_text(call, "provider")
    row = _pending(world, call, account_id)
    if code == "TRY_ANOTHER_WAY":
        other = "OTP" if row["kind"] == "2FA" else "2FA"
        return _checkpoint(world, call, account_id, other, json.loads(row["spec"]))
    if code != CHECKPOINT_CODE:
        raise refusal("invalid_checkpoint_solution", call.path)
    world.store.run("DELETE FROM unipile_checkpoints WHERE account_id = ?", account_id)
    seat = state.account(world, account_id)
    if seat is not None:
        return _reconnected(world, call, seat)
    spec = json.loads(row["spec"])
    seats.connect(world, _owner(world, spec), _username(spec), account_id=account_id)
    call.wrote("account_created", account_id=account_id)
    return Answer({"object": "AccountCreated", "account_id": account_id}, 201)


def resend_checkpoint(world: World, call: Call) -> Answer:
    """``POST /accounts/checkpoint/resend``."""
    account_id = params.body_text(call, "account_id")
    params.body_text(call, "provider")
    _pending(world, call, account_id)
    return Answer({"object": "CheckpointResend", "account_id": account_id, "success": True})


def _credentials(call: Call) -> dict[str, Any]:
    spec = params.body(call)
    if params.body_text(call, "provider") != "LINKEDIN":
        raise refusal("invalid_parameters", call.path, "Only LINKEDIN can be connected here.")
    if not (spec.get("access_token") or (spec.get("username") and spec.get("password"))):
        raise refusal(
            "missing_parameters", call.path, "username and password, or access_token, are required."
        )
    if spec.get("password") == "wrong" or spec.get("access_token") == "wrong":
        raise refusal("invalid_credentials", call.path)
    return spec


def _username(spec: dict[str, Any]) -> str:
    return str(spec.get("username") or f"token-{str(spec['access_token'])[-6:]}@linkedin.example")


def _owner(world: World, spec: dict[str, Any]) -> Person:
    """Who signs in: the member whose slug the user name's local part spells."""
    local = _username(spec).split("@", 1)[0].replace(".", "-").replace("_", "-").replace("+", "-")
    return world.people.meet(clean_slug(local))


def _checkpoint(world: World, call: Call, account_id: str, kind: str, spec: dict[str, Any]) -> Answer:
    kept = {name: value for name, value in spec.items() if name in {"username", "access_token"}}
    world.store.run(
        "INSERT OR REPLACE INTO unipile_checkpoints (account_id, kind, spec, expires) VALUES (?, ?, ?, ?)",
        account_id,
        kind,
        json.dumps(kept),
        time.time() + CHECKPOINT_SECONDS,
    )
    call.wrote("checkpoint", account_id=account_id, type=kind)
    return Answer({"object": "Checkpoint", "account_id": account_id, "checkpoint": {"type": kind}}, 202)


def _pending(world: World, call: Call, account_id: str) -> Row:
    row = world.store.one("SELECT * FROM unipile_checkpoints WHERE account_id = ?", account_id)
    if row is None:
        raise refusal("resource_not_found", call.path, "No checkpoint is waiting for this account.")
    if row["expires"] < time.time():
        raise refusal("checkpoint_error", call.path, "The checkpoint has expired. Please sign in again.")
    return row


def _reconnected(world: World, call: Call, seat: Row) -> Answer:
    seats.reconnect(world, seat)
    call.wrote("account_reconnected", account_id=seat["id"])
    return Answer({"object": "AccountReconnected", "account_id": seat["id"]}, 201)


def link_account(world: World, call: Call) -> Answer:
    """``POST /hosted/accounts/link``: the address of a sign-in page of the sandbox."""
    spec = params.body(call)
    kind = params.body_text(call, "type")
    if kind not in {"create", "reconnect"}:
        raise refusal("invalid_parameters", call.path, "type must be create or reconnect.")
    params.body_text(call, "api_url")
    expires = params.body_text(call, "expiresOn")
    if not params.is_date(expires):
        raise refusal("invalid_parameters", call.path, "expiresOn must match YYYY-MM-DDTHH:MM:SS.sssZ.")
    if expires <= iso_ms(utc_now()):
        raise refusal("invalid_parameters", call.path, "expiresOn is in the past.")
    if kind == "create" and not spec.get("providers"):
        raise refusal("missing_parameters", call.path, "providers is required.")
    if kind == "reconnect":
        access.seat(world, call, params.body_text(call, "reconnect_account"))
    for name in ("notify_url", "success_redirect_url", "failure_redirect_url"):
        if not str(spec.get(name) or "http://").startswith(("http://", "https://")):
            raise refusal("invalid_parameters", call.path, f"{name} must be an http(s) address.")
    token = state.token()
    world.store.insert("unipile_links", token=token, spec=json.dumps(spec))
    return Answer({"object": "HostedAuthUrl", "url": f"{call.base_url}/unipile/hosted/{token}"})
