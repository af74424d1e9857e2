"""Freeze dates of sender accounts: no campaign sends through an account between two days, both included.

Pure: no Django imports. Days are local days of the account's time zone. People's own replies are not held.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, order=True)
class Freeze:
    """One stretch of days; ``first`` and ``last`` are both frozen."""

    first: date
    last: date
    reason: str = ""

    @property
    def key(self) -> str:
        """What names it among the freezes of its account."""
        return f"{self.first.isoformat()}..{self.last.isoformat()}"

    def stored(self) -> dict[str, str]:
        """The freeze as it is kept on the account's row."""
        return {"first": self.first.isoformat(), "last": self.last.isoformat(), "reason": self.reason}


def read(stored: Iterable[Mapping[str, str]]) -> tuple[Freeze, ...]:
    """The freezes of an account's row, earliest first."""
    return tuple(
        sorted(
            Freeze(date.fromisoformat(row["first"]), date.fromisoformat(row["last"]), row.get("reason", ""))
            for row in stored
        )
    )


def at(freezes: Iterable[Freeze], moment: datetime, tz: tzinfo) -> Freeze | None:
    """The freeze that holds at ``moment``; of several the one that ends last."""
    day = moment.astimezone(tz).date()
    holding = [one for one in freezes if one.first <= day <= one.last]
    return max(holding, key=lambda one: one.last, default=None)


def ends_at(freezes: Iterable[Freeze], moment: datetime, tz: tzinfo) -> datetime | None:
    """When the account may send again, in UTC, by all its freezes together; ``None`` where none holds."""
    known = tuple(freezes)
    end = None
    while (one := at(known, end or moment, tz)) is not None:
        end = datetime.combine(one.last + DAY, time(), tz).astimezone(UTC)
    return end


def frozen_days(freezes: Iterable[Freeze], first: date, until: date) -> int:
    """How many days from ``first`` on, before ``until``, were frozen; a day in two freezes counts once."""
    days: set[date] = set()
    for one in freezes:
        day = max(one.first, first)
        while day < until and day <= one.last:
            days.add(day)
            day += DAY
    return len(days)
