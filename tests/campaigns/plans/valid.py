"""Valid plans over three channels, made at random: graphs whose every rule is kept by construction."""

from __future__ import annotations

from typing import Any

from hypothesis import assume
from hypothesis import strategies as st

from campaigns.plans.schema import Plan
from campaigns.plans.validate import validate
from tests.campaigns.plans.strategies import DURATIONS
from tests.campaigns.plans.worlds import branch, make_plan, send, stop, wait, way

#: What may be said of a message of each kind, besides what ends an enrollment.
_REAL = {
    "email": ["open", "click", "delivered", "bounce", "failed"],
    "sms": ["click", "delivered", "bounce", "failed"],
    "message": ["delivered", "failed"],
    "inmail": ["delivered", "failed"],
    "invite": ["accepted", "failed"],
    "profile_view": ["sent", "failed"],
}
_SYNTHETIC = {
    "email": ["no_open", "no_click"],
    "sms": ["no_click"],
    "invite": ["no_accept"],
}
_ENDING = ["reply", "meeting_booked", "unsubscribe", "complaint"]


@st.composite
def valid_plans(draw: st.DrawFn, *, loops: bool = True) -> Plan:
    """Plans that ``validate`` accepts; with ``loops`` some go back, after a delay."""
    count = draw(st.integers(2, 6))
    names = [f"n{number}" for number in range(count)]
    nodes = [draw(_node(names, number, loops)) for number in range(count)]
    plan = make_plan(*_reached(nodes), stop("end"))
    assume(not validate(plan))
    return plan


def _reached(nodes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The nodes that a way from the first leads to."""
    by_id = {node["id"]: node for node in nodes}
    found: set[str] = set()
    waiting = [nodes[0]["id"]]
    while waiting:
        name = waiting.pop()
        if name in by_id and name not in found:
            found.add(name)
            node = by_id[name]
            waiting += [one["to"] for one in node.get("transitions", [])]
            waiting += [rule["to"] for rule in node.get("rules", [])] + [node.get("else", "end")]
    return [node for node in nodes if node["id"] in found]


@st.composite
def _node(draw: st.DrawFn, names: list[str], number: int, loops: bool) -> dict[str, Any]:
    name = names[number]
    later = st.sampled_from([*names[number + 1 : number + 3], "end"])
    kind = draw(
        st.sampled_from(
            ["email", "email", "sms", "invite", "inmail", "message", "profile_view", "wait", "branch"]
        )
    )
    if kind == "branch":
        test = draw(
            st.sampled_from(
                [
                    {"event": "open", "op": "happened"},
                    {"event": "accepted", "op": "happened"},
                    {"field": "lead.country", "op": "eq", "value": "DE"},
                    {"field": "lead.first_degree", "op": "eq", "value": True},
                ]
            )
        )
        return branch(name, draw(later), draw(later), test)
    ways: list[dict[str, Any]] = []
    for event in draw(
        st.lists(st.sampled_from([*_REAL.get(kind, ["open", "accepted"]), *_ENDING]), max_size=2)
    ):
        extra = {draw(st.sampled_from(["within", "after"])): draw(DURATIONS)} if draw(st.booleans()) else {}
        ways.append(way(event, draw(later), **extra))
    if kind in _SYNTHETIC and draw(st.booleans()):
        back = st.sampled_from([*names[: number + 1], "end"]) if loops else later
        ways.append(way(draw(st.sampled_from(_SYNTHETIC[kind])), draw(back), after=draw(DURATIONS)))
    working = draw(st.booleans())
    if kind == "wait":
        return wait(name, draw(st.sampled_from(["P1D", "P3D"])), draw(later), *ways, workingDays=working)
    if kind == "profile_view":
        return send(name, kind, *ways, way("sent", draw(later), after="P1D"))
    sure = way("no_reply", draw(later), after=draw(st.sampled_from(["P1D", "P3D"])), workingDays=working)
    return send(name, kind, *ways, sure)
