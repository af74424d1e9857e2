"""Operations: who must not be contacted."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import StreamingHttpResponse
from ninja import File, Form, Query, Status
from ninja.files import UploadedFile

from campaigns import suppression_exports
from campaigns.api import lead_schemas as schemas
from campaigns.api import rows
from campaigns.api.routing import router
from campaigns.services import suppression as service
from campaigns.services import suppression_files
from project.core.api_pages import PageOut, page_of
from project.tenancy.access import Permission, get_or_404
from project.tenancy.api_auth import ApiRequest, api_rule

TAGS = ["Suppressions"]


@router.get("/suppressions", response=PageOut[schemas.SuppressionOut], tags=TAGS)
@api_rule(Permission.LEADS_VIEW)
def list_suppressions(request: ApiRequest, page: Query[schemas.SuppressionsIn]) -> Any:
    """Addresses and domains that must not be contacted."""
    wanted = rows.narrowed(rows.suppressions(request.access), request.access, page.client)
    if page.channel:
        wanted = wanted.filter(channel=page.channel)
    if page.q:
        wanted = wanted.filter(value__icontains=page.q)
    return page_of(wanted, page, order=page.by("created_at", "id"))


@router.post("/suppressions", response={201: schemas.SuppressionOut}, tags=TAGS)
@api_rule(Permission.LEADS_EDIT)
def add_suppression(request: ApiRequest, payload: schemas.SuppressionIn) -> Any:
    """Put somebody on the list; what is queued for them is not sent. The same again renews reason and end."""
    access = request.access
    if payload.client_id is None:
        access.require_whole_organization()
    else:
        get_or_404(access.clients(), payload.client_id)
    return Status(201, service.add(**payload.dict(), actor=access.user))


@router.get(
    "/suppressions-export",
    response={200: Any},
    tags=TAGS,
    openapi_extra={"responses": {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}}},
)
@api_rule(Permission.LEADS_VIEW)
def export_suppressions(request: ApiRequest) -> Any:
    """The list as CSV, streamed; newest first."""
    suppression_files.note_export(access=request.access)
    return StreamingHttpResponse(
        suppression_exports.lines(request.access), content_type="text/csv; charset=utf-8"
    )


@router.post("/suppressions-import", response=schemas.SuppressionFileOut, tags=TAGS)
@api_rule(Permission.LEADS_EDIT)
def import_suppressions(
    request: ApiRequest, file: File[UploadedFile], client_id: Form[UUID | None] = None
) -> Any:
    """Put the rows of a CSV file (at most 1,000, 512 KB) on a list; tells what was left out.

    Columns: `value` (else the first), `channel`, `reason`, `until`; an exported list can be taken in again.
    """
    access = request.access
    if client_id is None:
        access.require_whole_organization()
    else:
        get_or_404(access.clients(), client_id)
    return suppression_files.take(client_id=client_id, file=file, actor=access.user)


@router.delete("/suppressions/{suppression_id}", response={204: None}, tags=TAGS)
@api_rule(Permission.LEADS_EDIT)
def remove_suppression(request: ApiRequest, suppression_id: UUID) -> Any:
    """Take an entry off the list."""
    found = get_or_404(rows.suppressions(request.access), suppression_id)
    service.remove(suppression=found, actor=request.access.user)
    return Status(204, None)
