"""The builder: outline and canvas of one draft, and an inspector for the step that is chosen.

Every change is one edit of ``campaigns.plans.edits``, whichever way it is made, and answers the parts that it changed.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from campaigns import plan_forms, selectors_builder, streams
from campaigns.models import Campaign
from campaigns.plans.content import FIELDS
from campaigns.plans.library import BEGINNINGS
from campaigns.plans.schema import Content, SendNode
from campaigns.selectors_builder import Draft
from campaigns.services import checklist, draft_history, editing, previews
from campaigns.services.draft_history import DraftMoved
from campaigns.views.lookups import campaign_or_404
from campaigns.views.sequence import settings_context
from project.core.htmx import redirect_to, render_parts
from project.core.refusals import Refused
from project.tenancy.access import OrganizationRequest, Permission, organization_view

#: Typing goes on in these: what they answer leaves the fields alone.
TYPED = frozenset({"content", "label"})


def _url(request: OrganizationRequest, name: str, campaign: Campaign) -> str:
    return reverse(
        f"campaigns:{name}",
        kwargs={"organization_slug": request.organization.slug, "campaign_id": campaign.id},
    )


def _map(request: OrganizationRequest, draft: Draft, selected: str) -> dict[str, Any]:
    """Outline and canvas."""
    return {
        "campaign": draft.campaign,
        "selected": selected,
        "rows": selectors_builder.outline_rows(draft, selected),
        "canvas": selectors_builder.canvas(draft, selected),
        "figures": draft.figures,
        "beginnings": () if draft.numbers else BEGINNINGS,
        "nodes": json.dumps(editing.as_json(draft.plan)["nodes"]),
        "kinds": selectors_builder.KINDS,
        "stream": streams.campaign(draft.campaign.id),
        "edit_url": _url(request, "edit_plan", draft.campaign),
        **selectors_builder.bar(draft.campaign),
    }


def _inspected(request: OrganizationRequest, draft: Draft, selected: str) -> dict[str, Any]:
    """The chosen step, else the campaign's settings."""
    tab, variant = request.GET.get("tab", ""), request.POST.get("variant", request.GET.get("variant", ""))
    found = selectors_builder.inspector(draft, selected, request.POST.get("tab", tab), variant)
    context = {"campaign": draft.campaign, "edit_url": _url(request, "edit_plan", draft.campaign), **found}
    return context if found else {**settings_context(request, draft.campaign), **context}


@require_GET
@organization_view(Permission.CAMPAIGNS_EDIT)
def builder(request: OrganizationRequest, campaign_id: UUID) -> HttpResponse:
    """The builder of a campaign; what a provider runs is written as a list."""
    campaign = campaign_or_404(request.access, campaign_id)
    if campaign.kind == Campaign.Kind.PROVIDER:
        return redirect_to(_url(request, "sequence_page", campaign), request)
    draft = selectors_builder.draft_of(campaign)
    selected = request.GET.get("node", "")
    context = {
        **_map(request, draft, selected),
        **_inspected(request, draft, selected),
        "points": checklist.check(campaign),
    }
    return render(request, "campaigns/builder.html", context)


@require_GET
@organization_view(Permission.CAMPAIGNS_EDIT)
def parts(request: OrganizationRequest, campaign_id: UUID) -> HttpResponse:
    """Outline and canvas anew: live figures, and what others have changed."""
    draft = selectors_builder.draft_of(campaign_or_404(request.access, campaign_id))
    return render(request, "campaigns/_builder_map.html", _map(request, draft, request.GET.get("node", "")))


@require_GET
@organization_view(Permission.CAMPAIGNS_EDIT)
def inspect(request: OrganizationRequest, campaign_id: UUID) -> HttpResponse:
    """The inspector for a step (``?node=``), or for the campaign's settings."""
    draft = selectors_builder.draft_of(campaign_or_404(request.access, campaign_id))
    context = _inspected(request, draft, request.GET.get("node", ""))
    return render(request, "campaigns/_inspector.html", context)


@require_GET
@organization_view(Permission.CAMPAIGNS_EDIT)
def history(request: OrganizationRequest, campaign_id: UUID) -> HttpResponse:
    """The steps of the draft's history, in the inspector."""
    campaign = campaign_or_404(request.access, campaign_id)
    context = {"campaign": campaign, "revisions": selectors_builder.history(campaign)}
    return render(request, "campaigns/_history.html", context)


@require_GET
@organization_view(Permission.CAMPAIGNS_EDIT)
def step_preview(request: OrganizationRequest, campaign_id: UUID) -> HttpResponse:
    """One step as the leads of the audience would read it: the worst first, or those of a name (``?lead=``)."""
    campaign = campaign_or_404(request.access, campaign_id)
    plan = editing.plan_of_draft(campaign)
    node = plan.index.get(request.GET.get("node", ""))
    if not isinstance(node, SendNode) or not FIELDS[node.action]:
        return render(request, "campaigns/_step_preview.html", {"campaign": campaign})
    wanted = request.GET.get("variant", "")
    contents = {one.id: one.content for one in node.variants}
    content = contents.get(wanted) or next(iter(contents.values()), node.content) or Content()
    search = request.GET.get("lead", "").strip()
    look = previews.of_step(campaign, node, content, search=search, plan=plan)
    at = request.GET.get("at", "0")
    place = min(int(at) if at.isascii() and at.isdigit() else 0, max(len(look.previews) - 1, 0))
    context = {
        "campaign": campaign,
        "node": node,
        "variant": wanted,
        "look": look,
        "shown": look.previews[place] if look.previews else None,
        "place": place + 1,
        "before": place - 1 if place else None,
        "after": place + 1 if place + 1 < len(look.previews) else None,
        "search": search,
        "names": json.dumps([asdict(one) for one in look.variables]),
    }
    return render(request, "campaigns/_step_preview.html", context)


@require_POST
@organization_view(Permission.CAMPAIGNS_EDIT)
def edit_plan(request: OrganizationRequest, campaign_id: UUID) -> HttpResponse:
    """Change the draft by one edit, or undo or redo one (``op``)."""
    campaign = campaign_or_404(request.access, campaign_id)
    op, selected = request.POST.get("op", ""), request.POST.get("node", "")
    before = editing.plan_of_draft(campaign).index.keys()
    try:
        _change(request, campaign, op)
    except Refused as refusal:
        status = 409 if isinstance(refusal, DraftMoved) else 422
        return _answer(request, campaign, selected, problem=refusal.message, status=status)
    fresh = campaign_or_404(request.access, campaign_id)
    index = editing.plan_of_draft(fresh).index
    added = [node_id for node_id in index if node_id not in before and index[node_id].type != "stop"]
    if op in ("insert", "paste", "duplicate"):
        selected = next(iter(added), selected)
    return _answer(request, fresh, selected if selected in index else "", typed=op in TYPED)


def _change(request: OrganizationRequest, campaign: Campaign, op: str) -> None:
    seen = request.POST.get("version", "")
    version = int(seen) if seen.isascii() and seen.isdigit() else None
    actor = request.access.user
    if op == "undo":
        draft_history.undo(campaign=campaign, actor=actor, version=version)
    elif op == "redo":
        draft_history.redo(campaign=campaign, actor=actor, version=version)
    elif op == "begin":
        editing.begin(campaign=campaign, key=request.POST.get("with", ""), actor=actor, version=version)
    else:
        data = plan_forms.edit_of(request.POST, editing.plan_of_draft(campaign))
        editing.edit(campaign=campaign, change=editing.parse_edit(data), actor=actor, version=version)


def _answer(
    request: OrganizationRequest,
    campaign: Campaign,
    selected: str,
    *,
    problem: str = "",
    typed: bool = False,
    status: int = 200,
) -> HttpResponse:
    """The parts of the builder after a change. What is being typed stays as it is; so does what was refused."""
    fresh = campaign_or_404(request.access, campaign.id)
    draft = selectors_builder.draft_of(fresh)
    context = {**_map(request, draft, selected), "problem": problem, "is_answer": True}
    rendered: list[tuple[str, dict[str, Any]]] = [("campaigns/_builder_answer.html", context)]
    if typed:
        context |= {
            "step": selectors_builder.inspector(draft, selected, "write", request.POST.get("variant", ""))
        }
    elif not problem or request.POST.get("op") not in TYPED:
        rendered.append(("campaigns/_inspector.html", {**_inspected(request, draft, selected), "oob": True}))
    return render_parts(request, *rendered, status=status, events={"plan-changed": {"node": selected}})
