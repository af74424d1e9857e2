"""Who of many leads must not be written to: the suppression list, asked once for a whole batch.

The same question as ``suppression.suppression_of``, which the outbox asks once more before each attempt.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.db.models import Q

from campaigns.models import Lead, LeadChannel, Suppression
from integrations.models.connections import Channel
from project.core.clock import now


def suppressed_leads(leads: Sequence[Lead], *, channels: set[str]) -> dict[tuple[UUID, str], str]:
    """Return ``(lead, channel) -> source`` for leads with a suppressed address. Their ``channels`` are loaded."""
    wanted: dict[tuple[str, str, bool], list[Lead]] = {}
    for lead in leads:
        for address in lead.channels.all():
            if address.kind in channels:
                for value, is_domain in _values(address):
                    wanted.setdefault((address.kind, value, is_domain), []).append(lead)
    if not wanted:
        return {}
    rows = Suppression.objects.filter(
        Q(client_id__in={lead.client_id for lead in leads}) | Q(client_id=None),
        Q(expires_at=None) | Q(expires_at__gt=now()),
        channel__in=channels,
        value__in={value for _, value, _ in wanted},
    )
    found: dict[tuple[UUID, str], str] = {}
    for client_id, channel, value, is_domain, source in rows.values_list(
        "client_id", "channel", "value", "is_domain", "source"
    ):
        for lead in wanted.get((channel, value, is_domain), ()):
            if client_id in {None, lead.client_id}:
                found[lead.id, channel] = source
    return found


def _values(address: LeadChannel) -> list[tuple[str, bool]]:
    values = [(value, False) for value in (address.normalized, address.provider_id) if value]
    if address.kind == Channel.EMAIL and "@" in address.normalized:
        values.append((address.normalized.rpartition("@")[2], True))
    return values
