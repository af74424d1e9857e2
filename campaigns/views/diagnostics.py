"""Diagnostics of a lead: what the providers told, and why it matched or did not."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from campaigns.selectors_diagnostics import lead_diagnosis
from campaigns.views.lookups import lead_or_404
from project.tenancy.access import OrganizationRequest, Permission, organization_view


@require_GET
@organization_view(Permission.OPS_VIEW)
def lead_diagnostics(request: OrganizationRequest, lead_id: UUID) -> HttpResponse:
    """The last deliveries, facts and raw messages that concern a lead."""
    lead = lead_or_404(request.access, lead_id)
    address = {"organization_slug": request.organization.slug, "lead_id": lead.id}
    context = {
        "found": lead_diagnosis(request.access, lead),
        "back_url": reverse("campaigns:lead", kwargs=address)
        if request.access.can(Permission.LEADS_VIEW)
        else "",
        "back_label": "Lead",
    }
    return render(request, "integrations/diagnostics.html", context)
