"""The control API under ``/_sandbox/``: see, play, break and rewind the outside world (docs/sandbox.md)."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from integrations.sandbox import pages
from integrations.sandbox.control_http import body_of, controlled, ok
from integrations.sandbox.faults import fault_from
from integrations.sandbox.people import Person, describe
from integrations.sandbox.world import ControlError, PersonAction, World

_JUMP_UNITS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400}
_SETTLE_SECONDS = 30.0


def routes(world: World) -> list[BaseRoute]:
    """Every route of the control API, the providers' own included."""
    own = [*_overview(world), *_clock(world), *_people(world), *_faults(world), *_logs(world)]
    theirs = [route for provider in world.providers for route in provider.control_routes(world)]
    return [Mount("/_sandbox", routes=[*own, *theirs])]


def person_state(world: World, person: Person) -> dict[str, Any]:
    """Who somebody is, how they act, and how they stand with each provider's accounts."""
    standing = {provider.name: provider.person_summary(world, person) for provider in world.providers}
    return describe(person) | standing


def _number(value: Any, name: str, *, lowest: float = 0.0) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise ControlError(400, "invalid", f"{name}: a number") from error
    if not lowest <= number < 1e9:
        raise ControlError(400, "invalid", f"{name}: not in range")
    return number


def _limit(request: Request, default: int = 100) -> int:
    return int(_number(request.query_params.get("limit", default), "limit", lowest=1))


def _truth(value: Any) -> bool:
    return value in (True, "true", "on", "1")


def _overview(world: World) -> list[BaseRoute]:
    async def health(request: Request) -> Response:
        return ok({"ok": world.alive}, 200 if world.alive else 503)

    async def page(request: Request) -> Response:
        return HTMLResponse(pages.playground(world, person_state))

    async def show(request: Request) -> Response:
        body: dict[str, Any] = {
            "clock": world.clock.describe(),
            "settings": world.settings.describe(),
            "people": world.people.count(),
            "agenda": world.agenda.count(),
            "deliveries": world.deliveries.counts(),
            "faults": world.faults.describe(),
            "calls": world.calls.count(),
        }
        return ok(body | {provider.name: provider.summary(world) for provider in world.providers})

    async def read_settings(request: Request) -> Response:
        return ok(world.settings.describe())

    async def change_settings(request: Request) -> Response:
        world.settings.update(await body_of(request))
        return ok(world.settings.describe())

    async def autopilot(request: Request) -> Response:
        world.settings.update({"autopilot": _truth((await body_of(request)).get("on"))})
        return ok(world.settings.describe())

    async def reset(request: Request) -> Response:
        body = await body_of(request)
        seed = body.get("seed", world.seed_name)
        if seed not in {None, "", "demo"}:
            raise ControlError(400, "invalid", "seed: demo or null")
        world.reset(seed=seed or None, keep_webhooks=_truth(body.get("keep_webhooks", False)))
        return ok({"reset": True})

    return [
        Route("/", controlled(world, page), methods=["GET"]),
        Route("/health", health, methods=["GET"]),
        Route("/state", controlled(world, show), methods=["GET"]),
        Route("/settings", controlled(world, read_settings), methods=["GET"]),
        Route("/settings", controlled(world, change_settings), methods=["PATCH"]),
        Route("/autopilot", controlled(world, autopilot), methods=["POST"]),
        Route("/reset", controlled(world, reset), methods=["POST"]),
    ]


def _clock(world: World) -> list[BaseRoute]:
    async def settled(body: dict[str, Any]) -> dict[str, Any]:
        seconds = _number(body.get("timeout_seconds", _SETTLE_SECONDS), "timeout_seconds")
        return {"settled": await world.settle(seconds)}

    async def show(request: Request) -> Response:
        return ok(world.clock.describe())

    async def change(request: Request) -> Response:
        world.clock.set_speed(_number((await body_of(request)).get("speed"), "speed"))
        return ok(world.clock.describe())

    async def jump(request: Request) -> Response:
        body = await body_of(request)
        units = {name: _number(body[name], name) for name in _JUMP_UNITS if name in body}
        if not units:
            raise ControlError(400, "invalid", f"give one of {', '.join(_JUMP_UNITS)}")
        world.clock.jump(sum(number * _JUMP_UNITS[name] for name, number in units.items()))
        extra = await settled(body) if _truth(body.get("settle", False)) else {}
        return ok(world.clock.describe() | extra)

    async def settle(request: Request) -> Response:
        return ok(await settled(await body_of(request)))

    async def agenda(request: Request) -> Response:
        return ok({"items": world.agenda.pending()})

    return [
        Route("/clock", controlled(world, show), methods=["GET"]),
        Route("/clock", controlled(world, change), methods=["POST"]),
        Route("/clock/jump", controlled(world, jump), methods=["POST"]),
        Route("/settle", controlled(world, settle), methods=["POST"]),
        Route("/agenda", controlled(world, agenda), methods=["GET"]),
    ]


def _action_of(world: World, person: Person, name: str, body: dict[str, Any]) -> PersonAction:
    """The action of the provider that the body names, else of the one that dealt with the person last on their
    channel.
    """
    named = body.get("provider")
    able = [
        provider
        for provider in world.providers
        if (provider.name == named if named else provider.channel == person.channel)
    ]
    having = [provider for provider in able if name in provider.actions]
    if not having:
        names = sorted({known for provider in able for known in provider.actions})
        raise ControlError(404, "not_found", f"unknown action; there are {', '.join(names)}")
    latest = max(having, key=lambda item: item.last_contact(world, person) if item.last_contact else 0.0)
    return latest.actions[name]


def _people(world: World) -> list[BaseRoute]:
    async def listing(request: Request) -> Response:
        people = world.people.known(request.query_params.get("query", ""), _limit(request))
        return ok({"items": [person_state(world, person) for person in people]})

    async def show(request: Request) -> Response:
        with world.store.transaction():
            person = world.people.meet(request.path_params["identifier"])
        return ok(person_state(world, person))

    async def change(request: Request) -> Response:
        body = await body_of(request)
        with world.store.transaction():
            person = world.people.override(request.path_params["identifier"], body)
        return ok(person_state(world, person))

    async def act(request: Request) -> Response:
        body = await body_of(request)
        with world.store.transaction():
            person = world.people.meet(request.path_params["identifier"])
            done = _action_of(world, person, request.path_params["action"], body)(world, person, body)
        return ok({"person": person.slug, "provider_id": person.provider_id} | done)

    return [
        Route("/people", controlled(world, listing), methods=["GET"]),
        Route("/people/{identifier}", controlled(world, show), methods=["GET"]),
        Route("/people/{identifier}", controlled(world, change), methods=["PATCH"]),
        Route("/people/{identifier}/{action}", controlled(world, act), methods=["POST"]),
    ]


def _faults(world: World) -> list[BaseRoute]:
    async def listing(request: Request) -> Response:
        return ok({"items": world.faults.describe(), "variants": sorted(world.variants())})

    async def add(request: Request) -> Response:
        fault = world.faults.add(fault_from(await body_of(request), world.variants()))
        return ok(next(item for item in world.faults.describe() if item["id"] == fault.id), 201)

    async def remove(request: Request) -> Response:
        with world.store.transaction():
            kinds = {item["id"]: item["kind"] for item in world.faults.describe()}
            gone = world.faults.remove(request.path_params.get("fault_id"))
            released = sum(world.deliveries.release([one], backwards=kinds[one] == "reorder") for one in gone)
        if not gone and "fault_id" in request.path_params:
            raise ControlError(404, "not_found", "no such fault")
        return ok({"removed": gone, "released": released})

    return [
        Route("/faults", controlled(world, listing), methods=["GET"]),
        Route("/faults", controlled(world, add), methods=["POST"]),
        Route("/faults", controlled(world, remove), methods=["DELETE"]),
        Route("/faults/{fault_id}", controlled(world, remove), methods=["DELETE"]),
    ]


def _logs(world: World) -> list[BaseRoute]:
    async def calls(request: Request) -> Response:
        query = request.query_params
        found = world.calls.find(
            provider=query.get("provider"),
            method=query.get("method"),
            path=query.get("path"),
            since_id=int(_number(query.get("since_id", 0), "since_id")),
            writes_only=_truth(query.get("writes", False)),
            limit=_limit(request),
        )
        return ok({"items": found, "total": world.calls.count()})

    async def clear(request: Request) -> Response:
        return ok({"cleared": world.calls.clear()})

    async def deliveries(request: Request) -> Response:
        query = request.query_params
        found = world.deliveries.find(
            state=query.get("state"), event=query.get("event"), limit=_limit(request)
        )
        return ok({"items": found, "counts": world.deliveries.counts()})

    async def redeliver(request: Request) -> Response:
        if not world.deliveries.redeliver(int(request.path_params["delivery_id"])):
            raise ControlError(404, "not_found", "no such delivery")
        return ok({"queued": True})

    return [
        Route("/calls", controlled(world, calls), methods=["GET"]),
        Route("/calls", controlled(world, clear), methods=["DELETE"]),
        Route("/deliveries", controlled(world, deliveries), methods=["GET"]),
        Route("/deliveries/{delivery_id:int}/redeliver", controlled(world, redeliver), methods=["POST"]),
    ]
