"""What a report is about and for which days; all of it stands in the address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from project.core.clock import now

PERIODS: Final = {"7": "7 days", "28": "28 days", "90": "90 days", "quarter": "Quarter to date"}
LONGEST: Final = 400


@dataclass(frozen=True, slots=True)
class Period:
    """Whole days of a time zone, both included."""

    first: date
    last: date
    zone: ZoneInfo

    @classmethod
    def last_days(cls, days: int, zone: ZoneInfo) -> Period:
        """The last ``days`` local days, today included."""
        last = now().astimezone(zone).date()
        return cls(last - timedelta(days=days - 1), last, zone)

    @property
    def days(self) -> int:
        """How many there are."""
        return (self.last - self.first).days + 1

    @property
    def start(self) -> datetime:
        """When the first day begins."""
        return datetime.combine(self.first, time(), self.zone).astimezone(UTC)

    @property
    def end(self) -> datetime:
        """When the last day is over."""
        return datetime.combine(self.last + timedelta(days=1), time(), self.zone).astimezone(UTC)

    @property
    def before(self) -> Period:
        """As many days just before."""
        return Period(self.first - timedelta(days=self.days), self.first - timedelta(days=1), self.zone)

    @property
    def is_running(self) -> bool:
        """Whether today is among them."""
        return self.first <= now().astimezone(self.zone).date() <= self.last


@dataclass(frozen=True, slots=True)
class Filters:
    """A report's period as the address says it, and whether the days before are shown beside it."""

    period: Period
    #: Which of ``PERIODS``; empty for days of one's own.
    chosen: str
    compare: bool

    @classmethod
    def of(cls, data: Mapping[str, str], zone: ZoneInfo) -> Filters:
        """Read an address; what makes no sense is as if it was not there."""
        compare = data.get("before", "1") != "0"
        first, last = _day(data.get("from", "")), _day(data.get("to", ""))
        if first and last and first <= last and (last - first).days < LONGEST:
            return cls(Period(first, last, zone), "", compare)
        chosen = data.get("days", "28")
        if chosen == "quarter":
            today = now().astimezone(zone).date()
            begins = date(today.year, 3 * ((today.month - 1) // 3) + 1, 1)
            return cls(Period(begins, today, zone), chosen, compare)
        days = int(chosen) if chosen.isascii() and chosen.isdigit() and 0 < int(chosen) <= LONGEST else 28
        return cls(Period.last_days(days, zone), str(days), compare)

    def address(self, **changes: str) -> str:
        """The query of an address with these filters, and some of them changed."""
        given = {"days": self.chosen} if self.chosen else self.days
        return urlencode({**given, **({} if self.compare else {"before": "0"}), **changes})

    @property
    def days(self) -> dict[str, str]:
        """The first and the last day as an address names them."""
        return {"from": self.period.first.isoformat(), "to": self.period.last.isoformat()}

    @property
    def query(self) -> str:
        """The query of an address with these filters."""
        return self.address()

    @property
    def rows_query(self) -> str:
        """The days, for the rows behind a number."""
        return urlencode(self.days)

    @property
    def toggled(self) -> str:
        """The query with the days before shown, or not."""
        given = {"days": self.chosen} if self.chosen else self.days
        return urlencode({**given, "before": "0"} if self.compare else given)


def _day(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if 2000 <= found.year <= 2100 else None
