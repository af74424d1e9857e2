"""Questions about the shape of a plan: what is reachable, what ends, what goes round in circles.

Graphs are small (at most ``MAX_NODES`` nodes), so plain searches do. References to missing nodes are skipped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from campaigns.plans.schema import (
    COUNTERPART,
    BranchNode,
    EventCondition,
    FieldCondition,
    Plan,
    Rule,
    SendNode,
    StopNode,
    Transition,
    WaitNode,
    exits,
)
from campaigns.scheduling import parse_duration

AnyNode = SendNode | WaitNode | BranchNode | StopNode
Edges = dict[str, tuple[str, ...]]

CONNECTED_FIELD = "lead.first_degree"
"""Branch field that is true for people who are already connected with the sender."""


def edges(plan: Plan) -> Edges:
    """Existing targets of each node, without those of transitions that can never be taken."""
    return {
        node_id: tuple(to for to in _targets(node) if to in plan.index)
        for node_id, node in plan.index.items()
    }


def _targets(node: AnyNode) -> tuple[str, ...]:
    if isinstance(node, SendNode | WaitNode):
        return tuple(way.to for way in live_ways(node.transitions))
    return tuple(to for _, to in exits(node))


def live_ways(ways: Sequence[Transition]) -> tuple[Transition, ...]:
    """The transitions of a node that can be taken at all: not those that another one always comes before."""
    return tuple(
        way
        for place, way in enumerate(ways)
        if not any(
            _always_first(other, way, earlier=number < place)
            for number, other in enumerate(ways)
            if number != place and other.on == way.on
        )
    )


def _always_first(other: Transition, way: Transition, *, earlier: bool) -> bool:
    """Whether ``other``, for the same event, is taken whenever ``way`` could be. ``earlier`` in the list."""
    if way.on == "elapsed":
        return earlier
    if way.on in COUNTERPART:
        if other.after is None or way.after is None or other.working_days != way.working_days:
            return False
        mine, its = parse_duration(way.after).nominal, parse_duration(other.after).nominal
        return its < mine or (its == mine and earlier)
    if other.after is not None or not earlier:
        return False
    if other.within is None:
        return True
    if way.within is None or other.working_days != way.working_days:
        return False
    return parse_duration(other.within).nominal >= parse_duration(way.within).nominal


def always_before(plan: Plan, first: str, node_id: str) -> bool:
    """Whether every way from the start to ``node_id`` passes ``first``, and there is one."""
    graph = edges(plan)
    if node_id == first or node_id not in reachable(graph, [plan.start_node_id]):
        return False
    without = {**graph, first: ()}
    return first == plan.start_node_id or node_id not in reachable(without, [plan.start_node_id])


def undelayed_edges(plan: Plan) -> Edges:
    """Targets that can be reached without any time passing by rule: not out of waits, not after a delay."""
    found: Edges = {}
    for node_id, node in plan.index.items():
        if isinstance(node, WaitNode):
            found[node_id] = ()
        elif isinstance(node, SendNode):
            found[node_id] = tuple(
                way.to for way in live_ways(node.transitions) if way.after is None and way.to in plan.index
            )
        else:
            found[node_id] = tuple(to for _, to in exits(node) if to in plan.index)
    return found


def reachable(graph: Edges, starts: Iterable[str]) -> set[str]:
    """All nodes that can be reached from ``starts``, these included."""
    found: set[str] = set()
    waiting = [start for start in starts if start in graph]
    while waiting:
        node_id = waiting.pop()
        if node_id not in found:
            found.add(node_id)
            waiting.extend(graph[node_id])
    return found


def on_cycles(graph: Edges) -> set[str]:
    """Nodes that lead back to themselves."""
    return {node_id for node_id in graph if node_id in reachable(graph, graph[node_id])}


def can_end(plan: Plan) -> set[str]:
    """Nodes from which some path ends: at a stop, or at a send without transitions."""
    backwards: dict[str, list[str]] = {node_id: [] for node_id in plan.index}
    for node_id, targets in edges(plan).items():
        for target in targets:
            backwards[target].append(node_id)
    ends = [node_id for node_id, node in plan.index.items() if is_end(node)]
    return reachable({node_id: tuple(sources) for node_id, sources in backwards.items()}, ends)


def is_end(node: AnyNode) -> bool:
    """Whether a path may end at ``node``."""
    return isinstance(node, StopNode) or (isinstance(node, SendNode) and not node.transitions)


def reached_unconnected(plan: Plan) -> set[str]:
    """Nodes that a person may reach who is not known to be connected on LinkedIn."""
    found: set[str] = set()
    waiting = [plan.start_node_id] if plan.start_node_id in plan.index else []
    while waiting:
        node_id = waiting.pop()
        if node_id in found:
            continue
        found.add(node_id)
        node = plan.index[node_id]
        # After a message the question is settled: it is asked at the message itself.
        if not (isinstance(node, SendNode) and node.action == "message"):
            waiting.extend(to for to in _unconnected_exits(node) if to in plan.index)
    return found


def _unconnected_exits(node: AnyNode) -> list[str]:
    if isinstance(node, StopNode):
        return []
    if isinstance(node, BranchNode):
        return [rule.to for rule in node.rules if not _proves_connection(rule)] + [node.else_]
    return [way.to for way in node.transitions if way.on != "accepted"]


def _proves_connection(rule: Rule) -> bool:
    for test in rule.if_:
        if isinstance(test, EventCondition) and (test.event, test.op) == ("accepted", "happened"):
            return True
        if isinstance(test, FieldCondition) and test.field == CONNECTED_FIELD and test.op == "eq":
            return test.value is True
    return False
