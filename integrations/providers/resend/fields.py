"""Tolerant readers of Resend's values. Everything returned is fit for PostgreSQL: no NUL, no lone surrogates."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parseaddr
from typing import Any, Final

from integrations.errors import ErrorKind, ProviderError
from integrations.values import Raw
from project.core.storable import load_json

PROVIDER: Final = "resend"


def load_object(body: bytes) -> Raw:
    """Parse a JSON object. Raises ``ProviderError`` of kind ``validation``."""
    try:
        data = load_json(body)
        if isinstance(data, dict):
            return dict(data)
    except (ValueError, RecursionError):
        data = None
    raise ProviderError(
        ErrorKind.VALIDATION, "The body is no JSON object.", provider=PROVIDER, raw_type="malformed"
    )


def text(raw: Raw, *names: str) -> str:
    """Return the first of ``names`` that holds text, ``""`` if none does."""
    return next((raw[name] for name in names if isinstance(raw.get(name), str) and raw[name]), "")


def mapping(value: Any) -> Raw:
    """Return ``value`` if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def objects(value: Any) -> list[Raw]:
    """Return the objects of a list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def addresses(value: Any) -> list[str]:
    """Return the plain addresses, in lower case, of one address or a list, with or without names."""
    given = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    found = [parseaddr(item)[1].lower() for item in given if isinstance(item, str)]
    return [address for address in found if address]


def tags(value: Any) -> dict[str, str]:
    """Return tags by name: calls carry an object, requests and records a list of names and values."""
    if isinstance(value, dict):
        return {name: item for name, item in value.items() if isinstance(item, str)}
    return {text(item, "name"): text(item, "value") for item in objects(value) if text(item, "name")}


def moment(value: Any) -> datetime | None:
    """Read an ISO 8601 text as UTC."""
    if not isinstance(value, str) or not value:
        return None
    try:
        parsed = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    try:
        return parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    except OverflowError:
        return None


def normalise_text(value: str) -> str:
    """Return text as it is compared: line ends and margins settled."""
    return value.replace("\r\n", "\n").replace("\r", "\n").strip()
