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


class Ledger:
    """What was used of each budget in each of its periods."""

    def __init__(self, budgets: Mapping[str, Budget], start: datetime) -> None:
        self.budgets = budgets
        self._used: dict[tuple[str, object], int] = {}
        self._first = {scope: start.astimezone(budget.tz).date() for scope, budget in budgets.items()}

    def take(self, scopes: Sequence[str], at: datetime) -> Denied | None:
        """Charge one unit to every scope, or nothing at all and say which one binds."""
        periods = [(scope, self._period(self.budgets[scope], at)) for scope in scopes]
        for scope, period in periods:
            if self._used_of(scope, period) >= self._cap(scope, at).value:
                return self._denied(periods, at)
        for scope, period in periods:
            self._used[scope, period] += 1
        return None

    def give_back(self, scopes: Sequence[str], at: datetime) -> None:
        """Return the units that ``take`` charged at ``at``."""
        for scope in scopes:
            self._used[scope, self._period(self.budgets[scope], at)] -= 1

    def _used_of(self, scope: str, period: object) -> int:
        used = self._used.get((scope, period))
        if used is None:
            taken = self.budgets[scope].taken
            used = taken.get(period, 0) if type(period) is date else 0
            self._used[scope, period] = used
        return used

    def _cap(self, scope: str, at: datetime) -> Cap:
        budget = self.budgets[scope]
        if len(budget.caps) == 1 and budget.growth is None:
            return budget.caps[0]
        today, first = at.astimezone(budget.tz).date(), self._first[scope]
        if budget.period == "week":
            today, first = _monday(today), _monday(first)
            steps = (today - first).days // 7
        else:
            steps = (today - first).days
        cap = budget.caps[min(steps, len(budget.caps) - 1)]
        if budget.growth is None:
            return cap
        last = self._used_of(scope, today - WEEK)
        value = growth_cap(last, percent=budget.growth.percent, floor=budget.growth.floor)
        name = f"growth limit of {value:,} this week, {budget.growth.percent} % over last week's {last:,},"
        return effective_cap([cap, Cap(budget.growth.key, name, value)])

    def _denied(self, periods: list[tuple[str, object]], at: datetime) -> Denied:
        limits = []
        for scope, period in periods:
            cap = self._cap(scope, at)
            resets = _resets(self.budgets[scope], at)
            limits.append((scope, Limit(cap.key, cap.name, cap.value, self._used_of(scope, period), resets)))
        total = allowance([limit for _, limit in limits], at)
        scope = next(scope for scope, limit in limits if limit == total.binding)
        return Denied(scope, total.binding.key, total.binding.name, total.free_at)

    def _period(self, budget: Budget, at: datetime) -> object:
        """What identifies the period that contains ``at``: a local day, a week's Monday, an hour of UTC."""
        if budget.period == "hour":
            return at.replace(minute=0, second=0, microsecond=0)
        day = at.astimezone(budget.tz).date()
        return day if budget.period == "day" else _monday(day)


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _resets(budget: Budget, at: datetime) -> datetime:
    if budget.period == "hour":
        return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0) + HOUR
    day = at.astimezone(budget.tz).date()
    following = day + DAY if budget.period == "day" else _monday(day) + WEEK
    return datetime.combine(following, time(), budget.tz).astimezone(UTC)
