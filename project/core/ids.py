"""Identifiers: UUID version 7, so that primary keys sort by creation time and index well."""

from __future__ import annotations

import uuid
from datetime import datetime

from uuid_utils.compat import uuid7 as _uuid7


def uuid7() -> uuid.UUID:
    """Return a new time-ordered UUID (RFC 9562, version 7)."""
    return _uuid7()


def first_uuid7(at: datetime) -> uuid.UUID:
    """The lowest id that one made at this instant can have: what is below was made before it."""
    return uuid.UUID(int=int(at.timestamp() * 1000) << 80)


def parse_uuid(value: object) -> uuid.UUID | None:
    """Return ``value`` as a UUID, or ``None`` when it is not one (never raises on user input)."""
    if isinstance(value, uuid.UUID):
        return value
    try:
        return uuid.UUID(str(value))
    except ValueError:
        return None
