"""Operations: comparing connections with ours, and what came of it."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST

from integrations import selectors, streams, sync_selectors
from integrations.models import ReconciliationReport
from integrations.services import reconciliation
from integrations.views.frame import render_page
from project.core.htmx import is_partial, redirect_to
from project.core.ids import parse_uuid
from project.core.pagination import InvalidCursor
from project.core.refusals import Invalid, Refused
from project.tenancy.access import OrganizationRequest, Permission, organization_view

BUSY = "This connection is being reconciled already."


@require_GET
@organization_view(Permission.OPS_VIEW)
def reports(request: OrganizationRequest) -> HttpResponse:
    """The reconciliations, newest first, and starting one."""
    return _reports(request)


def _reports(request: OrganizationRequest, *, status: int = 200, **context: Any) -> HttpResponse:
    try:
        shown = sync_selectors.reports_page(request.access, cursor=request.GET.get("cursor"))
    except InvalidCursor as error:
        raise Http404(str(error)) from error
    shown["next_url"] = f"?cursor={shown['next_cursor']}" if shown["next_cursor"] else ""
    if is_partial(request) and request.GET.get("cursor"):
        return render(request, "integrations/_reconciliation_rows.html", shown)
    return render_page(request, "reconciliation", {**shown, "stream": streams.SYNC, **context}, status=status)


@require_POST
@organization_view(Permission.OPS_ACT)
def start(request: OrganizationRequest) -> HttpResponse:
    """Compare a connection with ours: a dry run, or taking over what differs."""
    connection_id = parse_uuid(request.POST.get("connection", ""))
    connection = selectors.visible_connection(request.access, connection_id) if connection_id else None
    if connection is None:
        raise Http404("There is no such connection, or it is not yours to see.")
    mode = "apply" if request.POST.get("mode") == "apply" else "dry_run"
    try:
        made = reconciliation.request(
            connection=connection,
            mode=mode,
            trigger="person",
            parts=request.POST.getlist("parts"),
            since=_since(request.POST.get("since", "")),
            actor=request.access.user,
        )
    except Refused as error:
        return _reports(request, status=error.status, problem=error.message)
    if made is None:
        return _reports(request, status=409, problem=BUSY)
    return redirect_to(f"/o/{request.organization.slug}/ops/reconciliation/{made.id}/", request)


def _since(text: str) -> datetime | None:
    if not text:
        return None
    try:
        return datetime.combine(date.fromisoformat(text), time(), UTC)
    except ValueError as error:
        raise Invalid("Say the day as YYYY-MM-DD.", field="since") from error


def _found(request: OrganizationRequest, report_id: UUID) -> ReconciliationReport:
    rows = sync_selectors.reports(request.access).filter(id=report_id)
    found: ReconciliationReport | None = rows.first()
    if found is None:
        raise Http404("There is no such reconciliation, or it is not yours to see.")
    return found


@require_GET
@organization_view(Permission.OPS_VIEW)
def report(request: OrganizationRequest, report_id: UUID) -> HttpResponse:
    """One reconciliation: what differs, with samples."""
    return _report(request, _found(request, report_id))


def _report(
    request: OrganizationRequest, row: ReconciliationReport, *, status: int = 200, **context: Any
) -> HttpResponse:
    shown = {**sync_selectors.report_page(row), "stream": streams.SYNC, **context}
    return render_page(request, "reconciliation_report", shown, status=status)


@require_POST
@organization_view(Permission.OPS_ACT)
def apply(request: OrganizationRequest, report_id: UUID) -> HttpResponse:
    """Compare the same again and take over what differs."""
    row = _found(request, report_id)
    try:
        made = reconciliation.request(
            connection=row.connection,
            mode="apply",
            trigger="person",
            parts=row.parts,
            since=row.since,
            actor=request.access.user,
        )
    except Refused as error:
        return _report(request, row, status=error.status, problem=error.message)
    if made is None:
        return _report(request, row, status=409, problem=BUSY)
    return redirect_to(f"/o/{request.organization.slug}/ops/reconciliation/{made.id}/", request)


@require_POST
@organization_view(Permission.OPS_ACT)
def cancel(request: OrganizationRequest, report_id: UUID) -> HttpResponse:
    """Stop a reconciliation after its current page."""
    row = _found(request, report_id)
    reconciliation.cancel(report=row, actor=request.access.user)
    if is_partial(request):
        return _report(request, row.refreshed())
    return redirect_to(f"/o/{request.organization.slug}/ops/reconciliation/{row.id}/", request)
