"""The ledger of a simulation: budgets are charged with the arithmetic of ``integrations.rates``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from campaigns.simulation.model import Budget
from integrations.rates import Cap, Limit, allowance, effective_cap, growth_cap

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Denied:
    """No unit was left: the budget and the cap that binds, and when the next unit is free."""

    scope: str
    key: str
    name: str
    free_at: datetime


@dataclass(slots=True)
class _Counter:
    """One budget in the period that is running: ``used`` of ``cap``, both unchanged in kind until ``ends``."""

    period: date | datetime
    ends: datetime
    resets: datetime
    cap: Cap
    used: int


class Ledger:
    """What is used of each budget. Time only moves forward: a period that is over is not asked for again."""

    def __init__(self, budgets: Mapping[str, Budget], start: datetime) -> None:
        self.budgets = budgets
        self._first = {scope: start.astimezone(budget.tz).date() for scope, budget in budgets.items()}
        self._counters: dict[str, _Counter] = {}
        #: What was used in weeks that are over, for budgets that grow from week to week.
        self._weeks: dict[tuple[str, date], int] = {}

    def take(self, scopes: Sequence[str], at: datetime) -> Denied | None:
        """Charge one unit to every scope, or nothing at all and say which one binds."""
        counters = [self._counter(scope, at) for scope in scopes]
        for counter in counters:
            if counter.used >= counter.cap.value:
                return _denied(scopes, counters, at)
        for counter in counters:
            counter.used += 1
        return None

    def give_back(self, scopes: Sequence[str], at: datetime) -> None:
        """Return the units that ``take`` charged at ``at``."""
        for scope in scopes:
            self._counter(scope, at).used -= 1

    def _counter(self, scope: str, at: datetime) -> _Counter:
        counter = self._counters.get(scope)
        if counter is None or at >= counter.ends:
            counter = self._counters[scope] = self._opened(scope, at, counter)
        return counter

    def _opened(self, scope: str, at: datetime, before: _Counter | None) -> _Counter:
        """The counter of ``scope`` for the period that contains ``at``."""
        budget = self.budgets[scope]
        day = at.astimezone(budget.tz).date()
        midnight = datetime.combine(day + DAY, time(), budget.tz).astimezone(UTC)
        period: date | datetime
        if budget.period == "hour":
            period = at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
            # An hour may have two caps where the zone's midnight lies within it.
            resets, ends = period + HOUR, min(period + HOUR, midnight)
            used = 0
        elif budget.period == "day":
            period, resets, ends = day, midnight, midnight
            used = budget.taken.get(day, 0)
        else:
            period = _monday(day)
            ends = datetime.combine(period + WEEK, time(), budget.tz).astimezone(UTC)
            resets, used = ends, budget.taken.get(period, 0)
        if before is not None and before.period == period:
            used = before.used
        elif before is not None and budget.growth is not None:
            assert not isinstance(before.period, datetime)  # what grows are weeks
            self._weeks[scope, before.period] = before.used
        return _Counter(period, ends, resets, self._cap(scope, day), used)

    def _cap(self, scope: str, day: date) -> Cap:
        budget = self.budgets[scope]
        if len(budget.caps) == 1 and budget.growth is None:
            return budget.caps[0]
        first = self._first[scope]
        if budget.period == "week":
            day, first = _monday(day), _monday(first)
            steps = (day - first).days // 7
        else:
            steps = (day - first).days
        cap = budget.caps[min(steps, len(budget.caps) - 1)]
        if budget.growth is None:
            return cap
        week = day - WEEK
        last = self._weeks.get((scope, week), budget.taken.get(week, 0))
        value = growth_cap(last, percent=budget.growth.percent, floor=budget.growth.floor)
        name = f"growth limit of {value:,} this week, {budget.growth.percent} % over last week's {last:,},"
        return effective_cap([cap, Cap(budget.growth.key, name, value)])


def _denied(scopes: Sequence[str], counters: Sequence[_Counter], at: datetime) -> Denied:
    """Which of the budgets that are used up binds."""
    full = [
        (scope, Limit(one.cap.key, one.cap.name, one.cap.value, one.used, one.resets))
        for scope, one in zip(scopes, counters, strict=True)
        if one.used >= one.cap.value
    ]
    total = allowance([limit for _, limit in full], at)
    scope = next(scope for scope, limit in full if limit is total.binding)
    return Denied(scope, total.binding.key, total.binding.name, total.free_at)


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())
