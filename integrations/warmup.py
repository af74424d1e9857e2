"""Warm-up plans as data: what a new IP, sending domain, mailbox or LinkedIn seat may send on each day.

Pure: no Django imports. Sources: the IP table is SendGrid's automated warm-up (an hourly cap by age in days,
"Warming up an IP address"; day 12 is irregular in the original); the two domain tables are Resend's (messages
a day); the ramps of mailboxes and LinkedIn seats are ours, from common practice of 30 to 50 mails a day and
Unipile's advice to ramp new and inactive accounts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from integrations.rates import warmup_cap

#: Per hour and IP, by the age in days.
IP_HOURLY: Final = (
    20, 28, 39, 55, 77, 108, 151, 211, 295, 413, 579, 810, 1_000, 1_587, 2_222, 3_111, 4_356, 6_098, 8_583,
    11_953, 16_734, 23_427, 32_798, 45_917, 64_284, 89_998, 125_997, 176_395, 246_953, 345_735, 484_029,
    677_640, 948_696, 1_328_175, 1_859_444, 2_603_222, 3_644_511, 5_102_316, 7_143_242, 10_000_539,
    14_000_754, 19_601_056,
)  # fmt: skip
DOMAIN_NEW_DAILY: Final = (150, 250, 400, 700, 1_000, 1_500, 2_000)
DOMAIN_KNOWN_DAILY: Final = (1_000, 2_500, 5_000, 5_000, 7_500, 7_500, 10_000)


@dataclass(frozen=True, slots=True)
class Ramp:
    """A daily cap that rises by ``step`` a day from ``start`` to ``end``."""

    start: int
    step: int
    end: int

    @property
    def days(self) -> int:
        """How many days the ramp has: on the last one its end is reached."""
        return -(-(self.end - self.start) // self.step) + 1

    def cap(self, day: int) -> int:
        """The cap on the ``day``-th day, counted from 0."""
        return warmup_cap(day, start=self.start, daily_step=self.step, ceiling=self.end)


@dataclass(frozen=True, slots=True)
class Table:
    """A cap for each day, from the first."""

    caps: tuple[int, ...]

    @property
    def days(self) -> int:
        """How many days the table has."""
        return len(self.caps)

    def cap(self, day: int) -> int:
        """The cap on the ``day``-th day, counted from 0; the last one from then on."""
        return self.caps[min(day, len(self.caps) - 1)]


@dataclass(frozen=True, slots=True)
class Plan:
    """A kind of warm-up: caps of each action in one window (``hour`` or ``day``). ``main`` is the action that a
    ceiling is given for.
    """

    kind: str
    name: str
    window: str
    main: str
    steps: Mapping[str, Ramp | Table]

    @property
    def days(self) -> int:
        """How many days the plan takes."""
        return max(step.days for step in self.steps.values())


PLANS: Final[dict[str, Plan]] = {
    plan.kind: plan
    for plan in (
        Plan("ip", "Dedicated IP", "hour", "email", {"email": Table(IP_HOURLY)}),
        Plan("domain_new", "New sending domain", "day", "email", {"email": Table(DOMAIN_NEW_DAILY)}),
        Plan("domain_known", "Sending domain with a history", "day", "email", {"email": Table(DOMAIN_KNOWN_DAILY)}),
        Plan("mailbox", "Mailbox", "day", "email", {"email": Ramp(5, 3, 50)}),
        Plan(
            "linkedin", "LinkedIn seat", "day", "invite",
            {
                "invite": Ramp(5, 1, 25),
                "message": Ramp(10, 5, 100),
                "inmail": Ramp(2, 1, 20),
                "profile_view": Ramp(15, 5, 80),
            },
        ),
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stage:
    """Where a warm-up stands: the ``day``-th day (from 1) ``of`` so many, and what it allows in ``window``."""

    plan: Plan
    day: int
    of: int
    held: bool
    finished: bool
    caps: Mapping[str, int]

    @property
    def sentence(self) -> str:
        """The stage in words."""
        if self.finished:
            return f"{self.plan.name}: warmed up."
        held = ", held" if self.held else ""
        return f"{self.plan.name}: day {self.day} of {self.of}{held}."


def stage_day(*, started_on: date, today: date, held_days: int, held_since: date | None) -> int:
    """The day of a ramp, from 0: days since the start without those on which it was held; never negative."""
    standing = (today - held_since).days if held_since is not None else 0
    return max(0, (today - started_on).days - held_days - max(0, standing))


def stage(
    kind: str,
    *,
    started_on: date,
    today: date,
    held_days: int = 0,
    held_since: date | None = None,
    ceiling: int | None = None,
) -> Stage:
    """Where a warm-up of ``kind`` stands on ``today``. ``ceiling`` ends the ramp of the main action early.

    A finished warm-up caps nothing, unless it has a ceiling, which stays. Raises ``KeyError`` for an unknown kind.
    """
    plan = PLANS[kind]
    day = stage_day(started_on=started_on, today=today, held_days=held_days, held_since=held_since)
    finished = day >= plan.days
    caps = {} if finished else {action: step.cap(day) for action, step in plan.steps.items()}
    if ceiling is not None:
        caps[plan.main] = min(caps.get(plan.main, ceiling), ceiling)
    return Stage(
        plan=plan,
        day=min(day + 1, plan.days),
        of=plan.days,
        held=held_since is not None and not finished,
        finished=finished,
        caps=caps,
    )
