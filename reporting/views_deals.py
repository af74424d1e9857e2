"""The deals behind the figures of a report."""

from __future__ import annotations

from urllib.parse import urlencode
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from campaigns.models import Campaign, Deal
from project.core.ids import parse_uuid
from project.core.pagination import InvalidCursor
from project.tenancy.access import OrganizationRequest, Permission, get_or_404, organization_view
from reporting import selectors_deals, selectors_portal


@require_GET
@organization_view(Permission.REPORTS_VIEW)
def deals(request: OrganizationRequest, client_id: UUID) -> HttpResponse:
    """The deals of a client, of all stages or one (``stage``), of all campaigns or one (``campaign``)."""
    client = get_or_404(request.access.clients(), client_id)
    stage = selectors_deals.stage_of(request.GET)
    campaign = None
    if request.GET.get("campaign"):
        campaign = get_or_404(
            Campaign.objects.filter(client=client), parse_uuid(request.GET["campaign"]) or UUID(int=0)
        )
    try:
        found = selectors_deals.page(
            request.access,
            client,
            stage=stage,
            campaign_id=campaign.id if campaign else None,
            cursor=request.GET.get("cursor"),
        )
    except InvalidCursor as error:
        raise Http404(str(error)) from error
    asked = {"stage": stage, "campaign": str(campaign.id) if campaign else ""}
    context = {
        **found,
        "client": client,
        "campaign": campaign,
        "stage": Deal.Stage(stage).label if stage else "",
        "query": urlencode({name: value for name, value in asked.items() if value}),
        "show_links": request.access.can(Permission.LEADS_VIEW),
        **selectors_portal.frame(request.access, client),
    }
    return render(request, "reporting/deals.html", context)
