"""Sets limits, with an entry in the audit log for each."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.db import transaction

from integrations import streams
from integrations.models import LimitScope, LimitWindow, RateLimit, SenderAccount
from project.core.refusals import Invalid
from project.tenancy import audit
from project.tenancy.models import User

HIGHEST = 10_000_000
#: The windows that people may set for an account's action.
SENDER_WINDOWS = (LimitWindow.HOUR, LimitWindow.DAY, LimitWindow.WEEK, LimitWindow.GROWTH)


@transaction.atomic
def set_limit(
    *,
    sender: SenderAccount,
    action: str,
    cap: int | None,
    actor: User | None,
    window: str = LimitWindow.DAY,
) -> RateLimit | None:
    """Set the limit of one action in a window; ``None`` goes back to the default. For ``growth`` the figure is the
    percentage over last week's use.

    Raises ``Invalid`` for an unknown action or window, or a figure out of range.
    """
    if action not in settings.DAILY_LIMITS:
        raise Invalid(f"There is no limit for {action!r}.", field="action")
    if window not in SENDER_WINDOWS:
        raise Invalid(f"An account has no limit for each {window}.", field="window")
    _check(cap, 1_000 if window == LimitWindow.GROWTH else 10_000)
    row = _store(LimitScope.SENDER, str(sender.id), action, window, cap, sender=sender)
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


def announce(sender_id: UUID) -> None:
    """Tell open pages that an account's use or limits changed. Must run inside a transaction."""
    streams.rate_changed(sender_id)
