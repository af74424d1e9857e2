"""Somebody says who it was that wrote: what they wrote counts for that lead from then on, as if it had been matched.

A person's word on a thread comes late, when the messages are stored. ``recognised`` has the campaigns react to them as
they would have done; what comes into the thread afterwards is matched by it (``matching.register_threads``).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from django.db.models import Min

from campaigns.events import MessageMatched
from campaigns.models import Enrollment, Lead
from campaigns.services import reactions, readings
from campaigns.services.matching import Match
from integrations.domain_events import ProviderEventRecorded
from integrations.events import MessageReceived, from_json
from integrations.models import ProviderEvent, SenderAccount


def recognised(
    *, lead: Lead, sender: SenderAccount, message_ids: Collection[str], times: Sequence[datetime]
) -> Enrollment | None:
    """Let replies that are known (by the provider's ids and when they were written) count as this lead's.

    Sequences stop or wait, a wish to be left out is honoured, readings and figures are made; each once. Replies from
    before the lead was enrolled end no sequence, but a wish to be left out always counts. Returns the enrollment that
    was answered last. Call it in ``in_lock_order`` with the sender's lock, and before a conversation is locked.
    """
    enrolled_at = Enrollment.objects.filter(lead=lead).aggregate(at=Min("created_at"))["at"]
    latest = None
    for row in _told(sender, set(message_ids), times):
        event = from_json(row.payload)
        assert isinstance(event, MessageReceived)  # rows of this kind hold nothing else
        fact = ProviderEventRecorded(
            event=event,
            event_id=row.id,
            sender=sender,
            source=row.source,
            outcome={**row.outcome, "lead_id": str(lead.id)},
        )
        is_older = enrolled_at is None or event.occurred_at < enrolled_at
        if is_older and not reactions.is_wish(fact, event):
            enrollment = None
        else:
            enrollment = reactions.on_message(fact, event, Match(lead, "a person's word"))
        if enrollment is not None:
            fact.outcome["enrollment_id"] = str(enrollment.id)
            latest = enrollment
        readings.on_message_matched(
            MessageMatched(
                event=event,
                event_id=row.id,
                sender=sender,
                source=row.source,
                outcome=fact.outcome,
                lead=lead,
                enrollment=enrollment,
                outbound=None,
            )
        )
        ProviderEvent.objects.filter(id=row.id, recorded_at=row.recorded_at).update(outcome=fact.outcome)
    return latest


def _told(sender: SenderAccount, message_ids: set[str], times: Sequence[datetime]) -> list[ProviderEvent]:
    """The facts of these messages, in their order; one that is kept no more is left out."""
    rows = ProviderEvent.objects.filter(
        sender_id=sender.id, kind="message_received", occurred_at__in=times
    ).order_by("occurred_at", "id")
    return [
        row
        for row in rows
        if message_ids & {row.payload.get("message_id"), row.payload.get("provider_message_id")} - {"", None}
    ]
