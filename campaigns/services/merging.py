"""Leads that are one person after all: found by what speaks for it, merged, and taken apart again.

The kept lead gains addresses, campaigns, connections, labels and what it lacked; the other leaves the table. What was
moved is written down by its id, and moved back from there. Who is in the same campaign twice stays in it once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from campaigns import identity
from campaigns.events import LeadsMerged, LeadsParted
from campaigns.models import (
    Deal,
    Enrollment,
    Lead,
    LeadChannel,
    LeadImportLead,
    LeadLabel,
    LeadMerge,
    Relation,
    SendOutcome,
)
from campaigns.plans.state import Cause
from campaigns.services import enrollments, suppression_marks
from integrations.services import lead_sends
from project.core.clock import now
from project.core.events import publish
from project.core.refusals import Invalid
from project.tenancy import audit
from project.tenancy.models import User

_FILLED: Final = ("first_name", "last_name", "title", "country", "time_zone")


def evidence(one: Lead, other: Lead) -> list[str]:
    """What speaks for two leads (with their addresses loaded) being one person: sentences, the strongest first."""
    found = []
    first, second = list(one.channels.all()), list(other.channels.all())
    ids = {row.provider_id for row in first if row.provider_id} | {row.normalized for row in first}
    if any(row.kind == "linkedin" and {row.provider_id, row.normalized} & ids - {""} for row in second):
        found.append("The network says that both profiles are one member.")
    mailboxes = {identity.mailbox(row.normalized) for row in first if row.kind == "email"}
    same = [row for row in second if row.kind == "email" and identity.mailbox(row.normalized) in mailboxes]
    found += [f"Mail to {row.normalized} arrives in the same mailbox." for row in same]
    name = one.full_name.casefold()
    if (one.first_name or one.last_name) and name == other.full_name.casefold():
        if one.company_id and one.company_id == other.company_id:
            found.append(f"Both are called {one.full_name} and work at {one.company}.")
        elif one.title and one.title.casefold() == other.title.casefold():
            found.append(f"Both are called {one.full_name} and are {one.title}.")
        else:
            found.append(f"Both are called {one.full_name}.")
    return found


@transaction.atomic
def merge(*, kept: Lead, other: Lead, actor: User) -> LeadMerge:
    """Make two leads of a client one. Raises ``Invalid`` where that is not possible."""
    if kept.id == other.id:
        raise Invalid("Choose two different people.", field="other")
    if kept.client_id != other.client_id:
        raise Invalid("They are leads of two clients, whose data stay apart.", field="other")
    rows = Enrollment.objects.filter(lead__in=[kept, other])
    found = enrollments.locked_many(list(rows.values_list("id", flat=True)))
    leads = {
        lead.id: lead
        for lead in Lead.objects.select_for_update(of=("self",))
        .filter(id__in=[kept.id, other.id])
        .order_by("id")
    }
    kept, other = leads[kept.id], leads[other.id]
    for lead in (kept, other):
        if lead.merged_into_id is not None or lead.erased_at is not None:
            raise Invalid(f"{lead} was merged or erased before.", field="other")
    why = evidence(kept, other)
    moved: dict[str, Any] = {"filled": _fill(kept, other), "was_removed": other.removed_at is not None}
    moved["enrollments"] = _move_enrollments(found, kept, other, actor)
    moved["channels"] = _move(LeadChannel.objects.filter(lead=other), kept)
    seats = Relation.objects.filter(lead=kept).values("sender_id")
    moved["relations"] = _move(Relation.objects.filter(lead=other).exclude(sender__in=seats), kept)
    names = LeadLabel.objects.filter(lead=kept).values("name")
    moved["labels"] = _move(LeadLabel.objects.filter(lead=other).exclude(name__in=names), kept)
    lists = LeadImportLead.objects.filter(lead=kept).values("lead_import_id")
    moved["lists"] = _move(LeadImportLead.objects.filter(lead=other).exclude(lead_import__in=lists), kept)
    if not Deal.objects.filter(lead=kept).exists():
        moved["deals"] = _move(Deal.objects.filter(lead=other), kept)
    moved["outbound"] = lead_sends.change_lead(
        from_lead=other.id, to_lead=kept.id, enrollments=_ids(moved["enrollments"])
    )
    moved["outcomes"] = _retarget(SendOutcome.objects.filter(outbound_id__in=moved["outbound"]), kept.id)
    Lead.objects.filter(id=other.id).update(merged_into=kept, removed_at=now(), updated_at=now())
    made: LeadMerge = LeadMerge.objects.create(
        client_id=kept.client_id, kept=kept, other=other, actor=actor, evidence=why, moved=moved
    )
    publish(LeadsMerged(merge=made))
    suppression_marks.mark([kept.id, other.id])
    audit.record(actor=actor, action="leads.merged", subject=kept, other=str(other.id), evidence=why)
    return made


def _fill(kept: Lead, other: Lead) -> dict[str, Any]:
    """Give the kept lead what it lacks; return that, as ``[before, after]`` by field."""
    filled: dict[str, Any] = {}
    for name in _FILLED:
        if getattr(other, name) and not getattr(kept, name):
            filled[name] = ["", getattr(other, name)]
            setattr(kept, name, getattr(other, name))
    for name in ("company_id", "owner_id"):
        if getattr(other, name) and not getattr(kept, name):
            filled[name] = [None, str(getattr(other, name))]
            setattr(kept, name, getattr(other, name))
    if lacking := {name: value for name, value in other.fields.items() if name not in kept.fields}:
        filled["fields"] = lacking
        kept.fields = {**kept.fields, **lacking}
    kept.save()
    return filled


def _move_enrollments(found: list[Enrollment], kept: Lead, other: Lead, actor: User) -> list[str]:
    there = {row.campaign_id for row in found if row.lead_id == kept.id}
    moving = []
    for row in found:
        if row.lead_id != other.id:
            continue
        if row.campaign_id not in there:
            moving.append(row.id)
        elif row.status != Enrollment.Status.ENDED:
            enrollments.end(
                row, cause=Cause("person", actor.display_name), reason=f"The same person as {kept}."
            )
    Enrollment.objects.filter(id__in=moving).update(lead=kept, updated_at=now())
    return [str(row_id) for row_id in moving]


def _move(rows: Any, lead: Lead) -> list[str]:
    """Give rows to another lead; return their ids."""
    ids = list(rows.values_list("id", flat=True))
    rows.model.objects.filter(id__in=ids).update(lead=lead, updated_at=now())
    return [str(row_id) for row_id in ids]


def _retarget(rows: Any, lead_id: UUID) -> list[str]:
    ids = list(rows.values_list("id", flat=True))
    rows.model.objects.filter(id__in=ids).update(lead_id=lead_id, updated_at=now())
    return [str(row_id) for row_id in ids]


@transaction.atomic
def part(*, merge_id: UUID, actor: User) -> LeadMerge:
    """Take two leads apart again: what was moved goes back, where it still is with the kept lead.

    What happened since stays with the kept lead; campaigns that stopped stay stopped. Raises ``Invalid`` for what was
    taken apart before, and for a lead that was erased or merged on meanwhile.
    """
    made: LeadMerge = LeadMerge.objects.select_for_update(of=("self",)).get(id=merge_id)
    if made.undone_at is not None:
        raise Invalid("These two were taken apart before.")
    moved = made.moved
    enrollments.locked_many(_ids(moved.get("enrollments", [])))
    leads = {
        lead.id: lead
        for lead in Lead.objects.select_for_update(of=("self",))
        .filter(id__in=[made.kept_id, made.other_id])
        .order_by("id")
    }
    kept, other = leads[made.kept_id], leads[made.other_id]
    if kept.merged_into_id is not None or kept.erased_at is not None or other.erased_at is not None:
        raise Invalid(f"{kept} was erased, or merged with somebody else: take that apart first.")
    for model, name in (
        (Enrollment, "enrollments"),
        (LeadChannel, "channels"),
        (Relation, "relations"),
        (LeadLabel, "labels"),
        (LeadImportLead, "lists"),
        (SendOutcome, "outcomes"),
        (Deal, "deals"),
    ):
        rows: Any = model.objects.filter(id__in=moved.get(name, []), lead_id=kept.id)
        rows.update(lead_id=other.id, updated_at=now())
    lead_sends.change_lead(
        from_lead=kept.id,
        to_lead=other.id,
        enrollments=_ids(moved.get("enrollments", [])),
        only=_ids(moved.get("outbound", [])),
    )
    _empty(kept, moved.get("filled", {}))
    removed_at = other.removed_at if moved.get("was_removed") else None
    Lead.objects.filter(id=other.id).update(merged_into=None, removed_at=removed_at, updated_at=now())
    made.undone_at = now()
    made.save(update_fields=["undone_at", "updated_at"])
    publish(LeadsParted(merge=made))
    suppression_marks.mark([kept.id, other.id])
    audit.record(actor=actor, action="leads.parted", subject=kept, other=str(other.id))
    return made


@transaction.atomic
def keep_apart(*, one: Lead, other: Lead, actor: User) -> LeadMerge:
    """Say that two leads are two people: they are not proposed again. Raises ``Invalid``."""
    if one.id == other.id or one.client_id != other.client_id:
        raise Invalid("Choose two different people of one client.", field="other")
    made: LeadMerge = LeadMerge.objects.create(
        client_id=one.client_id, kept=one, other=other, actor=actor, undone_at=now()
    )
    audit.record(actor=actor, action="leads.kept_apart", subject=one, other=str(other.id))
    return made


def _ids(values: Iterable[str]) -> list[UUID]:
    return [UUID(value) for value in values]


def _empty(kept: Lead, filled: dict[str, Any]) -> None:
    for name, change in filled.items():
        if name == "fields":
            kept.fields = {
                known: value for known, value in kept.fields.items() if change.get(known, object()) != value
            }
        elif str(getattr(kept, name) or "") == str(change[1] or ""):
            setattr(kept, name, change[0])
    kept.save()
