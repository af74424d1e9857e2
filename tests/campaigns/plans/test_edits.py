"""Edits of plans: whatever is done, in whatever order, a plan comes out that can be kept, shown and edited further."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from campaigns.plans import edits, layout, library
from campaigns.plans.canonical import plan_hash
from campaigns.plans.edits import EDIT, KINDS, blank
from campaigns.plans.outline import outline
from campaigns.plans.schema import Plan, exits
from campaigns.plans.validate import parse_plan, validate
from campaigns.plans.wiring import EditRefused
from tests.campaigns.hypothesis_profile import examples
from tests.campaigns.plans.strategies import plans
from tests.campaigns.plans.valid import valid_plans

#: Sends and waits: what can be put in and taken out without a trace.
PLAIN = ["email", "inmail", "profile_view", "sms", "wait"]


def done(plan: Plan, **edit: Any) -> Plan:
    return edits.apply(plan, EDIT.validate_python(edit))


def same(first: Plan, second: Plan) -> bool:
    """The same plan, in whatever order its nodes are listed."""
    return {node.id: node for node in first.nodes} == {node.id: node for node in second.nodes} and (
        first.start_node_id == second.start_node_id
    )


def sound(plan: Plan) -> None:
    """What holds of every plan that edits make: it can be stored, read and drawn; nothing leads to nowhere."""
    again = parse_plan(plan.model_dump(mode="json", by_alias=True, exclude_defaults=True))
    assert plan_hash(again) == plan_hash(plan)
    assert len(plan.index) == len(plan.nodes), "ids are unique"
    assert plan.start_node_id in plan.index
    assert all(to in plan.index for node in plan.nodes for _, to in exits(node))
    shown = [row.node_id for row in outline(plan) if row.kind == "node"]
    assert sorted(shown) == sorted(plan.index), "each step stands in the outline once"
    drawn(plan)


def drawn(plan: Plan) -> None:
    """Nothing on the canvas lies on top of another, and every way is drawn once."""
    drawing = layout.draw(plan)
    assert drawing == layout.draw(plan)
    boxes = drawing.boxes
    for place, box in enumerate(boxes):
        assert min(box.x, box.y) >= 0
        assert box.x + box.width <= drawing.width
        assert box.y + box.height <= drawing.height
        for other in boxes[place + 1 :]:
            apart = (
                box.x + box.width <= other.x
                or other.x + other.width <= box.x
                or box.y + box.height <= other.y
                or other.y + other.height <= box.y
            )
            assert apart, f"{box} lies on {other}"
    wanted = {(node.id, field) for node in plan.nodes for field, _ in exits(node)}
    assert {(line.source, field) for line in drawing.lines for field in line.exits} == wanted
    by_id = {box.id: box for box in boxes}
    for line in drawing.lines:
        assert line.leads_back or by_id[line.source].y < by_id[line.target].y


@st.composite
def an_edit(draw: st.DrawFn, plan: Plan) -> dict[str, Any]:
    """Any edit of ``plan``, sensible or not."""
    node = draw(st.sampled_from(plan.nodes))
    other = draw(st.sampled_from(plan.nodes))
    at = {"node": draw(st.sampled_from(["", other.id]))}
    ways = [field for field, _ in exits(other)]
    if at["node"] and ways and draw(st.booleans()):
        at["exit"] = draw(st.sampled_from(ways))
    own = [field for field, _ in exits(node)] or ["else"]
    return draw(
        st.sampled_from(
            [
                {"op": "insert", "kind": draw(st.sampled_from(list(KINDS))), "at": at},
                {"op": "insert", "kind": draw(st.sampled_from(list(KINDS))), "at": at},
                {"op": "remove", "node": node.id},
                {"op": "move", "node": node.id, "at": at},
                {"op": "shift", "node": node.id, "up": draw(st.booleans())},
                {"op": "duplicate", "node": node.id},
                {"op": "paste", "nodes": [node, other] if node.id != other.id else [node], "at": at},
                {"op": "connect", "node": node.id, "exit": draw(st.sampled_from(own)), "to": other.id},
                {"op": "label", "node": node.id, "label": "Another name"},
            ]
        )
    )


@given(st.data(), st.one_of(valid_plans(), plans()))
@examples(60)
def test_a_plan_stays_sound_whatever_is_done_to_it(data: st.DataObject, plan: Plan) -> None:
    sound(plan)
    for _ in range(5):
        edit = data.draw(an_edit(plan))
        with contextlib.suppress(EditRefused):
            plan = done(plan, **edit)
        sound(plan)


@given(st.data(), valid_plans())
@examples(60)
def test_what_was_put_in_can_be_taken_out_without_a_trace(data: st.DataObject, plan: Plan) -> None:
    node = data.draw(st.sampled_from([one for one in plan.nodes if exits(one)]))
    at = data.draw(st.sampled_from([{}, *({"node": node.id, "exit": field} for field, _ in exits(node))]))
    kind = data.draw(st.sampled_from(PLAIN))
    made = done(plan, op="insert", kind=kind, at=at)
    new = next(iter(made.index.keys() - plan.index.keys()))
    assert same(done(made, op="remove", node=new), plan)


@given(st.data(), valid_plans(loops=False))
@examples(60)
def test_up_and_down_again_is_where_it_was(data: st.DataObject, plan: Plan) -> None:
    """In a list of steps, which is what people move up and down."""
    linear = blank("UTC")
    for kind in data.draw(st.lists(st.sampled_from(PLAIN), min_size=3, max_size=5)):
        last = [row.node_id for row in outline(linear) if row.kind == "node"][-2:-1]
        linear = done(linear, op="insert", kind=kind, at={"node": last[0]} if last else {})
    order = [row.node_id for row in outline(linear) if row.kind == "node"]
    place = data.draw(st.integers(1, len(order) - 2))
    moved = done(linear, op="shift", node=order[place], up=True)
    swapped = [*order[: place - 1], order[place], order[place - 1], *order[place + 1 :]]
    assert [row.node_id for row in outline(moved) if row.kind == "node"] == swapped
    assert same(done(moved, op="shift", node=order[place], up=False), linear)


@given(valid_plans())
@examples(40)
def test_a_copy_behind_a_step_breaks_no_rule_of_shape(plan: Plan) -> None:
    node = plan.nodes[0]
    made = done(plan, op="duplicate", node=node.id)
    assume(len(made.nodes) == len(plan.nodes) + 1)
    assert {error.code for error in validate(made)} <= {
        # A copy may end up where what it says is not allowed; that is said beside it.
        "not_connected", "loop_without_pause", "endless_loop", "thread", "send_after_opt_out", "unreachable",
    }  # fmt: skip


def test_a_branching_campaign_over_three_channels_from_nothing() -> None:
    plan = done(blank("Europe/Stockholm"), op="insert", kind="email")
    plan = done(plan, op="insert", kind="invite", at={"node": "email"})
    plan = done(plan, op="insert", kind="message", at={"node": "invite"})
    plan = done(plan, op="insert", kind="email", at={"node": "invite", "exit": "transitions[1].to"})
    plan = done(plan, op="insert", kind="sms", at={"node": "email_2"})
    texts = {
        "email": {"subject": "Cold rooms", "body": "Hi"},
        "message": {"text": "Hi"},
        "email_2": {"body": "One number"},
        "sms": {"text": "Hi"},
    }
    for node, content in texts.items():
        plan = done(plan, op="content", node=node, content=content)
    plan = done(plan, op="connect", node="message", exit="transitions[0].to", to="end")
    assert validate(plan) == []
    assert plan.index["email_2"].thread_with == "email"  # type: ignore[union-attr]
    rows = [(row.depth, row.kind, row.text, row.to if row.jumps else "") for row in outline(plan)]
    assert rows == [
        (0, "node", "E-mail", ""),
        (0, "way", "no reply, 3 working days", ""),
        (0, "node", "Invitation", ""),
        (1, "way", "accepted", ""),
        (1, "node", "Message", ""),
        (2, "way", "no reply, 3 working days", "end"),
        (1, "way", "not accepted, 14 days", ""),
        (1, "node", "E-mail", ""),
        (1, "way", "no reply, 3 working days", ""),
        (1, "node", "Text message", ""),
        (2, "way", "no reply, 3 working days", "end"),
        (0, "node", "Stop", ""),
    ]
    gone = done(plan, op="remove", node="invite")
    assert "email_2" not in gone.index, "what only the invitation led to goes with it"
    assert "message" in gone.index


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        ({"op": "remove", "node": "nobody"}, "no step called nobody"),
        ({"op": "remove", "node": "end"}, "last step"),
        ({"op": "insert", "kind": "email", "at": {"node": "end"}}, "Nothing comes after a stop"),
        ({"op": "move", "node": "end", "at": {}}, "not moved"),
        ({"op": "connect", "node": "end", "exit": "else", "to": "end"}, "no way out"),
        ({"op": "wait", "node": "end", "duration": "P1D"}, "it is a stop"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(edit: dict[str, Any], reason: str) -> None:
    with pytest.raises(EditRefused, match=reason):
        done(blank("UTC"), **edit)


@pytest.mark.parametrize("beginning", library.BEGINNINGS, ids=lambda one: one.key)
def test_plans_to_begin_with_may_run_as_they_are(beginning: library.Beginning) -> None:
    plan = library.plan_of(beginning.key, "Europe/Oslo")
    sound(plan)
    assert validate(plan) == []
