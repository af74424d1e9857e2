"""Reports from facts: every figure with what it is counted from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Avg, Count, Q
from django.db.models.functions import TruncDate

from campaigns.models import Campaign
from campaigns.selectors import stage_counts
from inbox.models import Conversation, Message
from project.core.clock import now
from project.tenancy.access import Access
from project.tenancy.models import Client
from reporting.charts import bars_by_day
from reporting.models import Fact

PERIODS = {"7": "7 days", "28": "28 days", "90": "90 days"}
_CONTACTED = (Fact.Kind.INVITED, Fact.Kind.MESSAGED)
_STEPS = (
    (Fact.Kind.ENROLLED, "Enrolled"),
    (Fact.Kind.INVITED, "Invited"),
    (Fact.Kind.CONNECTED, "Connected"),
    (Fact.Kind.MESSAGED, "Messaged"),
    (Fact.Kind.REPLIED, "Replied"),
)


@dataclass(frozen=True, slots=True)
class Period:
    """Whole days in the client's zone, the current one included: ``[start, end)`` in UTC."""

    days: int
    first: date
    last: date
    start: datetime
    end: datetime
    zone: ZoneInfo

    @classmethod
    def last_days(cls, days: int, zone: ZoneInfo) -> Period:
        """The last ``days`` local days."""
        last = now().astimezone(zone).date()
        first = last - timedelta(days=days - 1)
        start = datetime.combine(first, time(), zone).astimezone(UTC)
        end = datetime.combine(last + timedelta(days=1), time(), zone).astimezone(UTC)
        return cls(days, first, last, start, end, zone)


def client_overview(access: Access) -> list[dict[str, Any]]:
    """Clients within reach with the people contacted and replied in the last 28 days."""
    clients = list(access.clients().filter(is_archived=False))
    since = now() - timedelta(days=28)
    rows = (
        Fact.objects.filter(client_id__in=[client.id for client in clients], occurred_at__gte=since)
        .values("client_id")
        .annotate(
            contacted=Count("lead_id", filter=Q(kind__in=_CONTACTED), distinct=True),
            replied=Count("lead_id", filter=Q(kind=Fact.Kind.REPLIED), distinct=True),
        )
    )
    found = {row["client_id"]: row for row in rows}
    none = {"contacted": 0, "replied": 0}
    return [
        {"client": client, **{key: found.get(client.id, none)[key] for key in none}} for client in clients
    ]


def client_report(client: Client, days: int) -> dict[str, Any]:
    """Everything on a client's report for the last ``days`` days."""
    period = Period.last_days(days, ZoneInfo(client.time_zone))
    facts = _within(period).filter(client_id=client.id)
    answered = facts.filter(kind=Fact.Kind.ANSWERED, value__isnull=False).aggregate(
        count=Count("id"), seconds=Avg("value")
    )
    return {
        "client": client,
        **_figures(facts, period),
        "answered": answered,
        "campaigns": _by_campaign(client, facts),
        "replies": latest_replies(client.id),
    }


def campaign_report(campaign: Campaign, days: int) -> dict[str, Any]:
    """A campaign's figures for the last ``days`` days in its client's zone, and its leads by stage now."""
    period = Period.last_days(days, ZoneInfo(campaign.client.time_zone))
    facts = _within(period).filter(client_id=campaign.client_id, campaign_id=campaign.id)
    return {
        "campaign": campaign,
        **_figures(facts, period),
        "stages": stage_counts([campaign.id])[campaign.id],
    }


def _within(period: Period) -> Any:
    return Fact.objects.filter(occurred_at__gte=period.start, occurred_at__lt=period.end)


def _figures(facts: Any, period: Period) -> dict[str, Any]:
    people = facts.aggregate(
        contacted=Count("lead_id", filter=Q(kind__in=_CONTACTED), distinct=True),
        **{kind.value: Count("lead_id", filter=Q(kind=kind), distinct=True) for kind, _ in _STEPS},
    )
    return {
        "period": period,
        "people": people,
        "funnel": _funnel(people),
        "replies_by_day": bars_by_day(_by_day(facts, period, (Fact.Kind.REPLIED,)), name="Replies a day"),
        "contacted_by_day": bars_by_day(_by_day(facts, period, _CONTACTED), name="Contacted a day"),
        "counted_at": now(),
    }


def _funnel(people: dict[str, int]) -> list[dict[str, Any]]:
    """The steps; each bar is a share of the first, each figure names the step it is counted from."""
    steps = []
    widest = max((people[kind.value] for kind, _ in _STEPS), default=0)
    before: int | None = None
    for kind, label in _STEPS:
        value = people[kind.value]
        steps.append(
            {
                "label": label,
                "value": value,
                "before": before,
                "width": round(100 * value / widest, 1) if widest else 0,
            }
        )
        before = value
    return steps


def _by_day(facts: Any, period: Period, kinds: tuple[str, ...]) -> list[tuple[date, int]]:
    counted = dict(
        facts.filter(kind__in=kinds)
        .annotate(day=TruncDate("occurred_at", tzinfo=period.zone))
        .values_list("day")
        .annotate(people=Count("lead_id", distinct=True))
    )
    days = [period.first + timedelta(days=offset) for offset in range(period.days)]
    return [(day, counted.get(day, 0)) for day in days]


def _by_campaign(client: Client, facts: Any) -> list[dict[str, Any]]:
    counted = {
        row["campaign_id"]: row
        for row in facts.exclude(campaign_id=None)
        .values("campaign_id")
        .annotate(
            contacted=Count("lead_id", filter=Q(kind__in=_CONTACTED), distinct=True),
            connected=Count("lead_id", filter=Q(kind=Fact.Kind.CONNECTED), distinct=True),
            replied=Count("lead_id", filter=Q(kind=Fact.Kind.REPLIED), distinct=True),
        )
    }
    campaigns = Campaign.objects.filter(client=client, id__in=list(counted)).order_by("name")
    return [{"campaign": campaign, **counted[campaign.id]} for campaign in campaigns]


def latest_replies(client_id: UUID, limit: int = 20) -> list[dict[str, Any]]:
    """The newest messages of people to a client's senders, one per conversation."""
    conversations = list(
        Conversation.objects.filter(client_id=client_id, has_inbound=True)
        .select_related("lead", "lead__company", "campaign")
        .order_by("-last_inbound_at")[:limit]
    )
    messages = Message.objects.filter(
        conversation__in=[row.id for row in conversations], direction=Message.Direction.INBOUND
    ).order_by("conversation_id", "-occurred_at", "-id")
    newest = {message.conversation_id: message for message in messages.distinct("conversation_id")}
    return [{"conversation": row, "message": newest[row.id]} for row in conversations if row.id in newest]
