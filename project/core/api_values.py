"""Values that operations of the JSON API take, in the one form in which they can be stored."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime


def _in_utc(value: datetime) -> datetime:
    """PostgreSQL refuses offsets from sixteen hours on; some instants have no year in UTC."""
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("This time is out of range.") from error


#: A time with its offset, as UTC.
Instant = Annotated[AwareDatetime, AfterValidator(_in_utc)]
