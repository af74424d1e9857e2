"""The weekly report by mail: its plan, its recipients, what waits for approval, and leaving."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from project.core.htmx import redirect_to
from project.core.refusals import Refused
from project.tenancy.access import OrganizationRequest, Permission, get_or_404, organization_view, public_view
from project.tenancy.models import Client
from reporting import selectors_mails
from reporting.charts import WEEKDAYS
from reporting.models import ReportMail, ReportRecipient
from reporting.services import report_mails

_FRAME: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; sandbox",
    "X-Content-Type-Options": "nosniff",
}


def _page(request: OrganizationRequest, client: Client, **more: Any) -> HttpResponse:
    context = {
        "client": client,
        "plan": report_mails.plan_of(client),
        "recipients": ReportRecipient.objects.filter(client=client).exclude(left_because="removed")[:100],
        "mails": selectors_mails.told(
            list(ReportMail.objects.filter(client=client).select_related("decided_by").order_by("-week")[:12])
        ),
        "weekdays": list(enumerate(WEEKDAYS)),
        "hours": range(24),
        **more,
    }
    return render(request, "reporting/mails.html", context, status=422 if more.get("problem") else 200)


def _back(request: OrganizationRequest, client_id: UUID) -> HttpResponse:
    return redirect_to(f"/o/{request.organization.slug}/reports/clients/{client_id}/mail/", request)


@require_GET
@organization_view(Permission.CAMPAIGNS_EDIT)
def mails(request: OrganizationRequest, client_id: UUID) -> HttpResponse:
    """When a client's report leaves, to whom, and what was sent."""
    return _page(request, get_or_404(request.access.clients(), client_id))


@require_POST
@organization_view(Permission.CAMPAIGNS_EDIT)
def set_plan(request: OrganizationRequest, client_id: UUID) -> HttpResponse:
    """Say when it leaves."""
    client = get_or_404(request.access.clients(), client_id)
    try:
        report_mails.set_plan(
            access=request.access,
            client=client,
            is_on=request.POST.get("is_on") == "1",
            weekday=_number(request.POST.get("weekday", "")),
            hour=_number(request.POST.get("hour", "")),
            needs_approval=request.POST.get("needs_approval") == "1",
            reply_to=request.POST.get("reply_to", ""),
        )
    except Refused as error:
        return _page(request, client, problem=error.message)
    return _back(request, client.id)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 4 else -1


@require_POST
@organization_view(Permission.CAMPAIGNS_EDIT)
def add_recipient(request: OrganizationRequest, client_id: UUID) -> HttpResponse:
    """Send it to somebody from now on."""
    client = get_or_404(request.access.clients(), client_id)
    try:
        report_mails.add_recipient(
            access=request.access, client=client, address=request.POST.get("address", "")
        )
    except Refused as error:
        return _page(request, client, problem=error.message)
    return _back(request, client.id)


@require_POST
@organization_view(Permission.CAMPAIGNS_EDIT)
def remove_recipient(request: OrganizationRequest, recipient_id: UUID) -> HttpResponse:
    """Send it to somebody no more."""
    rows = ReportRecipient.objects.filter(request.access.client_filter())
    recipient: ReportRecipient = get_or_404(rows, recipient_id)
    report_mails.remove_recipient(access=request.access, recipient=recipient)
    return _back(request, recipient.client_id)


@require_GET
@xframe_options_sameorigin
@organization_view(Permission.CAMPAIGNS_EDIT)
def preview(request: OrganizationRequest, mail_id: UUID) -> HttpResponse:
    """A made report as it leaves, text below the HTML."""
    mail = _mail(request, mail_id)
    return _preview(request, mail.client, {"subject": mail.subject, "text": mail.text, "html": mail.html})


@require_GET
@xframe_options_sameorigin
@organization_view(Permission.CAMPAIGNS_EDIT)
def preview_next(request: OrganizationRequest, client_id: UUID) -> HttpResponse:
    """Last week's report as it would leave now."""
    client = get_or_404(request.access.clients(), client_id)
    return _preview(request, client, report_mails.preview(client))


def _preview(request: OrganizationRequest, client: Client, mail: dict[str, str]) -> HttpResponse:
    """The page, or with ``part=html`` what its frame shows: styled as in a mail program; nothing loads or runs."""
    if request.GET.get("part") == "html":
        return HttpResponse(mail["html"].replace(report_mails.LEAVE, "#"), headers=_FRAME)
    text = mail["text"].replace(report_mails.LEAVE, "(each recipient's own link)")
    return render(request, "reporting/mail_preview.html", {"mail": {**mail, "text": text}, "client": client})


@require_POST
@organization_view(Permission.CAMPAIGNS_EDIT)
def decide(request: OrganizationRequest, mail_id: UUID) -> HttpResponse:
    """Let it leave, or not."""
    mail = _mail(request, mail_id)
    act = report_mails.approve if request.POST.get("act") == "approve" else report_mails.drop
    act(access=request.access, mail=mail)
    return _back(request, mail.client_id)


def _mail(request: OrganizationRequest, mail_id: UUID) -> ReportMail:
    rows = ReportMail.objects.filter(request.access.client_filter()).select_related("client")
    found: ReportMail = get_or_404(rows, mail_id)
    return found


@csrf_exempt  # mail providers post without a cookie; the token is the right to do it
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@public_view("whoever holds the link of a weekly report may leave it, without signing in")
def leave(request: HttpRequest, token: str) -> HttpResponse:
    """Ask (GET changes nothing: scanners follow links), or leave (POST, RFC 8058)."""
    is_known = (report_mails.leave if request.method == "POST" else report_mails.is_recipient)(token)
    context = {"is_known": is_known, "is_out": request.method == "POST" and is_known}
    return render(request, "reporting/leave.html", context, status=200 if is_known else 404)
