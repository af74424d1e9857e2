"""What a report is about and for which days; all of it stands in the address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from project.core.clock import now
from project.core.ids import parse_uuid

PERIODS: Final = {"7": "7 days", "28": "28 days", "90": "90 days", "quarter": "Quarter to date"}
LONGEST: Final = 400
#: What a report may be narrowed to. Sums are kept by each of these; what several have in common is counted from facts.
DIMENSIONS: Final = ("channel", "sender", "list")
CHANNELS: Final = ("linkedin", "email", "sms")


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
class Narrow:
    """The channel, the sender and the list that are looked at, each as the address says it; empty: all."""

    channel: str = ""
    sender: str = ""
    list_id: str = ""

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Narrow | None:
        """Those of ``DIMENSIONS`` that an address names with sense; older ones said ``only=sender:<id>``."""
        chosen, _, value = str(data.get("only") or "").partition(":")
        given = {chosen: value} if chosen in DIMENSIONS else data
        channel = str(given.get("channel") or "")
        sender, of_list = (parse_uuid(str(given.get(name) or "")) for name in ("sender", "list"))
        found = cls(channel if channel in CHANNELS else "", str(sender or ""), str(of_list or ""))
        return found if found.given else None

    @property
    def given(self) -> dict[str, str]:
        """What is chosen, as an address names it."""
        names = {"channel": self.channel, "sender": self.sender, "list": self.list_id}
        return {name: value for name, value in names.items() if value}

    @property
    def single(self) -> tuple[str, str] | None:
        """The one dimension that is chosen, with its value; ``None`` where several are."""
        chosen = list(self.given.items())
        return chosen[0] if len(chosen) == 1 else None


@dataclass(frozen=True, slots=True)
class Filters:
    """What a report is narrowed to as the address says it, and whether the days before are shown beside it."""

    period: Period
    #: Which of ``PERIODS``; empty for days of one's own.
    chosen: str
    compare: bool
    #: One campaign of a client's report.
    campaign_id: UUID | None = None
    narrow: Narrow | None = None

    @classmethod
    def of(cls, data: Mapping[str, Any], zone: ZoneInfo) -> Filters:
        """Read an address; what makes no sense is as if it was not there."""
        period, chosen = _period(data, zone)
        return cls(
            period,
            chosen,
            data.get("before", "1") != "0",
            parse_uuid(str(data.get("campaign") or "")),
            Narrow.of(data),
        )

    def address(self, **changes: str) -> str:
        """The query of an address with these filters, and some of them changed."""
        return urlencode({**self._chosen, **self._kept, **changes})

    @property
    def _chosen(self) -> dict[str, str]:
        return {"days": self.chosen} if self.chosen else self.days

    @property
    def _kept(self) -> dict[str, str]:
        return {**({} if self.compare else {"before": "0"}), **self.narrowing}

    @property
    def days(self) -> dict[str, str]:
        """The first and the last day as an address names them."""
        return {"from": self.period.first.isoformat(), "to": self.period.last.isoformat()}

    @property
    def narrowing(self) -> dict[str, str]:
        """Campaign, and channel, sender or list, as an address names them."""
        campaign = {"campaign": str(self.campaign_id)} if self.campaign_id else {}
        return campaign | (self.narrow.given if self.narrow else {})

    @property
    def asked(self) -> dict[str, Any]:
        """All that an answer depends on, for keeping it."""
        return {**self.days, **self.narrowing, "compare": self.compare}

    @property
    def query(self) -> str:
        """The query of an address with these filters."""
        return self.address()

    @property
    def kept(self) -> str:
        """The query without the days, to go on with when others are chosen."""
        return urlencode(self._kept)

    @property
    def toggled(self) -> str:
        """The query with the days before shown, or not."""
        before = {"before": "0"} if self.compare else {}
        return urlencode({**self._chosen, **before, **self.narrowing})

    @property
    def whole(self) -> str:
        """The query without what the report is narrowed to."""
        return urlencode({**self._chosen, **({} if self.compare else {"before": "0"})})


def _period(data: Mapping[str, Any], zone: ZoneInfo) -> tuple[Period, str]:
    first, last = _day(data.get("from", "")), _day(data.get("to", ""))
    if first and last and first <= last and (last - first).days < LONGEST:
        return Period(first, last, zone), ""
    chosen = data.get("days", "28")
    if chosen == "quarter":
        today = now().astimezone(zone).date()
        begins = date(today.year, 3 * ((today.month - 1) // 3) + 1, 1)
        return Period(begins, today, zone), chosen
    days = int(chosen) if chosen.isascii() and chosen.isdigit() and len(chosen) < 4 else 0
    days = days if 0 < days <= LONGEST else 28
    return Period.last_days(days, zone), str(days)


def _day(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if 2000 <= found.year <= 2100 else None
