"""Unipile's part of the control API: seats and what is connected to them."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from integrations.sandbox.control_http import body_of, controlled, ok
from integrations.sandbox.people import clean_slug
from integrations.sandbox.store import Row
from integrations.sandbox.unipile import seats, state, threads
from integrations.sandbox.world import ControlError, World


def summary(world: World) -> dict[str, Any]:
    """Seats, subscriptions and counts, for ``GET /_sandbox/state``."""
    rows = world.store.all("SELECT * FROM unipile_accounts ORDER BY rowid")
    hooks = world.store.all("SELECT id, source, request_url, enabled FROM unipile_webhooks ORDER BY seq")
    return {
        "accounts": [seats.describe(world, row) for row in rows],
        "webhooks": [dict(row) for row in hooks],
        "invitations": world.store.value("SELECT COUNT(*) FROM unipile_invitations"),
        "chats": world.store.value("SELECT COUNT(*) FROM unipile_chats"),
        "messages": world.store.value("SELECT COUNT(*) FROM unipile_messages"),
    }


def _seat(world: World, request: Request) -> Row:
    row = state.account(world, request.path_params["account_id"])
    if row is None:
        raise ControlError(404, "not_found", "no such seat")
    return row


def routes(world: World) -> list[BaseRoute]:
    """``/_sandbox/accounts`` (below the control prefix)."""

    async def list_seats(request: Request) -> Response:
        return ok({"items": summary(world)["accounts"]})

    async def create_seat(request: Request) -> Response:
        body = await body_of(request)
        name = body.get("name")
        if not isinstance(name, str) or not name.strip():
            raise ControlError(400, "invalid", "name: the seat owner's name")
        features = body.get("features", ["premium", "sales_navigator"])
        if not isinstance(features, list) or not set(features) <= {"premium", "sales_navigator", "recruiter"}:
            raise ControlError(400, "invalid", "features: some of premium, sales_navigator, recruiter")
        account_id = body.get("id")
        if account_id and state.account(world, str(account_id)):
            raise ControlError(409, "conflict", "there is a seat with that id")
        first, _, last = name.strip().partition(" ")
        slug = clean_slug(str(body.get("slug") or "-".join(name.split())))
        with world.store.transaction():
            person = world.people.override(
                slug, {"first_name": first} | ({"last_name": last} if last else {})
            )
            seat = seats.connect(
                world,
                person,
                str(body.get("username") or f"{slug}@demo.test"),
                features=features,
                account_id=account_id,
            )
        return ok(seats.describe(world, seat), 201)

    async def set_status(request: Request) -> Response:
        status = str((await body_of(request)).get("status", "")).upper()
        if status not in state.STATUSES:
            raise ControlError(400, "invalid", f"status: one of {', '.join(state.STATUSES)}")
        with world.store.transaction():
            seat = seats.set_status(world, _seat(world, request), status)
        return ok(seats.describe(world, seat))

    async def delete_seat(request: Request) -> Response:
        with world.store.transaction():
            seats.delete(world, _seat(world, request))
        return ok({"deleted": True})

    return [
        Route("/accounts", controlled(world, list_seats), methods=["GET"]),
        Route("/accounts", controlled(world, create_seat), methods=["POST"]),
        Route("/accounts/{account_id}/status", controlled(world, set_status), methods=["POST"]),
        _credits(world),
        _threads(world),
        Route("/accounts/{account_id}", controlled(world, delete_seat), methods=["DELETE"]),
    ]


def _threads(world: World) -> Route:
    """A conversation that the seat had before."""

    async def add_thread(request: Request) -> Response:
        body = await body_of(request)
        with world.store.transaction():
            return ok(threads.add(world, _seat(world, request), body), 201)

    return Route("/accounts/{account_id}/threads", controlled(world, add_thread), methods=["POST"])


def _credits(world: World) -> Route:
    """How many InMail credits a seat has left."""

    async def set_credits(request: Request) -> Response:
        amount = (await body_of(request)).get("inmail")
        if not isinstance(amount, int) or isinstance(amount, bool) or amount < 0:
            raise ControlError(400, "invalid", "inmail: how many credits are left")
        with world.store.transaction():
            seat = _seat(world, request)
            world.store.run("UPDATE unipile_accounts SET inmail_credits = ? WHERE id = ?", amount, seat["id"])
        return ok(seats.describe(world, _seat(world, request)))

    return Route("/accounts/{account_id}/credits", controlled(world, set_credits), methods=["POST"])
