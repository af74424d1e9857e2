"""What holds for every plan and every history: order of arrival, repetition, replay, opt-outs.

``World`` checks the rest after every single step: JSON round trip, commands that add up to the state, sends inside
the window, ends that stay ends, nothing sent on a channel after an opt-out.
"""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from campaigns.plans.fold import VISIT_LIMIT
from campaigns.plans.interpreter import apply, timer_due
from campaigns.plans.replay import Attempted, Input, Received, Resulted, Woke, effective_path, feed, replay
from campaigns.plans.schema import Plan
from campaigns.plans.state import Context, Event, State
from campaigns.scheduling import Calendar
from tests.campaigns.plans.strategies import events, plans
from tests.campaigns.plans.worlds import ANYTIME, DAY, OFFICE, T0, World

END = T0 + 60 * DAY
CALENDARS = st.sampled_from([ANYTIME, OFFICE])
LAGS = st.sampled_from([timedelta(0), timedelta(minutes=3), timedelta(hours=5)])


def arrive(plan: Plan, state: State, arriving: list[Event], ctx: Context) -> State | None:
    """The state after all events came in that order, or None if it ended before the last had come."""
    now = max([state.as_of, *(one.received_at for one in arriving)])
    for one in arriving:
        if state.ended:
            return None
        state = apply(plan, state, one, ctx, now=now).state
    return timer_due(plan, state, now, ctx).state


@settings(max_examples=100, deadline=None)
@given(data=st.data(), plan=plans(), calendar=CALENDARS)
def test_the_order_of_arrival_does_not_matter(data: st.DataObject, plan: Plan, calendar: Calendar) -> None:
    world = World(plan, calendar)
    until = T0 + data.draw(st.integers(0, 10)) * DAY
    world.run(data.draw(events(plan, most=3, ending=False)), until)
    assume(not world.state.ended)
    arriving = [one for one in data.draw(events(plan)) if one.received_at >= until]
    arriving = [replace(one, id=f"late-{one.id}") for one in arriving]
    first = arrive(plan, world.state, arriving, world.ctx)
    shuffled = data.draw(st.permutations(arriving + arriving[:2]))
    second = arrive(plan, world.state, list(shuffled), world.ctx)
    if first is not None and second is not None:
        assert first == second
    in_time = hear_in_time(plan, world.state, arriving, world.ctx)
    if first is not None and in_time is not None:
        # The clock of what has ended stands still, whenever that was learnt.
        assert replace(first, as_of=in_time.as_of) == in_time


def hear_in_time(plan: Plan, state: State, arriving: list[Event], ctx: Context) -> State | None:
    """The state if every event had been heard when it occurred, or None if it ended before the last."""
    end = max([state.as_of, *(one.received_at for one in arriving)])
    for one in sorted(arriving, key=lambda one: one.occurred_at):
        if state.ended:
            return None
        state = apply(plan, state, replace(one, received_at=max(one.occurred_at, state.as_of)), ctx).state
    return timer_due(plan, state, end, ctx).state


@settings(max_examples=100, deadline=None)
@given(data=st.data(), plan=plans(), calendar=CALENDARS, lag=LAGS)
def test_a_whole_life_keeps_every_invariant(
    data: st.DataObject, plan: Plan, calendar: Calendar, lag: timedelta
) -> None:
    world = World(plan, calendar)
    world.run(data.draw(events(plan)), END, lag)
    visits = dict(world.state.checkpoint.visits)
    assert all(count <= VISIT_LIMIT for count in visits.values())
    attempts = [(one.node, one.visit) for one in world.log if isinstance(one, Attempted)]
    assert len(attempts) == len(set(attempts)), "no visit is sent twice"


@settings(max_examples=100, deadline=None)
@given(data=st.data(), plan=plans(), lag=LAGS)
def test_a_replay_gives_the_same_transitions(data: st.DataObject, plan: Plan, lag: timedelta) -> None:
    world = World(plan, OFFICE)
    world.run(data.draw(events(plan)), END, lag)
    again = replay(plan, T0, world.log, world.ctx)
    assert again.state == world.state
    assert again.transitions == effective_path(world.commands)
    assert again.commands == tuple(world.commands)


@settings(max_examples=100, deadline=None)
@given(data=st.data(), plan=plans(), lag=LAGS)
def test_timers_need_no_replay_unless_they_ended_it(data: st.DataObject, plan: Plan, lag: timedelta) -> None:
    world = World(plan, OFFICE)
    world.run(data.draw(events(plan)), END, lag)
    log = _without_idle_timers(plan, world)
    again = replay(plan, T0, log, world.ctx, until=END)
    assert again.transitions == effective_path(world.commands)
    assert again.state == world.state


def _without_idle_timers(plan: Plan, world: World) -> list[Input]:
    """The log without timers, except one that decided the end."""
    state = World(plan, OFFICE).state
    kept: list[Input] = []
    for one in world.log:
        ended = state.ended
        state = feed(plan, state, one, world.ctx).state
        if not isinstance(one, Woke) or (state.ended and not ended):
            kept.append(one)
    return kept


@settings(max_examples=100, deadline=None)
@given(data=st.data(), plan=plans(), seed=st.integers(0, 1000))
def test_between_two_sends_the_order_of_processing_does_not_matter(
    data: st.DataObject, plan: Plan, seed: int
) -> None:
    """Everything heard between two attempts is heard again in another order, twice, and only at the last moment."""
    world = World(plan, ANYTIME)
    world.run(data.draw(events(plan, ending=False)), END)
    shuffle = random.Random(seed).shuffle
    other = World(plan, ANYTIME)
    heard: list[Received] = []
    for one in world.log:
        if isinstance(one, Received):
            heard.append(one)
        elif isinstance(one, Attempted):
            again = heard + heard[:2]
            shuffle(again)
            for received in again:
                if other.state.ended:
                    break
                other.hear(received.event, at=max(received.at, one.at))
            heard = []
            if other.state.ended:
                return  # decided on less than all: rule 6 lets an end stand
            other.give(one)
        elif isinstance(one, Resulted):
            other.give(one)
    for received in heard:
        other.hear(received.event, at=received.at)
    other.tick(END)
    if not other.state.ended and not world.state.ended:
        assert other.state == world.state


@settings(max_examples=100, deadline=None)
@given(data=st.data(), plan=plans())
def test_everything_heard_twice_changes_nothing(data: st.DataObject, plan: Plan) -> None:
    world = World(plan, ANYTIME)
    world.run(data.draw(events(plan)), END)
    for one in list(world.log):
        if isinstance(one, Received | Resulted):
            before = world.state
            assert world.give(one).commands == ()
            assert world.state == before
