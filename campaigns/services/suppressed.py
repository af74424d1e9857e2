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
    """Return ``(lead, channel) -> source`` for those who must not be written to. Their ``channels`` are loaded.

    A wish of the person at one address holds for all of theirs; a bounce only for the address that bounced.
    """
    wanted: dict[tuple[str, str, bool], list[tuple[Lead, LeadChannel]]] = {}
    for lead in leads:
        for address in lead.channels.all():
            if address.kind in channels:
                for value, is_domain in _values(address):
                    wanted.setdefault((address.kind, value, is_domain), []).append((lead, address))
    if not wanted:
        return {}
    rows = Suppression.objects.filter(
        Q(client_id__in={lead.client_id for lead in leads}) | Q(client_id=None),
        Q(expires_at=None) | Q(expires_at__gt=now()),
        channel__in=channels,
        value__in={value for _, value, _ in wanted},
    )
    found: dict[tuple[UUID, str], tuple[Lead, list[tuple[LeadChannel, str]]]] = {}
    for client_id, channel, value, is_domain, source in rows.values_list(
        "client_id", "channel", "value", "is_domain", "source"
    ):
        for lead, address in wanted.get((channel, value, is_domain), ()):
            if client_id in {None, lead.client_id}:
                found.setdefault((lead.id, channel), (lead, []))[1].append((address, source))
    return {
        (lead.id, channel): source
        for (_, channel), (lead, listed) in found.items()
        if (source := _binding(lead, channel, listed))
    }


def _binding(lead: Lead, channel: str, found: list[tuple[LeadChannel, str]]) -> str:
    """What forbids writing to a lead: a wish, or a bounce of every address."""
    for _, source in found:
        if source != Suppression.Source.BOUNCE:
            return source
    bounced = {address.id for address, _ in found}
    reachable = [row for row in lead.channels.all() if row.kind == channel and row.id not in bounced]
    return "" if reachable else str(Suppression.Source.BOUNCE)


def _values(address: LeadChannel) -> list[tuple[str, bool]]:
    values = [(value, False) for value in (address.normalized, address.provider_id) if value]
    if address.kind == Channel.EMAIL and "@" in address.normalized:
        values.append((address.normalized.rpartition("@")[2], True))
    return values
