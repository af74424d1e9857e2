"""Leads: the table, its export, and the profile."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.http import urlencode
from django.views.decorators.http import require_GET

from campaigns import lead_exports, selectors, selectors_leads
from campaigns.lead_columns import heading
from campaigns.lead_filters import LeadFilters
from campaigns.models.leads import FOR_GOOD
from campaigns.moments import timeline
from campaigns.services import segments
from campaigns.services.suppression_marks import is_marked
from campaigns.views.lookups import lead_or_404
from project.core.htmx import is_partial
from project.core.pagination import InvalidCursor
from project.tenancy.access import OrganizationRequest, Permission, organization_view

#: Acts that the bar of picks offers: key, label, icon.
BULK_ACTS = (
    ("assign", "Assign", "user-plus"),
    ("label", "Label", "tag"),
    ("enroll", "Add to a campaign", "paper-airplane"),
    ("suppress", "Do not contact", "no-symbol"),
    ("stop", "Stop their campaigns", "stop-circle"),
    ("remove", "Remove", "trash"),
)


@require_GET
@organization_view(Permission.LEADS_VIEW)
def leads(request: OrganizationRequest) -> HttpResponse:
    """Leads within reach, narrowed by the address; as a fragment with ``cursor``, the next rows."""
    access = request.access
    filters = LeadFilters.of(request.GET, access)
    columns = selectors_leads.columns_of(access)
    cursor = request.GET.get("cursor")
    try:
        page = selectors_leads.lead_page(access, filters, columns=columns, cursor=cursor)
    except InvalidCursor as error:
        raise Http404(str(error)) from error
    more = urlencode({**filters.parameters, "cursor": page.next_cursor or ""})
    context = {
        "rows": page.items,
        "columns": [{"key": key, "label": heading(key)} for key in columns],
        "filters": filters,
        "next_url": f"?{more}" if page.next_cursor else "",
        "can_edit": access.can(Permission.LEADS_EDIT),
    }
    if is_partial(request) and cursor:
        return render(request, "campaigns/_lead_rows.html", context)
    count, shown = selectors_leads.lead_count(access, filters)
    context |= {
        "count": shown,
        "search_note": selectors_leads.search_note(filters, count),
        "chips": selectors_leads.filter_chips(access, filters),
        "segments": selectors_leads.segment_links(access, filters),
        "offered_columns": [
            {"key": key, "label": heading(key), "chosen": key in columns}
            for key in selectors_leads.offered_columns(access, columns)
        ],
        "bulk_acts": BULK_ACTS,
    }
    return render(request, "campaigns/leads.html", context)


@require_GET
@organization_view(Permission.LEADS_VIEW)
def filter_form(request: OrganizationRequest) -> HttpResponse:
    """What the table may be narrowed by, as it is narrowed now."""
    filters = LeadFilters.of(request.GET, request.access)
    choices = selectors_leads.filter_choices(request.access, filters)
    return render(request, "campaigns/_lead_filters.html", choices)


@require_GET
@organization_view(Permission.LEADS_VIEW)
def export(request: OrganizationRequest) -> HttpResponseBase:
    """The table as it is narrowed now, as CSV with a row for each lead."""
    filters = LeadFilters.of(request.GET, request.access)
    segments.note_export(access=request.access, query=filters.query)
    response = StreamingHttpResponse(
        lead_exports.lines(request.access, filters), content_type="text/csv; charset=utf-8"
    )
    response["Content-Disposition"] = 'attachment; filename="leads.csv"'
    return response


@require_GET
@organization_view(Permission.LEADS_VIEW)
def lead(request: OrganizationRequest, lead_id: UUID) -> HttpResponse:
    """A lead: its campaigns, what it waits for and why, its timeline; with ``cursor``, what was before."""
    found = lead_or_404(request.access, lead_id)
    cursor = request.GET.get("cursor", "")
    try:
        shown = timeline(request.access, found, cursor=cursor)
    except InvalidCursor as error:
        raise Http404(str(error)) from error
    moments = {"moments": shown.moments, "next_cursor": shown.next_cursor}
    if is_partial(request) and cursor:
        return render(request, "campaigns/_lead_moments.html", moments)
    until = found.suppressed_until if is_marked(found) else None
    context = {
        **selectors.lead_profile(found),
        **moments,
        "custom": selectors_leads.custom_values(found),
        "is_suppressed": until is not None,
        "suppressed_until": until if until != FOR_GOOD else None,
        "can_edit": request.access.can(Permission.LEADS_EDIT),
        "can_diagnose": request.access.can(Permission.OPS_VIEW),
    }
    return render(request, "campaigns/lead.html", context)
