"""Places of nodes and lines of a plan on a canvas: layers from top to bottom, few crossings, nothing on top of another.

Pure and deterministic, so that the same plan always looks the same. A line that skips layers gets a place in each of
them, so that it runs beside the nodes; one that leads back runs along the right edge.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from campaigns.plans.graph import AnyNode
from campaigns.plans.outline import grouped
from campaigns.plans.schema import Plan, StopNode, WaitNode

WIDTH: Final = 216
HEIGHT: Final = 98
SMALL_WIDTH: Final = 168
SMALL_HEIGHT: Final = 34
STOP_WIDTH: Final = 120
LANE: Final = 24
LABEL_LANE: Final = 160
GAP_X: Final = 44
GAP_Y: Final = 72
BEND: Final = 24
TOP: Final = 64
MARGIN: Final = 56
RADIUS: Final = 10
SWEEPS: Final = 6


@dataclass(slots=True)
class Box:
    """A node on the canvas: its upper left corner and its size."""

    id: str
    x: float
    y: float
    width: int
    height: int

    @property
    def middle(self) -> float:
        """The x of its axis."""
        return self.x + self.width / 2


@dataclass(frozen=True, slots=True)
class Line:
    """The way from one node to another: an SVG path, and where its label is."""

    source: str
    target: str
    exits: tuple[str, ...]
    text: str
    path: str
    label_x: float
    label_y: float
    leads_back: bool = False


@dataclass(frozen=True, slots=True)
class Drawing:
    """A whole canvas."""

    width: int
    height: int
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class _Edge:
    source: str
    target: str
    exits: tuple[str, ...]
    text: str


def draw(plan: Plan) -> Drawing:
    """The canvas of ``plan``."""
    edges = [
        _Edge(node.id, to, fields, text)
        for node in plan.index.values()
        for to, fields, text in grouped(plan, node)
    ]
    back = _leading_back(plan, edges)
    forward = [edge for place, edge in enumerate(edges) if place not in back]
    layers, chains = _layers(plan, forward)
    _order(layers, chains)
    parting = {edge.source for number, edge in enumerate(forward) if _parts(forward, number)}
    labelled = {chain[1] for chain in chains if chain[0] in parting}
    boxes = _placed(plan, layers, chains, labelled)
    right = max(box.x + box.width for box in boxes.values())
    lines = [
        _line(edge, [boxes[name] for name in chains[place]], parts=edge.source in parting)
        for place, edge in enumerate(forward)
    ]
    for number, place in enumerate(sorted(back)):
        lines.append(_loop(edges[place], boxes, right + 28 + number * 16))
    shown = tuple(boxes[node_id] for node_id in plan.index)
    width = right + MARGIN + (28 + len(back) * 16 if back else 0)
    return Drawing(
        round(width), round(max(box.y + box.height for box in shown) + MARGIN), shown, tuple(lines)
    )


def size_of(node: AnyNode) -> tuple[int, int]:
    """(width, height) of a node."""
    if isinstance(node, StopNode):
        return STOP_WIDTH, SMALL_HEIGHT
    return (SMALL_WIDTH, SMALL_HEIGHT) if isinstance(node, WaitNode) else (WIDTH, HEIGHT)


def _parts(edges: list[_Edge], place: int) -> bool:
    return any(edge.source == edges[place].source for number, edge in enumerate(edges) if number != place)


def _leading_back(plan: Plan, edges: list[_Edge]) -> set[int]:
    """Places of the edges that lead back to where somebody has been."""
    out: dict[str, list[int]] = {}
    for place, edge in enumerate(edges):
        out.setdefault(edge.source, []).append(place)
    found: set[int] = set()
    state: dict[str, int] = {}
    for start in (plan.start_node_id, *plan.index):
        if start not in plan.index or start in state:
            continue
        stack = [(start, iter(out.get(start, ())))]
        state[start] = 1
        while stack:
            node_id, rest = stack[-1]
            place = next(rest, -1)
            if place < 0:
                state[node_id] = 2
                stack.pop()
                continue
            to = edges[place].target
            if state.get(to) == 1:
                found.add(place)
            elif to not in state:
                state[to] = 1
                stack.append((to, iter(out.get(to, ()))))
    return found


def _layers(plan: Plan, edges: list[_Edge]) -> tuple[list[list[str]], list[list[str]]]:
    """(names of each layer, names along each edge): nodes as deep as their longest way, lanes where edges pass."""
    depth = dict.fromkeys(plan.index, 0)
    waiting = {node_id: sum(edge.target == node_id for edge in edges) for node_id in plan.index}
    ready = [node_id for node_id in plan.index if not waiting[node_id]]
    while ready:
        node_id = ready.pop(0)
        for edge in edges:
            if edge.source == node_id:
                depth[edge.target] = max(depth[edge.target], depth[node_id] + 1)
                waiting[edge.target] -= 1
                if not waiting[edge.target]:
                    ready.append(edge.target)
    layers: list[list[str]] = [[] for _ in range(max(depth.values()) + 1)]
    for node_id in plan.index:
        layers[depth[node_id]].append(node_id)
    chains: list[list[str]] = []
    for number, edge in enumerate(edges):
        lanes = [f"/{number}/{level}" for level in range(depth[edge.source] + 1, depth[edge.target])]
        for lane in lanes:
            layers[int(lane.rpartition("/")[2])].append(lane)
        chains.append([edge.source, *lanes, edge.target])
    return layers, chains


def _neighbours(chains: list[list[str]]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    above: dict[str, list[str]] = {}
    below: dict[str, list[str]] = {}
    for chain in chains:
        for upper, lower in pairwise(chain):
            below.setdefault(upper, []).append(lower)
            above.setdefault(lower, []).append(upper)
    return above, below


def _order(layers: list[list[str]], chains: list[list[str]]) -> None:
    """Sort each layer by where its neighbours stand, down and up again, so that few lines cross."""
    above, below = _neighbours(chains)
    for sweep in range(SWEEPS):
        if sweep % 2 == 0:
            for upper, lower in pairwise(layers):
                _sort(lower, upper, above)
        else:
            for lower, upper in pairwise(reversed(layers)):
                _sort(upper, lower, below)


def _sort(layer: list[str], other: list[str], near: dict[str, list[str]]) -> None:
    """Sort ``layer`` by the middle of its neighbours in ``other``; who has none stays where they are."""
    place = {name: number for number, name in enumerate(other)}
    wanted = {
        name: _mean([place[one] for one in near.get(name, ()) if one in place], number)
        for number, name in enumerate(layer)
    }
    layer.sort(key=lambda name: wanted[name])


def _mean(values: list[int] | list[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _placed(
    plan: Plan, layers: list[list[str]], chains: list[list[str]], labelled: set[str]
) -> dict[str, Box]:
    boxes: dict[str, Box] = {}
    top = float(TOP)
    for layer in layers:
        sizes = {
            name: size_of(plan.index[name])
            if name in plan.index
            else (LABEL_LANE if name in labelled else LANE, 0)
            for name in layer
        }
        tallest = max(height for _, height in sizes.values())
        x = 0.0
        for name in layer:
            width, height = sizes[name]
            boxes[name] = Box(name, x, top + (tallest - height) / 2, width, height or tallest)
            if not height:
                boxes[name].y = top
            x += width + GAP_X
        top += tallest + GAP_Y
    above, below = _neighbours(chains)
    for sweep in range(SWEEPS):
        for layer in layers if sweep % 2 == 0 else reversed(layers):
            _settle(layer, boxes, (above, below)[sweep % 2])
    left = min(box.x for box in boxes.values())
    for box in boxes.values():
        box.x = round(box.x - left + MARGIN, 1)
    return boxes


def _settle(layer: list[str], boxes: dict[str, Box], near: dict[str, list[str]]) -> None:
    """Move each box of a layer to the middle of its neighbours, as far as the others leave room.

    Boxes that would overlap become a group that lies where its members want to be on the average.
    """
    groups: list[tuple[list[str], float, float]] = []  # names, wanted left edge, width
    for name in layer:
        box = boxes[name]
        middles = [boxes[one].middle for one in near.get(name, ())]
        names, left, width = [name], _mean(middles, box.middle) - box.width / 2, float(box.width)
        while groups and groups[-1][1] + groups[-1][2] + GAP_X > left:
            before, before_left, before_width = groups.pop()
            offset = before_width + GAP_X
            share = len(before) / (len(before) + len(names))
            left = before_left * share + (left - offset) * (1 - share)
            names, width = before + names, offset + width
        groups.append((names, left, width))
    for names, left, _ in groups:
        x = left
        for name in names:
            boxes[name].x = x
            x += boxes[name].width + GAP_X


# --- Lines ------------------------------------------------------------------------------------------


def _line(edge: _Edge, chain: list[Box], *, parts: bool) -> Line:
    """A line down through the lanes of its chain, with round corners.

    Lines that part bend at once and carry their label behind the bend; others bend before they meet.
    """
    first, last = chain[0], chain[-1]
    bottom = first.y + first.height
    points: list[tuple[float, float]] = [(first.middle, bottom)]
    for place, (upper, lower) in enumerate(pairwise(chain)):
        bend = bottom + BEND if parts and not place else lower.y - BEND
        if abs(upper.middle - lower.middle) > 1:
            points += [(upper.middle, bend), (lower.middle, bend)]
    points.append((last.middle, last.y - 2))
    label_x = chain[1].middle if parts else first.middle
    return Line(
        edge.source,
        edge.target,
        edge.exits,
        edge.text,
        _path(points),
        round(label_x),
        round(bottom + BEND + (BEND if parts and label_x == first.middle else 0)),
    )


def _loop(edge: _Edge, boxes: dict[str, Box], x: float) -> Line:
    """A line that leads back, along the right edge."""
    source, target = boxes[edge.source], boxes[edge.target]
    start = source.x + source.width, source.y + source.height / 2
    end = target.x + target.width + 2, target.y + target.height / 2
    points = [start, (x, start[1]), (x, end[1]), end]
    return Line(
        edge.source,
        edge.target,
        edge.exits,
        edge.text,
        _path(points),
        round(x),
        round((start[1] + end[1]) / 2),
        True,
    )


def _path(points: list[tuple[float, float]]) -> str:
    """An SVG path through right angles, their corners rounded."""
    made = f"M{points[0][0]:g} {points[0][1]:g}"
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        radius = min(RADIUS, _distance(before, corner) / 2, _distance(corner, after) / 2)
        start, end = _towards(corner, before, radius), _towards(corner, after, radius)
        made += f"L{start[0]:g} {start[1]:g}Q{corner[0]:g} {corner[1]:g} {end[0]:g} {end[1]:g}"
    return f"{made}L{points[-1][0]:g} {points[-1][1]:g}"


def _distance(a: tuple[float, float], b: tuple[float, float]) -> float:
    return abs(a[0] - b[0]) + abs(a[1] - b[1])


def _towards(a: tuple[float, float], b: tuple[float, float], length: float) -> tuple[float, float]:
    whole = _distance(a, b)
    if not whole:
        return a
    return round(a[0] + (b[0] - a[0]) / whole * length, 1), round(a[1] + (b[1] - a[1]) / whole * length, 1)
