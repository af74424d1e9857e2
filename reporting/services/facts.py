"""Writing facts: idempotent by kind, key and instant."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from campaigns.events import EnrollmentFact
from inbox.events import ConversationAnswered, ConversationResolved, PromiseBroken, ResolutionTakenBack
from inbox.models import Conversation
from project.core.db.bulk import insert_rows
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
    _write(
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
    )


def _write(fact: Fact) -> None:
    Fact.objects.bulk_create([fact], ignore_conflicts=True)
    _tell(fact.client_id)


def record_enrollments(events: Sequence[tuple[str, EnrollmentFact]]) -> None:
    """Write facts about enrollments, each with its kind, in one statement; open reports are told once."""
    insert_rows(
        Fact,
        [
            {
                "kind": kind,
                "key": event.key[:160],
                "occurred_at": event.occurred_at,
                "client_id": event.enrollment.client_id,
                "campaign_id": event.enrollment.campaign_id,
                "enrollment_id": event.enrollment.id,
                "lead_id": event.enrollment.lead_id,
                "sender_id": event.sender_id,
                "node_id": event.node_id,
            }
            for kind, event in events
        ],
        ignore_conflicts=True,
    )
    for client_id in sorted({event.enrollment.client_id for _, event in events}):
        _tell(client_id)


def _tell(client_id: UUID) -> None:
    emit(stream=streams.report(client_id), kind="report.changed", subject=("report", client_id), data={})


def record_answer(event: ConversationAnswered) -> None:
    """Write that a person answered, with the seconds the other side waited (``None``: nobody waited)."""
    kinds = [Fact.Kind.ANSWERED, *([Fact.Kind.FIRST_ANSWERED] if event.is_first else [])]
    for kind in kinds:
        _record_conversation(
            event.conversation,
            kind=kind,
            key=f"{event.message.id}",
            occurred_at=event.message.occurred_at,
            user_id=event.author.id,
            in_time=event.in_time,
            value=event.seconds,
        )


def record_broken_promise(event: PromiseBroken) -> None:
    """Write that an answer was not there in the promised time; whoever had the conversation then is named."""
    conversation = event.conversation
    _record_conversation(
        conversation,
        kind=Fact.Kind.PROMISE_BROKEN,
        key=f"{conversation.id}:{event.due_at.isoformat()}",
        occurred_at=event.due_at,
        user_id=conversation.assignee_id,
    )


def record_resolution(event: ConversationResolved) -> None:
    """Write that a conversation was closed, with the seconds since it began (again)."""
    conversation = event.conversation
    assert conversation.closed_at is not None
    _record_conversation(
        conversation,
        kind=Fact.Kind.RESOLVED,
        key=_closing(conversation, conversation.closed_at),
        occurred_at=conversation.closed_at,
        user_id=event.actor.id if event.actor else None,
        value=event.seconds,
    )


def take_back_resolution(event: ResolutionTakenBack) -> None:
    """Remove the fact of a closing that was a mistake: it has not happened."""
    Fact.objects.filter(
        kind=Fact.Kind.RESOLVED,
        key=_closing(event.conversation, event.closed_at),
        occurred_at=event.closed_at,
    ).delete()


def _closing(conversation: Conversation, closed_at: datetime) -> str:
    return f"{conversation.id}:{closed_at.isoformat()}"


def _record_conversation(conversation: Conversation, **values: Any) -> None:
    _write(
        Fact(
            client_id=conversation.client_id,
            campaign_id=conversation.campaign_id,
            lead_id=conversation.lead_id,
            sender_id=conversation.sender_id,
            conversation_id=conversation.id,
            **values,
        )
    )
