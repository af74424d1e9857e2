"""What holds for every valid plan over three channels, whatever people do: it ends, visits are bounded, opt-outs hold,
nothing leaves outside the calendar, and arrival in any order comes to the same.
"""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date, time, timedelta

from hypothesis import given
from hypothesis import strategies as st

from campaigns.plans.fold import VISIT_LIMIT
from campaigns.plans.replay import Attempted, Received, effective_path, replay
from campaigns.plans.schema import Plan, SendNode
from campaigns.plans.state import Event
from campaigns.scheduling import Calendar, QuietHours, SendingWindow, parse_time
from tests.campaigns.hypothesis_profile import examples
from tests.campaigns.plans.strategies import events
from tests.campaigns.plans.test_properties import arrive
from tests.campaigns.plans.valid import valid_plans
from tests.campaigns.plans.worlds import ANYTIME, DAY, OFFICE, T0, World

LONG_AFTER = T0 + 900 * DAY
NIGHT = Calendar(
    windows=(SendingWindow(frozenset(range(5)), parse_time("08:00"), parse_time("11:00")),
             SendingWindow(frozenset({0, 2}), parse_time("20:00"), parse_time("02:00"))),
    holiday_country="SE",
    own_holidays=frozenset({date(2026, 3, 3), date(2026, 3, 11)}),
    quiet_hours=(QuietHours(time(9, 0), time(9, 30)),),
)  # fmt: skip
CALENDARS = st.sampled_from([ANYTIME, OFFICE, NIGHT])
FIELDS = st.fixed_dictionaries(
    {"lead.country": st.sampled_from(["DE", "SE"]), "lead.first_degree": st.booleans()}
)


@examples(80)
@given(data=st.data(), plan=valid_plans(), calendar=CALENDARS, fields=FIELDS)
def test_everybody_comes_to_an_end(
    data: st.DataObject, plan: Plan, calendar: Calendar, fields: dict[str, object]
) -> None:
    """Also those who never react: each node at most five times, and then no more is armed or wanted."""
    world = World(plan, calendar, fields=fields)
    world.run(data.draw(events(plan)), LONG_AFTER)
    assert world.state.ended is not None
    visits = dict(world.state.checkpoint.visits)
    for step in effective_path(world.commands):
        if step.to_node:
            visits[step.to_node] = max(visits.get(step.to_node, 0), step.visit)
    assert all(count <= VISIT_LIMIT for count in visits.values())
    attempts = [(one.node, one.visit) for one in world.log if isinstance(one, Attempted)]
    assert len(attempts) == len(set(attempts))


@examples(40)
@given(plan=valid_plans(), calendar=CALENDARS, fields=FIELDS)
def test_who_never_reacts_comes_to_an_end(plan: Plan, calendar: Calendar, fields: dict[str, object]) -> None:
    world = World(plan, calendar, fields=fields)
    world.run([], LONG_AFTER)
    assert world.state.ended is not None


@examples(80)
@given(data=st.data(), plan=valid_plans(), kind=st.sampled_from(["unsubscribe", "complaint"]),
       channel=st.sampled_from(["email", "linkedin", "sms"]), hours=st.integers(0, 300))  # fmt: skip
def test_nothing_is_sent_on_a_channel_after_its_opt_out(
    data: st.DataObject, plan: Plan, kind: str, channel: str, hours: int
) -> None:
    """Whatever else happens, early or late, before and after; and elsewhere only where the plan says so."""
    world = World(plan, ANYTIME)
    at = T0 + timedelta(hours=hours)
    others = data.draw(events(plan, ending=False))
    out = Event("out", kind, at, at, channel=channel)
    world.run([*others, out], LONG_AFTER)
    heard = next(
        (n for n, one in enumerate(world.log) if isinstance(one, Received) and one.event == out), None
    )
    if heard is None:
        return
    for one in world.log[heard:]:
        if isinstance(one, Attempted):
            node = plan.node(one.node)
            assert isinstance(node, SendNode)
            assert node.channel != channel
            assert any(way.on == kind for each in plan.nodes for way in getattr(each, "transitions", ()))


@examples(60)
@given(data=st.data(), plan=valid_plans(), calendar=CALENDARS, fields=FIELDS)
def test_a_replay_of_the_whole_history_gives_the_same_transitions(
    data: st.DataObject, plan: Plan, calendar: Calendar, fields: dict[str, object]
) -> None:
    world = World(plan, calendar, fields=fields)
    world.run(data.draw(events(plan)), LONG_AFTER)
    again = replay(plan, T0, world.log, world.ctx)
    assert again.transitions == effective_path(world.commands)
    assert again.state == world.state


@examples(60)
@given(data=st.data(), plan=valid_plans(), calendar=CALENDARS, seed=st.integers(0, 10_000))
def test_lateness_order_and_repetition_come_to_the_same_while_nothing_left(
    data: st.DataObject, plan: Plan, calendar: Calendar, seed: int
) -> None:
    """Between attempts the order of arrival is no input: rule 6, with its two exceptions (attempts and ends)."""
    world = World(plan, calendar)
    until = T0 + data.draw(st.integers(0, 12)) * DAY
    world.run(data.draw(events(plan, most=3, ending=False)), until)
    if world.state.ended:
        return
    coming = [
        replace(one, id=f"late-{one.id}", received_at=max(one.received_at, until))
        for one in data.draw(events(plan))
    ]
    dice = random.Random(seed)
    shuffled = [*coming, *dice.sample(coming, len(coming) // 2)]
    dice.shuffle(shuffled)
    first = arrive(plan, world.state, coming, world.ctx)
    second = arrive(plan, world.state, shuffled, world.ctx)
    if first is not None and second is not None:
        assert first == second
