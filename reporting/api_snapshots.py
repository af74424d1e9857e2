"""Operations of the JSON API for platform staff (metric snapshots), and the drills that were played."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from ninja import Query, Router, Schema, Status
from pydantic import Field

from project.core.api_pages import PageIn, PageOut, page_of
from project.tenancy.access import Permission
from project.tenancy.api_auth import ApiRequest, api_rule, api_superadmin
from reporting.models import DrillRun, MetricSink, MetricSnapshot
from reporting.services import snapshots

router = Router()
TAGS = ["Platform"]


class SnapshotOut(Schema):
    """The installation's figures at one moment; ``exported_at`` is null until the sink has taken them."""

    id: UUID
    taken_at: datetime
    reason: str
    figures: dict[str, Any]
    exported_at: datetime | None


class SinkOut(Schema):
    """Where snapshots are sent, and how that goes."""

    url: str
    timeout_seconds: int
    is_on: bool
    failures: int
    next_try_at: datetime | None
    failing_since: datetime | None
    last_ok_at: datetime | None
    last_error: str


class SinkIn(Schema):
    """Where snapshots are to be sent; without ``bearer`` the stored token stays, a blank one removes it."""

    url: str = Field(max_length=500)
    bearer: str | None = Field(None, max_length=2000)
    timeout_seconds: int = Field(5, ge=1, le=30)
    is_on: bool = True


class DrillRunOut(Schema):
    """A drill that was played, with its score (times in seconds)."""

    id: UUID
    name: str
    started_at: datetime
    passed: bool
    fault_s: float
    detected_s: float | None
    recovered_s: float | None
    lost: int
    sent_twice: int
    is_throwaway: bool
    problems: list[str]


@router.get("/platform/metric-snapshots", response=PageOut[SnapshotOut], tags=TAGS)
@api_superadmin
def list_snapshots(request: ApiRequest, page: Query[PageIn]) -> Any:
    """Metric snapshots, newest first (platform staff)."""
    return page_of(MetricSnapshot.objects.all(), page, order=("-taken_at", "-id"))


@router.post("/platform/metric-snapshots", response={201: SnapshotOut}, tags=TAGS)
@api_superadmin
def flush_snapshot(request: ApiRequest) -> Any:
    """Take a snapshot now, and have it sent (platform staff)."""
    return Status(201, snapshots.take(reason="flush"))


@router.get("/platform/metric-sink", response=SinkOut, tags=TAGS)
@api_superadmin
def get_sink(request: ApiRequest) -> Any:
    """Where snapshots are sent, with a blank ``url`` while nowhere (platform staff)."""
    return MetricSink.objects.first() or MetricSink(is_on=False)


@router.put("/platform/metric-sink", response=SinkOut, tags=TAGS)
@api_superadmin
def set_sink(request: ApiRequest, payload: SinkIn) -> Any:
    """Set where snapshots are sent (platform staff)."""
    return snapshots.set_sink(**payload.dict())


@router.get("/ops/drills", response=PageOut[DrillRunOut], tags=["Operations"])
@api_rule(Permission.OPS_VIEW)
def list_drills(request: ApiRequest, page: Query[PageIn]) -> Any:
    """Drills that were played on this installation, newest first."""
    return page_of(DrillRun.objects.all(), page, order=("-started_at", "-id"))
