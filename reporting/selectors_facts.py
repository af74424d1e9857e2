"""Figures that no sums are kept of, counted from facts when they are asked for: channel, sender and list together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

from django.db import connection

from project.core.refusals import Refused
from reporting.counting import MEANINGS
from reporting.filters import Narrow, Period
from reporting.selectors_rollups import Kinds, Subject, Sums

#: Facts that are counted at once: some tenths of a second.
MOST: Final = 200_000

#: What is in no sum yet is left out, so that people and times go together.
_SQL: Final = f"""
WITH fact AS MATERIALIZED (
    SELECT id, occurred_at, kind, campaign_id, in_time, value, coalesce(enrollment_id, lead_id) AS contact_id
    FROM reporting_fact WHERE organization_id = %(organization)s AND client_id = %(client)s
      AND occurred_at >= %(start)s AND occurred_at < %(end)s AND campaign_id IS NOT NULL
      AND (%(campaign)s::uuid IS NULL OR campaign_id = %(campaign)s)
      AND (%(channel)s = '' OR channel = %(channel)s)
      AND (%(sender)s::uuid IS NULL OR sender_id = %(sender)s)
      AND (%(list)s::uuid IS NULL OR list_id = %(list)s)
      AND coalesce(written_in, 0) < (
        SELECT counted_below FROM reporting_rollupstate WHERE organization_id = %(organization)s)
    LIMIT %(most)s + 1
),
told AS (
    SELECT fact.*, counted, is_people FROM fact JOIN (VALUES {MEANINGS}) AS meaning (kind, counted, is_people)
    USING (kind) WHERE (counted <> 'promised' OR in_time IS NOT NULL) AND (counted <> 'kept' OR in_time)
)
SELECT (occurred_at AT TIME ZONE %(zone)s)::date, campaign_id, counted, count(*), count(first.fact_id),
  count(value) FILTER (WHERE NOT is_people OR first.fact_id IS NOT NULL),
  coalesce(sum(value) FILTER (WHERE NOT is_people OR first.fact_id IS NOT NULL), 0), (SELECT count(*) FROM fact)
FROM told LEFT JOIN reporting_firstfact AS first ON first.organization_id = %(organization)s
  AND first.contact_id = told.contact_id AND first.kind = counted AND first.fact_id = told.id
GROUP BY 1, 2, 3
"""  # noqa: S608 - built from constants


class TooManyFacts(Refused):
    """More happened in these days than is counted while somebody waits."""

    status = 422
    default_code = "TOO_MANY_EVENTS"


@dataclass(frozen=True, slots=True)
class Found:
    """Sums by day and campaign."""

    cells: dict[tuple[date, UUID], Kinds]

    def days(self) -> dict[date, Kinds]:
        """The sums of each day."""
        found: dict[date, Kinds] = {}
        for (day, _), kinds in self.cells.items():
            _add(found.setdefault(day, Kinds()), kinds)
        return found

    def campaigns(self, period: Period) -> dict[UUID, Kinds]:
        """The sums of each campaign in a period."""
        found: dict[UUID, Kinds] = {}
        for (day, campaign_id), kinds in self.cells.items():
            if period.first <= day <= period.last:
                _add(found.setdefault(campaign_id, Kinds()), kinds)
        return found


def counted(subject: Subject, narrow: Narrow, period: Period) -> Found:
    """Count what channel, sender and list have in common. Raises ``TooManyFacts`` above ``MOST``."""
    campaign_id = subject.campaign.id if subject.campaign is not None else subject.only
    asked: dict[str, Any] = {
        "organization": subject.client.organization_id, "client": subject.client.id, "campaign": campaign_id,
        "start": period.start, "end": period.end, "zone": str(period.zone), "most": MOST,
        "channel": narrow.channel, "sender": narrow.sender or None, "list": narrow.list_id or None,
    }  # fmt: skip
    cells: dict[tuple[date, UUID], Kinds] = {}
    with connection.cursor() as cursor:
        cursor.execute(_SQL, asked)
        for day, campaign, kind, n, people, timed, seconds, facts in cursor.fetchall():
            if facts > MOST:
                raise TooManyFacts(
                    f"More than {MOST:,} events of these days would have to be counted: choose fewer days, or only one"
                    " of channel, sender and list, of which sums are kept."
                )
            cells.setdefault((day, campaign), Kinds()).add(kind, Sums(n, people, timed, int(seconds)))
    return Found(cells)


def _add(into: Kinds, kinds: Kinds) -> None:
    for kind, sums in kinds.items():
        into.add(kind, sums)
