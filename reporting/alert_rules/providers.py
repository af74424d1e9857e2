"""Errors of providers by their taxonomy: what passes by itself only in a burst, what somebody has to mend from the
first on; connections and accounts that do not work.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import Sum

from integrations.models import Connection, ProviderFailure, SenderAccount
from integrations.weather import Sort, sort_of, words_of
from project.core.clock import now
from reporting.alert_rules.base import Figures, Finding, names, rule
from reporting.models import Severity


def _errors(figures: Figures, sort: Sort) -> list[dict[str, Any]]:
    since = now() - timedelta(minutes=figures.minutes)
    rows = ProviderFailure.objects.filter(last_at__gte=since, minute__gte=since - timedelta(minutes=1))
    counted = rows.order_by().values("connection_id", "sender_id", "kind").annotate(total=Sum("count"))
    return [dict(row) for row in counted if sort_of(row["kind"]) is sort]


@rule(
    "provider_terminal",
    title="Provider: somebody has to act",
    says="The first error that does not pass by itself: credentials, settings, a signed-out account.",
    unit="errors",
    threshold=1,
    minutes=15,
)
def terminal(figures: Figures) -> list[Finding]:
    """Errors that somebody has to mend, by account and kind."""
    rows = [row for row in _errors(figures, Sort.SOMEBODY) if row["total"] >= figures.threshold]
    called = names() if rows else {}
    return [
        Finding(
            key=f"{row['connection_id']}:{row['sender_id'] or ''}:{row['kind']}",
            subject=called.get(row["sender_id"] or row["connection_id"], "A removed account"),
            message=f"{words_of(row['kind']).name}. {words_of(row['kind']).meaning}",
            severity=Severity.CRITICAL,
            path="ops/weather/?hours=1",
        )
        for row in rows
    ]


@rule(
    "provider_burst",
    title="Provider: burst of errors that pass",
    says="Single ones are tried again unseen; many at once are worth a look.",
    unit="errors",
    threshold=20,
    minutes=5,
)
def transient_burst(figures: Figures) -> list[Finding]:
    """Many errors of one connection that pass by themselves."""
    return _by_connection(figures, Sort.PASSES)


@rule(
    "provider_refusals",
    title="Provider: many refusals",
    says="Refusals that concern one person or text each; many mean that something changed.",
    unit="errors",
    threshold=25,
    minutes=60,
)
def refusals(figures: Figures) -> list[Finding]:
    """Many refusals of one connection that concern single people or texts: the provider may have changed something."""
    return _by_connection(figures, Sort.ONE_BY_ONE)


def _by_connection(figures: Figures, sort: Sort) -> list[Finding]:
    """Findings where the errors of one connection together reach the threshold."""
    together: dict[UUID, list[dict[str, Any]]] = {}
    for row in _errors(figures, sort):
        together.setdefault(row["connection_id"], []).append(row)
    called = names() if together else {}
    found = []
    for connection_id, rows in together.items():
        total = sum(row["total"] for row in rows)
        if total < figures.threshold:
            continue
        most = words_of(max(rows, key=lambda row: row["total"])["kind"])
        found.append(
            Finding(
                key=str(connection_id),
                subject=called.get(connection_id, "A removed connection"),
                message=f"{total:,} errors in {figures.minutes} minutes, mostly: {most.name.lower()}. {most.meaning}",
                path="ops/weather/?hours=1",
            )
        )
    return found


@rule("not_working", title="Connection or account does not work", says="Until it works again.")
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
