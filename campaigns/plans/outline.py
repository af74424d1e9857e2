"""A plan as an indented list that reads from top to bottom: what people without a canvas work with. Pure.

Ways that lead apart are indented until they come together again (at the immediate post-dominator); what has one way on
stays flat, so that a sequence is a list. A step that stands further up is named where a way leads back to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from campaigns.plans.graph import AnyNode
from campaigns.plans.naming import exit_text, name_of
from campaigns.plans.schema import Plan, SendNode, StopNode, exits

_END = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One row: a node, or the ways from ``node_id`` to ``to`` (``exits``: their fields), or one that nothing leads to.

    ``jumps``: the ways lead to a step that stands elsewhere in the outline.
    """

    kind: Literal["node", "way"]
    depth: int
    node_id: str
    text: str
    number: int = 0
    exits: tuple[str, ...] = ()
    to: str = ""
    jumps: bool = False
    is_loose: bool = False


@dataclass(slots=True)
class _Walk:
    plan: Plan
    joins: dict[str, str]
    seen: set[str] = field(default_factory=set)
    numbers: dict[str, int] = field(default_factory=dict)


def outline(plan: Plan) -> list[Row]:
    """All rows of ``plan``: what can be reached, then what nothing leads to."""
    walk = _Walk(plan, _joins(plan))
    rows = list(_walked(walk, plan.start_node_id, 0, frozenset(), loose=False))
    for node in plan.nodes:
        if node.id not in walk.seen:
            rows += _walked(walk, node.id, 0, frozenset(), loose=True)
    return rows


def numbers(plan: Plan) -> dict[str, int]:
    """The numbers of the sends, in the order of the outline."""
    return {row.node_id: row.number for row in outline(plan) if row.kind == "node" and row.number}


def grouped(plan: Plan, node: AnyNode) -> list[tuple[str, tuple[str, ...], str]]:
    """(target, fields, text) of the exits of ``node``: those to one target are one way."""
    found: dict[str, list[str]] = {}
    for name, to in exits(node):
        if to in plan.index:
            found.setdefault(to, []).append(name)
    return [
        (to, tuple(names), " or ".join(text for name in names if (text := exit_text(plan, node, name))))
        for to, names in found.items()
    ]


def _walked(walk: _Walk, node_id: str, depth: int, until: frozenset[str], *, loose: bool) -> Iterator[Row]:
    plan = walk.plan
    while node_id in plan.index and node_id not in until and node_id not in walk.seen:
        walk.seen.add(node_id)
        node = plan.index[node_id]
        number = 0
        if isinstance(node, SendNode):
            number = walk.numbers[node_id] = len(walk.numbers) + 1
        yield Row("node", depth, node_id, name_of(node), number, is_loose=loose)
        ways = grouped(plan, node)
        join = walk.joins.get(node_id, _END)
        apart = [way for way in ways if _opens(walk, way[0], join, until)]
        if len(apart) == 1 or not apart:
            follow = apart[0][0] if apart else join
            goes_on = follow in plan.index and follow not in until and follow not in walk.seen
            for to, fields, text in sorted(ways, key=lambda way: way[0] == follow):
                continues = to == follow and goes_on
                yield _way(
                    walk, node_id, depth if continues else depth + 1, to, fields, text, jumps=not continues
                )
            node_id = follow
            continue
        inside = until | {join} if join else until
        for way in ways:
            to, fields, text = way
            opens = way in apart and to not in walk.seen
            yield _way(walk, node_id, depth + 1, to, fields, text, jumps=not opens)
            if opens:
                yield from _walked(walk, to, depth + 1, inside, loose=loose)
        node_id = join


def _opens(walk: _Walk, to: str, join: str, until: frozenset[str]) -> bool:
    """Whether a way leads to steps that are shown below it, not to where the ways come together or have been."""
    if to == join or to in until or to in walk.seen:
        return False
    return not isinstance(walk.plan.index[to], StopNode)


def _way(
    walk: _Walk, node_id: str, depth: int, to: str, fields: tuple[str, ...], text: str, *, jumps: bool
) -> Row:
    return Row("way", depth, node_id, text, exits=fields, to=to, jumps=jumps)


def _joins(plan: Plan) -> dict[str, str]:
    """Where the ways out of each node come together again, if they do: its immediate post-dominator."""
    ids = [node.id for node in plan.nodes if node.id in plan.index]
    bit = {node_id: 1 << place for place, node_id in enumerate(dict.fromkeys(ids))}
    graph = {node_id: {to for _, to in exits(plan.index[node_id]) if to in plan.index} for node_id in bit}
    everything = (1 << len(bit)) - 1
    # Sets of nodes as bits: what every way from a node to an end passes, the node included.
    passed = {node_id: everything if graph[node_id] else bit[node_id] for node_id in bit}
    changed = True
    while changed:
        changed = False
        for node_id in reversed(bit):
            common = everything
            for to in graph[node_id]:
                common &= passed[to]
            wanted = bit[node_id] | (common if graph[node_id] else 0)
            changed = changed or wanted != passed[node_id]
            passed[node_id] = wanted
    found: dict[str, str] = {}
    for node_id in bit:
        if passed[node_id] == everything and graph[node_id]:
            continue  # no way from here ends
        later = [other for other in bit if other != node_id and passed[node_id] & bit[other]]
        # What is passed first is what all the others are still to come after.
        if later:
            found[node_id] = max(later, key=lambda other: passed[other].bit_count())
    return found
