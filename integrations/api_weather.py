"""Operations of the JSON API: provider weather and reliability."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from ninja import Query, Router, Schema

from integrations import weather_selectors
from project.tenancy.access import Permission
from project.tenancy.api_auth import ApiRequest, api_rule

router = Router()
TAGS = ["Operations"]


class SpanIn(Schema):
    """How many hours to look back."""

    hours: Literal["1", "24", "168"] = "24"


class ClusterOut(Schema):
    """Errors of one kind of one account or connection; ``columns`` is how they are spread, oldest first."""

    provider: str
    connection_id: UUID
    connection_name: str
    sender_id: UUID | None
    kind: str
    transient: bool
    name: str
    meaning: str
    count: int
    first_at: datetime
    last_at: datetime
    message: str
    raw_type: str
    routes: list[str]
    columns: list[int]


class OutlookOut(Schema):
    """How one connection is now: ``tone`` is ok, warn, bad or mute (switched off)."""

    connection_id: UUID
    provider: str
    name: str
    tone: str
    says: str
    last_at: datetime | None


class WeatherOut(Schema):
    """Connections as they are now, and the errors of the time looked at, newest first."""

    hours: int
    connections: list[OutlookOut]
    clusters: list[ClusterOut]


class ErrorCountOut(Schema):
    """Errors of one kind of one provider."""

    provider: str
    kind: str
    transient: bool
    name: str
    count: int
    last_at: datetime


class WebhookLagOut(Schema):
    """Seconds from receipt to applied; replays are not counted."""

    count: int
    mean_seconds: float | None
    p95_seconds: float | None
    max_seconds: float | None
    oldest_waiting_seconds: float | None


class RetriesOut(Schema):
    """What had to be tried again: attempts of sends beyond the first, of webhooks, and failed syncs."""

    sends: int
    webhooks: int
    syncs: int


class SyncLagOut(Schema):
    """How long ago the accounts' inboxes were known to be complete, in seconds."""

    accounts: int
    lagging: int
    never: int
    median_seconds: float | None
    max_seconds: float | None


class ReliabilityOut(Schema):
    """Errors by taxonomy, webhook lag, retries and sync lag."""

    hours: int
    transient: int
    terminal: int
    errors: list[ErrorCountOut]
    webhook_lag: WebhookLagOut
    retries: RetriesOut
    sync_lag: SyncLagOut


@router.get("/ops/weather", response=WeatherOut, tags=TAGS)
@api_rule(Permission.OPS_VIEW)
def provider_weather(request: ApiRequest, span: Query[SpanIn]) -> Any:
    """Connections as they are now, and errors by provider, account and kind."""
    clusters = weather_selectors.clusters(request.access, hours=int(span.hours))
    return {
        "hours": int(span.hours),
        "connections": [
            {
                "connection_id": row.connection.id,
                "provider": row.connection.provider,
                "name": row.connection.name,
                "tone": row.tone,
                "says": row.says,
                "last_at": row.last_at,
            }
            for row in weather_selectors.outlooks(request.access)
        ],
        "clusters": [
            {
                **{name: getattr(row, name) for name in ClusterOut.model_fields if hasattr(row, name)},
                "transient": row.is_transient,
                "name": row.words.name,
                "meaning": row.words.meaning,
            }
            for row in clusters
        ],
    }


@router.get("/analytics/reliability", response=ReliabilityOut, tags=["Analytics"])
@api_rule(Permission.OPS_VIEW)
def reliability(request: ApiRequest, span: Query[SpanIn]) -> Any:
    """Provider errors by taxonomy, webhook lag, retry counts and sync lag."""
    return weather_selectors.reliability(request.access, hours=int(span.hours))
