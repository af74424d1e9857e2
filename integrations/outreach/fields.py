"""Tolerant readers of what campaign providers answer: bare lists or envelopes, counters as text, empty bodies.

Everything returned is fit for PostgreSQL: no NUL, no lone surrogates.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

from integrations.errors import ErrorKind, ProviderError
from integrations.values import Raw
from project.core.storable import load_json, storable

MASKED: Final = "[masked]"


def load_lenient(body: bytes) -> Any:
    """Return the JSON value of a body, its text where it is none, and ``None`` for an empty one."""
    content = body.decode("utf-8", "replace").strip()
    if not content:
        return None
    if content[0] in '{["-0123456789tfn':
        try:
            return load_json(content.encode())
        except (ValueError, RecursionError):
            return storable(content)
    return storable(content)


def load_call(body: bytes, provider: str) -> Raw:
    """Parse the JSON object of an inbound call. Raises ``ProviderError`` of kind ``validation``."""
    try:
        data = load_json(body)
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise ProviderError(
            ErrorKind.VALIDATION, "The call is no JSON object.", provider=provider, raw_type="malformed"
        )
    return dict(data)


def mapping(value: Any) -> Raw:
    """Return ``value`` if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def objects(value: Any) -> list[Raw]:
    """Return the objects of a list; ``[]`` for anything else."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def listing(value: Any, *names: str) -> list[Raw]:
    """Return the list in a body: bare, or in an envelope under one of ``names`` (which may nest)."""
    if isinstance(value, list):
        return objects(value)
    for name in names:
        inner = mapping(value).get(name)
        if isinstance(inner, list | dict):
            return listing(inner, *names)
    return []


def asked_list(provider: str, value: Any, *names: str) -> list[Raw]:
    """Return the list in the answer to a call that asks for one; nothing where the answer is empty.

    Raises ``ProviderError`` of kind ``validation`` for words, or an object without any of ``names``: taken for an empty
    list, it would say that everything there is gone.
    """
    if value is None or isinstance(value, list) or any(name in mapping(value) for name in names):
        return listing(value, *names)
    said = value if isinstance(value, str) else ", ".join(map(str, mapping(value))) or type(value).__name__
    raise ProviderError(
        ErrorKind.VALIDATION,
        f"The answer is no list: {said[:200]}",
        provider=provider,
        raw_type="no_list",
    )


def text(raw: Raw, *names: str) -> str:
    """Return the first of ``names`` that holds text or a whole number, as text; ``""`` if none does."""
    for name in names:
        value = raw.get(name)
        if isinstance(value, str) and value.strip():
            return value.strip()
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
    return ""


def count(raw: Raw, *names: str) -> int | None:
    """Return the first counter of ``names``, whether it comes as number or as text; ``None`` if there is none."""
    for name in names:
        value = raw.get(name)
        if isinstance(value, bool):
            continue
        if isinstance(value, int | float):
            return int(value)
        if isinstance(value, str):
            try:
                return int(float(value.strip().rstrip("%")))
            except (ValueError, OverflowError):
                continue
    return None


def flag(value: Any) -> bool | None:
    """Return a truth that may come as text or number; ``None`` where it is not said."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return bool(value)
    if isinstance(value, str) and value.strip():
        return value.strip().lower() in {"true", "1", "yes"}
    return None


def moment(value: Any) -> datetime | None:
    """Return an ISO 8601 time as UTC (without a zone it is UTC already); ``None`` for anything else."""
    if not isinstance(value, str) or not value.strip():
        return None
    try:
        parsed = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    try:
        return parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    except OverflowError:
        return None


def first_moment(raw: Raw, *names: str) -> datetime | None:
    """Return the first readable time of ``names``."""
    return next((found for name in names if (found := moment(raw.get(name))) is not None), None)


def address(value: str) -> str:
    """Return an e-mail address as it is compared."""
    return value.strip().lower()


def without(raw: Raw, names: Iterable[str]) -> Raw:
    """Return ``raw`` with the values of secret fields masked, at any depth."""
    hidden = frozenset(names)

    def masked(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: MASKED if key in hidden and item else masked(item) for key, item in value.items()}
        return [masked(item) for item in value] if isinstance(value, list) else value

    return dict(masked(raw))
