"""What budgets stand at, for screens and for choosing among accounts: every cap, its use, and the one that binds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from django.conf import settings
from django.db.models import Value

from integrations.models import LimitScope, LimitWindow, RateLimit, RateUsage, SenderAccount
from integrations.rates import Limit, allowance
from integrations.services.rates.budgets import UNLIMITED, Demand, budgets_of, caps_of_budget, domain_group
from integrations.services.rates.reading import read


@dataclass(frozen=True, slots=True)
class CapState:
    """One cap of one action of an account: ``used`` of ``limit`` in the ``window`` that ends at ``resets_at``.

    ``binds`` is true for the one cap that decides what may be done now.
    """

    action: str
    key: str
    name: str
    window: str
    limit: int
    used: int
    remaining: int
    resets_at: datetime
    binds: bool


def caps_of(
    sender: SenderAccount, action: str, at: datetime, recipient_domain: str = ""
) -> tuple[CapState, ...]:
    """Return every cap on an action of an account at ``at``, in the order in which they are looked at."""
    return caps_of_many([Demand(sender, action, recipient_domain)], at)[0]


def caps_of_many(demands: Sequence[Demand], at: datetime) -> list[tuple[CapState, ...]]:
    """Return the caps of each demand; one statement for all of them. Nothing is locked or charged."""
    if not demands:
        return []
    wanted = [(demand, budgets_of(demand, at)) for demand in demands]
    reading = read(
        senders=[demand.sender for demand in demands],
        keys=sorted({budget.key for _demand, budgets in wanted for budget in budgets}),
        domains={domain_group(demand.recipient_domain) for demand in demands} - {""},
        at=at,
        lock=False,
    )
    found = []
    for demand, budgets in wanted:
        limits: list[tuple[str, Limit]] = []
        for budget in budgets:
            used = reading.used.get((budget.organization_id, budget.key), 0)
            for cap in caps_of_budget(budget, demand.sender, reading.rules, at):
                limit = Limit(cap.key, cap.name, cap.value, used, budget.resets_at)
                limits.append((budget.window, limit))
        found.append(_states(demand.action, limits, at))
    return found


def _states(action: str, limits: Sequence[tuple[str, Limit]], at: datetime) -> tuple[CapState, ...]:
    binding = allowance([limit for _window, limit in limits], at).binding
    return tuple(
        CapState(
            action=action,
            key=limit.key,
            name=limit.name,
            window=window,
            limit=limit.cap,
            used=limit.used,
            remaining=limit.remaining,
            resets_at=limit.resets_at,
            binds=limit is binding or limit == binding,
        )
        for window, limit in limits
        if limit.cap < UNLIMITED
    )


def remaining_of(senders: Iterable[SenderAccount], action: str, at: datetime) -> dict[UUID, int]:
    """Return how many of ``action`` each account may still do now, all caps considered; one statement."""
    accounts = list(senders)
    found = caps_of_many([Demand(sender, action) for sender in accounts], at)
    return {
        sender.id: min((cap.remaining for cap in caps), default=UNLIMITED)
        for sender, caps in zip(accounts, found, strict=True)
    }


def limits_of_many(senders: Iterable[SenderAccount]) -> dict[UUID, dict[str, int]]:
    """Return the daily limits of many senders by their ids; one query."""
    limits = {sender.id: dict(settings.DAILY_LIMITS) for sender in senders}
    rows = RateLimit.objects.filter(
        sender_id__in=list(limits), scope=LimitScope.SENDER, window=LimitWindow.DAY
    )
    for sender_id, action, cap in rows.values_list("sender_id", "action", "cap"):
        limits[sender_id][action] = cap
    return limits


def usage(sender: SenderAccount, day: date) -> dict[str, tuple[int, int]]:
    """Return ``{action: (used, limit)}`` for a day by the daily limits, every limited action included; one query."""
    counters = RateUsage.objects.filter(sender=sender, window=LimitWindow.DAY, day=day)
    caps = RateLimit.objects.filter(sender=sender, scope=LimitScope.SENDER, window=LimitWindow.DAY)
    used: dict[str, int] = {}
    limits = dict(settings.DAILY_LIMITS)
    rows = counters.order_by().values_list(Value("used"), "action", "used")
    for kind, action, number in rows.union(
        caps.order_by().values_list(Value("cap"), "action", "cap"), all=True
    ):
        (used if kind == "used" else limits)[action] = number
    return {action: (used.get(action, 0), limits.get(action, UNLIMITED)) for action in {*limits, *used}}
