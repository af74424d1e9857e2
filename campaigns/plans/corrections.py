"""Taking back an event that people told by mistake. Pure, like the interpreter."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from campaigns.plans.fold import Walk
from campaigns.plans.interpreter import difference
from campaigns.plans.schema import Plan
from campaigns.plans.state import Context, Event, Note, Stage, State, Step


def unmark_meeting(
    plan: Plan, state: State, event_id: str, before: Stage, at: datetime, person: str, ctx: Context
) -> Step:
    """Take back the meeting that ``event_id`` told; the lead's stage was ``before``.

    A sequence that it ended stays ended. One that went on is computed anew from the last irrevocable step, as if there
    had been no meeting. Told again, the same event counts again. A graver stage that came later stays.
    """
    checkpoint = replace(
        state.checkpoint,
        seen=tuple(one for one in state.checkpoint.seen if one != event_id),
        happened=tuple(pair for pair in state.checkpoint.happened if pair[0] != "meeting_booked"),
        stage=_without(state.checkpoint.stage, before),
    )
    facts = tuple(fact for fact in state.facts if fact.id != event_id)
    note = Note("meeting_taken_back", event_id, f"{person} took the meeting back.", at)
    if state.ended is None:
        now = max(at, state.as_of)
        after = Walk(plan, checkpoint, facts, now, ctx, state.branch_fields).run()
        undone = Event(event_id, "meeting_taken_back", at, at)
        return Step(after, (*difference(state, after, undone), note))
    kept = replace(state, checkpoint=checkpoint, facts=facts, stage=_without(state.stage, before))
    return Step(kept, (note,))


def _without(stage: Stage, before: Stage) -> Stage:
    return before if stage == "meeting" else stage
