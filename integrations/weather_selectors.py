"""Reads of provider weather and of reliability: clusters of errors, and how late and how often again things were."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import Aggregate, Avg, Count, F, FloatField, IntegerField, Max, Min, Q, QuerySet, Sum
from django.db.models.functions import Cast, Extract, Floor

from integrations import api_rows, registry
from integrations.models import (
    Connection,
    OutboundMessage,
    ProviderFailure,
    SendAttempt,
    SenderAccount,
    SyncRun,
    WebhookDelivery,
)
from integrations.sync_health import health_of
from integrations.weather import Sort, Words, doing_of, sort_of, words_of
from project.core.clock import now
from project.tenancy.access import Access

#: Hours that are looked at: label, and seconds of one column of the small charts.
SPANS: Final = {1: ("Last hour", 300), 24: ("24 hours", 3600), 168: ("7 days", 21_600)}
#: What is worse is shown first, and no page needs more of it.
CLUSTERS: Final = 200
#: Errors within this time make the weather of now.
RECENT: Final = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Cluster:
    """Errors of one kind of one account (or connection), and how they are spread over the time looked at."""

    provider: str
    provider_name: str
    connection_id: UUID
    connection_name: str
    sender: SenderAccount | None
    sender_id: UUID | None
    kind: str
    words: Words
    sort: Sort
    is_transient: bool
    count: int
    first_at: datetime
    last_at: datetime
    message: str
    raw_type: str
    routes: list[str]
    #: The same in plain words.
    doing: list[str]
    columns: list[int]


@dataclass(frozen=True, slots=True)
class Outlook:
    """One connection now: ``tone`` is ok, warn or bad; ``says`` is one sentence."""

    connection: Connection
    provider_name: str
    tone: str
    says: str
    last_at: datetime | None


def failures(access: Access) -> QuerySet[ProviderFailure]:
    """Failures within reach: of accounts of clients within reach, or of connections within reach."""
    rows: QuerySet[ProviderFailure] = ProviderFailure.objects.all()
    if access.client_ids is None:
        return rows
    reachable = SenderAccount.objects.filter(access.client_filter()).values("id")
    return rows.filter(
        Q(sender_id__in=reachable) | Q(connection_id__in=api_rows.connections(access).values("id"))
    )


def clusters(access: Access, *, hours: int) -> list[Cluster]:
    """Return the errors of the last ``hours`` by account and kind, newest first, in a constant number of queries."""
    seconds = SPANS[hours][1]
    since = now() - timedelta(hours=hours)
    key = ("provider", "connection_id", "sender_id", "kind", "is_transient")
    rows = failures(access).filter(minute__gte=since)
    found = list(
        rows.order_by()
        .values(*key)
        .annotate(total=Sum("count"), first=Min("minute"), last=Max("last_at"))
        .order_by("-last")[:CLUSTERS]
    )
    newest = {
        tuple(getattr(row, name) for name in key): row
        for row in rows.order_by(*key, "-last_at").distinct(*key)
    }
    bucket = Cast(Floor(Cast(Extract("minute", "epoch"), FloatField()) / seconds), IntegerField())
    columns: dict[tuple[Any, ...], dict[int, int]] = {}
    routes: dict[tuple[Any, ...], set[str]] = {}
    spread = (
        rows.order_by().annotate(bucket=bucket).values(*key, "bucket", "route").annotate(total=Sum("count"))
    )
    for row in spread:
        where = tuple(row[name] for name in key)
        columns.setdefault(where, {}).setdefault(row["bucket"], 0)
        columns[where][row["bucket"]] += row["total"]
        routes.setdefault(where, set()).add(row["route"])
    senders = {row.id: row for row in api_rows.senders(access)}
    names = dict(Connection.objects.values_list("id", "name"))
    last_bucket = int(now().timestamp()) // seconds
    first_bucket = last_bucket - hours * 3600 // seconds + 1
    made = []
    for row in found:
        where = tuple(row[name] for name in key)
        latest = newest[where]
        made.append(
            Cluster(
                provider=row["provider"],
                provider_name=registry.label_of(row["provider"]),
                connection_id=row["connection_id"],
                connection_name=names.get(row["connection_id"], "a connection that was removed"),
                sender=senders.get(row["sender_id"]),
                sender_id=row["sender_id"],
                kind=row["kind"],
                words=words_of(row["kind"]),
                sort=sort_of(row["kind"]),
                is_transient=row["is_transient"],
                count=row["total"],
                first_at=row["first"],
                last_at=row["last"],
                message=latest.message,
                raw_type=latest.raw_type,
                routes=sorted(routes[where]),
                doing=sorted({doing_of(route) for route in routes[where]}),
                columns=[columns[where].get(bucket, 0) for bucket in range(first_bucket, last_bucket + 1)],
            )
        )
    return made


def outlooks(access: Access) -> list[Outlook]:
    """Return how each connection within reach is now, by the errors of the last quarter of an hour."""
    recent: dict[UUID, list[dict[str, Any]]] = {}
    rows = failures(access).filter(
        last_at__gte=now() - RECENT, minute__gte=now() - RECENT - timedelta(minutes=1)
    )
    for row in (
        rows.order_by().values("connection_id", "kind").annotate(total=Sum("count"), last=Max("last_at"))
    ):
        recent.setdefault(row["connection_id"], []).append(dict(row))
    found = api_rows.connections(access).order_by("name", "id")
    return [_outlook(row, recent.get(row.id, [])) for row in found]


def _outlook(connection: Connection, errors: list[dict[str, Any]]) -> Outlook:
    last = max((row["last"] for row in errors), default=None)
    total = sum(row["total"] for row in errors)
    mending = [row for row in errors if sort_of(row["kind"]) is Sort.SOMEBODY]
    if connection.status == Connection.Status.DISABLED:
        tone, says = "mute", "Switched off."
    elif connection.status == Connection.Status.FAILING:
        tone, says = "bad", connection.last_error or "It does not work."
    elif mending:
        worst = words_of(max(mending, key=lambda row: row["last"])["kind"])
        tone, says = "bad", f"{worst.name}. {worst.meaning}"
    elif errors:
        most = words_of(max(errors, key=lambda row: row["total"])["kind"])
        tone, says = "warn", f"{total:,} in 15 minutes, mostly: {most.name.lower()}. {most.meaning}"
    else:
        tone, says = "ok", "No error in 15 minutes."
    return Outlook(connection, registry.label_of(connection.provider), tone, says, last)


def reliability(access: Access, *, hours: int) -> dict[str, Any]:
    """Return errors by taxonomy, webhook lag, retries and sync lag of the last ``hours``, for API and page."""
    since = now() - timedelta(hours=hours)
    errors = [
        {
            "provider": row["provider"],
            "kind": row["kind"],
            "transient": row["is_transient"],
            "name": words_of(row["kind"]).name,
            "count": row["total"],
            "last_at": row["last"],
        }
        for row in failures(access)
        .filter(minute__gte=since)
        .order_by()
        .values("provider", "kind", "is_transient")
        .annotate(total=Sum("count"), last=Max("last_at"))
        .order_by("-total", "provider", "kind")
    ]
    return {
        "hours": hours,
        "errors": errors,
        "transient": sum(row["count"] for row in errors if row["transient"]),
        "terminal": sum(row["count"] for row in errors if not row["transient"]),
        "webhook_lag": _webhook_lag(access, since),
        "retries": _retries(access, since),
        "sync_lag": _sync_lag(access),
    }


class _P95(Aggregate):
    """The value under which 95 of 100 lie."""

    template = "percentile_cont(0.95) WITHIN GROUP (ORDER BY %(expressions)s)"
    output_field = FloatField()


def _webhook_lag(access: Access, since: datetime) -> dict[str, Any]:
    rows = api_rows.deliveries(access).filter(received_at__gte=since)
    lag = Extract(F("processed_at") - F("received_at"), "epoch")
    done = rows.filter(processed_at__isnull=False, replay_count=0)
    figures = done.order_by().aggregate(
        count=Count("id"),
        mean=Avg(Cast(lag, FloatField())),
        p95=_P95(lag),
        longest=Max(Cast(lag, FloatField())),
    )
    waiting = WebhookDelivery.State.RECEIVED, WebhookDelivery.State.PROCESSING, WebhookDelivery.State.FAILED
    oldest = (
        rows.filter(state__in=waiting).order_by("received_at").values_list("received_at", flat=True).first()
    )
    return {
        "count": figures["count"],
        "mean_seconds": _rounded(figures["mean"]),
        "p95_seconds": _rounded(figures["p95"]),
        "max_seconds": _rounded(figures["longest"]),
        "oldest_waiting_seconds": _rounded((now() - oldest).total_seconds() if oldest else None),
    }


def _retries(access: Access, since: datetime) -> dict[str, int]:
    attempts = SendAttempt.objects.filter(started_at__gte=since, number__gt=1)
    attempts = attempts.filter(outbound__in=OutboundMessage.objects.filter(access.client_filter()))
    # The first is none again, and neither is one that a person's replay asked for.
    again = F("attempts") - F("replay_count") - 1
    deliveries = api_rows.deliveries(access).filter(received_at__gte=since).annotate(again=again)
    runs = api_rows.sync_runs(access).filter(created_at__gte=since, state=SyncRun.State.FAILED)
    return {
        "sends": attempts.count(),
        "webhooks": deliveries.filter(again__gt=0).order_by().aggregate(total=Sum("again"))["total"] or 0,
        "syncs": runs.count(),
    }


def _sync_lag(access: Access) -> dict[str, Any]:
    accounts = list(api_rows.senders(access).exclude(status=SenderAccount.Status.DELETED))
    health = health_of(accounts)
    lags = sorted(row["lag_seconds"] for row in health if row["lag_seconds"] is not None)
    return {
        "accounts": len(health),
        "lagging": sum(row["status"] in {"lagging", "failing"} for row in health),
        "never": sum(row["status"] == "never" for row in health),
        "median_seconds": lags[len(lags) // 2] if lags else None,
        "max_seconds": lags[-1] if lags else None,
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(max(0.0, value), 3)
