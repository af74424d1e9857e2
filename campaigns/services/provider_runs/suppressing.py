"""Who may not be written to any more is taken out of the campaigns that providers run.

Our own engine asks right before each send; a provider has to be told. The entry of the list is the job
(``Suppression.is_carried``): it is carried out once its transaction has committed, so that whoever is handed over at
the same time is either found here or left out there, and a lost message is found by the sweeper.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final
from uuid import UUID

from django.db import transaction

from campaigns.models import Campaign, CampaignMirror, Enrollment, EnrollmentMirror, Suppression
from campaigns.plans.state import Cause
from campaigns.services import suppression_marks
from campaigns.services.provider_runs import people
from campaigns.services.suppressed import suppressed_leads
from integrations import registry
from integrations.base import Capability
from project.core.clock import now
from project.core.tasks import enqueue

State = EnrollmentMirror.State
Source = Suppression.Source
#: Of whom the provider may still write something, or may be told of.
OPEN: Final = (State.WAITING, State.HANDING, State.ADDED, State.HELD)
#: An entry that nobody carried out by then is found by the sweeper.
GRACE: Final = timedelta(seconds=20)
SWEEP_BATCH: Final = 200


def concerns(entry: Suppression) -> bool:
    """Whether a provider may have to be told of an entry.

    Not of one that a soft bounce made for some days: providers try such an address again as they see fit.
    """
    if entry.source == Source.BOUNCE and entry.expires_at is not None:
        return False
    rows = CampaignMirror.objects.filter(connection__provider__in=_runners(entry.channel))
    return bool(rows.exclude(campaign__status=Campaign.Status.ARCHIVED).exists())


def ask(entry: Suppression) -> None:
    """Have an entry carried out once this transaction has committed."""
    from campaigns.tasks import carry_out_suppression  # tasks call services

    enqueue(carry_out_suppression, suppression_id=entry.id)


def carry_out(suppression_id: UUID) -> int:
    """End whom an entry is about in campaigns that providers run; they are stopped there. Returns how many.

    Safe to run twice, and to interrupt.
    """
    entry = Suppression.objects.filter(id=suppression_id, is_carried=False).first()
    if entry is None:
        return 0
    ended = sum(_take_out(row, entry) for row in _concerned(entry))
    # One that was changed meanwhile asks once more by itself.
    Suppression.objects.filter(id=entry.id, updated_at=entry.updated_at).update(is_carried=True)
    return ended


def _runners(channel: str) -> list[str]:
    return [
        one.kind
        for one in registry.providers()
        if Capability.RUNS_CAMPAIGNS in one.capabilities and one.channels[0] == channel
    ]


def _concerned(entry: Suppression) -> Iterator[EnrollmentMirror]:
    """Open people of provider-run campaigns whom the entry forbids to write to."""
    rows = EnrollmentMirror.objects.filter(
        enrollment__lead_id__in=suppression_marks.leads_with(entry),
        state__in=OPEN,
        mirror__connection__provider__in=_runners(entry.channel),
    ).exclude(enrollment__status=Enrollment.Status.ENDED)
    rows = rows.select_related("enrollment__lead").prefetch_related("enrollment__lead__channels")
    for row in list(rows.order_by("id")):
        lead = row.enrollment.lead
        # A bounce holds for the address that bounced: another one of theirs may be the one in use.
        if row.key == entry.value or suppressed_leads([lead], channels={entry.channel}):
            yield row


@transaction.atomic
def _take_out(row: EnrollmentMirror, entry: Suppression) -> int:
    enrollment = people.locked(row.enrollment_id)
    if enrollment.status == Enrollment.Status.ENDED:
        return 0
    why = f" {entry.reason.rstrip('.')}." if entry.reason else ""
    reason = f"{enrollment.lead} is on the do-not-contact list ({people.how_listed(entry.source)}).{why}"
    people.finish(enrollment, outcome="stopped", reason=reason, cause=Cause("rule", "suppressed"), at=now())
    return 1


def forgotten() -> list[tuple[UUID, UUID]]:
    """(entry, organization) of what nobody has carried out (platform scope)."""
    rows = Suppression.objects.filter(is_carried=False, updated_at__lte=now() - GRACE)
    return list(rows.order_by("updated_at").values_list("id", "organization_id")[:SWEEP_BATCH])
