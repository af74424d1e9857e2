"""Reads about what accounts have sent by day, against their daily limits: for reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from integrations.limit_selectors import ACTION_LABELS, actions_of
from integrations.models import LimitWindow, RateUsage, SenderAccount
from integrations.services import rates


@dataclass(frozen=True, slots=True)
class DailyUsage:
    """One action of one account over some of its own local days. ``limit`` is the daily limit as it stands now."""

    sender: SenderAccount
    action: str
    label: str
    limit: int
    first: date
    days: list[int]

    @property
    def used(self) -> int:
        """All days together."""
        return sum(self.days)

    @property
    def most(self) -> int:
        """The most of one day."""
        return max(self.days, default=0)

    @property
    def full_days(self) -> int:
        """Days on which all of the limit was used."""
        return sum(used >= self.limit for used in self.days)

    @property
    def allowed(self) -> int:
        """What the limit allows on these days together."""
        return self.limit * len(self.days)

    @property
    def by_day(self) -> list[tuple[date, int]]:
        """The days with what was used on each."""
        return [(self.first + timedelta(days=n), used) for n, used in enumerate(self.days)]


def daily_usage(senders: Sequence[SenderAccount], first: date, last: date) -> list[DailyUsage]:
    """Return every limited action of accounts on the days from ``first`` to ``last``, both included; two statements."""
    rows = RateUsage.objects.filter(
        sender__in=[sender.id for sender in senders], window=LimitWindow.DAY, day__gte=first, day__lte=last
    ).order_by()
    used: dict[tuple[UUID, str, date], int] = {}
    for sender_id, action, day, count in rows.values_list("sender_id", "action", "day", "used"):
        used[sender_id, action, day] = used.get((sender_id, action, day), 0) + count
    limits = rates.limits_of_many(senders)
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    return [
        DailyUsage(
            sender=sender,
            action=action,
            label=ACTION_LABELS.get(action, action),
            limit=limits[sender.id][action],
            first=first,
            days=[used.get((sender.id, action, day), 0) for day in days],
        )
        for sender in senders
        for action in actions_of(sender)
    ]
