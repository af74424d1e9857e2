"""When lists are done by the budgets of those who send: an estimate for planning, if nobody answers. Pure.

What is left of each person's plan is counted by its longest way; the days that this takes an account follow from what
it may send on a day, shared by everybody who waits for it. The wind tunnel says it exactly, for one campaign at a time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil

from campaigns.plans.graph import AnyNode, edges
from campaigns.plans.schema import Plan, SendNode, WaitNode
from campaigns.scheduling import parse_duration

#: Days that are looked ahead; what takes longer has no end worth naming.
FARTHEST_DAYS = 999


@dataclass(frozen=True, slots=True)
class Rest:
    """What is left of a plan from one step on, by its longest way: sends by action, and days of waiting."""

    sends: Mapping[str, int] = field(default_factory=dict)
    days: float = 0.0


def rest_of(plan: Plan, node_id: str) -> Rest:
    """What is left from a step on, the step included. Loops are gone through once."""
    if node_id not in plan.index:
        return Rest()
    ways = edges(plan)
    known: dict[str, Rest] = {}

    def longest(at: str, above: frozenset[str]) -> Rest:
        if at in known:
            return known[at]
        node = plan.index[at]
        further = [longest(to, above | {at}) for to in ways.get(at, ()) if to not in above and to != at]
        ways_on: list[Mapping[str, int]] = [one.sends for one in further]
        most = max(ways_on, key=_total, default={})
        sends: Counter[str] = Counter(most)
        if isinstance(node, SendNode):
            sends[node.action] += 1
        known[at] = Rest(dict(sends), _days(node) + max((one.days for one in further), default=0.0))
        return known[at]

    return longest(node_id, frozenset())


def _total(sends: Mapping[str, int]) -> int:
    return sum(sends.values())


def _days(node: AnyNode) -> float:
    """How long a step may wait for what comes next."""
    if isinstance(node, WaitNode):
        return _in_days(node.duration)
    if isinstance(node, SendNode):
        return max((_in_days(way.after) for way in node.transitions if way.after), default=0.0)
    return 0.0


def _in_days(duration: str) -> float:
    return parse_duration(duration).nominal.total_seconds() / 86_400


@dataclass(frozen=True, slots=True)
class Load:
    """People of one campaign who are one account's: how many, and what is left for each."""

    campaign: Hashable
    sender: Hashable
    people: int
    rest: Rest


def days_left(
    loads: Sequence[Load], per_day: Mapping[tuple[Hashable, str], float]
) -> dict[tuple[Hashable, Hashable], int]:
    """Sending days until an account is through with a campaign, by (campaign, account).

    All that waits for an account's action shares its day, so each campaign ends when all of it does; whoever begins
    last still has the waits of the plan before them. An action without a limit takes no time.
    """
    wanted: Counter[tuple[Hashable, str]] = Counter()
    for load in loads:
        for action, count in load.rest.sends.items():
            wanted[load.sender, action] += count * load.people
    found: dict[tuple[Hashable, Hashable], int] = {}
    for load in loads:
        key = (load.campaign, load.sender)
        most = load.rest.days
        for action in load.rest.sends:
            if (load.sender, action) not in per_day:
                continue
            daily = per_day[load.sender, action]
            most = max(most, wanted[load.sender, action] / daily if daily else FARTHEST_DAYS)
        found[key] = min(FARTHEST_DAYS, max(found.get(key, 0), ceil(most)))
    return found
