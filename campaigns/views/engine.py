"""The scheduler on the operations pages, and kill switches on a campaign's page."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from campaigns.services import gates, scheduler, switching
from campaigns.views.lookups import campaign_or_404
from project.core.htmx import is_partial, redirect_to
from project.core.refusals import Invalid
from project.tenancy.access import OrganizationRequest, Permission, organization_view


def _card(request: OrganizationRequest) -> HttpResponse:
    found = scheduler.status(request.organization.id)
    context = {
        "platform": found,
        "own": found.organizations[0] if found.organizations else None,
        "fresh_minutes": gates.fresh_minutes(),
        "can_act": request.access.can(Permission.OPS_ACT) and request.access.whole_organization,
    }
    return render(request, "campaigns/_scheduler.html", context)


@require_GET
@organization_view(Permission.OPS_VIEW)
def scheduler_card(request: OrganizationRequest) -> HttpResponse:
    """How far behind due actions are; a part of the page of queues, which asks for it."""
    if not is_partial(request):
        return redirect_to(_url(request, "integrations:queues"), request)
    return _card(request)


@require_POST
@organization_view(Permission.OPS_ACT)
def set_scheduler(request: OrganizationRequest) -> HttpResponse:
    """Stop or start the organization's scheduler."""
    request.access.require_whole_organization()
    scheduler.set_organization(
        organization=request.organization,
        running=request.POST.get("running") == "1",
        reason=request.POST.get("reason", "")[:200],
        actor=request.access.user,
    )
    if not is_partial(request):
        return redirect_to(_url(request, "integrations:queues"), request)
    return _card(request)


@require_POST
@organization_view(Permission.CAMPAIGNS_EDIT)
def switch(request: OrganizationRequest, campaign_id: UUID) -> HttpResponse:
    """Stop a campaign or one of its steps from the next claim on, or let it go."""
    campaign = campaign_or_404(request.access, campaign_id)
    try:
        switching.switch(
            campaign=campaign,
            node_id=request.POST.get("node", "")[:80],
            on=request.POST.get("on") == "1",
            reason=request.POST.get("reason", "")[:200],
            actor=request.access.user,
        )
    except Invalid as refusal:
        return HttpResponse(refusal.message, status=refusal.status, content_type="text/plain; charset=utf-8")
    return redirect_to(_url(request, "campaigns:detail", campaign_id=campaign_id), request)


def _url(request: OrganizationRequest, name: str, **kwargs: object) -> str:
    return reverse(name, kwargs={"organization_slug": request.organization.slug, **kwargs})
