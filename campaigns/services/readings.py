"""Reading replies: which message each answers, what it means, and people's corrections."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction

from campaigns.events import MessageMatched, ReplyRead
from campaigns.models import Campaign, Enrollment, ReplyReading
from campaigns.replies.intents import VERSION, Intent, judge
from campaigns.services import campaigns
from integrations.events import MessageReceived
from integrations.models import OutboundMessage
from project.core.clock import now
from project.core.events import publish
from project.core.refusals import Invalid
from project.tenancy import audit
from project.tenancy.models import User


def on_message_matched(fact: MessageMatched) -> None:
    """Read an answer in the transaction that stores it. Notes of absence and machines' mails are no replies; how they
    were read is kept, so that a person can say that one is a reply after all.
    """
    event = fact.event
    if fact.lead is None or not isinstance(event, MessageReceived) or not event.is_reply:
        return
    answered = _answered_step(fact, event.occurred_at)
    if answered is None:
        return  # nobody wrote to them first: it answers no message of a campaign
    enrollment, node_id, variant_id = answered
    found = judge(
        event.text,
        event.occurred_at.date(),
        channel=fact.sender.channel,
        subject=event.subject,
        is_automatic=event.is_automatic,
    )
    reading, is_new = ReplyReading.objects.get_or_create(
        event_id=fact.event_id,
        defaults={
            "client_id": enrollment.client_id,
            "campaign_id": enrollment.campaign_id,
            "enrollment": enrollment,
            "channel": fact.sender.channel,
            "node_id": node_id,
            "variant_id": variant_id,
            "intent": found.intent.value,
            "first_intent": found.intent.value,
            "because": found.because[:200],
            "rules": VERSION,
            "occurred_at": event.occurred_at,
        },
    )
    if is_new:
        publish(ReplyRead(reading=reading, answered=answered_by(enrollment.id, event.occurred_at)))
    fact.outcome["intent"] = f"Read as {found.intent.replace('_', ' ')}" + (
        f" (“{found.because}”)." if found.because else "."
    )


def _answered_step(fact: MessageMatched, at: datetime) -> tuple[Enrollment, str, str] | None:
    """(enrollment, node, variant) of what is answered: the provider names it, or our outbox knows."""
    told = fact.enrollment
    if told is not None and told.campaign.kind == Campaign.Kind.PROVIDER:
        return told, fact.node_id or told.node_id, ""
    assert fact.lead is not None  # whoever calls has looked
    answered = _answered(fact.lead.id, fact.sender.id, at)
    if answered is None or answered.enrollment_id is None:
        return None
    return Enrollment.objects.get(id=answered.enrollment_id), answered.node_id, answered.variant_id


def answered_by(enrollment_id: UUID, at: datetime) -> OutboundMessage | None:
    """The last message of an enrollment that left before an instant."""
    found: OutboundMessage | None = (
        OutboundMessage.objects.filter(
            enrollment_id=enrollment_id, state=OutboundMessage.State.SENT, sent_at__lte=at
        )
        .order_by("-sent_at")
        .first()
    )
    return found


def _answered(lead_id: UUID, sender_id: UUID, at: datetime) -> OutboundMessage | None:
    """The last campaign message that left before a reply: from the sender that was answered, else from any."""
    sent = OutboundMessage.objects.filter(
        lead_id=lead_id,
        origin=OutboundMessage.Origin.CAMPAIGN,
        state=OutboundMessage.State.SENT,
        sent_at__lte=at,
    ).order_by("-sent_at")
    found: OutboundMessage | None = sent.filter(sender_id=sender_id).first() or sent.first()
    return found


@transaction.atomic
def correct(*, reading: ReplyReading, intent: str, actor: User) -> ReplyReading:
    """Say what a reply really means. Raises ``Invalid`` for an intent that does not exist."""
    if intent not in {one.value for one in Intent}:
        raise Invalid(f"There is no intent {intent!r}.", field="intent")
    ReplyReading.objects.filter(id=reading.id).update(
        intent=intent, source=ReplyReading.Source.PERSON, decided_by=actor, updated_at=now()
    )
    audit.record(
        actor=actor,
        action="reply.intent_corrected",
        subject=reading,
        client_id=reading.client_id,
        before=reading.intent,
        after=intent,
    )
    campaigns.changed(reading.campaign_id)
    corrected = reading.refreshed()
    publish(
        ReplyRead(reading=corrected, answered=answered_by(corrected.enrollment_id, corrected.occurred_at))
    )
    return corrected
