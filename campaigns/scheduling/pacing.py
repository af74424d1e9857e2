"""Spreading actions over an opening, and the day boundaries of limits. One seed, one instant."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

from campaigns.scheduling.calendars import Calendar, opening_at_or_after
from campaigns.scheduling.zones import local_date, start_of_day

T = TypeVar("T")


def fraction(seed: str) -> float:
    """A number in [0, 1) that depends on nothing but ``seed``."""
    digest = hashlib.sha256(seed.encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def drawn(options: Sequence[T], seed: str) -> T:
    """One of ``options``, each as likely as the other, that depends on nothing but ``seed`` and how many there are."""
    return options[int(fraction(seed) * len(options))]


def send_seed(enrollment: str, node: str) -> str:
    """The seed by which one send is spread over an opening: by the interpreter, the gates and simulations alike."""
    return f"{enrollment}:{node}"


def jitter(seed: str, upto: timedelta) -> timedelta:
    """A delay in [0, ``upto``), whole seconds, that depends on nothing but ``seed`` and ``upto``."""
    return timedelta(seconds=int(fraction(seed) * max(0.0, upto.total_seconds())))


def spread(
    moment: datetime, calendar: Calendar, tz: ZoneInfo, *, seed: str, over: timedelta | None = None
) -> datetime:
    """When an action that is due at ``moment`` may leave, in UTC.

    Inside an opening that is ``moment`` itself. Outside, it is an instant within the next opening, drawn
    evenly by ``seed`` over the whole opening (or its first ``over``), so that what piled up outside the
    window does not leave in one burst when it opens. Raises ``CalendarNeverOpens``.
    """
    start, end = opening_at_or_after(moment, calendar, tz)
    if start <= moment:
        return moment.astimezone(UTC)
    room = end - start if over is None else min(over, end - start)
    return start + jitter(seed, room)


def limit_day(moment: datetime, tz: ZoneInfo) -> date:
    """The day a use of a daily limit counts for: the local date in the sender's zone."""
    return local_date(moment, tz)


def next_limit_reset(moment: datetime, tz: ZoneInfo) -> datetime:
    """The instant after ``moment`` at which the sender's next day begins, in UTC."""
    day = limit_day(moment, tz) + timedelta(days=1)
    reset = start_of_day(day, tz)
    while reset <= moment:  # the clock was put back over midnight: that day's start is already behind us
        day += timedelta(days=1)
        reset = start_of_day(day, tz)
    return reset
