"""Arithmetic of sending limits: which of several limits binds, how much is left, when a slot is free again.

Pure: the caller brings the figures (persisted usage, settings, provider hints) and reserves atomically
itself. Times are aware UTC datetimes, counts are integers. No Django imports.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Limit:
    """One named budget: at most ``cap`` uses until ``resets_at``, of which ``used`` are gone.

    ``name`` is shown to people ("25 invites a day for this account"); ``key`` is stable ("account_day").
    """

    key: str
    name: str
    cap: int
    used: int
    resets_at: datetime

    def __post_init__(self) -> None:
        if self.cap < 0 or self.used < 0:
            raise ValueError("A limit's cap and use cannot be negative.")

    @property
    def remaining(self) -> int:
        """How many uses are left; never negative, even if the cap was lowered below the use."""
        return max(0, self.cap - self.used)


@dataclass(frozen=True, slots=True)
class Cap:
    """One candidate for the size of a budget: a default, a warm-up stage, a client's own setting."""

    key: str
    name: str
    value: int


@dataclass(frozen=True, slots=True)
class Allowance:
    """What all limits together allow now. ``binding`` is the limit that decides."""

    remaining: int
    binding: Limit
    free_at: datetime

    @property
    def allowed(self) -> bool:
        """Whether one more use fits."""
        return self.remaining > 0


@dataclass(frozen=True, slots=True)
class Slot:
    """When the next use can happen and what it waits for, as data for a sentence on the screen."""

    at: datetime
    waits_for: str
    limit_name: str
    used: int
    cap: int


def effective_cap(caps: Iterable[Cap]) -> Cap:
    """The smallest of ``caps``; of equal ones the first named. Raises ``ValueError`` for none."""
    return min(caps, key=lambda cap: cap.value)


def allowance(limits: Iterable[Limit], now: datetime) -> Allowance:
    """Combine ``limits``: the least remainder decides.

    A limit whose ``resets_at`` has passed counts as unused. When several are exhausted the one that resets
    last binds, since nothing can leave before it; ``free_at`` is that instant (``now`` while something is
    left). Raises ``ValueError`` for no limits.
    """
    current = [_fresh(limit, now) for limit in limits]
    if not current:
        raise ValueError("At least one limit is needed.")
    exhausted = [limit for limit in current if limit.remaining == 0]
    if exhausted:
        binding = max(exhausted, key=lambda limit: limit.resets_at)
        return Allowance(remaining=0, binding=binding, free_at=max(now, binding.resets_at))
    binding = min(current, key=lambda limit: limit.remaining)
    return Allowance(remaining=binding.remaining, binding=binding, free_at=now)


def next_slot(limits: Iterable[Limit], now: datetime, *, blocked_until: datetime | None = None) -> Slot:
    """The next instant at which one more use fits, with the constraint that decides.

    ``blocked_until`` is a provider's own hint (Retry-After) or a pause between two actions; it decides only
    when it ends later than the limits do. ``waits_for`` is the limit's key, ``provider`` or empty if nothing
    waits.
    """
    total = allowance(limits, now)
    binding = total.binding
    at, waits_for = (now, "") if total.allowed else (total.free_at, binding.key)
    if blocked_until is not None and blocked_until > at:
        at, waits_for = blocked_until, "provider"
    return Slot(at=at, waits_for=waits_for, limit_name=binding.name, used=binding.used, cap=binding.cap)


@dataclass(slots=True)
class Counter:
    """The use of one budget in its current window and every cap on it; ``taken`` is what is charged now."""

    used: int
    caps: tuple[Cap, ...]
    resets_at: datetime
    taken: int = 0
    #: The smallest cap decides; the others are shown.
    binding: Cap = field(init=False)

    def __post_init__(self) -> None:
        self.binding = effective_cap(self.caps)

    @property
    def is_full(self) -> bool:
        """Whether not one more fits."""
        return self.used + self.taken >= self.binding.value

    def limit(self) -> Limit:
        """The binding cap with its use, as a limit."""
        return Limit(
            key=self.binding.key,
            name=self.binding.name,
            cap=self.binding.value,
            used=self.used + self.taken,
            resets_at=self.resets_at,
        )


def allocate(
    demands: Sequence[Sequence[Hashable]], counters: Mapping[Hashable, Counter], now: datetime
) -> list[Limit | None]:
    """Give each demand one unit of each of its budgets, or none: first come, first served.

    ``demands`` name their counters. Returns, in their order, ``None`` for a demand that was granted (its
    counters' ``taken`` are raised by one) and the limit that binds for one that was refused, which
    leaves all counters alone, so that a later demand may still fit.
    """
    refused: list[Limit | None] = []
    for demand in demands:
        touched = [counters[key] for key in demand]
        if any(counter.is_full for counter in touched):
            refused.append(allowance([counter.limit() for counter in touched], now).binding)
            continue
        for counter in touched:
            counter.taken += 1
        refused.append(None)
    return refused


def growth_cap(last_week: int, *, percent: int, floor: int) -> int:
    """How much may be done in a week after one with ``last_week``: ``percent`` more, and ``floor`` always.

    Rounded up, so that small figures can grow. Raises ``ValueError`` for negative figures.
    """
    if last_week < 0 or percent < 0 or floor < 0:
        raise ValueError("Growth figures cannot be negative.")
    return max(floor, last_week + math.ceil(last_week * percent / 100))


@dataclass(frozen=True, slots=True)
class Rate:
    """How often something may happen: ``per_second`` on average, ``burst`` at once after a pause."""

    per_second: float
    burst: int

    def __post_init__(self) -> None:
        if self.per_second <= 0 or self.burst < 1:
            raise ValueError("A rate and its burst are positive.")

    @property
    def gap(self) -> timedelta:
        """The time from one slot to the next."""
        return timedelta(seconds=1 / self.per_second)

    @property
    def credit(self) -> timedelta:
        """How old a slot may be: what has not been used for longer lapses, so that no more than a burst is left."""
        return (self.burst - 1) * self.gap


def warmup_cap(day: int, *, start: int, daily_step: int, ceiling: int) -> int:
    """The cap on the ``day``-th day (from 0) of a linear warm-up from ``start`` to ``ceiling``."""
    if day < 0 or start < 0 or daily_step < 0 or ceiling < 0:
        raise ValueError("Warm-up figures cannot be negative.")
    return min(ceiling, start + day * daily_step)


def even_gap(remaining: int, until_close: timedelta, *, shortest: timedelta) -> timedelta:
    """The pause between uses that spreads ``remaining`` over ``until_close``, at least ``shortest``."""
    if remaining <= 0 or until_close <= timedelta(0):
        return shortest
    return max(shortest, until_close / remaining)


def _fresh(limit: Limit, now: datetime) -> Limit:
    """``limit`` as of ``now``: unused again once its reset has passed."""
    if limit.resets_at > now or limit.used == 0:
        return limit
    return Limit(key=limit.key, name=limit.name, cap=limit.cap, used=0, resets_at=limit.resets_at)
