"""Diagnostics of conversations in the JSON API."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import Http404
from ninja import Router

from inbox import selectors
from inbox.selectors_diagnostics import conversation_diagnosis
from integrations.api_webhook_schemas import DiagnosisOut
from project.tenancy.access import Permission
from project.tenancy.api_auth import ApiRequest, api_rule

router = Router()


@router.get("/conversations/{conversation_id}/diagnostics", response=DiagnosisOut, tags=["Inbox"])
@api_rule(Permission.OPS_VIEW)
def diagnose_conversation(request: ApiRequest, conversation_id: UUID) -> Any:
    """What the providers told about a thread in the last 30 days, and why each of it matched or did not."""
    conversation = selectors.visible_conversation(request.access, conversation_id)
    if conversation is None:
        raise Http404("There is nothing here, or it is not yours to see.")
    return conversation_diagnosis(request.access, conversation).as_json()
