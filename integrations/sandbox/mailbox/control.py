"""The mail servers' part of the control API: mailboxes and what lies in them."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from integrations.sandbox.control_http import body_of, controlled, ok
from integrations.sandbox.mailbox import state
from integrations.sandbox.people import Person
from integrations.sandbox.store import Row
from integrations.sandbox.world import ControlError, World

PASSWORD = "sandbox-password"  # noqa: S105 - the sandbox's own, printed in its documentation
#: Mailboxes of ``--seed demo``: address, name, whether the server keeps sent mail by itself.
DEMO_MAILBOXES = (
    ("erik.sand@kestrel.test", "Erik Sand", True),
    ("lucia.ferrer@kestrel.test", "Lucía Ferrer", False),
)


def seed(world: World, name: str) -> None:
    """``demo``: two mailboxes."""
    if name != "demo":
        return
    for address, owner, saves in DEMO_MAILBOXES:
        state.create_account(world, address=address, name=owner, password=PASSWORD, saves_sent=saves)


def summary(world: World) -> dict[str, Any]:
    """Ports and mailboxes, for ``GET /_sandbox/state``."""
    return {
        "smtp_port": world.smtp_port,
        "imap_port": world.imap_port,
        "mailboxes": [state.describe(world, row) for row in state.accounts(world)],
    }


def person_summary(world: World, person: Person) -> list[dict[str, Any]]:
    """The latest mails that a person got."""
    rows = world.store.all(
        "SELECT * FROM mailbox_sent WHERE recipient = ? ORDER BY id DESC LIMIT 10", person.slug
    )
    return [
        {
            "account_id": row["address"],
            "message_id": row["rfc_id"],
            "subject": row["subject"],
            "at": row["at"],
        }
        | {"replies": row["replies"]}
        for row in rows
    ]


def active_people(world: World, limit: int) -> list[str]:
    """Who was written to, latest first."""
    rows = world.store.all(
        "SELECT recipient FROM mailbox_sent GROUP BY recipient ORDER BY MAX(id) DESC LIMIT ?", limit
    )
    return [row["recipient"] for row in rows]


def last_contact(world: World, person: Person) -> float:
    """When a mailbox last wrote to a person, in sandbox time."""
    found = world.store.value("SELECT MAX(sandbox_at) FROM mailbox_sent WHERE recipient = ?", person.slug)
    return float(found or 0.0)


def _mailbox(world: World, request: Request) -> Row:
    row = state.account(world, request.path_params["address"])
    if row is None:
        raise ControlError(404, "not_found", "no such mailbox")
    return row


def _raw(body: dict[str, Any]) -> bytes:
    try:
        encoded = body.get("raw_base64")
        raw = base64.b64decode(encoded, validate=True) if encoded else str(body.get("raw") or "").encode()
    except (binascii.Error, ValueError, TypeError) as error:
        raise ControlError(400, "invalid", "raw_base64: base64") from error
    if not raw:
        raise ControlError(400, "invalid", "raw or raw_base64: the mail")
    return raw


def routes(world: World) -> list[BaseRoute]:
    """``/_sandbox/mailboxes`` (below the control prefix)."""

    async def listing(request: Request) -> Response:
        return ok({"items": summary(world)["mailboxes"]})

    async def create(request: Request) -> Response:
        body = await body_of(request)
        address = str(body.get("address") or "").strip().lower()
        if "@" not in address:
            raise ControlError(400, "invalid", "address: an e-mail address")
        if state.account(world, address):
            raise ControlError(409, "conflict", "there is a mailbox with that address")
        with world.store.transaction():
            row = state.create_account(
                world,
                address=address,
                name=str(body.get("name") or address.partition("@")[0]),
                password=str(body.get("password") or PASSWORD),
                saves_sent=body.get("saves_sent", True) in (True, "true", "on", "1"),
                sent_folder=str(body.get("sent_folder") or "Sent"),
            )
        return ok(state.describe(world, row), 201)

    async def change(request: Request) -> Response:
        row, body = _mailbox(world, request), await body_of(request)
        with world.store.transaction():
            if "locked" in body:
                locked = body["locked"] in (True, "true", "on", "1")
                state.change_account(world, row["address"], locked=int(locked))
            if body.get("password"):
                state.change_account(world, row["address"], password=str(body["password"]))
        return ok(state.describe(world, _mailbox(world, request)))

    async def rebuild(request: Request) -> Response:
        with world.store.transaction():
            state.rebuild(world, _mailbox(world, request)["address"])
        return ok({"rebuilt": True})

    return [
        Route("/mailboxes", controlled(world, listing), methods=["GET"]),
        Route("/mailboxes", controlled(world, create), methods=["POST"]),
        Route("/mailboxes/{address}", controlled(world, change), methods=["PATCH"]),
        Route("/mailboxes/{address}/rebuild", controlled(world, rebuild), methods=["POST"]),
        *_mails(world),
    ]


def _mails(world: World) -> list[BaseRoute]:
    async def deliver(request: Request) -> Response:
        row, body = _mailbox(world, request), await body_of(request)
        with world.store.transaction():
            number = state.put(world, row["address"], str(body.get("folder") or "INBOX"), _raw(body))
        return ok({"id": number}, 201)

    async def mails(request: Request) -> Response:
        row = _mailbox(world, request)
        folder = request.query_params.get("folder", "INBOX")
        items = [
            {
                "id": mail["id"],
                "at": mail["at"],
                "seen": bool(mail["seen"]),
                "raw": mail["raw"].decode("latin-1"),
            }
            for mail in state.mails(world, row["address"], folder)
        ]
        return ok({"items": items})

    return [
        Route("/mailboxes/{address}/mails", controlled(world, mails), methods=["GET"]),
        Route("/mailboxes/{address}/mails", controlled(world, deliver), methods=["POST"]),
    ]
