"""A thousand dead workers: killed at any statement of engine, dispatch and settlement, and around the provider's call.

Afterwards every lead has had its invitation once at the provider, nothing is lost, and the certificate says so.
"""

from __future__ import annotations

import dataclasses
import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

from campaigns.models import Campaign, Enrollment
from campaigns.services import lanes
from integrations import registry
from integrations.models import OutboundMessage, RateUsage, SendAttempt
from integrations.services import certification, dispatch, rates, settlement
from project.core.clock import now
from tests.campaigns.conftest import WORKING
from tests.campaigns.conftest import World as CampaignWorld
from tests.integrations import world as provider_module
from tests.integrations.world import World as Provider
from tests.killing import Killed, Killer

pytestmark = pytest.mark.django_db

DEATHS = 1_000
ALWAYS = {"weekdays": list(range(7)), "start": "00:00", "end": "00:00"}


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Provider:
    """The network in memory: it remembers what really left."""
    fresh = Provider()
    monkeypatch.setattr(provider_module, "WORLD", fresh)
    real = registry.get("unipile")
    patched = dataclasses.replace(real, adapter_path="tests.integrations.world:WorldAdapter")
    monkeypatch.setitem(registry._PROVIDERS, "unipile", patched)
    return fresh


class Mortality:
    """Workers that die at random, seeded; ``moment`` is the clock that leases are measured by."""

    def __init__(self, world: CampaignWorld, provider: Provider, clock: Any) -> None:
        self.world, self.provider, self.clock = world, provider, clock
        self.dice = random.Random("send once")
        self.moment = WORKING
        self.deaths: Counter[str] = Counter()
        self.leads = 0

    def goes_on(self, by: timedelta) -> None:
        self.moment += by
        self.clock.move_to(self.moment, tick=False)

    def enrol(self) -> None:
        self.leads += 1
        self.world.lead(f"N{self.leads}", f"person{self.leads}")
        self.world.enroll()

    def dies_in(self, name: str, work: Callable[[], Any], statements: int) -> bool:
        """Run ``work`` and kill it before one of its statements; say whether it came to that."""
        killer = Killer(self.dice.randint(1, statements))
        with suppress(Killed), connection.execute_wrapper(killer):
            work()
        self.deaths[name] += killer.killed
        return killer.killed

    def dies_at_the_provider(self) -> None:
        """The worker dies while it calls: before the provider took the send, or after, before the answer came."""
        if self.dice.random() < 0.5:
            self.provider.failures.append(Killed())
        else:
            self.provider.failures_after.append(Killed())
        with suppress(Killed):
            self.dispatch()
        waiting = len(self.provider.failures) + len(self.provider.failures_after)
        self.deaths["call"] += not waiting
        self.provider.failures.clear()
        self.provider.failures_after.clear()

    def dispatch(self) -> None:
        dispatch.dispatch_sender(self.world.sender.id, limit=1)

    def settle(self) -> None:
        late = OutboundMessage.objects.filter(state="sending", claimed_until__lte=now())
        for outbound_id in list(late.values_list("id", flat=True)):
            settlement.expire(outbound_id)
        due = SendAttempt.objects.filter(
            state="ambiguous", settle_after__lte=now(), outbound__state="unknown"
        )
        for attempt_id in list(due.values_list("id", flat=True)):
            settlement.settle(attempt_id)

    def recover(self) -> None:
        """Let leases run out and the sweepers do what living workers would."""
        self.goes_on(dispatch.LEASE + timedelta(seconds=1))
        self.settle()
        self.goes_on(timedelta(minutes=3))
        self.settle()


def test_a_thousand_dead_workers_send_everything_once(
    world: CampaignWorld, provider: Provider, time_machine: Any
) -> None:
    Campaign.objects.filter(id=world.campaign.id).update(window=ALWAYS)
    world.campaign = world.campaign.refreshed()
    for window in ("day", "week"):
        rates.set_limit(sender=world.sender, action="invite", cap=10_000, actor=None, window=window)
    rates.set_limit(sender=world.sender, action="invite", cap=1_000, actor=None, window="growth")
    world.launch_empty()
    life = Mortality(world, provider, time_machine)
    while sum(life.deaths.values()) < DEATHS:
        life.enrol()
        for _ in range(8):
            if life.dies_in("engine", world.tick, 26):
                life.goes_on(lanes.LEASE + timedelta(seconds=1))
        world.tick()
        for _ in range(3):
            if life.dies_in("dispatch", life.dispatch, 30):
                life.recover()
        life.dies_at_the_provider()
        life.goes_on(dispatch.LEASE + timedelta(seconds=1))
        if life.dies_in("settlement", life.settle, 20):
            life.goes_on(settlement.LEASE + timedelta(seconds=1))
        life.recover()
        life.dispatch()
    _finish(life)
    assert set(life.deaths) == {"engine", "dispatch", "call", "settlement"}
    assert min(life.deaths.values()) > 40, life.deaths
    _nothing_twice_nothing_lost(life, provider)


def _finish(life: Mortality, rounds: int = 400) -> None:
    """Living workers again, until nothing waits."""
    for _ in range(rounds):
        if OutboundMessage.objects.filter(state="sent").count() == life.leads:
            return
        life.world.tick()
        life.dispatch()
        life.recover()


def _nothing_twice_nothing_lost(life: Mortality, provider: Provider) -> None:
    left = Counter(entry["text"] for entry in provider.sent)
    assert left == Counter({f"Hi N{number}": 1 for number in range(1, life.leads + 1)})
    assert OutboundMessage.objects.filter(state="sent").count() == life.leads
    assert Enrollment.objects.filter(stage="invited").count() == life.leads
    used = sum(RateUsage.objects.filter(action="invite", window="day").values_list("used", flat=True))
    assert used == life.leads
    certificate = certification.certify()
    assert certificate.ok, certificate.as_json()
    assert (certificate.sent, certificate.ambiguous) == (life.leads, [])
    assert certificate.settlements
    call_command("certify_sends", organization=life.world.agency.slug)


def test_the_certificate_sees_doubles_and_unproven_sends(world: CampaignWorld) -> None:
    def send(key: str, **values: Any) -> OutboundMessage:
        made: OutboundMessage = OutboundMessage.objects.create(
            client=world.agency.first, sender=world.sender, channel="linkedin", action="invite",
            origin="campaign", dedupe_key=key, state="sent", campaign_id=world.campaign.id, node_id="invite",
            **values,
        )  # fmt: skip
        return made

    lead = world.lead("Marta", "marta")
    unproven = send("a", lead_id=lead.id)
    assert [row.outbound_id for row in certification.certify().unproven] == [str(unproven.id)]
    again = send("b", lead_id=lead.id)
    for outbound in (unproven, again):
        SendAttempt.objects.create(outbound=outbound, number=1, state="accepted", started_at=_moment())
    certificate = certification.certify()
    assert (certificate.ok, certificate.unproven) == (False, [])
    assert {row.detail for row in certificate.twice} == {"One step of one lead left more than once."}


def _moment() -> datetime:
    return WORKING
