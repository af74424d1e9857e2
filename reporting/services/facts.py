"""Writing facts: idempotent by kind, key and instant."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from campaigns.models import Enrollment
from inbox.events import ConversationAnswered
from project.core.realtime import emit
from reporting import streams
from reporting.models import Fact


def record(
    *,
    kind: str,
    key: str,
    occurred_at: datetime,
    client_id: UUID,
    campaign_id: UUID | None = None,
    enrollment_id: UUID | None = None,
    lead_id: UUID | None = None,
    sender_id: UUID | None = None,
    conversation_id: UUID | None = None,
    node_id: str = "",
    value: int | None = None,
) -> None:
    """Write one fact in the caller's transaction; the same kind, key and instant again changes nothing.

    ``value`` is a measured quantity, e.g. seconds until a reply.
    """
    Fact.objects.bulk_create(
        [
            Fact(
                kind=kind,
                key=key[:160],
                occurred_at=occurred_at,
                client_id=client_id,
                campaign_id=campaign_id,
                enrollment_id=enrollment_id,
                lead_id=lead_id,
                sender_id=sender_id,
                conversation_id=conversation_id,
                node_id=node_id,
                value=value,
            )
        ],
        ignore_conflicts=True,
    )
    emit(stream=streams.report(client_id), kind="report.changed", subject=("report", client_id), data={})


def record_enrollment(
    *,
    kind: str,
    enrollment: Enrollment,
    key: str,
    occurred_at: datetime,
    node_id: str = "",
    sender_id: UUID | None,
) -> None:
    """Write one fact about an enrollment."""
    record(
        kind=kind,
        key=key,
        occurred_at=occurred_at,
        client_id=enrollment.client_id,
        campaign_id=enrollment.campaign_id,
        enrollment_id=enrollment.id,
        lead_id=enrollment.lead_id,
        sender_id=sender_id,
        node_id=node_id,
    )


def record_answer(event: ConversationAnswered) -> None:
    """Write that a person answered, with the seconds the other side waited (``None``: nobody waited)."""
    conversation = event.conversation
    record(
        kind=Fact.Kind.ANSWERED,
        key=f"{event.message.id}",
        occurred_at=event.message.occurred_at,
        client_id=conversation.client_id,
        campaign_id=conversation.campaign_id,
        lead_id=conversation.lead_id,
        sender_id=conversation.sender_id,
        conversation_id=conversation.id,
        value=event.seconds,
    )
