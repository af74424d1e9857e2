"""Suppressions: adding them, and asking right before a send."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from campaigns.models import Lead, LeadChannel, Suppression
from integrations.models import OutboundMessage
from integrations.services.holds import Hold
from project.tenancy import audit
from project.tenancy.models import User


@transaction.atomic
def suppress(
    *,
    client_id: UUID | None,
    channel: str,
    value: str,
    source: str,
    reason: str = "",
    is_domain: bool = False,
    expires_at: datetime | None = None,
    actor: User | None = None,
) -> Suppression:
    """Put a normalised address or domain on the list of a client (or of the whole organization: ``None``)."""
    row: Suppression
    row, _ = Suppression.objects.update_or_create(
        client_id=client_id,
        channel=channel,
        value=value,
        is_domain=is_domain,
        defaults={"source": source, "reason": reason[:200], "expires_at": expires_at},
    )
    audit.record(actor=actor, action="suppression.added", subject=row, client_id=client_id, channel=channel)
    return row


@transaction.atomic
def suppress_lead(*, lead: Lead, channel: str, source: str, reason: str, actor: User | None = None) -> int:
    """Suppress every address that a lead has on a channel; return how many."""
    channels = list(LeadChannel.objects.filter(lead=lead, kind=channel))
    for row in channels:
        suppress(
            client_id=lead.client_id,
            channel=channel,
            value=row.normalized,
            source=source,
            reason=reason,
            actor=actor,
        )
    return len(channels)


def suppression_of(*, client_id: UUID, lead_id: UUID, channel: str) -> Suppression | None:
    """Return the suppression that forbids writing to a lead on a channel, if there is one."""
    values = list(
        LeadChannel.objects.filter(lead_id=lead_id, kind=channel).values_list("normalized", "provider_id")
    )
    exact = [value for pair in values for value in pair if value]
    domains = [value.rpartition("@")[2] for value, _ in values if "@" in value]
    found: Suppression | None = (
        Suppression.objects.filter(Q(client_id=client_id) | Q(client_id=None), channel=channel)
        .filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()))
        .filter(Q(is_domain=False, value__in=exact) | Q(is_domain=True, value__in=domains))
        .first()
    )
    return found


def gate(outbound: OutboundMessage) -> Hold | None:
    """The outbox's last question before an attempt: is the person suppressed? Replies of people are asked too."""
    if outbound.lead_id is None:
        return None
    found = suppression_of(client_id=outbound.client_id, lead_id=outbound.lead_id, channel=outbound.channel)
    if found is None:
        return None
    return Hold(
        code="suppressed",
        reason=f"On the suppression list ({found.source}): {found.reason or 'no reason given'}.",
        until=None,
        final=True,
    )
