"""Local times and instants: one rule for clock changes, used by everything that counts days or opens windows.

All instants are aware UTC datetimes; local times are naive datetimes together with an IANA zone.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

SECOND = timedelta(seconds=1)


class UnknownZone(ValueError):
    """The name is not an IANA time zone."""


@lru_cache(maxsize=512)
def zone(name: str) -> ZoneInfo:
    """Return the IANA zone called ``name``; raise ``UnknownZone`` for anything else."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UnknownZone(f"{name!r} is not a time zone") from error


def told(instant: datetime, tz: ZoneInfo) -> str:
    """An instant in a zone that is not the reader's own, with the place: ``Mon 30 Nov 09:00 (Oslo)``."""
    place = tz.key.rsplit("/", 1)[-1].replace("_", " ")
    return f"{instant.astimezone(tz):%a %d %b %H:%M} ({place})"


def zone_for(plan_zone: str, lead_zone: str | None, *, use_lead_zone: bool) -> ZoneInfo:
    """The zone an enrollment runs in: the lead's own if it is known, valid and wanted, else the plan's."""
    if use_lead_zone and lead_zone:
        try:
            return zone(lead_zone)
        except UnknownZone:
            return zone(plan_zone)
    return zone(plan_zone)


def to_instant(local: datetime, tz: ZoneInfo) -> datetime:
    """Turn the naive ``local`` time in ``tz`` into a UTC instant.

    A local time that does not exist (the clock jumped over it) is the end of the gap; one that exists twice
    is taken the first time.
    """
    first = local.replace(tzinfo=tz, fold=0)
    instant = first.astimezone(UTC)
    if instant.astimezone(tz).replace(tzinfo=None) == local:
        return instant
    return _gap_end(local, tz)


def to_last_instant(local: datetime, tz: ZoneInfo) -> datetime:
    """Like ``to_instant``, but a local time that exists twice is taken the second time."""
    instant = local.replace(tzinfo=tz, fold=1).astimezone(UTC)
    if instant.astimezone(tz).replace(tzinfo=None) == local:
        return instant
    return to_instant(local, tz)


def clock_goes_back(first: datetime, last: datetime, tz: ZoneInfo) -> datetime:
    """The instant between ``first`` and ``last`` at which the offset of ``tz`` changes, to the second."""
    low, high = first, last
    before = low.astimezone(tz).utcoffset()
    while high - low > SECOND:
        middle = low + timedelta(seconds=int((high - low).total_seconds()) // 2)
        if middle.astimezone(tz).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high


@lru_cache(maxsize=4096)
def _gap_end(local: datetime, tz: ZoneInfo) -> datetime:
    """Return the instant at which the gap that contains ``local`` ends, by bisection to the second."""
    # In a gap fold=0 uses the offset before the jump and fold=1 the one after it: the two bracket it.
    low = local.replace(tzinfo=tz, fold=1, microsecond=0).astimezone(UTC) - SECOND
    high = local.replace(tzinfo=tz, fold=0, microsecond=0).astimezone(UTC) + SECOND
    before = low.astimezone(tz).utcoffset()
    while high - low > SECOND:
        middle = low + timedelta(seconds=int((high - low).total_seconds()) // 2)
        if middle.astimezone(tz).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high


def local_date(moment: datetime, tz: ZoneInfo) -> date:
    """Return the local calendar date of ``moment`` in ``tz``."""
    return moment.astimezone(tz).date()


def start_of_day(day: date, tz: ZoneInfo) -> datetime:
    """Return the first instant of the local ``day`` (the gap's end where midnight does not exist)."""
    return to_instant(datetime.combine(day, time()), tz)
