"""Scripted prospects: how likely people do what, how long it takes, drawn from a seed and nothing else.

What one person does after one message depends only on (seed, person, node, visit): neither on the order in which
the simulation works nor on anybody else, so that two plans can be compared on the same people.
"""

from __future__ import annotations

import math
import random
from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field

from campaigns.plans.state import Event
from campaigns.simulation.model import Sent

LONGEST_DAYS = 30.0
"""Nobody takes longer than this to react."""

Share = float


class Habit(BaseModel):
    """How many of a hundred people do something (``share`` from 0 to 1) and how soon half of them have."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    share: Share = Field(default=0.0, ge=0, le=1)
    median_hours: float = Field(default=12.0, gt=0, le=24 * LONGEST_DAYS)


class Habits(BaseModel):
    """What people do after one kind of message."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    fails: Habit = Habit()
    bounces: Habit = Habit()
    soft_bounces: Habit = Habit()
    machine_opens: Habit = Habit()
    opens: Habit = Habit()
    clicks: Habit = Habit()
    accepts: Habit = Habit()
    replies: Habit = Habit()
    out_of_office: Habit = Habit()
    unsubscribes: Habit = Habit()
    complains: Habit = Habit()


class Script(BaseModel):
    """How the people of a list behave. The defaults are cautious figures for cold outreach."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    email: Habits = Habits(
        bounces=Habit(share=0.02, median_hours=0.2),
        soft_bounces=Habit(share=0.01, median_hours=0.2),
        machine_opens=Habit(share=0.3, median_hours=0.1),
        opens=Habit(share=0.35, median_hours=10),
        clicks=Habit(share=0.03, median_hours=12),
        replies=Habit(share=0.03, median_hours=20),
        out_of_office=Habit(share=0.04, median_hours=0.1),
        unsubscribes=Habit(share=0.006, median_hours=12),
        complains=Habit(share=0.0005, median_hours=24),
    )
    invite: Habits = Habits(accepts=Habit(share=0.28, median_hours=40))
    message: Habits = Habits(
        replies=Habit(share=0.12, median_hours=22), unsubscribes=Habit(share=0.005, median_hours=22)
    )
    inmail: Habits = Habits(replies=Habit(share=0.06, median_hours=30))
    profile_view: Habits = Habits()
    sms: Habits = Habits(
        fails=Habit(share=0.02, median_hours=0.1),
        clicks=Habit(share=0.04, median_hours=2),
        replies=Habit(share=0.05, median_hours=2),
        unsubscribes=Habit(share=0.02, median_hours=2),
    )


class ScriptedPeople:
    """The reactions that ``script`` makes of ``seed``."""

    def __init__(self, script: Script, seed: str) -> None:
        self.script, self.seed = script, seed

    def __call__(self, sent: Sent) -> list[Event]:
        """Everything that this person will do about this message, in no order."""
        habits: Habits = getattr(self.script, sent.action)
        draw = _Draw(f"{self.seed}:{sent.seed}:{sent.node}:{sent.visit}", sent)
        if sent.action == "profile_view":
            return []
        if draw.happens("failed", habits.fails):
            return draw.events
        if draw.happens("bounce", habits.bounces):
            return draw.events
        draw.happens("bounce", habits.soft_bounces, soft=True)
        draw.happens("open", habits.machine_opens, machine=True)
        read = draw.happens("open", habits.opens)
        clicked = draw.happens("click", habits.clicks)
        if clicked and not read and sent.action == "email":
            # Who clicked has read: the picture was blocked, the words were not.
            draw.happens("open", Habit(share=1, median_hours=habits.clicks.median_hours))
        if draw.happens("accepted", habits.accepts):
            return draw.events
        if draw.happens("complaint", habits.complains):
            return draw.events
        if draw.happens("unsubscribe", habits.unsubscribes):
            return draw.events
        if not draw.happens("reply", habits.replies):
            draw.absent(habits.out_of_office)
        return draw.events


class _Draw:
    """One person's dice for one message."""

    def __init__(self, seed: str, sent: Sent) -> None:
        self.random = random.Random(seed)  # noqa: S311 (a simulation, not a secret)
        self.sent = sent
        self.events: list[Event] = []

    def happens(self, kind: str, habit: Habit, **marks: bool) -> bool:
        """Throw the dice for one habit. Two numbers are always drawn, so that one share changes no other habit."""
        luck, patience = self.random.random(), self.random.random()
        if luck >= habit.share:
            return False
        self._add(kind, habit, patience, **marks)
        return True

    def absent(self, habit: Habit) -> None:
        """An automatic reply with a day of return in the next two weeks, or none."""
        luck, patience = self.random.random(), self.random.random()
        days = self.random.randrange(15)
        if luck < habit.share:
            at = self.sent.at + _delay(patience, habit)
            back = (at + timedelta(days=days)).date() if days else None
            self._append("reply", at, out_of_office=True, returns_on=back)

    def _add(self, kind: str, habit: Habit, patience: float, **marks: bool) -> None:
        self._append(kind, self.sent.at + _delay(patience, habit), **marks)

    def _append(self, kind: str, at: object, **marks: object) -> None:
        sent = self.sent
        self.events.append(
            Event(
                id=f"{kind}:{sent.node}:{sent.visit}:{len(self.events)}",
                kind=kind,
                occurred_at=at,  # type: ignore[arg-type]
                received_at=at,  # type: ignore[arg-type]
                node=sent.node,
                visit=sent.visit,
                channel=sent.channel,
                **marks,  # type: ignore[arg-type]
            )
        )


def _delay(patience: float, habit: Habit) -> timedelta:
    """An exponential delay with the habit's median, whole seconds, at least one."""
    hours = min(-math.log2(1 - patience) * habit.median_hours, 24 * LONGEST_DAYS)
    return timedelta(seconds=1 + int(hours * 3600))
