"""Plain sentences for the timeline: why a lead moved on, ended or waits."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from campaigns.scheduling import parse_duration

if TYPE_CHECKING:
    from campaigns.plans.schema import SendNode, Transition, WaitNode
    from campaigns.plans.state import EndOutcome, Event

_HAPPENED = {
    "sent": "The message was sent",
    "delivered": "The message was delivered",
    "open": "They opened the message",
    "click": "They clicked a link",
    "reply": "They replied",
    "bounce": "The address does not work",
    "complaint": "They reported spam",
    "unsubscribe": "They unsubscribed",
    "accepted": "They accepted the invitation",
    "meeting_booked": "They booked a meeting",
    "failed": "The send failed",
}
_DID_NOT = {
    "no_open": "Not opened",
    "no_click": "No click",
    "no_reply": "No reply",
    "no_accept": "Not accepted",
}
_ENDS: dict[str, str] = {
    "completed": "The plan is finished.",
    "replied": "The plan ended as replied.",
    "meeting": "The plan ended with a meeting.",
    "disqualified": "The plan disqualified the lead.",
    "handed_over": "Handed over to a person.",
}


@lru_cache(maxsize=1024)
def describe_duration(text: str, *, working_days: bool) -> str:
    """``P3D`` as "3 days", "3 working days", ``PT12H`` as "12 hours"."""
    duration = parse_duration(text)
    seconds = int(duration.elapsed.total_seconds())
    parts = [
        (duration.days, "working day" if working_days else "day"),
        (seconds // 3600, "hour"),
        (seconds // 60 % 60, "minute"),
        (seconds % 60, "second"),
    ]
    return " ".join(f"{count} {unit}{'' if count == 1 else 's'}" for count, unit in parts if count)


def event_reason(event: Event, way: Transition) -> str:
    """Why ``event`` led on by ``way``."""
    text = _HAPPENED.get(event.kind, event.kind)
    if way.after:
        return f"{text}, and {describe_duration(way.after, working_days=way.working_days)} passed."
    return f"{text}."


def timer_reason(node: SendNode | WaitNode, way: Transition) -> str:
    """Why time alone led on by ``way``."""
    if way.on == "elapsed" and node.type == "wait":
        return f"Waited {describe_duration(node.duration, working_days=node.working_days)}."
    length = describe_duration(way.after, working_days=way.working_days) if way.after else ""
    return f"{_DID_NOT.get(way.on, way.on)} for {length}."


def ending_event_reason(event: Event) -> str:
    """Why ``event`` ended the enrollment."""
    text = _HAPPENED.get(event.kind, event.kind)
    return f"{text}: {event.detail}" if event.detail else f"{text}."


def end_reason(outcome: EndOutcome) -> str:
    """The sentence for a stop node."""
    return _ENDS.get(outcome, "The plan ended.")
