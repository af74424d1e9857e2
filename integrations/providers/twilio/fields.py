"""Tolerant readers of Twilio's values. Everything returned is fit for PostgreSQL: no NUL, no lone surrogates."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import parse_qsl

from integrations.errors import ErrorKind, ProviderError
from integrations.values import Raw
from project.core.storable import load_json, storable

PROVIDER: Final = "twilio"
SERVICE_PREFIX: Final = "MG"
"""What ids of messaging services begin with; numbers begin with ``+``."""
#: More than Twilio ever sends; a flood of fields is no call of Twilio's.
_MAX_FIELDS: Final = 300


def pairs(body: bytes) -> list[tuple[str, str]]:
    """Parse a form body into its fields, blank ones included, in their order; ``[]`` if it is no form."""
    try:
        text = body.decode("utf-8")
        return parse_qsl(text, keep_blank_values=True, max_num_fields=_MAX_FIELDS, errors="strict")
    except ValueError:
        return []


def load_form(body: bytes) -> Raw:
    """Parse a form body; of a repeated field the last one counts. Raises ``ProviderError`` of kind ``validation``."""
    found = dict(pairs(body))
    if not found:
        raise ProviderError(
            ErrorKind.VALIDATION, "The call's body is no form.", provider=PROVIDER, raw_type="malformed"
        )
    return dict(storable(found))


def load_object(body: bytes) -> Raw:
    """Parse a JSON object. Raises ``ProviderError`` of kind ``validation``."""
    try:
        data = load_json(body)
        if isinstance(data, dict):
            return dict(data)
    except (ValueError, RecursionError):
        data = None
    raise ProviderError(
        ErrorKind.VALIDATION, "The answer is no JSON object.", provider=PROVIDER, raw_type="malformed"
    )


def text(raw: Raw, *names: str) -> str:
    """Return the first of ``names`` that holds text or a number, as text; ``""`` if none does."""
    for name in names:
        value = raw.get(name)
        if isinstance(value, str) and value:
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
    return ""


def number(raw: Raw, name: str) -> int:
    """Return a count that comes as text or number; 0 for anything else."""
    value = text(raw, name)
    return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else 0


def mapping(value: Any) -> Raw:
    """Return ``value`` if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def objects(value: Any) -> list[Raw]:
    """Return the objects of a list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def moment(value: Any) -> datetime | None:
    """Read an RFC 2822 time (API of messages) or an ISO 8601 one (API of services), as UTC."""
    if not isinstance(value, str) or not value:
        return None
    try:
        parsed = datetime.fromisoformat(value) if value[:1].isdigit() else parsedate_to_datetime(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def normalise_text(value: str) -> str:
    """Return text as it is sent and compared: line ends and margins are settled."""
    return value.replace("\r\n", "\n").replace("\r", "\n").strip()
