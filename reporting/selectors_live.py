"""Today so far, against what is usual by this hour, and what happened last."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.db.models import Count, IntegerField, Value

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
    """Pace of today in the organization's zone, counted from the facts themselves, and the newest events.

    Of the weeks before only the same hours of the same weekday are read, each from an index alone.
    """
    zone = ZoneInfo(access.organization.time_zone)
    local = now().astimezone(zone)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    counted = _paces(access, midnight, local)
    newest = _newest(access, midnight - timedelta(days=7 * WEEKS), limit)
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
                "today": counted[name, 0],
                "usual": round(sum(counted[name, week] for week in range(1, WEEKS + 1)) / WEEKS, 1),
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


def _paces(access: Access, midnight: datetime, until: datetime) -> Counter[tuple[str, int]]:
    """How often things of each pace happened by this hour, by (its name, weeks ago); one statement."""
    name_of = {kind.value: name for name, _, kinds in _PACE for kind in kinds}
    weeks = [
        Fact.objects.filter(
            access.client_filter(),
            kind__in=list(name_of),
            occurred_at__gte=midnight - timedelta(days=7 * week),
            occurred_at__lte=until - timedelta(days=7 * week),
        )
        .order_by()
        .values("kind")
        .annotate(week=Value(week, output_field=IntegerField()), count=Count("*"))
        for week in range(WEEKS + 1)
    ]
    counted: Counter[tuple[str, int]] = Counter()
    for row in weeks[0].union(*weeks[1:], all=True):
        counted[name_of[row["kind"]], row["week"]] += row["count"]
    return counted


def _newest(access: Access, since: datetime, limit: int) -> list[Fact]:
    """The newest events of all kinds that are shown: the newest of each, in the order of an index; one statement."""
    of_kinds = [
        Fact.objects.filter(access.client_filter(), kind=kind, occurred_at__gte=since).order_by(
            "-occurred_at", "-id"
        )[:limit]
        for kind in _SHOWN
    ]
    return list(of_kinds[0].union(*of_kinds[1:], all=True).order_by("-occurred_at", "-id")[:limit])
