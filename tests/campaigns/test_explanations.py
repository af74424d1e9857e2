"""Why and why not: the condition that binds is named, with when it clears and what would change it."""

from __future__ import annotations

import pytest
from django.test import Client as Browser

from campaigns.models import Enrollment, ScheduledAction
from campaigns.services import campaigns, explanations, suppression
from integrations.models import OutboundMessage
from integrations.services import rates, switches
from tests.campaigns.conftest import World

pytestmark = pytest.mark.django_db


def waiting(world: World) -> ScheduledAction:
    return ScheduledAction.objects.filter(state="due").order_by("due_at").first()


@pytest.fixture
def enrolled(world: World) -> World:
    world.lead("Marta", "marta")
    world.launch()
    return world


def test_nothing_in_the_way(enrolled: World) -> None:
    answer = explanations.why_not(waiting(enrolled))
    assert answer.binding is None
    assert "Nothing is in the way" in answer.sentence
    assert {condition.label for condition in answer.conditions} >= {
        "The sending window is open",
        "The sender can send",
        "The text is complete for this lead",
    }


def test_a_limit_binds_with_its_end(enrolled: World) -> None:
    rates.set_limit(sender=enrolled.sender, action="invite", window="day", cap=0, actor=None)
    answer = explanations.why_not(waiting(enrolled))
    assert answer.binding is not None
    assert answer.binding.code == "limit"
    assert answer.at is not None
    assert answer.binding.until is not None
    assert answer.at >= answer.binding.until
    assert "0 of 0 are used" in answer.sentence
    assert answer.binding.where == "integrations:rates"


def test_what_waits_for_a_person_binds_before_what_clears_by_itself(enrolled: World) -> None:
    rates.set_limit(sender=enrolled.sender, action="invite", window="day", cap=0, actor=None)
    switches.switch(
        level="client",
        target_id=enrolled.agency.first.id,
        on=True,
        reason="Audit",
        actor=enrolled.agency.admin,
    )
    answer = explanations.why_not(waiting(enrolled))
    assert answer.binding is not None
    assert answer.binding.code == "kill_switch"
    assert answer.at is None
    assert "until somebody acts" in answer.sentence
    assert "Audit" in answer.sentence


def test_what_can_never_leave_binds_first(enrolled: World) -> None:
    campaigns.pause(campaign=enrolled.campaign.refreshed(), actor=enrolled.agency.manager)
    lead = Enrollment.objects.get().lead
    suppression.suppress_lead(lead=lead, channel="linkedin", source="person", reason="asked")
    answer = explanations.why_not(waiting(enrolled))
    assert answer.binding is not None
    assert answer.binding.code == "suppressed"
    assert answer.sentence.startswith("It will not leave.")


def test_a_timer_waits_for_its_time(enrolled: World) -> None:
    enrolled.tick()
    enrolled.deliver(enrolled.queued()[0])
    timer = ScheduledAction.objects.get(state="due", kind="timer")
    answer = explanations.why_not(timer)
    assert answer.binding is not None
    assert answer.binding.code == "due"
    assert answer.at == timer.due_at


def test_what_left_is_explained(enrolled: World) -> None:
    enrolled.tick()
    enrolled.deliver(enrolled.queued()[0])
    outbound = OutboundMessage.objects.get()
    told = dict(explanations.why(outbound).reasons)
    assert "Erik Sand" in told["Why this sender"]
    assert told["Why these words"] == "The step has one wording."
    assert "The provider took it" in told["Why then"]


def test_the_pages(enrolled: World, client: Browser) -> None:
    client.force_login(enrolled.agency.manager)
    action = waiting(enrolled)
    page = client.get(enrolled.agency.url(f"campaigns/actions/{action.id}/why/")).content.decode()
    assert "Every condition, in order" in page
    enrolled.tick()
    outbound = OutboundMessage.objects.get()
    page = client.get(enrolled.agency.url(f"campaigns/sends/{outbound.id}/why/")).content.decode()
    assert "Why this sender" in page
    profile = client.get(enrolled.agency.url(f"leads/{outbound.lead_id}/")).content.decode()
    assert f"sends/{outbound.id}/why/" in profile
