"""The ledger of a simulation: budgets are charged with the arithmetic of ``integrations.rates``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from campaigns.scheduling import local_date, next_limit_reset, start_of_day
from campaigns.simulation.model import Budget
from integrations.rates import Limit, allowance

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Denied:
    """No unit was left: the budget that binds and when the next unit is free."""

    scope: str
    key: str
    name: str
    free_at: datetime


class Ledger:
    """What was used of each budget in each of its periods."""

    def __init__(self, budgets: dict[str, Budget], start: datetime) -> None:
        self.budgets, self.start = budgets, start
        self._used: dict[tuple[str, object], int] = {}
        self._first_day = {scope: local_date(start, budget.tz) for scope, budget in budgets.items()}

    def take(self, scopes: Sequence[str], at: datetime) -> Denied | None:
        """Charge one unit to every scope, or nothing at all and say which one binds."""
        periods = [(scope, self._period(self.budgets[scope], at)) for scope in scopes]
        for scope, period in periods:
            if self._used_of(scope, period) >= self._cap(scope, at):
                return self._denied(periods, at)
        for scope, period in periods:
            self._used[scope, period] = self._used_of(scope, period) + 1
        return None

    def give_back(self, scopes: Sequence[str], at: datetime) -> None:
        """Return the units that ``take`` charged at ``at``."""
        for scope in scopes:
            self._used[scope, self._period(self.budgets[scope], at)] -= 1

    def _used_of(self, scope: str, period: object) -> int:
        used = self._used.get((scope, period))
        if used is None:
            taken = self.budgets[scope].taken
            used = taken.get(period, 0) if isinstance(period, date) else 0
            self._used[scope, period] = used
        return used

    def _cap(self, scope: str, at: datetime) -> int:
        budget = self.budgets[scope]
        if not budget.ramp:
            return budget.cap
        day = (local_date(at, budget.tz) - self._first_day[scope]).days
        return min(budget.cap, budget.ramp[day]) if day < len(budget.ramp) else budget.cap

    def _denied(self, periods: list[tuple[str, object]], at: datetime) -> Denied:
        limits = {
            scope: Limit(
                key=scope,
                name=self.budgets[scope].name,
                cap=self._cap(scope, at),
                used=self._used_of(scope, period),
                resets_at=self._resets(self.budgets[scope], at),
            )
            for scope, period in periods
        }
        total = allowance(limits.values(), at)
        scope = total.binding.key
        return Denied(scope, self.budgets[scope].key, total.binding.name, total.free_at)

    def _period(self, budget: Budget, at: datetime) -> object:
        """What identifies the period that contains ``at``: a local day, a week's Monday, an hour."""
        if budget.period == "hour":
            return at.replace(minute=0, second=0, microsecond=0)
        day = local_date(at, budget.tz)
        return day if budget.period == "day" else day - timedelta(days=day.weekday())

    def _resets(self, budget: Budget, at: datetime) -> datetime:
        if budget.period == "hour":
            return at.replace(minute=0, second=0, microsecond=0).astimezone(UTC) + HOUR
        if budget.period == "day":
            return next_limit_reset(at, budget.tz)
        day = local_date(at, budget.tz)
        return start_of_day(day + (7 - day.weekday()) * DAY, budget.tz)
