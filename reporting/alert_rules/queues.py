"""Work that could go on and does not."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.db.models import Count, Min

from integrations.models import OutboundMessage, SenderAccount, WebhookDelivery
from project.core.clock import now
from reporting.alert_rules.base import Figures, Finding, minutes_since, names, rule
from reporting.models import Severity

#: A delivery that waits between its tries is no queue that stands.
_FRESH_ATTEMPTS: Final = 1


@rule(
    "queue_age",
    title="Queue stands",
    says="A webhook or a send that could go on now has waited for this long.",
    unit="minutes",
    threshold=5,
)
def queue_age(figures: Figures) -> list[Finding]:
    """Webhooks or sends that could be worked on now and were not."""
    limit = now() - timedelta(minutes=figures.threshold)
    found = []
    state = WebhookDelivery.State
    waiting = WebhookDelivery.objects.filter(
        state__in=(state.RECEIVED, state.PROCESSING), attempts__lte=_FRESH_ATTEMPTS, not_before__lte=limit
    )
    oldest = waiting.aggregate(at=Min("received_at"))["at"]
    if oldest is not None and oldest < limit:
        found.append(
            Finding(
                key="webhooks",
                subject="Webhooks",
                message=f"A webhook has waited for {minutes_since(oldest):,} minutes. Are the workers running?",
                severity=Severity.CRITICAL,
                path="ops/webhooks/?state=received",
            )
        )
    due = OutboundMessage.objects.filter(
        state=OutboundMessage.State.QUEUED, not_before__lte=limit, hold_code="",
        sender__status=SenderAccount.Status.OK, sender__paused_at=None,
    )  # fmt: skip
    late = due.exclude(sender__next_send_at__gt=limit).aggregate(at=Min("not_before"))["at"]
    if late is not None:
        found.append(
            Finding(
                key="outbox",
                subject="Outbox",
                message=f"A send that nothing holds has waited for {minutes_since(late):,} minutes.",
                severity=Severity.CRITICAL,
                path="ops/queues/",
            )
        )
    return found


@rule(
    "dead_letters",
    title="Dead letters",
    says="Webhooks that were given up and not replayed since.",
    unit="webhooks",
    threshold=1,
    minutes=1440,
)
def dead_letters(figures: Figures) -> list[Finding]:
    """Webhooks that failed for the last time, by connection."""
    since = now() - timedelta(minutes=figures.minutes)
    dead = WebhookDelivery.objects.filter(state=WebhookDelivery.State.DEAD, received_at__gte=since)
    counted = list(dead.order_by().values("connection_id").annotate(count=Count("id")))
    called = names() if counted else {}
    return [
        Finding(
            key=str(row["connection_id"]),
            subject=called.get(row["connection_id"], "A removed connection"),
            message=f"{row['count']:,} webhook{'s' if row['count'] != 1 else ''} could not be applied. "
            "Look at the reason, then replay them.",
            severity=Severity.CRITICAL,
            path="ops/webhooks/?state=dead",
        )
        for row in counted
        if row["count"] >= figures.threshold
    ]
