"""Random plans, sequences and events."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from campaigns.plans.linear import Sequence
from campaigns.plans.schema import Plan
from campaigns.plans.state import Event
from tests.campaigns.plans.worlds import T0, branch, event, make_plan, send, stop, wait, way

DURATIONS = st.sampled_from(["PT1H", "PT30H", "P1D", "P2D", "P3D", "P1DT6H"])
PERSONAL = ["accepted", "reply", "bounce", "unsubscribe", "complaint", "meeting_booked"]
OF_A_MESSAGE = ["open", "click", "delivered"]


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Graphs of up to six nodes and two stops. Loops occur; not all are valid, all have to run."""
    count = draw(st.integers(3, 7))
    names = [f"n{number}" for number in range(count)]
    targets = st.sampled_from([*names, *names, *names, "end", "lost"])
    nodes = [
        draw(_node(name, names[number + 1 : number + 3] or ["end"], targets))
        for number, name in enumerate(names)
    ]
    return make_plan(*nodes, stop("end"), stop("lost", "disqualified"))


@st.composite
def _node(draw: st.DrawFn, name: str, later: list[str], targets: st.SearchStrategy[str]) -> dict[str, Any]:
    kind = draw(st.sampled_from(["email", "email", "invite", "message", "sms", "wait", "branch"]))
    onward = st.sampled_from(later)
    if kind == "branch":
        test = {"event": draw(st.sampled_from(["open", "click", "accepted"])), "op": "happened"}
        return branch(name, draw(onward), draw(onward), test)
    ways = draw(st.lists(_way(targets), max_size=3))
    if kind == "wait":
        return wait(name, draw(DURATIONS), draw(onward), *ways, workingDays=draw(st.booleans()))
    sure = way("no_reply", draw(onward), after=draw(DURATIONS), workingDays=False)
    early = {"email": "no_open", "invite": "no_accept", "sms": "no_click"}.get(kind)
    if early and draw(st.booleans()):
        ways.append(way(early, draw(targets), after=draw(DURATIONS)))
    return send(name, kind, *ways, sure)


@st.composite
def _way(draw: st.DrawFn, targets: st.SearchStrategy[str]) -> dict[str, Any]:
    kind = draw(st.sampled_from([*PERSONAL, *OF_A_MESSAGE, *OF_A_MESSAGE]))
    extra: dict[str, Any] = {}
    if draw(st.booleans()):
        extra[draw(st.sampled_from(["within", "after"]))] = draw(DURATIONS)
    return way(kind, draw(targets), **extra)


@st.composite
def events(draw: st.DrawFn, plan: Plan, *, most: int = 6, ending: bool = True) -> list[Event]:
    """Events in the first ten days, each received up to three days after it occurred."""
    sends = [node.id for node in plan.nodes if node.type == "send"]
    kinds = [*OF_A_MESSAGE, *OF_A_MESSAGE, "accepted", "accepted", *(PERSONAL if ending else [])]
    found: list[Event] = []
    for number in range(draw(st.integers(min(2, most), most))):
        kind = draw(st.sampled_from(kinds))
        # Whole quarters of an hour, so that several things happen at the same instant.
        occurred = T0 + timedelta(minutes=15 * draw(st.integers(0, 480)))
        late = timedelta(minutes=15 * draw(st.sampled_from([0, 1, 8, 96, 192, 288])))
        node = draw(st.sampled_from(sends)) if sends and kind in OF_A_MESSAGE else None
        extra: dict[str, Any] = {}
        if kind in ("unsubscribe", "complaint"):
            extra["channel"] = draw(st.sampled_from(["email", "linkedin", "sms"]))
        if kind in ("open", "click"):
            extra["machine"] = draw(st.booleans())
        if kind == "bounce":
            extra["soft"] = draw(st.booleans())
        if kind == "reply":
            extra["out_of_office"] = draw(st.booleans())
        found.append(event(kind, occurred, received=occurred + late, node=node, id=f"e{number}", **extra))
    return found


_TEXT = st.sampled_from(
    ["Hi {{ lead.first_name | default: 'there' }}", "Just a thought", "{Hello|Hi}, quick one"]
)
_DELAY = st.integers(1, 30)


@st.composite
def sequences(draw: st.DrawFn) -> Sequence:
    """Sequences as the form makes them; LinkedIn messages only after an invitation."""
    steps: list[dict[str, Any]] = []
    connected = mailed = False
    for number in range(draw(st.integers(1, 6))):
        kinds = ["profile_view", "email", "inmail", "sms"] + (
            ["message"] * 3 if connected else ["invite"] * 2
        )
        kind = draw(st.sampled_from(kinds))
        before = steps[-1]["kind"] if steps else None
        step: dict[str, Any] = {"kind": kind, "workingDays": draw(st.booleans())}
        at_once = before in ("invite", "profile_view") and draw(st.booleans())
        step["delayDays"] = 0 if number == 0 or at_once else draw(_DELAY)
        match kind:
            case "invite":
                step |= {"note": draw(st.sampled_from(["", "Hello"])), "giveUpDays": draw(_DELAY)}
                connected = True
            case "email":
                step |= {
                    "subject": "About {{ company.name }}",
                    "body": draw(_TEXT),
                    "threaded": mailed and draw(st.booleans()),
                }
                mailed = True
            case "inmail":
                step |= {"subject": "A question", "text": draw(_TEXT)}
            case "message" | "sms":
                step |= {"text": draw(_TEXT)}
        steps.append(step)
    return Sequence.model_validate({"timezone": "UTC", "steps": steps, "closeDays": draw(_DELAY)})
