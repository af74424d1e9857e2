"""Every rule of validity: the node, the field and the code of its error; and the valid example."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.plans.canonical import canonical_json, plan_hash
from campaigns.plans.conditions import decide
from campaigns.plans.errors import PlanInvalid
from campaigns.plans.schema import BranchNode, Plan, plan_json_schema
from campaigns.plans.validate import Options, check, parse_plan, validate
from tests.campaigns.plans.strategies import plans
from tests.campaigns.plans.worlds import branch, make_plan, send, stop, wait, way

EXAMPLE: dict[str, Any] = {
    "version": "1.0",
    "timezone": "America/Los_Angeles",
    "quietHours": {"start": "21:00", "end": "07:30"},
    "startNodeId": "email_intro",
    "nodes": [
        {
            "id": "email_intro",
            "type": "send",
            "channel": "email",
            "action": "email",
            "content": {
                "subject": "{{ company.name }} and month-end",
                "body": "Hi {{ lead.first_name | default: 'there' }} ...",
            },
            "transitions": [
                {"on": "click", "within": "P5D", "to": "invite"},
                {"on": "no_open", "after": "PT72H", "to": "email_bump"},
                {"on": "no_reply", "after": "P4D", "to": "invite"},
            ],
        },
        {
            "id": "email_bump",
            "type": "send",
            "channel": "email",
            "action": "email",
            "threadWith": "email_intro",
            "content": {"body": "..."},
            "transitions": [{"on": "no_reply", "after": "P3D", "workingDays": True, "to": "invite"}],
        },
        {
            "id": "invite",
            "type": "send",
            "channel": "linkedin",
            "action": "invite",
            "content": {"note": ""},
            "transitions": [
                {"on": "accepted", "to": "pause"},
                {"on": "no_accept", "after": "P14D", "to": "give_up"},
            ],
        },
        {
            "id": "pause",
            "type": "wait",
            "duration": "P1D",
            "workingDays": True,
            "transitions": [{"on": "elapsed", "to": "dm"}],
        },
        {
            "id": "dm",
            "type": "send",
            "channel": "linkedin",
            "action": "message",
            "content": {"text": "..."},
            "transitions": [{"on": "no_reply", "after": "P7D", "to": "give_up"}],
        },
        {"id": "give_up", "type": "stop", "outcome": "completed"},
    ],
}
REPLY = way("no_reply", "end", after="P3D")


def errors_of(plan: Plan, **options: Any) -> set[tuple[str, str, str]]:
    return {(error.node, error.field, error.code) for error in validate(plan, Options(**options))}


def test_the_example_is_valid() -> None:
    assert validate(check(EXAMPLE)) == []


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        ([send("a", "email", REPLY), stop(), stop()], ("end", "id", "duplicate_id")),
        (
            [send("a", "email", way("no_reply", "x", after="P3D"))],
            ("a", "transitions[0].to", "target_missing"),
        ),
        (
            [branch("b", "x", "end", {"event": "open", "op": "happened"}), stop()],
            ("b", "rules[0].to", "target_missing"),
        ),
        ([send("a", "email", REPLY), stop(), send("z", "email")], ("z", "id", "unreachable")),
        (
            [
                send("a", "email", way("no_reply", "b", after="P1D")),
                send("b", "email", way("no_reply", "a", after="P1D")),
            ],
            ("a", "transitions", "endless_loop"),
        ),
        (
            [
                send("a", "email", way("open", "b"), REPLY),
                send("b", "email", way("open", "a"), REPLY),
                stop(),
            ],
            ("b", "transitions", "loop_without_pause"),
        ),
        (
            [send("a", "email", way("no_accept", "end", after="P3D"), REPLY), stop()],
            ("a", "transitions[0].on", "event_does_not_fit"),
        ),
        (
            [wait("w", "P1D", "end", way("no_reply", "end", after="P1D")), stop()],
            ("w", "transitions[0].on", "event_does_not_fit"),
        ),
        (
            [send("a", "sms", way("no_open", "end", after="P1D"), REPLY), stop()],
            ("a", "transitions[0].on", "event_does_not_fit"),
        ),
        (
            [send("a", "email", way("elapsed", "end"), REPLY), stop()],
            ("a", "transitions[0].on", "event_does_not_fit"),
        ),
        (
            [send("a", "email", way("no_reply", "end"), REPLY), stop()],
            ("a", "transitions[0].after", "timing"),
        ),
        (
            [send("a", "email", way("no_reply", "end", after="P1D", within="P2D")), stop()],
            ("a", "transitions[0].within", "timing"),
        ),
        ([wait("w", "P1W", "end", workingDays=True), stop()], ("w", "duration", "working_days")),
        (
            [send("a", "email", way("no_reply", "end", after="PT5H", workingDays=True)), stop()],
            ("a", "transitions[0].after", "working_days"),
        ),
        ([send("a", "email", way("click", "end")), stop()], ("a", "transitions", "may_get_stuck")),
        (
            [send("a", "email", way("no_open", "end", after="P1D")), stop()],
            ("a", "transitions", "may_get_stuck"),
        ),
        (
            [
                send(
                    "a", "invite", way("accepted", "end", within="P3D"), way("no_accept", "end", after="P9D")
                ),
                stop(),
            ],
            ("a", "transitions", "may_get_stuck"),
        ),
        (
            [{"id": "w", "type": "wait", "duration": "P1D", "transitions": [way("reply", "end")]}, stop()],
            ("w", "transitions", "may_get_stuck"),
        ),
        ([send("m", "message")], ("m", "action", "not_connected")),
        (
            [
                send("i", "invite", way("accepted", "m"), way("no_accept", "m", after="P3D")),
                send("m", "message"),
            ],
            ("m", "action", "not_connected"),
        ),
        (
            [
                send("a", "email", way("unsubscribe", "b"), REPLY),
                wait("b", "P1D", "c"),
                send("c", "email"),
                stop(),
            ],
            ("a", "transitions[0].to", "send_after_opt_out"),
        ),
        (
            [
                send("a", "sms", way("no_reply", "w", after="P1D")),
                wait("w", "P1D", "end", way("complaint", "c")),
                send("c", "sms"),
                stop(),
            ],
            ("w", "transitions[0].to", "send_after_opt_out"),
        ),
        ([send("a", "email", channel="linkedin")], ("a", "action", "channel")),
        ([send("a", "email", content=None)], ("a", "content", "content_missing")),
        ([send("a", "message", content={"text": "  "})], ("a", "content.text", "content_missing")),
        ([send("a", "email", content={"body": "B"})], ("a", "content.subject", "subject_missing")),
        (
            [send("a", "sms", content={"text": "T", "subject": "S"})],
            ("a", "content.subject", "content_field"),
        ),
        (
            [send("a", "email", content={"subject": "S", "body": "{{ lead.first_name"})],
            ("a", "content.body", "template"),
        ),
        (
            [send("a", "email", content={"subject": "{{ lead.x }}", "body": "B"})],
            ("a", "content.subject", "unknown_variable"),
        ),
        ([send("a", "invite", content={"note": "x" * 301})], ("a", "content.note", "too_long")),
        (
            [send("a", "email", variants=[{"id": "v", "content": {"subject": "S", "body": "B"}}])],
            ("a", "variants", "variants"),
        ),
        (
            [
                send(
                    "a",
                    "sms",
                    variants=[{"id": "v", "content": {"text": "T"}}, {"id": "v", "content": {"text": "{a"}}],
                )
            ],
            ("a", "variants[1].id", "duplicate_id"),
        ),
        (
            [
                send(
                    "a",
                    "sms",
                    variants=[{"id": "v", "content": {"text": "T"}}, {"id": "u", "content": {"text": "{a"}}],
                )
            ],
            ("a", "variants[1].content.text", "template"),
        ),
        ([send("a", "email", sender={"pool": "p", "account": "q"})], ("a", "sender", "sender")),
        ([send("a", "email", threadWith="b")], ("a", "threadWith", "thread")),
        (
            [send("a", "email", way("no_reply", "b", after="P1D"), threadWith="b"), send("b", "email")],
            ("a", "threadWith", "thread"),
        ),
        ([send("a", "sms", threadWith="a")], ("a", "threadWith", "thread")),
        ([send("a", "email", threadWith="a")], ("a", "threadWith", "thread")),
        (  # A second way leads past the first e-mail.
            [
                branch("b", "first", "second", {"field": "lead.country", "op": "eq", "value": "DE"}),
                send("first", "email", way("no_reply", "second", after="P1D")),
                send("second", "email", threadWith="first"),
            ],
            ("second", "threadWith", "thread"),
        ),
        (  # The way out is never taken: the shorter one always comes first.
            [
                send("a", "email", way("no_reply", "a", after="P1D"), way("no_reply", "end", after="P2D")),
                stop(),
            ],
            ("a", "transitions", "endless_loop"),
        ),
        (
            [
                wait("w", "P1D", "w", way("click", "w"), way("click", "end")),
                stop(),
            ],
            ("w", "transitions", "endless_loop"),
        ),
        (
            [
                send("a", "email", way("open", "end"), way("open", "late", within="P1D"), REPLY),
                stop(),
                stop("late"),
            ],
            ("late", "id", "unreachable"),
        ),
        (
            [branch("b", "end", "end", {"field": "lead.country", "op": "in", "value": "DE"}), stop()],
            ("b", "rules[0].if[0].value", "condition"),
        ),
        (
            [branch("b", "end", "end", {"field": "lead.country", "op": "exists", "value": "DE"}), stop()],
            ("b", "rules[0].if[0].value", "condition"),
        ),
        (
            [branch("b", "end", "end", {"field": "lead.country", "op": "eq"}), stop()],
            ("b", "rules[0].if[0].value", "condition"),
        ),
        (
            [branch("b", "end", "end", {"event": "open", "node": "end", "op": "happened"}), stop()],
            ("b", "rules[0].if[0].node", "condition"),
        ),
    ],
)
def test_a_broken_rule_is_named_by_node_and_field(
    nodes: list[dict[str, Any]], expected: tuple[str, str, str]
) -> None:
    assert expected in errors_of(make_plan(*nodes))


def test_errors_of_the_plan_itself() -> None:
    plan = make_plan(stop(), start="nowhere", quietHours={"start": "09:00", "end": "09:00"})
    assert errors_of(plan) >= {("", "startNodeId", "start_missing"), ("", "quietHours", "quiet_hours")}


def test_what_proves_a_connection() -> None:
    for condition in (
        {"event": "accepted", "op": "happened"},
        {"field": "lead.first_degree", "op": "eq", "value": True},
    ):
        plan = make_plan(branch("b", "m", "i", condition), send("m", "message"), send("i", "inmail"))
        assert errors_of(plan) == set()
    assert errors_of(make_plan(send("m", "message")), first_degree=True) == set()


def test_a_loop_with_a_pause_and_a_way_out_is_fine() -> None:
    plan = make_plan(
        send("a", "email", way("no_reply", "w", after="P1D"), way("click", "end")),
        wait("w", "P1D", "a"),
        stop(),
    )
    assert validate(plan) == []


def test_a_thread_may_go_on_after_other_steps() -> None:
    plan = make_plan(
        send("first", "email", way("open", "i"), way("no_reply", "second", after="P1D")),
        send("i", "invite", way("accepted", "second"), way("no_accept", "second", after="P3D")),
        send("second", "email", way("no_reply", "third", after="P1D"), threadWith="first"),
        send("third", "email", threadWith="first"),
    )
    assert validate(plan) == []


def test_a_way_for_what_the_one_before_leaves_over_is_alive() -> None:
    plan = make_plan(
        send("a", "email", way("click", "soon", within="P1D"), way("click", "late"), REPLY),
        stop("soon"),
        stop("late"),
        stop(),
    )
    assert validate(plan) == []


def test_settings_of_the_campaign_count() -> None:
    plan = make_plan(send("a", "invite", content={"note": "x" * 250}))
    assert errors_of(plan) == set()
    assert errors_of(plan, invite_note=200) == {("a", "content.note", "too_long")}
    wordy = make_plan(send("a", "sms", content={"text": "{{ lead.shoe_size }}"}))
    assert errors_of(wordy, known_variables=frozenset({"lead.shoe_size"})) == set()


@pytest.mark.parametrize(
    ("path", "value", "node", "field", "message"),
    [
        (
            ("nodes", 0, "transitions", 0, "within"),
            "P1M",
            "email_intro",
            "transitions[0].within",
            "no fixed length",
        ),
        (("nodes", 0, "colour"), "red", "email_intro", "colour", "no such field"),
        (("nodes", 3, "duration"), "P999D", "pause", "duration", "Longer than 180 days"),
        (("nodes", 3, "type"), "sleep", "pause", "", "no kind called 'sleep'"),
        (("nodes", 2, "id"), "", "nodes[2]", "id", "beginning with a letter"),
        (("nodes", 2, "id"), "a:b", "a:b", "id", "beginning with a letter"),
        (("nodes", 5, "outcome"), "won", "give_up", "outcome", "Use one of"),
        (("timezone",), "Mars/Base", "", "timezone", "not a time zone"),
        (("quietHours", "end"), "7:30", "", "quietHours.end", "HH:MM"),
        (("version",), "2.0", "", "version", "Use one of"),
        (("nodes",), [], "", "nodes", "at least 1"),
    ],
)
def test_a_wrong_shape_is_named_by_node_and_field(
    path: tuple[Any, ...], value: object, node: str, field: str, message: str
) -> None:
    data = json.loads(json.dumps(EXAMPLE))
    target = data
    for part in path[:-1]:
        target = target[part]
    target[path[-1]] = value
    with pytest.raises(PlanInvalid) as caught:
        parse_plan(data)
    (error,) = caught.value.errors
    assert (error.node, error.field) == (node, field)
    assert message in error.message


@pytest.mark.parametrize(
    "data", [None, [], "plan", {}, {"nodes": "x"}, {"nodes": [None, 3]}, {"nodes": [{"type": "send"}]}]
)
def test_anything_else_is_refused_without_a_crash(data: object) -> None:
    with pytest.raises(PlanInvalid) as caught:
        check(data)
    assert all(error.message for error in caught.value.errors)


@settings(max_examples=60, deadline=None)
@given(plans())
def test_any_graph_is_judged_and_keeps_its_hash(plan: Plan) -> None:
    validate(plan)
    again = Plan.model_validate_json(canonical_json(plan))
    assert again == plan
    assert plan_hash(again) == plan_hash(plan)


class TestCanonical:
    def test_order_and_defaults_do_not_matter(self) -> None:
        data = json.loads(json.dumps(EXAMPLE))
        data["nodes"][2]["content"] = {}
        data["nodes"][4] = dict(reversed(data["nodes"][4].items()))
        data["nodes"][4]["transitions"][0]["workingDays"] = False
        assert plan_hash(parse_plan(data)) == plan_hash(parse_plan(EXAMPLE))

    @given(st.sampled_from(["P4D", "P6D"]), st.booleans())
    def test_every_change_of_meaning_changes_the_hash(self, duration: str, working: bool) -> None:
        data = json.loads(json.dumps(EXAMPLE))
        data["nodes"][0]["transitions"][2] |= {"after": duration, "workingDays": working}
        same = (duration, working) == ("P4D", False)
        assert (plan_hash(parse_plan(data)) == plan_hash(parse_plan(EXAMPLE))) == same

    def test_the_hash_is_stable(self) -> None:
        assert (
            plan_hash(parse_plan(EXAMPLE))
            == "cf95047367fa8aa8c19be74a093f8a7f4c1bd93d2bc266f76f6eb7106374300e"
        )

    def test_the_json_schema_speaks_camel_case(self) -> None:
        schema = plan_json_schema()
        assert {"startNodeId", "quietHours"} <= set(schema["properties"])
        assert "workingDays" in schema["$defs"]["WaitNode"]["properties"]


@pytest.mark.parametrize(
    ("op", "value", "actual", "holds"),
    [
        ("eq", "de", "DE", True),
        ("eq", 5, "5", True),
        ("eq", True, "true", False),
        ("ne", "de", "DE", False),
        ("ne", "de", None, True),
        ("in", ["DE", "AT"], "at", True),
        ("in", ["DE"], None, False),
        ("not_in", ["DE"], None, True),
        ("not_in", ["DE"], "de", False),
        ("contains", "cto", "Group CTO", True),
        ("contains", "a", ["A", "B"], True),
        ("contains", "a", 5, False),
        ("gt", 50, "120", True),
        ("gt", 50, 50, False),
        ("lt", "2026-02-01", "2026-01-31", True),
        ("lt", 5, "many", False),
        ("gt", 5, None, False),
        ("exists", None, " ", False),
        ("exists", None, 0, True),
        ("missing", None, None, True),
    ],
)
def test_conditions(op: str, value: object, actual: object, holds: bool) -> None:
    test = {"field": "lead.x", "op": op} | ({} if value is None else {"value": value})
    plan = make_plan(branch("b", "yes", "no", test), stop("yes"), stop("no"))
    node = plan.node("b")
    assert isinstance(node, BranchNode)
    seen: Any = tuple(actual) if isinstance(actual, list) else actual
    assert decide(node, {"lead.x": seen}, [])[0] == ("yes" if holds else "no")


def test_all_conditions_of_a_rule_are_needed_and_rules_are_tried_in_order() -> None:
    both = [{"field": "lead.a", "op": "exists"}, {"event": "click", "node": "m", "op": "not_happened"}]
    node = BranchNode.model_validate(
        {
            "id": "b",
            "type": "branch",
            "rules": [{"if": both, "to": "one"}, {"if": both[:1], "to": "two"}],
            "else": "three",
        }
    )
    assert decide(node, {"lead.a": 1}, [])[0] == "one"
    assert decide(node, {"lead.a": 1}, [("click", "m")])[0] == "two"
    assert decide(node, {"lead.a": 1}, [("click", "")])[0] == "two", "an unknown message may be this one"
    assert decide(node, {"lead.a": 1}, [("click", "other")])[0] == "one"
    assert decide(node, {}, [])[0] == "three"
