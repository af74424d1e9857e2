"""Daily budgets of sender accounts: reserved exactly, kept in PostgreSQL, so that losing Redis loses nothing.

A unit is taken by one conditional statement on the row of (sender, action, day); PostgreSQL's row lock makes
it exact for any number of workers. The day is the one of the sender's time zone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F

from integrations import streams
from integrations.models import RateLimit, RateUsage, SenderAccount
from project.core.clock import now
from project.core.ids import uuid7
from project.core.refusals import Invalid
from project.core.scoping import current_organization_id
from project.tenancy import audit
from project.tenancy.models import User

#: Stored where an action has no limit: the use is counted all the same.
UNLIMITED: Final = 2_147_483_647

_RESERVE = """
WITH allowed AS (
    SELECT COALESCE(
        (SELECT per_day FROM integrations_ratelimit
         WHERE organization_id = %(organization)s AND sender_id = %(sender)s AND action = %(action)s),
        %(default)s
    ) AS per_day
), taken AS (
    INSERT INTO integrations_rateusage AS usage
        (id, organization_id, sender_id, action, day, used, created_at, updated_at)
    SELECT %(id)s, %(organization)s, %(sender)s, %(action)s, %(day)s, 1, %(now)s, %(now)s
    FROM allowed WHERE per_day > 0
    ON CONFLICT (sender_id, action, day)
        DO UPDATE SET used = usage.used + 1, updated_at = EXCLUDED.updated_at
        WHERE usage.used < (SELECT per_day FROM allowed)
    RETURNING used
)
SELECT allowed.per_day, taken.used FROM allowed LEFT JOIN taken ON true
"""


@dataclass(frozen=True, slots=True)
class Reserved:
    """A unit was taken: ``used`` of ``limit`` of that ``day`` are gone now."""

    day: date
    used: int
    limit: int


@dataclass(frozen=True, slots=True)
class Refused:
    """The day's budget is used up; ``next_free`` is when the next one begins (UTC)."""

    reason: str
    limit: int
    next_free: datetime


def zone_of(sender: SenderAccount) -> ZoneInfo:
    """Return the sender's time zone; UTC where the stored name is not one."""
    try:
        return ZoneInfo(sender.time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def day_of(sender: SenderAccount, at: datetime) -> date:
    """Return the sender's calendar day at ``at``."""
    return at.astimezone(zone_of(sender)).date()


def next_day_starts(sender: SenderAccount, at: datetime) -> datetime:
    """Return when the sender's next calendar day begins, in UTC."""
    following = day_of(sender, at) + timedelta(days=1)
    return datetime.combine(following, time(), zone_of(sender)).astimezone(UTC)


def reserve(*, sender: SenderAccount, action: str, at: datetime) -> Reserved | Refused:
    """Take one unit of ``action`` for the sender's day at ``at``; exact under any number of workers.

    Inside a transaction the budget's row stays locked until it ends, so reserve late and commit soon.
    """
    day = day_of(sender, at)
    with connection.cursor() as cursor:
        cursor.execute(
            _RESERVE,
            {
                "id": uuid7(),
                "organization": current_organization_id(),
                "sender": sender.id,
                "action": action,
                "day": day,
                "default": settings.DAILY_LIMITS.get(action, UNLIMITED),
                "now": now(),
            },
        )
        limit, used = cursor.fetchone()
    if used is not None:
        return Reserved(day=day, used=used, limit=limit)
    return Refused(
        reason=f"The daily limit of {limit} ({action.replace('_', ' ')}) of this account is used up.",
        limit=limit,
        next_free=next_day_starts(sender, at),
    )


def release(*, sender: SenderAccount, action: str, day: date) -> None:
    """Give a unit of that day back: what it was taken for did not happen."""
    RateUsage.objects.filter(sender=sender, action=action, day=day, used__gt=0).update(used=F("used") - 1)


def limits_of(sender: SenderAccount) -> dict[str, int]:
    """Return the daily limit of each limited action."""
    own = dict(RateLimit.objects.filter(sender=sender).values_list("action", "per_day"))
    return {**settings.DAILY_LIMITS, **own}


def limits_of_many(senders: Iterable[SenderAccount]) -> dict[UUID, dict[str, int]]:
    """Return the daily limits of many senders by their ids; one query."""
    limits = {sender.id: dict(settings.DAILY_LIMITS) for sender in senders}
    rows = RateLimit.objects.filter(sender_id__in=list(limits)).values_list("sender_id", "action", "per_day")
    for sender_id, action, per_day in rows:
        limits[sender_id][action] = per_day
    return limits


def usage(sender: SenderAccount, day: date) -> dict[str, tuple[int, int]]:
    """Return ``{action: (used, limit)}`` for a day, every limited action included."""
    used = dict(RateUsage.objects.filter(sender=sender, day=day).values_list("action", "used"))
    limits = limits_of(sender)
    return {action: (used.get(action, 0), limits.get(action, UNLIMITED)) for action in {*limits, *used}}


@transaction.atomic
def set_limit(*, sender: SenderAccount, action: str, per_day: int, actor: User | None) -> RateLimit:
    """Set the daily limit of one action. Raises ``Invalid`` for an unknown action or a figure out of
    range.
    """
    if action not in settings.DAILY_LIMITS:
        raise Invalid(f"There is no daily limit for {action!r}.", field="action")
    if not 0 <= per_day <= 10_000:
        raise Invalid("A daily limit is between 0 and 10,000.", field="per_day")
    row: RateLimit = RateLimit.objects.update_or_create(
        sender=sender, action=action, defaults={"per_day": per_day}
    )[0]
    audit.record(
        actor=actor,
        action="sender.limit_set",
        subject=sender,
        client_id=sender.client_id,
        limit=action,
        per_day=per_day,
    )
    announce(sender.id)
    return row


def announce(sender_id: UUID) -> None:
    """Tell open pages that an account's use or limits changed. Must run inside a transaction."""
    streams.rate_changed(sender_id)
