"""Large exports: asked for, their progress, and the files for as long as they are kept."""

from __future__ import annotations

from urllib.parse import parse_qsl
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from project.core.htmx import is_partial, redirect_to
from project.core.refusals import Refused
from project.tenancy.access import OrganizationRequest, Permission, get_or_404, organization_view
from reporting import selectors_portal, streams
from reporting.models import ExportJob
from reporting.services import export_jobs


@require_GET
@organization_view(Permission.REPORTS_VIEW)
def index(request: OrganizationRequest) -> HttpResponse:
    """One's own files, with what is still being written; live."""
    found = list(export_jobs.jobs(request.access)[:50])
    context = {
        "jobs": found,
        "streams": ",".join(streams.export(job.id) for job in found if job.is_unfinished),
        **selectors_portal.frame(request.access, None),
    }
    return render(
        request, "reporting/_exports.html" if is_partial(request) else "reporting/exports.html", context
    )


def _back(request: OrganizationRequest) -> HttpResponse:
    path = reverse("reporting:exports", kwargs={"organization_slug": request.organization.slug})
    return redirect_to(path, request)


@require_POST
@organization_view(Permission.REPORTS_VIEW)
def start(request: OrganizationRequest) -> HttpResponse:
    """Have a file written: ``kind``, and ``query`` with the filters of the page that it is asked for on."""
    query = dict(parse_qsl(request.POST.get("query", "")[:1000]))
    try:
        export_jobs.start(access=request.access, kind=request.POST.get("kind", ""), query=query)
    except Refused as error:
        messages.error(request, error.message)
    return _back(request)


@require_GET
@organization_view(Permission.REPORTS_VIEW)
def download(request: OrganizationRequest, export_id: UUID) -> HttpResponseBase:
    """A finished file; 410 once its time is over."""
    job: ExportJob = get_or_404(export_jobs.jobs(request.access), export_id)
    try:
        lines = export_jobs.content(job)
    except export_jobs.ExportGone as error:
        return HttpResponse(error.message, status=error.status, content_type="text/plain; charset=utf-8")
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{job.kind}-{job.created_at:%Y-%m-%d}.csv"'
    return response


@require_POST
@organization_view(Permission.REPORTS_VIEW)
def remove(request: OrganizationRequest, export_id: UUID) -> HttpResponse:
    """Remove a file, or stop writing it."""
    export_jobs.remove(access=request.access, job=get_or_404(export_jobs.jobs(request.access), export_id))
    return _back(request)
