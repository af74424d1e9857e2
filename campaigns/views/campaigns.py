"""The list of campaigns, one campaign live, and its states."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from campaigns import selectors, selectors_calendar, selectors_provider, streams
from campaigns.forms import CampaignForm, CopyForm
from campaigns.models import Campaign
from campaigns.selectors_outreach import brakes_of_campaign
from campaigns.services import campaigns as service
from campaigns.services import entry, historical, organizing, plan_templates, switching, variants
from campaigns.views.lookups import campaign_or_404, chosen_client
from project.core.clock import now
from project.core.htmx import is_partial, redirect_to
from project.core.pagination import InvalidCursor
from project.core.refusals import Invalid, NotFound, Refused
from project.tenancy.access import OrganizationRequest, Permission, organization_view
from project.tenancy.models import User


def _url(request: OrganizationRequest, name: str, **kwargs: object) -> str:
    return reverse(name, kwargs={"organization_slug": request.organization.slug, **kwargs})


@require_GET
@organization_view(Permission.CAMPAIGNS_VIEW)
def campaigns(request: OrganizationRequest) -> HttpResponse:
    """All campaigns within reach, with live numbers."""
    try:
        page = selectors.campaign_list(
            request.access,
            client_id=chosen_client(request),
            cursor=request.GET.get("cursor"),
            status=request.GET.get("status", ""),
            folder=request.GET.get("folder", ""),
            tag=request.GET.get("tag", ""),
        )
    except InvalidCursor as error:
        raise Http404(str(error)) from error
    ids = [campaign.id for campaign in page.items]
    counts, progress = selectors.stage_counts(ids), selectors.progress_of(ids)
    context = {
        "rows": [
            {"campaign": campaign, **_funnel(counts[campaign.id], progress[campaign.id])}
            for campaign in page.items
        ],
        "next_url": _next_url(request, page.next_cursor),
        "shelves": selectors.shelves(request.access),
        "chosen": {name: request.GET.get(name, "") for name in ("status", "folder", "tag")},
        "statuses": [("", "Open"), *Campaign.Status.choices, ("all", "All")],
        "streams": " ".join(streams.campaign(campaign.id) for campaign in page.items),
        "can_edit": request.access.can(Permission.CAMPAIGNS_EDIT),
    }
    return render(
        request, "campaigns/_list_rows.html" if is_partial(request) else "campaigns/list.html", context
    )


@require_GET
@organization_view(Permission.CAMPAIGNS_VIEW)
def calendar(request: OrganizationRequest) -> HttpResponse:
    """What leaves when, over all running campaigns."""
    first = selectors_calendar.first_day(request.GET.get("from", ""))
    try:
        rows, cursor = selectors_calendar.calendar(
            request.access, client_id=chosen_client(request), first=first, cursor=request.GET.get("cursor")
        )
    except InvalidCursor as error:
        raise Http404(str(error)) from error
    step = timedelta(days=selectors_calendar.DAYS)
    today = now().date()
    context = {
        "rows": rows,
        "days": [first + timedelta(days=number) for number in range(selectors_calendar.DAYS)],
        "today": today,
        "earlier": first - step if first > today else None,
        "later": first + step if first + step <= today + selectors_calendar.FARTHEST else None,
        "next_url": _next_url(request, cursor),
        "can_edit": request.access.can(Permission.CAMPAIGNS_EDIT),
    }
    return render(request, "campaigns/calendar.html", context)


def _next_url(request: OrganizationRequest, cursor: str | None) -> str:
    if not cursor:
        return ""
    query = request.GET.copy()
    query["cursor"] = cursor
    return f"?{query.urlencode()}"


def _funnel(counts: dict[str, int], progress: selectors.Progress) -> dict[str, object]:
    """People that got so far, whatever the channel: contacted, connected, replied, replied with interest."""
    return {
        "total": sum(counts.values()),
        "funnel": [progress.contacted, progress.connected, progress.replied, progress.positive],
    }


@require_http_methods(["GET", "POST"])
@organization_view(Permission.CAMPAIGNS_EDIT)
def new(request: OrganizationRequest) -> HttpResponse:
    """Name a new campaign and go on in the builder."""
    form = CampaignForm(request.POST or None, access=request.access)
    if request.method == "POST" and form.is_valid():
        try:
            made = service.create(actor=request.access.user, **form.cleaned_data)
        except Refused as refusal:
            form.add_error("run_on", refusal.message)
        else:
            return redirect_to(_url(request, "campaigns:builder", campaign_id=made.id), request)
    runners = selectors_provider.runners(request.access)
    if not runners:
        del form.fields["run_on"]
    status = 422 if request.method == "POST" else 200
    return render(request, "campaigns/new.html", {"form": form, "runners": runners}, status=status)


def _overview(request: OrganizationRequest, campaign: Campaign) -> dict[str, object]:
    overview = selectors.campaign_overview(campaign)
    switch_on, switch_steps = switching.of(campaign)
    return {
        "switch_on": switch_on,
        "left_out": entry.left_out(campaign) if campaign.status == Campaign.Status.ACTIVE else [],
        "switch_steps": switch_steps,
        "campaign": campaign,
        "overview": overview,
        "run": selectors_provider.run_of(campaign),
        **_funnel(overview["counts"], selectors.progress_of([campaign.id])[campaign.id]),
        "trials": variants.trials(campaign),
        "brakes": brakes_of_campaign(campaign),
        "drift": plan_templates.drift_of(campaign),
        "stream": streams.campaign(campaign.id),
        "can_edit": request.access.can(Permission.CAMPAIGNS_EDIT),
        "can_match": request.access.can(Permission.OPS_ACT)
        and any(sender.channel == "linkedin" for sender in overview["senders"]),
    }


@require_GET
@organization_view(Permission.CAMPAIGNS_VIEW)
def detail(request: OrganizationRequest, campaign_id: UUID) -> HttpResponse:
    """One campaign: state, numbers, what holds it, what happened."""
    campaign = campaign_or_404(request.access, campaign_id)
    template = "campaigns/_overview.html" if is_partial(request) else "campaigns/detail.html"
    return render(request, template, _overview(request, campaign))


@require_GET
@organization_view(Permission.CAMPAIGNS_VIEW)
def enrolled(request: OrganizationRequest, campaign_id: UUID) -> HttpResponse:
    """The leads of a campaign, with what each waits for and why."""
    campaign = campaign_or_404(request.access, campaign_id)
    stage = request.GET.get("stage", "")
    try:
        page = selectors.enrollment_list(campaign, stage=stage, cursor=request.GET.get("cursor"))
    except InvalidCursor as error:
        raise Http404(str(error)) from error
    context = {
        "campaign": campaign,
        "rows": page.items,
        "stage": stage,
        "next_url": f"?stage={stage}&cursor={page.next_cursor}" if page.next_cursor else "",
        "stream": streams.campaign(campaign.id),
    }
    paging = is_partial(request) and request.GET.get("cursor")
    return render(request, "campaigns/_enrolled_rows.html" if paging else "campaigns/enrolled.html", context)


Act = Callable[..., Campaign]


def _act(request: OrganizationRequest, campaign_id: UUID, act: Act) -> HttpResponse:
    campaign = campaign_or_404(request.access, campaign_id)
    actor: User = request.access.user
    try:
        act(campaign=campaign, actor=actor)
    except service.CampaignRefused as refusal:
        context = {
            **_overview(request, campaign_or_404(request.access, campaign_id)),
            "problems": refusal.problems,
        }
        return render(request, "campaigns/_overview.html", context, status=422)
    if not is_partial(request):
        return redirect_to(_url(request, "campaigns:detail", campaign_id=campaign_id), request)
    return render(
        request, "campaigns/_overview.html", _overview(request, campaign_or_404(request.access, campaign_id))
    )


@require_POST
@organization_view(Permission.CAMPAIGNS_EDIT)
def variant(request: OrganizationRequest, campaign_id: UUID, node_id: str) -> HttpResponse:
    """Give everybody one wording of a step from now on, or (without one) by their weights again."""
    campaign = campaign_or_404(request.access, campaign_id)
    chosen = request.POST.get("variant", "")
    problems, status = [], 200
    try:
        if chosen:
            variants.choose(campaign=campaign, node_id=node_id, variant_id=chosen, actor=request.access.user)
        else:
            variants.reopen(campaign=campaign, node_id=node_id, actor=request.access.user)
    except NotFound as refusal:
        raise Http404(str(refusal)) from refusal
    except Invalid as refusal:
        problems, status = [str(refusal)], 422
    context = {**_overview(request, campaign), "problems": problems}
    return render(request, "campaigns/_overview.html", context, status=status)


@require_POST
@organization_view(Permission.CAMPAIGNS_EDIT)
def pause(request: OrganizationRequest, campaign_id: UUID) -> HttpResponse:
    """Pause a running campaign."""
    return _act(request, campaign_id, service.pause)


@require_POST
@organization_view(Permission.CAMPAIGNS_EDIT)
def resume(request: OrganizationRequest, campaign_id: UUID) -> HttpResponse:
    """Go on with a paused campaign."""
    return _act(request, campaign_id, service.resume)


@require_POST
@organization_view(Permission.CAMPAIGNS_EDIT)
def push(request: OrganizationRequest, campaign_id: UUID) -> HttpResponse:
    """Try once more to bring the provider in line with a campaign that it runs."""
    return _act(request, campaign_id, service.push_again)


@require_POST
@organization_view(Permission.OPS_ACT)
def connections(request: OrganizationRequest, campaign_id: UUID) -> HttpResponse:
    """Read all connections of the campaign's LinkedIn accounts and tell its people among them as connected."""
    campaign = campaign_or_404(request.access, campaign_id)
    told: dict[str, object] = {}
    status = 200
    try:
        told["runs"] = historical.request(campaign=campaign, actor=request.access.user)
    except Refused as error:
        told["problems"], status = [error.message], error.status
    if not is_partial(request) and status == 200:
        return redirect_to(_url(request, "integrations:sync"), request)
    context = {**_overview(request, campaign), **told}
    template = "campaigns/_overview.html" if is_partial(request) else "campaigns/detail.html"
    return render(request, template, context, status=status)


@require_http_methods(["GET", "POST"])
@organization_view(Permission.CAMPAIGNS_EDIT)
def copy(request: OrganizationRequest, campaign_id: UUID) -> HttpResponse:
    """Make a new draft from a campaign: its steps and settings, without its leads unless they are asked for."""
    campaign = campaign_or_404(request.access, campaign_id)
    form = CopyForm(
        request.POST or None,
        access=request.access,
        initial={"name": f"{campaign.name[:150]}, copy", "client": campaign.client_id},
    )
    if request.method == "POST" and form.is_valid():
        try:
            made = organizing.copy(campaign=campaign, actor=request.access.user, **form.cleaned_data)
        except Refused as refusal:
            form.add_error(None, refusal.message)
        else:
            return redirect_to(_url(request, "campaigns:builder", campaign_id=made.id), request)
    status = 422 if request.method == "POST" else 200
    return render(request, "campaigns/copy.html", {"form": form, "campaign": campaign}, status=status)


@require_POST
@organization_view(Permission.CAMPAIGNS_EDIT)
def file(request: OrganizationRequest, campaign_id: UUID) -> HttpResponse:
    """Put a campaign into a folder and give it tags."""
    campaign = campaign_or_404(request.access, campaign_id)
    problems = []
    try:
        organizing.file(
            campaign=campaign,
            folder=request.POST.get("folder", ""),
            tags=request.POST.get("tags", "").split(","),
            actor=request.access.user,
        )
    except Refused as refusal:
        problems = [refusal.message]
    fresh = campaign_or_404(request.access, campaign_id)
    context = {**_overview(request, fresh), "problems": problems}
    return render(request, "campaigns/_overview.html", context, status=422 if problems else 200)


@require_POST
@organization_view(Permission.CAMPAIGNS_EDIT)
def archive(request: OrganizationRequest, campaign_id: UUID) -> HttpResponse:
    """Put a campaign away."""
    return _act(request, campaign_id, service.archive)
