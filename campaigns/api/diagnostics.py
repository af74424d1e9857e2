"""Diagnostics of leads in the JSON API."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from campaigns.api import rows
from campaigns.api.routing import router
from campaigns.selectors_diagnostics import lead_diagnosis
from integrations.api_webhook_schemas import DiagnosisOut
from project.tenancy.access import Permission, get_or_404
from project.tenancy.api_auth import ApiRequest, api_rule


@router.get("/leads/{lead_id}/diagnostics", response=DiagnosisOut, tags=["Leads"])
@api_rule(Permission.OPS_VIEW)
def diagnose_lead(request: ApiRequest, lead_id: UUID) -> Any:
    """What the providers told about a lead in the last 30 days, and why each of it matched or did not."""
    return lead_diagnosis(request.access, get_or_404(rows.leads(request.access), lead_id)).as_json()
