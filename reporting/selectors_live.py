"""Today so far, against what is usual by this hour, and what happened last."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.db.models import Count, Q

from campaigns.models import Lead
from project.core.clock import now
from project.tenancy.access import Access
from reporting.models import Fact
from reporting.selectors_rollups import freshness

WEEKS: Final = 4
_PACE: Final = (
    (
        "contacted",
        "Messages out",
        (Fact.Kind.INVITED, Fact.Kind.MESSAGED, Fact.Kind.EMAILED, Fact.Kind.TEXTED),
    ),
    ("replied", "Replies", (Fact.Kind.REPLIED,)),
    ("positive", "Positive replies", (Fact.Kind.POSITIVE,)),
    ("meeting", "Meetings", (Fact.Kind.MEETING,)),
)
_SHOWN: Final = (
    Fact.Kind.REPLIED, Fact.Kind.POSITIVE, Fact.Kind.MEETING, Fact.Kind.CONNECTED, Fact.Kind.BOUNCED,
    Fact.Kind.UNSUBSCRIBED, Fact.Kind.COMPLAINED,
)  # fmt: skip


def today(access: Access, *, limit: int = 20) -> dict[str, Any]:
    """Pace of today in the organization's zone, counted from the facts themselves, and the newest events."""
    zone = ZoneInfo(access.organization.time_zone)
    local = now().astimezone(zone)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    windows = [
        (midnight - timedelta(days=7 * week), local - timedelta(days=7 * week)) for week in range(WEEKS + 1)
    ]
    facts = Fact.objects.filter(access.client_filter(), occurred_at__gte=midnight - timedelta(days=7 * WEEKS))
    within = [Q(occurred_at__gte=start, occurred_at__lte=end) for start, end in windows]
    counted = facts.aggregate(
        **{
            f"{name}_{week}": Count("id", filter=Q(kind__in=kinds) & window)
            for name, _, kinds in _PACE
            for week, window in enumerate(within)
        }
    )
    newest = list(facts.filter(kind__in=_SHOWN).order_by("-occurred_at", "-id")[:limit])
    leads: Any = Lead.objects.select_related("company").in_bulk(
        [row.lead_id for row in newest if row.lead_id]
    )
    return {
        "day": midnight.date(),
        "time_zone": zone.key,
        "pace": [
            {
                "kind": name,
                "label": label,
                "today": counted[f"{name}_0"],
                "usual": round(sum(counted[f"{name}_{week}"] for week in range(1, WEEKS + 1)) / WEEKS, 1),
            }
            for name, label, _ in _PACE
        ],
        "activity": [
            {
                "occurred_at": row.occurred_at,
                "kind": row.kind,
                "what": row.get_kind_display(),
                "client_id": row.client_id,
                "campaign_id": row.campaign_id,
                "lead_id": row.lead_id,
                "who": str(leads[row.lead_id]) if row.lead_id in leads else "",
            }
            for row in newest
        ],
        **freshness(),
    }
