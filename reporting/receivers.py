"""Receivers of domain events: one-liners that call services."""

from __future__ import annotations

from campaigns import events as campaign_events
from inbox.events import ConversationAnswered, ConversationResolved, PromiseBroken
from project.core.events import subscribe
from reporting import row_words
from reporting.models import Fact
from reporting.services import facts

_KINDS = {
    campaign_events.LeadEnrolled: Fact.Kind.ENROLLED,
    campaign_events.LeadInvited: Fact.Kind.INVITED,
    campaign_events.LeadConnected: Fact.Kind.CONNECTED,
    campaign_events.LeadMessaged: Fact.Kind.MESSAGED,
    campaign_events.LeadReplied: Fact.Kind.REPLIED,
    campaign_events.LeadEmailed: Fact.Kind.EMAILED,
    campaign_events.LeadTexted: Fact.Kind.TEXTED,
    campaign_events.LeadDelivered: Fact.Kind.DELIVERED,
    campaign_events.LeadOpened: Fact.Kind.OPENED,
    campaign_events.LeadClicked: Fact.Kind.CLICKED,
    campaign_events.LeadOpenedByMachine: Fact.Kind.MACHINE_OPENED,
    campaign_events.LeadClickedByMachine: Fact.Kind.MACHINE_CLICKED,
    campaign_events.LeadBounced: Fact.Kind.BOUNCED,
    campaign_events.LeadComplained: Fact.Kind.COMPLAINED,
    campaign_events.LeadUnsubscribed: Fact.Kind.UNSUBSCRIBED,
    campaign_events.EnrollmentEnded: Fact.Kind.ENDED,
}


def on_enrollment_fact(event: campaign_events.EnrollmentFact) -> None:
    """Write the fact."""
    facts.record_enrollment(
        kind=_KINDS[type(event)],
        enrollment=event.enrollment,
        key=event.key,
        occurred_at=event.occurred_at,
        node_id=event.node_id,
        sender_id=event.sender_id,
    )


subscribe(ConversationAnswered, id="reporting.answered")(facts.record_answer)
subscribe(PromiseBroken, id="reporting.promise_broken")(facts.record_broken_promise)
subscribe(ConversationResolved, id="reporting.resolved")(facts.record_resolution)
for _event_class in _KINDS:
    subscribe(_event_class, id="reporting.fact")(on_enrollment_fact)
row_words.register()
