"""What concerns a person as such: addresses, merging, erasure, and the bundle of all that is known."""

from __future__ import annotations

import json
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from campaigns import selectors_duplicates, selectors_leads
from campaigns.forms_leads import AddressForm, AddressValueForm, EraseForm, OtherLeadForm
from campaigns.lead_filters import LeadFilters
from campaigns.models import Lead
from campaigns.services import erasure, lead_addresses, merging
from campaigns.views.lookups import lead_or_404
from project.core.htmx import redirect_to
from project.core.ids import parse_uuid
from project.core.refusals import Refused
from project.tenancy.access import OrganizationRequest, Permission, get_or_404, organization_view


def _refused(message: str) -> HttpResponse:
    return HttpResponse(message, status=422, content_type="text/plain; charset=utf-8")


def _profile(request: OrganizationRequest, lead_id: UUID) -> HttpResponse:
    kwargs = {"organization_slug": request.organization.slug, "lead_id": lead_id}
    return redirect_to(reverse("campaigns:lead", kwargs=kwargs), request)


def _duplicates(request: OrganizationRequest, client_id: UUID) -> HttpResponse:
    url = reverse("campaigns:duplicates", kwargs={"organization_slug": request.organization.slug})
    return redirect_to(f"{url}?client={client_id}", request)


def _other(request: OrganizationRequest) -> Lead | None:
    form = OtherLeadForm(request.POST)
    return lead_or_404(request.access, form.cleaned_data["other"]) if form.is_valid() else None


def _refused_address(request: OrganizationRequest, lead: Lead, refusal: Refused) -> HttpResponse:
    context = {"lead": lead, "message": refusal.message, "other_id": refusal.details.get("lead_id")}
    return render(request, "campaigns/_lead_address_refused.html", context, status=refusal.status)


@require_POST
@organization_view(Permission.LEADS_EDIT)
def add_address(request: OrganizationRequest, lead_id: UUID) -> HttpResponse:
    """Give a lead one more address; where another lead has it, offer to merge the two."""
    found, form = lead_or_404(request.access, lead_id), AddressForm(request.POST)
    try:
        lead_addresses.add(lead=found, **form.values(), actor=request.access.user)
    except Refused as refusal:
        return _refused_address(request, found, refusal)
    return _profile(request, found.id)


@require_POST
@organization_view(Permission.LEADS_EDIT)
def mend_address(request: OrganizationRequest, address_id: UUID) -> HttpResponse:
    """Write an address of a lead anew."""
    found = get_or_404(selectors_leads.addresses(request.access), address_id)
    form = AddressValueForm(request.POST)
    try:
        lead_addresses.mend(address=found, **form.values(), actor=request.access.user)
    except Refused as refusal:
        return _refused_address(request, found.lead, refusal)
    return _profile(request, found.lead_id)


@require_POST
@organization_view(Permission.LEADS_EDIT)
def remove_address(request: OrganizationRequest, address_id: UUID) -> HttpResponse:
    """Take an address off a lead."""
    found = get_or_404(selectors_leads.addresses(request.access), address_id)
    try:
        lead_addresses.remove(address=found, actor=request.access.user)
    except Refused as refusal:
        return _refused_address(request, found.lead, refusal)
    return _profile(request, found.lead_id)


@require_GET
@organization_view(Permission.LEADS_EDIT)
def duplicates(request: OrganizationRequest) -> HttpResponse:
    """Leads of a client that may be one person, with what speaks for it; and the merges that can be taken back."""
    access = request.access
    clients = list(access.clients().filter(is_archived=False).order_by("name", "id"))
    asked = parse_uuid(request.GET.get("client", ""))
    client = next((one for one in clients if one.id == asked), clients[0] if clients else None)
    context = {
        "clients": clients,
        "client": client,
        "pairs": selectors_duplicates.pairs(client.id) if client else [],
        "merges": selectors_duplicates.recent_merges(access)[:20],
        "segments": selectors_leads.segment_links(access, LeadFilters()),
        "can_edit": True,
    }
    return render(request, "campaigns/duplicates.html", context)


@require_POST
@organization_view(Permission.LEADS_EDIT)
def merge(request: OrganizationRequest, lead_id: UUID) -> HttpResponse:
    """Merge another lead into this one."""
    kept, other = lead_or_404(request.access, lead_id), _other(request)
    if other is None:
        return _refused("Choose with whom they are one person.")
    try:
        merging.merge(kept=kept, other=other, actor=request.access.user)
    except Refused as refusal:
        return _refused(refusal.message)
    return _duplicates(request, kept.client_id)


@require_POST
@organization_view(Permission.LEADS_EDIT)
def keep_apart(request: OrganizationRequest, lead_id: UUID) -> HttpResponse:
    """Say that two leads are two people."""
    one, other = lead_or_404(request.access, lead_id), _other(request)
    if other is None:
        return _refused("Choose from whom they are to be told apart.")
    try:
        merging.keep_apart(one=one, other=other, actor=request.access.user)
    except Refused as refusal:
        return _refused(refusal.message)
    return _duplicates(request, one.client_id)


@require_POST
@organization_view(Permission.LEADS_EDIT)
def part(request: OrganizationRequest, merge_id: UUID) -> HttpResponse:
    """Take a merge back."""
    found = get_or_404(selectors_duplicates.recent_merges(request.access), merge_id)
    try:
        merging.part(merge_id=found.id, actor=request.access.user)
    except Refused as refusal:
        return _refused(refusal.message)
    return _duplicates(request, found.client_id)


@require_POST
@organization_view(Permission.LEADS_EDIT)
def erase(request: OrganizationRequest, lead_id: UUID) -> HttpResponse:
    """Erase a lead for good, after their name was typed."""
    found = lead_or_404(request.access, lead_id)
    form = EraseForm(request.POST, lead=found)
    if not form.is_valid():
        return _refused(str(next(iter(form.errors.values()))[0]))
    try:
        erasure.erase(lead=found, reason=form.cleaned_data["reason"], actor=request.access.user)
    except Refused as refusal:
        return _refused(refusal.message)
    return _profile(request, found.id)


@require_GET
@organization_view(Permission.LEADS_EDIT)
def bundle(request: OrganizationRequest, lead_id: UUID) -> HttpResponse:
    """Everything that is kept of a lead, as a JSON file."""
    found = lead_or_404(request.access, lead_id)
    made = erasure.bundle(lead=found, actor=request.access.user)
    response = HttpResponse(json.dumps(made, indent=2, ensure_ascii=False), content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="person-{found.id}.json"'
    return response
