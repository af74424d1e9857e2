"""LinkedIn search, its parameters, and the InMail balance (docs/providers/unipile.md, 4)."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from random import Random
from typing import Any

from integrations.sandbox.gateway import Answer, Call
from integrations.sandbox.people import Person
from integrations.sandbox.population import COMPANIES, FIRST_NAMES, LAST_NAMES, PLACES, ROLES
from integrations.sandbox.store import Row
from integrations.sandbox.unipile import access, params, shapes, state
from integrations.sandbox.unipile.errors import refusal
from integrations.sandbox.world import World

_APIS = {"classic": {"people", "companies", "posts", "jobs"}, "sales_navigator": {"people", "companies"},
         "recruiter": {"people"}}  # fmt: skip
_PARAMETERS = {"LOCATION": PLACES, "COMPANY": COMPANIES, "JOB_TITLE": ROLES}


def search(world: World, call: Call) -> Answer:
    """``POST /linkedin/search``: the same question finds the same people every time."""
    seat = access.live_seat(world, call)
    spec = dict(params.body(call))
    if isinstance(spec.get("cursor"), str):  # a cursor too long for a query string comes in the body
        call.query["cursor"] = [spec["cursor"]]
    size, position = params.limit(call, 100, 10, lowest=0), params.cursor(call)
    start = 0
    match position:
        case [int(number), dict(remembered)]:
            start, spec = number, remembered
        case None:
            spec = _checked(call, spec)
        case _:
            raise refusal("invalid_parameters", call.path, "cursor is invalid.")
    if spec["api"] != "classic" and spec["api"] not in state.features(seat):
        raise refusal("feature_not_subscribed", call.path)
    if spec["category"] != "people":
        raise refusal("feature_not_implemented", call.path, "The sandbox searches people only.")
    total, found = _matches(world, seat, spec, start, size)
    end = start + len(found)
    return Answer(
        {
            "object": "LinkedinSearch",
            "items": [_result(world, seat, person, spec["api"]) for person in found],
            "config": {"params": spec},
            "paging": {"start": start, "page_count": len(found), "total_count": total},
            "cursor": params.encode_cursor([end, spec]) if found and end < total else None,
        }
    )


def _checked(call: Call, spec: dict[str, Any]) -> dict[str, Any]:
    url = spec.get("url")
    if isinstance(url, str) and url:
        api = "sales_navigator" if "/sales/" in url else "recruiter" if "/talent/" in url else "classic"
        return {"api": api, "category": "people", "url": url}
    if spec.get("category") not in _APIS.get(str(spec.get("api")), set()):
        raise refusal("invalid_parameters", call.path, "api and category do not fit together.")
    return spec


def _matches(
    world: World, seat: Row, spec: dict[str, Any], start: int, size: int
) -> tuple[int, list[Person]]:
    """(how many there are in all, the page). Distance 1 alone searches the seat's own connections."""
    if spec.get("network_distance") == [1]:
        rows = world.store.all(
            "SELECT provider_id FROM unipile_relations WHERE account_id = ? ORDER BY seq DESC", seat["id"]
        )
        return len(rows), [world.people.meet(row["provider_id"]) for row in rows[start : start + size]]
    key = hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()
    total = Random(key).randrange(40, 400)  # noqa: S311 - a game, not a secret
    return total, [world.people.meet(_slug(key, place)) for place in range(start, min(start + size, total))]


def _slug(key: str, place: int) -> str:
    rng = Random(f"{key}|{place}")  # noqa: S311 - a game, not a secret
    name = f"{rng.choice(FIRST_NAMES)}-{rng.choice(LAST_NAMES)}".lower()
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return f"{plain}-{rng.randrange(1000, 9999)}"


def _result(world: World, seat: Row, person: Person, api: str) -> dict[str, Any]:
    classic = api == "classic"
    pending = state.invitation(world, seat["id"], person.provider_id)
    return {
        "object": "SearchResult",
        "type": "PEOPLE",
        "id": person.provider_id if classic else f"ACw{person.provider_id[3:]}",
        "public_identifier": person.slug if classic else None,
        "public_profile_url": shapes.profile_url(person) if classic else None,
        "profile_url": shapes.profile_url(person)
        if classic
        else f"https://www.linkedin.com/sales/lead/ACw{person.provider_id[3:]}",
        "profile_picture_url": None,
        "profile_picture_url_large": None,
        "member_urn": person.member_urn,
        "name": person.name,
        "network_distance": shapes.distance(world, seat, person),
        "location": person.location,
        "industry": None,
        "headline": person.headline,
        "pending_invitation": pending is not None and pending["status"] == "PENDING",
        "premium": person.is_premium,
        "open_profile": person.is_open_profile,
        "current_positions": [
            {"company": person.company, "company_id": str(person.member_number % 90000), "role": person.role,
             "description": None, "location": None, "industry": [], "skills": None, "tenure_at_role": {"years": 2}}
        ],
    }  # fmt: skip


def parameters(world: World, call: Call) -> Answer:
    """``GET /linkedin/search/parameters``: ids for the filters."""
    access.live_seat(world, call)
    kind, words = params.required(call, "type"), (params.text(call, "keywords") or "").casefold()
    titles = [title for title in _PARAMETERS.get(kind, ()) if words in title.casefold()]
    size = params.limit(call, 100, 10)
    items = [
        {
            "object": "LinkedinSearchParameter",
            "id": str(int(hashlib.sha256(f"{kind}|{title}".encode()).hexdigest()[:7], 16)),
            "title": title,
        }
        for title in titles[:size]
    ]
    paging = {"page_count": len(items)}
    return Answer({"object": "LinkedinSearchParametersList", "items": items, "paging": paging})


def inmail_balance(world: World, call: Call) -> Answer:
    """``GET /linkedin/inmail_balance``."""
    seat = access.live_seat(world, call)
    owned = state.features(seat)
    return Answer(
        {
            "object": "LinkedinInmailBalance",
            "premium": seat["inmail_credits"] if "premium" in owned else None,
            "recruiter": seat["inmail_credits"] if "recruiter" in owned else None,
            "sales_navigator": seat["inmail_credits"] if "sales_navigator" in owned else None,
        }
    )
