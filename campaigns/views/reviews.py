"""Reviewing a draft before it goes live: what is different, who approves it, earlier versions, and plans as files."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.text import slugify
from django.views.decorators.http import require_GET, require_POST

from campaigns import selectors_reviews
from campaigns.models import Campaign
from campaigns.services import editing, plan_files, reviews, trial_mails
from campaigns.services.checklist import audience_leads
from campaigns.views.lookups import campaign_or_404
from project.core.htmx import redirect_to
from project.core.ids import parse_uuid
from project.core.refusals import Refused
from project.tenancy.access import OrganizationRequest, Permission, organization_view
from project.tenancy.models import Role


def _url(request: OrganizationRequest, name: str, campaign_id: UUID) -> str:
    kwargs = {"organization_slug": request.organization.slug, "campaign_id": campaign_id}
    return reverse(f"campaigns:{name}", kwargs=kwargs)


def _page(request: OrganizationRequest, campaign: Campaign, problem: str = "") -> HttpResponse:
    context = selectors_reviews.review_page(
        campaign, request.access, against=parse_uuid(request.GET.get("against", ""))
    )
    is_client = request.access.role == Role.CLIENT
    context |= {
        "problem": problem,
        "can_edit": request.access.can(Permission.CAMPAIGNS_EDIT),
        "base_template": "portal.html" if is_client else "app.html",
        "client": campaign.client,
    }
    return render(request, "campaigns/review.html", context, status=422 if problem else 200)


@require_GET
@organization_view(Permission.REPORTS_VIEW)
def review(request: OrganizationRequest, campaign_id: UUID) -> HttpResponse:
    """What would go live: the differences from a version, the texts, and the decision. Clients see it, too."""
    return _page(request, campaign_or_404(request.access, campaign_id))


@require_POST
@organization_view(Permission.REPORTS_VIEW)
def decide(request: OrganizationRequest, campaign_id: UUID) -> HttpResponse:
    """Approve the plan that was asked about, or say what has to change."""
    campaign = campaign_or_404(request.access, campaign_id)
    found = selectors_reviews.asked(campaign, parse_uuid(request.POST.get("review", "")))
    if found is None:
        return _page(request, campaign, "Nothing of this campaign waits for a decision.")
    approve = request.POST.get("decision") == "approve"
    try:
        reviews.decide(
            review=found, approve=approve, note=request.POST.get("note", ""), access=request.access
        )
    except Refused as refusal:
        return _page(request, campaign, refusal.message)
    messages.success(request, "Approved." if approve else "Sent back with your note.")
    return redirect_to(_url(request, "review", campaign.id), request)


@require_POST
@organization_view(Permission.CAMPAIGNS_EDIT)
def ask(request: OrganizationRequest, campaign_id: UUID) -> HttpResponse:
    """Ask for a decision on the draft; ``needed`` settles whether launching asks for one."""
    campaign = campaign_or_404(request.access, campaign_id)
    try:
        if "needed" in request.POST:
            needed = request.POST["needed"] == "1"
            reviews.require(campaign=campaign, needed=needed, actor=request.access.user)
        else:
            reviews.ask(campaign=campaign, actor=request.access.user, leads=audience_leads(campaign).count())
    except Refused as refusal:
        return _page(request, campaign, refusal.message)
    return redirect_to(_url(request, "review", campaign.id), request)


@require_POST
@organization_view(Permission.CAMPAIGNS_EDIT)
def restore(request: OrganizationRequest, campaign_id: UUID, version_id: UUID) -> HttpResponse:
    """Make an earlier version the draft again; it can be undone like any change."""
    campaign = campaign_or_404(request.access, campaign_id)
    version = selectors_reviews.version_of(campaign, version_id)
    if version is None:
        raise Http404("There is no such version.")
    editing.restore(campaign=campaign, version=version, actor=request.access.user)
    return redirect_to(_url(request, "builder", campaign.id), request)


def _file(campaign: Campaign, text: str, kind: str) -> HttpResponse:
    name = slugify(campaign.name) or "plan"
    answer = HttpResponse(text, content_type=f"application/{kind}; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{name}.{kind}"'
    return answer


@require_GET
@organization_view(Permission.CAMPAIGNS_VIEW)
def plan_json(request: OrganizationRequest, campaign_id: UUID) -> HttpResponse:
    """The draft as a JSON file."""
    campaign = campaign_or_404(request.access, campaign_id)
    return _file(campaign, plan_files.to_json(editing.plan_of_draft(campaign)), "json")


@require_GET
@organization_view(Permission.CAMPAIGNS_VIEW)
def plan_yaml(request: OrganizationRequest, campaign_id: UUID) -> HttpResponse:
    """The draft as a YAML file."""
    campaign = campaign_or_404(request.access, campaign_id)
    return _file(campaign, plan_files.to_yaml(editing.plan_of_draft(campaign)), "yaml")


@require_POST
@organization_view(Permission.CAMPAIGNS_EDIT)
def import_plan(request: OrganizationRequest, campaign_id: UUID) -> HttpResponse:
    """Put a plan from a file, or pasted, in the place of the draft; one change that can be undone."""
    campaign = campaign_or_404(request.access, campaign_id)
    given: Any = request.FILES.get("file")
    try:
        text = (
            given.read(plan_files.LARGEST + 1).decode("utf-8-sig") if given else request.POST.get("text", "")
        )
        plan = plan_files.read(text)
    except UnicodeDecodeError:
        return _page(request, campaign, "The file is not text in UTF-8.")
    except Refused as refusal:
        return _page(request, campaign, refusal.message)
    editing.replace(campaign=campaign, plan=plan, actor=request.access.user, label="Read from a file")
    return redirect_to(_url(request, "builder", campaign.id), request)


@require_POST
@organization_view(Permission.CAMPAIGNS_EDIT)
def test_send(request: OrganizationRequest, campaign_id: UUID) -> HttpResponse:
    """Mail the texts of the draft to oneself, as one lead would read them."""
    campaign = campaign_or_404(request.access, campaign_id)
    try:
        count = trial_mails.send(
            campaign=campaign,
            actor=request.access.user,
            node_id=request.POST.get("node", ""),
            lead=request.POST.get("lead", ""),
        )
    except Refused as refusal:
        text = refusal.message
    else:
        text = f"{count} text{'' if count == 1 else 's'} on the way to {request.access.user.email}."
    return render(request, "campaigns/_test_sent.html", {"text": text})
