"""Custom fields of leads: the list, making and removing one; and changing what a lead says."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from campaigns import selectors_leads
from campaigns.forms_leads import LeadFieldForm, LeadForm
from campaigns.lead_filters import LeadFilters
from campaigns.models import LeadField
from campaigns.services import lead_fields as service
from campaigns.views.lookups import lead_or_404
from project.core.htmx import redirect_to
from project.core.refusals import Refused
from project.tenancy.access import OrganizationRequest, Permission, get_or_404, organization_view


def _page_url(request: OrganizationRequest) -> str:
    return reverse("campaigns:lead_fields", kwargs={"organization_slug": request.organization.slug})


@require_http_methods(["GET", "HEAD", "POST"])
@organization_view(Permission.LEADS_EDIT)
def lead_fields(request: OrganizationRequest) -> HttpResponse:
    """The custom fields of the clients within reach, and a form to add one or to change one of the same name."""
    form = LeadFieldForm(request.POST or None, access=request.access)
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            values = form.values()
            known = LeadField.objects.filter(client=values["client"], name=values["name"]).first()
            try:
                service.define(**values, field=known, actor=request.access.user)
            except Refused as refusal:
                form.add_error(refusal.details.get("field"), refusal.message)
            else:
                return redirect(_page_url(request))
    context = {
        "form": form,
        "rows": selectors_leads.custom_fields(request.access)[:500],
        "segments": selectors_leads.segment_links(request.access, LeadFilters()),
        "can_edit": True,
    }
    return render(request, "campaigns/lead_fields.html", context, status=status)


@require_POST
@organization_view(Permission.LEADS_EDIT)
def remove(request: OrganizationRequest, field_id: UUID) -> HttpResponse:
    """Forget what kind a field is; leads keep their values."""
    found = get_or_404(selectors_leads.custom_fields(request.access), field_id)
    service.remove(field=found, actor=request.access.user)
    return redirect_to(_page_url(request), request)


@require_POST
@organization_view(Permission.LEADS_EDIT)
def change(request: OrganizationRequest, lead_id: UUID) -> HttpResponse:
    """Change what a lead says."""
    found = lead_or_404(request.access, lead_id)
    form = LeadForm(request.POST)
    message = "" if form.is_valid() else str(next(iter(form.errors.values()))[0])
    if not message:
        try:
            service.change_lead(lead=found, **form.values(), actor=request.access.user)
        except Refused as refusal:
            message = refusal.message
    if message:
        return HttpResponse(message, status=422, content_type="text/plain; charset=utf-8")
    kwargs = {"organization_slug": request.organization.slug, "lead_id": found.id}
    return redirect_to(reverse("campaigns:lead", kwargs=kwargs), request)
