"""Sends to a lead, when leads are merged, taken apart or erased: references upward carry no constraint."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q, Value
from django.db.models.functions import Replace

from integrations.models import OutboundMessage
from project.core.clock import now

#: What of a payload names nobody and is needed to find the thread that an answer belongs to.
_KEPT = ("message_id", "in_reply_to", "references", "segments")


@transaction.atomic
def change_lead(
    *, from_lead: UUID, to_lead: UUID, enrollments: Sequence[UUID], only: Sequence[UUID] | None = None
) -> list[str]:
    """Say of the sends to one lead (of ``only`` these) that they went to another; return their ids.

    Of what campaigns sent only what belongs to ``enrollments``, which go along. Their dedupe keys name the lead: they
    are rewritten, so that what is in the outbox is still found by it, and never queued twice.
    """
    by_people = ~Q(origin=OutboundMessage.Origin.CAMPAIGN)
    rows = OutboundMessage.objects.filter(by_people | Q(enrollment_id__in=enrollments), lead_id=from_lead)
    if only is not None:
        rows = rows.filter(id__in=only)
    ids = list(rows.values_list("id", flat=True))
    key = Replace(F("dedupe_key"), Value(f":{from_lead}:"), Value(f":{to_lead}:"))
    moving = OutboundMessage.objects.filter(id__in=ids)
    moving.filter(origin=OutboundMessage.Origin.CAMPAIGN).update(dedupe_key=key)
    moving.update(lead_id=to_lead, updated_at=now())
    return [str(row_id) for row_id in ids]


@transaction.atomic
def erase(*, lead_id: UUID) -> int:
    """Erase what was written to a lead and where it went; that something left, and when, stays. Returns how many.

    What is being sent at this moment is left out; the caller has withdrawn what waits.
    """
    busy = (OutboundMessage.State.QUEUED, OutboundMessage.State.SENDING)
    rows = list(OutboundMessage.objects.filter(lead_id=lead_id).exclude(state__in=busy).order_by("id"))
    for row in rows:
        row.body, row.recipient, row.error_detail = "", {}, ""
        row.payload = {name: row.payload[name] for name in _KEPT if name in row.payload}
        row.updated_at = now()
    OutboundMessage.objects.bulk_update(
        rows, ["body", "recipient", "error_detail", "payload", "updated_at"], batch_size=500
    )
    return len(rows)
