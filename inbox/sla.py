"""Times that are promised: clocks that run in business hours, and who will be late. Pure.

A promise of 60 minutes that begins at 16:40 of a day that closes at 17:00 is due at 09:40 of the next working day.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from campaigns.scheduling import Calendar, CalendarNeverOpens, opening_at_or_after

#: Intents whose writers wait for an answer that is worth something: they have the shorter clock.
HOT: Final = frozenset({"interested", "question", "referral"})
#: Nobody waits for an answer to these.
NO_ANSWER: Final = frozenset({"out_of_office", "automatic", "unsubscribe"})
#: How long an answer takes where nothing was measured yet.
USUAL: Final = timedelta(minutes=4)


@dataclass(frozen=True, slots=True)
class Promise:
    """What a client was promised: minutes of business hours, and the hours in which they count."""

    reply: timedelta
    hot_reply: timedelta
    hours: Calendar
    zone: ZoneInfo

    def due(self, since: datetime, intent: str) -> datetime | None:
        """When an answer to a message of ``since`` is late; ``None`` where nobody waits for one."""
        if intent in NO_ANSWER:
            return None
        return add_business_time(
            since, self.hot_reply if intent in HOT else self.reply, self.hours, self.zone
        )


def add_business_time(since: datetime, span: timedelta, hours: Calendar, zone: ZoneInfo) -> datetime:
    """The instant at which ``span`` of business hours have passed since ``since``, in UTC.

    Where a calendar never opens, time simply passes.
    """
    moment, left = since, span
    try:
        while True:
            opens, closes = opening_at_or_after(moment, hours, zone)
            begin = max(moment, opens)
            if closes - begin >= left:
                return (begin + left).astimezone(UTC)
            left -= closes - begin
            moment = closes
    except CalendarNeverOpens:
        return (since + span).astimezone(UTC)


def business_time(since: datetime, until: datetime, hours: Calendar, zone: ZoneInfo) -> timedelta:
    """How much of the time between two instants were business hours; zero when ``until`` is not later."""
    passed, moment = timedelta(), since
    try:
        while moment < until:
            opens, closes = opening_at_or_after(moment, hours, zone)
            passed += max(timedelta(), min(closes, until) - max(moment, opens))
            moment = closes
    except CalendarNeverOpens:
        return max(timedelta(), until - since)
    return passed


@dataclass(frozen=True, slots=True)
class Waiting:
    """One conversation that waits for its person's answer, and when that is late."""

    key: str
    due: datetime


def at_risk(queue: Sequence[Waiting], takes: timedelta, moment: datetime) -> dict[str, datetime]:
    """Those of one person's queue that will be late at their pace, with when they would be answered.

    The person answers one after the other, the most urgent first, and each takes ``takes``. What is late already is in
    it too.
    """
    found, free = {}, moment
    for waiting in sorted(queue, key=lambda one: (one.due, one.key)):
        free += takes
        if free > waiting.due:
            found[waiting.key] = free
    return found
