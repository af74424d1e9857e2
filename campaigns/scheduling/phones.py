"""The hours of the day where a telephone number is, and when they meet a campaign's calendar. Pure.

Law counts the called party's local time (47 CFR 64.1200(c)(1); docs/compliance.md). A number tells its zone only
roughly: where it may be in several, an hour has to be decent in all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import phonenumbers
from phonenumbers import timezone as number_zones

from campaigns.scheduling.calendars import Calendar, CalendarNeverOpens, next_opening, opening_at_or_after
from campaigns.scheduling.pacing import jitter
from campaigns.scheduling.zones import UnknownZone, to_instant, zone

#: Looks at most this many times for a common hour: two a day for more than a year.
_TRIES = 1000
_DAY = timedelta(days=1)


@lru_cache(maxsize=4096)
def zones_of_number(phone: str) -> tuple[ZoneInfo, ...]:
    """Return the zones in which an E.164 number may be; none for numbers that tell nothing."""
    try:
        names = number_zones.time_zones_for_number(phonenumbers.parse(phone, None))
    except phonenumbers.NumberParseException:
        return ()
    if "Etc/Unknown" in names:
        return ()
    found = []
    for name in names:
        try:
            found.append(zone(name))
        except UnknownZone:
            continue
    return tuple(found)


def common_hours(
    moment: datetime,
    zones: Sequence[ZoneInfo],
    *,
    from_hour: int,
    until_hour: int,
    calendar: Calendar,
    tz: ZoneInfo,
) -> tuple[datetime, datetime]:
    """The stretch in which the hour is decent in all ``zones`` and ``calendar`` is open: now's rest, or the next.

    Hours are half-open. Raises ``CalendarNeverOpens`` if they never meet.
    """
    candidate = moment
    for _ in range(_TRIES):
        later = max([candidate, *(_decent(candidate, place, from_hour, until_hour) for place in zones)])
        later = next_opening(later, calendar, tz)
        if later == candidate:
            closes = opening_at_or_after(candidate, calendar, tz)[1]
            return candidate, min([closes, *(_ends(candidate, place, until_hour) for place in zones)])
        candidate = later
    raise CalendarNeverOpens("common hour")


def spread_over_common_hours(
    moment: datetime,
    zones: Sequence[ZoneInfo],
    *,
    seed: str,
    from_hour: int,
    until_hour: int,
    calendar: Calendar,
    tz: ZoneInfo,
) -> datetime:
    """``moment`` in common hours; outside, an instant of the next ones, drawn evenly by ``seed``.

    What waited for the morning of a country does not leave in one burst when it comes. Raises ``CalendarNeverOpens``.
    """
    opens, closes = common_hours(
        moment, zones, from_hour=from_hour, until_hour=until_hour, calendar=calendar, tz=tz
    )
    return moment if opens == moment else opens + jitter(seed, closes - opens)


def _decent(moment: datetime, place: ZoneInfo, from_hour: int, until_hour: int) -> datetime:
    """``moment`` if its local hour is decent, else the next instant that is."""
    local = moment.astimezone(place)
    if from_hour <= local.hour < until_hour:
        return moment
    day = local.date() if local.hour < from_hour else local.date() + _DAY
    return to_instant(datetime.combine(day, time(from_hour)), place)


def _ends(moment: datetime, place: ZoneInfo, until_hour: int) -> datetime:
    """When the decent hours end in which ``moment`` is."""
    day = moment.astimezone(place).date()
    if until_hour == 24:
        return to_instant(datetime.combine(day + _DAY, time(0)), place)
    return to_instant(datetime.combine(day, time(until_hour)), place)
