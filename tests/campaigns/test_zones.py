"""No send falls outside its window, quiet hours, days off or holidays, in any zone, over two years.

The oracle is a plain look at the local clock at the instant of the send, independent of how openings are computed. For
every zone of the database the instants around each change of its clocks are tried, and others at random; the windows
are chosen to meet the hours in which clocks change.
"""

from __future__ import annotations

import random
import zoneinfo
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

import pytest

from campaigns.scheduling import Calendar, QuietHours, SendingWindow, next_opening, spread
from campaigns.scheduling.calendars import holidays_of

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = 731
HOUR = timedelta(hours=1)
ALL_DAYS, WORKDAYS = frozenset(range(7)), frozenset(range(5))
OWN = frozenset({date(2026, 10, 25), date(2027, 3, 14)})


def window(start: time, end: time, days: frozenset[int] = ALL_DAYS) -> SendingWindow:
    return SendingWindow(days, start, end)


CALENDARS = {
    "office": Calendar((window(time(9), time(17), WORKDAYS),), holiday_country="DE"),
    "night": Calendar(
        (window(time(22), time(4), WORKDAYS),),
        quiet_hours=(QuietHours(time(2), time(2, 30)),),
        own_holidays=OWN,
    ),
    "in the changing hour": Calendar(
        (window(time(1, 30), time(3, 15)),), frozenset(), quiet_hours=(QuietHours(time(2, 45), time(3)),)
    ),
    "around midnight": Calendar(
        (window(time(23, 30), time(0, 45)),),
        frozenset({6}),
        quiet_hours=(QuietHours(time(0, 15), time(0, 20)),),
    ),
    "half past": Calendar((window(time(0, 30), time(1, 30)), window(time(2, 30), time(6))), frozenset()),
    "quiet nights": Calendar(quiet_hours=(QuietHours(time(21), time(7, 30)),), own_holidays=OWN),
}


def changes(tz: zoneinfo.ZoneInfo) -> list[datetime]:
    """The instants in the two years at which the clock of ``tz`` is put forward or back, to the hour."""
    days = [BEGIN + number * 24 * HOUR for number in range(DAYS)]
    found = []
    for before, after in pairwise(days):
        low, high = before, after
        if low.astimezone(tz).utcoffset() != high.astimezone(tz).utcoffset():
            while high - low > HOUR:
                middle = low + (high - low) / 2
                middle = middle.replace(minute=0, second=0, microsecond=0)
                if middle.astimezone(tz).utcoffset() == low.astimezone(tz).utcoffset():
                    low = middle
                else:
                    high = middle
            found.append(high)
    return found


def within(clock: time, start: time, end: time) -> bool:
    """Whether a local time lies in a half-open stretch of the day that may cross midnight."""
    return start <= clock < end if start < end else (clock >= start or clock < end)


def works(day: date, calendar: Calendar) -> bool:
    if day.weekday() in calendar.days_off or day in calendar.own_holidays:
        return False
    return not calendar.holiday_country or day not in holidays_of(calendar.holiday_country, day.year)


def allowed(moment: datetime, calendar: Calendar, tz: zoneinfo.ZoneInfo) -> bool:
    """Whether the local clock says that a message may leave."""
    local = moment.astimezone(tz)
    clock, day = local.time(), local.date()
    if any(within(clock, quiet.start, quiet.end) for quiet in calendar.quiet_hours):
        return False
    for window in calendar.windows:
        crosses = window.end <= window.start
        if not (window.start == window.end or within(clock, window.start, window.end)):
            continue
        opened = day - timedelta(days=1) if crosses and clock < window.end else day
        if opened.weekday() in window.weekdays and works(opened, calendar):
            return True
    return False


def moments(tz: zoneinfo.ZoneInfo, dice: random.Random) -> list[datetime]:
    around = [
        change + timedelta(minutes=dice.randrange(-240, 240), seconds=dice.randrange(60))
        for change in changes(tz)
        for _ in range(6)
    ]
    anywhere = [BEGIN + timedelta(seconds=dice.randrange(DAYS * 86_400)) for _ in range(6)]
    return [*around, *anywhere]


@pytest.mark.parametrize("letter", "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
def test_every_zone_keeps_its_calendar(letter: str) -> None:
    names = sorted(name for name in zoneinfo.available_timezones() if name.upper().startswith(letter))
    for name in names:
        tz = zoneinfo.ZoneInfo(name)
        dice = random.Random(name)
        for moment in moments(tz, dice):
            for title, calendar in CALENDARS.items():
                told = f"{name} {title} {moment.isoformat()}"
                due = spread(moment, calendar, tz, seed=told)
                assert due >= moment, told
                assert allowed(due, calendar, tz), f"{told} -> {due.astimezone(tz).isoformat()}"
                opens = next_opening(moment, calendar, tz)
                assert moment <= opens <= due, told
                assert allowed(opens, calendar, tz), f"{told} opens {opens.astimezone(tz).isoformat()}"
                if allowed(moment, calendar, tz) and opens != moment:
                    # Refused although the clock allows it: only in the second pass of a repeated hour.
                    assert moment.astimezone(tz).fold == 1 or _is_repeated_nearby(moment, tz), told


def _is_repeated_nearby(moment: datetime, tz: zoneinfo.ZoneInfo) -> bool:
    return any((moment - step * HOUR / 4).astimezone(tz).fold == 1 for step in range(9))
