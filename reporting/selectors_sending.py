"""How sending goes: what accounts used of their limits by day, and how reliable providers, webhooks and reading are."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from integrations.models import SenderAccount
from integrations.usage_selectors import DailyUsage, daily_usage
from integrations.weather_selectors import reliability
from project.core.clock import now
from project.tenancy.access import Access
from project.tenancy.models import Client

#: Days that are looked at: label.
SPANS: Final = {"7": "7 days", "28": "28 days"}
#: Accounts that one page shows, those that were used most first.
MOST: Final = 100


def reach(access: Access, client: Client | None) -> Access:
    """The same access, narrowed to one client within it."""
    return replace(access, client_ids=frozenset({client.id})) if client is not None else access


def usage(access: Access, *, days: int, client: Client | None) -> tuple[list[DailyUsage], int]:
    """Use of daily limits by account, action and day, the fullest first, and how many more there are."""
    own = reach(access, client)
    rows: Any = SenderAccount.objects.filter(own.client_filter()).exclude(status=SenderAccount.Status.DELETED)
    senders = list(rows.order_by("name", "id")[: 10 * MOST])
    last = now().date()
    found = daily_usage(senders, last - timedelta(days=days - 1), last)
    found.sort(key=lambda row: (-row.used / max(1, row.allowed), row.sender.name, row.action))
    return found[:MOST], max(0, len(found) - MOST)


def sending(access: Access, *, days: int, client: Client | None) -> dict[str, Any]:
    """Use of daily limits, and reliability of as many days; a fixed number of statements."""
    found, left_out = usage(access, days=days, client=client)
    return {
        "usage": found,
        "left_out": left_out,
        "reliability": reliability(reach(access, client), hours=24 * days),
    }
