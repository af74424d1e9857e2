"""Reading Unipile's query and body parameters as strictly as Unipile does (docs/providers/unipile.md, 1)."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

from integrations.sandbox.gateway import Call
from integrations.sandbox.unipile.errors import refusal

_DATE = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z\Z")


def text(call: Call, name: str) -> str | None:
    """A query parameter, or ``None`` if absent or empty."""
    return (call.query.get(name) or [""])[-1] or None


def required(call: Call, name: str) -> str:
    """A query parameter that must be there (400 missing_parameters)."""
    value = text(call, name)
    if value is None:
        raise refusal("missing_parameters", call.path, f"{name} is required.")
    return value


def limit(call: Call, highest: int, default: int, lowest: int = 1) -> int:
    """The page size within the route's own bounds (400 invalid_parameters)."""
    value = text(call, "limit")
    if value is None:
        return default
    if not value.isascii() or not value.isdigit() or not lowest <= int(value) <= highest:
        raise refusal("invalid_parameters", call.path, f"limit must be between {lowest} and {highest}.")
    return int(value)


def date(call: Call, name: str) -> str | None:
    """A ``before``/``after`` filter: three millisecond digits and ``Z`` are mandatory."""
    value = text(call, name)
    if value is not None and not _DATE.match(value):
        raise refusal("invalid_parameters", call.path, f"{name} must match YYYY-MM-DDTHH:MM:SS.sssZ.")
    return value


def is_date(value: Any) -> bool:
    """Whether a body value is a date in Unipile's spelling."""
    return isinstance(value, str) and bool(_DATE.match(value))


def flag(call: Call, name: str) -> bool | None:
    """A boolean filter."""
    value = text(call, name)
    if value not in {None, "true", "false", "1", "0"}:
        raise refusal("invalid_parameters", call.path, f"{name} must be a boolean.")
    return None if value is None else value in {"true", "1"}


def cursor(call: Call) -> list[Any] | None:
    """The position behind an opaque cursor (400 if it is not one of ours)."""
    value = text(call, "cursor")
    if value is None:
        return None
    try:
        position = json.loads(base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)))
    except ValueError:
        position = None
    if not isinstance(position, list):
        raise refusal("invalid_parameters", call.path, "cursor is invalid.")
    return position


def encode_cursor(position: list[Any]) -> str:
    """An opaque cursor for a position."""
    return base64.urlsafe_b64encode(json.dumps(position, separators=(",", ":")).encode()).decode().rstrip("=")


def keyset(call: Call) -> tuple[str, int]:
    """(timestamp, sequence) after which a newest-first list goes on; above everything without a cursor."""
    position = cursor(call)
    if position is None:
        return "9999", 0
    match position:
        case [str(at), int(sequence)]:
            return at, sequence
    raise refusal("invalid_parameters", call.path, "cursor is invalid.")


def offset(call: Call) -> int:
    """How many items earlier pages had."""
    position = cursor(call)
    match position:
        case None:
            return 0
        case [int(number)] if number >= 0:
            return number
    raise refusal("invalid_parameters", call.path, "cursor is invalid.")


def body(call: Call) -> dict[str, Any]:
    """The JSON object of the call (400 malformed_request)."""
    if call.malformed or not isinstance(call.json, dict):
        raise refusal("malformed_request", call.path, "A JSON object is expected.")
    return call.json


def body_text(call: Call, name: str, *, needed: bool = True) -> str:
    """A text of the JSON body; empty if absent and not ``needed``."""
    value = body(call).get(name)
    if value is None or value == "":
        if needed:
            raise refusal("missing_parameters", call.path, f"{name} is required.")
        return ""
    if not isinstance(value, str):
        raise refusal("invalid_parameters", call.path, f"{name} must be a string.")
    return value


def multipart(call: Call) -> None:
    """Sends take multipart/form-data only; a JSON body fails (docs/providers/unipile.md, 8.6)."""
    if call.content_type != "multipart/form-data":
        raise refusal("unsupported_media_type", call.path)
    if call.malformed:
        raise refusal("malformed_request", call.path)


def part(call: Call, name: str) -> str:
    """A multipart field, or an empty text."""
    return (call.fields.get(name) or [""])[-1]


def listing(name: str, items: list[Any], next_cursor: str | None) -> dict[str, Any]:
    """A list answer."""
    return {"object": name, "items": items, "cursor": next_cursor}
