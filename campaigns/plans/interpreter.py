"""The plan interpreter: pure functions from a state and what happened to the next state and commands.

The worker, the simulator and the tests use the same functions. None reads a clock, a database or randomness::

    step = start(plan, now, ctx)
    step = apply(plan, step.state, event, ctx)              # something happened out there
    step = timer_due(plan, step.state, now, ctx)            # an armed timer's time has come
    step = send_attempted(plan, step.state, "dm", 1, at, ctx)   # just before the provider is called
    step = send_result(plan, step.state, "dm", 1, "sent", at, ctx)

Store ``step.state`` (``to_json``) and carry out ``step.commands`` in one transaction. Calls are idempotent:
the same event, result or timer again gives the same state and nothing to do. See ``docs/plan-engine.md``.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Literal

from campaigns.plans.facts import (
    blocked_channels,
    cursor_at,
    event_key,
    is_inert,
    is_known,
    is_message_of,
    is_too_late,
    stage_after,
    stage_of_outcome,
)
from campaigns.plans.fold import Walk
from campaigns.plans.schema import Plan
from campaigns.plans.state import (
    ArmTimer,
    CancelTimer,
    Cause,
    Checkpoint,
    Command,
    Context,
    Ended,
    EndEnrollment,
    Event,
    Note,
    RecordTransition,
    RequestSend,
    RetractTransitions,
    State,
    Step,
    Transition,
    WithdrawSend,
    stronger,
)
from campaigns.scheduling import local_date

AWAY_DAYS = 7
"""How long an out-of-office reply without a usable return date counts."""
AWAY_MAX_DAYS = 180

SendOutcome = Literal["sent", "failed", "refused", "released", "unknown"]
"""sent; failed (for good); refused (by a gate that cannot clear up); released (attempted, but nothing
left for certain: it may be tried again); unknown (settled later by asking the provider)."""


class SendNotWanted(Exception):
    """The send is not wanted (any more), or not yet due. ``step`` is the state as of now, to be stored."""

    def __init__(self, message: str, step: Step) -> None:
        super().__init__(message)
        self.step = step


def start(plan: Plan, now: datetime, ctx: Context) -> Step:
    """Enrol a lead at ``now`` and walk to the first thing that takes time. ``plan`` must be valid."""
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
    state = Walk(plan, checkpoint, (), now, ctx).run()
    return Step(state, (RecordTransition(first), *difference(None, state, None)))


def apply(plan: Plan, state: State, event: Event, ctx: Context, *, now: datetime | None = None) -> Step:
    """Take in one event. ``now`` is when it is processed; by default when it was received.

    Repeated ids change nothing. An event that occurred before the last irrevocable step is recorded and, if
    it is one that ends enrollments, still acts; an ended enrollment is not reopened.
    """
    moment = max(now or event.received_at, state.as_of)
    if is_known(state, event):
        return Step(state)
    if event.occurred_at > event.received_at:
        event = replace(event, occurred_at=event.received_at)
    if state.ended:
        return _after_end(plan, state, event, moment)
    if (
        event.kind in ("sent", "failed")
        and state.send
        and is_message_of(event, state.send.node, state.send.visit)
    ):
        # The attempt itself was not recorded (a crash in between): its outcome proves that there was one.
        state = _attempt(plan, state, max(state.since, event.occurred_at), state.as_of)
    if is_inert(event):
        return _take_in_inert(plan, state, event, moment, ctx)
    if is_too_late(plan, state, event):
        checkpoint = _remember(plan, state.checkpoint, event)
        note = Note("late", event.id, _late_text(state, event), moment)
        return _advance(plan, state, checkpoint, state.facts, moment, ctx, event=event, notes=(note,))
    return _advance(plan, state, state.checkpoint, (*state.facts, event), moment, ctx, event=event)


def timer_due(plan: Plan, state: State, now: datetime, ctx: Context) -> Step:
    """Let time pass up to ``now``. Safe to call at any time, for any timer, however late."""
    if state.ended:
        return Step(state)
    return _advance(plan, state, state.checkpoint, state.facts, max(now, state.as_of), ctx)


def send_attempted(plan: Plan, state: State, node: str, visit: int, at: datetime, ctx: Context) -> Step:
    """Record that the send of ``node``/``visit`` is about to leave. From here on it is irrevocable.

    Call it in the transaction that writes the outbox row. Raises ``SendNotWanted`` if what is known by ``at``
    withdrew the send or moved it to later. Again for the same visit: nothing to do.
    """
    if _in_flight_of(state, node, visit):
        return Step(state)
    moment, settled = max(at, state.as_of), state
    commands: tuple[Command, ...] = ()
    if state.timers or not _is_wanted(state, node, visit, moment):
        # Only then can anything else happen by time alone.
        before = timer_due(plan, state, at, ctx)
        settled, commands = before.state, before.commands
        moment = settled.as_of
        if settled.send is None or (settled.send.node, settled.send.visit) != (node, visit):
            raise SendNotWanted(f"The send of {node}, visit {visit}, is not wanted.", before)
        if settled.send.due_at > moment:
            raise SendNotWanted(f"The send of {node}, visit {visit}, is not due yet.", before)
    attempted = _attempt(plan, settled, moment, moment)
    if not attempted.facts:
        # Nothing is known from after the attempt: the state is the attempt itself.
        return Step(attempted, commands)
    after = Walk(plan, attempted.checkpoint, attempted.facts, attempted.as_of, ctx).run()
    return Step(after, (*commands, *difference(attempted, after, None)))


def send_result(
    plan: Plan,
    state: State,
    node: str,
    visit: int,
    outcome: SendOutcome,
    at: datetime,
    ctx: Context,
    *,
    reason: str = "",
    retry_at: datetime | None = None,
) -> Step:
    """Record what became of the send of ``node``/``visit``; ``reason`` is plain text for failed and refused.

    ``at`` is when it happened (for ``sent``: when the message left). ``retry_at`` is the earliest next try
    after ``released``. A result for a visit that is over is recorded and changes nothing.
    """
    now = max(at, state.as_of)
    if outcome in ("sent", "failed"):
        event = Event(f"{outcome}:{node}:{visit}", outcome, at, at, node=node, visit=visit, detail=reason)
        return apply(plan, state, event, ctx, now=now)
    if state.ended:
        return Step(state)
    if outcome == "unknown":
        text = "It is not known whether the message left. The provider is asked; it is not sent again."
        return Step(state, (Note("unknown", f"{node}:{visit}", text, at),))
    wanted = state.send is not None and (state.send.node, state.send.visit) == (node, visit)
    in_flight = _in_flight_of(state, node, visit) and state.phase == "in_flight"
    if outcome == "refused" and (wanted or in_flight):
        why = reason or "The message cannot be sent."
        return _end_now(plan, state, Ended("error", why, Cause("rule", "refused"), node, now), ctx)
    if outcome == "released" and in_flight:
        earliest = retry_at or state.checkpoint.not_before
        checkpoint = replace(state.checkpoint, attempted_at=None, not_before=earliest)
        return _advance(plan, state, checkpoint, state.facts, now, ctx)
    return Step(state)


def stop(plan: Plan, state: State, at: datetime, cause: Cause, reason: str, ctx: Context) -> Step:
    """End the enrollment from outside: by a person, or a rule such as a reply from a colleague."""
    return _end_now(plan, state, Ended("stopped", reason, cause, state.node, max(at, state.as_of)), ctx)


def move(plan: Plan, state: State, to: str, at: datetime, person: str, ctx: Context) -> Step:
    """Put the enrollment on node ``to``, whatever the plan says. Irrevocable; does nothing once it has ended.

    ``plan`` may be a newer version than the one the state was made with. Raises ``KeyError`` for an unknown
    node.
    """
    plan.node(to)
    if state.ended:
        return Step(state)
    now = max(at, state.as_of)
    number = state.checkpoint.path_length + len(state.path) + 1
    settled = settle(plan, state, now, state.facts)
    visits = dict(settled.visits)
    visit = visits[to] = visits.get(to, 0) + 1
    checkpoint = replace(
        settled,
        node=to,
        visit=visit,
        entered_at=now,
        path_length=number,
        attempted_at=None,
        not_before=None,
        visits=tuple(sorted(visits.items())),
    )
    moved = Transition(number, state.node, to, visit, Cause("person", person), f"Moved by {person}.", now)
    after = Walk(plan, checkpoint, (), now, ctx).run()
    unmoved = replace(state, path=())
    return Step(after, (RecordTransition(moved), *difference(unmoved, after, None)))


def _advance(
    plan: Plan,
    state: State,
    checkpoint: Checkpoint,
    facts: tuple[Event, ...],
    now: datetime,
    ctx: Context,
    *,
    event: Event | None = None,
    notes: tuple[Note, ...] = (),
) -> Step:
    """Compute the state anew and say what changed."""
    after = Walk(plan, checkpoint, facts, now, ctx, state.branch_fields).run()
    return Step(after, (*difference(state, after, event), *notes))


def difference(old: State | None, new: State, event: Event | None = None) -> tuple[Command, ...]:
    """What the engine has to do to get from ``old`` to ``new``."""
    commands: list[Command] = list(_path_commands(old, new, event))
    left = old is not None and ((old.node, old.visit) != (new.node, new.visit) or new.ended is not None)
    if old and old.send and (new.send is None or new.send.key != old.send.key) and new.phase != "in_flight":
        commands.append(WithdrawSend(old.send.key, new.path[-1].reason if new.path else "No longer wanted."))
    elif old and old.phase == "in_flight" and left:
        key = f"{old.node}:{old.visit}:send"
        commands.append(WithdrawSend(key, new.path[-1].reason if new.path else "No longer wanted."))
    armed = old.timers[0] if old and old.timers else None
    wanted = new.timers[0] if new.timers else None
    if armed and armed.at > new.as_of and (wanted is None or wanted.key != armed.key):
        commands.append(CancelTimer(armed.key))
    if wanted and wanted != armed:
        commands.append(ArmTimer(wanted))
    if new.send and (old is None or new.send != old.send):
        commands.append(RequestSend(new.send))
    if new.ended and not (old and old.ended):
        commands.append(EndEnrollment(new.ended))
    return tuple(commands)


def _path_commands(old: State | None, new: State, event: Event | None) -> list[Command]:
    """Transitions to append, after a retraction where the known path no longer holds."""
    known = [step for step in (old.path if old else ()) if step.number > new.checkpoint.path_length]
    same = 0
    while same < min(len(known), len(new.path)) and known[same] == new.path[same]:
        same += 1
    commands: list[Command] = []
    if old and same < len(known):
        back_to = new.path[same - 1].to_node if same else new.checkpoint.node
        cause, reason = Cause("rule", "calendar"), "The campaign's calendar changed."
        if event:
            cause, reason = Cause("event", event.id), f"A late event ({event.kind}) changed what followed."
        after = new.checkpoint.path_length + same
        commands.append(RetractTransitions(after, old.node, back_to, cause, reason, new.as_of))
    commands += [RecordTransition(step) for step in new.path[same:]]
    return commands


def _attempt(plan: Plan, state: State, at: datetime, as_of: datetime) -> State:
    """``state`` after the wanted send was attempted at ``at``: everything before is settled for good."""
    later = tuple(event for event in state.facts if event.occurred_at > at)
    earlier = tuple(event for event in state.facts if event.occurred_at <= at)
    checkpoint = settle(plan, state, at, earlier)
    return State(
        checkpoint=checkpoint,
        facts=later,
        as_of=as_of,
        node=state.node,
        visit=state.visit,
        phase="in_flight",
        since=state.since,
        stage=state.stage,
    )


def settle(plan: Plan, state: State, at: datetime, facts: tuple[Event, ...]) -> Checkpoint:
    """The checkpoint of an attempt at ``at`` where ``state`` is, with ``facts`` and the path folded into it."""
    old = state.checkpoint
    visits = dict(old.visits)
    for step in state.path:
        if step.to_node:
            visits[step.to_node] = step.visit
    past = [(event_key(event, old.barrier), event) for event in facts]
    happened = {*old.happened, *((event.kind, event.node or "") for event in facts)}
    return Checkpoint(
        started_at=old.started_at,
        node=state.node,
        visit=state.visit,
        entered_at=state.since,
        cursor=cursor_at(at),
        barrier=at,
        path_length=old.path_length + len(state.path),
        attempted_at=at,
        not_before=old.not_before,
        visits=tuple(sorted(visits.items())),
        happened=tuple(sorted(happened)),
        seen=tuple(sorted({*old.seen, *(event.id for event in facts)})),
        blocked=tuple(sorted(blocked_channels(plan, old, state.path, past))),
        away_until=old.away_until,
        stage=state.stage,
    )


def _end_now(plan: Plan, state: State, ended: Ended, ctx: Context) -> Step:
    """End at once, unless the enrollment has ended by then on its own."""
    before = timer_due(plan, state, ended.at, ctx)
    current = before.state
    if current.ended:
        return before
    number = current.checkpoint.path_length + len(current.path) + 1
    last = Transition(number, current.node, "", current.visit, ended.cause, ended.reason, ended.at)
    after = replace(
        current,
        phase="ended",
        stage=stronger(current.stage, stage_of_outcome(ended.outcome)),
        path=(*current.path, last),
        timers=(),
        send=None,
        ended=replace(ended, node=current.node),
    )
    return Step(after, (*before.commands, *difference(current, after, None)))


def _after_end(plan: Plan, state: State, event: Event, now: datetime) -> Step:
    """Record an event of an ended enrollment: its stage may still grow, nothing else happens."""
    stage = state.stage if is_inert(event) else stage_after(plan, event, state.stage)
    checkpoint = replace(state.checkpoint, seen=tuple(sorted((*state.checkpoint.seen, event.id))))
    note = Note("after_end", event.id, "It came after the sequence had ended, so it was only recorded.", now)
    return Step(replace(state, checkpoint=checkpoint, stage=stage), (note,))


def _take_in_inert(plan: Plan, state: State, event: Event, now: datetime, ctx: Context) -> Step:
    """Record what fires nothing: machine opens and clicks, soft bounces, out-of-office replies."""
    checkpoint = replace(state.checkpoint, seen=tuple(sorted((*state.checkpoint.seen, event.id))))
    if event.kind != "reply":
        code, text = (
            ("soft_bounce", "A temporary bounce: recorded, nothing changes.")
            if event.kind == "bounce"
            else ("machine", "Opened or clicked by a machine, not a person: recorded, nothing changes.")
        )
        note = Note(code, event.id, text, now)
        if not state.timers or state.timers[0].at > now:
            # Time alone changes nothing up to now, and neither does this event.
            return Step(replace(state, checkpoint=checkpoint, as_of=now), (note,))
        return _advance(plan, state, checkpoint, state.facts, now, ctx, event=event, notes=(note,))
    occurred = local_date(event.occurred_at, ctx.tz)
    returns = event.returns_on
    if returns is None or returns < occurred:
        returns = occurred + timedelta(days=AWAY_DAYS)
    returns = min(returns, occurred + timedelta(days=AWAY_MAX_DAYS))
    away = max(returns, checkpoint.away_until) if checkpoint.away_until else returns
    note = Note("out_of_office", event.id, f"Out of office: nothing is sent up to {away.isoformat()}.", now)
    checkpoint = replace(checkpoint, away_until=away)
    return _advance(plan, state, checkpoint, state.facts, now, ctx, event=event, notes=(note,))


def _remember(plan: Plan, checkpoint: Checkpoint, event: Event) -> Checkpoint:
    """Record a late event for later conditions, without letting it act."""
    seen = tuple(sorted((*checkpoint.seen, event.id)))
    if event.occurred_at < checkpoint.started_at and event.kind != "accepted":
        return replace(checkpoint, seen=seen)
    happened = tuple(sorted({*checkpoint.happened, (event.kind, event.node or "")}))
    return replace(checkpoint, seen=seen, happened=happened, stage=stage_after(plan, event, checkpoint.stage))


def _is_wanted(state: State, node: str, visit: int, at: datetime) -> bool:
    send = state.send if state.phase == "due" else None
    return send is not None and (send.node, send.visit) == (node, visit) and send.due_at <= at


def _in_flight_of(state: State, node: str, visit: int) -> bool:
    checkpoint = state.checkpoint
    return checkpoint.attempted_at is not None and (checkpoint.node, checkpoint.visit) == (node, visit)


def _late_text(state: State, event: Event) -> str:
    if event.occurred_at < state.checkpoint.started_at:
        return "It is from before the enrollment, so it was only recorded."
    return "It came late: a message had left in the meantime, so it was only recorded."
