"""The simulated and the real engine on one script: the same sends in the same order, the same transitions."""

from __future__ import annotations

import heapq
import itertools
import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from campaigns.models import Campaign, CampaignSender, Enrollment, LeadChannel, ScheduledAction, Transition
from campaigns.plans.state import Event
from campaigns.services import enrollments
from campaigns.services.simulation_setup import load
from campaigns.simulation.assigning import assign
from campaigns.simulation.machine import Machine
from campaigns.simulation.model import Sent
from campaigns.simulation.script import Habit, Habits, Script, ScriptedPeople
from campaigns.simulation.texts import Texts
from integrations.models import Connection, OutboundMessage, RateLimit, SenderAccount
from integrations.services import outcomes
from integrations.values import SendReceipt
from project.core import ids
from project.core.clock import now
from tests.campaigns.channels import Post, post
from tests.campaigns.conftest import WORKING, World

__all__ = ["post"]
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
#: Of the ids, by which people's habits are drawn.
SEED = 7
DAYS = 24
THREE_CHANNELS: dict[str, Any] = {
    "version": "1.0",
    "timezone": "Europe/Stockholm",
    "startNodeId": "mail",
    "nodes": [
        {"id": "mail", "type": "send", "channel": "email", "action": "email",
         "content": {"subject": "Cold rooms", "body": "Hi {{ lead.first_name }}, a question."},
         "transitions": [{"on": "click", "within": "P3D", "to": "text"},
                         {"on": "no_open", "after": "PT40H", "to": "invite"},
                         {"on": "no_reply", "after": "P2D", "workingDays": True, "to": "bump"}]},
        {"id": "bump", "type": "send", "channel": "email", "action": "email", "threadWith": "mail",
         "content": {"body": "Did you see this?"},
         "transitions": [{"on": "no_reply", "after": "P3D", "to": "invite"}]},
        {"id": "invite", "type": "send", "channel": "linkedin", "action": "invite", "content": {"note": ""},
         "transitions": [{"on": "accepted", "to": "dm"}, {"on": "no_accept", "after": "P4D", "to": "text"}]},
        {"id": "dm", "type": "send", "channel": "linkedin", "action": "message", "content": {"text": "Thanks."},
         "transitions": [{"on": "no_reply", "after": "P3D", "to": "text"}]},
        {"id": "text", "type": "send", "channel": "sms", "action": "sms",
         "content": {"text": "Hi {{ lead.first_name }}, a word about cold rooms?"},
         "transitions": [{"on": "no_reply", "after": "P3D", "to": "end"}]},
        {"id": "end", "type": "stop", "outcome": "completed"},
    ],
}  # fmt: skip
READERS = Script(
    email=Habits(
        bounces=Habit(share=0.1, median_hours=0.2),
        soft_bounces=Habit(share=0.1, median_hours=0.2),
        machine_opens=Habit(share=0.4, median_hours=0.1),
        opens=Habit(share=0.5, median_hours=10),
        clicks=Habit(share=0.2, median_hours=12),
        replies=Habit(share=0.1, median_hours=20),
        out_of_office=Habit(share=0.3, median_hours=0.1),
    ),
    invite=Habits(accepts=Habit(share=0.5, median_hours=30)),
    sms=Habits(fails=Habit(share=0.1, median_hours=0.1), replies=Habit(share=0.2, median_hours=2)),
)
#: Where it is another hour than in the campaign: texts wait for a decent one there.
PHONES = ("+12125550", "+46701740")


@pytest.fixture(autouse=True)
def same_people(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ids from a seed: what people do is drawn from their ids, so every run of the test has the same script.

    It is a script in which no two sends compete for the last unit of a budget at the same microsecond: who is first
    then is left open, and the two engines need not say the same.
    """
    drawn, numbers = random.Random(SEED), itertools.count(1)

    def numbered() -> UUID:
        return UUID(int=(next(numbers) << 80) | (7 << 76) | (2 << 62) | drawn.getrandbits(62))

    monkeypatch.setattr(ids, "_uuid7", numbered)


@dataclass
class RealEngine:
    """Steps the real engine from one due instant to the next, plays provider and people at once."""

    world: World | ThreeChannels
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


@dataclass
class ThreeChannels:
    """A campaign that runs by mail, on LinkedIn and by text."""

    post: Post
    seat: SenderAccount

    def tick(self) -> int:
        return self.post.tick()

    def queued(self) -> list[OutboundMessage]:
        return self.post.queued()

    def deliver(self, outbound: OutboundMessage) -> None:
        if outbound.channel != "linkedin":
            self.post.sent(outbound)
            return
        attempt = outbound.send_attempts.create(
            number=outbound.attempts + 1, organization_id=outbound.organization_id
        )
        OutboundMessage.objects.filter(id=outbound.id).update(state="sending", attempts=attempt.number)
        fresh = OutboundMessage.objects.select_related("sender", "sender__connection").get(id=outbound.id)
        outcomes.accepted(fresh, attempt, SendReceipt())


@pytest.fixture
def three_channels(post: Post) -> ThreeChannels:
    connection = Connection.objects.create(provider="unipile", name="Unipile", status="ok")
    seat = SenderAccount.objects.create(
        client=post.agency.first,
        connection=connection,
        channel="linkedin",
        name="Leo Sand",
        provider_account_id="acc_leo",
        own_user_id="ACoAA_leo",
        own_user_ids=["ACoAA_leo"],
        status="ok",
        time_zone="Europe/Stockholm",
    )
    CampaignSender.objects.create(campaign=post.campaign, sender=seat)
    for number in range(PEOPLE):
        lead = post.lead(f"Person{number}", phone=f"{PHONES[number % 2]}1{number:02d}")
        slug = f"person{number}"
        LeadChannel.objects.create(
            client=post.agency.first, lead=lead, kind="linkedin", provider_id=f"ACoAA_{slug}",
            value=f"https://www.linkedin.com/in/{slug}", normalized=slug,
        )  # fmt: skip
    Campaign.objects.filter(id=post.campaign.id).update(draft_plan=THREE_CHANNELS, holiday_country="SE")
    post.campaign = post.campaign.refreshed()
    for sender, action, per_day in ((post.mailbox, "email", 5), (seat, "invite", 2), (post.number, "sms", 3)):
        RateLimit.objects.create(sender=sender, action=action, cap=per_day)
    post.launch(accept_unfilled=True)
    return ThreeChannels(post, seat)


def test_they_agree_over_three_channels(three_channels: ThreeChannels, time_machine: Any) -> None:
    sends = agree(three_channels, three_channels.post.campaign, READERS, time_machine)
    assert {channel for channel, _action in sends} == {"email", "linkedin", "sms"}
    assert ("linkedin", "message") in sends


def test_they_agree(world: World, time_machine: Any) -> None:
    for number in range(PEOPLE):
        lead = world.lead(f"Person{number}", f"person{number}")
        lead.title = "CTO" if number % 3 == 0 else "CEO"
        lead.save()
    Campaign.objects.filter(id=world.campaign.id).update(draft_plan=PLAN, holiday_country="SE")
    world.campaign = world.campaign.refreshed()
    for action, per_day in (("invite", 3), ("profile_view", 6)):
        RateLimit.objects.create(sender=world.sender, action=action, cap=per_day)
    world.launch(accept_unfilled=True)
    agree(world, world.campaign, SCRIPT, time_machine)


def agree(
    world: World | ThreeChannels, campaign: Campaign, script: Script, time_machine: Any
) -> set[tuple[str, str]]:
    """Run both engines on one script and compare; return the channels and actions that were used."""
    until = WORKING + timedelta(days=DAYS)
    setup = load(campaign=campaign, at=now(), days=DAYS).setup
    people = ScriptedPeople(script, "seed")
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
    return set(OutboundMessage.objects.values_list("channel", "action"))
