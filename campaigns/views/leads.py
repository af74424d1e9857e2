"""Leads: the list and the profile."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils.http import urlencode
from django.views.decorators.http import require_GET

from campaigns import selectors
from campaigns.views.lookups import chosen_client, lead_or_404
from project.core.htmx import is_partial
from project.core.pagination import InvalidCursor
from project.tenancy.access import OrganizationRequest, Permission, organization_view


@require_GET
@organization_view(Permission.LEADS_VIEW)
def leads(request: OrganizationRequest) -> HttpResponse:
    """Leads within reach."""
    search = request.GET.get("q", "")[:100]
    client_id = chosen_client(request)
    try:
        page = selectors.lead_list(
            request.access, client_id=client_id, search=search, cursor=request.GET.get("cursor")
        )
    except InvalidCursor as error:
        raise Http404(str(error)) from error
    query = {"q": search, "client": str(client_id) if client_id else "", "cursor": page.next_cursor or ""}
    context = {
        "rows": page.items,
        "search": search,
        "next_url": f"?{urlencode({key: value for key, value in query.items() if value})}"
        if page.next_cursor
        else "",
        "can_edit": request.access.can(Permission.LEADS_EDIT),
    }
    paging = is_partial(request) and request.GET.get("cursor")
    return render(request, "campaigns/_lead_rows.html" if paging else "campaigns/leads.html", context)


@require_GET
@organization_view(Permission.LEADS_VIEW)
def lead(request: OrganizationRequest, lead_id: UUID) -> HttpResponse:
    """A lead with its campaigns, what it waits for and why, and its history."""
    profile = selectors.lead_profile(lead_or_404(request.access, lead_id))
    profile["can_diagnose"] = request.access.can(Permission.OPS_VIEW)
    return render(request, "campaigns/lead.html", profile)
