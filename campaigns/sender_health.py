"""What campaigns know of a mailbox's health: how much of what it sent lately came back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from django.db.models import Count, Q

from campaigns.models import SendOutcome
from campaigns.thresholds import THRESHOLDS, WINDOW, Counts, Signal, in_words
from integrations.health import Factor, by_share
from integrations.models import Channel, SenderAccount
from project.core.clock import now

_LABELS: Final = {
    Signal.BOUNCE: "Bounces",
    Signal.COMPLAINT: "Spam complaints",
    Signal.DEFERRAL: "Deferrals",
}
_COLUMNS: Final = {"bounces": "bounced_at", "complaints": "complained_at", "deferrals": "deferred_at"}


def factors_of(senders: Sequence[SenderAccount]) -> Mapping[UUID, Sequence[Factor]]:
    """The shares of the last days by account; one statement. Too few sends prove nothing and are left out."""
    mailboxes = [sender.id for sender in senders if sender.channel == Channel.EMAIL]
    if not mailboxes:
        return {}
    rows = SendOutcome.objects.filter(sender_id__in=mailboxes, sent_at__gt=now() - WINDOW, channel="email")
    counted = rows.order_by().values("sender_id").annotate(
        sends=Count("id"),
        **{name: Count("id", filter=Q(**{f"{column}__isnull": False})) for name, column in _COLUMNS.items()},
    )  # fmt: skip
    return {row.pop("sender_id"): _factors(Counts(**row)) for row in counted}


def _factors(counts: Counts) -> list[Factor]:
    found = []
    for signal, limit in THRESHOLDS.items():
        if counts.sends < limit.sample:
            continue
        # One bad luck is never held against anybody.
        share = counts.rate(signal) if counts.of(signal) >= limit.least else 0.0
        score = by_share(share, warn=limit.warn, stop=limit.stop)
        found.append(Factor(str(signal), _LABELS[signal], score, in_words(counts, signal)))
    return found
