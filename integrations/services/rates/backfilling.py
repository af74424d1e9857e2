"""Use of an account's days, counted again from what is known to have left: what was sent past us counts as well."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta
from typing import Final

from django.db import transaction

from integrations import streams
from integrations.models import (
    LimitScope,
    LimitWindow,
    OutboundMessage,
    ProviderEvent,
    RateUsage,
    SenderAccount,
)
from integrations.services.rates.periods import day_of, key_of

#: What an own message of an account is, by its channel.
_MESSAGE: Final = {"linkedin": "message", "email": "email", "sms": "sms"}


def backfill(*, sender: SenderAccount, since: datetime, until: datetime) -> int:
    """Raise the use of the account's days that the window touches to what left on them; return how many were raised.

    Counted are our own sends and what the provider showed as sent by the account, whoever sent it (a person on the
    network's own page, a campaign that the provider runs); the larger number holds. Use is never lowered: units are
    reserved before something leaves.
    """
    # Whole days of the account's own time zone.
    start, end = since - timedelta(days=1), until + timedelta(days=1)
    first, last = day_of(sender, since), day_of(sender, until - timedelta(microseconds=1))
    counted = _sent(sender, start, end)
    for key, number in _shown(sender, start, end).items():
        counted[key] = max(counted[key], number)
    raised = 0
    with transaction.atomic():
        for (day, action), number in sorted(counted.items()):
            if number and first <= day <= last:
                raised += _raise(sender, action, day, number)
        if raised:
            streams.rate_changed(sender.id)
    return raised


def _sent(sender: SenderAccount, start: datetime, end: datetime) -> Counter[tuple[date, str]]:
    rows = OutboundMessage.objects.filter(
        sender=sender, state=OutboundMessage.State.SENT, sent_at__gte=start, sent_at__lt=end, already=""
    )
    return Counter(
        (day_of(sender, at), action) for action, at in rows.values_list("action", "sent_at").iterator()
    )


def _shown(sender: SenderAccount, start: datetime, end: datetime) -> Counter[tuple[date, str]]:
    rows = ProviderEvent.objects.filter(
        sender_id=sender.id,
        kind__in=["message_received", "invitation_sent"],
        occurred_at__gte=start,
        occurred_at__lt=end,
    )
    found: Counter[tuple[date, str]] = Counter()
    told = rows.values_list("kind", "occurred_at", "payload__direction", "payload__message_kind")
    for kind, at, direction, message_kind in told.iterator():
        if kind == "invitation_sent":
            found[day_of(sender, at), "invite"] += 1
        elif direction == "outbound" and message_kind == "inmail":
            found[day_of(sender, at), "inmail"] += 1
        elif direction == "outbound" and message_kind == "message":
            found[day_of(sender, at), _MESSAGE[sender.channel]] += 1
    return found


def _raise(sender: SenderAccount, action: str, day: date, number: int) -> int:
    key = key_of(LimitScope.SENDER, str(sender.id), action, LimitWindow.DAY, day.isoformat())
    RateUsage.objects.get_or_create(
        key=key,
        defaults={"sender": sender, "subject": str(sender.id), "action": action, "day": day, "used": 0},
    )
    return int(RateUsage.objects.filter(key=key, used__lt=number).update(used=number))
