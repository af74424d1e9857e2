"""The control API of campaign providers: accounts, and what their leads can be made to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from integrations.sandbox.control_http import body_of, controlled, ok
from integrations.sandbox.people import Person
from integrations.sandbox.replies import INTENTS
from integrations.sandbox.runs import engine, state
from integrations.sandbox.store import Row
from integrations.sandbox.world import ControlError, PersonAction, World

Deed = Callable[[World, str, Row, dict[str, Any]], dict[str, Any]]


def summary(p: str) -> Callable[[World], dict[str, Any]]:
    """Accounts, campaigns and counts, for ``GET /_sandbox/state``."""

    def show(world: World) -> dict[str, Any]:
        accounts = state.accounts(world, p)
        return {
            "senders": [
                {"id": row["id"], "address": row["address"], "name": row["name"], "ok": bool(row["ok"])}
                for row in accounts
            ],
            "campaigns": [
                {"id": row["id"], "name": row["name"], "status": row["status"],
                 "members": [
                     {name: member[name] for name in ("id", "lead_id", "status", "step")}
                     for member in state.members(world, row["id"])
                 ]}
                for row in state.campaigns(world, p)
            ],
            "messages": len(state.messages(world, p)),
            "webhooks": len(state.hooks(world, p)),
            "cards": [
                {"title": row["name"], "tag": p, "note": row["address"], "buttons": []} for row in accounts
            ],
        }  # fmt: skip

    return show


def routes(p: str) -> Callable[[World], list[BaseRoute]]:
    """``/_sandbox/<provider>/...`` (below the control prefix)."""

    def make(world: World) -> list[BaseRoute]:
        async def add_account(request: Request) -> Response:
            body = await body_of(request)
            address = str(body.get("address", ""))
            if not address or state.account(world, p, address) is not None:
                raise ControlError(400, "invalid", "address: a new one")
            row = state.add_account(world, p, address, str(body.get("name") or address))
            return ok({"id": row["id"], "address": row["address"]}, 201)

        async def set_account(request: Request) -> Response:
            body = await body_of(request)
            row = state.account(world, p, request.path_params["account"])
            if row is None:
                raise ControlError(404, "not_found", "no such account")
            works = body.get("ok") in (True, "true", "1")
            with world.store.transaction():
                world.store.run("UPDATE runs_accounts SET ok = ? WHERE id = ?", int(works), row["id"])
                engine.tell(world, p, "reconnected" if works else "disconnected", account_id=row["id"])
            return ok({"id": row["id"], "ok": works})

        return [
            Route(f"/{p}/accounts", controlled(world, add_account), methods=["POST"]),
            Route(f"/{p}/accounts/{{account}}", controlled(world, set_account), methods=["POST"]),
        ]

    return make


def _last(world: World, p: str, person: Person, body: dict[str, Any]) -> Row:
    """The message that an action is about: the newest of ours to this person."""
    lead = state.lead(world, p, person.slug)
    found = state.last_sent(world, p, lead["id"]) if lead else None
    if found is None:
        raise ControlError(409, "conflict", "nobody of ours wrote to this person yet")
    return found


def _deed(p: str, deed: Deed) -> PersonAction:
    def run(world: World, person: Person, body: dict[str, Any]) -> dict[str, Any]:
        engine.stop_autopilot(world, p, person)
        return deed(world, p, _last(world, p, person, body), body)

    return run


def _reply(world: World, p: str, message: Row, body: dict[str, Any]) -> dict[str, Any]:
    intent = body.get("intent") or None
    if intent is not None and intent not in INTENTS:
        raise ControlError(400, "invalid", f"intent: one of {', '.join(INTENTS)}")
    person = world.people.meet(state.must(state.lead(world, p, message["lead_id"]))["slug"])
    text = str(body.get("text") or "") or engine.compose(person, message["id"], intent=intent)
    row = engine.say(world, p, message, text)
    return {"message_id": row["message_id"], "text": text}


def _write(world: World, p: str, message: Row, body: dict[str, Any]) -> dict[str, Any]:
    row = engine.write(
        world, p, message, str(body.get("text") or "") or "Are you the people who wrote to me?"
    )
    return {"message_id": row["message_id"]}


def _out_of_office(world: World, p: str, message: Row, body: dict[str, Any]) -> dict[str, Any]:
    person = world.people.meet(state.must(state.lead(world, p, message["lead_id"]))["slug"])
    text = str(body.get("text") or "") or engine.compose(person, message["id"], intent="out_of_office")
    row = engine.say(world, p, message, text, automated=True)
    return {"message_id": row["message_id"], "text": text}


def _open(world: World, p: str, message: Row, body: dict[str, Any]) -> dict[str, Any]:
    engine.opened(world, p, message)
    return {"message_id": message["message_id"]}


def _click(world: World, p: str, message: Row, body: dict[str, Any]) -> dict[str, Any]:
    engine.clicked(world, p, message, str(body.get("url") or "https://www.example.com/"))
    return {"message_id": message["message_id"]}


def _bounce(world: World, p: str, message: Row, body: dict[str, Any]) -> dict[str, Any]:
    engine.bounced(world, p, message)
    return {"message_id": message["message_id"]}


def _unsubscribe(world: World, p: str, message: Row, body: dict[str, Any]) -> dict[str, Any]:
    engine.unsubscribed(world, p, state.must(state.lead(world, p, message["lead_id"])))
    return {"unsubscribed": True}


def _categorise(world: World, p: str, message: Row, body: dict[str, Any]) -> dict[str, Any]:
    member = engine.member_of(world, message)
    if member is None:
        raise ControlError(409, "conflict", "the message belongs to no campaign")
    category = str(body.get("category") or "Interested")
    before = member["category"]
    member = state.change_member(world, member, category=category)
    engine.tell(world, p, "categorised", member=member, message=message, before=before)
    return {"category": category}


def _accept(world: World, p: str, message: Row, body: dict[str, Any]) -> dict[str, Any]:
    engine.accepted(world, p, message)
    return {"accepted": True}


def _ignore(p: str) -> PersonAction:
    def run(world: World, person: Person, body: dict[str, Any]) -> dict[str, Any]:
        world.people.override(person.slug, {"behaviour": {"ignores": True}})
        engine.stop_autopilot(world, p, person)
        return {"ignores": True}

    return run


_MAIL: dict[str, Deed] = {
    "reply": _reply, "out_of_office": _out_of_office, "open": _open, "click": _click, "bounce": _bounce,
    "unsubscribe": _unsubscribe, "categorise": _categorise, "write_untracked": _write,
}  # fmt: skip
_NETWORK: dict[str, Deed] = {"reply": _reply, "accept": _accept, "categorise": _categorise}


def actions(p: str, *, network: bool = False) -> dict[str, PersonAction]:
    """What people can be made to do towards a provider's senders."""
    deeds = _NETWORK if network else _MAIL
    return {name: _deed(p, deed) for name, deed in deeds.items()} | {"ignore": _ignore(p)}


def active_people(p: str) -> Callable[[World, int], list[str]]:
    """Whom a provider's campaigns have written to, latest first."""

    def find(world: World, limit: int) -> list[str]:
        rows = world.store.all(
            "SELECT l.slug AS slug, MAX(m.id) AS latest FROM runs_messages m JOIN runs_leads l ON l.id = m.lead_id"
            " WHERE m.p = ? GROUP BY l.slug ORDER BY latest DESC LIMIT ?",
            p, limit,
        )  # fmt: skip
        return [row["slug"] for row in rows]

    return find


def last_contact(p: str) -> Callable[[World, Person], float]:
    """Sandbox time of a provider's latest message with a person, 0 for none."""

    def find(world: World, person: Person) -> float:
        return float(
            world.store.value(
                "SELECT MAX(m.happened) FROM runs_messages m JOIN runs_leads l ON l.id = m.lead_id"
                " WHERE m.p = ? AND l.slug = ?",
                p, person.slug,
            )
            or 0
        )  # fmt: skip

    return find


def person_summary(p: str, *, network: bool = False) -> Callable[[World, Person], list[dict[str, Any]]]:
    """How a person stands towards a provider's campaigns."""
    labels = [
        {"name": name, "label": name.replace("_", " ").capitalize()} for name in actions(p, network=network)
    ]

    def show(world: World, person: Person) -> list[dict[str, Any]]:
        lead = state.lead(world, p, person.slug)
        if lead is None:
            return []
        standing = []
        for member in world.store.all("SELECT * FROM runs_members WHERE lead_id = ?", lead["id"]):
            campaign = state.must(state.campaign(world, p, member["campaign_id"]))
            account = state.account(world, p, member["account_id"])
            messages = state.messages(world, p, lead_id=lead["id"], campaign_id=campaign["id"])[-20:]
            standing.append(
                {
                    "account_id": account["address"] if account else "",
                    "account_name": f"{campaign['name']} · {account['name'] if account else '-'}",
                    "state": member["status"],
                    "messages": [
                        {"from": "person" if row["inbound"] else "seat", "text": row["body"],
                         "seen": bool(row["opens"]), "step": row["step"]}
                        for row in messages
                    ],
                    "will": world.agenda.pending(f"{p}|{person.slug}"),
                    "actions": [item | ({"text": True} if item["name"] == "reply" else {}) for item in labels],
                }
            )  # fmt: skip
        return standing

    return show
