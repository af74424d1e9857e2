"""ISO 8601 durations as plans use them, and adding them to an instant.

Accepted: ``P[n]W``, ``P[n]DT[n]H[n]M[n]S`` and parts of the latter, whole numbers only, more than zero and at
most 180 days. Years and months have no fixed length and are refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from campaigns.scheduling.calendars import Calendar
from campaigns.scheduling.zones import to_instant

MAX_DURATION = timedelta(days=180)

_PATTERN = re.compile(
    r"P(?:(?P<weeks>\d{1,9})W|(?:(?P<days>\d{1,9})D)?"
    r"(?P<time>T(?:(?P<hours>\d{1,9})H)?(?:(?P<minutes>\d{1,9})M)?(?:(?P<seconds>\d{1,9})S)?)?)",
    re.ASCII,
)


class InvalidDuration(ValueError):
    """The text is not a duration that a plan may use; the message says why, in plain words."""


@dataclass(frozen=True, slots=True)
class Duration:
    """Whole calendar days and an elapsed remainder; the two are added by different rules."""

    days: int
    elapsed: timedelta
    in_weeks: bool = False

    @property
    def nominal(self) -> timedelta:
        """The length with each day taken as 24 hours, to compare durations with each other."""
        return timedelta(days=self.days) + self.elapsed


@lru_cache(maxsize=4096)
def parse_duration(text: str) -> Duration:
    """Parse ``text``; raise ``InvalidDuration`` with a plain reason when it is not acceptable."""
    match = _PATTERN.fullmatch(text)
    if match is None or match["time"] == "T" or text == "P":
        if text.startswith("P") and re.search(r"\d[YM]", text.partition("T")[0]):
            raise InvalidDuration("Years and months have no fixed length. Use days, for example P30D.")
        raise InvalidDuration("Not a duration. Use whole numbers, for example P3D, PT12H or P1DT6H.")
    parts = {name: int(match[name] or 0) for name in ("weeks", "days", "hours", "minutes", "seconds")}
    days = parts["weeks"] * 7 + parts["days"]
    if days > MAX_DURATION.days:
        raise InvalidDuration("Longer than 180 days.")
    elapsed = timedelta(hours=parts["hours"], minutes=parts["minutes"], seconds=parts["seconds"])
    duration = Duration(days=days, elapsed=elapsed, in_weeks=match["weeks"] is not None)
    if duration.nominal <= timedelta(0):
        raise InvalidDuration("Must be longer than zero.")
    if duration.nominal > MAX_DURATION:
        raise InvalidDuration("Longer than 180 days.")
    return duration


# A simulation of ten thousand people asks for the same instants of each of them many times over.
@lru_cache(maxsize=65_536)
def add_duration(
    start: datetime, duration: str | Duration, *, working_days: bool, calendar: Calendar, tz: ZoneInfo
) -> datetime:
    """Return the UTC instant ``duration`` after ``start``.

    Days keep the local time of day over a clock change (09:30 stays 09:30); hours, minutes and seconds are
    elapsed time and are added after the days. With ``working_days`` each working day of ``calendar`` after
    the local date of ``start`` counts one. Raises ``CalendarNeverOpens`` if the calendar has no working days.
    """
    length = parse_duration(duration) if isinstance(duration, str) else duration
    moment = start
    if length.days:
        local = start.astimezone(tz).replace(tzinfo=None)
        if working_days:
            day = calendar.add_working_days(local.date(), length.days)
        else:
            day = local.date() + timedelta(days=length.days)
        moment = to_instant(datetime.combine(day, local.time()), tz)
    return (moment + length.elapsed).astimezone(UTC)
