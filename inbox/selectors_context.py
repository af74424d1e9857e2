"""Reads for the context panel: what goes out next and why, what the reply means, and the person over all channels."""

from __future__ import annotations

from typing import Any

from campaigns.models import Deal, Enrollment, Lead, ScheduledAction
from campaigns.moments import timeline as timeline_of_lead
from campaigns.plans.schema import SendNode
from campaigns.replies.intents import Intent
from campaigns.selectors import node_label
from campaigns.services import deals, explanations
from campaigns.services.planning import plan_of
from inbox import presenters
from inbox.models import Conversation, Message
from inbox.moments import of_thread
from inbox.services import moves, notes, steering
from inbox.whereabouts import clock_of
from project.core.clock import now
from project.tenancy.access import Access

#: Moments of a person that are shown.
MOMENTS = 40
#: Other threads with the same person that are looked at.
OTHERS = 50
#: When people are taken to be at work, in their own hours.
_OFFICE = (9, 17)


def panel(access: Access, conversation: Conversation, journey: dict[str, Any] | None) -> dict[str, Any]:
    """What the panel shows beside the lead: intent, why the next step waits, steps to move to, other threads."""
    reading = steering.reading_of(conversation)
    return {
        "reading": reading,
        "intent": reading.intent if reading is not None else conversation.intent,
        "intents": [(one.value, one.value.replace("_", " ").capitalize()) for one in Intent],
        "why": _why(journey),
        "targets": _targets(journey),
        "their_time": _their_time(conversation),
        "last_move": moves.recent(conversation),
        "deal": deals.deal_of(conversation.lead) if conversation.lead is not None else None,
        "stages": Deal.Stage.choices,
        "pinned": [presenters.note(note) for note in notes.pinned(conversation)],
        **_others(access, conversation),
    }


def _why(journey: dict[str, Any] | None) -> explanations.WhyNot | None:
    if journey is None or not isinstance(journey["waiting"], ScheduledAction):
        return None
    return explanations.why_not(journey["waiting"], journey["enrollment"])


def _targets(journey: dict[str, Any] | None) -> list[dict[str, str]]:
    """The steps that the person could be moved to."""
    if journey is None or journey["enrollment"].status == Enrollment.Status.ENDED:
        return []
    return [
        {"id": node.id, "label": node_label(node), "channel": node.channel}
        for node in plan_of(journey["enrollment"]).nodes
        if isinstance(node, SendNode) and node.id != journey["enrollment"].node_id
    ]


def _their_time(conversation: Conversation) -> str:
    """What time it is where the person is, where that is known."""
    clock = clock_of(conversation)
    if not clock.is_known:
        return ""
    local = now().astimezone(clock.tz)
    at_work = local.weekday() < 5 and _OFFICE[0] <= local.hour < _OFFICE[1]
    return f"{local:%H:%M}, {'at work until 17:00' if at_work else 'outside working hours'}"


def _others(access: Access, conversation: Conversation) -> dict[str, list[Conversation]]:
    """The newest other threads with the person, and those of the same sender that could be one with this."""
    if conversation.lead_id is None:
        return {"others": [], "mergeable": []}
    rows = (
        Conversation.objects.filter(access.client_filter(), lead_id=conversation.lead_id)
        .exclude(id=conversation.id)
        .select_related("sender")
        .order_by("-last_message_at", "-id")
    )
    found = list(rows[:OTHERS])
    fitting = [
        row
        for row in found
        if row.sender_id == conversation.sender_id and row.merged_into_id is None and row.has_inbound
    ]
    return {"others": found[:5], "mergeable": fitting[:5]}


def everything(access: Access, conversation: Conversation, cursor: str) -> dict[str, Any]:
    """All that happened with the person of a thread, a page at a time: messages, steps, notes, what was changed.

    Raises ``InvalidCursor``. Of whoever is no lead yet there is only this thread.
    """
    if conversation.lead is not None:
        shown = timeline_of_lead(access, conversation.lead, cursor=cursor)
    else:
        shown = of_thread(access, conversation, cursor=cursor)
    return {"moments": shown.moments, "next_cursor": shown.next_cursor}


def timeline(access: Access, conversation: Conversation) -> list[dict[str, Any]]:
    """The last moments with the person of a thread, over all channels and senders within reach, newest first."""
    lead: Lead | None = conversation.lead
    mine = (
        Conversation.objects.filter(access.client_filter(), lead=lead)
        if lead is not None
        else Conversation.objects.filter(id=conversation.id)
    )
    rows = (
        Message.objects.filter(conversation__in=mine)
        .exclude(state=Message.State.WITHDRAWN)
        .select_related("conversation__sender", "author")
        .order_by("-occurred_at", "-id")[:MOMENTS]
    )
    return [
        {
            "at": row.occurred_at,
            "kind": "message",
            "channel": row.conversation.channel,
            "direction": row.direction,
            "title": _title(row),
            "text": presenters.DELETED if row.deleted_at else row.body[:400],
            "conversation_id": row.conversation_id,
        }
        for row in rows
    ]


def _title(message: Message) -> str:
    who = message.author.display_name if message.author else message.sender_name or "Somebody"
    step = f", {message.step_label}" if message.step_label else ""
    if message.direction == Message.Direction.INBOUND:
        return f"{who} to {message.conversation.sender.name}"
    return f"{who}{step}"
