"""Running a whole history again: the same inputs give the same transitions.

Inputs are given as they were processed. Timers that only moved the lead on may be left out, however late the
worker was: letting time pass does what they did. A timer that ended the enrollment must be given, since an end is
irrevocable from the moment it was decided.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from campaigns.plans.interpreter import (
    SendOutcome,
    apply,
    move,
    send_attempted,
    send_result,
    start,
    stop,
    timer_due,
)
from campaigns.plans.schema import Plan
from campaigns.plans.state import (
    Cause,
    Command,
    Context,
    Event,
    RecordTransition,
    RetractTransitions,
    State,
    Step,
    Transition,
)


@dataclass(frozen=True, slots=True)
class Received:
    """An event and when it was processed."""

    event: Event
    at: datetime


@dataclass(frozen=True, slots=True)
class Woke:
    """A timer went off, at ``at`` or later."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Attempted:
    """A send was attempted."""

    node: str
    visit: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Resulted:
    """A send had a result."""

    node: str
    visit: int
    outcome: SendOutcome
    at: datetime
    reason: str = ""
    retry_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Stopped:
    """The enrollment was stopped from outside."""

    at: datetime
    cause: Cause
    reason: str


@dataclass(frozen=True, slots=True)
class Moved:
    """A person put the enrollment on another node."""

    to: str
    at: datetime
    person: str


Input = Received | Woke | Attempted | Resulted | Stopped | Moved


@dataclass(frozen=True, slots=True)
class Replayed:
    """The final state, the path that holds, and all commands that were given on the way."""

    state: State
    transitions: tuple[Transition, ...]
    commands: tuple[Command, ...]


def replay(
    plan: Plan, started_at: datetime, inputs: Iterable[Input], ctx: Context, *, until: datetime | None = None
) -> Replayed:
    """Run ``inputs`` in the order in which they were processed, then let time pass to ``until``."""
    step = start(plan, started_at, ctx)
    commands = list(step.commands)
    for one in inputs:
        step = feed(plan, step.state, one, ctx)
        commands += step.commands
    if until is not None:
        step = timer_due(plan, step.state, until, ctx)
        commands += step.commands
    return Replayed(step.state, effective_path(commands), tuple(commands))


def feed(plan: Plan, state: State, one: Input, ctx: Context) -> Step:
    """Give one input to the interpreter."""
    match one:
        case Received():
            return apply(plan, state, one.event, ctx, now=one.at)
        case Woke():
            return timer_due(plan, state, one.at, ctx)
        case Attempted():
            return send_attempted(plan, state, one.node, one.visit, one.at, ctx)
        case Resulted():
            return send_result(
                plan,
                state,
                one.node,
                one.visit,
                one.outcome,
                one.at,
                ctx,
                reason=one.reason,
                retry_at=one.retry_at,
            )
        case Stopped():
            return stop(plan, state, one.at, one.cause, one.reason, ctx)
        case Moved():
            return move(plan, state, one.to, one.at, one.person, ctx)


def effective_path(commands: Iterable[Command]) -> tuple[Transition, ...]:
    """The transitions that hold after all ``commands``: retracted ones are left out."""
    path: list[Transition] = []
    for command in commands:
        if isinstance(command, RetractTransitions):
            path = [step for step in path if step.number <= command.after]
        elif isinstance(command, RecordTransition):
            path.append(command.transition)
    return tuple(path)
