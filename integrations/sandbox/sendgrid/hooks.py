"""Webhook settings: event webhooks with their keys, Inbound Parse hosts, security policies."""

from __future__ import annotations

import json
from typing import Any

from integrations.sandbox.gateway import Answer, Call
from integrations.sandbox.sendgrid import events, signing, state
from integrations.sandbox.sendgrid.answers import body_of, empty, refusal, text_of
from integrations.sandbox.store import Row
from integrations.sandbox.world import World

_FLAGS = (
    "enabled", "processed", "dropped", "deferred", "delivered", "bounce", "open", "click", "spam_report",
    "unsubscribe", "group_unsubscribe", "group_resubscribe",
)  # fmt: skip
MAX_WEBHOOKS = 5


def _hook(world: World, call: Call) -> Row:
    row = world.store.one("SELECT * FROM sendgrid_event_webhooks WHERE id = ?", call.parameters["webhook_id"])
    if row is None:
        raise refusal(404, "webhook not found")
    return row


def _described(row: Row) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(row["body"]) | {"id": row["id"]}
    if row["key"]:
        found["public_key"] = signing.public_half(row["key"])
    return found


def list_events(world: World, call: Call) -> Answer:
    """``GET /user/webhooks/event/settings/all``."""
    rows = world.store.all("SELECT * FROM sendgrid_event_webhooks ORDER BY rowid")
    return Answer({"max_allowed": MAX_WEBHOOKS, "webhooks": [_described(row) for row in rows]})


def create_event(world: World, call: Call) -> Answer:
    """``POST /user/webhooks/event/settings``."""
    body = body_of(call)
    if not text_of(body, "url").startswith(("http://", "https://")):
        raise refusal(400, "url must be an http(s) address", "url")
    if world.store.value("SELECT COUNT(*) FROM sendgrid_event_webhooks") >= MAX_WEBHOOKS:
        raise refusal(403, "you have reached the number of allowed webhooks")
    kept: dict[str, Any] = {name: bool(body.get(name)) for name in _FLAGS}
    kept |= {"url": body["url"], "friendly_name": text_of(body, "friendly_name", required=False)}
    identifier = f"wh_{state.token(12)}"
    world.store.insert("sendgrid_event_webhooks", id=identifier, body=json.dumps(kept))
    call.wrote("webhook", id=identifier)
    return Answer(kept | {"id": identifier}, 201)


def get_event(world: World, call: Call) -> Answer:
    """``GET .../settings/{id}``."""
    return Answer(_described(_hook(world, call)))


def change_event(world: World, call: Call) -> Answer:
    """``PATCH .../settings/{id}``."""
    row, body = _hook(world, call), body_of(call)
    changed = {name: body[name] for name in (*_FLAGS, "url", "friendly_name") if name in body}
    kept = json.loads(row["body"]) | changed
    world.store.run("UPDATE sendgrid_event_webhooks SET body = ? WHERE id = ?", json.dumps(kept), row["id"])
    return Answer(kept | {"id": row["id"]})


def delete_event(world: World, call: Call) -> Answer:
    """``DELETE .../settings/{id}``."""
    world.store.run("DELETE FROM sendgrid_event_webhooks WHERE id = ?", _hook(world, call)["id"])
    return empty()


def get_signed(world: World, call: Call) -> Answer:
    """``GET .../settings/signed/{id}``."""
    row = _hook(world, call)
    return Answer({"id": row["id"], "public_key": signing.public_half(row["key"]) if row["key"] else ""})


def set_signed(world: World, call: Call) -> Answer:
    """``PATCH .../settings/signed/{id}``: enabling makes a key, disabling forgets it."""
    row, enabled = _hook(world, call), body_of(call).get("enabled")
    if not isinstance(enabled, bool):
        raise refusal(400, "enabled must be a boolean", "enabled")
    key = (row["key"] or signing.new_key()) if enabled else ""
    world.store.run("UPDATE sendgrid_event_webhooks SET key = ? WHERE id = ?", key, row["id"])
    return Answer({"id": row["id"], "public_key": signing.public_half(key) if key else ""})


def list_hosts(world: World, call: Call) -> Answer:
    """``GET /user/webhooks/parse/settings``."""
    rows = world.store.all("SELECT * FROM sendgrid_parse_webhooks ORDER BY hostname")
    return Answer({"result": [_host(row) for row in rows]})


def _host(row: Row) -> dict[str, Any]:
    return {
        "url": row["url"],
        "hostname": row["hostname"],
        "spam_check": bool(row["spam_check"]),
        "send_raw": bool(row["send_raw"]),
        "security_policy": row["policy"] or None,
    }


def _known_host(world: World, call: Call) -> Row:
    row = world.store.one(
        "SELECT * FROM sendgrid_parse_webhooks WHERE hostname = ?", call.parameters["hostname"].lower()
    )
    if row is None:
        raise refusal(404, "parse setting not found")
    return row


def create_host(world: World, call: Call) -> Answer:
    """``POST /user/webhooks/parse/settings``."""
    body = body_of(call)
    host = text_of(body, "hostname").lower()
    if world.store.value("SELECT 1 FROM sendgrid_parse_webhooks WHERE hostname = ?", host):
        raise refusal(400, "hostname is in use already", "hostname")
    _store_host(world, host, {"url": text_of(body, "url"), **body})
    call.wrote("parse_setting", hostname=host)
    row = world.store.one("SELECT * FROM sendgrid_parse_webhooks WHERE hostname = ?", host)
    assert row is not None
    return Answer(_host(row), 201)


def _store_host(world: World, host: str, body: dict[str, Any]) -> None:
    policy = str(body.get("security_policy") or "")
    if policy and not world.store.value("SELECT 1 FROM sendgrid_policy_webhooks WHERE id = ?", policy):
        raise refusal(400, "security policy not found", "security_policy")
    world.store.run(
        "INSERT OR REPLACE INTO sendgrid_parse_webhooks (hostname, url, send_raw, spam_check, policy)"
        " VALUES (?, ?, ?, ?, ?)",
        host,
        body["url"],
        int(bool(body.get("send_raw"))),
        int(bool(body.get("spam_check"))),
        policy,
    )


def change_host(world: World, call: Call) -> Answer:
    """``PATCH /user/webhooks/parse/settings/{hostname}``."""
    row = _known_host(world, call)
    _store_host(world, row["hostname"], _host(row) | body_of(call))
    return Answer(_host(_known_host(world, call)))


def get_host(world: World, call: Call) -> Answer:
    """``GET /user/webhooks/parse/settings/{hostname}``."""
    return Answer(_host(_known_host(world, call)))


def delete_host(world: World, call: Call) -> Answer:
    """``DELETE /user/webhooks/parse/settings/{hostname}``."""
    row = _known_host(world, call)
    world.store.run("DELETE FROM sendgrid_parse_webhooks WHERE hostname = ?", row["hostname"])
    return empty()


def list_policies(world: World, call: Call) -> Answer:
    """``GET /user/webhooks/security/policies``."""
    rows = world.store.all("SELECT * FROM sendgrid_policy_webhooks ORDER BY rowid")
    return Answer({"policies": [_policy(row["id"], row["name"], row["key"]) for row in rows]})


def _policy(identifier: str, name: str, key: str) -> dict[str, Any]:
    return {"id": identifier, "name": name, "signature": {"public_key": signing.public_half(key)}}


def create_policy(world: World, call: Call) -> Answer:
    """``POST /user/webhooks/security/policies``."""
    body = body_of(call)
    name = text_of(body, "name")
    if (body.get("signature") or {}).get("enabled") is not True:
        raise refusal(400, "signature or oauth is required", "signature")
    identifier, key = f"pol_{state.token(12)}", signing.new_key()
    world.store.insert("sendgrid_policy_webhooks", id=identifier, name=name, key=key)
    call.wrote("security_policy", id=identifier)
    return Answer({"policy": _policy(identifier, name, key)}, 201)


def test_event(world: World, call: Call) -> Answer:
    """``POST /user/webhooks/event/test``: a sample about nobody's mail."""
    text_of(body_of(call), "url")
    row = world.store.one("SELECT * FROM sendgrid_messages ORDER BY id DESC LIMIT 1")
    if row is not None:
        events.tell(world, row, "processed")
    return empty()
