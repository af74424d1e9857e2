"""Reports on messages that left, many at once: delivered, read, opened, clicked, put off.

What one report does is what ``fates`` says; here it is done for a whole run with a few statements. Enrollments take
their events one by one, in the order of the reports, and are written once. Runs in the transaction of the facts, under
their sender's lock (``campaigns.services.reactions``).
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from campaigns.events import EnrollmentFact, MessageMatched
from campaigns.models import Enrollment, Lead
from campaigns.plans import interpreter
from campaigns.plans.state import State, from_json
from campaigns.services import brakes, delivery, enrollments, fates
from campaigns.services.changes import Changes
from campaigns.services.fates import Happening
from campaigns.services.planning import context_of, plan_of
from campaigns.thresholds import Signal
from integrations.domain_events import ProviderEventRecorded
from integrations.events import MessageBounced
from integrations.models import OutboundMessage
from project.core.clock import now
from project.core.events import publish_many

Told = tuple[ProviderEventRecorded, OutboundMessage, Happening]


def on_reports(facts: Sequence[ProviderEventRecorded]) -> None:
    """React to reports and pass them on to the inbox, in their order."""
    ours = [fact.outbound for fact in facts if fact.outbound is not None]
    leads = _leads(ours)
    told: list[Told] = [
        (fact, fact.outbound, happening)
        for fact in facts
        if fact.outbound is not None and (happening := fates.happening(fact.event)) is not None
    ]
    outcomes = delivery.note_many(
        [(outbound, what.column, fact.event.occurred_at) for fact, outbound, what in told]
    )
    running = _locked({outbound.enrollment_id for _, outbound, _ in told})
    _tell(
        told,
        running,
        {fact.event_id for (fact, _, _), (_, first) in zip(told, outcomes, strict=True) if first},
    )
    for fact in facts:
        if isinstance(fact.event, MessageBounced):
            fates.keep_off(fact, fact.event)
    put_off = [
        outcome
        for (fact, _, _), (outcome, _) in zip(told, outcomes, strict=True)
        if outcome is not None and isinstance(fact.event, MessageBounced)
    ]
    brakes.consider_all(outcomes=put_off, signal=Signal.DEFERRAL)
    others = {row.enrollment_id for row in ours if row.enrollment_id} - set(running)
    known: dict[UUID, Enrollment] = (
        {**Enrollment.objects.in_bulk(list(others)), **running} if others else running
    )
    publish_many([_matched(fact, leads, known) for fact in facts])


def _leads(outbounds: Sequence[OutboundMessage]) -> dict[UUID, Lead]:
    ids = {row.lead_id for row in outbounds if row.lead_id is not None}
    rows = Lead.objects.filter(id__in=ids).select_related("company") if ids else ()
    return {row.id: row for row in rows}


def _locked(ids: set[UUID | None]) -> dict[UUID, Enrollment]:
    """The enrollments with these ids that exist, locked."""
    wanted = [enrollment_id for enrollment_id in ids if enrollment_id is not None]
    return {row.id: row for row in enrollments.locked_many(wanted)} if wanted else {}


def _tell(told: Sequence[Told], running: dict[UUID, Enrollment], first: set[UUID]) -> None:
    """Let enrollments take in what happened, and publish what is ``first`` heard of."""
    at = now()
    changes = Changes()
    states: dict[UUID, State] = {}
    facts: list[EnrollmentFact] = []
    for fact, outbound, happening in told:
        if outbound.enrollment_id is None:
            continue
        enrollment = running.get(outbound.enrollment_id)
        if enrollment is None:
            fact.outcome["campaigns"] = fates.gone(happening)
            continue
        state = states.get(enrollment.id) or from_json(enrollment.state)
        event = fates.event_of(fact, outbound, happening)
        step = interpreter.apply(plan_of(enrollment), state, event, context_of(enrollment), now=at)
        states[enrollment.id] = step.state
        changes.take(enrollment, step)
        if happening.told is not None and fact.event_id in first:
            facts.append(fates.fact_of(fact, outbound, happening, enrollment))
        fact.outcome["campaigns"] = fates.in_words(happening, enrollment)
    changes.write()
    publish_many(facts)


def _matched(
    fact: ProviderEventRecorded, leads: dict[UUID, Lead], known: dict[UUID, Enrollment]
) -> MessageMatched:
    outbound = fact.outbound
    lead = leads.get(outbound.lead_id) if outbound is not None and outbound.lead_id else None
    enrollment = (
        known.get(outbound.enrollment_id) if outbound is not None and outbound.enrollment_id else None
    )
    if lead is not None:
        fact.outcome["lead_id"] = str(lead.id)
    if enrollment is not None:
        fact.outcome["enrollment_id"] = str(enrollment.id)
    return MessageMatched(
        event=fact.event,
        event_id=fact.event_id,
        sender=fact.sender,
        source=fact.source,
        outcome=fact.outcome,
        lead=lead,
        enrollment=enrollment,
        outbound=outbound,
    )
