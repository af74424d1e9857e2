"""Sets limits, with an entry in the audit log for each; ``None`` goes back to the default.

A limit holds for every decision after it was set. A budget that was not counted before starts with what the outbox
shows to have left, or to be held, in the window that is running.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from integrations import streams
from integrations.models import (
    Connection,
    LimitScope,
    LimitWindow,
    OutboundMessage,
    RateLimit,
    RateUsage,
    SenderAccount,
)
from integrations.services.rates import slots
from integrations.services.rates.budgets import aliases_of, domain_group
from integrations.services.rates.periods import key_of, period_of
from project.core.clock import now
from project.core.refusals import Invalid
from project.core.scoping import current_organization_id
from project.tenancy import audit
from project.tenancy.models import Client, User

#: The windows that people may set for an account's action.
SENDER_WINDOWS: Final = (LimitWindow.HOUR, LimitWindow.DAY, LimitWindow.WEEK, LimitWindow.GROWTH)
HIGHEST_GROWTH: Final = 1_000
HIGHEST_SENDER: Final = 10_000
HIGHEST_SHARED: Final = 10_000_000
_DOMAIN: Final = re.compile(r"(?=.{4,100}$)([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z0-9-]{2,}")


@transaction.atomic
def set_limit(
    *,
    sender: SenderAccount,
    action: str,
    cap: int | None,
    actor: User | None,
    window: str = LimitWindow.DAY,
) -> RateLimit | None:
    """Set the limit of one action of an account in a window. For ``growth`` the figure is the percentage over last
    week's use, and the action may be blank for all of the account's.

    Raises ``Invalid`` for an unknown action or window, or a figure out of range.
    """
    is_growth = window == LimitWindow.GROWTH
    if action not in settings.DAILY_LIMITS and not (is_growth and not action):
        raise Invalid(f"There is no limit for {action!r}.", field="action")
    if window not in SENDER_WINDOWS:
        raise Invalid(f"An account has no limit for each {window}.", field="window")
    _check(cap, HIGHEST_GROWTH if is_growth else HIGHEST_SENDER)
    row = _store(LimitScope.SENDER, str(sender.id), action, window, cap, sender=sender)
    if window == LimitWindow.HOUR:
        _begin(LimitScope.SENDER, str(sender.id), window, Q(sender=sender, action=action), action, sender)
    audit.record(
        actor=actor,
        action="sender.limit_set",
        subject=sender,
        client_id=sender.client_id,
        limit=action,
        window=str(window),
        cap=cap,
    )
    announce(sender.id)
    return row


@transaction.atomic
def set_organization_limit(*, cap: int | None, actor: User | None) -> RateLimit | None:
    """Set how much all accounts of the organization together may send on a day (UTC). Raises ``Invalid``."""
    _check(cap, HIGHEST_SHARED)
    subject = str(current_organization_id())
    row = _store(LimitScope.ORGANIZATION, subject, "", LimitWindow.DAY, cap)
    _begin(LimitScope.ORGANIZATION, subject, LimitWindow.DAY, Q())
    _record(actor, "organization.limit_set", cap=cap)
    return row


@transaction.atomic
def set_growth(*, percent: int | None, actor: User | None) -> RateLimit | None:
    """Set how much an account's weekly use may grow, in percent, for the whole organization. Raises ``Invalid``."""
    _check(percent, HIGHEST_GROWTH)
    subject = str(current_organization_id())
    row = _store(LimitScope.ORGANIZATION, subject, "", LimitWindow.GROWTH, percent)
    _record(actor, "organization.growth_set", percent=percent)
    return row


@transaction.atomic
def set_client_limit(*, client: Client, cap: int | None, actor: User | None) -> RateLimit | None:
    """Set how much all accounts of a client together may send on a day (UTC). Raises ``Invalid``."""
    _check(cap, HIGHEST_SHARED)
    row = _store(LimitScope.CLIENT, str(client.id), "", LimitWindow.DAY, cap)
    _begin(LimitScope.CLIENT, str(client.id), LimitWindow.DAY, Q(client=client))
    _record(actor, "client.limit_set", subject=client, client_id=client.id, cap=cap)
    return row


@transaction.atomic
def set_domain_limit(*, domain: str, cap: int | None, actor: User | None) -> RateLimit | None:
    """Set how many mails the organization may send to a recipient domain, its aliases included, in an hour.

    Raises ``Invalid`` for what is no domain.
    """
    group = domain_group(domain)
    if not _DOMAIN.fullmatch(group):
        raise Invalid(f"“{domain[:60]}” is not a domain.", field="domain")
    _check(cap, HIGHEST_SHARED)
    row = _store(LimitScope.DOMAIN, group, "", LimitWindow.HOUR, cap)
    to_domain = Q()
    for name in aliases_of(group):
        to_domain |= Q(recipient__email__iendswith=f"@{name}")
    _begin(LimitScope.DOMAIN, group, LimitWindow.HOUR, Q(channel="email") & to_domain)
    _record(actor, "domain.limit_set", domain=group, cap=cap)
    return row


@transaction.atomic
def set_request_rate(
    *, connection: Connection, cap: int | None, actor: User | None, window: str = LimitWindow.SECOND
) -> RateLimit | None:
    """Set how many requests a connection makes in a second or minute. Other processes know within 5 s.

    Raises ``Invalid``.
    """
    if window not in {LimitWindow.SECOND, LimitWindow.MINUTE}:
        raise Invalid("A request rate is by second or minute.", field="window")
    if cap == 0:
        raise Invalid("A request rate is at least 1; disable the connection to stop it.", field="cap")
    _check(cap, HIGHEST_SENDER)
    row = _store(LimitScope.CONNECTION, str(connection.id), "", window, cap)
    _record(
        actor,
        "connection.request_rate_set",
        subject=connection,
        client_id=connection.client_id,
        window=str(window),
        cap=cap,
    )
    transaction.on_commit(lambda: slots.forget_rate(connection.id))
    return row


def announce(sender_id: UUID) -> None:
    """Tell open pages that an account's use or limits changed. Must run inside a transaction."""
    streams.rate_changed(sender_id)


def _record(
    actor: User | None,
    action: str,
    *,
    subject: object = None,
    client_id: UUID | None = None,
    **data: Any,
) -> None:
    audit.record(actor=actor, action=action, subject=subject, client_id=client_id, **data)
    streams.rates_changed()


def _check(cap: int | None, highest: int) -> None:
    if cap is not None and not 0 <= cap <= highest:
        raise Invalid(f"This limit is between 0 and {highest:,}.", field="cap")


def _store(
    scope: str,
    subject: str,
    action: str,
    window: str,
    cap: int | None,
    *,
    sender: SenderAccount | None = None,
) -> RateLimit | None:
    rows = RateLimit.objects.filter(scope=scope, subject=subject, action=action, window=window)
    if cap is None:
        rows.delete()
        return None
    row: RateLimit = RateLimit.objects.update_or_create(
        scope=scope, subject=subject, action=action, window=window, defaults={"cap": cap, "sender": sender}
    )[0]
    return row


def _begin(
    scope: str, subject: str, window: str, which: Q, action: str = "", sender: SenderAccount | None = None
) -> None:
    """Make the counter of the running window, if it was not counted, with what left or is held in it."""
    at = now()
    period, day = period_of(window, at)
    key = key_of(scope, subject, action, window, period)
    if RateUsage.objects.filter(key=key).exists():
        return
    since = datetime.combine(day, time(), UTC)
    if window == LimitWindow.HOUR:
        since += timedelta(hours=at.astimezone(UTC).hour)
    held = Q(reservation__isnull=False, state__in=["queued", "sending", "unknown"])
    rows = OutboundMessage.objects.filter(which, action__in=settings.COUNTED_ACTIONS)
    row = RateUsage(
        key=key,
        scope=scope,
        subject=subject,
        sender=sender,
        action=action,
        window=window,
        day=day,
        used=rows.filter(Q(sent_at__gte=since) | held).count(),
    )
    RateUsage.objects.bulk_create([row], ignore_conflicts=True)
