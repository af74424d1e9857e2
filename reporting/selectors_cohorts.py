"""Weekly cohorts: people by the week in which they were first contacted, and when they replied."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from typing import Any, Final

from django.db import connection

from campaigns.models import Campaign
from reporting.models import Rollup

#: Weeks that are shown.
WEEKS: Final = 12

_SQL: Final = """
SELECT date_trunc('week', contacted.first_at AT TIME ZONE %(zone)s)::date AS week,
  count(*) FILTER (WHERE said.kind = 'replied' AND said.first_at < contacted.first_at + interval '7 days'),
  count(*) FILTER (WHERE said.kind = 'replied' AND said.first_at < contacted.first_at + interval '14 days'),
  count(*) FILTER (WHERE said.kind = 'replied' AND said.first_at < contacted.first_at + interval '28 days'),
  count(*) FILTER (WHERE said.kind = 'replied'), count(*) FILTER (WHERE said.kind = 'positive'),
  count(*) FILTER (WHERE said.kind = 'meeting')
FROM reporting_firstfact AS said
JOIN campaigns_enrollment AS enrollment ON enrollment.id = said.contact_id AND enrollment.campaign_id = %(campaign)s
JOIN reporting_firstfact AS contacted ON contacted.organization_id = %(organization)s
  AND contacted.contact_id = said.contact_id AND contacted.kind = 'contacted'
WHERE said.organization_id = %(organization)s AND said.client_id = %(client)s
  AND said.kind IN ('replied', 'positive', 'meeting')
GROUP BY week
"""
_NAMES: Final = ("within_1", "within_2", "within_4", "replied", "positive", "meeting")


def weekly(campaign: Campaign) -> list[dict[str, Any]]:
    """The last cohorts, newest first: contacted, replied within 1, 2, 4 weeks and ever, positive, meetings.

    How many were contacted is added up from sums, and only who answered is looked up: few of those contacted.
    """
    contacted: Counter[date] = Counter()
    sums = Rollup.objects.filter(
        grain=Rollup.Grain.CAMPAIGN, subject_id=campaign.id, kind="contacted", people__gt=0
    )
    for day, people in sums.values_list("day", "people"):
        contacted[day - timedelta(days=day.weekday())] += people
    weeks = sorted(contacted, reverse=True)[:WEEKS]
    said = _said(campaign) if weeks else {}
    return [
        {
            "week": week,
            "contacted": contacted[week],
            **dict(zip(_NAMES, said.get(week, (0,) * len(_NAMES)), strict=True)),
        }
        for week in weeks
    ]


def _said(campaign: Campaign) -> dict[date, tuple[int, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(
            _SQL,
            {
                "zone": campaign.client.time_zone,
                "organization": campaign.organization_id,
                "client": campaign.client_id,
                "campaign": campaign.id,
            },
        )
        return {week: tuple(counts) for week, *counts in cursor.fetchall()}
