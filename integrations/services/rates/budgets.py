"""Which budgets a send touches, and every cap on each of them.

A budget is a counter in a window: an account's action by day, week and hour, and what accounts share: the client's and
the organization's day, the recipient domain's hour. Several caps can lie on one counter (the daily limit and the
warm-up, say); the smallest decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings

from integrations import warmup
from integrations.freezes import frozen_days, read
from integrations.models import LimitScope, LimitWindow, SenderAccount, WarmupPlan
from integrations.rates import Cap, growth_cap
from integrations.services.rates.periods import key_of, monday_of, period_of, resets_at, zone_of

#: Stored where an action has no limit: the use is counted all the same.
UNLIMITED: Final = 2_147_483_647

#: Addresses of one operator that count as one: Gmail by its documented alias, the others by their own aliases.
DOMAIN_GROUPS: Final = {
    "googlemail.com": "gmail.com",
    "hotmail.com": "outlook.com",
    "live.com": "outlook.com",
    "msn.com": "outlook.com",
    "ymail.com": "yahoo.com",
    "rocketmail.com": "yahoo.com",
    "me.com": "icloud.com",
    "mac.com": "icloud.com",
    "pm.me": "proton.me",
    "protonmail.com": "proton.me",
}


@dataclass(frozen=True, slots=True)
class Demand:
    """One unit of ``action`` that an account wants. ``recipient_domain`` is the recipient's address or its domain
    (e-mail only).
    """

    sender: SenderAccount
    action: str
    recipient_domain: str = ""


@dataclass(frozen=True, slots=True)
class Budget:
    """One counter in one window. ``key`` is its name in ``RateUsage``, ``day`` the window's first day."""

    key: str
    organization_id: UUID
    scope: str
    subject: str
    sender_id: UUID | None
    action: str
    window: str
    day: date
    resets_at: datetime


@dataclass(frozen=True, slots=True)
class WarmupRow:
    """The stored part of an account's warm-up."""

    kind: str
    started_on: date
    ceiling: int | None
    held_days: int
    held_since: date | None


@dataclass(slots=True)
class Rules:
    """What people set for the organizations concerned, as read from the database."""

    #: (organization, scope, subject, action, window) -> cap.
    limits: dict[tuple[UUID, str, str, str, str], int] = field(default_factory=dict)
    warmups: dict[UUID, WarmupRow] = field(default_factory=dict)
    #: (account, action, Monday) -> use in that week.
    weeks: dict[tuple[UUID, str, date], int] = field(default_factory=dict)


def domain_group(address: str) -> str:
    """Return the group that an address or domain counts with, e.g. ``gmail.com`` for ``a@googlemail.com``."""
    domain = address.rpartition("@")[2].strip().strip(".").lower()[:100]
    return DOMAIN_GROUPS.get(domain, domain)


def aliases_of(group: str) -> tuple[str, ...]:
    """Return the domains that count with a group, its own first."""
    return (group, *(alias for alias, of in DOMAIN_GROUPS.items() if of == group))


def domain_of(recipient: Mapping[str, Any]) -> str:
    """Return the domain group of an outbox row's recipient; empty where it has no e-mail address."""
    return domain_group(recipient.get("email") or "")


def budgets_of(demand: Demand, at: datetime) -> tuple[Budget, ...]:
    """Return every counter that may be charged for a demand at ``at``; those without a cap are not (see
    ``caps_of_budget``).
    """
    sender, action = demand.sender, demand.action
    zone = zone_of(sender)

    def make(scope: str, subject: str, window: str, *, of: str = action) -> Budget:
        where = zone if scope == LimitScope.SENDER else UTC
        period, day = period_of(window, at, where)
        return Budget(
            key=key_of(scope, subject, of, window, period),
            organization_id=sender.organization_id,
            scope=scope,
            subject=subject,
            sender_id=sender.id if scope == LimitScope.SENDER else None,
            action=of,
            window=window,
            day=day,
            resets_at=resets_at(window, at, where),
        )

    own = str(sender.id)
    found = [make("sender", own, window) for window in ("day", "week", "hour")]
    if action in settings.COUNTED_ACTIONS:
        found.append(make("client", str(sender.client_id), "day", of=""))
        found.append(make("organization", str(sender.organization_id), "day", of=""))
    if demand.recipient_domain:
        found.append(make("domain", domain_group(demand.recipient_domain), "hour", of=""))
    return tuple(found)


def caps_of_budget(budget: Budget, sender: SenderAccount, rules: Rules, at: datetime) -> tuple[Cap, ...]:
    """Return every cap on a counter; none for one that is not charged. An account's days and weeks are always
    counted.
    """
    if budget.scope == LimitScope.SENDER:
        return _sender_caps(budget, sender, rules, at)
    value = _set(rules, budget, budget.scope, budget.subject, "")
    match budget.scope:
        case LimitScope.CLIENT:
            return _cap("client_day", value, "daily limit of {} of this client")
        case LimitScope.ORGANIZATION:
            value = settings.ORGANIZATION_DAILY_LIMIT if value is None else value
            return _cap("organization_day", value, "daily limit of {} of the organization")
    if value is None:
        defaults = settings.RECIPIENT_DOMAIN_HOURLY_LIMITS
        value = defaults.get(budget.subject, settings.RECIPIENT_DOMAIN_HOURLY_DEFAULT)
    return _cap("recipient_domain_hour", value, f"hourly limit of {{}} for {budget.subject}")


def _set(rules: Rules, budget: Budget, scope: str, subject: str, action: str, window: str = "") -> int | None:
    """What people set for a scope, ``None`` where they set nothing."""
    return rules.limits.get((budget.organization_id, scope, subject, action, window or budget.window))


def _cap(key: str, value: int | None, name: str) -> tuple[Cap, ...]:
    return () if value is None else (Cap(key, name.format(f"{value:,}"), value),)


_DEFAULTS: Final = {"day": "DAILY_LIMITS", "week": "WEEKLY_LIMITS", "hour": "HOURLY_LIMITS"}
_KEYS: Final = {"day": "account_day", "week": "account_week", "hour": "mailbox_hour"}
_NAMES: Final = {"day": "daily", "week": "weekly", "hour": "hourly"}


def _sender_caps(budget: Budget, sender: SenderAccount, rules: Rules, at: datetime) -> tuple[Cap, ...]:
    window = budget.window
    value = _set(rules, budget, "sender", budget.subject, budget.action)
    if value is None:
        value = getattr(settings, _DEFAULTS[window]).get(budget.action)
    caps = _cap(_KEYS[window], value, f"{_NAMES[window]} limit of {{}} ({budget.action}) of this account")
    caps += _warmup_caps(budget, sender, rules, at)
    if window == LimitWindow.WEEK:
        caps += _growth_caps(budget, sender, rules)
    if not caps and window != LimitWindow.HOUR:
        return (Cap(_KEYS[window], f"unlimited {budget.action}s", UNLIMITED),)
    return caps


def _warmup_caps(budget: Budget, sender: SenderAccount, rules: Rules, at: datetime) -> tuple[Cap, ...]:
    row = rules.warmups.get(sender.id)
    stage = stage_of(sender, row, at) if row is not None else None
    if stage is None or stage.plan.window != budget.window:
        return ()
    name = f"warm-up limit of {{}} ({budget.action}), day {stage.day} of {stage.of},"
    return _cap("warmup", stage.caps.get(budget.action), name)


def stage_of(sender: SenderAccount, row: WarmupRow | WarmupPlan, at: datetime) -> warmup.Stage:
    """Return where an account's warm-up stands on its day at ``at``."""
    today = at.astimezone(zone_of(sender)).date()
    # On frozen days nothing leaves, so nothing gets warmer.
    frozen = (
        frozen_days(read(sender.freezes), row.started_on, row.held_since or today) if sender.freezes else 0
    )
    return warmup.stage(
        row.kind,
        started_on=row.started_on,
        today=today,
        held_days=row.held_days + frozen,
        held_since=row.held_since,
        ceiling=row.ceiling,
    )


def _growth_caps(budget: Budget, sender: SenderAccount, rules: Rules) -> tuple[Cap, ...]:
    """The velocity guard: so much more than last week, and a working week of the default limit always."""
    daily = settings.DAILY_LIMITS.get(budget.action)
    percent = growth_percent(budget, rules)
    if daily is None or percent is None:
        return ()
    last = rules.weeks.get((sender.id, budget.action, budget.day - timedelta(days=7)), 0)
    value = growth_cap(last, percent=percent, floor=daily * settings.VELOCITY_FLOOR_DAYS)
    name = f"growth limit of {{}} ({budget.action}) this week, {percent} % over last week's {last:,},"
    return _cap("velocity", value, name)


def growth_percent(budget: Budget, rules: Rules) -> int | None:
    """Return the growth that is allowed: as set for the account's action, the account, the organization, or by
    default; ``None`` where there is no guard.
    """
    organization = str(budget.organization_id)
    for scope, subject, action in (
        ("sender", budget.subject, budget.action),
        ("sender", budget.subject, ""),
        ("organization", organization, ""),
    ):
        found = _set(rules, budget, scope, subject, action, LimitWindow.GROWTH)
        if found is not None:
            return found
    default: int | None = settings.VELOCITY_GROWTH_PERCENT
    return default


def week_before(demand_sender: SenderAccount, at: datetime) -> date:
    """Return the Monday of the account's last week."""
    return monday_of(at.astimezone(zone_of(demand_sender)).date()) - timedelta(days=7)


def subjects_of(senders: Iterable[SenderAccount], domains: Iterable[str]) -> list[str]:
    """Return the subjects whose limits concern these accounts and domains."""
    found: set[str] = set(domains)
    for sender in senders:
        found |= {str(sender.id), str(sender.client_id), str(sender.organization_id)}
    return sorted(found)
