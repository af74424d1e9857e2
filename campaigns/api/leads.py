"""Operations: leads."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

from django.http import StreamingHttpResponse
from ninja import Query, Status

from campaigns import lead_exports, selectors_companies, selectors_leads
from campaigns.api import lead_schemas as schemas
from campaigns.api import rows
from campaigns.api.routing import router
from campaigns.lead_columns import heading
from campaigns.lead_filters import LeadFilters, found_leads
from campaigns.models import LeadField, LeadSegment
from campaigns.selectors_companies import CompanyFilters
from campaigns.services import deals, lead_fields, segments
from project.core.api_pages import PageOut, page_of
from project.tenancy.access import Permission, get_or_404
from project.tenancy.api_auth import ApiRequest, api_rule

TAGS = ["Leads"]


@router.get("/leads", response=PageOut[schemas.LeadOut], tags=TAGS)
@api_rule(Permission.LEADS_VIEW)
def list_leads(request: ApiRequest, page: Query[schemas.LeadsIn]) -> Any:
    """Leads of all clients within reach, narrowed as the table of leads is."""
    filters = LeadFilters.of(page.parameters, request.access)
    if page.client and filters.client_id is None:
        return {"items": [], "next_cursor": None}
    wanted = selectors_leads.with_addresses(found_leads(request.access, filters))
    found = page_of(wanted, page, order=page.by("created_at", "id"))
    return {**found, "items": [rows.lead_shown(lead) for lead in found["items"]]}


@router.get("/leads/{lead_id}", response=schemas.LeadDetailOut, tags=TAGS)
@api_rule(Permission.LEADS_VIEW)
def get_lead(request: ApiRequest, lead_id: UUID) -> Any:
    """One lead: its campaigns, what goes out next and why, and what happened so far."""
    return rows.lead_detail(get_or_404(rows.leads(request.access), lead_id))


@router.put("/leads/{lead_id}/deal", response=schemas.DealOut, tags=TAGS)
@api_rule(Permission.INBOX_REPLY)
def set_deal(request: ApiRequest, lead_id: UUID, payload: schemas.DealIn) -> Any:
    """Say what stands with a lead: whether a deal is open, won or lost, what it is worth, and when they meet."""
    found = get_or_404(rows.leads(request.access), lead_id)
    return deals.save(lead_id=found.id, actor=request.access.user, **payload.dict())


@router.delete("/leads/{lead_id}/deal", response={204: None}, tags=TAGS)
@api_rule(Permission.INBOX_REPLY)
def delete_deal(request: ApiRequest, lead_id: UUID) -> Any:
    """There is no deal with this lead."""
    deals.remove(lead_id=get_or_404(rows.leads(request.access), lead_id).id, actor=request.access.user)
    return Status(204, None)


@router.patch("/leads/{lead_id}", response=schemas.LeadOut, tags=TAGS)
@api_rule(Permission.LEADS_EDIT)
def change_lead(request: ApiRequest, lead_id: UUID, payload: schemas.LeadChangeIn) -> Any:
    """Change what a lead says; what is not sent stays, an empty text takes a value off."""
    found = get_or_404(rows.leads(request.access), lead_id)
    given = payload.model_dump(exclude_unset=True)
    custom, company = given.pop("fields", None) or {}, given.pop("company", None)
    values = {name: value or "" for name, value in given.items()}
    lead_fields.change_lead(
        lead=found, values=values, fields=custom, company=company, actor=request.access.user
    )
    return rows.lead_shown(get_or_404(rows.leads(request.access), found.id))


@router.get("/lead-fields", response=list[schemas.LeadFieldOut], tags=TAGS)
@api_rule(Permission.LEADS_VIEW)
def list_lead_fields(request: ApiRequest) -> Any:
    """The custom fields of all clients within reach, with their kinds."""
    return list(selectors_leads.custom_fields(request.access)[:2_000])


@router.put("/lead-fields", response=schemas.LeadFieldOut, tags=TAGS)
@api_rule(Permission.LEADS_EDIT)
def put_lead_field(request: ApiRequest, payload: schemas.LeadFieldIn) -> Any:
    """Say what kind a client's custom field is; a field of that name is changed. Values that are there stay."""
    client = get_or_404(request.access.clients().filter(is_archived=False), payload.client_id)
    known = LeadField.objects.filter(client=client, name=" ".join(payload.name.split())).first()
    return lead_fields.define(
        client=client,
        name=payload.name,
        kind=payload.kind,
        options=payload.options,
        actor=request.access.user,
        field=known,
    )


@router.delete("/lead-fields/{field_id}", response={204: None}, tags=TAGS)
@api_rule(Permission.LEADS_EDIT)
def delete_lead_field(request: ApiRequest, field_id: UUID) -> Any:
    """Forget what kind a field is; leads keep their values, as text."""
    found = get_or_404(selectors_leads.custom_fields(request.access), field_id)
    lead_fields.remove(field=found, actor=request.access.user)
    return Status(204, None)


@router.get(
    "/leads-export",
    response={200: Any},
    tags=TAGS,
    openapi_extra={"responses": {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}}},
)
@api_rule(Permission.LEADS_VIEW)
def export_leads(request: ApiRequest, query: str = "") -> Any:
    """All leads of a table as CSV, streamed. `query` is the query string of the table's address."""
    access = request.access
    filters = LeadFilters.of(dict(parse_qsl(query)), access)
    segments.note_export(access=access, query=filters.query)
    return StreamingHttpResponse(lead_exports.lines(access, filters), content_type="text/csv; charset=utf-8")


# --- companies ---------------------------------------------------------------------------------------


@router.get("/companies", response=PageOut[schemas.CompanyRowOut], tags=TAGS)
@api_rule(Permission.LEADS_VIEW)
def list_companies(request: ApiRequest, page: Query[schemas.CompaniesIn]) -> Any:
    """Companies of all clients within reach, or of one, by name, with how many people each has."""
    access = request.access
    filters = CompanyFilters.of({"client": page.client or "", "q": page.q}, access)
    if page.client and filters.client_id is None:
        return {"items": [], "next_cursor": None}
    found = selectors_companies.company_page(access, filters, cursor=page.cursor, limit=page.limit)
    return {"items": found.items, "next_cursor": found.next_cursor}


@router.get("/companies/{company_id}", response=schemas.CompanyDetailOut, tags=TAGS)
@api_rule(Permission.LEADS_VIEW)
def get_company(request: ApiRequest, company_id: UUID) -> Any:
    """A company with its people; with more than 200, the first by name (`GET /leads?filter[company]=` has all)."""
    found = get_or_404(selectors_companies.companies(request.access), company_id)
    profile = selectors_companies.company_profile(found)
    names = ("id", "client_id", "name", "domain", "country")
    return {
        **{name: getattr(found, name) for name in names},
        "people": [rows.lead_shown(lead) for lead in profile["people"]],
        "last_sent": profile["last_sent"],
        "last_reply": profile["last_reply"],
    }


# --- segments and columns ---------------------------------------------------------------------------


@router.get("/lead-segments", response=list[schemas.SegmentOut], tags=TAGS)
@api_rule(Permission.LEADS_VIEW)
def list_segments(request: ApiRequest) -> Any:
    """The caller's own segments, and those that are shared."""
    return list(selectors_leads.segments(request.access))


@router.post("/lead-segments", response={201: schemas.SegmentOut}, tags=TAGS)
@api_rule(Permission.LEADS_VIEW)
def save_segment(request: ApiRequest, payload: schemas.SegmentIn) -> Any:
    """Save filters under a name; one's own segment of that name is replaced."""
    filters = LeadFilters.of(dict(parse_qsl(payload.query)), request.access)
    made = segments.save(
        name=payload.name, filters=filters, is_shared=payload.is_shared, access=request.access
    )
    return Status(201, made)


@router.delete("/lead-segments/{segment_id}", response={204: None}, tags=TAGS)
@api_rule(Permission.LEADS_VIEW)
def delete_segment(request: ApiRequest, segment_id: UUID) -> Any:
    """Remove a segment of one's own; its leads stay."""
    found = get_or_404(LeadSegment.objects.filter(owner=request.access.user), segment_id)
    segments.remove(segment_id=found.id, actor=request.access.user)
    return Status(204, None)


@router.get("/lead-columns", response=schemas.ColumnsOut, tags=TAGS)
@api_rule(Permission.LEADS_VIEW)
def get_columns(request: ApiRequest) -> Any:
    """The columns that the caller sees in the table of leads, and all that there are."""
    chosen = selectors_leads.columns_of(request.access)
    return {"columns": chosen, "available": _available(request, chosen)}


@router.put("/lead-columns", response=schemas.ColumnsOut, tags=TAGS)
@api_rule(Permission.LEADS_VIEW)
def put_columns(request: ApiRequest, payload: schemas.ColumnsIn) -> Any:
    """Choose the columns of the table of leads, for oneself."""
    chosen = segments.choose_columns(columns=payload.columns, actor=request.access.user)
    return {"columns": chosen, "available": _available(request, chosen)}


def _available(request: ApiRequest, chosen: list[str]) -> dict[str, str]:
    return {key: heading(key) for key in selectors_leads.offered_columns(request.access, chosen)}
