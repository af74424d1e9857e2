"""Operations of the JSON API: what accounts used of their limits, and how reliable a client's sending is."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from ninja import Query, Router, Schema
from pydantic import Field

from integrations import api_rows as sender_rows
from integrations.api_weather import ReliabilityOut
from integrations.services import rates
from integrations.usage_selectors import DailyUsage, daily_usage
from integrations.weather_selectors import reliability
from project.core.clock import now
from project.tenancy.access import Permission, get_or_404
from project.tenancy.api_auth import ApiRequest, api_rule
from reporting import selectors_sending

router = Router()
TAGS = ["Analytics"]


class UsageOut(Schema):
    """A daily budget of an account, in actions."""

    action: str
    used: int
    limit: int
    left: int


class UsedOut(Schema):
    """One local day of the account."""

    day: date
    used: int


class DailyUsageOut(Schema):
    """One action of an account by day; ``limit`` is the daily limit as it stands now."""

    sender_id: UUID
    name: str
    action: str
    limit: int
    used: int
    full_days: int
    days: list[UsedOut]


class RateUsageOut(Schema):
    """An account's budgets of its own local day, and when they begin anew."""

    sender_id: UUID
    name: str
    day: date
    resets_at: datetime
    budgets: list[UsageOut]
    history: list[DailyUsageOut] = Field(description="The days asked for, today the last.")


class DaysIn(Schema):
    """How many days, today included."""

    days: int = Field(7, ge=1, le=90)


class RecentDaysIn(Schema):
    """How many days back."""

    days: int = Field(7, ge=1, le=28)


@router.get("/analytics/accounts/{sender_id}/rate-usage", response=RateUsageOut, tags=TAGS)
@api_rule(Permission.SENDERS_VIEW)
def account_rate_usage(request: ApiRequest, sender_id: UUID, span: Query[DaysIn]) -> Any:
    """How much of its daily budgets an account has used today, and by day."""
    sender = get_or_404(sender_rows.senders(request.access), sender_id)
    at = now()
    day = rates.day_of(sender, at)
    return {
        "sender_id": sender.id,
        "name": sender.name,
        "day": day,
        "resets_at": rates.next_day_starts(sender, at),
        "budgets": [
            {"action": action, "used": used, "limit": limit, "left": max(0, limit - used)}
            for action, (used, limit) in sorted(rates.usage(sender, day).items())
        ],
        "history": [_daily(row) for row in daily_usage([sender], day - timedelta(days=span.days - 1), day)],
    }


@router.get("/analytics/clients/{client_id}/rate-usage", response=list[DailyUsageOut], tags=TAGS)
@api_rule(Permission.SENDERS_VIEW)
def client_rate_usage(request: ApiRequest, client_id: UUID, span: Query[DaysIn]) -> Any:
    """What a client's accounts have used of their daily limits, by day; those used most first, 100 at most."""
    client = get_or_404(request.access.clients(), client_id)
    return [_daily(row) for row in selectors_sending.usage(request.access, days=span.days, client=client)[0]]


@router.get("/analytics/clients/{client_id}/reliability", response=ReliabilityOut, tags=TAGS)
@api_rule(Permission.SENDERS_VIEW)
def client_reliability(request: ApiRequest, client_id: UUID, span: Query[RecentDaysIn]) -> Any:
    """Errors of providers by taxonomy, webhook lag, retries and sync lag of a client's accounts."""
    client = get_or_404(request.access.clients(), client_id)
    return reliability(selectors_sending.reach(request.access, client), hours=24 * span.days)


def _daily(row: DailyUsage) -> dict[str, Any]:
    return {
        "sender_id": row.sender.id, "name": row.sender.name, "action": row.action, "limit": row.limit,
        "used": row.used, "full_days": row.full_days,
        "days": [{"day": day, "used": used} for day, used in row.by_day],
    }  # fmt: skip
