"""Operations of the JSON API: the weekly report by mail."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from ninja import Router, Schema, Status
from pydantic import Field

from project.tenancy.access import Permission, get_or_404
from project.tenancy.api_auth import ApiRequest, api_rule
from reporting import selectors_mails
from reporting.models import ReportMail, ReportRecipient
from reporting.services import report_mails

router = Router()
TAGS = ["Analytics"]


class ReportMailPlanBody(Schema):
    """When the report of the week before leaves, in the client's time zone; 0 is Monday."""

    is_on: bool
    weekday: int = Field(ge=0, le=6)
    hour: int = Field(ge=0, le=23)
    needs_approval: bool
    reply_to: str = Field("", max_length=254, description="Whom answers go to; empty: nobody reads them.")


class ReportRecipientIn(Schema):
    """Who gets it."""

    address: str = Field(max_length=254)


class ReportRecipientOut(ReportRecipientIn):
    """Who gets it, or since when no more, and why: choice, complained, bounced or removed."""

    id: UUID
    left_at: datetime | None
    left_because: str


class ReportDeliveryOut(Schema):
    """What became of one recipient's mail, as the provider told."""

    address: str
    state: str
    error: str


class ReportMailOut(Schema):
    """One week's report."""

    id: UUID
    week: date
    subject: str
    text: str
    state: str
    sent_at: datetime | None
    sent_to: int
    deliveries: list[ReportDeliveryOut] = []


class ReportPreviewOut(Schema):
    """A report that was not made yet."""

    subject: str
    text: str
    html: str


class ReportDecisionIn(Schema):
    """Whether a report that waits leaves."""

    act: Literal["approve", "drop"]


@router.get("/clients/{client_id}/report-mail", response=ReportMailPlanBody, tags=TAGS)
@api_rule(Permission.CAMPAIGNS_EDIT)
def get_report_mail_plan(request: ApiRequest, client_id: UUID) -> Any:
    """When a client's weekly report leaves."""
    return report_mails.plan_of(get_or_404(request.access.clients(), client_id))


@router.put("/clients/{client_id}/report-mail", response=ReportMailPlanBody, tags=TAGS)
@api_rule(Permission.CAMPAIGNS_EDIT)
def set_report_mail_plan(request: ApiRequest, client_id: UUID, payload: ReportMailPlanBody) -> Any:
    """Say when a client's weekly report leaves."""
    client = get_or_404(request.access.clients(), client_id)
    return report_mails.set_plan(access=request.access, client=client, **payload.dict())


@router.get("/clients/{client_id}/report-mail/preview", response=ReportPreviewOut, tags=TAGS)
@api_rule(Permission.CAMPAIGNS_EDIT)
def preview_report_mail(request: ApiRequest, client_id: UUID) -> Any:
    """Last week's report as it would leave now; `%LEAVE%` stands for each recipient's own link."""
    return report_mails.preview(get_or_404(request.access.clients(), client_id))


@router.get("/clients/{client_id}/report-recipients", response=list[ReportRecipientOut], tags=TAGS)
@api_rule(Permission.CAMPAIGNS_EDIT)
def list_report_recipients(request: ApiRequest, client_id: UUID) -> Any:
    """Who gets the weekly report, and who has left."""
    client = get_or_404(request.access.clients(), client_id)
    return list(ReportRecipient.objects.filter(client=client)[:100])


@router.post("/clients/{client_id}/report-recipients", response={201: ReportRecipientOut}, tags=TAGS)
@api_rule(Permission.CAMPAIGNS_EDIT)
def add_report_recipient(request: ApiRequest, client_id: UUID, payload: ReportRecipientIn) -> Any:
    """Send the weekly report to somebody from now on."""
    client = get_or_404(request.access.clients(), client_id)
    return Status(
        201, report_mails.add_recipient(access=request.access, client=client, address=payload.address)
    )


@router.delete("/report-recipients/{recipient_id}", response={204: None}, tags=TAGS)
@api_rule(Permission.CAMPAIGNS_EDIT)
def remove_report_recipient(request: ApiRequest, recipient_id: UUID) -> Any:
    """Send the weekly report to somebody no more."""
    rows = ReportRecipient.objects.filter(request.access.client_filter())
    report_mails.remove_recipient(access=request.access, recipient=get_or_404(rows, recipient_id))
    return Status(204, None)


@router.get("/clients/{client_id}/report-mails", response=list[ReportMailOut], tags=TAGS)
@api_rule(Permission.CAMPAIGNS_EDIT)
def list_report_mails(request: ApiRequest, client_id: UUID) -> Any:
    """The last twelve weekly reports of a client, with what became of each mail."""
    client = get_or_404(request.access.clients(), client_id)
    mails = list(ReportMail.objects.filter(client=client).order_by("-week")[:12])
    found = selectors_mails.deliveries(mails)
    names = [name for name in ReportMailOut.model_fields if name != "deliveries"]
    return [{**{name: getattr(mail, name) for name in names}, "deliveries": found[mail.id]} for mail in mails]


@router.post("/report-mails/{mail_id}/decision", response=ReportMailOut, tags=TAGS)
@api_rule(Permission.CAMPAIGNS_EDIT)
def decide_report_mail(request: ApiRequest, mail_id: UUID, payload: ReportDecisionIn) -> Any:
    """Let a report that waits leave, or not. Harmless twice."""
    mail = get_or_404(ReportMail.objects.filter(request.access.client_filter()), mail_id)
    act = report_mails.approve if payload.act == "approve" else report_mails.drop
    return act(access=request.access, mail=mail)
