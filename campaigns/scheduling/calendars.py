"""When a campaign may send: windows, days off, holidays and quiet hours, as intervals of UTC time.

Weekdays are numbered as in Python: 0 is Monday. Windows and quiet hours are half-open: 09:00-17:00 admits
16:59:59 and not 17:00:00. One that crosses midnight belongs to the day on which it opens.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any, Self
from zoneinfo import ZoneInfo

import holidays

from campaigns.scheduling.zones import clock_goes_back, to_instant, to_last_instant

HORIZON_DAYS = 400
PROBE_YEAR = 2026
"""Any year will do to learn whether a country's holidays are known at all."""
DAY = timedelta(days=1)

Interval = tuple[datetime, datetime]
"""Half-open stretch of UTC time."""


class CalendarNeverOpens(ValueError):
    """No sending time (or working day) within 400 days: the settings exclude each other."""

    def __init__(self, what: str = "sending time") -> None:
        super().__init__(
            f"The calendar has no {what} in the next {HORIZON_DAYS} days. "
            "Check the sending window, days off, holidays and quiet hours."
        )


class UnknownHolidayCountry(ValueError):
    """No public holidays are known for this country code."""


def parse_time(text: str) -> time:
    """Parse ``HH:MM``; raise ``ValueError`` for anything else."""
    hours, colon, minutes = text.partition(":")
    if not (colon and len(hours) == 2 and len(minutes) == 2 and (hours + minutes).isascii()):
        raise ValueError("Use HH:MM, for example 09:00.")
    if not (hours + minutes).isdigit() or int(hours) > 23 or int(minutes) > 59:
        raise ValueError("Use HH:MM, for example 09:00.")
    return time(int(hours), int(minutes))


def stretch(day: date, start: time, end: time, tz: ZoneInfo) -> Interval:
    """From ``start`` on the local ``day`` to ``end``, on the next day if ``end`` is not later."""
    last = day if end > start else day + DAY
    return to_instant(datetime.combine(day, start), tz), to_instant(datetime.combine(last, end), tz)


@dataclass(frozen=True, slots=True)
class SendingWindow:
    """Hours in which messages may leave on some weekdays. ``start == end`` means the whole day."""

    weekdays: frozenset[int]
    start: time
    end: time

    def __post_init__(self) -> None:
        if not self.weekdays or not self.weekdays <= frozenset(range(7)):
            raise ValueError("Choose at least one weekday, from 0 (Monday) to 6 (Sunday).")

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read ``{"weekdays": [0..6], "start": "HH:MM", "end": "HH:MM"}``; else ``ValueError``."""
        try:
            weekdays = frozenset(int(day) for day in data["weekdays"])
            return cls(weekdays, parse_time(str(data["start"])), parse_time(str(data["end"])))
        except (KeyError, TypeError) as error:
            raise ValueError("A sending window needs weekdays, start and end.") from error

    def on(self, day: date, tz: ZoneInfo) -> tuple[Interval, ...]:
        """The window that opens on the local ``day`` (the weekday is not checked here), in order.

        One stretch, unless it opens in an hour that the clock repeats: then the part of the second pass that lies
        before the opening time is left out.
        """
        opens, closes = stretch(day, self.start, self.end, tz)
        again = to_last_instant(datetime.combine(day, self.start), tz)
        if again == opens or again >= closes:
            return ((opens, closes),)
        return (opens, clock_goes_back(opens, again, tz)), (again, closes)


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Hours of every day in which nothing is sent, whatever the window says."""

    start: time
    end: time

    def __post_init__(self) -> None:
        if self.start == self.end:
            raise ValueError("Quiet hours must start and end at different times.")

    def on(self, day: date, tz: ZoneInfo) -> tuple[Interval, ...]:
        """The quiet stretch that begins on the local ``day``; it is quiet again where the clock repeats it."""
        begins, ends = stretch(day, self.start, self.end, tz)
        last = day if self.end > self.start else day + DAY
        again = to_last_instant(datetime.combine(last, self.end), tz)
        if again == ends:
            return ((begins, ends),)
        resumes = max(
            clock_goes_back(ends, again, tz), to_last_instant(datetime.combine(day, self.start), tz)
        )
        return (begins, ends), (resumes, again)


ALWAYS = SendingWindow(frozenset(range(7)), time(), time())
WEEKEND = frozenset({5, 6})


@dataclass(frozen=True, slots=True)
class Calendar:
    """All that decides when a campaign may send and which days are working days.

    ``days_off`` are weekdays without sending (empty: weekends count like other days); ``holiday_country`` is
    an ISO 3166 code, optionally with a subdivision (``DE`` or ``DE-BY``), or empty; ``own_holidays`` are
    extra dates.
    """

    windows: tuple[SendingWindow, ...] = (ALWAYS,)
    days_off: frozenset[int] = WEEKEND
    holiday_country: str = ""
    own_holidays: frozenset[date] = frozenset()
    quiet_hours: tuple[QuietHours, ...] = ()
    _hash: int = field(init=False, repr=False, compare=False, default=0)

    def __post_init__(self) -> None:
        # Calendars are keys of caches that are asked for every action: the hash is taken once.
        parts = (self.windows, self.days_off, self.holiday_country, self.own_holidays, self.quiet_hours)
        object.__setattr__(self, "_hash", hash(parts))
        if not self.windows:
            raise ValueError("A calendar needs at least one sending window.")
        if self.holiday_country:
            holidays_of(self.holiday_country, PROBE_YEAR)

    def __hash__(self) -> int:
        return self._hash

    def with_quiet_hours(self, quiet: QuietHours | None) -> Calendar:
        """The same calendar with one more quiet stretch, for the plan's own ``quietHours``."""
        if quiet is None or quiet in self.quiet_hours:
            return self
        return Calendar(
            windows=self.windows,
            days_off=self.days_off,
            holiday_country=self.holiday_country,
            own_holidays=self.own_holidays,
            quiet_hours=(*self.quiet_hours, quiet),
        )

    def is_working_day(self, day: date) -> bool:
        """Whether the local ``day`` is neither a day off nor a holiday. Windows do not matter here."""
        if day.weekday() in self.days_off or day in self.own_holidays:
            return False
        return not self.holiday_country or day not in holidays_of(self.holiday_country, day.year)

    def add_working_days(self, day: date, count: int) -> date:
        """The ``count``-th working day after ``day``; raise ``CalendarNeverOpens`` if there are none."""
        idle = 0
        while count:
            day += DAY
            if self.is_working_day(day):
                count -= 1
                idle = 0
            else:
                idle += 1
                if idle > HORIZON_DAYS:
                    raise CalendarNeverOpens("working day")
        return day


@lru_cache(maxsize=16_384)
def openings(calendar: Calendar, day: date, tz: ZoneInfo) -> tuple[Interval, ...]:
    """The open stretches of the windows that open on the local ``day``, quiet hours cut out, in order."""
    if not calendar.is_working_day(day):
        return ()
    windows = [
        part for window in calendar.windows if day.weekday() in window.weekdays for part in window.on(day, tz)
    ]
    quiet = [
        part
        for hours in calendar.quiet_hours
        for shift in (-1, 0, 1)
        for part in hours.on(day + shift * DAY, tz)
    ]
    return tuple(merge(cut(windows, quiet)))


@lru_cache(maxsize=4096)
def _around(calendar: Calendar, day: date, tz: ZoneInfo) -> tuple[Interval, ...]:
    """What may be open on the local ``day``: a window of the day before belongs to the day on which it opened."""
    return (*openings(calendar, day - DAY, tz), *openings(calendar, day, tz))


def cut(stretches: Iterable[Interval], holes: Iterable[Interval]) -> list[Interval]:
    """Return ``stretches`` without ``holes``; empty stretches are dropped."""
    left = [(start, end) for start, end in stretches if start < end]
    for hole_start, hole_end in holes:
        pieces: list[Interval] = []
        for start, end in left:
            if hole_start >= end or hole_end <= start:
                pieces.append((start, end))
                continue
            if start < hole_start:
                pieces.append((start, hole_start))
            if hole_end < end:
                pieces.append((hole_end, end))
        left = pieces
    return left


def merge(stretches: Iterable[Interval]) -> list[Interval]:
    """Return the union of ``stretches`` as disjoint intervals in order."""
    merged: list[Interval] = []
    for start, end in sorted(stretches):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


@lru_cache(maxsize=1024)
def holidays_of(country: str, year: int) -> frozenset[date]:
    """Public holidays of ``country`` (``DE`` or ``DE-BY``) in ``year``; raise ``UnknownHolidayCountry``."""
    code, _, subdivision = country.partition("-")
    try:
        return frozenset(holidays.country_holidays(code, subdiv=subdivision or None, years=year))
    except NotImplementedError as error:
        raise UnknownHolidayCountry(f"No public holidays are known for {country!r}") from error


def opening_at_or_after(moment: datetime, calendar: Calendar, tz: ZoneInfo) -> Interval:
    """The open stretch that contains ``moment``, or the next one. Raises ``CalendarNeverOpens``."""
    day = moment.astimezone(tz).date()
    for opening in _around(calendar, day, tz):
        if opening[0] <= moment < opening[1]:
            return opening
    day -= DAY
    best: Interval | None = None
    for _ in range(HORIZON_DAYS + 2):
        for start, end in openings(calendar, day, tz):
            if end > moment and (best is None or start < best[0]):
                best = (start, end)
        # Openings of the next day cannot begin earlier, but those of yesterday and today may overlap.
        if best is not None and best[0] <= moment:
            return best
        if best is not None and day > best[0].astimezone(tz).date():
            return best
        day += DAY
    if best is None:
        raise CalendarNeverOpens
    return best


def is_open(moment: datetime, calendar: Calendar, tz: ZoneInfo) -> bool:
    """Whether a message may leave at ``moment``. Raises ``CalendarNeverOpens`` for a vacuous calendar."""
    return opening_at_or_after(moment, calendar, tz)[0] <= moment


def next_opening(moment: datetime, calendar: Calendar, tz: ZoneInfo) -> datetime:
    """``moment`` itself if sending is open, else the next instant at which it opens, in UTC.

    Raises ``CalendarNeverOpens`` when nothing opens within 400 days.
    """
    return max(moment, opening_at_or_after(moment, calendar, tz)[0]).astimezone(UTC)
