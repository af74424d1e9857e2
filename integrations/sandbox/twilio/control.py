"""Twilio's part of the control API: numbers, services, the auth token; and what people can be made to do."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from integrations.sandbox.control_http import body_of, controlled, ok
from integrations.sandbox.people import Person
from integrations.sandbox.replies import INTENTS
from integrations.sandbox.store import Row
from integrations.sandbox.twilio import prospects, shapes, state
from integrations.sandbox.world import ControlError, World

_STATUSES = ("", "VERIFIED", "PENDING", "FAILED")


def summary(world: World) -> dict[str, Any]:
    """Numbers, services and counts, for ``GET /_sandbox/state``."""
    numbers = world.store.all("SELECT * FROM twilio_numbers ORDER BY rowid")
    services = world.store.all("SELECT * FROM twilio_services ORDER BY rowid")
    return {
        "numbers": [{**shapes.number(row), "service_sid": row["service_sid"]} for row in numbers],
        "services": [
            {**shapes.service(row), "campaign_status": row["campaign_status"]} for row in services
        ],
        "messages": world.store.value("SELECT COUNT(*) FROM twilio_messages"),
        "opt_outs": world.store.value("SELECT COUNT(*) FROM twilio_optouts"),
        "cards": [
            {"title": row["number"], "tag": "SMS", "note": f"{row['name']} · {row['sms_url'] or 'no webhook'}",
             "buttons": []}
            for row in numbers
        ],
    }  # fmt: skip


def routes(world: World) -> list[BaseRoute]:
    """``/_sandbox/twilio/...`` (below the control prefix)."""

    async def add_number(request: Request) -> Response:
        body = await body_of(request)
        number = str(body.get("number", ""))
        if not number.startswith("+") or state.number(world, number) is not None:
            raise ControlError(400, "invalid", "number: a new one, in the form +13125550100")
        with world.store.transaction():
            service_sid = str(body.get("service_sid") or "")
            status = body.get("campaign_status")
            if status is not None:
                if status not in _STATUSES:
                    raise ControlError(400, "invalid", f"campaign_status: one of {', '.join(_STATUSES)}")
                service_sid = state.add_service(world, f"Service of {number}", campaign_status=status)
            state.add_number(world, number, str(body.get("name") or number), service_sid=service_sid,
                             sms_url=str(body.get("sms_url") or ""))  # fmt: skip
        return ok({"number": number, "service_sid": service_sid}, 201)

    async def set_token(request: Request) -> Response:
        token = str((await body_of(request)).get("auth_token", ""))
        if not token:
            raise ControlError(400, "invalid", "auth_token: a text")
        state.set_auth_token(world, token)
        return ok({"auth_token": token})

    return [
        Route("/twilio/numbers", controlled(world, add_number), methods=["POST"]),
        Route("/twilio/token", controlled(world, set_token), methods=["POST"]),
    ]


def _ours(world: World, person: Person, body: dict[str, Any]) -> str:
    """The number named in the body, else the one that dealt with the person last, else the only one."""
    named = str(body.get("account_id") or "")
    latest = world.store.value(
        "SELECT ours FROM twilio_messages WHERE theirs = ? ORDER BY seq DESC LIMIT 1", person.slug
    )
    numbers: list[Row] = world.store.all("SELECT number FROM twilio_numbers LIMIT 2")
    found = named or latest or (numbers[0]["number"] if len(numbers) == 1 else "")
    if not found or state.number(world, found) is None:
        raise ControlError(409, "conflict", "name one of our numbers: account_id")
    return str(found)


def _write(world: World, person: Person, body: dict[str, Any]) -> dict[str, Any]:
    """The person writes ``text``, or of an ``intent``, or in character; ``media`` is ``[{url, content_type}]``."""
    ours = _ours(world, person, body)
    prospects.stop_autopilot(world, person)
    intent = body.get("intent") or None
    if intent is not None and intent not in INTENTS:
        raise ControlError(400, "invalid", f"intent: one of {', '.join(INTENTS)}")
    media = body.get("media") or []
    text = str(body.get("text") or "")
    if not text and not media:
        count = world.store.value("SELECT COUNT(*) FROM twilio_messages")
        text = prospects.compose(person, count, intent=intent)
    row = prospects.say(world, person, ours, text, media=media)
    return {"account_id": ours, "sid": row["sid"], "text": text}


def _word(word: str) -> Any:
    def run(world: World, person: Person, body: dict[str, Any]) -> dict[str, Any]:
        return _write(world, person, body | {"text": word})

    return run


def _ignore(world: World, person: Person, body: dict[str, Any]) -> dict[str, Any]:
    world.people.override(person.slug, {"behaviour": {"ignores": True}})
    prospects.stop_autopilot(world, person)
    return {"ignores": True}


ACTIONS = {
    "reply": _write,
    "stop": _word("STOP"),
    "start": _word("START"),
    "help": _word("HELP"),
    "ignore": _ignore,
}
