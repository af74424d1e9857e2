"""Going on with another version of a plan at the same step. Pure.

What happened so far is settled by the old version; the step's way on, its waits and its texts are the new one's. The
visit stays the same, so that nothing that left is sent again.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from campaigns.plans.fold import Walk
from campaigns.plans.graph import AnyNode
from campaigns.plans.interpreter import difference, settle, timer_due
from campaigns.plans.schema import Plan, SendNode
from campaigns.plans.state import Context, Note, State, Step


class CannotCarry(Exception):
    """The new version has no such step, or another kind of it."""


def fits(old: Plan, new: Plan, node_id: str) -> bool:
    """Whether who is at a step of the old version can go on at the same step of the new one."""
    before, after = old.index.get(node_id), new.index.get(node_id)
    return before is not None and after is not None and _kind(before) == _kind(after)


def _kind(node: AnyNode) -> tuple[str, str, str]:
    return (node.type, node.channel, node.action) if isinstance(node, SendNode) else (node.type, "", "")


def carry(
    old: Plan, new: Plan, state: State, at: datetime, before: Context, after: Context, *, text: str
) -> Step:
    """Put an enrollment onto the new version where it is. ``before`` and ``after`` are its contexts under each.

    Time passes under the old version first. Does nothing once it has ended. Raises ``CannotCarry``.
    """
    settled = timer_due(old, state, max(at, state.as_of), before)
    here = settled.state
    if here.ended:
        return settled
    if not fits(old, new, here.node):
        raise CannotCarry(here.node)
    now = here.as_of
    checkpoint, facts = here.checkpoint, here.facts
    if here.path:
        # It came here since the last thing that cannot be undone: that is settled, up to when it came.
        facts = tuple(event for event in here.facts if event.occurred_at > here.since)
        earlier = tuple(event for event in here.facts if event.occurred_at <= here.since)
        checkpoint = replace(settle(old, here, here.since, earlier), attempted_at=None)
    there = Walk(new, checkpoint, facts, now, after).run()
    note = Note("version", "", text, now)
    return Step(there, (*settled.commands, note, *difference(replace(here, path=()), there)))
