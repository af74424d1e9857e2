"""``Lead.suppressed_until``: what the table of leads says and filters by, kept in line with the do-not-contact list.

An entry whose time is over needs no change: the mark says until when it holds.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.db.models import BooleanField
from django.db.models.expressions import RawSQL

from campaigns.models import Lead, LeadChannel, Suppression
from campaigns.models.leads import FOR_GOOD
from integrations.models.connections import Channel
from project.core.clock import now
from project.tenancy.models import Client

#: Leads marked by one statement.
_AT_ONCE: Final = 5_000
_MARK: Final = """
UPDATE campaigns_lead AS l SET suppressed_until = found.until FROM (
    SELECT chosen.id, (
        SELECT max(coalesce(s.expires_at, %(for_good)s)) FROM campaigns_leadchannel a
        JOIN campaigns_suppression s ON s.organization_id = a.organization_id AND s.channel = a.kind
            AND s.value = ANY (ARRAY[a.normalized, split_part(a.normalized, '@', 2)])
        WHERE a.lead_id = chosen.id AND (s.client_id IS NULL OR s.client_id = a.client_id)
            AND s.value = CASE WHEN s.is_domain THEN split_part(a.normalized, '@', 2) ELSE a.normalized END
            AND (s.expires_at IS NULL OR s.expires_at > now())
    ) AS until
    FROM (SELECT id, suppressed_until FROM campaigns_lead WHERE id = ANY (%(ids)s) ORDER BY id FOR NO KEY UPDATE) chosen
) AS found
WHERE l.id = found.id AND l.suppressed_until IS DISTINCT FROM found.until
"""


def mark(lead_ids: Iterable[UUID]) -> None:
    """Say of these leads anew until when they must not be contacted; their rows are locked in order of their ids."""
    ids = sorted(set(lead_ids))
    with connection.cursor() as cursor:
        for start in range(0, len(ids), _AT_ONCE):
            cursor.execute(_MARK, {"for_good": FOR_GOOD, "ids": ids[start : start + _AT_ONCE]})


def mark_those_with(entry: Suppression) -> None:
    """The same for everybody whose address an entry is about, or was about."""
    mark(leads_with(entry))


def leads_with(entry: Suppression) -> Any:
    """The ids of the leads whose address an entry is about, as a query."""
    clients = [entry.client_id] if entry.client_id else list(Client.objects.values_list("id", flat=True))
    rows = LeadChannel.objects.filter(client_id__in=clients, kind=entry.channel)
    if not entry.is_domain:
        rows = rows.filter(normalized=entry.value)
    elif entry.channel == Channel.EMAIL:
        rows = rows.filter(RawSQL("split_part(normalized, '@', 2) = %s", [entry.value], BooleanField()))
    else:
        rows = rows.none()
    return rows.values_list("lead_id", flat=True)


def is_marked(lead: Lead) -> bool:
    """Whether the table says that a lead must not be contacted."""
    return lead.suppressed_until is not None and lead.suppressed_until > now()
