"""The rules that open alerts, each with its own figures until an organization sets others.

A rule looks at rows and says what is wrong now (``Finding``); what it does not say any more is over. Provider errors
are judged by their taxonomy: what passes by itself only in a burst, what somebody has to mend from the first on.
Kinds without ``find`` are told by domain events of the rooms below and are cleared by them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import Count, Min, Sum

from integrations.models import Connection, OutboundMessage, ProviderFailure, SenderAccount, WebhookDelivery
from integrations.sync_health import health_of
from integrations.weather import Sort, sort_of, words_of
from project.core.clock import now
from reporting.models import Severity

#: A delivery that waits between its tries is no queue that stands.
_FRESH_ATTEMPTS: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that is wrong now. ``key`` names it within the organization and kind."""

    key: str
    subject: str
    message: str
    severity: str = Severity.WARNING
    path: str = ""
    client_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a rule measures by: ``threshold`` in the rule's unit, within ``minutes``."""

    threshold: int
    minutes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule. ``unit`` says what the threshold counts, blank where there is none; ``minutes`` 0 where no window."""

    kind: str
    title: str
    says: str
    unit: str = ""
    threshold: int = 0
    minutes: int = 0
    find: Callable[[Figures], list[Finding]] | None = None


def _errors(figures: Figures, sort: Sort) -> list[dict[str, Any]]:
    since = now() - timedelta(minutes=figures.minutes)
    rows = ProviderFailure.objects.filter(last_at__gte=since, minute__gte=since - timedelta(minutes=1))
    counted = rows.order_by().values("connection_id", "sender_id", "kind").annotate(total=Sum("count"))
    return [dict(row) for row in counted if sort_of(row["kind"]) is sort]


def _names() -> dict[UUID | None, str]:
    connections = dict(Connection.objects.values_list("id", "name"))
    return {**connections, **dict(SenderAccount.objects.values_list("id", "name"))}


def _by_connection(figures: Figures, sort: Sort, severity: str) -> list[Finding]:
    """Findings where the errors of one connection together reach the threshold."""
    together: dict[UUID, list[dict[str, Any]]] = {}
    for row in _errors(figures, sort):
        together.setdefault(row["connection_id"], []).append(row)
    names = _names() if together else {}
    found = []
    for connection_id, rows in together.items():
        total = sum(row["total"] for row in rows)
        if total < figures.threshold:
            continue
        most = words_of(max(rows, key=lambda row: row["total"])["kind"])
        found.append(
            Finding(
                key=str(connection_id),
                subject=names.get(connection_id, "A removed connection"),
                message=f"{total:,} errors in {figures.minutes} minutes, mostly: {most.name.lower()}. {most.meaning}",
                severity=severity,
                path="ops/weather/?hours=1",
            )
        )
    return found


def transient_burst(figures: Figures) -> list[Finding]:
    """Many errors of one connection that pass by themselves."""
    return _by_connection(figures, Sort.PASSES, Severity.WARNING)


def refusals(figures: Figures) -> list[Finding]:
    """Many refusals of one connection that concern single people or texts: the provider may have changed something."""
    return _by_connection(figures, Sort.ONE_BY_ONE, Severity.WARNING)


def terminal(figures: Figures) -> list[Finding]:
    """Errors that somebody has to mend, by account and kind."""
    rows = [row for row in _errors(figures, Sort.SOMEBODY) if row["total"] >= figures.threshold]
    names = _names() if rows else {}
    return [
        Finding(
            key=f"{row['connection_id']}:{row['sender_id'] or ''}:{row['kind']}",
            subject=names.get(row["sender_id"] or row["connection_id"], "A removed account"),
            message=f"{words_of(row['kind']).name}. {words_of(row['kind']).meaning}",
            severity=Severity.CRITICAL,
            path="ops/weather/?hours=1",
        )
        for row in rows
    ]


def not_working(figures: Figures) -> list[Finding]:
    """Connections that fail, and accounts that cannot send."""
    found = [
        Finding(
            key=str(row.id),
            subject=row.name,
            message=row.last_error or "The connection does not work.",
            severity=Severity.CRITICAL,
            path="settings/connections/",
            client_id=row.client_id,
        )
        for row in Connection.objects.filter(status=Connection.Status.FAILING)
    ]
    state = SenderAccount.Status
    stopped = (state.CREDENTIALS, state.PERMISSIONS, state.RESTRICTED, state.STOPPED, state.ERROR)
    return found + [
        Finding(
            key=str(row.id),
            subject=row.name,
            message=f"{row.get_status_display()}. {row.status_reason}".strip(),
            severity=Severity.CRITICAL,
            path="senders/",
            client_id=row.client_id,
        )
        for row in SenderAccount.objects.filter(status__in=stopped, paused_at=None)
    ]


def sync_lag(figures: Figures) -> list[Finding]:
    """Accounts whose inbox was not known to be complete for too long, or whose synchronisation keeps failing."""
    accounts = list(SenderAccount.objects.filter(status=SenderAccount.Status.OK).select_related("connection"))
    names = {row.id: row for row in accounts}
    found = []
    for health in health_of(accounts):
        late = health["lag_seconds"] or 0
        if late <= figures.threshold * 60 or health["status"] not in {"lagging", "failing"}:
            continue
        sender = names[health["sender_id"]]
        reason = f" {health['last_error']}" if health["last_error"] else ""
        found.append(
            Finding(
                key=str(sender.id),
                subject=sender.name,
                message=f"Its inbox was last known to be complete {late // 60:,} minutes ago.{reason}",
                path="ops/sync/",
                client_id=sender.client_id,
            )
        )
    return found


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
                message=f"A webhook has waited for {_minutes(oldest)} minutes. Are the workers running?",
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
                message=f"A send that nothing holds has waited for {_minutes(late)} minutes.",
                severity=Severity.CRITICAL,
                path="ops/queues/",
            )
        )
    return found


def dead_letters(figures: Figures) -> list[Finding]:
    """Webhooks that failed for the last time, by connection."""
    since = now() - timedelta(minutes=figures.minutes)
    dead = WebhookDelivery.objects.filter(state=WebhookDelivery.State.DEAD, received_at__gte=since)
    counted = list(dead.order_by().values("connection_id").annotate(count=Count("id")))
    names = _names() if counted else {}
    return [
        Finding(
            key=str(row["connection_id"]),
            subject=names.get(row["connection_id"], "A removed connection"),
            message=f"{row['count']:,} webhook{'s' if row['count'] != 1 else ''} could not be applied. "
            "Look at the reason, then replay them.",
            severity=Severity.CRITICAL,
            path="ops/webhooks/?state=dead",
        )
        for row in counted
        if row["count"] >= figures.threshold
    ]


def _minutes(since: Any) -> int:
    return int((now() - since).total_seconds() // 60)


RULES: Final[dict[str, Rule]] = {
    rule.kind: rule
    for rule in (
        Rule(
            kind="provider_terminal",
            title="Provider: somebody has to act",
            says="The first error that does not pass by itself: credentials, settings, a signed-out account.",
            unit="errors",
            threshold=1,
            minutes=15,
            find=terminal,
        ),
        Rule(
            kind="provider_burst",
            title="Provider: burst of errors that pass",
            says="Single ones are tried again unseen; many at once are worth a look.",
            unit="errors",
            threshold=20,
            minutes=5,
            find=transient_burst,
        ),
        Rule(
            kind="provider_refusals",
            title="Provider: many refusals",
            says="Refusals that concern one person or text each; many mean that something changed.",
            unit="errors",
            threshold=25,
            minutes=60,
            find=refusals,
        ),
        Rule(
            kind="not_working",
            title="Connection or account does not work",
            says="Until it works again.",
            find=not_working,
        ),
        Rule(
            kind="sync_lag",
            title="Inbox is behind",
            says="An account's inbox was not read, and nothing told of it, for this long.",
            unit="minutes",
            threshold=30,
            find=sync_lag,
        ),
        Rule(
            kind="queue_age",
            title="Queue stands",
            says="A webhook or a send that could go on now has waited for this long.",
            unit="minutes",
            threshold=5,
            find=queue_age,
        ),
        Rule(
            kind="webhook_silence",
            title="Webhooks are silent",
            says="Polls show life that no webhook told of.",
        ),
        Rule(
            kind="ledger_difference", title="Ledger difference", says="The provider has what we do not have."
        ),
        Rule(
            kind="webhook_drift",
            title="Webhooks are registered wrongly",
            says="What is registered at the provider is not what is needed.",
        ),
        Rule(
            kind="dead_letters",
            title="Dead letters",
            says="Webhooks that were given up and not replayed since.",
            unit="webhooks",
            threshold=1,
            minutes=1440,
            find=dead_letters,
        ),
    )
}
