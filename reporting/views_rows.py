"""The rows behind a number, on a page and as files."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_GET

from project.core.counting import capped_counts
from project.core.pagination import InvalidCursor
from project.tenancy.access import OrganizationRequest, Permission, organization_view
from reporting import csv_lines, exports, selectors_portal, selectors_rows
from reporting.selectors_facts import TooManyFacts
from reporting.selectors_rows import RowFilters
from reporting.services import exporting
from reporting.views import few_enough


def _filters(request: OrganizationRequest) -> RowFilters:
    found = RowFilters.of(request.GET, request.access)
    if found is None:
        raise Http404("There is no such client or campaign, or it is not yours to see.")
    return found


@require_GET
@organization_view(Permission.REPORTS_VIEW)
def rows(request: OrganizationRequest) -> HttpResponse:
    """What a number was counted from, newest first."""
    filters = _filters(request)
    try:
        page = selectors_rows.page(request.access, filters, cursor=request.GET.get("cursor"))
    except InvalidCursor as error:
        raise Http404(str(error)) from error
    context = {
        **page,
        "filters": filters,
        "forgotten_before": selectors_rows.forgotten_before(filters),
        "counts_people": filters.kind in selectors_rows.WORDS,
        "show_links": request.access.can(Permission.LEADS_VIEW),
        **selectors_portal.frame(request.access, filters.client),
    }
    return render(request, "reporting/rows.html", context)


@require_GET
@organization_view(Permission.REPORTS_VIEW)
@few_enough
def export(request: OrganizationRequest, form: str) -> HttpResponseBase:
    """The same rows as a file, at once; of more than fit into one the file is written in the background."""
    filters = _filters(request)
    most = exports.MOST_ROWS[form]
    if capped_counts({"rows": filters.rows(request.access)}, cap=most)["rows"] > most:
        raise TooManyFacts(
            f"These are more than {most:,} rows. Choose fewer days, or “As a file later” on the page of these rows: "
            "it is written in the background and waits for you."
        )
    exporting.note_export(
        access=request.access, what=f"rows.{form}", query=filters.query,
        client_id=filters.client.id if filters.client else None,
    )  # fmt: skip
    is_book = form == "xlsx"
    lines: Any = (exports.row_workbook if is_book else csv_lines.row_lines)(request.access, filters)
    response = StreamingHttpResponse(
        lines, content_type=exports.XLSX if is_book else "text/csv; charset=utf-8"
    )
    response["Content-Disposition"] = f'attachment; filename="{filters.kind}.{form}"'
    return response
