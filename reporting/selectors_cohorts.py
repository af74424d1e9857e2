"""Weekly cohorts: people by the week in which they were first contacted, and when they replied."""

from __future__ import annotations

from typing import Any, Final

from django.db import connection

from campaigns.models import Campaign

#: Weeks that are shown.
WEEKS: Final = 12

_SQL: Final = """
SELECT date_trunc('week', first.first_at AT TIME ZONE %(zone)s)::date AS week, count(*) AS contacted,
  count(replied.first_at) FILTER (WHERE replied.first_at < first.first_at + interval '7 days'),
  count(replied.first_at) FILTER (WHERE replied.first_at < first.first_at + interval '14 days'),
  count(replied.first_at) FILTER (WHERE replied.first_at < first.first_at + interval '28 days'),
  count(replied.first_at), count(positive.first_at), count(meeting.first_at)
FROM campaigns_enrollment AS enrollment
JOIN reporting_firstfact AS first ON first.organization_id = %(organization)s
  AND first.contact_id = enrollment.id AND first.kind = 'contacted'
LEFT JOIN reporting_firstfact AS replied ON replied.organization_id = %(organization)s
  AND replied.contact_id = enrollment.id AND replied.kind = 'replied'
LEFT JOIN reporting_firstfact AS positive ON positive.organization_id = %(organization)s
  AND positive.contact_id = enrollment.id AND positive.kind = 'positive'
LEFT JOIN reporting_firstfact AS meeting ON meeting.organization_id = %(organization)s
  AND meeting.contact_id = enrollment.id AND meeting.kind = 'meeting'
WHERE enrollment.campaign_id = %(campaign)s
GROUP BY week ORDER BY week DESC LIMIT %(weeks)s
"""


def weekly(campaign: Campaign) -> list[dict[str, Any]]:
    """The last cohorts, newest first: contacted, replied within 1, 2, 4 weeks and ever, positive, meetings."""
    with connection.cursor() as cursor:
        cursor.execute(
            _SQL,
            {
                "zone": campaign.client.time_zone,
                "organization": campaign.organization_id,
                "campaign": campaign.id,
                "weeks": WEEKS,
            },
        )
        names = ("week", "contacted", "within_1", "within_2", "within_4", "replied", "positive", "meeting")
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
