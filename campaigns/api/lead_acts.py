"""Operations: acts on many leads, and taking them back."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

from django.http import Http404
from ninja import Query, Status

from campaigns import selectors_lead_acts
from campaigns.api import lead_act_schemas as schemas
from campaigns.api.routing import router
from campaigns.lead_filters import LeadFilters, all_leads
from campaigns.models import Lead, LeadAct, LeadActItem
from campaigns.selectors_leads import ORDER
from campaigns.services import lead_acts
from project.core.api_pages import PageIn, PageOut, page_of
from project.tenancy.access import Permission, get_or_404
from project.tenancy.api_auth import ApiRequest, api_rule

TAGS = ["Leads"]


@router.post("/lead-acts", response={202: schemas.LeadActOut}, tags=TAGS)
@api_rule(Permission.LEADS_EDIT)
def act_on_leads(request: ApiRequest, payload: schemas.LeadActIn) -> Any:
    """Do an act on leads. A few are done at once; many by a worker: ask for the act until it is done."""
    access = request.access
    if payload.all:
        filters = LeadFilters.of(dict(parse_qsl(payload.query)), access)
        rows = all_leads(access, filters).order_by(*ORDER)
        ids = list(rows.values_list("id", flat=True)[: lead_acts.MOST + 1])
    else:
        ids = payload.lead_ids
        found = Lead.objects.filter(access.client_filter(), id__in=ids)
        if found.count() != len(set(ids)):
            raise Http404("One of these leads is not there, or it is not yours to see.")
    return Status(
        202,
        lead_acts.perform(
            act=payload.act,
            lead_ids=ids,
            given=selectors_lead_acts.within_reach(access, _given(payload)),
            actor=access.user,
        ),
    )


def _given(payload: schemas.LeadActIn) -> dict[str, Any]:
    match payload.act:
        case "assign":
            return {"owner": str(payload.owner_id or "")}
        case "label" | "unlabel":
            return {"label": " ".join(payload.label.lower().split())}
        case "enroll":
            return {"campaign": str(payload.campaign_id or "")}
        case "suppress":
            return {"reason": payload.reason}
    return {}


@router.get("/lead-acts", response=PageOut[schemas.LeadActOut], tags=TAGS)
@api_rule(Permission.LEADS_EDIT)
def list_lead_acts(request: ApiRequest, page: Query[PageIn]) -> Any:
    """What the caller did to leads, newest first."""
    return page_of(selectors_lead_acts.own_acts(request.access), page, order=("-created_at", "-id"))


def _act(request: ApiRequest, lead_act_id: UUID) -> LeadAct:
    found: LeadAct = get_or_404(selectors_lead_acts.own_acts(request.access), lead_act_id)
    return found


@router.get("/lead-acts/{lead_act_id}", response=schemas.LeadActOut, tags=TAGS)
@api_rule(Permission.LEADS_EDIT)
def get_lead_act(request: ApiRequest, lead_act_id: UUID) -> Any:
    """How far an act is."""
    return _act(request, lead_act_id)


@router.get("/lead-acts/{lead_act_id}/leads", response=PageOut[schemas.LeadActItemOut], tags=TAGS)
@api_rule(Permission.LEADS_EDIT)
def list_lead_act_leads(request: ApiRequest, lead_act_id: UUID, page: Query[schemas.LeadActItemsIn]) -> Any:
    """Whom an act concerned, in the order in which they are worked on; with `filter[state]=failed` who was left out."""
    rows = LeadActItem.objects.filter(entry=_act(request, lead_act_id))
    if page.state:
        rows = rows.filter(state=page.state)
    return page_of(rows, page, order=("id",))


@router.post("/lead-acts/{lead_act_id}/undo", response={202: schemas.LeadActOut}, tags=TAGS)
@api_rule(Permission.LEADS_EDIT)
def undo_lead_act(request: ApiRequest, lead_act_id: UUID) -> Any:
    """Take an act back within 24 hours; who was changed since stays as they are (`kept`)."""
    return Status(202, lead_acts.undo(entry_id=_act(request, lead_act_id).id, actor=request.access.user))
