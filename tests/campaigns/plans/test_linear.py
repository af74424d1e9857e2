"""Sequences: the graph they stand for, the way back, and what is not a sequence."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings

from campaigns.plans.canonical import plan_hash
from campaigns.plans.errors import PlanInvalid
from campaigns.plans.linear import NotLinear, Sequence, from_plan, normalized, parse_sequence, to_plan
from campaigns.plans.schema import Plan, SendNode
from campaigns.plans.validate import validate
from tests.campaigns.plans.strategies import plans, sequences
from tests.campaigns.plans.test_validate import EXAMPLE
from tests.campaigns.plans.worlds import DAY, HOUR, T0, World, event, make_plan, send, stop, wait, way

TYPICAL: dict[str, Any] = {
    "timezone": "UTC",
    "steps": [
        {"kind": "invite", "note": "Hi {{ lead.first_name | default: 'there' }}", "giveUpDays": 10},
        {"kind": "message", "text": "Thanks for connecting", "delayDays": 1},
        {"kind": "message", "text": "Did you see it?", "delayDays": 3},
        {"kind": "message", "text": "Last one", "delayDays": 5, "workingDays": False},
    ],
    "closeDays": 7,
}


@settings(max_examples=100, deadline=None)
@given(sequences())
def test_a_sequence_comes_back_as_it_was(sequence: Sequence) -> None:
    plan = to_plan(sequence)
    assert validate(plan) == []
    back = from_plan(plan)
    assert back == normalized(sequence)
    assert plan_hash(to_plan(back)) == plan_hash(plan)


@settings(max_examples=60, deadline=None)
@given(plans())
def test_any_graph_is_a_sequence_or_said_not_to_be(plan: Plan) -> None:
    try:
        sequence = from_plan(plan)
    except NotLinear:
        return
    assert len(to_plan(sequence).nodes) == len(plan.nodes)


def test_it_runs_as_it_reads() -> None:
    world = World(to_plan(parse_sequence(TYPICAL)))
    sent = world.deliver()
    world.hear(event("accepted", sent + HOUR))
    texts = []
    at = sent + HOUR
    for gap in (1, 3, 5):
        world.tick(at + (gap + 4) * DAY)
        assert world.state.send is not None
        node = world.plan.node(world.state.send.node)
        assert isinstance(node, SendNode)
        assert node.content is not None
        texts.append(node.content.text)
        at = world.deliver()
    assert texts == ["Thanks for connecting", "Did you see it?", "Last one"]
    world.tick(at + 7 * DAY)
    assert world.state.ended is not None
    assert world.state.ended.outcome == "completed"


def test_without_acceptance_it_gives_up() -> None:
    world = World(to_plan(parse_sequence(TYPICAL)))
    world.deliver()
    world.tick(T0 + 10 * DAY)
    assert world.state.ended is not None


def test_ids_of_steps_are_kept() -> None:
    plan = to_plan(parse_sequence({**TYPICAL, "steps": [{**TYPICAL["steps"][0], "id": "hello"}]}))
    assert plan.start_node_id == "hello"
    assert [step.id for step in from_plan(plan).steps] == ["hello"]


def test_pauses_and_ends_may_have_other_names() -> None:
    plan = make_plan(
        send("i", "invite", way("accepted", "breathe"), way("no_accept", "over", after="P9D")),
        wait("breathe", "P2D", "m"),
        send("m", "message", way("no_reply", "over", after="P5D")),
        stop("over"),
    )
    sequence = from_plan(plan)
    assert [step.delay_days for step in sequence.steps] == [0, 2]
    assert (sequence.close_days, sequence.steps[1].working_days) == (5, False)


@pytest.mark.parametrize(
    "plan",
    [
        Plan.model_validate(EXAMPLE),
        make_plan(wait("w", "P1D", "end"), stop()),
        make_plan(send("a", "email", way("no_reply", "a", after="P1D"))),
        make_plan(send("a", "email", way("no_reply", "end", after="PT5H")), stop()),
        make_plan(send("a", "email", way("no_reply", "end", after="P1D")), stop("end", "disqualified")),
        make_plan(send("a", "email", way("click", "end"), way("no_reply", "end", after="P1D")), stop()),
        make_plan(stop()),
    ],
)
def test_what_is_not_a_sequence(plan: Plan) -> None:
    with pytest.raises(NotLinear):
        from_plan(plan)


@pytest.mark.parametrize(
    ("steps", "field"),
    [
        ([{"kind": "message", "text": "x", "delayDays": 1}], "steps[0].delayDays"),
        ([{"kind": "sms", "text": "x"}, {"kind": "sms", "text": "y"}], "steps[1].delayDays"),
        ([{"kind": "email", "body": "x", "threaded": True}], "steps[0].threaded"),
        (
            [
                {"kind": "sms", "text": "x", "id": "a"},
                {"kind": "sms", "text": "x", "id": "a", "delayDays": 1},
            ],
            "steps[1].id",
        ),
        ([{"kind": "sms", "text": "x", "id": "end"}], "steps[0].id"),
    ],
)
def test_impossible_sequences_name_the_step(steps: list[dict[str, Any]], field: str) -> None:
    with pytest.raises(PlanInvalid) as caught:
        to_plan(parse_sequence({"timezone": "UTC", "steps": steps}))
    assert [error.field for error in caught.value.errors] == [field]


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"timezone": "UTC", "steps": [{"kind": "message"}]}, "steps[0].text"),
        ({"timezone": "UTC", "steps": [{"kind": "fax"}]}, "steps[0]"),
        ({"timezone": "UTC", "steps": []}, "steps"),
        ({"timezone": "UTC", "steps": [{"kind": "sms", "text": "x", "delayDays": -1}]}, "steps[0].delayDays"),
        ({"steps": [{"kind": "sms", "text": "x"}]}, "timezone"),
    ],
)
def test_malformed_sequences_name_the_field(data: dict[str, Any], field: str) -> None:
    with pytest.raises(PlanInvalid) as caught:
        parse_sequence(data)
    assert field in [error.field for error in caught.value.errors]
