"""SendGrid's way to refuse: ``errors`` with message and field, and who may call."""

from __future__ import annotations

import hmac
from typing import Any

from integrations.sandbox.faults import Fault
from integrations.sandbox.gateway import Answer, Call, Refusal
from integrations.sandbox.world import World

_WORDS = {
    401: "authorization required",
    403: "access forbidden",
    404: "not found",
    413: "payload too large",
    429: "too many requests",
}


def refusal(status: int, message: str, field: str | None = None) -> Refusal:
    """A refusal with one error."""
    return Refusal(Answer({"errors": [{"message": message, "field": field, "help": None}]}, status))


def authenticate(world: World, call: Call) -> None:
    """``Authorization: Bearer`` must hold one of the sandbox's keys."""
    given = call.headers.get("authorization", "").removeprefix("Bearer ").encode()
    if not any(hmac.compare_digest(given, key.encode()) for key in world.settings["api_keys"]):
        raise refusal(401, "The provided authorization grant is invalid, expired, or revoked")


def fault_answer(fault: Fault, path: str) -> Answer:
    """What SendGrid answers when it fails on demand; ``detail`` and ``type`` are message and field."""
    headers = {"Retry-After": fault.retry_after} if fault.retry_after else {}
    message = fault.detail or _WORDS.get(fault.status, "internal server error")
    return Answer({"errors": [{"message": message, "field": fault.type or None}]}, fault.status, headers)


def empty(status: int = 204, **headers: str) -> Answer:
    """An answer without a body."""
    return Answer(status=status, content=b"", headers=headers)


def body_of(call: Call) -> dict[str, Any]:
    """The JSON object of a call."""
    if call.malformed or not isinstance(call.json, dict):
        raise refusal(400, "The JSON payload you have provided is invalid.")
    return call.json


def text_of(body: dict[str, Any], name: str, *, required: bool = True) -> str:
    """A text field of a body."""
    value = body.get(name)
    if value is None and not required:
        return ""
    if not isinstance(value, str) or (required and not value):
        raise refusal(400, f"{name} is required", name)
    return value


def number(call: Call, name: str, default: int, most: int) -> int:
    """A number of the query, within bounds."""
    given = (call.query.get(name) or [""])[0]
    if given and not given.isdigit():
        raise refusal(400, f"{name} must be a number", name)
    return min(int(given) if given else default, most)
