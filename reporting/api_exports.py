"""Operations of the JSON API: large exports."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from urllib.parse import parse_qsl
from uuid import UUID

from django.http import StreamingHttpResponse
from ninja import Query, Router, Schema, Status
from pydantic import Field

from project.core.api_pages import PageIn, PageOut, page_of
from project.tenancy.access import Permission, get_or_404
from project.tenancy.api_auth import ApiRequest, api_rule
from reporting.services import export_jobs

router = Router()
TAGS = ["Analytics"]


class ExportIn(Schema):
    """What the file is to contain. ``query`` has the filters of `GET /analytics/rows`, as an address says them."""

    kind: Literal["rows", "events", "conversations"]
    query: str = Field("", max_length=1000)


class ExportOut(Schema):
    """A file and how far it is; it can be fetched until ``expires_at``."""

    id: UUID
    kind: str
    query: str
    client_id: UUID | None
    state: str
    rows_done: int
    rows_total: int | None
    size: int = Field(description="Bytes so far.")
    error: str
    created_at: datetime
    finished_at: datetime | None
    expires_at: datetime


@router.get("/analytics/exports", response=PageOut[ExportOut], tags=TAGS)
@api_rule(Permission.REPORTS_VIEW)
def list_exports(request: ApiRequest, page: Query[PageIn]) -> Any:
    """One's own files, newest first."""
    return page_of(export_jobs.jobs(request.access), page, order=("-created_at", "-id"))


@router.post("/analytics/exports", response={201: ExportOut}, tags=TAGS)
@api_rule(Permission.REPORTS_VIEW)
def start_export(request: ApiRequest, payload: ExportIn) -> Any:
    """Have a CSV file written in the background."""
    job = export_jobs.start(access=request.access, kind=payload.kind, query=dict(parse_qsl(payload.query)))
    return Status(201, job)


@router.get("/analytics/exports/{export_id}", response=ExportOut, tags=TAGS)
@api_rule(Permission.REPORTS_VIEW)
def get_export(request: ApiRequest, export_id: UUID) -> Any:
    """How far a file is."""
    return get_or_404(export_jobs.jobs(request.access), export_id)


@router.get("/analytics/exports/{export_id}/file", tags=TAGS)
@api_rule(Permission.REPORTS_VIEW)
def get_export_file(request: ApiRequest, export_id: UUID) -> Any:
    """The finished CSV file; 410 while it is being written and once its time is over."""
    job = get_or_404(export_jobs.jobs(request.access), export_id)
    return StreamingHttpResponse(export_jobs.content(job), content_type="text/csv; charset=utf-8")


@router.delete("/analytics/exports/{export_id}", response={204: None}, tags=TAGS)
@api_rule(Permission.REPORTS_VIEW)
def remove_export(request: ApiRequest, export_id: UUID) -> Any:
    """Remove a file, or stop writing it."""
    export_jobs.remove(access=request.access, job=get_or_404(export_jobs.jobs(request.access), export_id))
    return Status(204, None)
