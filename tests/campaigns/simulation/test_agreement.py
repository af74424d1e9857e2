"""The simulated and the real engine on one script: the same sends in the same order, the same transitions."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from campaigns.models import Campaign, Enrollment, ScheduledAction, Transition
from campaigns.plans.state import Event
from campaigns.services import enrollments
from campaigns.services.simulation_setup import load
from campaigns.simulation.assigning import assign
from campaigns.simulation.machine import Machine
from campaigns.simulation.model import Sent
from campaigns.simulation.script import Habit, Habits, Script, ScriptedPeople
from campaigns.simulation.texts import Texts
from integrations.models import RateLimit
from project.core.clock import now
from tests.campaigns.conftest import WORKING, World

pytestmark = pytest.mark.django_db

PLAN: dict[str, Any] = {
    "version": "1.0",
    "timezone": "Europe/Stockholm",
    "quietHours": {"start": "12:00", "end": "13:00"},
    "startNodeId": "look",
    "nodes": [
        {"id": "look", "type": "send", "channel": "linkedin", "action": "profile_view",
         "transitions": [{"on": "sent", "to": "which"}]},
        {"id": "which", "type": "branch", "else": "invite", "rules": [
            {"if": [{"field": "lead.title", "op": "eq", "value": "CTO"}], "to": "mail"}]},
        {"id": "mail", "type": "send", "channel": "linkedin", "action": "inmail",
         "content": {"subject": "Hi {{ lead.first_name }}", "text": "A question."},
         "transitions": [{"on": "no_reply", "after": "P3D", "workingDays": True, "to": "invite"}]},
        {"id": "invite", "type": "send", "channel": "linkedin", "action": "invite",
         "content": {"note": "Hi {{ lead.first_name }}"},
         "transitions": [{"on": "accepted", "within": "P6D", "to": "pause"},
                         {"on": "no_accept", "after": "P6D", "to": "end"}]},
        {"id": "pause", "type": "wait", "duration": "PT30H", "transitions": [{"on": "elapsed", "to": "dm"}]},
        {"id": "dm", "type": "send", "channel": "linkedin", "action": "message",
         "variants": [{"id": "a", "content": {"text": "Thanks, {{ lead.first_name }}."}},
                      {"id": "b", "content": {"text": "Hello {{ company.name }}"}}],
         "transitions": [{"on": "reply", "after": "PT2H", "to": "thanks"},
                         {"on": "no_reply", "after": "P2D", "workingDays": True, "to": "end"}]},
        {"id": "thanks", "type": "send", "channel": "linkedin", "action": "message",
         "content": {"text": "Thank you."}},
        {"id": "end", "type": "stop", "outcome": "completed"},
    ],
}  # fmt: skip
SCRIPT = Script(
    invite=Habits(accepts=Habit(share=0.6, median_hours=30)),
    message=Habits(
        replies=Habit(share=0.4, median_hours=10),
        out_of_office=Habit(share=0.4, median_hours=0.2),
        unsubscribes=Habit(share=0.1, median_hours=5),
    ),
    inmail=Habits(
        replies=Habit(share=0.2, median_hours=20), out_of_office=Habit(share=0.5, median_hours=0.1)
    ),
)
PEOPLE = 14
DAYS = 24


@dataclass
class RealEngine:
    """Steps the real engine from one due instant to the next, plays provider and people at once."""

    world: World
    clock: Any
    people: ScriptedPeople
    sent: list[tuple[datetime, str, str, int, str]] = field(default_factory=list)
    coming: list[tuple[datetime, int, str, Event]] = field(default_factory=list)

    def run(self, until: datetime) -> None:
        while (at := self._next()) is not None and at <= until:
            self.clock.move_to(max(at, now()), tick=False)
            while self.coming and self.coming[0][0] <= now():
                _, _, enrollment_id, event = heapq.heappop(self.coming)
                enrollments.take_in(enrollments.locked(enrollment_id), event)
            self.world.tick()
            for row in self.world.queued():
                self.world.deliver(row)
                self._left(row)

    def _next(self) -> datetime | None:
        due = ScheduledAction.objects.filter(state="due").order_by("due_at").values_list("due_at", flat=True)
        moments = [*due[:1], *(one[0] for one in self.coming[:1])]
        return min(moments, default=None)

    def _left(self, row: Any) -> None:
        self.sent.append((now(), str(row.lead_id), row.node_id, row.visit, row.variant_id))
        sent = Sent(str(row.lead_id), str(row.enrollment_id), row.node_id, row.visit, row.action, row.channel,
                    str(row.sender_id), row.variant_id, now())  # fmt: skip
        for event in self.people(sent):
            heapq.heappush(self.coming, (event.received_at, len(self.sent), str(row.enrollment_id), event))


def test_they_agree(world: World, time_machine: Any) -> None:
    for number in range(PEOPLE):
        lead = world.lead(f"Person{number}", f"person{number}")
        lead.title = "CTO" if number % 3 == 0 else "CEO"
        lead.save()
    Campaign.objects.filter(id=world.campaign.id).update(draft_plan=PLAN, holiday_country="SE")
    world.campaign = world.campaign.refreshed()
    for action, per_day in (("invite", 3), ("profile_view", 6)):
        RateLimit.objects.create(sender=world.sender, action=action, cap=per_day)
    world.launch()
    until = WORKING + timedelta(days=DAYS)
    setup = load(campaign=world.campaign, at=now(), days=DAYS).setup
    people = ScriptedPeople(SCRIPT, "seed")
    machine = Machine(setup, assign(setup), people, Texts(), traced=True)
    simulated = machine.run()
    engine = RealEngine(world, time_machine, people)
    engine.run(until)

    expected = sorted((one.at, one.prospect, one.node, one.visit, one.variant) for one in simulated.sends)
    assert len(expected) > 2 * PEOPLE
    assert sorted(engine.sent) == expected
    for number, prospect in enumerate(setup.prospects):
        enrollment = Enrollment.objects.get(lead_id=prospect.key)
        rows = Transition.objects.filter(enrollment=enrollment).exclude(cause="engine")
        real = [
            (row.occurred_at, row.from_node, row.to_node, row.cause, row.cause_ref)
            for row in rows.order_by("created_at", "id")
            if row.from_node != row.to_node
        ]
        path = [
            (one.at, one.from_node, one.to_node, one.cause.kind, one.cause.ref)
            for one in simulated.transitions[number]
        ]
        assert path == real, prospect.name
        state = machine.people[number].state
        assert (state.stage, state.node) == (enrollment.stage, enrollment.node_id)
