"""Suppressions: adding them, and asking right before a send."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from campaigns import identity
from campaigns.models import Lead, LeadChannel, Suppression
from integrations.models import OutboundMessage
from integrations.services.holds import Hold
from project.core.refusals import Invalid
from project.tenancy import audit
from project.tenancy.models import User

_DOMAIN = re.compile(r"^(?:[a-z0-9](?:[a-z0-9\-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$")
_LONGEST = timedelta(days=36525)


class SuppressionRefused(Invalid):
    """Nobody can be suppressed by this; the message says why."""


@transaction.atomic
def add(
    *,
    client_id: UUID | None,
    channel: str,
    value: str,
    is_domain: bool,
    reason: str,
    expires_at: datetime | None,
    actor: User,
) -> Suppression:
    """Suppress an address as a person writes it, or an e-mail domain. Raises ``SuppressionRefused``."""
    if expires_at is not None and not timezone.now() < expires_at < timezone.now() + _LONGEST:
        raise SuppressionRefused(
            "Choose an end in the future, within a hundred years, or none.", field="expires_at"
        )
    return suppress(
        client_id=client_id,
        channel=channel,
        value=_domain(channel, value) if is_domain else _address(channel, value),
        source="person",
        reason=reason,
        is_domain=is_domain,
        expires_at=expires_at,
        actor=actor,
    )


def _domain(channel: str, value: str) -> str:
    text = value.strip().lower().removeprefix("@")
    if channel != "email" or not _DOMAIN.match(text):
        raise SuppressionRefused("Only e-mail has domains; write one like example.com.", field="value")
    return text


def _address(channel: str, value: str) -> str:
    normalise = {
        "linkedin": identity.linkedin_identifier,
        "email": identity.email_address,
        "sms": identity.phone_number,
    }[channel]
    try:
        return normalise(value)
    except identity.InvalidAddress as error:
        raise SuppressionRefused(f"This is {error}.", field="value") from error


@transaction.atomic
def remove(*, suppression: Suppression, actor: User) -> None:
    """Take an entry off the list: the person may be contacted again."""
    audit.record(actor=actor, action="suppression.removed", subject=suppression, channel=suppression.channel)
    suppression.delete()


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
