"""Lists that are read day by day: which day (UTC) a page is, and which one comes after it. No Django imports."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


def page(since: datetime, until: datetime, cursor: str | None) -> tuple[datetime, datetime]:
    """Return the first day of the window and the day of the page ``cursor``, the window's last one without."""
    first = _midnight(since)
    if cursor:
        return first, datetime.fromisoformat(cursor).replace(tzinfo=UTC)
    # A window that ends at midnight does not touch the day that begins then.
    return first, _midnight(until - timedelta(microseconds=1))


def following(first: datetime, day: datetime) -> str | None:
    """Return the cursor of the page after that of ``day``: the day before it, ``None`` after the first one."""
    return (day - timedelta(days=1)).date().isoformat() if day > first else None


def _midnight(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
