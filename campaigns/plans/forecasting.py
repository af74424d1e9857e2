"""The earliest moment at which somebody who is enrolled now can come to each step: waits as concrete dates. Pure."""

from __future__ import annotations

import heapq
from datetime import datetime
from zoneinfo import ZoneInfo

from campaigns.plans.graph import AnyNode
from campaigns.plans.schema import BranchNode, Plan, SendNode, StopNode, WaitNode
from campaigns.scheduling import Calendar, add_duration, next_opening


def earliest(plan: Plan, start: datetime, calendar: Calendar, tz: ZoneInfo) -> dict[str, datetime]:
    """The earliest moment of each node that can be reached, for a plan that begins at ``start``.

    Sends are put into the calendar's next opening; what people do is taken to happen at once. Raises
    ``CalendarNeverOpens``.
    """
    found: dict[str, datetime] = {}
    waiting = [(start, plan.start_node_id)]
    while waiting:
        moment, node_id = heapq.heappop(waiting)
        node = plan.index.get(node_id)
        if node is None or node_id in found:
            continue
        if isinstance(node, SendNode):
            moment = next_opening(moment, calendar, tz)
        found[node_id] = moment
        for to, at in ways_on(node, moment, calendar, tz):
            if to not in found:
                heapq.heappush(waiting, (at, to))
    return found


def ways_on(node: AnyNode, moment: datetime, calendar: Calendar, tz: ZoneInfo) -> list[tuple[str, datetime]]:
    """(target, earliest moment) of each way out of a node that is reached at ``moment``."""
    if isinstance(node, StopNode):
        return []
    if isinstance(node, BranchNode):
        return [*((rule.to, moment) for rule in node.rules), (node.else_, moment)]
    made = []
    for way in node.transitions:
        length, working_days = way.after, way.working_days
        if isinstance(node, WaitNode) and way.on == "elapsed":
            length, working_days = node.duration, node.working_days
        at = moment
        if length:
            at = add_duration(moment, length, working_days=working_days, calendar=calendar, tz=tz)
        made.append((way.to, at))
    return made
