"""Suppressions: adding them, and asking right before a send."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from campaigns import identity
from campaigns.models import ErasedAddress, Lead, LeadChannel, Suppression, Unsubscribe
from campaigns.services import suppression_marks
from campaigns.services.provider_runs import suppressing
from integrations.models import OutboundMessage
from integrations.services import suppressions
from integrations.services.holds import Hold
from project.core.refusals import Invalid
from project.tenancy import audit
from project.tenancy.models import User

_DOMAIN = re.compile(r"^(?:[a-z0-9](?:[a-z0-9\-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$")
_LONGEST = timedelta(days=36525)

#: Sources of entries that stand on a provider's list of unsubscribes as well.
_LISTED = (*Suppression.ASKED, Suppression.Source.PERSON, Suppression.Source.PROVIDER)


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
        value=normalized(channel, value, is_domain=is_domain),
        source="person",
        reason=reason,
        is_domain=is_domain,
        expires_at=expires_at,
        actor=actor,
    )


def normalized(channel: str, value: str, *, is_domain: bool) -> str:
    """An address or a domain as the list compares it. Raises ``SuppressionRefused``."""
    return _domain(channel, value) if is_domain else _address(channel, value)


def _domain(channel: str, value: str) -> str:
    text = value.strip().lower().removeprefix("@")
    if channel != "email" or not _DOMAIN.match(text):
        raise SuppressionRefused(
            "This is no e-mail address, and no domain such as example.com.", field="value"
        )
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
    """Take an entry off the list: the person may be contacted again, and a new wish of theirs counts as new."""
    audit.record(actor=actor, action="suppression.removed", subject=suppression, channel=suppression.channel)
    if not suppression.is_domain:
        wishes = Unsubscribe.objects.filter(
            channel=suppression.channel, value=suppression.value, undone_at=None
        )
        if suppression.client_id is not None:
            wishes = wishes.filter(client_id=suppression.client_id)
        wishes.update(undone_at=timezone.now(), updated_at=timezone.now())
        if suppression.channel == "email" and suppression.source in _LISTED:
            suppressions.take_back(client_id=suppression.client_id, address=suppression.value)
    suppression.delete()
    suppression_marks.mark_those_with(suppression)


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
    """Put a normalised address or domain on the list of a client (or of the whole organization: ``None``).

    What a machine learns never weakens an entry: one without an end keeps none, and a later end wins. A person's own
    entry (``source`` person) is taken as it is. Whoever is in a campaign that a provider runs is stopped there.
    """
    row: Suppression | None = (
        Suppression.objects.select_for_update()
        .filter(client_id=client_id, channel=channel, value=value, is_domain=is_domain)
        .first()
    )
    if row is not None and source != Suppression.Source.PERSON and _is_stronger(row, expires_at):
        return row
    row, _ = Suppression.objects.update_or_create(
        client_id=client_id,
        channel=channel,
        value=value,
        is_domain=is_domain,
        defaults={"source": source, "reason": reason[:200], "expires_at": expires_at},
    )
    assert row is not None
    audit.record(actor=actor, action="suppression.added", subject=row, client_id=client_id, channel=channel)
    suppression_marks.mark_those_with(row)
    if suppressing.concerns(row):
        Suppression.objects.filter(id=row.id).update(is_carried=False, updated_at=timezone.now())
        suppressing.ask(row)
    return row


def _is_stronger(row: Suppression, expires_at: datetime | None) -> bool:
    """Whether an entry holds at least as long as a new one would, and is not over."""
    if row.expires_at is None:
        return True
    return expires_at is not None and row.expires_at >= expires_at and row.expires_at > timezone.now()


@transaction.atomic
def lift(
    *, client_id: UUID | None, channel: str, value: str, sources: Sequence[str], actor: User | None = None
) -> bool:
    """Take an address off one list if it stands there for one of ``sources``; say whether it did."""
    rows = Suppression.objects.filter(
        client_id=client_id, channel=channel, value=value, is_domain=False, source__in=sources
    )
    found = list(rows)
    for row in found:
        audit.record(
            actor=actor, action="suppression.removed", subject=row, client_id=client_id, channel=channel
        )
        row.delete()
        suppression_marks.mark_those_with(row)
    return bool(found)


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
    """Return the suppression that forbids writing to a lead on a channel, if there is one.

    A wish of the person at one address holds for all of theirs; a bounce only for the address that bounced.
    """
    addresses = list(LeadChannel.objects.filter(lead_id=lead_id, kind=channel))
    return suppression_of_person(client_id=client_id, channel=channel, addresses=addresses)


def suppression_of_person(
    *, client_id: UUID, channel: str, addresses: Sequence[LeadChannel], value: str = ""
) -> Suppression | None:
    """The same for somebody whose addresses are loaded, and for the address ``value`` that a thread is with."""
    pairs = [(row.normalized, row.provider_id) for row in addresses if row.kind == channel]
    exact = {one for pair in pairs for one in pair if one}
    domains = {_domain_of(normalized) for normalized, _ in pairs}
    standing: list[Suppression] = list(
        _standing(
            client_id, channel, sorted(exact | {value} - {""}), sorted({*domains, _domain_of(value)} - {""})
        )
    )
    theirs = [row for row in standing if row.value in (domains if row.is_domain else exact)]
    wishes = [row for row in theirs if row.source != Suppression.Source.BOUNCE]
    if wishes:
        return wishes[0]
    if theirs and not {normalized for normalized, _ in pairs} - {row.value for row in theirs}:
        return theirs[0]
    at_value = (row for row in standing if row.value == (_domain_of(value) if row.is_domain else value))
    return next(at_value, None) if value else None


def _domain_of(address: str) -> str:
    return address.rpartition("@")[2] if "@" in address else ""


def suppression_of_value(*, client_id: UUID, channel: str, value: str) -> Suppression | None:
    """Return the suppression of a normalised address or its domain, whoever has the address, if there is one."""
    domains = [_domain_of(value)] if "@" in value else []
    found: Suppression | None = _standing(client_id, channel, [value], domains).first()
    return found


def _standing(client_id: UUID, channel: str, exact: Sequence[str], domains: Sequence[str]) -> Any:
    return (
        Suppression.objects.filter(Q(client_id=client_id) | Q(client_id=None), channel=channel)
        .filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()))
        .filter(Q(is_domain=False, value__in=exact) | Q(is_domain=True, value__in=domains))
        .order_by("created_at", "id")
    )


def gate(outbound: OutboundMessage) -> Hold | None:
    """The outbox's last question before an attempt: is the person suppressed? Replies of people are asked too.

    The address itself is looked up, so that a lead who was deleted or imported anew changes nothing. Of people who were
    erased the list has no entry any more: the digests of their addresses stand for it.
    """
    if _is_erased(outbound):
        return Hold(code="suppressed", reason="They were erased at their own request.", final=True)
    found = next(filter(None, (_of_recipient(outbound, value) for value in _addresses_of(outbound))), None)
    if found is None and outbound.lead_id is not None:
        found = suppression_of(
            client_id=outbound.client_id, lead_id=outbound.lead_id, channel=outbound.channel
        )
    return hold_of(found) if found is not None else None


def _is_erased(outbound: OutboundMessage) -> bool:
    """Whether the lead was erased, or one of the addresses is of somebody who was."""
    if (
        outbound.lead_id is not None
        and Lead.objects.filter(id=outbound.lead_id, erased_at__isnull=False).exists()
    ):
        return True
    digests = [
        identity.digest(outbound.organization_id, outbound.channel, value)
        for value in _addresses_of(outbound)
    ]
    erased = ErasedAddress.objects.filter(client_id=outbound.client_id, channel=outbound.channel)
    return bool(digests) and erased.filter(digest__in=digests).exists()


def _words_of(found: Suppression) -> str:
    """How an entry came onto the list, and why if that is known."""
    how = dict(Suppression.Source.choices).get(found.source, found.source)
    return f"{how}: {found.reason.rstrip('.')}" if found.reason else how


def hold_of(found: Suppression) -> Hold:
    """A suppression as a hold: one with an end waits for it, one without is final."""
    return Hold(
        code="suppressed",
        reason=f"They must not be contacted. {_words_of(found)}.",
        until=found.expires_at,
        final=found.expires_at is None,
    )


def _of_recipient(outbound: OutboundMessage, value: str) -> Suppression | None:
    return suppression_of_value(client_id=outbound.client_id, channel=outbound.channel, value=value)


def _addresses_of(outbound: OutboundMessage) -> list[str]:
    """The recipient's addresses as suppressions compare them."""
    names = {"email": ("email",), "sms": ("phone",)}.get(
        outbound.channel, ("provider_id", "public_identifier")
    )
    found = [str(outbound.recipient.get(name) or "") for name in names]
    return [value.lower() if "@" in value else value for value in found if value]
