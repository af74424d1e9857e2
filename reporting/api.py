"""Operations of the JSON API of this room: figures of clients, campaigns and accounts."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from ninja import Query, Router

from campaigns.models import Campaign
from integrations import api_rows as sender_rows
from integrations.services import rates
from project.core.clock import now
from project.tenancy.access import Permission, get_or_404
from project.tenancy.api_auth import ApiRequest, api_rule
from reporting import api_schemas as schemas
from reporting import selectors, selectors_inbox
from reporting.api_alerts import router as alerts_router
from reporting.api_snapshots import router as snapshots_router

router = Router()
router.add_router("", alerts_router)
router.add_router("", snapshots_router)

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
def client_summary(request: ApiRequest, client_id: UUID, period: Query[schemas.PeriodIn]) -> Any:
    """A client's report for the last days: people, funnel, days, waits, campaigns, latest replies."""
    client = get_or_404(request.access.clients(), client_id)
    report = selectors.client_report(client, period.days)
    return {
        **_figures(report),
        "client_id": client.id,
        "answered": {"count": report["answered"]["count"], "mean_seconds": report["answered"]["seconds"]},
        "campaigns": [{**row, "name": row["campaign"].name} for row in report["campaigns"]],
        "replies": [_reply(row) for row in report["replies"]],
    }


@router.get("/analytics/inbox", response=schemas.InboxFiguresOut, tags=TAGS)
@api_rule(Permission.INBOX_VIEW)
def inbox_figures(request: ApiRequest, days: Literal[1, 7, 28, 90] = 7, client: UUID | None = None) -> Any:
    """How the team answers: first reply, promises kept, time until closed, unread age; by person and by client."""
    chosen = get_or_404(request.access.clients(), client) if client is not None else None
    report = selectors_inbox.inbox_report(request.access, days, chosen)
    return {
        "total": report["total"],
        "people": report["people"],
        "clients": [
            {**row, "client_id": row["client"].id, "oldest_unread_at": row["oldest"]}
            for row in report["clients"]
        ],
    }


@router.get("/analytics/campaigns/{campaign_id}/summary", response=schemas.CampaignSummaryOut, tags=TAGS)
@api_rule(Permission.REPORTS_VIEW)
def campaign_summary(request: ApiRequest, campaign_id: UUID, period: Query[schemas.PeriodIn]) -> Any:
    """A campaign's report for the last days, and where its leads are now."""
    rows = Campaign.objects.filter(request.access.client_filter()).select_related("client")
    campaign: Campaign = get_or_404(rows, campaign_id)
    report = selectors.campaign_report(campaign, period.days)
    return {
        **_figures(report),
        "campaign_id": campaign.id,
        "client_id": campaign.client_id,
        "stages": report["stages"],
    }


@router.get("/analytics/accounts/{sender_id}/rate-usage", response=schemas.RateUsageOut, tags=TAGS)
@api_rule(Permission.SENDERS_VIEW)
def account_rate_usage(request: ApiRequest, sender_id: UUID) -> Any:
    """How much of its daily budgets an account has used."""
    sender = get_or_404(sender_rows.senders(request.access), sender_id)
    at = now()
    day = rates.day_of(sender, at)
    return {
        "sender_id": sender.id,
        "name": sender.name,
        "day": day,
        "resets_at": rates.next_day_starts(sender, at),
        "budgets": [
            {"action": action, "used": used, "limit": limit, "left": max(0, limit - used)}
            for action, (used, limit) in sorted(rates.usage(sender, day).items())
        ],
    }


def _figures(report: dict[str, Any]) -> dict[str, Any]:
    period: selectors.Period = report["period"]
    days = zip(report["contacted_by_day"].bars, report["replies_by_day"].bars, strict=True)
    return {
        "period": {"first": period.first, "last": period.last, "time_zone": period.zone.key},
        "people": report["people"],
        "funnel": report["funnel"],
        "days": [
            {"day": contacted.day, "contacted": contacted.value, "replied": replied.value}
            for contacted, replied in days
        ],
        "counted_at": report["counted_at"],
    }


def _reply(row: dict[str, Any]) -> dict[str, Any]:
    conversation, message = row["conversation"], row["message"]
    company = conversation.lead.company if conversation.lead else None
    return {
        "conversation_id": conversation.id,
        "lead_id": conversation.lead_id,
        "campaign_id": conversation.campaign_id,
        "who": conversation.title,
        "company": company.name if company else "",
        "body": "" if message.deleted_at else message.body,
        "occurred_at": message.occurred_at,
    }
