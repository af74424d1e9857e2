"""Companies: the table, and one company."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils.http import urlencode
from django.views.decorators.http import require_GET

from campaigns import selectors_companies, selectors_leads
from campaigns.lead_filters import LeadFilters
from project.core.htmx import is_partial
from project.core.pagination import InvalidCursor
from project.tenancy.access import OrganizationRequest, Permission, get_or_404, organization_view


@require_GET
@organization_view(Permission.LEADS_VIEW)
def companies(request: OrganizationRequest) -> HttpResponse:
    """Companies within reach by name; as a fragment with ``cursor``, the next rows."""
    access = request.access
    filters = selectors_companies.CompanyFilters.of(request.GET, access)
    cursor = request.GET.get("cursor")
    try:
        page = selectors_companies.company_page(access, filters, cursor=cursor)
    except InvalidCursor as error:
        raise Http404(str(error)) from error
    more = urlencode(
        {"client": str(filters.client_id or ""), "q": filters.text, "cursor": page.next_cursor or ""}
    )
    context = {"rows": page.items, "filters": filters, "next_url": f"?{more}" if page.next_cursor else ""}
    if is_partial(request) and cursor:
        return render(request, "campaigns/_company_rows.html", context)
    context |= {
        "clients": access.clients().filter(is_archived=False).order_by("name", "id"),
        "segments": selectors_leads.segment_links(access, LeadFilters()),
        "can_edit": access.can(Permission.LEADS_EDIT),
    }
    return render(request, "campaigns/companies.html", context)


@require_GET
@organization_view(Permission.LEADS_VIEW)
def company(request: OrganizationRequest, company_id: UUID) -> HttpResponse:
    """A company with its people, their campaigns, and what happened last."""
    found = get_or_404(selectors_companies.companies(request.access), company_id)
    return render(request, "campaigns/company.html", selectors_companies.company_profile(found))
