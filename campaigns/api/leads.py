"""Operations: leads."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from ninja import Query

from campaigns import selectors
from campaigns.api import lead_schemas as schemas
from campaigns.api import rows
from campaigns.api.routing import router
from project.core.api_pages import PageOut, page_of
from project.tenancy.access import Permission, get_or_404
from project.tenancy.api_auth import ApiRequest, api_rule

TAGS = ["Leads"]


@router.get("/leads", response=PageOut[schemas.LeadOut], tags=TAGS)
@api_rule(Permission.LEADS_VIEW)
def list_leads(request: ApiRequest, page: Query[schemas.LeadsIn]) -> Any:
    """Leads of all clients within reach, or of one."""
    wanted = selectors.found_leads(request.access, client_id=page.client, search=page.q)
    found = page_of(wanted, page, order=page.by("created_at", "id"))
    return {**found, "items": [rows.lead_shown(lead) for lead in found["items"]]}


@router.get("/leads/{lead_id}", response=schemas.LeadDetailOut, tags=TAGS)
@api_rule(Permission.LEADS_VIEW)
def get_lead(request: ApiRequest, lead_id: UUID) -> Any:
    """One lead: its campaigns, what goes out next and why, and what happened so far."""
    return rows.lead_detail(get_or_404(rows.leads(request.access), lead_id))
