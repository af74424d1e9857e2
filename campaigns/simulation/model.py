"""What a simulation takes: people, senders with budgets, a plan, a calendar, a stretch of time.

All instants are aware UTC datetimes; days are local days of the zone that is named beside them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo
from typing import Literal
from zoneinfo import ZoneInfo

from campaigns.plans.schema import Plan, Value
from campaigns.plans.state import State
from campaigns.scheduling import Calendar
from integrations.rates import Cap

Period = Literal["hour", "day", "week"]


@dataclass(frozen=True, slots=True)
class Growth:
    """The velocity guard of a weekly budget: ``percent`` more than last week, and ``floor`` always."""

    percent: int
    floor: int
    key: str = "velocity"


@dataclass(frozen=True, slots=True)
class Budget:
    """One counter that is charged per send, in periods of ``tz``.

    ``caps`` are what holds in the first, second, ... day (hours and days) or week of the simulation; the last one
    holds from then on. ``taken`` is what others use, or what was used already, by the first local day of the period.
    """

    caps: tuple[Cap, ...]
    period: Period
    tz: tzinfo
    growth: Growth | None = None
    taken: Mapping[date, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SimulatedSender:
    """A sender account. ``budgets`` name entries of ``Setup.budgets`` by action.

    ``variables`` is what templates see as ``sender``. ``room`` (left of today), ``load`` (people it has already) and
    ``health`` (0 to 1) decide who gets how many people; ``names`` are what steps may call it or its pools
    (``account:...``, ``pool:...``). ``unavailable`` says why it cannot send at all; ``premium`` is whether a LinkedIn
    seat may write long notes. ``frozen`` are stretches (half-open) in which it sends nothing.
    """

    key: str
    name: str
    channel: str
    variables: Mapping[str, str] = field(default_factory=dict)
    budgets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    room: int = 1
    load: int = 0
    health: float = 1.0
    names: frozenset[str] = frozenset()
    unavailable: str = ""
    premium: bool = True
    frozen: tuple[tuple[datetime, datetime], ...] = ()

    def thaws(self, at: datetime) -> datetime | None:
        """When a freeze that holds at ``at`` is over; ``None`` where none holds."""
        until = None
        for start, end in self.frozen:
            if start <= (until or at) < end:
                until = end
        return until


@dataclass(frozen=True, slots=True)
class Prospect:
    """A person of the list.

    ``key`` is the lead's id, from which the words of texts are drawn; ``seed`` is what spreading and variants draw from
    (the enrollment's id in the real engine). ``addresses``
    maps the channels on which the person can be reached to the recipient's domain (e-mail) or nothing. ``blocked``
    maps channels to why nothing may be sent there. ``prefers`` names the sender by channel where that is settled
    (an existing connection). ``text_zones`` is where the person's telephone may be. ``state`` and ``plan`` are set for
    people who are in the campaign already.
    """

    key: str
    seed: str
    name: str = ""
    zone: str | None = None
    fields: Mapping[str, Value] = field(default_factory=dict)
    variables: Mapping[str, object] = field(default_factory=dict)
    addresses: Mapping[str, str] = field(default_factory=dict)
    blocked: Mapping[str, str] = field(default_factory=dict)
    prefers: Mapping[str, str] = field(default_factory=dict)
    connected: bool = False
    text_zones: tuple[ZoneInfo, ...] = ()
    state: State | None = None
    plan: Plan | None = None


@dataclass(frozen=True, slots=True)
class Setup:
    """One campaign, ready to be run. ``domains`` are budgets of recipient domains, charged by e-mails; ``winners``
    maps steps to the variant that everybody gets by now; ``text_hours`` (half-open) are decent for texts where the
    recipient is.
    """

    plan: Plan
    calendar: Calendar
    start: datetime
    days: int
    tz: ZoneInfo
    prospects: tuple[Prospect, ...]
    senders: tuple[SimulatedSender, ...]
    budgets: Mapping[str, Budget] = field(default_factory=dict)
    domains: Mapping[str, Budget] = field(default_factory=dict)
    winners: Mapping[str, str] = field(default_factory=dict)
    use_lead_zone: bool = False
    text_hours: tuple[int, int] = (0, 24)

    @property
    def end(self) -> datetime:
        """The instant at which the clock stops."""
        return self.start + timedelta(days=self.days)


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that left in the simulation: what scripted people react to."""

    prospect: str
    seed: str
    node: str
    visit: int
    action: str
    channel: str
    sender: str
    variant: str
    at: datetime
