"""What was promised to whom: the policy of a client as a clock, and changing it."""

from __future__ import annotations

from datetime import time, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from campaigns.scheduling import Calendar, SendingWindow, UnknownHolidayCountry, UnknownZone, zone
from inbox.models import InboxPolicy
from inbox.sla import Promise
from project.core.refusals import Invalid
from project.tenancy import audit
from project.tenancy.models import Client, User

_FIELDS = (
    "reply_minutes", "hot_reply_minutes", "weekdays", "opens", "closes", "holiday_country", "lease_minutes",
    "close_after_days",
)  # fmt: skip


def policy_of(client_id: UUID) -> InboxPolicy:
    """The policy that holds for a client: its own, else the organization's, else the default (unsaved)."""
    rows = list(InboxPolicy.objects.filter(Q(client_id=client_id) | Q(client=None)))
    own = [row for row in rows if row.client_id is not None]
    found: InboxPolicy = (own or rows or [InboxPolicy()])[0]
    return found


def promise(policy: InboxPolicy, client: Client) -> Promise:
    """A policy as a clock that runs in the client's business hours."""
    return Promise(
        timedelta(minutes=policy.reply_minutes),
        timedelta(minutes=policy.hot_reply_minutes),
        _calendar(policy.weekdays, policy.opens, policy.closes, policy.holiday_country),
        zone(client.time_zone),
    )


def _calendar(weekdays: list[int], opens: time, closes: time, country: str) -> Calendar:
    window = SendingWindow(frozenset(weekdays), opens, closes)
    return Calendar(windows=(window,), days_off=frozenset(), holiday_country=country)


@transaction.atomic
def set_policy(*, client: Client | None, actor: User, **values: Any) -> InboxPolicy:
    """Set what is promised to a client, or (``None``) to all that have no policy of their own.

    ``values`` are fields of ``InboxPolicy``. Raises ``Invalid`` for times that make no calendar. Clocks that run
    already keep what they were started with.
    """
    policy = InboxPolicy.objects.filter(client=client).first() or InboxPolicy(client=client)
    before = {name: str(getattr(policy, name)) for name in _FIELDS}
    for name, value in values.items():
        if name not in _FIELDS:
            raise Invalid(f"A policy has no {name!r}.", field=name)
        setattr(policy, name, value)
    try:
        _calendar(policy.weekdays, policy.opens, policy.closes, policy.holiday_country)
    except UnknownHolidayCountry as error:
        raise Invalid("No public holidays are known for this country.", field="holiday_country") from error
    except (ValueError, UnknownZone) as error:
        raise Invalid(str(error), field="weekdays") from error
    policy.save()
    changed: dict[str, Any] = {
        name: str(getattr(policy, name)) for name in _FIELDS if str(getattr(policy, name)) != before[name]
    }
    audit.record(actor=actor, action="inbox.policy_set", subject=client, **changed)
    return policy


@transaction.atomic
def drop_policy(*, client: Client, actor: User) -> None:
    """Let a client have the organization's policy again."""
    if InboxPolicy.objects.filter(client=client).delete()[0]:
        audit.record(actor=actor, action="inbox.policy_dropped", subject=client)
