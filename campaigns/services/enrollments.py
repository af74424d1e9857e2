"""Enrollments: the only place where the interpreter's commands become rows.

Everything that happens to an enrollment goes through ``advance``: lock the row, ask the pure interpreter, store its
state and carry out its commands in the caller's transaction. Lock order: docs/decisions/0006-locks-and-claims.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import prefetch_related_objects

from campaigns.events import LeadEnrolled
from campaigns.models import Campaign, Enrollment, EnrollmentSender, Lead, Relation
from campaigns.plans import followed, interpreter
from campaigns.plans.schema import Plan
from campaigns.plans.state import Cause, Context, Ended, Event, State, Step, from_json, to_json
from campaigns.querysets import senders_prefetch, with_senders
from campaigns.services import assignment, changes, entry
from campaigns.services import campaigns as campaign_service
from campaigns.services.assignment import Rotation
from campaigns.services.changes import Changes
from campaigns.services.planning import context_of, plan_of
from campaigns.services.provider_runs import holding, mirrors, people
from integrations.locks import lock_senders
from integrations.models.connections import Channel
from project.core.clock import now
from project.core.events import publish
from project.tenancy import audit
from project.tenancy.models import User

log = structlog.get_logger(__name__)

CHUNK = 100
#: The message to enroll an audience is given this long before the sweeper does its work.
ENROLLING_TAKES = timedelta(seconds=20)
Move = Callable[[Plan, State, Context], Step]

sender_for = changes.sender_for
send_key = changes.send_key


def locked(enrollment_id: UUID) -> Enrollment:
    """Return an enrollment with its row locked until the end of the transaction.

    The locks of all its senders are taken first, in order of their ids. A hand-over changes senders only under all of
    them, so the set is looked at again once they are held.
    """
    [found] = locked_many([enrollment_id])
    return found


def locked_many(enrollment_ids: Sequence[UUID]) -> list[Enrollment]:
    """Return several enrollments with their rows locked, in order of their ids; all their senders' locks come first."""
    links = EnrollmentSender.objects.filter(enrollment_id__in=enrollment_ids)
    held: set[UUID] = set()
    while missing := set(links.values_list("sender_id", flat=True)) - held:
        lock_senders(missing)
        held |= missing
    rows = (
        Enrollment.objects.select_for_update(of=("self",))
        .select_related("campaign", "lead", "lead__company")
        .filter(id__in=enrollment_ids)
        .order_by("id")
    )
    return list(with_senders(rows))


def advance(enrollment: Enrollment, move: Move) -> Step:
    """Let the interpreter act on a locked enrollment and carry out what it wants. Returns the step it made."""
    step = move(plan_of(enrollment), from_json(enrollment.state), context_of(enrollment))
    store(enrollment, step)
    return step


def store(enrollment: Enrollment, step: Step) -> None:
    """Keep the interpreter's state and carry out its commands, in order."""
    wanted = Changes()
    wanted.take(enrollment, step)
    wanted.write()


def take_in(enrollment: Enrollment, event: Event) -> Step:
    """Tell a locked enrollment that something happened out there."""
    if enrollment.campaign.kind == Campaign.Kind.PROVIDER:
        step = followed.apply(plan_of(enrollment), from_json(enrollment.state), event, now=now())
        store(enrollment, step)
        return step
    return advance(enrollment, lambda plan, state, ctx: interpreter.apply(plan, state, event, ctx, now=now()))


def end(enrollment: Enrollment, *, cause: Cause, reason: str) -> Step:
    """End a locked enrollment from outside: by a person, or by a rule."""
    if enrollment.campaign.kind == Campaign.Kind.PROVIDER:
        ended = Ended("stopped", reason[:300], cause, enrollment.node_id, now())
        step = followed.end(from_json(enrollment.state), ended)
        store(enrollment, step)
        return step
    return advance(
        enrollment, lambda plan, state, ctx: interpreter.stop(plan, state, now(), cause, reason, ctx)
    )


@transaction.atomic
def stop(*, enrollment_id: UUID, reason: str, actor: User) -> Enrollment:
    """End an enrollment by hand; what is queued is withdrawn."""
    enrollment = locked(enrollment_id)
    end(enrollment, cause=Cause("person", actor.display_name), reason=reason)
    audit.record(actor=actor, action="enrollment.stopped", subject=enrollment, reason=reason)
    return enrollment


@transaction.atomic
def pause(*, enrollment_id: UUID, actor: User) -> Enrollment:
    """Hold an enrollment: nothing of it is claimed until it is resumed. A provider that runs it is told to wait.

    Raises ``Refused`` where that provider cannot hold one person.
    """
    enrollment = locked(enrollment_id)
    is_run = enrollment.campaign.kind == Campaign.Kind.PROVIDER
    if is_run:
        holding.check(enrollment)
    if enrollment.status == Enrollment.Status.ACTIVE:
        enrollment.status = Enrollment.Status.PAUSED
        enrollment.reason = f"Paused by {actor.display_name}."
        enrollment.save(update_fields=["status", "reason", "updated_at"])
        audit.record(actor=actor, action="enrollment.paused", subject=enrollment)
        if is_run:
            holding.changed(enrollment)
        campaign_service.changed(enrollment.campaign_id)
    return enrollment


@transaction.atomic
def resume(*, enrollment_id: UUID, actor: User) -> Enrollment:
    """Go on with a paused enrollment; a provider that runs it is told to."""
    enrollment = locked(enrollment_id)
    if enrollment.status == Enrollment.Status.PAUSED:
        enrollment.status = Enrollment.Status.ACTIVE
        enrollment.reason = ""
        enrollment.save(update_fields=["status", "reason", "updated_at"])
        audit.record(actor=actor, action="enrollment.resumed", subject=enrollment)
        if enrollment.campaign.kind == Campaign.Kind.PROVIDER:
            holding.changed(enrollment)
        campaign_service.changed(enrollment.campaign_id)
    return enrollment


def enroll_audience(*, campaign_id: UUID) -> int:
    """Enroll everybody of the audience who may enter (``entry``) and is not in yet, in chunks.

    Safe to run twice and to interrupt.
    """
    total = 0
    while True:
        with transaction.atomic():
            campaign = (
                Campaign.objects.select_for_update(of=("self",))
                .select_related("current_version")
                .get(id=campaign_id)
            )
            if campaign.status != Campaign.Status.ACTIVE:
                return total
            entry.lock_client(campaign.client_id)
            leads = list(
                entry.admissible(campaign, entry.waiting_leads(campaign))
                .select_related("company")
                .prefetch_related("channels")
                .order_by("id")[:CHUNK]
            )
            is_native = campaign.kind == Campaign.Kind.NATIVE
            rotation = Rotation.of(campaign, leads) if leads and is_native else None
            for lead in leads:
                enroll(campaign=campaign, lead=lead, rotation=rotation)
            if len(leads) < CHUNK:
                # Still under the campaign's lock: whoever asks for another enrolment comes after this.
                Campaign.objects.filter(id=campaign_id).update(enrolling_since=None)
            if leads and not is_native:
                mirrors.request(campaign_id)
        total += len(leads)
        if len(leads) < CHUNK:
            log.info("campaign.enrolled", campaign_id=str(campaign_id), leads=total)
            return total


def half_enrolled() -> list[Campaign]:
    """Running campaigns whose audience is not all in although it should be (for the sweeper; platform scope)."""
    waiting = Campaign.objects.filter(
        status=Campaign.Status.ACTIVE, enrolling_since__lt=now() - ENROLLING_TAKES
    )
    return list(waiting.order_by("enrolling_since")[:50])


def enroll(*, campaign: Campaign, lead: Lead, rotation: Rotation | None = None) -> Enrollment | None:
    """Put one lead into a running campaign, choose its senders and start its plan; ``None`` when it is in already.

    ``rotation`` is shared by those who enroll many leads at once.
    """
    if campaign.kind == Campaign.Kind.PROVIDER:
        return people.enroll(campaign=campaign, lead=lead)
    enrollment = Enrollment(
        client_id=campaign.client_id, campaign=campaign, plan_version=campaign.current_version, lead=lead
    )
    enrollment.organization_id = campaign.organization_id
    step = interpreter.start(plan_of(enrollment), now(), context_of(enrollment))
    enrollment.state = to_json(step.state)
    made: Enrollment
    made, created = Enrollment.objects.get_or_create(
        campaign=campaign, lead=lead, defaults={field: getattr(enrollment, field) for field in _CREATED_WITH}
    )
    if not created:
        return None
    assign(made, rotation or Rotation.of(campaign, [lead]))
    publish(LeadEnrolled(enrollment=made, occurred_at=now(), key=f"{made.id}:enrolled"))
    store(made, step)
    _tell_of_connections(made)
    return made


_CREATED_WITH = ("id", "client_id", "plan_version_id", "state")


def assign(enrollment: Enrollment, rotation: Rotation) -> None:
    """Give an enrollment a sender for each channel that its plan uses and that has none yet."""
    there = {(link.channel, link.choice) for link in enrollment.sender_links.all()}
    links = []
    for slot in assignment.slots_of(plan_of(enrollment)):
        chosen = rotation.choose(enrollment.lead_id, slot) if slot not in there else None
        if chosen is not None:
            links.append(
                EnrollmentSender(
                    enrollment=enrollment,
                    channel=slot[0],
                    choice=slot[1],
                    sender=chosen.sender,
                    reason=chosen.reason,
                )
            )
    EnrollmentSender.objects.bulk_create(links)
    prefetch_related_objects([enrollment], senders_prefetch())


def _tell_of_connections(enrollment: Enrollment) -> None:
    """Somebody who is connected to the LinkedIn sender already is not invited again."""
    seats = [link.sender_id for link in enrollment.sender_links.all() if link.channel == Channel.LINKEDIN]
    for known in Relation.objects.filter(lead_id=enrollment.lead_id, sender_id__in=seats):
        take_in(enrollment, connection_event(known.sender_id, known.lead_id, known.connected_at, now()))


def connection_event(sender_id: UUID, lead_id: UUID, occurred_at: datetime, received_at: datetime) -> Event:
    """The one event that two people are connected; its id names them, however often it is learnt."""
    return Event(f"accepted:{sender_id}:{lead_id}", "accepted", occurred_at, received_at, channel="linkedin")
