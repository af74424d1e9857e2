"""Saving a report's filters under a name, and noting what happened on a day."""

from __future__ import annotations

from datetime import date
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST

from campaigns.models import Campaign
from project.core.htmx import redirect_to
from project.core.refusals import Refused
from project.tenancy.access import OrganizationRequest, Permission, get_or_404, organization_view
from project.tenancy.models import Client
from reporting.models import ReportNote
from reporting.services import saved


def _subject(request: OrganizationRequest, client_id: UUID) -> tuple[Client, Campaign | None]:
    client: Client = get_or_404(request.access.clients(), client_id)
    campaign = None
    if request.POST.get("of"):
        campaign = get_or_404(Campaign.objects.filter(client=client), request.POST["of"])
    return client, campaign


def _back(
    request: OrganizationRequest, client_id: UUID, campaign_id: UUID | None, query: str
) -> HttpResponse:
    slug = request.organization.slug
    if campaign_id:
        path = reverse("reporting:campaign", kwargs={"organization_slug": slug, "campaign_id": campaign_id})
    else:
        path = reverse("reporting:client", kwargs={"organization_slug": slug, "client_id": client_id})
    return redirect_to(f"{path}?{query}" if query else path, request)


@require_POST
@organization_view(Permission.REPORTS_VIEW)
def save(request: OrganizationRequest, client_id: UUID) -> HttpResponse:
    """Save the filters of a client's or a campaign's (``of``) report."""
    client, campaign = _subject(request, client_id)
    query: dict[str, Any] = dict(parse_qsl(request.POST.get("query", "")[:1000]))
    try:
        row = saved.save(
            access=request.access, client=client, campaign=campaign, name=request.POST.get("name", ""),
            query=query, is_shared=request.POST.get("is_shared") == "1",
        )  # fmt: skip
    except Refused as error:
        messages.error(request, error.message)
        return _back(request, client.id, campaign.id if campaign else None, "")
    return _back(request, client.id, row.campaign_id, row.query)


@require_POST
@organization_view(Permission.REPORTS_VIEW)
def remove(request: OrganizationRequest, saved_id: UUID) -> HttpResponse:
    """Remove a saved report of one's own."""
    row = get_or_404(saved.own_reports(request.access), saved_id)
    saved.remove(access=request.access, saved=row)
    return _back(request, row.client_id, row.campaign_id, "")


@require_POST
@organization_view(Permission.CAMPAIGNS_EDIT)
def add_note(request: OrganizationRequest, client_id: UUID) -> HttpResponse:
    """Note what happened on a day."""
    client, campaign = _subject(request, client_id)
    try:
        day = date.fromisoformat(request.POST.get("day", ""))
        saved.add_note(
            access=request.access,
            client=client,
            campaign=campaign,
            day=day,
            text=request.POST.get("text", ""),
        )
    except ValueError:
        messages.error(request, "Say which day, for example 2026-12-01.")
    except Refused as error:
        messages.error(request, error.message)
    return _back(request, client.id, campaign.id if campaign else None, request.POST.get("query", "")[:300])


@require_POST
@organization_view(Permission.CAMPAIGNS_EDIT)
def remove_note(request: OrganizationRequest, report_note_id: UUID) -> HttpResponse:
    """Remove a note."""
    rows = ReportNote.objects.filter(request.access.client_filter())
    note: ReportNote = get_or_404(rows, report_note_id)
    saved.remove_note(access=request.access, note=note)
    return _back(request, note.client_id, note.campaign_id, "")
