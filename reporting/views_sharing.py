"""Sharing: links of a client's report for its people, and what whoever holds one sees."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Count, Max, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from campaigns.models import Campaign
from project.core.clock import now
from project.core.htmx import redirect_to
from project.core.quotas import spend
from project.core.refusals import Refused
from project.core.scoping import organization_scope
from project.tenancy.access import OrganizationRequest, Permission, get_or_404, organization_view, public_view
from project.tenancy.middleware import client_address
from project.tenancy.models import Client
from reporting import presenters, selectors, selectors_choices, selectors_portal
from reporting.filters import PERIODS, Filters
from reporting.models import ShareLink, ShareView
from reporting.services import sharing
from reporting.views import few_enough
from reporting.views_portal import logo_response

#: Wrong passwords of one link in a minute.
TRIES = 10


def links_of(client: Client) -> QuerySet[ShareLink]:
    """The links of a client with how often and when they were looked at last, newest first."""
    rows: QuerySet[ShareLink] = ShareLink.objects.filter(client=client).select_related(
        "created_by", "campaign"
    )
    return rows.annotate(seen=Count("views"), seen_at=Max("views__viewed_at")).order_by("-created_at", "-id")


def _page(request: OrganizationRequest, client: Client, **more: Any) -> HttpResponse:
    context = {
        "client": client,
        "links": links_of(client)[:100],
        "campaigns": Campaign.objects.filter(client=client).order_by("name", "id")[:200],
        "views": ShareView.objects.filter(link__client=client)
        .select_related("link")
        .order_by("-viewed_at")[:30],
        "at": now(),
        "given": {},
        **more,
    }
    status = 422 if more.get("problem") else 200
    return render(request, "reporting/shares.html", context, status=status)


@require_GET
@organization_view(Permission.CAMPAIGNS_EDIT)
def shares(request: OrganizationRequest, client_id: UUID) -> HttpResponse:
    """The links to a client's report, and who looked."""
    return _page(request, get_or_404(request.access.clients(), client_id))


@require_POST
@organization_view(Permission.CAMPAIGNS_EDIT)
def share(request: OrganizationRequest, client_id: UUID) -> HttpResponse:
    """Make a link; it is shown once."""
    client = get_or_404(request.access.clients(), client_id)
    days = request.POST.get("days", "30")
    campaign = None
    if request.POST.get("campaign"):
        campaign = get_or_404(Campaign.objects.filter(client=client), request.POST["campaign"])
    try:
        _, token = sharing.create(
            access=request.access,
            client=client,
            name=request.POST.get("name", ""),
            days=int(days) if days.isascii() and days.isdigit() else 0,
            password=request.POST.get("password", ""),
            campaign=campaign,
        )
    except Refused as error:
        return _page(request, client, problem=error.message, given=request.POST)
    return _page(request, client, new_url=request.build_absolute_uri(f"/share/{token}"))


@require_POST
@organization_view(Permission.CAMPAIGNS_EDIT)
def revoke(request: OrganizationRequest, link_id: UUID) -> HttpResponse:
    """Close a link."""
    link = get_or_404(ShareLink.objects.filter(request.access.client_filter()), link_id)
    sharing.revoke(access=request.access, link=link)
    return redirect_to(f"/o/{request.organization.slug}/reports/clients/{link.client_id}/shares/", request)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@public_view(
    "whoever holds a share link sees its report; it expires, can be revoked and may ask for a password"
)
@few_enough
def shared(request: HttpRequest, token: str) -> HttpResponse:
    """A shared report. Unknown, expired and revoked links look alike."""
    link = sharing.find(token)
    if link is None:
        return render(request, "reporting/shared_unknown.html", status=404)
    opened = f"share:{link.id}"
    if request.method == "POST" and not request.session.get(opened):
        quota = spend(f"share:{link.id}:{client_address(request)}", limit=TRIES)
        if quota.exceeded or not sharing.opens(link, request.POST.get("password", "")):
            problem = "Too many tries; wait a minute." if quota.exceeded else "That is not the password."
            return render(
                request, "reporting/shared_locked.html", {"link": link, "problem": problem}, status=403
            )
        request.session[opened] = True
    if link.password and not request.session.get(opened):
        return render(request, "reporting/shared_locked.html", {"link": link}, status=403)
    sharing.note_view(link, address=client_address(request), agent=request.headers.get("User-Agent", ""))
    with organization_scope(link.organization_id):
        return render(request, "reporting/shared.html", _shared_context(request, link, token))


@require_GET
@public_view("whoever may see a shared report sees the client's logo on it")
def shared_logo(request: HttpRequest, token: str) -> HttpResponse:
    """The logo on a shared report; none before its password was given."""
    link = sharing.find(token)
    if link is None or (link.password and not request.session.get(f"share:{link.id}")):
        raise Http404("There is no such report.")
    with organization_scope(link.organization_id):
        return logo_response(link.client)


#: What the holder of a link may choose; a campaign, sender or list that it is not about stays without a name.
_CHOSEN: Final = ("days", "from", "to", "before", "channel")


def _nameless(report: dict[str, Any]) -> dict[str, Any]:
    """A report whose senders and lists are numbered, without what the team noted on its days."""
    numbered = {
        key: [{**row, "label": f"{word} {n}"} for n, row in enumerate(report.get(key, ()), 1)]
        for key, word in (("senders", "Sender"), ("lists", "List"))
    }
    return {**report, **numbered, "notes": []}


def _shared_context(request: HttpRequest, link: ShareLink, token: str) -> dict[str, Any]:
    """The figures alone: no names of anybody, no words, and nothing to open."""
    chosen = {name: request.GET[name] for name in _CHOSEN if name in request.GET}
    filters = Filters.of(chosen, ZoneInfo(link.client.time_zone))
    if link.campaign is not None:
        report = selectors.campaign_report(link.campaign, filters)
    else:
        report = selectors.client_report(link.client, filters)
    return {
        **presenters.report_context(_nameless(report), rows_base=""),
        "periods": PERIODS.items(),
        "logo_url": f"/share/{token}/logo" if selectors_portal.digest_of(link.client) else "",
        "brand": selectors_portal.brand_of(link.client),
        "narrowed_to": selectors_choices.names(link.client, filters),
        "link": link,
        "prepared_by": link.organization.name,
        "is_shared": True,
        "is_portal": True,
    }
