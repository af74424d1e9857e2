"""The right to be forgotten, and the right to know: erasing a lead, and the bundle of all that is kept of one.

Erasing takes names, addresses, texts and files. What stays names nobody: that something was sent and answered and when,
so that reports keep their sums; and a digest of each address, so that an import does not bring the person back. Rooms
that keep something of people take part by ``LeadErased`` and by ``register_record``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from django.db import transaction
from django.db.models import Q

from campaigns import identity
from campaigns.events import LeadErased
from campaigns.models import (
    Enrollment,
    ErasedAddress,
    Lead,
    LeadActItem,
    LeadChannel,
    LeadImportLead,
    LeadLabel,
    LeadMerge,
    ReplyReading,
    SendOutcome,
    Suppression,
    Transition,
    Unsubscribe,
)
from campaigns.services import forgetting
from campaigns.services.lead_changes import stop_all
from integrations.models import OutboundMessage
from integrations.services import lead_sends
from project.core.clock import now
from project.core.events import publish
from project.core.refusals import Invalid
from project.tenancy import audit
from project.tenancy.models import User

#: What an erased lead is called.
NAME: Final = "Erased"
Record = Callable[[Lead], list[dict[str, Any]]]
_records: dict[str, Record] = {}


def register_record(name: str, record: Record) -> None:
    """Add what a room keeps of a lead to the bundle, under a name; rows are JSON."""
    _records[name] = record


@transaction.atomic
def erase(*, lead: Lead, reason: str, actor: User) -> Lead:
    """Erase a lead for good. Raises ``Invalid`` for one that was erased, or that is a part of another one."""
    if lead.merged_into_id is not None:
        raise Invalid("This lead was merged: erase the one that it was merged into.")
    family = [lead, *Lead.objects.filter(merged_into=lead)]
    stop_all(family, reason="Erased at the person's request.", actor=actor)
    for one in sorted(family, key=lambda row: row.id):
        _erase(Lead.objects.select_for_update(of=("self",)).get(id=one.id))
    audit.record(
        actor=actor, action="lead.erased", client_id=lead.client_id, lead=str(lead.id), reason=reason[:200]
    )
    return lead.refreshed()


def _erase(lead: Lead) -> None:
    if lead.erased_at is not None:
        raise Invalid("This lead was erased before.")
    publish(LeadErased(lead=lead))
    addresses = list(LeadChannel.objects.filter(lead=lead))
    forgetting.forget_traces(lead, addresses)
    forgetting.forget_rows(lead, addresses)
    _forget_addresses(lead, addresses)
    lead_sends.erase(lead_id=lead.id)
    ReplyReading.objects.filter(enrollment__lead=lead).update(because="", updated_at=now())
    Enrollment.objects.filter(lead=lead).exclude(reason="").update(
        reason="Erased at the person's request.", updated_at=now()
    )
    LeadLabel.objects.filter(lead=lead).delete()
    # Acts and merges could bring back what was erased.
    LeadActItem.objects.filter(lead=lead).update(before={}, updated_at=now())
    LeadImportLead.objects.filter(lead=lead).update(filled={}, updated_at=now())
    LeadMerge.objects.filter(Q(kept=lead) | Q(other=lead)).delete()
    lead.first_name, lead.last_name, lead.title, lead.country, lead.time_zone = NAME, "", "", "", ""
    lead.fields, lead.company, lead.owner = {}, None, None
    lead.removed_at = lead.removed_at or now()
    lead.suppressed_until, lead.erased_at = None, now()
    lead.save()


def _forget_addresses(lead: Lead, addresses: list[LeadChannel]) -> None:
    """Leave a digest of each address, and take the address itself off the lists, which the digest stands for now."""
    known = {(row.kind, value) for row in addresses for value in (row.normalized, row.provider_id) if value}
    ErasedAddress.objects.bulk_create(
        [
            ErasedAddress(
                client_id=lead.client_id,
                channel=kind,
                digest=identity.digest(lead.organization_id, kind, value),
            )
            for kind, value in sorted(known)
        ],
        ignore_conflicts=True,
    )
    for kind, value in known:
        own = {"client_id": lead.client_id, "channel": kind, "value": value}
        Suppression.objects.filter(**own, is_domain=False).delete()
        Unsubscribe.objects.filter(**own).delete()
    LeadChannel.objects.filter(id__in=[row.id for row in addresses]).delete()


def bundle(*, lead: Lead, actor: User) -> dict[str, Any]:
    """Everything that is kept of a person, as JSON, for whoever asks what is known about them; it is audited."""
    family = [lead, *Lead.objects.filter(merged_into=lead)]
    audit.record(actor=actor, action="lead.disclosed", subject=lead)
    return {
        "made_at": now().isoformat(),
        "leads": [_lead(one) for one in family],
        **{name: [row for one in family for row in record(one)] for name, record in _records.items()},
    }


def _lead(lead: Lead) -> dict[str, Any]:
    names = ("first_name", "last_name", "title", "country", "time_zone", "fields")
    return {
        "id": str(lead.id),
        "client": lead.client.name,
        "company": lead.company.name if lead.company else None,
        "added_at": lead.created_at.isoformat(),
        **{name: getattr(lead, name) for name in names},
        "labels": [label.name for label in lead.labels.all()],
        "addresses": rows(
            lead.channels.order_by("id"), "kind", "value", "normalized", "provider_id", "member_urn"
        ),
    }


def rows(found: Any, *names: str) -> list[dict[str, Any]]:
    """Rows as the bundle shows them: these columns, instants and ids as text."""
    return [
        {name: value if isinstance(value, (str, int, bool, list, dict)) or value is None else str(value)
         for name, value in row.items()}
        for row in found.values(*names)
    ]  # fmt: skip


def _listed(lead: Lead) -> list[dict[str, Any]]:
    values = [value for row in lead.channels.all() for value in (row.normalized, row.provider_id) if value]
    found = Suppression.objects.filter(Q(client_id=lead.client_id) | Q(client_id=None), value__in=values)
    return rows(found.order_by("id"), "channel", "value", "source", "reason", "created_at", "expires_at")


def _wishes(lead: Lead) -> list[dict[str, Any]]:
    values = [row.normalized for row in lead.channels.all()]
    found = Unsubscribe.objects.filter(client_id=lead.client_id, value__in=values)
    return rows(found.order_by("id"), "channel", "value", "created_at", "undone_at")


for _name, _record in {
    "campaigns": lambda lead: rows(
        Enrollment.objects.filter(lead=lead).order_by("id"),
        "campaign__name", "status", "stage", "reason", "created_at", "ended_at",
    ),
    "steps": lambda lead: rows(
        Transition.objects.filter(enrollment__lead=lead).order_by("occurred_at", "id"),
        "occurred_at", "to_node", "cause", "reason",
    ),
    "sent": lambda lead: rows(
        OutboundMessage.objects.filter(lead_id=lead.id).order_by("created_at", "id"),
        "created_at", "sent_at", "channel", "action", "state", "recipient", "body", "payload",
    ),
    "reactions": lambda lead: rows(
        SendOutcome.objects.filter(lead_id=lead.id).order_by("sent_at", "id"),
        "channel", "sent_at", "delivered_at", "opened_at", "clicked_at", "bounced_at", "complained_at",
        "unsubscribed_at",
    ),
    "replies_read_as": lambda lead: rows(
        ReplyReading.objects.filter(enrollment__lead=lead).order_by("occurred_at", "id"),
        "occurred_at", "channel", "intent", "because", "source",
    ),
    "imports": lambda lead: rows(
        LeadImportLead.objects.filter(lead=lead).order_by("created_at", "id"),
        "lead_import__file_name", "created_at", "created_lead", "filled",
    ),
    "deals": lambda lead: rows(lead.deals.order_by("id"), "stage", "value", "currency", "meeting_on"),
    "do_not_contact": _listed,
    "unsubscribes": _wishes,
}.items():  # fmt: skip
    register_record(_name, _record)
