"""What people do around a thread: its sequence, a meeting, and what a reply means."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from campaigns.models import Enrollment, ReplyReading
from campaigns.replies.intents import Intent
from campaigns.scheduling.zones import to_instant
from campaigns.services import deals, enrollments, readings, steering
from inbox import whereabouts
from inbox.models import Conversation
from inbox.services import arrivals, assignment, live, policies, threads, triage
from project.core.clock import now
from project.core.refusals import Invalid
from project.tenancy import audit
from project.tenancy.models import User

ACTS: Final = ("pause", "resume", "stop", "move", "meeting", "no_meeting", "enter")
_DONE: Final = {
    "pause": "paused the sequence.",
    "resume": "lets the sequence go on.",
    "stop": "stopped the sequence; nothing more of it is sent.",
    "move": "moved the sequence to another step.",
    "meeting": "marked a meeting.",
    "no_meeting": "took the meeting back: there is none.",
    "enter": "put them into another campaign",
}


@transaction.atomic
def act_on_sequence(
    *, conversation_id: UUID, act: str, actor: User, node_id: str = "", campaign_id: UUID | None = None
) -> None:
    """Pause, resume, stop or move a thread's sequence, mark a meeting or take it back, or put the lead into another.

    Raises ``Invalid`` where there is no sequence, or no such act or step.
    """
    if act not in ACTS:
        raise Invalid("There is no such act.", field="act")
    found = Conversation.objects.get(id=conversation_id)
    enrollment_id = found.enrollment_id or newest_enrollment(found.lead_id)
    said = _DONE[act]
    if act == "enter":
        said = f"{said}: “{_enter(found, campaign_id, actor)}”."
    elif enrollment_id is not None:
        _act(enrollment_id, act, actor, node_id)
    elif act != "meeting":
        raise Invalid("No sequence runs for this person.", code="NO_SEQUENCE")
    conversation = threads.locked(conversation_id)
    kind = "meeting" if act in ("meeting", "no_meeting") else "sequence"
    threads.add_line(conversation, kind, f"{actor.display_name} {said}", now())
    audit.record(actor=actor, action=f"conversation.{act}", subject=conversation)
    live.conversation_changed(conversation)


@transaction.atomic
def set_deal(*, conversation_id: UUID, actor: User, given: dict[str, Any] | None) -> None:
    """Say what stands with the lead of a thread; ``None``: nothing does. Raises ``Invalid``."""
    conversation = threads.locked(conversation_id)
    if conversation.lead_id is None:
        raise Invalid("Say first who this is: only leads have deals.")
    if given is None:
        deals.remove(lead_id=conversation.lead_id, actor=actor)
        said = "took the deal away."
    else:
        made = deals.save(lead_id=conversation.lead_id, actor=actor, **given)
        worth = f", worth {made.value:,.2f} {made.currency}" if made.value is not None else ""
        said = f"says that the deal is {made.stage}{worth}."
    threads.add_line(conversation, "deal", f"{actor.display_name} {said}", now())


def newest_enrollment(lead_id: UUID | None) -> UUID | None:
    """The newest enrollment of a lead, if there is one."""
    if lead_id is None:
        return None
    rows = Enrollment.objects.filter(lead_id=lead_id).order_by("-created_at", "-id")
    found: UUID | None = rows.values_list("id", flat=True).first()
    return found


def _enter(conversation: Conversation, campaign_id: UUID | None, actor: User) -> str:
    """Put the lead of a thread into a campaign; return its name."""
    if conversation.lead_id is None:
        raise Invalid("Say first who this is: only leads are in campaigns.", field="campaign")
    if campaign_id is None:
        raise Invalid("Choose a campaign.", field="campaign")
    made = steering.put_into(lead_id=conversation.lead_id, campaign_id=campaign_id, actor=actor)
    return str(made.campaign)


def _act(enrollment_id: UUID, act: str, actor: User, node_id: str) -> None:
    if act == "stop":
        reason = f"Stopped by {actor.display_name}."
        enrollments.stop(enrollment_id=enrollment_id, reason=reason, actor=actor)
    elif act == "pause":
        enrollments.pause(enrollment_id=enrollment_id, actor=actor)
    elif act == "resume":
        enrollments.resume(enrollment_id=enrollment_id, actor=actor)
    elif act == "move":
        steering.move_to(enrollment_id=enrollment_id, node_id=node_id, actor=actor)
    elif act == "no_meeting":
        steering.unmark_meeting(enrollment_id=enrollment_id, actor=actor)
    else:
        steering.mark_meeting(enrollment_id=enrollment_id, actor=actor)


def reading_of(conversation: Conversation) -> ReplyReading | None:
    """The newest reading of what the person of a thread wrote, or ``None`` where it answers no campaign."""
    if conversation.lead_id is None:
        return None
    rows = ReplyReading.objects.filter(enrollment__lead_id=conversation.lead_id)
    found: ReplyReading | None = rows.select_related("decided_by").order_by("-occurred_at", "-id").first()
    return found


#: When somebody who was away is back, in their own hours.
_BACK_AT: Final = time(9)


def _put_away_until(conversation: Conversation, intent: str, returns_on: date, actor: User) -> None:
    if intent != Intent.OUT_OF_OFFICE:
        raise Invalid("Only who is out of office comes back on a day.", field="returns_on")
    tz = whereabouts.clock_of(conversation).tz
    until = to_instant(datetime.combine(returns_on, _BACK_AT), tz)
    triage.snooze(conversation_id=conversation.id, until=until, actor=actor)


def _follow_intent(conversation: Conversation) -> None:
    """Start, shorten or stop the clock as if their last message had been read so at once, and ask the rules.

    The caller has the conversation locked and saves it.
    """
    since = conversation.awaiting_since or conversation.last_inbound_at
    if not conversation.last_inbound or since is None or conversation.status == Conversation.Status.CLOSED:
        return
    policy = policies.policy_of(conversation.client_id)
    if policies.promise(policy, conversation.client).due(since, conversation.intent) is None:
        arrivals.stop_clock(conversation)
        return
    arrivals.start_clock(conversation, since)
    if conversation.assignee_id is None and conversation.status == Conversation.Status.OPEN:
        assignment.assign_by_rule(conversation)


@transaction.atomic
def correct_intent(
    *, conversation_id: UUID, intent: str, actor: User, returns_on: date | None = None
) -> None:
    """Say what their last reply really means. What the rules said is kept beside it. Raises ``Invalid``.

    Whoever is out of office until ``returns_on`` comes back to the list on that morning, where they are.
    """
    if intent not in {one.value for one in Intent}:
        raise Invalid(f"There is no intent {intent!r}.", field="intent")
    conversation = threads.locked(conversation_id)
    reading = reading_of(conversation)
    if reading is not None:
        readings.correct(reading=reading, intent=intent, actor=actor)
    if returns_on is not None:
        _put_away_until(conversation, intent, returns_on, actor)
        conversation.refresh_from_db()
    before = conversation.intent
    if before == intent and reading is None:
        return
    conversation.intent = intent
    _follow_intent(conversation)
    conversation.save()
    said = intent.replace("_", " ")
    threads.add_line(conversation, "intent", f"{actor.display_name} read their reply as {said}.", now())
    audit.record(
        actor=actor, action="conversation.intent_corrected", subject=conversation, before=before, after=intent
    )
    live.conversation_changed(conversation)
