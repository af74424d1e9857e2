"""Templates of plans: the library, one of them, and what a campaign has to do with them."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from campaigns import selectors_templates
from campaigns.models import Campaign, PlanTemplate
from campaigns.services import editing
from campaigns.services import plan_templates as service
from campaigns.views.lookups import campaign_or_404
from project.core.htmx import redirect_to
from project.core.pagination import InvalidCursor
from project.core.refusals import Invalid, Refused
from project.tenancy.access import OrganizationRequest, Permission, get_or_404, organization_view


def _url(request: OrganizationRequest, name: str, **kwargs: object) -> str:
    return reverse(f"campaigns:{name}", kwargs={"organization_slug": request.organization.slug, **kwargs})


def _next(cursor: str | None) -> str:
    return f"?cursor={cursor}" if cursor else ""


@require_GET
@organization_view(Permission.CAMPAIGNS_EDIT)
def templates(request: OrganizationRequest) -> HttpResponse:
    """The library, and how many campaigns have fallen behind each template."""
    try:
        page = selectors_templates.template_list(request.access, cursor=request.GET.get("cursor"))
    except InvalidCursor as error:
        raise Http404(str(error)) from error
    context = {"templates": page.items, "next_url": _next(page.next_cursor)}
    return render(request, "campaigns/plan_templates.html", context)


@require_GET
@organization_view(Permission.CAMPAIGNS_EDIT)
def template(request: OrganizationRequest, template_id: UUID) -> HttpResponse:
    """One template: its steps, and the campaigns made from it with how they stand to it."""
    found: PlanTemplate = get_or_404(selectors_templates.usable(request.access), template_id)
    try:
        page = selectors_templates.campaigns_of(found, request.access, cursor=request.GET.get("cursor"))
    except InvalidCursor as error:
        raise Http404(str(error)) from error
    context = {
        "template": found,
        "steps": selectors_templates.steps_of(found),
        "rows": [{"campaign": campaign, "drift": service.drift_of(campaign)} for campaign in page.items],
        "next_url": _next(page.next_cursor),
        "can_remove": found.client_id is not None or request.access.whole_organization,
    }
    return render(request, "campaigns/plan_template.html", context)


@require_POST
@organization_view(Permission.CAMPAIGNS_EDIT)
def remove(request: OrganizationRequest, template_id: UUID) -> HttpResponse:
    """Forget a template."""
    found = get_or_404(PlanTemplate.objects.filter(request.access.client_filter()), template_id)
    service.remove(template=found, actor=request.access.user)
    return redirect_to(_url(request, "plan_templates"), request)


@require_http_methods(["GET", "HEAD", "POST"])
@organization_view(Permission.CAMPAIGNS_EDIT)
def of_campaign(request: OrganizationRequest, campaign_id: UUID) -> HttpResponse:
    """A campaign's template: the difference; take it over, keep the draft as one, or leave it."""
    campaign = campaign_or_404(request.access, campaign_id)
    problem = ""
    if request.method == "POST":
        try:
            return _done(request, campaign)
        except Refused as refusal:
            problem = refusal.message
    found = selectors_templates.of_campaign(campaign, request.access)
    template = found["drift"].template if found["drift"] else None
    context = {
        **found,
        "problem": problem,
        "name": request.POST.get("name", template.name if template else ""),
        "note": request.POST.get("note", template.note if template else ""),
        "for_all": request.POST.get("for") == "all" or (template is not None and template.client_id is None),
        "whole_organization": request.access.whole_organization,
    }
    return render(request, "campaigns/campaign_template.html", context, status=422 if problem else 200)


def _done(request: OrganizationRequest, campaign: Campaign) -> HttpResponse:
    """Do what the pressed button says. Raises ``Refused``."""
    actor, act = request.access.user, request.POST.get("act", "")
    here = _url(request, "campaign_template", campaign_id=campaign.id)
    if act == "leave":
        service.leave(campaign=campaign, actor=actor)
        return redirect_to(here, request)
    if act == "keep":
        for_all = request.POST.get("for") == "all"
        if for_all:
            request.access.require_whole_organization()
        made = service.save(
            client_id=None if for_all else campaign.client_id,
            name=request.POST.get("name", ""),
            note=request.POST.get("note", ""),
            plan=editing.plan_of_draft(campaign),
            actor=actor,
            origin=campaign,
        )
        messages.success(request, f"Kept as {made.name}, version {made.version}.")
        return redirect_to(here, request)
    template_id = request.POST.get("template", "")
    if not template_id:
        raise Invalid("Choose a template.")
    found: PlanTemplate = get_or_404(selectors_templates.usable(request.access), template_id)
    service.take_over(campaign=campaign, template=found, actor=actor)
    messages.success(request, f"The draft has the steps of {found.name} now. Undo takes it back.")
    return redirect_to(_url(request, "builder", campaign_id=campaign.id), request)
