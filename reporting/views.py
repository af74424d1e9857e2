"""Reports: the overview over clients, a client's and a campaign's report, and comparisons."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET

from campaigns.models import Campaign
from project.core.htmx import is_partial
from project.tenancy.access import OrganizationRequest, Permission, get_or_404, organization_view
from project.tenancy.models import Client
from reporting import (
    exports,
    presenters,
    selectors,
    selectors_choices,
    selectors_cohorts,
    selectors_inbox,
    selectors_live,
    selectors_portal,
    selectors_sending,
    streams,
)
from reporting.filters import PERIODS, Filters
from reporting.selectors_facts import TooManyFacts
from reporting.selectors_rollups import Grain, freshness
from reporting.services import exporting


@require_GET
@organization_view(Permission.REPORTS_VIEW)
def index(request: OrganizationRequest) -> HttpResponse:
    """Clients within reach; with only one, its report."""
    rows = selectors.client_overview(request.access)
    if len(rows) == 1:
        return redirect(
            "reporting:client", organization_slug=request.organization.slug, client_id=rows[0]["client"].id
        )
    can_see_inbox = request.access.can(Permission.INBOX_VIEW)
    rows_url = f"{rows_base(request)}?days=28"
    can_see_senders = request.access.can(Permission.SENDERS_VIEW)
    context = {
        "rows": rows,
        "can_see_inbox": can_see_inbox,
        "can_see_senders": can_see_senders,
        "rows_url": rows_url,
        **freshness(),
        **selectors_portal.frame(request.access, None),
    }
    return render(request, "reporting/index.html", context)


def few_enough(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Have a view say so where more would have to be counted than it does while somebody waits."""

    @functools.wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except TooManyFacts as error:
            access = getattr(request, "access", None)
            frame = selectors_portal.frame(access, None) if access else {"base": "portal.html"}
            context = {**frame, "problem": error.message}
            return render(request, "reporting/too_many.html", context, status=error.status)

    return answer


def _client(request: OrganizationRequest, client_id: UUID | str) -> Client:
    found: Client = get_or_404(request.access.clients(), client_id)
    return found


def _campaign(request: OrganizationRequest, campaign_id: UUID) -> Campaign:
    rows = Campaign.objects.filter(request.access.client_filter()).select_related("client", "current_version")
    found: Campaign = get_or_404(rows, campaign_id)
    return found


def rows_base(request: OrganizationRequest) -> str:
    """Where the rows behind numbers are."""
    return reverse("reporting:rows", kwargs={"organization_slug": request.organization.slug})


def _shown(request: OrganizationRequest, report: dict[str, Any], source: str) -> dict[str, Any]:
    """The context of a report page in this organization."""
    filters: Filters = report["filters"]
    client = report["client"]
    if "campaigns" in report:
        presenters.with_urls(
            report["campaigns"]["rows"],
            "reporting:campaign",
            request.organization.slug,
            "campaign_id",
            filters.query,
        )
    return {
        **presenters.report_context(report, rows_base=rows_base(request)),
        "periods": PERIODS.items(),
        "narrowed_to": selectors_choices.names(client, filters),
        "stream": streams.report(client.id),
        "source": source,
        "show_links": request.access.can(Permission.INBOX_VIEW),
        "can_see_senders": request.access.can(Permission.SENDERS_VIEW),
        "can_judge": request.access.can(Permission.REPORTS_JUDGE),
        "can_share": request.access.can(Permission.CAMPAIGNS_EDIT),
        **selectors_portal.frame(request.access, client),
    }


@require_GET
@organization_view(Permission.REPORTS_VIEW)
@few_enough
def client_report(request: OrganizationRequest, client_id: UUID) -> HttpResponse:
    """One client's report; live."""
    client = _client(request, client_id)
    filters = Filters.of(request.GET, ZoneInfo(client.time_zone))
    context = _shown(request, selectors.client_report(client, filters, request.access), request.path)
    if is_partial(request):
        return render(request, "reporting/_report.html", context)
    choices = selectors_choices.report_forms(request.access, client, filters)
    return render(request, "reporting/client.html", {**context, "choices": choices})


@require_GET
@organization_view(Permission.REPORTS_VIEW)
@few_enough
def campaign_report(request: OrganizationRequest, campaign_id: UUID) -> HttpResponse:
    """One campaign's report; live."""
    campaign = _campaign(request, campaign_id)
    filters = Filters.of(request.GET, ZoneInfo(campaign.client.time_zone))
    context = _shown(request, selectors.campaign_report(campaign, filters), request.path)
    if is_partial(request):
        return render(request, "reporting/_report.html", context)
    choices = selectors_choices.report_forms(request.access, campaign.client, filters, campaign)
    return render(request, "reporting/client.html", {**context, "choices": choices})


@require_GET
@organization_view(Permission.REPORTS_VIEW)
def cohorts(request: OrganizationRequest, campaign_id: UUID) -> HttpResponse:
    """People of a campaign by the week in which they were first written to, and what became of them since."""
    campaign = _campaign(request, campaign_id)
    rows_url = f"{rows_base(request)}?campaign={campaign.id}"
    context = {"cohorts": selectors_cohorts.weekly(campaign), "campaign": campaign, "rows_url": rows_url}
    return render(request, "reporting/parts/_cohorts.html", context)


@require_GET
@organization_view(Permission.REPORTS_VIEW)
@few_enough
def export_client(request: OrganizationRequest, client_id: UUID, form: str) -> HttpResponseBase:
    """The tables of a client's report."""
    client = _client(request, client_id)
    filters = Filters.of(request.GET, ZoneInfo(client.time_zone))
    return _file(request, selectors.client_report(client, filters, request.access), client.slug, form)


@require_GET
@organization_view(Permission.REPORTS_VIEW)
@few_enough
def export_campaign(request: OrganizationRequest, campaign_id: UUID, form: str) -> HttpResponseBase:
    """The tables of a campaign's report."""
    campaign = _campaign(request, campaign_id)
    filters = Filters.of(request.GET, ZoneInfo(campaign.client.time_zone))
    return _file(request, selectors.campaign_report(campaign, filters), "campaign", form)


def _file(request: OrganizationRequest, report: dict[str, Any], name: str, form: str) -> HttpResponseBase:
    period = report["period"]
    exporting.note_export(
        access=request.access,
        what=f"report.{form}",
        query=request.GET.urlencode(),
        client_id=report["client"].id,
    )
    found = exports.tables(report)
    lines: Any = exports.workbook(found) if form == "xlsx" else exports.table_lines(found)
    response = StreamingHttpResponse(
        lines, content_type=exports.XLSX if form == "xlsx" else "text/csv; charset=utf-8"
    )
    response["Content-Disposition"] = f'attachment; filename="{name}-{period.first}-{period.last}.{form}"'
    return response


@require_GET
@organization_view(Permission.REPORTS_VIEW)
def compare(request: OrganizationRequest) -> HttpResponse:
    """Clients of the organization side by side, and the same days before."""
    zone = ZoneInfo(request.organization.time_zone)
    filters = Filters.of(request.GET, zone)
    clients = list(request.access.clients().filter(is_archived=False))
    current = selectors.comparison(Grain.CLIENT, clients, filters.period)
    earlier = selectors.comparison(Grain.CLIENT, clients, filters.period.before)
    before = {row["key"]: row for row in earlier["rows"]}
    for row in current["rows"]:
        row["before"] = before.get(row["key"])
    presenters.with_urls(
        current["rows"], "reporting:client", request.organization.slug, "client_id", filters.query
    )
    context = {
        "compared": current, "earlier": earlier["all"], "filters": filters, "period": filters.period,
        "before": filters.period.before, "periods": PERIODS.items(),
        "rows_url": f"{rows_base(request)}?{urlencode(filters.days)}", **freshness(),
        **selectors_portal.frame(request.access, None),
    }  # fmt: skip
    return render(request, "reporting/compare.html", context)


@require_GET
@organization_view(Permission.REPORTS_VIEW)
def live(request: OrganizationRequest) -> HttpResponse:
    """Today's pace and what happened last; live."""
    names = dict(request.access.clients().values_list("id", "name"))
    found = selectors_live.today(request.access)
    for row in found["activity"]:
        row["client"] = names.get(row["client_id"], "")
    for row in found["pace"]:
        given = {"kind": row["kind"], "each": 1, "from": found["day"], "to": found["day"]}
        row["url"] = f"{rows_base(request)}?{urlencode(given)}"
    context = {
        **found,
        "streams": ",".join(streams.report(client_id) for client_id in list(names)[:100]),
        "show_links": request.access.can(Permission.LEADS_VIEW),
        **selectors_portal.frame(request.access, None),
    }
    template = "reporting/_live.html" if is_partial(request) else "reporting/live.html"
    return render(request, template, context)


@require_GET
@organization_view(Permission.SENDERS_VIEW)
def sending(request: OrganizationRequest) -> HttpResponse:
    """What accounts used of their limits by day, and how reliable sending is; of all or of one client."""
    days = request.GET.get("days", "7")
    if days not in selectors_sending.SPANS:
        days = "7"
    client = _client(request, request.GET["client"]) if request.GET.get("client") else None
    context = {
        **selectors_sending.sending(request.access, days=int(days), client=client),
        "client": client,
        "days": days,
        "spans": selectors_sending.SPANS.items(),
        "can_see_errors": request.access.can(Permission.OPS_VIEW),
    }
    return render(request, "reporting/sending.html", context)


@require_GET
@organization_view(Permission.INBOX_VIEW)
def inbox(request: OrganizationRequest) -> HttpResponse:
    """How the team answers: by person and by client, of all or of one client."""
    days = request.GET.get("days", "7")
    if days not in selectors_inbox.PERIODS:
        days = "7"
    client = None
    if request.GET.get("client"):
        client = get_or_404(request.access.clients(), request.GET["client"])
    report = selectors_inbox.inbox_report(request.access, int(days), client)
    period = report["period"]
    query = {"from": period.first, "to": period.last, **({"client": client.id} if client else {})}
    context = {
        **report,
        "rows_url": f"{rows_base(request)}?{urlencode(query)}"
        if request.access.can(Permission.REPORTS_VIEW)
        else "",
        "days": days,
        "periods": selectors_inbox.PERIODS.items(),
    }
    return render(request, "reporting/inbox.html", context)
