"""Leads of a client that may be one person, each pair with what speaks for it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, islice
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from campaigns.models import Lead, LeadMerge
from campaigns.selectors_leads import fill, with_addresses
from campaigns.services.merging import evidence
from project.tenancy.access import Access

#: Groups of each kind that are looked at, and pairs that are shown.
_GROUPS: Final = 60
SHOWN: Final = 30
#: Of a group of people who share a name, at most so many are looked at, and so many pairs of them compared.
_LOOKED_AT: Final = 20
_EACH: Final = 6

#: Leads that share something, by client: the same member of the network, the same mailbox, the same name at a company.
#: Each is asked for groups of leads (``ids``) that are on the table.
_SAME: Final = (
    """
    SELECT ARRAY[a.lead_id, b.lead_id] AS ids FROM campaigns_leadchannel a
    JOIN campaigns_leadchannel b ON b.client_id = a.client_id AND b.kind = 'linkedin' AND b.lead_id <> a.lead_id
        AND b.normalized = a.provider_id
    JOIN campaigns_lead one ON one.id = a.lead_id AND one.removed_at IS NULL
    JOIN campaigns_lead other ON other.id = b.lead_id AND other.removed_at IS NULL
    WHERE a.client_id = %(client)s AND a.kind = 'linkedin' AND a.provider_id <> ''
    """,
    """
    SELECT array_agg(DISTINCT lead_id) AS ids FROM campaigns_leadchannel c
    JOIN campaigns_lead l ON l.id = c.lead_id AND l.removed_at IS NULL
    WHERE c.client_id = %(client)s AND kind = 'linkedin' AND provider_id <> ''
    GROUP BY provider_id HAVING count(DISTINCT lead_id) > 1
    """,
    """
    SELECT array_agg(DISTINCT lead_id) AS ids FROM campaigns_leadchannel c
    JOIN campaigns_lead l ON l.id = c.lead_id AND l.removed_at IS NULL
    WHERE c.client_id = %(client)s AND kind = 'email'
    GROUP BY CASE WHEN split_part(normalized, '@', 2) IN ('gmail.com', 'googlemail.com')
        THEN replace(split_part(split_part(normalized, '@', 1), '+', 1), '.', '') || '@gmail.com'
        ELSE split_part(split_part(normalized, '@', 1), '+', 1) || '@' || split_part(normalized, '@', 2) END
    HAVING count(DISTINCT lead_id) > 1
    """,
    """
    SELECT (array_agg(id ORDER BY created_at))[1:10] AS ids FROM campaigns_lead
    WHERE client_id = %(client)s AND removed_at IS NULL AND company_id IS NOT NULL AND last_name <> ''
    GROUP BY company_id, lower(first_name || ' ' || last_name) HAVING count(*) > 1
    """,
)
#: Groups with a pair that nobody has kept apart: what was answered makes room for what was not.
_OPEN: Final = """
    SELECT ids FROM ({groups}) AS found
    WHERE cardinality(ids) * (cardinality(ids) - 1) / 2 > (
        SELECT count(DISTINCT (least(m.kept_id, m.other_id), greatest(m.kept_id, m.other_id)))
        FROM campaigns_leadmerge m
        WHERE m.client_id = %(client)s AND m.undone_at IS NOT NULL AND m.kept_id = ANY (ids) AND m.other_id = ANY (ids)
    ) LIMIT %(most)s
"""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two leads, the older one first, and the sentences that speak for their being one person."""

    one: Lead
    other: Lead
    evidence: list[str]


def pairs(client_id: UUID) -> list[Pair]:
    """Pairs of a client's leads that may be one person, the strongest evidence first; at most ``SHOWN``.

    A fixed number of statements, each over the client's own rows. What somebody has kept apart is left out.
    """
    groups: list[list[UUID]] = []
    with connection.cursor() as cursor:
        for statement in _SAME:
            cursor.execute(_OPEN.format(groups=statement), {"client": client_id, "most": _GROUPS})
            groups += [sorted(row[0])[:_LOOKED_AT] for row in cursor.fetchall()]
    ids = {lead_id for group in groups for lead_id in group}
    apart = set(
        LeadMerge.objects.filter(
            client_id=client_id, undone_at__isnull=False, kept__in=ids, other__in=ids
        ).values_list("kept_id", "other_id")
    )
    wanted = dict.fromkeys(pair for group in groups for pair in _open_pairs(group, apart))
    ids = {lead_id for pair in wanted for lead_id in pair}
    rows: list[Any] = list(with_addresses(Lead.objects.filter(id__in=ids, removed_at=None)))
    leads = {lead.id: lead for lead in rows}
    found = [
        Pair(leads[one], leads[other], why)
        for one, other in wanted
        if one in leads and other in leads
        if (why := evidence(leads[one], leads[other]))
    ]
    shown = found[:SHOWN]
    fill([lead for pair in shown for lead in (pair.one, pair.other)], ("stage", "last_sent", "last_reply"))
    return shown


def _open_pairs(group: list[UUID], apart: set[tuple[UUID, UUID]]) -> list[tuple[UUID, UUID]]:
    """The first pairs of a group that nobody has kept apart."""
    pairs = (pair for pair in combinations(group, 2) if not {pair, pair[::-1]} & apart)
    return list(islice(pairs, _EACH))


def recent_merges(access: Access) -> QuerySet[LeadMerge]:
    """Merges within reach that can be taken back, the newest first."""
    rows: QuerySet[LeadMerge] = LeadMerge.objects.filter(access.client_filter(), undone_at=None)
    return rows.select_related("kept", "other", "actor", "client").order_by("-created_at", "-id")
