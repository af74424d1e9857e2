"""What a simulation says: several runs of the same campaign, summed up as plain data.

The first seed gives the picture by day; all seeds together give the band of the finish date.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Any

from campaigns.scheduling import local_date
from campaigns.simulation.assigning import assign
from campaigns.simulation.machine import Machine, Outcome
from campaigns.simulation.model import Setup, SimulatedSender
from campaigns.simulation.script import Script, ScriptedPeople
from campaigns.simulation.texts import Texts

Progress = Callable[[int, int], None]

NEWCOMER = "new"


@dataclass(frozen=True, slots=True)
class Band:
    """The finish date over all seeds; None where the run did not finish within the time simulated."""

    p10: date | None
    p50: date | None
    p90: date | None
    runs: int
    unfinished: int
    """People still under way at the end, in the median run."""


@dataclass(frozen=True, slots=True)
class WhatIf:
    """What one more sender like ``like`` would change."""

    channel: str
    like: str
    finish: date | None
    days_earlier: int | None
    """None when one of the two does not finish within the time simulated."""
    more_people: int
    """How many more people would be through by the end of the time simulated."""
    sentence: str


@dataclass(frozen=True, slots=True)
class Forecast:
    """The result. Everything in it is plain and ready to be stored as JSON by ``to_json``."""

    start: date
    days: int
    people: int
    finish: Band
    touches: list[dict[str, Any]]
    """``{"day", "sender", "action", "count"}`` in order of days."""
    first_touches: list[dict[str, Any]]
    binding: list[dict[str, Any]]
    """``{"day", "limit", "sender", "name", "waiting"}``: what held how many actions back on which day."""
    ended: dict[str, int]
    refused: list[dict[str, Any]]
    """``{"node", "code", "count"}`` of sends that could never leave."""
    problems: list[dict[str, Any]]
    renders: list[dict[str, Any]]
    senders: list[dict[str, str]]
    what_if: WhatIf | None
    steps: int

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values; days as ``YYYY-MM-DD``."""
        data: dict[str, Any] = _plain(asdict(self))
        return data


def seeds_for(people: int) -> int:
    """How many runs are made: enough for a band on small lists, few on large ones, whose band is narrow."""
    return max(3, min(20, 12_000 // max(1, people)))


def forecast(
    setup: Setup, script: Script, *, seeds: int | None = None, progress: Progress | None = None
) -> Forecast:
    """Run ``setup`` with ``script`` under several seeds. ``progress`` is told (runs done, runs in all)."""
    count = seeds or seeds_for(len(setup.prospects))
    texts = Texts(setup.winners)
    told = progress or (lambda done, total: None)
    senders = assign(setup)
    outcomes: list[Outcome] = []
    for number in range(count):
        outcomes.append(Machine(setup, senders, ScriptedPeople(script, str(number)), texts).run())
        told(number + 1, count + 1)
    what_if = _one_more_sender(setup, script, outcomes[0], texts)
    told(count + 1, count + 1)
    return _sum_up(setup, outcomes, texts, what_if)


# What one more sender would change


def _one_more_sender(setup: Setup, script: Script, base: Outcome, texts: Texts) -> WhatIf | None:
    """Run the first seed again with a copy of the sender whose own budgets held the most back."""
    busiest = _binding_sender(setup, base)
    if busiest is None:
        return None
    wider = with_copy_of(setup, busiest)
    outcome = Machine(wider, assign(wider), ScriptedPeople(script, "0"), texts).run()
    before, after = _finish(setup, base), _finish(setup, outcome)
    earlier = (before - after).days if before and after else None
    more = base.left - outcome.left
    if earlier:
        sentence = f"With one more sender like {busiest.name} it finishes {_days(earlier)} earlier."
    elif after and not before:
        sentence = f"With one more sender like {busiest.name} it finishes on {after:%d %b %Y}."
    elif more > 0:
        sentence = f"With one more sender like {busiest.name}, {more:,} more people are through by the end."
    else:
        sentence = f"One more sender like {busiest.name} would not make it finish earlier."
    return WhatIf(busiest.channel, busiest.name, after, earlier, more, sentence)


def _days(count: int) -> str:
    return f"{count} day{'' if count == 1 else 's'}"


def _binding_sender(setup: Setup, outcome: Outcome) -> SimulatedSender | None:
    waited: Counter[str] = Counter()
    owners = {scope: sender for sender in setup.senders for scope in own_scopes(sender)}
    for (_, scope, _, _), count in outcome.waited.items():
        if scope in owners:
            waited[owners[scope].key] += count
    if not waited:
        return None
    most = waited.most_common(1)[0][0]
    return next(sender for sender in setup.senders if sender.key == most)


def own_scopes(sender: SimulatedSender) -> set[str]:
    """The budgets that are this sender's alone: their names begin with the sender's key."""
    return {
        scope for scopes in sender.budgets.values() for scope in scopes if scope.startswith(f"{sender.key}:")
    }


def with_copy_of(setup: Setup, sender: SimulatedSender) -> Setup:
    """``setup`` with one more sender, with budgets of its own like those of ``sender``, unused so far.

    People who are in the campaign already stay with their senders.
    """
    own = own_scopes(sender)

    def renamed(scope: str) -> str:
        return f"{NEWCOMER}:{scope}" if scope in own else scope

    copy = replace(
        sender,
        key=NEWCOMER,
        name="One more sender",
        load=0,
        budgets={
            action: tuple(renamed(scope) for scope in scopes) for action, scopes in sender.budgets.items()
        },
    )
    budgets = dict(setup.budgets)
    for scope in own:
        budgets[renamed(scope)] = replace(setup.budgets[scope], taken={})
    return replace(setup, senders=(*setup.senders, copy), budgets=budgets)


# Summing up


def _finish(setup: Setup, outcome: Outcome) -> date | None:
    if outcome.left or not outcome.ends:
        return None
    last: datetime = max(outcome.ends)
    return local_date(last, setup.tz)


def _band(setup: Setup, outcomes: list[Outcome]) -> Band:
    far = date.max
    days = sorted(_finish(setup, outcome) or far for outcome in outcomes)

    def at(share: float) -> date | None:
        found = days[min(len(days) - 1, int(share * len(days)))]
        return None if found == far else found

    left = sorted(outcome.left for outcome in outcomes)
    return Band(at(0.1), at(0.5), at(0.9), len(outcomes), left[len(left) // 2])


def _sum_up(setup: Setup, outcomes: list[Outcome], texts: Texts, what_if: WhatIf | None) -> Forecast:
    first = outcomes[0]
    return Forecast(
        start=local_date(setup.start, setup.tz),
        days=setup.days,
        people=len(setup.prospects),
        finish=_band(setup, outcomes),
        touches=[
            {"day": day, "sender": sender, "action": action, "count": count}
            for (day, sender, action), count in sorted(first.sent.items())
        ],
        first_touches=[{"day": day, "count": count} for day, count in sorted(first.first.items())],
        binding=_binding(setup, first),
        ended=dict(sorted(first.ended.items())),
        refused=[
            {"node": node, "code": code, "count": count}
            for (node, code), count in sorted(first.refused.items())
        ],
        problems=[
            {"node": node, "code": code, "count": count}
            for (node, code), count in sorted(texts.problems.items())
        ],
        renders=[asdict(one) for one in texts.worst()],
        senders=[{"key": one.key, "name": one.name, "channel": one.channel} for one in setup.senders],
        what_if=what_if,
        steps=sum(outcome.steps for outcome in outcomes),
    )


def _binding(setup: Setup, outcome: Outcome) -> list[dict[str, Any]]:
    owners = {scope: sender.key for sender in setup.senders for scope in own_scopes(sender)}
    owners |= {sender.key: sender.key for sender in setup.senders}
    return [
        {"day": day, "limit": code, "sender": owners.get(scope, ""), "name": name, "waiting": count}
        for (day, scope, code, name), count in sorted(outcome.waited.items())
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value.isoformat() if isinstance(value, date) else value
