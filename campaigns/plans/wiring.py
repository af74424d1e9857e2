"""The exits of nodes as things to take hold of: which one is the main one, and where each of them leads. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from campaigns.plans.graph import AnyNode
from campaigns.plans.schema import (
    MAX_NODES,
    BranchNode,
    Plan,
    SendNode,
    StopNode,
    Transition,
    WaitNode,
    exits,
)

_MAIN_EVENTS: Final = (
    "accepted", "no_reply", "sent", "elapsed", "no_click", "no_open", "no_accept",
)  # fmt: skip
"""The way that goes on with the plan when nothing special happens; the first that a node has."""


class EditRefused(ValueError):
    """This cannot be done to this plan; the message says why, in plain words."""


def rebuilt(plan: Plan, nodes: Iterable[AnyNode], start: str | None = None) -> Plan:
    """``plan`` with other nodes (and another start). Raises ``EditRefused`` above the most a plan may have."""
    made = tuple(nodes)
    if len(made) > MAX_NODES:
        raise EditRefused(f"A plan has at most {MAX_NODES} steps.")
    return Plan(
        version=plan.version,
        timezone=plan.timezone,
        quiet_hours=plan.quiet_hours,
        start_node_id=plan.start_node_id if start is None else start,
        nodes=made,
    )


def replaced(plan: Plan, node: AnyNode) -> Plan:
    """``plan`` with ``node`` in the place of the one of that id."""
    return rebuilt(plan, (node if one.id == node.id else one for one in plan.nodes))


def node_of(plan: Plan, node_id: str) -> AnyNode:
    """The node of that id. Raises ``EditRefused``."""
    node = plan.index.get(node_id)
    if node is None:
        raise EditRefused(f"There is no step called {node_id}. Somebody may have removed it.")
    return node


def main_exit(node: AnyNode) -> str:
    """The field of the exit that goes on with the plan, such as ``transitions[0].to``; empty if there is none."""
    if isinstance(node, StopNode):
        return ""
    if isinstance(node, BranchNode):
        return "else"
    for event in _MAIN_EVENTS:
        for number, way in enumerate(node.transitions):
            if way.on == event:
                return f"transitions[{number}].to"
    return "transitions[0].to" if node.transitions else ""


def target_of(node: AnyNode, field: str) -> str:
    """Where an exit leads. Raises ``EditRefused`` if the node has no such exit."""
    for name, to in exits(node):
        if name == field:
            return to
    raise EditRefused(f"{node.id} has no way out called {field}.")


def main_target(node: AnyNode) -> str:
    """Where the plan goes on after ``node``; empty if it ends there."""
    field = main_exit(node)
    return target_of(node, field) if field else ""


def retargeted(node: AnyNode, change: Callable[[str, str], str]) -> AnyNode:
    """``node`` with each exit leading to ``change(field, target)``."""
    if isinstance(node, StopNode):
        return node
    if isinstance(node, BranchNode):
        rules = tuple(
            rule.model_copy(update={"to": change(f"rules[{number}].to", rule.to)})
            for number, rule in enumerate(node.rules)
        )
        return node.model_copy(update={"rules": rules, "else_": change("else", node.else_)})
    ways = tuple(
        way.model_copy(update={"to": change(f"transitions[{number}].to", way.to)})
        for number, way in enumerate(node.transitions)
    )
    return node.model_copy(update={"transitions": ways})


def redirected(plan: Plan, old: str, new: str, *, but: str = "") -> Plan:
    """``plan`` with everything that led to ``old`` leading to ``new``; the exits of ``but`` stay."""
    nodes = (
        node if node.id == but else retargeted(node, lambda _, to: new if to == old else to)
        for node in plan.nodes
    )
    return rebuilt(plan, nodes, new if plan.start_node_id == old else None)


def fresh_id(plan: Plan, base: str, taken: Iterable[str] = ()) -> str:
    """An id that no node has yet: ``email``, ``email_2``, ..."""
    used = {*plan.index, *taken}
    number, name = 1, base
    while name in used:
        number += 1
        name = f"{base}_{number}"
    return name


def a_stop(plan: Plan) -> tuple[Plan, str]:
    """A stop that completes: the plan's own if there is one, else a new one."""
    for node in plan.nodes:
        if isinstance(node, StopNode) and node.outcome == "completed":
            return plan, node.id
    stop = StopNode(id=fresh_id(plan, "end"), type="stop", outcome="completed")
    return rebuilt(plan, (*plan.nodes, stop)), stop.id


def default_ways(action: str, to: str, end: str) -> tuple[Transition, ...]:
    """How a new step goes on: by the event that people mean, after a time that gives them room."""
    if action == "invite":
        return (
            Transition(on="accepted", to=to),
            Transition(on="no_accept", after="P14D", to=end),
        )
    if action == "profile_view":
        return (Transition(on="sent", after="P1D", working_days=True, to=to),)
    return (Transition(on="no_reply", after="P3D", working_days=True, to=to),)


def with_main_target(plan: Plan, node: AnyNode, to: str, end: str) -> AnyNode:
    """``node`` going on to ``to``: its main exit, and those that lead to the same step; a first way if it had none.

    Side ways of a send to where the plan ends (an invitation that is given up) stay.
    """
    old, field = main_target(node), main_exit(node)
    if old:
        alone = isinstance(plan.index.get(old), StopNode) and not isinstance(node, BranchNode)
        return retargeted(
            node, lambda name, target: to if name == field or (target == old and not alone) else target
        )
    if isinstance(node, SendNode):
        return node.model_copy(update={"transitions": default_ways(node.action, to, end)})
    if isinstance(node, WaitNode):
        return node.model_copy(update={"transitions": (Transition(on="elapsed", to=to),)})
    raise EditRefused("Nothing comes after a stop. Insert the step before it.")
