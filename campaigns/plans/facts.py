"""What one event means by itself: its rank, whether it fires anything, whether it comes too late, whom it closes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from campaigns.plans.schema import Plan, SendNode
from campaigns.plans.state import (
    Checkpoint,
    EndOutcome,
    Event,
    Key,
    Stage,
    State,
    Transition,
    stronger,
)

ENDING: dict[str, EndOutcome] = {
    "complaint": "unsubscribed",
    "unsubscribe": "unsubscribed",
    "bounce": "bounced",
    "reply": "replied",
    "meeting_booked": "meeting",
}
"""Events that end an enrollment unless the node has a way out for exactly that event; the gravest first."""
OWN = frozenset({"sent", "delivered", "open", "click", "failed"})
"""Events of one message: at a send node they count only if they belong to that node's message."""
OPT_OUT = frozenset({"unsubscribe", "complaint"})
ALL_CHANNELS = "*"

_RANK = {kind: rank for rank, kind in enumerate(ENDING)}
_RANK_EVENT = 5
_STAGE_OF_EVENT: dict[str, Stage] = {
    "accepted": "connected",
    "reply": "replied",
    "meeting_booked": "meeting",
    "bounce": "bounced",
    "unsubscribe": "unsubscribed",
    "complaint": "unsubscribed",
}
_STAGE_OF_OUTCOME: dict[EndOutcome, Stage] = {
    "completed": "completed",
    "replied": "replied",
    "meeting": "meeting",
    "disqualified": "stopped",
    "handed_over": "stopped",
    "bounced": "bounced",
    "unsubscribed": "unsubscribed",
    "stopped": "stopped",
    "error": "error",
}


def event_key(event: Event, barrier: datetime) -> Key:
    """Place of ``event`` in the order of everything: what came late acts at the barrier, never before it."""
    at = max(event.occurred_at, barrier)
    return at, _RANK.get(event.kind, _RANK_EVENT), event.occurred_at, event.id, 0


def cursor_at(moment: datetime) -> Key:
    """A cursor before everything that happens at ``moment``."""
    return moment, -1, moment, "", 0


def stage_after(plan: Plan, event: Event, stage: Stage) -> Stage:
    """``stage`` after ``event``; stages only move forward."""
    if event.kind == "sent" and event.node in plan.index:
        node = plan.index[event.node]
        if isinstance(node, SendNode) and node.action != "profile_view":
            return stronger(stage, "invited" if node.action == "invite" else "messaged")
    reached = _STAGE_OF_EVENT.get(event.kind)
    return stronger(stage, reached) if reached else stage


def stage_of_outcome(outcome: EndOutcome) -> Stage:
    """The lead's stage after an end with ``outcome``."""
    return _STAGE_OF_OUTCOME[outcome]


def blocked_channels(
    plan: Plan, checkpoint: Checkpoint, path: Sequence[Transition], past: Iterable[tuple[Key, Event]]
) -> set[str]:
    """The channels that opt-outs closed, ``ALL_CHANNELS`` among them where an opt-out names none.

    An opt-out closes its own channel, else its message's, else that of the node at which it came.
    """
    closed = set(checkpoint.blocked)
    for key, event in past:
        if event.kind not in OPT_OUT:
            continue
        node_at = checkpoint.node
        for step in path:
            if step.at >= key[0]:
                break
            node_at = step.to_node
        nodes = (plan.index.get(event.node or ""), plan.index.get(node_at))
        channel = next((node.channel for node in nodes if isinstance(node, SendNode)), ALL_CHANNELS)
        closed.add(event.channel or channel)
    return closed


def is_known(state: State, event: Event) -> bool:
    """Whether an event with this id was taken in before."""
    return event.id in state.checkpoint.seen or any(fact.id == event.id for fact in state.facts)


def is_inert(event: Event) -> bool:
    """Whether ``event`` is only shown: it fires nothing and prevents nothing."""
    if event.kind in ("open", "click"):
        return event.machine
    if event.kind == "bounce":
        return event.soft
    return event.kind == "reply" and event.out_of_office


def is_too_late(plan: Plan, state: State, event: Event) -> bool:
    """Whether ``event`` occurred before something irrevocable and is not one that acts all the same."""
    checkpoint = state.checkpoint
    if event.occurred_at >= checkpoint.barrier:
        return False
    if event.occurred_at < checkpoint.started_at:
        # History from before the enrollment says nothing about it, except that the person wants no more or is
        # connected already.
        if event.kind != "accepted":
            return event.kind not in OPT_OUT
    elif event.kind in ENDING:
        return False
    if checkpoint.attempted_at is None:
        return True
    # What can only follow from the message under way cannot have come before it: the clocks differ.
    node = plan.index.get(checkpoint.node)
    if event.kind == "accepted" and event.node is None:
        return not (isinstance(node, SendNode) and node.action == "invite")
    own = event.kind in OWN or event.kind == "accepted"
    return not (own and event.node is not None and is_message_of(event, checkpoint.node, checkpoint.visit))


def is_message_of(event: Event, node: str, visit: int) -> bool:
    """Whether ``event`` says that it belongs to the message of ``node``/``visit``."""
    return event.node == node and event.visit in (None, visit)
