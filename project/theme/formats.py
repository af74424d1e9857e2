"""Numbers, spans and moments as people read them: the rules of the design language, in one place.

Times are shown in the active time zone (the viewer's); all functions are pure apart from reading that zone
and, where ``now`` is not given, the clock. Nothing (``None``, or the empty string that a template puts in
place of a missing value) becomes an empty string."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Literal

from django.utils import timezone

#: Between a figure and its unit, so that they never part.
NBSP = "\u00a0"

Number = int | float | Decimal
#: What a template passes for a value that is not there.
Missing = Literal[""] | None


def number(value: Number | Missing, digits: int = 0) -> str:
    """``1204`` as ``1,204``; with ``digits`` decimals."""
    return "" if value is None or value == "" else f"{value:,.{digits}f}"


def capped(value: int | Missing, cap: int = 999) -> str:
    """A count that is exact up to ``cap``: nothing for none, ``12``, ``999+`` for anything above."""
    if not value:
        return ""
    return f"{cap:,}+" if value > cap else f"{value:,}"


def percent(part: Number | Missing, whole: Number | Missing, *, digits: int = 1, least: int = 0) -> str:
    """``41`` of ``1180`` as ``3.5 %``; ``none yet`` instead of 0 %, ``too few`` below ``least``."""
    if part is None or whole is None or part == "" or whole == "":
        return "unknown"
    if whole <= 0 or part == 0:
        return "none yet"
    if whole < least:
        return "too few"
    return f"{100 * float(part) / float(whole):.{digits}f}{NBSP}%"


def ratio(part: Number | Missing, whole: Number | Missing) -> str:
    """``3`` and ``25`` as ``3 of 25``."""
    return f"{number(part) or 'unknown'} of {number(whole) or 'unknown'}"


def share(part: Number | Missing, whole: Number | Missing, of: str = "", *, least: int = 0) -> str:
    """A percentage that keeps its denominator: ``2.9 % of 2,410 contacted``."""
    text = f"{percent(part, whole, least=least)} of {number(whole) or 'unknown'}"
    return f"{text} {of}" if of else text


def duration(value: timedelta | Number | Missing) -> str:
    """A span (or seconds) in its two leading units: ``12 s``, ``26 min``, ``1 h 29``, ``3 days``."""
    if value is None or value == "":
        return ""
    seconds = value.total_seconds() if isinstance(value, timedelta) else float(value)
    seconds = abs(seconds)
    if seconds < 10 and seconds != int(seconds):
        return f"{seconds:.1f}{NBSP}s"
    if seconds < 60:
        return f"{int(seconds)}{NBSP}s"
    minutes = int(seconds // 60)
    if minutes < 60:
        return f"{minutes}{NBSP}min"
    hours, rest = divmod(minutes, 60)
    if hours < 24:
        return f"{hours}{NBSP}h{NBSP}{rest:02d}" if rest else f"{hours}{NBSP}h"
    days = hours // 24
    return f"{days}{NBSP}day" if days == 1 else f"{days}{NBSP}days"


def age(moment: datetime | None, now: datetime | None = None) -> str:
    """How long ago, for lists: ``8 min``, ``1 h 29``, then ``12:48`` today, ``17 Nov``, ``17 Nov 2025``."""
    if not moment:
        return ""
    current = now or timezone.now()
    passed = current - moment
    if timedelta(0) <= passed < timedelta(minutes=1):
        return "now"
    if timedelta(0) <= passed < timedelta(hours=3):
        return duration(passed)
    # Lists ask this for each row: the zone is looked up once.
    zone = timezone.get_current_timezone()
    shown, today = moment.astimezone(zone), current.astimezone(zone)
    if shown.date() == today.date():
        return f"{shown:%H:%M}"
    return _day(shown, today.year)


def clock(moment: datetime | None) -> str:
    """``14:02``."""
    return f"{timezone.localtime(moment):%H:%M}" if moment else ""


def day(moment: datetime | date | None, now: datetime | None = None) -> str:
    """``17 Nov``, with the year when it is not this one: ``17 Nov 2025``."""
    if not moment:
        return ""
    shown = timezone.localtime(moment).date() if isinstance(moment, datetime) else moment
    return _day(shown, timezone.localtime(now or timezone.now()).year)


def _day(shown: date, this_year: int) -> str:
    return f"{shown.day} {shown:%b}" if shown.year == this_year else f"{shown.day} {shown:%b %Y}"


def stamp(moment: datetime | None, now: datetime | None = None) -> str:
    """A moment of a timeline: ``Today 14:02``, ``Thu 12 Nov, 10:31``."""
    if not moment:
        return ""
    current = timezone.localtime(now or timezone.now())
    shown = timezone.localtime(moment)
    if shown.date() == current.date():
        return f"Today {clock(moment)}"
    if shown.date() == current.date() - timedelta(days=1):
        return f"Yesterday {clock(moment)}"
    if shown.date() == current.date() + timedelta(days=1):
        return f"Tomorrow {clock(moment)}"
    return f"{shown:%a} {day(moment, current)}, {clock(moment)}"


def day_name(moment: datetime | date | None, now: datetime | None = None) -> str:
    """A day that heads what happened on it: ``Today``, ``Yesterday``, ``Mon 23 Nov``."""
    if not moment:
        return ""
    shown = timezone.localtime(moment).date() if isinstance(moment, datetime) else moment
    passed = (timezone.localtime(now or timezone.now()).date() - shown).days
    near = {0: "Today", 1: "Yesterday"}
    return near.get(passed) or f"{shown:%a} {day(shown, now)}"


def day_clock(moment: datetime | None, now: datetime | None = None) -> str:
    """The shortest whole moment, for folded messages: ``14:02`` today, else ``18 Nov 10:05``."""
    if not moment:
        return ""
    is_today = timezone.localtime(moment).date() == timezone.localtime(now or timezone.now()).date()
    return clock(moment) if is_today else f"{day(moment, now)} {clock(moment)}"


def absolute(moment: datetime | None) -> str:
    """The whole moment, for tooltips: ``Fri 20 Nov 2026, 14:02:11 CET``."""
    if not moment:
        return ""
    shown = timezone.localtime(moment)
    return f"{shown:%a} {shown.day} {shown:%b %Y, %H:%M:%S %Z}".strip()


def day_range(start: datetime | date | None, end: datetime | date | None, now: datetime | None = None) -> str:
    """``11 to 15 Dec``, ``29 Nov to 3 Dec``; one day when both are the same."""
    if not start or not end:
        return day(start or end, now)
    first = timezone.localtime(start).date() if isinstance(start, datetime) else start
    last = timezone.localtime(end).date() if isinstance(end, datetime) else end
    if first == last:
        return day(last, now)
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day} to {day(last, now)}"
    if first.year == last.year:
        return f"{first.day} {first:%b} to {day(last, now)}"
    return f"{first.day} {first:%b %Y} to {last.day} {last:%b %Y}"


def file_size(size: int | Missing) -> str:
    """Bytes as ``812 B``, ``34 kB``, ``1.2 MB`` (powers of 1,000)."""
    if size is None or size == "":
        return ""
    if size < 1000:
        return f"{size}{NBSP}B"
    if size < 1_000_000:
        return f"{size / 1000:.0f}{NBSP}kB"
    return f"{size / 1_000_000:.1f}{NBSP}MB"


def sla(due: datetime | None, now: datetime | None = None) -> tuple[str, str]:
    """Text and tone of an SLA: ``("39 min", "")``, ``("6 min", "soon")``, ``("12 min late", "late")``."""
    if not due:
        return "", ""
    left = due - (now or timezone.now())
    if left < timedelta(0):
        return f"{duration(left)} late", "late"
    return duration(left), "soon" if left < timedelta(minutes=10) else ""


def initials(name: str) -> str:
    """Up to two letters for an avatar: ``Marta Lindqvist`` as ``ML``; ``?`` for nobody."""
    words = [word for word in name.replace("@", " ").replace(".", " ").split() if word[0].isalnum()]
    picked = words if len(words) < 2 else [words[0], words[-1]]
    return "".join(word[0] for word in picked).upper() or "?"
