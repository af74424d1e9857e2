"""Operations of the JSON API of this room: figures of clients, campaigns and accounts."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from ninja import Query, Router

from campaigns.models import Campaign
from project.core.api_pages import PageOut, page_of
from project.core.refusals import NotFound
from project.tenancy.access import Permission, get_or_404
from project.tenancy.api_auth import ApiRequest, api_rule
from project.tenancy.models import Client
from reporting import api_schemas as schemas
from reporting import selectors, selectors_cohorts, selectors_inbox, selectors_live, selectors_rows
from reporting.api_alerts import router as alerts_router
from reporting.api_cache import router as cache_router
from reporting.api_deals import router as deals_router
from reporting.api_exports import router as exports_router
from reporting.api_mails import router as mails_router
from reporting.api_portal import router as portal_router
from reporting.api_saved import router as saved_router
from reporting.api_sending import DaysIn
from reporting.api_sending import router as sending_router
from reporting.api_sharing import router as sharing_router
from reporting.api_snapshots import router as snapshots_router
from reporting.filters import Filters
from reporting.selectors_rollups import Grain
from reporting.selectors_rows import RowFilters
from reporting.services import response_cache

router = Router()
router.add_router("", alerts_router)
router.add_router("", snapshots_router)
router.add_router("", sharing_router)
router.add_router("", portal_router)
router.add_router("", mails_router)
router.add_router("", cache_router)
router.add_router("", saved_router)
router.add_router("", sending_router)
router.add_router("", exports_router)
router.add_router("", deals_router)

TAGS = ["Analytics"]


@router.get("/analytics/clients", response=list[schemas.ClientFiguresOut], tags=TAGS)
@api_rule(Permission.REPORTS_VIEW)
def list_client_figures(request: ApiRequest) -> Any:
    """The clients within reach with their last 28 days."""
    return [
        {**row, "client_id": row["client"].id, "name": row["client"].name}
        for row in selectors.client_overview(request.access)
    ]


@router.get("/analytics/clients/{client_id}/summary", response=schemas.ClientSummaryOut, tags=TAGS)
@api_rule(Permission.REPORTS_VIEW)
def client_summary(request: ApiRequest, client_id: UUID, period: Query[schemas.ReportIn]) -> Any:
    """A client's report: people, funnels, days, waits, campaigns, senders, outlook, latest replies."""
    client = get_or_404(request.access.clients(), client_id)
    filters = period.filters(client.time_zone)
    asked = {"what": "client", "role": request.access.role, **filters.asked}
    return response_cache.kept(client.id, asked, lambda: _client_summary(request, client, filters))


def _client_summary(request: ApiRequest, client: Client, filters: Filters) -> dict[str, Any]:
    report = selectors.client_report(client, filters, request.access)
    made = {
        **_figures(report),
        "client_id": client.id,
        "answered": report["service"],
        "campaigns": [
            {**row, "campaign_id": row["key"], "name": row["label"]} for row in report["campaigns"]["rows"]
        ],
        "all_campaigns": report["campaigns"]["all"],
        "senders": _parts(report["senders"]),
        "replies": [_reply(row) for row in report["replies"] or []],
    }
    return schemas.ClientSummaryOut.model_validate(made).model_dump(mode="json")


@router.get("/analytics/clients/{client_id}/comparative", response=schemas.ComparativeOut, tags=TAGS)
@api_rule(Permission.REPORTS_VIEW)
def client_comparative(request: ApiRequest, client_id: UUID, period: Query[schemas.PeriodIn]) -> Any:
    """A client's campaigns side by side, and the client in these days against as many days before."""
    client = get_or_404(request.access.clients(), client_id)
    filters = period.filters(client.time_zone)
    campaigns = list(Campaign.objects.filter(client=client).order_by("name", "id"))
    spans = {"current": filters.period, "before": filters.period.before}
    return {
        "client_id": client.id,
        **{
            name: {
                "period": _period(span),
                "campaigns": _parts(found["rows"]),
                "all": {**found["all"], "name": "All"},
            }
            for name, span in spans.items()
            if (found := selectors.comparison(Grain.CAMPAIGN, campaigns, span))
        },
    }


@router.get("/analytics/rows", response=PageOut[schemas.RowOut], tags=TAGS)
@api_rule(Permission.REPORTS_VIEW)
def list_rows(request: ApiRequest, page: Query[schemas.RowsIn]) -> Any:
    """What a number was counted from, newest first: as many as it says, or with `each` one for each time."""
    filters = RowFilters.of(page.given(), request.access)
    if filters is None:
        raise NotFound("There is no such client or campaign.")
    return page_of(filters.rows(request.access), page, order=selectors_rows.ORDER)


@router.get("/analytics/inbox", response=schemas.InboxFiguresOut, tags=TAGS)
@api_rule(Permission.INBOX_VIEW)
def inbox_figures(request: ApiRequest, span: Query[DaysIn], client: UUID | None = None) -> Any:
    """How the team answers: first reply, promises kept, time until closed, unread age; by person and by client."""
    chosen = get_or_404(request.access.clients(), client) if client is not None else None
    report = selectors_inbox.inbox_report(request.access, span.days, chosen)
    return {
        "total": report["total"],
        "people": report["people"],
        "clients": [
            {**row, "client_id": row["client"].id, "oldest_unread_at": row["oldest"]}
            for row in report["clients"]
        ],
    }


def _campaign(request: ApiRequest, campaign_id: UUID) -> Campaign:
    rows = Campaign.objects.filter(request.access.client_filter()).select_related("client", "current_version")
    found: Campaign = get_or_404(rows, campaign_id)
    return found


def _campaign_report(request: ApiRequest, campaign_id: UUID, period: schemas.PeriodIn) -> dict[str, Any]:
    campaign = _campaign(request, campaign_id)
    return selectors.campaign_report(campaign, period.filters(campaign.client.time_zone))


@router.get("/analytics/campaigns/{campaign_id}/summary", response=schemas.CampaignSummaryOut, tags=TAGS)
@api_rule(Permission.REPORTS_VIEW)
def campaign_summary(request: ApiRequest, campaign_id: UUID, period: Query[schemas.ReportIn]) -> Any:
    """A campaign's report, and where its leads are now."""
    campaign = _campaign(request, campaign_id)
    filters = period.filters(campaign.client.time_zone)
    asked = {"what": campaign.id, **filters.asked}
    return response_cache.kept(campaign.client_id, asked, lambda: _campaign_summary(campaign, filters))


def _campaign_summary(campaign: Campaign, filters: Filters) -> dict[str, Any]:
    report = selectors.campaign_report(campaign, filters)
    made = {
        **_figures(report),
        "campaign_id": campaign.id,
        "client_id": report["client"].id,
        "stages": report["stages"],
        "senders": _parts(report["senders"]),
        "lists": _parts(report["lists"]),
        "domains": _parts(report["domains"]),
    }
    return schemas.CampaignSummaryOut.model_validate(made).model_dump(mode="json")


@router.get("/analytics/campaigns/{campaign_id}/timeseries", response=schemas.TimeseriesOut, tags=TAGS)
@api_rule(Permission.REPORTS_VIEW)
def campaign_timeseries(request: ApiRequest, campaign_id: UUID, period: Query[schemas.ReportIn]) -> Any:
    """People by day (up to five weeks) or by week, and the same days before."""
    report = _campaign_report(request, campaign_id, period)
    return {
        "campaign_id": report["campaign"].id,
        "period": _period(report["period"]),
        "step": "week" if report["trend"].is_weekly else "day",
        "days": _days(report),
        "counted_at": report["counted_at"],
    }


@router.get(
    "/analytics/campaigns/{campaign_id}/sequence-steps", response=list[schemas.SequenceStepOut], tags=TAGS
)
@api_rule(Permission.REPORTS_VIEW)
def campaign_steps(request: ApiRequest, campaign_id: UUID, period: Query[schemas.ReportIn]) -> Any:
    """Each step: messages that left, and the people whose replies answer it."""
    report = _campaign_report(request, campaign_id, period)
    return [{**row, "node_id": row["key"]} for row in report["steps"]]


@router.get("/analytics/campaigns/{campaign_id}/cohorts", response=list[schemas.CohortOut], tags=TAGS)
@api_rule(Permission.REPORTS_VIEW)
def campaign_cohorts(request: ApiRequest, campaign_id: UUID) -> Any:
    """People by the week in which they were first contacted, and when they replied; the last 12 weeks."""
    return selectors_cohorts.weekly(_campaign(request, campaign_id))


@router.get("/analytics/real-time", response=schemas.RealTimeOut, tags=TAGS)
@api_rule(Permission.REPORTS_VIEW)
def real_time(request: ApiRequest) -> Any:
    """Today so far against the same hours of the last weeks, and what happened last."""
    return selectors_live.today(request.access)


def _period(period: Any) -> dict[str, Any]:
    return {"first": period.first, "last": period.last, "time_zone": period.zone.key}


def _days(report: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "day": point.first, "contacted": point.contacted, "replied": point.replied, "positive": point.positive,
            "positive_before": point.before,
        }
        for point in report["trend"].points
    ]  # fmt: skip


def _figures(report: dict[str, Any]) -> dict[str, Any]:
    return {
        "period": _period(report["period"]),
        "people": report["people"],
        "before": report["before"],
        "messages": report["sends"],
        "funnel": report["funnel"],
        "channels": report["channels"],
        "days": _days(report),
        "waits": report["waits"]["rows"] if report["waits"] else [],
        "best_time": report["heat"]["best"] if report["heat"] else None,
        "outlook": report["outlook"],
        "counted_at": report["counted_at"],
    }


def _parts(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**row, "name": row["label"]} for row in rows]


def _reply(row: dict[str, Any]) -> dict[str, Any]:
    conversation, message = row["conversation"], row["message"]
    company = conversation.lead.company if conversation.lead else None
    return {
        "conversation_id": conversation.id,
        "lead_id": conversation.lead_id,
        "campaign_id": conversation.campaign_id,
        "who": row["who"],
        "company": company.name if company else "",
        "body": "" if message.deleted_at else row["body"],
        "verdict": row["verdict"].verdict if row["verdict"] else "",
        "occurred_at": message.occurred_at,
        "comments": [
            {"author": said["author"], "body": said["body"], "at": said["written_at"]}
            for said in row["comments"]
        ],
    }
