"""Publishing a new version of a running campaign, with what becomes of those who are under way; and the way back."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from campaigns import selectors_migrations, streams
from campaigns.models import Campaign, PlanMigration
from campaigns.services import plan_migrations
from campaigns.views.lookups import campaign_or_404
from project.core.htmx import is_partial, redirect_to
from project.core.refusals import Refused
from project.tenancy.access import OrganizationRequest, Permission, get_or_404, organization_view


def _page(request: OrganizationRequest, campaign: Campaign, problem: str = "") -> HttpResponse:
    context = {
        **selectors_migrations.publish_page(campaign),
        "problem": problem,
        "stream": streams.campaign(campaign.id),
    }
    template = "campaigns/_publish.html" if is_partial(request) else "campaigns/publish.html"
    return render(request, template, context, status=422 if problem else 200)


def _url(request: OrganizationRequest, campaign_id: UUID) -> str:
    kwargs = {"organization_slug": request.organization.slug, "campaign_id": campaign_id}
    return reverse("campaigns:publish", kwargs=kwargs)


def choices_of(data: object) -> dict[str, dict[str, str]]:
    """``do-<step>`` and ``to-<step>`` of a form, by step."""
    values: dict[str, str] = {key: str(value) for key, value in data.items()}  # type: ignore[attr-defined]
    return {
        key.removeprefix("do-"): {"do": value, "to": values.get(f"to-{key.removeprefix('do-')}", "")}
        for key, value in values.items()
        if key.startswith("do-")
    }


@require_http_methods(["GET", "HEAD", "POST"])
@organization_view(Permission.CAMPAIGNS_EDIT)
def publish(request: OrganizationRequest, campaign_id: UUID) -> HttpResponse:
    """What the draft changes for a running campaign, who is at which step, and what is to become of them."""
    campaign = campaign_or_404(request.access, campaign_id)
    if request.method != "POST":
        return _page(request, campaign)
    try:
        plan_migrations.publish(
            campaign=campaign,
            choices=choices_of(request.POST),
            actor=request.access.user,
            accept_unfilled=request.POST.get("accept_unfilled") == "1",
        )
    except Refused as refusal:
        return _page(request, campaign, refusal.message)
    messages.success(request, "Published.")
    return redirect_to(_url(request, campaign.id), request)


@require_POST
@organization_view(Permission.CAMPAIGNS_EDIT)
def roll_back(request: OrganizationRequest, campaign_id: UUID, migration_id: UUID) -> HttpResponse:
    """Take the newest version back."""
    campaign = campaign_or_404(request.access, campaign_id)
    found = get_or_404(PlanMigration.objects.filter(campaign=campaign), migration_id)
    try:
        plan_migrations.roll_back(migration_id=found.id, actor=request.access.user)
    except Refused as refusal:
        return _page(request, campaign, refusal.message)
    return redirect_to(_url(request, campaign.id), request)
