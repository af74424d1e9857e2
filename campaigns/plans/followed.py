"""A plan that somebody else carries out: the state of an enrollment follows what the provider tells.

Nothing is ever due here. Pure, like the interpreter, and with the same states and commands, so that history, stages and
ends read the same for people whichever way a campaign is run. Calls are idempotent; news may come in any order.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from campaigns.plans.facts import ENDING, cursor_at, is_inert, is_known, stage_after, stage_of_outcome
from campaigns.plans.schema import Plan, SendNode
from campaigns.plans.state import (
    Cause,
    Checkpoint,
    Ended,
    EndEnrollment,
    Event,
    Note,
    RecordTransition,
    State,
    Step,
    Transition,
    stronger,
)
from campaigns.plans.wording import ending_event_reason


def begin(plan: Plan, now: datetime) -> Step:
    """Enrol a lead at ``now``: it waits for the provider to do the first step."""
    first = Transition(1, "", plan.start_node_id, 1, Cause("engine", "start"), "Enrolled.", now)
    checkpoint = Checkpoint(
        started_at=now,
        node=plan.start_node_id,
        visit=1,
        entered_at=now,
        cursor=cursor_at(now),
        barrier=now,
        path_length=1,
        visits=((plan.start_node_id, 1),),
    )
    state = State(
        checkpoint=checkpoint,
        facts=(),
        as_of=now,
        node=plan.start_node_id,
        visit=1,
        phase="waiting",
        since=now,
        stage="pending",
    )
    return Step(state, (RecordTransition(first),))


def sent(plan: Plan, state: State, node_id: str, event: Event, reason: str) -> Step:
    """The provider has done the step ``node_id``. One that is told late moves nobody back."""
    if is_known(state, event):
        return Step(state)
    state = _seen(replace(state, stage=stage_after(plan, replace(event, node=node_id), state.stage)), event)
    order = [node.id for node in plan.nodes if isinstance(node, SendNode)]
    started = ("sent", state.node) in state.checkpoint.happened
    here = order.index(state.node) if state.node in order else 0
    state = _happened(state, "sent", node_id)
    if state.ended or order.index(node_id) < here or (order.index(node_id) == here and started):
        return Step(state)
    number = state.checkpoint.path_length + 1
    at = max(event.occurred_at, state.since)
    moved = Transition(number, state.node, node_id, 1, Cause("event", event.id), reason, at)
    state = replace(
        state,
        node=node_id,
        since=at,
        as_of=max(at, state.as_of),
        checkpoint=replace(state.checkpoint, path_length=number),
    )
    return Step(state, (RecordTransition(moved),))


def apply(plan: Plan, state: State, event: Event, *, now: datetime) -> Step:
    """Take in something that the person did, or that happened to a message: some of it ends the enrollment."""
    if is_known(state, event):
        return Step(state)
    state = _seen(state, event)
    if is_inert(event):
        text = (
            "Out of office: the provider goes on." if event.kind == "reply" else "Recorded; nothing changes."
        )
        return Step(state, (Note("inert", event.id, text, now),))
    state = replace(state, stage=stage_after(plan, event, state.stage))
    outcome = ENDING.get(event.kind)
    if state.ended or outcome is None:
        if event.kind == "accepted":
            return Step(state, (Note("accepted", event.id, "They are connected.", now),))
        return Step(state)
    at = max(event.occurred_at, state.checkpoint.started_at)
    return end(state, Ended(outcome, ending_event_reason(event), Cause("event", event.id), state.node, at))


def end(state: State, ended: Ended) -> Step:
    """End an enrollment; one that has ended stays as it is."""
    if state.ended:
        return Step(state)
    number = state.checkpoint.path_length + 1
    last = Transition(number, state.node, "", state.visit, ended.cause, ended.reason, ended.at)
    state = replace(
        state,
        phase="ended",
        stage=stronger(state.stage, stage_of_outcome(ended.outcome)),
        as_of=max(state.as_of, ended.at),
        checkpoint=replace(state.checkpoint, path_length=number),
        ended=ended,
    )
    return Step(state, (RecordTransition(last), EndEnrollment(ended)))


def _seen(state: State, event: Event) -> State:
    seen = tuple(sorted({*state.checkpoint.seen, event.id}))
    return replace(state, checkpoint=replace(state.checkpoint, seen=seen))


def _happened(state: State, kind: str, node: str) -> State:
    happened = tuple(sorted({*state.checkpoint.happened, (kind, node)}))
    return replace(state, checkpoint=replace(state.checkpoint, happened=happened))
