"""Writing facts: idempotent by kind, key and instant."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final, TypedDict, Unpack
from uuid import UUID

from django.db.models import QuerySet

from campaigns.events import EnrollmentFact, MeetingTakenBack, ReplyRead
from campaigns.models import ReplyReading
from campaigns.replies.intents import POSITIVE, Intent
from campaigns.services.brakes import lists_of
from inbox.events import ConversationAnswered, ConversationResolved, PromiseBroken, ResolutionTakenBack
from inbox.models import Conversation
from integrations.models import OutboundMessage
from project.core.db.bulk import insert_rows
from project.core.tasks import enqueue
from reporting import streams
from reporting.models import Fact, FactRetraction

#: What a retraction keeps of its fact.
RETRACTED: Final = (
    "occurred_at", "kind", "client_id", "campaign_id", "enrollment_id", "lead_id", "sender_id", "in_time", "node_id",
    "variant_id", "channel", "domain", "list_id", "value",
)  # fmt: skip


#: What an open report should show at once; the rest waits for the next tick.
_HOT: Final = frozenset({Fact.Kind.REPLIED, Fact.Kind.POSITIVE, Fact.Kind.MEETING, Fact.Kind.QUALIFIED})


class About(TypedDict, total=False):
    """What a fact is about, as far as it is known."""

    campaign_id: UUID | None
    enrollment_id: UUID | None
    lead_id: UUID | None
    sender_id: UUID | None
    conversation_id: UUID | None
    node_id: str
    variant_id: str
    channel: str
    domain: str
    list_id: UUID | None


def record(
    *,
    kind: str,
    key: str,
    occurred_at: datetime,
    client_id: UUID,
    value: int | None = None,
    **about: Unpack[About],
) -> None:
    """Write one fact in the caller's transaction; the same kind, key and instant again changes nothing.

    ``value`` is a measured quantity, e.g. seconds until a reply.
    """
    _write(Fact(kind=kind, key=key[:160], occurred_at=occurred_at, client_id=client_id, value=value, **about))


def _write(fact: Fact) -> None:
    Fact.objects.bulk_create([fact], ignore_conflicts=True)
    _hint({fact.kind}, [fact.client_id])


def record_enrollments(events: Sequence[tuple[str, EnrollmentFact]]) -> None:
    """Write facts about enrollments, each with its kind, in one statement."""
    lists = lists_of({event.enrollment.lead_id for _, event in events})
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
                "list_id": lists.get(event.enrollment.lead_id),
                "value": event.seconds,
                **_message(event),
            }
            for kind, event in events
        ],
        ignore_conflicts=True,
    )
    _hint(
        {kind for kind, _ in events},
        [event.enrollment.client_id for kind, event in events if kind in _HOT],
    )


def _message(event: EnrollmentFact) -> dict[str, str]:
    """Wording, channel and recipient's domain of the message that a fact is about."""
    outbound = event.outbound
    return {
        "variant_id": outbound.variant_id if outbound is not None else "",
        "channel": event.channel or (outbound.channel if outbound is not None else ""),
        "domain": _domain(outbound),
    }


def take_back(facts: QuerySet[Fact]) -> list[Fact]:
    """Remove facts that have not happened, or may not be kept any more; sums follow. Returns what they were."""
    rows = list(facts)
    FactRetraction.objects.bulk_create(
        [
            FactRetraction(
                fact_id=row.id,
                fact_written_in=row.written_in,
                **{name: getattr(row, name) for name in RETRACTED},
            )
            for row in rows
        ]
    )
    for row in rows:
        Fact.objects.filter(occurred_at=row.occurred_at, id=row.id).delete()
    _hint({row.kind for row in rows}, [row.client_id for row in rows])
    return rows


def _hint(kinds: Collection[str], clients: Collection[UUID]) -> None:
    """Have facts counted at once that somebody may be looking for, and their reports looked at again."""
    if not _HOT.isdisjoint(kinds):
        streams.reports_changed(set(clients))
        from reporting.tasks import count_facts  # tasks call services

        enqueue(count_facts)


def record_reading(event: ReplyRead) -> None:
    """Write, or take back, that a reply was positive, as it is read now; and what it is, where a person said that."""
    reading = event.reading
    if reading.source == ReplyReading.Source.PERSON:
        _follow_correction(event)
    if reading.intent in POSITIVE:
        _record_read(event, Fact.Kind.POSITIVE)
        return
    key = f"{reading.enrollment_id}:{Fact.Kind.POSITIVE}:{reading.event_id}"
    take_back(Fact.objects.filter(kind=Fact.Kind.POSITIVE, key=key, occurred_at=reading.occurred_at))


def _follow_correction(event: ReplyRead) -> None:
    """Count an answer as a reply, as a note of absence, or (what machines write) as neither.

    It may be a fact of several campaigns that the lead is in: what it was there, it becomes there.
    """
    reading = event.reading
    wanted = {Intent.OUT_OF_OFFICE: Fact.Kind.AWAY, Intent.AUTOMATIC: None}.get(
        Intent(reading.intent), Fact.Kind.REPLIED
    )
    told = Fact.objects.filter(
        lead_id=reading.enrollment.lead_id,
        occurred_at=reading.occurred_at,
        key__endswith=f":{reading.event_id}",
    )
    gone = take_back(told.filter(kind__in={Fact.Kind.REPLIED, Fact.Kind.AWAY} - {wanted}))
    if wanted is None:
        return
    for row in gone:
        kept = {name: getattr(row, name) for name in RETRACTED if name != "kind"}
        _write(Fact(kind=wanted, key=f"{row.enrollment_id}:{wanted}:{reading.event_id}", **kept))
    if not told.filter(kind=wanted).exists():
        _record_read(event, wanted)  # it was a machine's until now


def _record_read(event: ReplyRead, kind: Fact.Kind) -> None:
    """Write one fact about an answer, with what it answers."""
    reading, outbound = event.reading, event.answered
    lead_id = reading.enrollment.lead_id
    since = outbound.sent_at if outbound is not None else None
    record(
        kind=kind,
        key=f"{reading.enrollment_id}:{kind}:{reading.event_id}",
        occurred_at=reading.occurred_at,
        client_id=reading.client_id,
        campaign_id=reading.campaign_id,
        enrollment_id=reading.enrollment_id,
        lead_id=lead_id,
        sender_id=outbound.sender_id if outbound is not None else _heard_by(reading),
        node_id=reading.node_id,
        variant_id=reading.variant_id,
        channel=reading.channel,
        domain=_domain(outbound),
        list_id=lists_of({lead_id}).get(lead_id),
        value=int((reading.occurred_at - since).total_seconds()) if since is not None else None,
    )


def _heard_by(reading: ReplyReading) -> UUID | None:
    """The sender that a contact replied to, where the message that is answered is not ours (provider-run campaigns)."""
    replies = Fact.objects.filter(
        campaign_id=reading.campaign_id, kind=Fact.Kind.REPLIED, occurred_at=reading.occurred_at,
        enrollment_id=reading.enrollment_id,
    )  # fmt: skip
    found: UUID | None = replies.values_list("sender_id", flat=True).first()
    return found


def _domain(outbound: OutboundMessage | None) -> str:
    """Domain of the address that a message went to; empty on other channels."""
    if outbound is None or outbound.channel != "email":
        return ""
    return str(outbound.recipient.get("email", "")).rpartition("@")[2].lower()[:255]


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
    take_back(
        Fact.objects.filter(
            kind=Fact.Kind.RESOLVED,
            key=_closing(event.conversation, event.closed_at),
            occurred_at=event.closed_at,
        )
    )


def take_back_meeting(event: MeetingTakenBack) -> None:
    """Remove the fact of a meeting that was marked by mistake."""
    take_back(Fact.objects.filter(kind=Fact.Kind.MEETING, key=event.key))


def _closing(conversation: Conversation, closed_at: datetime) -> str:
    return f"{conversation.id}:{closed_at.isoformat()}"


def _record_conversation(conversation: Conversation, **values: Any) -> None:
    _write(
        Fact(
            client_id=conversation.client_id,
            campaign_id=conversation.campaign_id,
            lead_id=conversation.lead_id,
            sender_id=conversation.sender_id,
            channel=conversation.channel,
            conversation_id=conversation.id,
            **values,
        )
    )
