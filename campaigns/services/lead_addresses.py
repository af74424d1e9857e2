"""The addresses of one lead, as a person adds, mends and removes them.

What leaves next goes to what is here then: a message is addressed when it is composed. One that is queued already
keeps the address it was composed for.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.db import transaction

from campaigns import identity
from campaigns.imports.mapping import RowDraft
from campaigns.models import Lead, LeadChannel, Relation
from campaigns.services import leads, suppression, suppression_marks
from integrations.models.connections import Channel
from project.core.refusals import Invalid, Refused
from project.tenancy import audit
from project.tenancy.models import User

#: Addresses of one lead.
MOST: Final = 20
_LONGEST: Final = 300


class AddressTaken(Refused):
    """Another lead of the client has the address; ``lead_id`` and ``lead`` in the details say who."""

    default_code = "ADDRESS_TAKEN"


@transaction.atomic
def add(*, lead: Lead, kind: str, value: str, actor: User) -> LeadChannel:
    """Give a lead one more address.

    Raises ``Invalid`` for what is no address, is on the do-not-contact list or belongs to somebody who was erased,
    and ``AddressTaken``.
    """
    locked = _locked(lead)
    written, normalized = _address(kind, value, locked.country)
    _check(locked, kind, normalized)
    if LeadChannel.objects.filter(lead=locked).count() >= MOST:
        raise Invalid(f"A lead has at most {MOST} addresses; remove one first.", field="value")
    made: LeadChannel = LeadChannel.objects.create(
        client_id=locked.client_id, lead=locked, kind=kind, value=written, normalized=normalized
    )
    _record("lead.address_added", locked, made, actor)
    return made


@transaction.atomic
def mend(*, address: LeadChannel, value: str, actor: User) -> LeadChannel:
    """Write an address of a lead anew, and forget what was learnt of the old one: its bounce, the network's ids and
    (of their only LinkedIn profile) who is connected with it. Raises as ``add`` does.

    One that is on the do-not-contact list stays as it is: their wish would be lost with it.
    """
    locked = _locked(address.lead)
    row = _current(address)
    written, normalized = _address(row.kind, value, locked.country)
    row.value = written
    if normalized != row.normalized:
        _refuse_listed(row)
        _check(locked, row.kind, normalized)
        row.normalized, row.bounced_at = normalized, None
        row.provider_id = row.member_urn = ""
        _forget_connections(locked, row)
    row.save()
    _record("lead.address_changed", locked, row, actor)
    return row


@transaction.atomic
def remove(*, address: LeadChannel, actor: User) -> None:
    """Take an address off a lead. Raises ``Invalid`` for one that is on the do-not-contact list."""
    locked = _locked(address.lead)
    row = _current(address)
    _refuse_listed(row)
    _forget_connections(locked, row)
    LeadChannel.objects.filter(id=row.id).delete()
    _record("lead.address_removed", locked, row, actor)


def _locked(lead: Lead) -> Lead:
    leads.lock_people(lead.client_id)
    locked: Lead = Lead.objects.select_for_update(of=("self",)).get(id=lead.id)
    if locked.erased_at is not None or locked.merged_into_id is not None:
        raise Invalid("This lead was erased or merged; there is nothing to change.")
    return locked


def _current(address: LeadChannel) -> LeadChannel:
    row: LeadChannel | None = LeadChannel.objects.filter(id=address.id, lead_id=address.lead_id).first()
    if row is None:
        raise Invalid("Somebody has removed this address, or moved it to another lead, in the meantime.")
    return row


def _address(kind: str, value: str, country: str) -> tuple[str, str]:
    """An address as written and as it is compared."""
    written = " ".join(value.split())
    if len(written) > _LONGEST:
        raise Invalid(f"At most {_LONGEST} characters.", field="value")
    try:
        if kind == Channel.LINKEDIN:
            return written, identity.linkedin_identifier(written)
        if kind == Channel.EMAIL:
            return written, identity.email_address(written)
        return written, identity.phone_number(written, country)
    except identity.InvalidAddress as error:
        raise Invalid(f"This is {error}.", field="value") from error


def _check(lead: Lead, kind: str, normalized: str) -> None:
    key = ("phone" if kind == Channel.SMS else kind, normalized)
    draft = RowDraft(number=0, values=[])
    draft.addresses[key[0]] = (normalized, normalized)
    leads.refuse_erased(client_id=lead.client_id, drafts=[draft])
    owner_id: UUID | None = leads.existing_leads(client_id=lead.client_id, keys=[key]).get(key)
    if owner_id == lead.id:
        raise Invalid(f"{lead} has this address already.", field="value")
    if owner_id is not None:
        other = Lead.objects.get(id=owner_id)
        raise AddressTaken(
            f"{other} has this address already. If they are one person, merge them.",
            field="value",
            lead_id=str(other.id),
            lead=str(other),
        )
    found = suppression.suppression_of_value(client_id=lead.client_id, channel=kind, value=normalized)
    if found is not None:
        raise Invalid(f"{suppression.hold_of(found).reason} Nothing would be sent there.", field="value")


def _refuse_listed(row: LeadChannel) -> None:
    found = suppression.suppression_of_value(client_id=row.client_id, channel=row.kind, value=row.normalized)
    if found is not None and found.source != found.Source.BOUNCE:
        raise Invalid(
            f"{row.normalized} is on the do-not-contact list, which would not find them without it. "
            "Take it off that list first, if they wish to be written to again."
        )


def _forget_connections(lead: Lead, row: LeadChannel) -> None:
    """Connections are those of the profile: of a lead's only one they go with it."""
    if (
        row.kind == Channel.LINKEDIN
        and not LeadChannel.objects.filter(lead=lead, kind=row.kind).exclude(id=row.id).exists()
    ):
        Relation.objects.filter(lead=lead).delete()


def _record(action: str, lead: Lead, row: LeadChannel, actor: User) -> None:
    """Mark anew whether they may be contacted, and audit: without the address, as that log outlives an erasure."""
    suppression_marks.mark([lead.id])
    audit.record(actor=actor, action=action, subject=lead, kind=row.kind, address_id=str(row.id))
