"""How a team answers, from facts: waits, promises kept, what was closed, by person and by client."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Aggregate, Count, FloatField, Min, Q

from inbox.models import Conversation
from project.core.clock import now
from project.tenancy.access import Access
from project.tenancy.models import Client, User
from reporting.filters import Period
from reporting.models import Fact

PERIODS: Final = {"1": "1 day", "7": "7 days", "28": "28 days", "90": "90 days"}
_KINDS: Final = (Fact.Kind.ANSWERED, Fact.Kind.FIRST_ANSWERED, Fact.Kind.PROMISE_BROKEN, Fact.Kind.RESOLVED)


class Median(Aggregate):
    """The middle value, by PostgreSQL."""

    function = "percentile_cont"
    template = "%(function)s(0.5) WITHIN GROUP (ORDER BY %(expressions)s)"
    output_field = FloatField()


def _figures() -> dict[str, Aggregate]:
    answered = Q(kind=Fact.Kind.ANSWERED)
    first = Q(kind=Fact.Kind.FIRST_ANSWERED)
    resolved = Q(kind=Fact.Kind.RESOLVED)
    return {
        "answers": Count("id", filter=answered),
        "reply_seconds": Median("value", filter=answered & Q(value__isnull=False)),
        "first_answers": Count("id", filter=first),
        "first_reply_seconds": Median("value", filter=first & Q(value__isnull=False)),
        "promised": Count("id", filter=answered & Q(in_time__isnull=False)),
        "in_time": Count("id", filter=answered & Q(in_time=True)),
        "broken": Count("id", filter=Q(kind=Fact.Kind.PROMISE_BROKEN)),
        "resolved": Count("id", filter=resolved),
        "resolution_seconds": Median("value", filter=resolved & Q(value__isnull=False)),
    }


def inbox_report(access: Access, days: int, client: Client | None) -> dict[str, Any]:
    """Figures of the last ``days`` (whole ones, today included) by person and by client, and what waits now.

    Days are those of the organization, of one client the client's. Five statements.
    """
    zone = client.time_zone if client is not None else access.organization.time_zone
    period = Period.last_days(days, ZoneInfo(zone))
    facts = Fact.objects.filter(
        access.client_filter(), kind__in=_KINDS, occurred_at__gte=period.start, occurred_at__lt=now()
    )
    if client is not None:
        facts = facts.filter(client_id=client.id)
    by_person = list(
        facts.exclude(user_id=None).values("user_id").annotate(**_figures()).order_by("-answers")
    )
    by_client = {row["client_id"]: row for row in facts.values("client_id").annotate(**_figures()).order_by()}
    people = User.objects.in_bulk([row["user_id"] for row in by_person])
    clients = [client] if client is not None else list(access.clients().filter(is_archived=False))
    waiting = _waiting(access, clients)
    return {
        "total": facts.aggregate(**_figures()),
        "people": [{**row, "person": people.get(row["user_id"])} for row in by_person],
        "clients": [
            {**by_client.get(one.id, {}), "client": one, **waiting.get(one.id, {"unread": 0, "oldest": None})}
            for one in clients
        ],
        "client": client,
        "period": period,
    }


def _waiting(access: Access, clients: list[Client]) -> dict[UUID, dict[str, int | datetime | None]]:
    """Unread open conversations by client, and since when the oldest waits."""
    rows = (
        Conversation.objects.filter(
            client_id__in=[one.id for one in clients], status=Conversation.Status.OPEN, unread__gt=0
        )
        .values("client_id")
        .annotate(count=Count("id"), oldest=Min("last_inbound_at"))
        .order_by()
    )
    return {row["client_id"]: {"unread": row["count"], "oldest": row["oldest"]} for row in rows}
