"""Windows of budgets: which one an instant is in, when it ends, and the key that names a budget in a window.

Windows of accounts are those of the account's time zone; budgets that accounts share go by UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from integrations.models import LimitScope, LimitWindow, SenderAccount


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def zone_of(sender: SenderAccount) -> ZoneInfo:
    """Return the sender's time zone; UTC where the stored name is not one."""
    return _zone(sender.time_zone)


def day_of(sender: SenderAccount, at: datetime) -> date:
    """Return the sender's calendar day at ``at``."""
    return at.astimezone(zone_of(sender)).date()


def next_day_starts(sender: SenderAccount, at: datetime) -> datetime:
    """Return when the sender's next calendar day begins, in UTC."""
    return resets_at(LimitWindow.DAY, at, zone_of(sender))


def monday_of(day: date) -> date:
    """Return the first day of the week that ``day`` is in."""
    return day - timedelta(days=day.weekday())


def period_of(window: str, at: datetime, zone: Any = UTC) -> tuple[str, date]:
    """Return the name of the window that ``at`` is in and its first day. Hours are always those of UTC."""
    if window == LimitWindow.HOUR:
        moment = at.astimezone(UTC)
        return moment.strftime("%Y-%m-%dT%H"), moment.date()
    day = at.astimezone(zone).date()
    if window == LimitWindow.WEEK:
        day = monday_of(day)
    return day.isoformat(), day


def resets_at(window: str, at: datetime, zone: Any = UTC) -> datetime:
    """Return when the window that ``at`` is in ends, in UTC."""
    if window == LimitWindow.HOUR:
        return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    _name, first = period_of(window, at, zone)
    following = first + timedelta(days=7 if window == LimitWindow.WEEK else 1)
    return datetime.combine(following, time(), zone).astimezone(UTC)


def key_of(scope: str, subject: str, action: str, window: str, period: str) -> str:
    """Return the name of a budget in a window (``RateUsage.key``)."""
    return f"{scope}:{subject}:{action}:{window}:{period}"


def covers(reservation: Mapping[str, Any] | None, sender: SenderAccount, at: datetime) -> bool:
    """Return whether the units of a reservation are those of the windows that ``at`` is in."""
    if not reservation:
        return False
    for key in reservation["keys"]:
        scope, rest = key.split(":", 1)
        window, period = rest.rsplit(":", 2)[1:]
        zone = zone_of(sender) if scope == LimitScope.SENDER else UTC
        if period_of(window, at, zone)[0] != period:
            return False
    return True
