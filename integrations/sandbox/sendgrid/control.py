"""SendGrid's part of the control API: proving addresses and domains by hand, and what there is at a glance."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from integrations.sandbox.control_http import body_of, controlled, ok
from integrations.sandbox.people import Person
from integrations.sandbox.sendgrid import fates, lists, state
from integrations.sandbox.world import ControlError, World

_CHANGES = {"verified": (1, 0), "locked": (0, 1), "pending": (0, 0)}


def routes(world: World) -> list[BaseRoute]:
    """``/sendgrid/identities`` and ``/sendgrid/domains``."""

    async def identities(request: Request) -> Response:
        rows = world.store.all("SELECT * FROM sendgrid_identities ORDER BY id")
        return ok({"items": [lists.describe(row) for row in rows]})

    async def change(request: Request) -> Response:
        status = str((await body_of(request)).get("status", "verified"))
        if status not in _CHANGES:
            raise ControlError(400, "invalid", f"status: one of {', '.join(_CHANGES)}")
        changed = world.store.run(
            "UPDATE sendgrid_identities SET verified = ?, locked = ? WHERE id = ? OR from_email = ?",
            *_CHANGES[status],
            request.path_params["identity"],
            request.path_params["identity"].lower(),
        )
        if not changed:
            raise ControlError(404, "not_found", "no such identity")
        return ok({"status": status})

    async def domain(request: Request) -> Response:
        name = str((await body_of(request)).get("domain") or "").lower()
        if "." not in name:
            raise ControlError(400, "invalid", "domain: a domain")
        world.store.run(
            "INSERT INTO sendgrid_domains (domain, valid) VALUES (?, 1)"
            " ON CONFLICT (domain) DO UPDATE SET valid = 1",
            name,
        )
        return ok({"domain": name, "valid": True}, 201)

    return [
        Route("/sendgrid/identities", controlled(world, identities), methods=["GET"]),
        Route("/sendgrid/identities/{identity}", controlled(world, change), methods=["POST"]),
        Route("/sendgrid/domains", controlled(world, domain), methods=["POST"]),
    ]


def summary(world: World) -> dict[str, Any]:
    """Senders, and how much mail there was; the page shows the cards."""
    rows = world.store.all("SELECT * FROM sendgrid_identities ORDER BY id")
    return {
        "messages": world.store.value("SELECT COUNT(*) FROM sendgrid_messages"),
        "replies": world.store.value("SELECT COUNT(*) FROM sendgrid_replies"),
        "hosts": [row["hostname"] for row in world.store.all("SELECT hostname FROM sendgrid_parse_webhooks")],
        "identities": [lists.describe(row) for row in rows],
        "cards": [
            {
                "title": row["from_email"],
                "tag": "locked" if row["locked"] else "verified" if row["verified"] else "pending",
                "note": "SendGrid sender",
                "buttons": [
                    {
                        "path": f"sendgrid/identities/{quote(str(row['id']))}",
                        "label": label,
                        "values": {"status": status},
                    }
                    for status, label in (("verified", "Follow the link"), ("locked", "Lock"))
                ],
            }
            for row in rows
        ],
    }


def person_summary(world: World, person: Person) -> list[dict[str, Any]]:
    """What was written to an address and what it answered."""
    rows = world.store.all(
        "SELECT * FROM sendgrid_messages WHERE recipient = ? ORDER BY id DESC LIMIT 20", person.slug
    )
    if not rows:
        return []
    told: list[dict[str, Any]] = []
    for row in reversed(rows):
        told.append(
            {"from": "seat", "id": row["rfc_id"], "text": f"{row['subject']}: {row['text'][:200]}", "at": row["at"],
             "seen": bool(row["opens"]), "status": row["status"]}
        )  # fmt: skip
        answers = world.store.all("SELECT * FROM sendgrid_replies WHERE message = ? ORDER BY id", row["id"])
        told += [
            {
                "from": "person",
                "id": answer["rfc_id"],
                "text": answer["text"],
                "at": answer["at"],
                "seen": False,
            }
            for answer in answers
        ]
    return [
        {
            "account_id": rows[0]["from_email"],
            "account_name": rows[0]["from_name"] or rows[0]["from_email"],
            "state": rows[0]["status"],
            "messages": told,
            "suppressed": state.drop_reason(world, person.slug),
            "will": world.agenda.pending(fates.subject_of(rows[0])),
            "actions": [
                {"name": "reply", "label": "Reply", "text": True},
                *(
                    {"name": name, "label": label}
                    for name, label in (
                        ("out_of_office", "Out of office"), ("open", "Open"), ("click", "Click"),
                        ("bounce", "Bounce"), ("complain", "Complain"), ("unsubscribe", "Unsubscribe"),
                        ("ignore", "Ignore"),
                    )
                ),
            ],
        }
    ]  # fmt: skip


def active_people(world: World, limit: int) -> list[str]:
    """Addresses that were written to, latest first."""
    rows = world.store.all(
        "SELECT recipient, MAX(id) AS latest FROM sendgrid_messages GROUP BY recipient ORDER BY latest DESC LIMIT ?",
        limit,
    )
    return [row["recipient"] for row in rows]


def last_contact(world: World, person: Person) -> float:
    """When somebody was last written to, 0 for never."""
    found = world.store.value("SELECT MAX(sent) FROM sendgrid_messages WHERE recipient = ?", person.slug)
    return float(found or 0.0)


def seed(world: World, name: str) -> None:
    """What a demo world has from the start: two IP pools. Senders are added by the product."""
    for pool in ("main", "warm-up"):
        world.store.run("INSERT OR IGNORE INTO sendgrid_pools (name) VALUES (?)", pool)
