"""Calendars, durations and pacing: pure functions over instants, zones and settings. No input or output."""

from campaigns.scheduling.calendars import (
    ALWAYS,
    WEEKEND,
    Calendar,
    CalendarNeverOpens,
    QuietHours,
    SendingWindow,
    UnknownHolidayCountry,
    is_open,
    next_opening,
    opening_at_or_after,
    parse_time,
)
from campaigns.scheduling.durations import Duration, InvalidDuration, add_duration, parse_duration
from campaigns.scheduling.pacing import (
    drawn,
    fraction,
    jitter,
    limit_day,
    next_limit_reset,
    send_seed,
    spread,
)
from campaigns.scheduling.zones import (
    UnknownZone,
    local_date,
    start_of_day,
    to_instant,
    zone,
    zone_for,
)

__all__ = [
    "ALWAYS",
    "WEEKEND",
    "Calendar",
    "CalendarNeverOpens",
    "Duration",
    "InvalidDuration",
    "QuietHours",
    "SendingWindow",
    "UnknownHolidayCountry",
    "UnknownZone",
    "add_duration",
    "drawn",
    "fraction",
    "is_open",
    "jitter",
    "limit_day",
    "local_date",
    "next_limit_reset",
    "next_opening",
    "opening_at_or_after",
    "parse_duration",
    "parse_time",
    "send_seed",
    "spread",
    "start_of_day",
    "to_instant",
    "zone",
    "zone_for",
]
