"""Acts on many leads, their progress, and taking them back."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from campaigns import selectors_lead_acts, streams
from campaigns.forms_leads import LeadActForm
from campaigns.lead_filters import LeadFilters, all_leads
from campaigns.models import Lead, LeadAct
from campaigns.models.lead_acts import LEAD_ACT_WORDS
from campaigns.selectors_leads import ORDER
from campaigns.services import lead_acts
from project.core.htmx import is_partial, redirect_to
from project.core.refusals import Refused
from project.tenancy.access import OrganizationRequest, Permission, get_or_404, organization_view


def _refused(message: str) -> HttpResponse:
    return HttpResponse(message, status=422, content_type="text/plain; charset=utf-8")


@require_GET
@organization_view(Permission.LEADS_EDIT)
def choices(request: OrganizationRequest) -> HttpResponse:
    """What an act can be given: people, labels, campaigns."""
    act = request.GET.get("act", "assign")
    if act not in LEAD_ACT_WORDS:
        raise Http404("There is no such act.")
    return render(
        request, "campaigns/_lead_act_choice.html", selectors_lead_acts.act_choices(request.access, act)
    )


@require_POST
@organization_view(Permission.LEADS_EDIT)
def perform(request: OrganizationRequest) -> HttpResponse:
    """Do an act on the picked leads, or on all that the table shows."""
    form = LeadActForm(request.POST)
    if not form.is_valid():
        return _refused(str(next(iter(form.errors.values()))[0]))
    access = request.access
    if form.cleaned_data["all"]:
        rows = all_leads(access, LeadFilters.of(form.choice, access)).order_by(*ORDER)
        ids = list(rows.values_list("id", flat=True)[: lead_acts.MOST + 1])
    else:
        ids = form.ids
        known = set(Lead.objects.filter(access.client_filter(), id__in=ids).values_list("id", flat=True))
        if set(ids) - known:
            raise Http404("There is no such lead, or it is not yours to see.")
    given = selectors_lead_acts.within_reach(access, form.given)
    try:
        entry = lead_acts.perform(act=form.cleaned_data["act"], lead_ids=ids, given=given, actor=access.user)
    except Refused as refusal:
        return _refused(refusal.message)
    return _told(request, entry)


def _told(request: OrganizationRequest, entry: LeadAct) -> HttpResponse:
    """How far an act is; when it is done, the table is fetched again and a toast offers the way back."""
    if not is_partial(request):
        url = reverse("campaigns:lead_acts", kwargs={"organization_slug": request.organization.slug})
        return redirect_to(url, request)
    context = _context(entry)
    response = render(request, "campaigns/_lead_act.html", context)
    shown = context["entry"]
    triggers: dict[str, Any] = {}
    if not shown["is_running"]:
        triggers["leads-changed"] = True
        if not shown["left_count"]:
            triggers["toast"] = {"text": shown["text"]}
            if shown["can_undo"]:
                kwargs = {"organization_slug": request.organization.slug, "lead_act_id": entry.id}
                triggers["toast"]["undo_url"] = reverse("campaigns:undo_lead_act", kwargs=kwargs)
    response["HX-Trigger"] = json.dumps(triggers)
    return response


def _context(entry: LeadAct) -> dict[str, Any]:
    return {"entry": selectors_lead_acts.act_shown(entry, names=True), "stream": streams.lead_act(entry.id)}


def _own(request: OrganizationRequest, lead_act_id: UUID) -> LeadAct:
    found: LeadAct = get_or_404(selectors_lead_acts.own_acts(request.access), lead_act_id)
    return found


@require_GET
@organization_view(Permission.LEADS_EDIT)
def journal(request: OrganizationRequest) -> HttpResponse:
    """What the viewer did to leads of late, what of it failed, and what can be taken back."""
    rows = selectors_lead_acts.own_acts(request.access)[:50]
    shown = [selectors_lead_acts.act_shown(entry, names=False) for entry in rows]
    return render(request, "campaigns/lead_acts.html", {"entries": shown, "can_edit": True})


@require_GET
@organization_view(Permission.LEADS_EDIT)
def act(request: OrganizationRequest, lead_act_id: UUID) -> HttpResponse:
    """How far one act is; live while it works."""
    return render(request, "campaigns/_lead_act.html", _context(_own(request, lead_act_id)))


@require_POST
@organization_view(Permission.LEADS_EDIT)
def undo(request: OrganizationRequest, lead_act_id: UUID) -> HttpResponse:
    """Take an act back."""
    try:
        entry = lead_acts.undo(entry_id=_own(request, lead_act_id).id, actor=request.access.user)
    except Refused as refusal:
        return _refused(refusal.message)
    return _told(request, entry)
