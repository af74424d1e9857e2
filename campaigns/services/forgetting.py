"""What is kept of an erased lead away from its own rows: links, mirrors, forecasts, states, told facts, files."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import F, Func, Q, QuerySet, TextField, Value
from django.db.models.functions import Cast, Lower

from campaigns import identity
from campaigns.imports.persons import Person
from campaigns.models import (
    AddressCheck,
    Enrollment,
    EnrollmentMirror,
    EnrollmentSender,
    ErasedAddress,
    Lead,
    LeadChannel,
    LeadImport,
    LeadImportError,
    LeadImportRow,
    PlanMigrationItem,
    Simulation,
    UnsubscribeLink,
)
from campaigns.services.provider_runs import erased
from integrations.services import lead_sends
from project.core.clock import now

#: How long a file is kept after its import came to an end, or after nobody went on with it.
FILES_KEPT: Final = timedelta(days=30)
#: Files that one round lets go of.
_PRUNED_AT_ONCE: Final = 500
_BUSY: Final = (LeadImport.State.PREVIEWING, LeadImport.State.RUNNING)
#: States of an import whose file is needed by nobody any more: what it said is in rows.
_OVER: Final = (LeadImport.State.DONE, LeadImport.State.FAILED, LeadImport.State.CANCELLED)


def forget_traces(lead: Lead, addresses: list[LeadChannel]) -> None:
    """Take the person out of what other rows remember of them."""
    for row in addresses:
        known = {"client_id": lead.client_id, "channel": row.kind, "value": row.normalized}
        # The link works on: who uses it is told that they are off the list.
        UnsubscribeLink.objects.filter(**known).update(
            value=erased_value(lead, row.kind, row.normalized), updated_at=now()
        )
    mails = [row.normalized for row in addresses if row.kind == "email"]
    AddressCheck.objects.filter(address__in=mails).delete()
    for enrollment in Enrollment.objects.filter(lead=lead).only("id", "state"):
        if enrollment.state.get("branch_fields"):
            state = {**enrollment.state, "branch_fields": []}
            Enrollment.objects.filter(id=enrollment.id).update(state=state, updated_at=now())
    # They have ended: a way back leaves them as they are.
    PlanMigrationItem.objects.filter(enrollment__lead=lead).update(before={}, after={}, updated_at=now())
    _forget_forecasts(lead)
    forget_mirrors(_forgettable().filter(enrollment__lead=lead))
    _forget_told(lead, addresses)


def erased_value(lead: Lead, kind: str, value: str) -> str:
    """What stands in place of an address where a row has to have one."""
    return f"{ErasedAddress.MARK}{identity.digest(lead.organization_id, kind, value)}"


def _forget_forecasts(lead: Lead) -> None:
    """Take their texts out of the worst that forecasts show; the sums stay."""
    theirs = [{"prospect": str(lead.id)}]
    for row in Simulation.objects.filter(client_id=lead.client_id, result__renders__contains=theirs):
        left = [one for one in row.result["renders"] if one["prospect"] != str(lead.id)]
        Simulation.objects.filter(id=row.id).update(result={**row.result, "renders": left}, updated_at=now())


def _forgettable() -> QuerySet[EnrollmentMirror]:
    """Mirrors with a key or an id by which the provider has not to be told any more."""
    told = [EnrollmentMirror.State.HANDING, EnrollmentMirror.State.HELD, EnrollmentMirror.State.STOPPING]
    is_clear = Q(provider_lead_id="") | Q(provider_lead_id__startswith=ErasedAddress.MARK)
    rows: QuerySet[EnrollmentMirror] = EnrollmentMirror.objects.exclude(state__in=told)
    return rows.exclude(is_clear, key__startswith=ErasedAddress.MARK)


def forget_mirrors(rows: Iterable[EnrollmentMirror]) -> int:
    """Put digests in place of what the provider knows erased people by; one that changes meanwhile waits."""
    cleared = 0
    for row in rows:
        same: dict[str, Any] = {
            "id": row.id,
            "state": row.state,
            "key": row.key,
            "provider_lead_id": row.provider_lead_id,
        }
        cleared += EnrollmentMirror.objects.filter(**same).update(
            key=erased.mark_of(row.organization_id, row.key),
            provider_lead_id=erased.mark_of(row.organization_id, row.provider_lead_id),
            reason="",
            category="",
            updated_at=now(),
        )
    return cleared


def forget_stopped() -> int:
    """Take the keys out of mirrors of erased people whom the provider has stopped since (platform scope)."""
    rows = _forgettable().filter(enrollment__lead__erased_at__isnull=False)
    return forget_mirrors(list(rows.order_by("id")[:_PRUNED_AT_ONCE]))


def _forget_told(lead: Lead, addresses: list[LeadChannel]) -> None:
    senders = EnrollmentSender.objects.filter(enrollment__lead=lead).values_list("sender_id", flat=True)
    words = {
        value for row in addresses for value in (row.normalized, row.provider_id, row.member_urn) if value
    }
    name = lead.full_name if lead.first_name and lead.last_name else ""
    lead_sends.erase_told(
        lead_id=lead.id, sender_ids=set(senders), words=words, name=name, since=lead.created_at
    )


# --- files -------------------------------------------------------------------------------------------


def forget_rows(lead: Lead, addresses: list[LeadChannel]) -> None:
    """Delete what imports of the client keep of the person, whatever became of their row, and files that are over."""
    given = [row.normalized for row in addresses]
    person = _as_written(lead, addresses)
    LeadImportRow.objects.filter(
        Q(linkedin__in=given) | Q(email__in=given) | Q(phone__in=given), lead_import__client=lead.client
    ).delete()
    made = LeadImport.objects.filter(client_id=lead.client_id)
    _forget_errors(lead, person)
    for one in made.exclude(sample=[]).only("id", "sample", "mapping").order_by("id"):
        left = [row for row in one.sample if not person.stands_in(row.get("values", []), one.mapping)]
        if left != one.sample:
            LeadImport.objects.filter(id=one.id).update(sample=left, updated_at=now())
    # Who stood in which file is not known of all: no file that is over is kept.
    for one in made.filter(state__in=_OVER).exclude(file="").select_for_update(of=("self",)).order_by("id"):
        _let_go(one)


def _forget_errors(lead: Lead, person: Person) -> None:
    """Delete rows that were left out and are about the person; the database looks for those that may be."""
    rows = LeadImportError.objects.filter(lead_import__client_id=lead.client_id).annotate(
        written=Lower(Cast("values", TextField())),
        digits=Func(
            F("written"),
            Value(r"\D"),
            Value(""),
            Value("g"),
            function="regexp_replace",
            output_field=TextField(),
        ),
    )
    found = Q(id__in=[])
    for mail in person.mails:
        found |= Q(written__contains=mail)
    for phone in person.phones:
        found |= Q(digits__contains=identity.national_digits(phone))
    for pattern in person.patterns():
        found |= Q(written__regex=pattern)
    maybe = rows.filter(found).values_list("id", "values", "lead_import__mapping")
    ids = [error_id for error_id, values, mapping in maybe.iterator() if person.stands_in(values, mapping)]
    LeadImportError.objects.filter(id__in=ids).delete()


def _as_written(lead: Lead, addresses: list[LeadChannel]) -> Person:
    """The person as rows of files may name them."""
    by_kind: dict[str, set[str]] = {"linkedin": set(), "email": set(), "sms": set()}
    for row in addresses:
        by_kind[row.kind] |= {row.normalized, row.provider_id if row.kind == "linkedin" else ""} - {""}
    return Person(
        first_name=lead.first_name,
        last_name=lead.last_name,
        profiles=frozenset(by_kind["linkedin"]),
        mails=frozenset(by_kind["email"]),
        phones=frozenset(by_kind["sms"]),
    )


def _let_go(made: LeadImport) -> None:
    """Delete the file of an import; its row says that there is none."""
    made.file.delete(save=False)
    made.file = ""
    made.save(update_fields=["file", "updated_at"])


def prune_files() -> int:
    """Delete files of imports that are over, or that nobody went on with, after a time (platform scope)."""
    pruned = 0
    rows = (
        LeadImport.objects.exclude(file="").exclude(state__in=_BUSY).filter(updated_at__lt=now() - FILES_KEPT)
    )
    for import_id in list(rows.order_by("updated_at").values_list("id", flat=True)[:_PRUNED_AT_ONCE]):
        with transaction.atomic():
            made = rows.select_for_update(of=("self",)).filter(id=import_id).first()
            if made is None:
                continue
            _let_go(made)
            pruned += 1
            if made.state not in _OVER:
                LeadImportRow.objects.filter(lead_import_id=import_id).delete()
                LeadImport.objects.filter(id=import_id).update(
                    state=LeadImport.State.CANCELLED,
                    sample=[],
                    error="Nobody went on with it for 30 days; its file was deleted.",
                )
    return pruned
