"""What the budgets of accounts will be in the days to come, for simulations: every cap by period, and the use so far.

The same counters and caps as reservations look at (``budgets.py``), asked for each day in advance; nothing is locked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache, partial
from uuid import UUID

from django.conf import settings

from integrations.models import LimitScope, LimitWindow, SenderAccount
from integrations.rates import Cap, effective_cap
from integrations.services.rates import budgets as rules_of
from integrations.services.rates.budgets import Budget, Demand, budgets_of, caps_of_budget, domain_group
from integrations.services.rates.periods import monday_of, zone_of
from integrations.services.rates.reading import Reading, read

VELOCITY = "velocity"


@dataclass(frozen=True, slots=True)
class BudgetAhead:
    """One counter. ``caps`` are the binding caps of the first, second, ... day (hours and days) or week.

    ``growth`` is (percent over last week, floor) of the velocity guard, which depends on the use to come. ``used`` is
    the use so far by the first day of the period, of the current one and of last week. ``sender_id`` is None for what
    accounts share.
    """

    window: str
    zone: tzinfo
    caps: tuple[Cap, ...]
    sender_id: UUID | None = None
    growth: tuple[int, int] | None = None
    used: Mapping[date, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ahead:
    """All budgets by name, and which of them an account's action touches; e-mails touch their domain's, too."""

    budgets: dict[str, BudgetAhead]
    touched: dict[tuple[UUID, str], tuple[str, ...]]
    domains: dict[str, str]
    """Recipient domain (as grouped) to the name of its budget; only those that are limited."""


def budgets_ahead(
    *,
    senders: Sequence[SenderAccount],
    actions: Mapping[str, Set[str]],
    domains: Set[str],
    at: datetime,
    days: int,
) -> Ahead:
    """Look ``days`` ahead from ``at``. ``actions`` are those of interest by channel; one statement in all."""
    demands = [
        Demand(sender, action) for sender in senders for action in sorted(actions.get(sender.channel, ()))
    ]
    groups = {domain_group(domain) for domain in domains} - {""}
    mailing = next((one for one in senders if one.channel == "email"), None)
    now = {(demand.sender.id, demand.action): budgets_of(demand, at) for demand in demands}
    by_domain = {
        group: budgets_of(Demand(mailing, "email", group), at)[-1] for group in groups if mailing is not None
    }
    keys = {budget.key for found in now.values() for budget in found}
    keys |= {budget.key for budget in by_domain.values()}
    reading = read(senders=senders, keys=sorted(keys), domains=groups, at=at, lock=False)
    ahead = Ahead({}, {}, {})
    for demand in demands:
        names = []
        at_moment = lru_cache(maxsize=None)(partial(budgets_of, demand))
        for number, budget in enumerate(now[demand.sender.id, demand.action]):
            name = _name(budget)
            if name not in ahead.budgets:
                # Only a warm-up changes caps from day to day; the guard's growth is reckoned by the simulation.
                warming = demand.sender.id in reading.rules.warmups
                moments = _moments(budget.window, at, days) if warming else [at]
                series = [(at_moment(moment)[number], moment) for moment in moments]
                made = _made(series, demand.sender, reading)
                if made is None:
                    continue
                ahead.budgets[name] = made
            names.append(name)
        ahead.touched[demand.sender.id, demand.action] = tuple(names)
    for group, budget in by_domain.items():
        assert mailing is not None  # there are budgets of domains only with a mailbox
        made = _made([(budget, at)], mailing, reading)
        if made is not None:
            ahead.budgets[_name(budget)] = made
            ahead.domains[group] = _name(budget)
    return ahead


def _name(budget: Budget) -> str:
    """The counter's name without its period; those of an account begin with the account's id."""
    scope = "" if budget.scope == LimitScope.SENDER else f"{budget.scope}:"
    return f"{scope}{budget.subject}:{budget.action}:{budget.window}"


def _moments(window: str, at: datetime, days: int) -> list[datetime]:
    step = timedelta(days=7 if window == LimitWindow.WEEK else 1)
    return [at + number * step for number in range(days // step.days + 2)]


def _made(
    series: Sequence[tuple[Budget, datetime]], sender: SenderAccount, reading: Reading
) -> BudgetAhead | None:
    """The counter ahead; None when no cap lies on it."""
    first = series[0][0]
    caps = []
    guarded = False
    for budget, moment in series:
        found = caps_of_budget(budget, sender, reading.rules, moment)
        guarded = guarded or any(cap.key == VELOCITY for cap in found)
        fixed = [cap for cap in found if cap.key != VELOCITY]
        caps.append(effective_cap(fixed) if fixed else Cap("none", "no limit", rules_of.UNLIMITED))
    if all(cap.value >= rules_of.UNLIMITED for cap in caps) and not guarded:
        return None
    while len(caps) > 1 and caps[-1] == caps[-2]:
        caps.pop()
    used = {first.day: reading.used.get((first.organization_id, first.key), 0)}
    growth = None
    if guarded:
        percent = rules_of.growth_percent(first, reading.rules)
        floor = settings.DAILY_LIMITS[first.action] * settings.VELOCITY_FLOOR_DAYS
        growth = (percent or 0, floor)
        last = monday_of(first.day) - timedelta(days=7)
        used[last] = reading.rules.weeks.get((sender.id, first.action, last), 0)
    own = first.scope == LimitScope.SENDER
    return BudgetAhead(
        window=first.window,
        zone=zone_of(sender) if own and first.window != LimitWindow.HOUR else UTC,
        caps=tuple(caps),
        sender_id=sender.id if own else None,
        growth=growth,
        used=used,
    )
