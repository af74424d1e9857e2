"""Webhook subscriptions: create, list, delete; there is no update and no deduplication (sheet, section 6)."""

from __future__ import annotations

import json
from typing import Any

from integrations.sandbox.gateway import Answer, Call
from integrations.sandbox.store import Row
from integrations.sandbox.unipile import params, state
from integrations.sandbox.unipile.errors import refusal
from integrations.sandbox.unipile.events import SOURCES
from integrations.sandbox.world import World


def create(world: World, call: Call) -> Answer:
    """``POST /webhooks``."""
    spec = params.body(call)
    source, url = params.body_text(call, "source"), params.body_text(call, "request_url")
    if source not in SOURCES:
        raise refusal("invalid_parameters", call.path, f"source must be one of {', '.join(SOURCES)}.")
    if not url.startswith(("http://", "https://")):
        raise refusal("invalid_parameters", call.path, "request_url must be an http(s) address.")
    known, usual = SOURCES[source]
    events = spec.get("events", list(usual))
    if not isinstance(events, list) or not events or not set(map(str, events)) <= set(known):
        raise refusal("invalid_parameters", call.path, f"events must be some of {', '.join(known)}.")
    form = spec.get("format", "json")
    if form not in {"json", "form"}:
        raise refusal("invalid_parameters", call.path, "format must be json or form.")
    identifier = f"we_{state.token()}"
    world.store.insert(
        "unipile_webhooks",
        id=identifier,
        source=source,
        request_url=url,
        name=str(spec.get("name") or ""),
        format=form,
        account_ids=_accounts(world, call, spec),
        enabled=int(spec.get("enabled") is not False),
        headers=_pairs(call, spec, "headers", ("key", "value")),
        data=_pairs(call, spec, "data", ("name", "key")),
        events=json.dumps(events),
    )
    call.wrote("webhook", webhook_id=identifier, source=source, request_url=url)
    return Answer({"object": "WebhookCreated", "webhook_id": identifier}, 201)


def _accounts(world: World, call: Call, spec: dict[str, Any]) -> str | None:
    wanted = spec.get("account_ids")
    if not wanted:
        return None
    if not isinstance(wanted, list) or not all(isinstance(item, str) for item in wanted):
        raise refusal("invalid_parameters", call.path, "account_ids must be a list of strings.")
    if any(state.account(world, item) is None for item in wanted):
        raise refusal("resource_not_found", call.path, "Account not found.")
    return json.dumps(wanted)


def _pairs(call: Call, spec: dict[str, Any], name: str, keys: tuple[str, str]) -> str:
    pairs = spec.get(name) or []
    fits = isinstance(pairs, list) and all(
        isinstance(pair, dict)
        and set(pair) == set(keys)
        and all(isinstance(value, str) for value in pair.values())
        for pair in pairs
    )
    if not fits:
        raise refusal("invalid_parameters", call.path, f"{name} must be a list of {{{keys[0]}, {keys[1]}}}.")
    return json.dumps(pairs)


def list_webhooks(world: World, call: Call) -> Answer:
    """``GET /webhooks``: here ``account_ids`` are objects; header values come back as they were given."""
    size, start = params.limit(call, 250, 100), params.offset(call)
    rows = world.store.all("SELECT * FROM unipile_webhooks ORDER BY seq LIMIT ? OFFSET ?", size + 1, start)
    more = params.encode_cursor([start + size]) if len(rows) > size else None
    return Answer(params.listing("WebhookList", [_shape(world, row) for row in rows[:size]], more))


def _shape(world: World, row: Row) -> dict[str, Any]:
    accounts = [state.account(world, item) for item in json.loads(row["account_ids"] or "[]")]
    return {
        "object": "Webhook",
        "id": row["id"],
        "account_ids": [
            {"id": seat["id"], "name": seat["name"], "type": "LINKEDIN"} for seat in accounts if seat
        ],
        "enabled": bool(row["enabled"]),
        "name": row["name"],
        "request_url": row["request_url"],
        "format": row["format"],
        "headers": json.loads(row["headers"]),
        "data": json.loads(row["data"]),
        "source": row["source"],
        "events": json.loads(row["events"]),
        "type": "AUTO",
    }


def delete(world: World, call: Call) -> Answer:
    """``DELETE /webhooks/{id}``."""
    identifier = call.parameters["webhook_id"]
    if not world.store.run("DELETE FROM unipile_webhooks WHERE id = ?", identifier):
        raise refusal("resource_not_found", call.path, "Webhook not found.")
    call.wrote("webhook_deleted", webhook_id=identifier)
    return Answer({"object": "WebhookDeleted"})
