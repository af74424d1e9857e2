"""Operations of the JSON API: saved reports, and notes of what happened on a day."""

from __future__ import annotations

from datetime import date
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

from ninja import Router, Schema, Status
from pydantic import Field

from campaigns.models import Campaign
from project.tenancy.access import Permission, get_or_404
from project.tenancy.api_auth import ApiRequest, api_rule
from reporting.models import ReportNote
from reporting.services import saved

router = Router()
TAGS = ["Analytics"]


class SavedReportIn(Schema):
    """A report's filters under a name. ``query`` is that of the report's address, e.g. `days=28&channel=email`."""

    name: str = Field(max_length=60)
    campaign_id: UUID | None = None
    query: str = Field("", max_length=300)
    is_shared: bool = False


class SavedReportOut(SavedReportIn):
    """A saved report, one's own or shared by somebody."""

    id: UUID
    client_id: UUID
    owner_id: UUID


class ReportNoteIn(Schema):
    """What happened on a day of the client's time zone."""

    day: date
    text: str = Field(max_length=200)
    campaign_id: UUID | None = None


class ReportNoteOut(ReportNoteIn):
    """A note; the client's own people read it, too."""

    id: UUID
    author_id: UUID | None


def _campaign(client: Any, campaign_id: UUID | None) -> Campaign | None:
    return get_or_404(Campaign.objects.filter(client=client), campaign_id) if campaign_id else None


@router.get("/clients/{client_id}/saved-reports", response=list[SavedReportOut], tags=TAGS)
@api_rule(Permission.REPORTS_VIEW)
def list_saved_reports(request: ApiRequest, client_id: UUID) -> Any:
    """One's own saved reports of a client, and those that others have shared."""
    client = get_or_404(request.access.clients(), client_id)
    return list(saved.saved_reports(request.access).filter(client=client)[:200])


@router.post("/clients/{client_id}/saved-reports", response={201: SavedReportOut}, tags=TAGS)
@api_rule(Permission.REPORTS_VIEW)
def save_report(request: ApiRequest, client_id: UUID, payload: SavedReportIn) -> Any:
    """Save a report's filters; one's own of that name is replaced."""
    client = get_or_404(request.access.clients(), client_id)
    return Status(
        201,
        saved.save(
            access=request.access, client=client, campaign=_campaign(client, payload.campaign_id),
            name=payload.name, query=dict(parse_qsl(payload.query)), is_shared=payload.is_shared,
        ),
    )  # fmt: skip


@router.delete("/saved-reports/{saved_id}", response={204: None}, tags=TAGS)
@api_rule(Permission.REPORTS_VIEW)
def remove_saved_report(request: ApiRequest, saved_id: UUID) -> Any:
    """Remove a saved report of one's own."""
    saved.remove(access=request.access, saved=get_or_404(saved.own_reports(request.access), saved_id))
    return Status(204, None)


@router.get("/clients/{client_id}/report-notes", response=list[ReportNoteOut], tags=TAGS)
@api_rule(Permission.REPORTS_VIEW)
def list_report_notes(request: ApiRequest, client_id: UUID) -> Any:
    """What happened on which day, newest first."""
    client = get_or_404(request.access.clients(), client_id)
    return list(ReportNote.objects.filter(client=client).order_by("-day", "-id")[: saved.MOST_NOTES])


@router.post("/clients/{client_id}/report-notes", response={201: ReportNoteOut}, tags=TAGS)
@api_rule(Permission.CAMPAIGNS_EDIT)
def add_report_note(request: ApiRequest, client_id: UUID, payload: ReportNoteIn) -> Any:
    """Note what happened on a day."""
    client = get_or_404(request.access.clients(), client_id)
    return Status(
        201,
        saved.add_note(
            access=request.access, client=client, campaign=_campaign(client, payload.campaign_id),
            day=payload.day, text=payload.text,
        ),
    )  # fmt: skip


@router.delete("/report-notes/{report_note_id}", response={204: None}, tags=TAGS)
@api_rule(Permission.CAMPAIGNS_EDIT)
def remove_report_note(request: ApiRequest, report_note_id: UUID) -> Any:
    """Remove a note."""
    rows = ReportNote.objects.filter(request.access.client_filter())
    saved.remove_note(access=request.access, note=get_or_404(rows, report_note_id))
    return Status(204, None)
