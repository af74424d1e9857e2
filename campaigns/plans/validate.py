"""Every rule that a plan has to keep before it may run. Errors name the node and the field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from campaigns.plans.content import content_errors
from campaigns.plans.errors import PlanError, PlanInvalid, field_path, shape_message
from campaigns.plans.graph import (
    always_before,
    can_end,
    edges,
    on_cycles,
    reachable,
    reached_unconnected,
    undelayed_edges,
)
from campaigns.plans.schema import (
    COUNTERPART,
    BranchNode,
    EventCondition,
    FieldCondition,
    Plan,
    SendNode,
    Transition,
    WaitNode,
    exits,
)
from campaigns.rendering import INVITE_NOTE, KNOWN_VARIABLES
from campaigns.scheduling import parse_duration

_MESSAGES = frozenset({"email", "message", "inmail", "sms"})
FITS: dict[str, frozenset[str]] = {
    "no_open": frozenset({"email"}),
    "no_click": frozenset({"email", "sms"}),
    "no_reply": _MESSAGES | {"invite"},
    "no_accept": frozenset({"invite"}),
    "elapsed": frozenset({"wait"}),
    "open": frozenset({"email", "wait"}),
    "click": frozenset({"email", "sms", "wait"}),
    "accepted": frozenset({"invite", "wait"}),
    "bounce": frozenset({"email", "sms", "wait"}),
    "complaint": frozenset({"email", "sms", "wait"}),
    "delivered": _MESSAGES,
    "sent": _MESSAGES | {"invite", "profile_view"},
    "failed": _MESSAGES | {"invite", "profile_view"},
}
"""Actions (and ``wait``) at which an event can happen; what is not listed fits everywhere."""
_OPT_OUT = frozenset({"unsubscribe", "complaint"})


@dataclass(frozen=True, slots=True)
class Options:
    """What validity depends on outside the plan.

    ``first_degree``: all leads are already connected with their sender. ``invite_note`` is the longest note
    that the campaign's seats may send (200 for free LinkedIn accounts).
    """

    known_variables: frozenset[str] = KNOWN_VARIABLES
    invite_note: int = INVITE_NOTE
    first_degree: bool = False


DEFAULT_OPTIONS = Options()


def parse_plan(data: object) -> Plan:
    """Read the shape of a plan from JSON data; raise ``PlanInvalid`` with one error per wrong field."""
    try:
        return Plan.model_validate(data)
    except ValidationError as error:
        raise PlanInvalid([_shape_error(data, one) for one in error.errors(include_url=False)]) from error


def check(data: object, options: Options = DEFAULT_OPTIONS) -> Plan:
    """Read and validate; raise ``PlanInvalid`` with all errors."""
    plan = parse_plan(data)
    if errors := validate(plan, options):
        raise PlanInvalid(errors)
    return plan


def validate(plan: Plan, options: Options = DEFAULT_OPTIONS) -> list[PlanError]:
    """All errors of ``plan``; empty if it may run. In the order of its nodes."""
    errors = [*_plan_errors(plan), *_graph_errors(plan, options)]
    for node in plan.nodes:
        if isinstance(node, SendNode):
            errors += _send_errors(plan, node)
            errors += content_errors(node, options.known_variables, options.invite_note)
        elif isinstance(node, BranchNode):
            errors += _branch_errors(plan, node)
        if isinstance(node, SendNode | WaitNode):
            errors += _transition_errors(node)
            errors += _stuck_errors(node)
    order = {node.id: number for number, node in enumerate(plan.nodes)}
    return sorted(errors, key=lambda error: order.get(error.node, -1))


# The graph


def _plan_errors(plan: Plan) -> Iterator[PlanError]:
    if plan.quiet_hours and plan.quiet_hours.start == plan.quiet_hours.end:
        yield PlanError("", "quietHours", "quiet_hours", "Quiet hours must start and end at different times.")
    if plan.start_node_id not in plan.index:
        yield PlanError("", "startNodeId", "start_missing", f"There is no node called {plan.start_node_id}.")
    seen: set[str] = set()
    for node in plan.nodes:
        if node.id in seen:
            yield PlanError(node.id, "id", "duplicate_id", f"More than one node is called {node.id}.")
        seen.add(node.id)
        for field, to in exits(node):
            if to not in plan.index:
                yield PlanError(node.id, field, "target_missing", f"There is no node called {to}.")


def _graph_errors(plan: Plan, options: Options) -> Iterator[PlanError]:
    graph = edges(plan)
    reached = reachable(graph, [plan.start_node_id])
    ending, cycles, instant = can_end(plan), on_cycles(graph), on_cycles(undelayed_edges(plan))
    unconnected = set() if options.first_degree else reached_unconnected(plan)
    for node_id, node in plan.index.items():
        if node_id not in reached and plan.start_node_id in plan.index:
            yield PlanError(node_id, "id", "unreachable", "No path from the start leads here.")
        if node_id not in ending and node_id in cycles:
            text = "This loop has no way out. Add a transition that leads to an end."
            yield PlanError(node_id, "transitions", "endless_loop", text)
        elif node_id not in ending and all(to in plan.index for _, to in exits(node)):
            yield PlanError(node_id, "transitions", "never_ends", "No path from here leads to an end.")
        if node_id in instant:
            text = "This loop could run without a pause. Put a wait or a delay (after) into it."
            yield PlanError(node_id, "transitions", "loop_without_pause", text)
        if isinstance(node, SendNode) and node.action == "message" and node_id in unconnected:
            text = (
                "Only connections get LinkedIn messages. Lead here by an accepted invitation, or use inmail."
            )
            yield PlanError(node_id, "action", "not_connected", text)
        yield from _opt_out_errors(plan, node_id)


def _opt_out_errors(plan: Plan, node_id: str) -> Iterator[PlanError]:
    """After an unsubscribe or complaint nothing may be sent on that channel, whatever the plan says."""
    node = plan.index[node_id]
    if not isinstance(node, SendNode | WaitNode):
        return
    graph = edges(plan)
    for number, way in enumerate(node.transitions):
        if way.on not in _OPT_OUT:
            continue
        closed = {node.channel} if isinstance(node, SendNode) else _channels_before(plan, node_id)
        for target in sorted(reachable(graph, [way.to])):
            later = plan.index[target]
            if isinstance(later, SendNode) and later.channel in closed:
                text = f"After {way.on} nothing may be sent by {later.channel}, but this leads to {later.id}."
                yield PlanError(node_id, f"transitions[{number}].to", "send_after_opt_out", text)
                break


def _channels_before(plan: Plan, node_id: str) -> set[str]:
    graph = edges(plan)
    return {
        node.channel
        for node in plan.index.values()
        if isinstance(node, SendNode) and node_id in reachable(graph, [node.id])
    }


# Nodes


def _send_errors(plan: Plan, node: SendNode) -> Iterator[PlanError]:
    if node.sender and (node.sender.pool is None) == (node.sender.account is None):
        yield PlanError(node.id, "sender", "sender", "Name either a pool or an account.")
    if node.thread_with is None:
        return
    first = plan.index.get(node.thread_with)
    if node.action != "email":
        yield PlanError(node.id, "threadWith", "thread", "Only e-mails continue a thread.")
    elif first is None:
        yield PlanError(node.id, "threadWith", "thread", f"There is no node called {node.thread_with}.")
    elif not isinstance(first, SendNode) or first.action != "email":
        yield PlanError(node.id, "threadWith", "thread", f"{first.id} is not an e-mail.")
    elif not always_before(plan, first.id, node.id):
        text = f"{first.id} is not sent before this e-mail on every way that leads here."
        yield PlanError(node.id, "threadWith", "thread", text)


def _branch_errors(plan: Plan, node: BranchNode) -> Iterator[PlanError]:
    for number, rule in enumerate(node.rules):
        for place, test in enumerate(rule.if_):
            field = f"rules[{number}].if[{place}]"
            if isinstance(test, EventCondition):
                target = plan.index.get(test.node) if test.node else None
                if test.node and not isinstance(target, SendNode):
                    yield PlanError(node.id, f"{field}.node", "condition", f"{test.node} is not a send node.")
            else:
                yield from _value_errors(node.id, field, test)


def _value_errors(node_id: str, field: str, test: FieldCondition) -> Iterator[PlanError]:
    listed = isinstance(test.value, tuple)
    if test.op in ("exists", "missing"):
        if test.value is not None:
            yield PlanError(node_id, f"{field}.value", "condition", f"{test.op} takes no value.")
    elif test.op in ("in", "not_in"):
        if not listed or not test.value:
            yield PlanError(node_id, f"{field}.value", "condition", f"{test.op} needs a list of values.")
    elif test.value is None or listed:
        yield PlanError(node_id, f"{field}.value", "condition", f"{test.op} needs one value.")


def _transition_errors(node: SendNode | WaitNode) -> Iterator[PlanError]:
    place = node.action if isinstance(node, SendNode) else "wait"
    if isinstance(node, WaitNode) and (problem := _working_days_problem(node.duration, node.working_days)):
        yield PlanError(node.id, "duration", "working_days", problem)
    for number, way in enumerate(node.transitions):
        field = f"transitions[{number}]"
        if way.on in FITS and place not in FITS[way.on]:
            text = f"{way.on} cannot happen at {_a(place)}."
            yield PlanError(node.id, f"{field}.on", "event_does_not_fit", text)
        yield from _timing_errors(node.id, field, way)


def _timing_errors(node_id: str, field: str, way: Transition) -> Iterator[PlanError]:
    if way.on == "elapsed" and (way.after or way.within):
        text = "The wait has its own duration: elapsed takes neither after nor within."
        yield PlanError(node_id, f"{field}.{'after' if way.after else 'within'}", "timing", text)
    elif way.on in COUNTERPART:
        if way.after is None:
            text = f"{way.on} needs after: how long to wait for it."
            yield PlanError(node_id, f"{field}.after", "timing", text)
        if way.within is not None:
            yield PlanError(node_id, f"{field}.within", "timing", f"{way.on} takes after, not within.")
    for name, duration in (("after", way.after), ("within", way.within)):
        if duration and (problem := _working_days_problem(duration, way.working_days)):
            yield PlanError(node_id, f"{field}.{name}", "working_days", problem)


def _working_days_problem(text: str, working_days: bool) -> str:
    duration = parse_duration(text)
    if not working_days:
        return ""
    if duration.in_weeks:
        return "Write working days as days, for example P5D: a week of working days is ambiguous."
    return "" if duration.days else "Working days need a duration in days, for example P2D."


def _stuck_errors(node: SendNode | WaitNode) -> Iterator[PlanError]:
    """A lead must always move on in the end, whatever they do or do not do."""
    if isinstance(node, WaitNode):
        if not any(way.on == "elapsed" for way in node.transitions):
            yield PlanError(
                node.id, "transitions", "may_get_stuck", "Say where to go when the wait has elapsed."
            )
        return
    if not node.transitions or any(way.on in ("sent", "no_reply") for way in node.transitions):
        return
    gaps = []
    for way in node.transitions:
        real = COUNTERPART.get(way.on)
        if real is None or way.after is None:
            continue
        if any(other.on == real and _covers(other, way) for other in node.transitions):
            return
        gaps.append(real)
    hint = (
        f"If {gaps[0]} happens, nothing may follow" if gaps else "If nothing of this happens, nothing follows"
    )
    text = f"{hint}. Add a transition that is sure to come, such as no_reply after some days."
    yield PlanError(node.id, "transitions", "may_get_stuck", text)


def _covers(real: Transition, synthetic: Transition) -> bool:
    """Whether ``real`` matches whenever its event keeps ``synthetic`` from happening."""
    if real.within is None or synthetic.after is None:
        return True
    if synthetic.working_days and not real.working_days:
        return False
    return parse_duration(real.within).nominal >= parse_duration(synthetic.after).nominal


def _a(place: str) -> str:
    return f"{'an' if place[0] in 'aeiou' else 'a'} {place.replace('_', ' ')}"


# Shape


def _shape_error(data: object, error: Any) -> PlanError:
    """One error of pydantic, with the node's id instead of its place in the list."""
    path = list(error["loc"])
    node = ""
    if len(path) >= 2 and path[0] == "nodes" and isinstance(path[1], int):
        node = _node_id(data, path[1])
        path = path[3:] if len(path) > 2 and path[2] in ("send", "wait", "branch", "stop") else path[2:]
    return PlanError(node, field_path(path), "shape", shape_message(error))


def _node_id(data: object, index: int) -> str:
    nodes = data.get("nodes") if isinstance(data, Mapping) else None
    node = nodes[index] if isinstance(nodes, list | tuple) and index < len(nodes) else None
    name = node.get("id") if isinstance(node, Mapping) else None
    return name if isinstance(name, str) and name else f"nodes[{index}]"
