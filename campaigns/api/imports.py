"""Operations: importing leads from a file, in the steps of the page: upload, mapping, preview, confirm."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from ninja import File, Form, Query, Status
from ninja.files import UploadedFile

from campaigns.api import lead_schemas as schemas
from campaigns.api import rows
from campaigns.api.lead_act_schemas import LeadActOut
from campaigns.api.routing import router
from campaigns.imports.mapping import FIELDS
from campaigns.models import LeadImport, LeadImportError
from campaigns.services import imports as service
from campaigns.services import lead_acts
from project.core.api_pages import PageIn, PageOut, page_of
from project.tenancy.access import Permission, get_or_404
from project.tenancy.api_auth import ApiRequest, api_rule

TAGS = ["Imports"]


def _import(request: ApiRequest, import_id: UUID) -> LeadImport:
    found: LeadImport = get_or_404(rows.imports(request.access), import_id)
    return found


def _detail(found: LeadImport) -> dict[str, Any]:
    shown = schemas.ImportOut.from_orm(found).model_dump()
    return {
        **shown,
        "encoding": found.encoding,
        "delimiter": found.delimiter,
        "sample": found.sample,
        "available_fields": FIELDS,
    }


@router.get("/imports", response=PageOut[schemas.ImportOut], tags=TAGS)
@api_rule(Permission.LEADS_EDIT)
def list_imports(request: ApiRequest, page: Query[schemas.ImportsIn]) -> Any:
    """Imports of all clients within reach, or of one."""
    wanted = rows.narrowed(LeadImport.objects.all(), request.access, page.client)
    if page.state:
        wanted = wanted.filter(state=page.state)
    return page_of(wanted, page, order=page.by("created_at", "id"))


@router.post("/imports", response={201: schemas.ImportDetailOut}, tags=TAGS)
@api_rule(Permission.LEADS_EDIT)
def upload_import(request: ApiRequest, client_id: Form[UUID], file: File[UploadedFile]) -> Any:
    """Upload a CSV or XLSX file of leads for a client; answers its columns and a suggested mapping.

    Columns that somebody mapped before, in a file of the client with the same ones, are suggested as they were chosen.
    """
    client = get_or_404(request.access.clients().filter(is_archived=False), client_id)
    made = service.upload(client=client, actor=request.access.user, upload=file)
    return Status(201, _detail(made))


@router.get("/imports/{import_id}", response=schemas.ImportDetailOut, tags=TAGS)
@api_rule(Permission.LEADS_EDIT)
def get_import(request: ApiRequest, import_id: UUID) -> Any:
    """One import, at whatever step it is, with its counts and first rows."""
    return _detail(_import(request, import_id))


@router.put("/imports/{import_id}/mapping", response={202: schemas.ImportDetailOut}, tags=TAGS)
@api_rule(Permission.LEADS_EDIT)
def put_mapping(request: ApiRequest, import_id: UUID, payload: schemas.MappingIn) -> Any:
    """Choose what each column means and check all rows in the background; then look at the counts and confirm."""
    found = _import(request, import_id)
    service.set_mapping(
        lead_import=found,
        mapping=payload.mapping,
        actor=request.access.user,
        paid_checks=payload.paid_checks,
        overwrites=payload.overwrites,
    )
    return Status(202, _detail(_import(request, import_id)))


@router.post("/imports/{import_id}/confirm", response={202: schemas.ImportDetailOut}, tags=TAGS)
@api_rule(Permission.LEADS_EDIT)
def confirm_import(request: ApiRequest, import_id: UUID) -> Any:
    """Import the good rows of a previewed file in the background."""
    service.confirm(lead_import=_import(request, import_id), actor=request.access.user)
    return Status(202, _detail(_import(request, import_id)))


@router.post("/imports/{import_id}/cancel", response={202: schemas.ImportDetailOut}, tags=TAGS)
@api_rule(Permission.LEADS_EDIT)
def cancel_import(request: ApiRequest, import_id: UUID) -> Any:
    """Stop after the rows that are being worked on; what was imported stays."""
    service.cancel(lead_import=_import(request, import_id), actor=request.access.user)
    return Status(202, _detail(_import(request, import_id)))


@router.post("/imports/{import_id}/undo", response={202: LeadActOut}, tags=TAGS)
@api_rule(Permission.LEADS_EDIT)
def undo_import(request: ApiRequest, import_id: UUID) -> Any:
    """Take an import back: whoever it made is removed, except those who have replied (`failed` of the act), and so
    is whoever stayed for it alone when the import that made them was taken back; what it filled in for others is
    emptied again. Undo the act to have the import back.
    """
    found = _import(request, import_id)
    return Status(202, lead_acts.undo_import(lead_import=found, actor=request.access.user))


@router.get("/imports/{import_id}/errors", response=PageOut[schemas.RowErrorOut], tags=TAGS)
@api_rule(Permission.LEADS_EDIT)
def list_import_errors(request: ApiRequest, import_id: UUID, page: Query[PageIn]) -> Any:
    """The rows that are not imported, with the reasons, in the order of the file."""
    wanted = LeadImportError.objects.filter(lead_import=_import(request, import_id))
    return page_of(wanted, page, order=("row_number", "id"))
