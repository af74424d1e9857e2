"""Errors of providers by their taxonomy: what passes by itself only in a burst, what somebody has to mend from the
first on; connections and accounts that do not work.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet, Sum
from django.db.models.functions import Trunc

from integrations.errors import ErrorKind
from integrations.models import Connection, ProviderFailure, SenderAccount
from integrations.services import freshness, strange_calls
from integrations.weather import Sort, sort_of, words_of
from project.core.clock import now
from reporting.alert_rules.base import Figures, Finding, names, rule
from reporting.models import Alert, Severity


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


#: What is usual is measured over this long before the window, by its busiest hour, and may be passed this often over.
_USUAL_OVER: Final = timedelta(days=7)
_USUAL_TIMES: Final = 2


@rule(
    "webhook_shapes",
    title="Webhooks are not understood",
    says="More calls than usual (twice the busiest hour of the week before) are of no shape that we know.",
    unit="calls",
    threshold=5,
    minutes=30,
)
def strange_webhooks(figures: Figures) -> list[Finding]:
    """Connections that call with more that cannot be read than is usual for them: the provider may have changed it."""
    at = now()
    rows = ProviderFailure.objects.filter(kind=ErrorKind.UNREADABLE.value, route=strange_calls.ROUTE)
    since = at - timedelta(minutes=figures.minutes)
    recent = rows.filter(last_at__gte=since, minute__gte=since - timedelta(minutes=1)).order_by()
    counted: dict[UUID, int] = dict(recent.values_list("connection_id").annotate(total=Sum("count")))
    many = {key: total for key, total in counted.items() if total >= figures.threshold}
    if not many:
        return []
    began = dict(
        Alert.objects.filter(kind="webhook_shapes", resolved_at=None).values_list("key", "opened_at")
    )
    called, found = names(), []
    for connection_id, total in many.items():
        of_one = rows.filter(connection_id=connection_id)
        # While it lasts it does not become the usual.
        before = min(
            since, began.get(f"webhook_shapes:{connection_id}", at) - timedelta(minutes=figures.minutes)
        )
        if total <= _USUAL_TIMES * _busiest_hour(of_one, before):
            continue
        newest = of_one.order_by("-last_at")[0]
        named = f"{newest.raw_type}: {newest.message}" if newest.raw_type else newest.message
        found.append(
            Finding(
                key=str(connection_id),
                subject=called.get(connection_id, "A removed connection"),
                message=f"{total:,} webhooks in {figures.minutes} minutes could not be understood, more than is "
                f"usual: the provider may have changed their shape. The last one: {named} {_meanwhile(newest)}",
                severity=Severity.CRITICAL,
                path=f"ops/webhooks/?connection_id={connection_id}",
            )
        )
    return found


def _meanwhile(newest: ProviderFailure) -> str:
    kept = "The calls are kept and can be replayed once their shape is known."
    return f"Messages are read by polling meanwhile. {kept}" if freshness.is_polled(newest.provider) else kept


def _busiest_hour(rows: QuerySet[ProviderFailure], before: datetime) -> int:
    """Return the most that came within an hour of the week before ``before``."""
    hours = rows.filter(minute__lt=before, minute__gte=before - _USUAL_OVER).order_by()
    counted = hours.annotate(hour=Trunc("minute", "hour")).values("hour").annotate(total=Sum("count"))
    return max((row["total"] for row in counted), default=0)


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
