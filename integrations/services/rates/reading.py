"""Reads what limits say and what has been used: counters, limits, warm-ups and last week, in one statement."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection

from integrations.models import SenderAccount
from integrations.services.rates.budgets import Rules, WarmupRow, subjects_of, week_before

_COUNTERS: Final = """
    SELECT usage.organization_id, usage.key, usage.used FROM integrations_rateusage AS usage
    WHERE usage.organization_id = ANY(%(organizations)s) AND usage.key = ANY(%(keys)s)
"""
#: Accounts' own counters first: what many share is waited for while nothing else of many is held.
_LOCK: Final = "ORDER BY usage.scope <> 'sender', usage.key FOR UPDATE OF usage"

_READ: Final = """
WITH counters AS ({counters})
SELECT 'used', organization_id, key, '', '', '', used::bigint, NULL::date, 0::bigint, NULL::date
FROM counters
UNION ALL
SELECT 'limit', organization_id, scope, subject, action, "window", cap::bigint, NULL, 0, NULL
FROM integrations_ratelimit
WHERE organization_id = ANY(%(organizations)s) AND subject = ANY(%(subjects)s)
UNION ALL
SELECT 'warmup', organization_id, sender_id::text, kind, '', '', ceiling::bigint, started_on,
    held_days::bigint, held_since
FROM integrations_warmupplan
WHERE sender_id = ANY(%(senders)s) AND stopped_at IS NULL
UNION ALL
SELECT 'week', organization_id, sender_id::text, action, '', '', used::bigint, day, 0, NULL
FROM integrations_rateusage
WHERE sender_id = ANY(%(senders)s) AND "window" = 'week' AND day = ANY(%(weeks)s)
"""
LOOK: Final = _READ.format(counters=_COUNTERS)
LOCK: Final = _READ.format(counters=_COUNTERS + _LOCK)


@dataclass(slots=True)
class Reading:
    """What one statement found: ``used`` by (organization, key) and the rules."""

    used: dict[tuple[UUID, str], int] = field(default_factory=dict)
    rules: Rules = field(default_factory=Rules)


def read(
    *, senders: Iterable[SenderAccount], keys: Sequence[str], domains: Iterable[str], at: datetime, lock: bool
) -> Reading:
    """Read the counters named by ``keys`` with all that caps them; one statement.

    With ``lock`` the counters that exist stay locked until the transaction ends, always taken in the same order.
    """
    accounts = {sender.id: sender for sender in senders}
    reading = Reading()
    with connection.cursor() as cursor:
        cursor.execute(
            LOCK if lock else LOOK,
            {
                "organizations": list({sender.organization_id for sender in accounts.values()}),
                "keys": list(keys),
                "subjects": subjects_of(accounts.values(), domains),
                "senders": list(accounts),
                "weeks": list({week_before(sender, at) for sender in accounts.values()}),
            },
        )
        for row in cursor.fetchall():
            _take(reading, row)
    return reading


def _take(reading: Reading, row: tuple[Any, ...]) -> None:
    kind, organization_id, first, second, third, fourth, number, day, held_days, held_since = row
    if kind == "used":
        reading.used[organization_id, first] = number
    elif kind == "limit":
        reading.rules.limits[organization_id, first, second, third, fourth] = number
    elif kind == "warmup":
        reading.rules.warmups[UUID(first)] = WarmupRow(second, day, number, held_days, held_since)
    else:
        reading.rules.weeks[UUID(first), second, day] = number
