"""Segments of leads and the columns of their table."""

from __future__ import annotations

from urllib.parse import parse_qsl
from uuid import UUID

from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from campaigns.forms import SegmentForm
from campaigns.lead_filters import LeadFilters
from campaigns.models import LeadSegment
from campaigns.services import segments
from project.core.htmx import redirect_to
from project.core.refusals import Refused
from project.tenancy.access import OrganizationRequest, Permission, get_or_404, organization_view


def _table(request: OrganizationRequest, filters: LeadFilters | None = None) -> HttpResponse:
    url = reverse("campaigns:leads", kwargs={"organization_slug": request.organization.slug})
    return redirect_to(f"{url}?{filters.query}" if filters and filters.query else url, request)


def _shown(request: OrganizationRequest) -> LeadFilters:
    return LeadFilters.of(dict(parse_qsl(request.POST.get("query", ""))), request.access)


def _refused(message: str) -> HttpResponse:
    return HttpResponse(message, status=422, content_type="text/plain; charset=utf-8")


@require_POST
@organization_view(Permission.LEADS_VIEW)
def save(request: OrganizationRequest) -> HttpResponse:
    """Save the table as it is narrowed now under a name."""
    form = SegmentForm(request.POST)
    if not form.is_valid():
        return _refused("Give the segment a name of at most 60 characters.")
    filters = _shown(request)
    try:
        segments.save(
            name=form.cleaned_data["name"],
            filters=filters,
            is_shared=form.cleaned_data["is_shared"],
            access=request.access,
        )
    except Refused as refusal:
        return _refused(refusal.message)
    return _table(request, filters)


@require_http_methods(["POST", "DELETE"])
@organization_view(Permission.LEADS_VIEW)
def remove(request: OrganizationRequest, segment_id: UUID) -> HttpResponse:
    """Remove a segment of one's own; its leads stay."""
    get_or_404(LeadSegment.objects.filter(owner=request.access.user), segment_id)
    segments.remove(segment_id=segment_id, actor=request.access.user)
    return _table(request)


@require_POST
@organization_view(Permission.LEADS_VIEW)
def columns(request: OrganizationRequest) -> HttpResponse:
    """Choose the columns of the table, for oneself."""
    segments.choose_columns(columns=request.POST.getlist("column"), actor=request.access.user)
    return _table(request, _shown(request))
