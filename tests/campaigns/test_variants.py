"""Variants: counted honestly, judged by the stated test, and chosen for whoever comes next."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client as Browser

from campaigns.models import Campaign, Enrollment, ReplyReading, VariantChoice
from campaigns.plans.schema import SendNode
from campaigns.plans.variants import choose
from campaigns.services import campaigns as service
from campaigns.services import readings, variants
from integrations.models import OutboundMessage
from project.core.clock import now
from project.core.refusals import Invalid, NotFound
from tests.campaigns.conftest import WORKING, World

pytestmark = pytest.mark.django_db

PLAN: dict[str, Any] = {
    "version": "1.0",
    "timezone": "UTC",
    "startNodeId": "invite",
    "nodes": [
        {
            "id": "invite",
            "type": "send",
            "channel": "linkedin",
            "action": "invite",
            "variants": [
                {"id": "plain", "content": {"note": "Hello"}},
                {"id": "warm", "content": {"note": "Hello there"}},
            ],
            "transitions": [
                {"on": "accepted", "to": "end"},
                {"on": "no_accept", "after": "P14D", "to": "end"},
            ],
        },
        {"id": "end", "type": "stop", "outcome": "completed"},
    ],
}


@pytest.fixture
def campaign(world: World) -> Campaign:
    Campaign.objects.filter(id=world.campaign.id).update(draft_plan=PLAN, status=Campaign.Status.PAUSED)
    world.lead("Marta", "marta")
    return service.launch(campaign=world.campaign.refreshed(), actor=world.agency.manager)


def reached(world: World, campaign: Campaign, variant: str, count: int, said: dict[str, int]) -> None:
    """``count`` people got ``variant``; ``said`` of them replied with an intent."""
    intents = [intent for intent, number in said.items() for _ in range(number)]
    for number in range(count):
        lead = world.lead(f"P{number}", f"{variant}-{number}")
        enrollment = Enrollment.objects.create(
            client_id=campaign.client_id, campaign=campaign, plan_version=campaign.current_version, lead=lead
        )
        OutboundMessage.objects.create(
            sender=world.sender, client_id=campaign.client_id, channel="linkedin", action="invite",
            origin="campaign", dedupe_key=f"{variant}:{number}", lead_id=lead.id, campaign_id=campaign.id,
            enrollment_id=enrollment.id, node_id="invite", variant_id=variant, state="sent", sent_at=now(),
        )  # fmt: skip
        if number < len(intents):
            ReplyReading.objects.create(
                client_id=campaign.client_id, campaign=campaign, enrollment=enrollment, event_id=uuid4(),
                channel="linkedin", node_id="invite", variant_id=variant, intent=intents[number],
                first_intent=intents[number], rules="rules-1", occurred_at=now(),
            )  # fmt: skip


def test_counts_are_of_people_and_refusals_are_not_wins(world: World, campaign: Campaign) -> None:
    reached(world, campaign, "plain", 3, {"interested": 1, "not_interested": 1})
    reached(world, campaign, "warm", 3, {"interested": 1, "unsubscribe": 1})
    keen = ReplyReading.objects.get(variant_id="warm", intent="interested")
    ReplyReading.objects.create(
        client_id=campaign.client_id, campaign=campaign, enrollment=keen.enrollment, event_id=uuid4(),
        channel="linkedin", node_id="invite", variant_id="warm", intent="question", first_intent="question",
        rules="rules-1", occurred_at=now(),
    )  # fmt: skip
    (trial,) = variants.trials(campaign)
    assert [(one.variant, one.contacted, one.positive, one.opted_out) for one in trial.tallies] == [
        ("plain", 3, 1, 0),
        ("warm", 3, 1, 1),
    ]
    assert trial.verdict.state == "too_early"
    assert variants.settle(campaign) == []


def test_the_winner_is_given_to_whoever_comes_next(world: World, campaign: Campaign) -> None:
    reached(world, campaign, "plain", 100, {"interested": 1, "unsubscribe": 6})
    reached(world, campaign, "warm", 100, {"interested": 14})
    (choice,) = variants.settle(campaign)
    assert (choice.variant_id, choice.decided_by) == ("warm", None)
    assert "warm wins" in choice.reason
    assert variants.settle(campaign) == []
    assert variants.winners() == {(campaign.id, "invite"): "warm"}
    node = SendNode.model_validate(PLAN["nodes"][0])
    assert {choose(node, str(number), winner="warm")[0] for number in range(50)} == {"warm"}
    assert {choose(node, str(number))[0] for number in range(50)} == {"plain", "warm"}
    assert {choose(node, str(number), winner="gone")[0] for number in range(50)} == {"plain", "warm"}


def test_people_choose_and_take_back(world: World, campaign: Campaign) -> None:
    actor = world.agency.manager
    variants.choose(campaign=campaign, node_id="invite", variant_id="plain", actor=actor)
    assert VariantChoice.objects.get().reason == f"Chosen by {actor.display_name}."
    with pytest.raises(Invalid, match="no variant 'other'"):
        variants.choose(campaign=campaign, node_id="invite", variant_id="other", actor=actor)
    with pytest.raises(NotFound, match="no step end"):
        variants.choose(campaign=campaign, node_id="end", variant_id="plain", actor=actor)
    variants.reopen(campaign=campaign, node_id="invite", actor=actor)
    assert not VariantChoice.objects.exists()


def test_on_the_page(world: World, campaign: Campaign, client: Browser) -> None:
    client.force_login(world.agency.manager)
    page = world.agency.url(f"campaigns/{campaign.id}/")
    assert "has to reach 100 more people" in client.get(page).content.decode()
    chosen = client.post(f"{page}variants/invite/", {"variant": "warm"})
    assert "Everybody gets" in chosen.content.decode()
    refused = client.post(f"{page}variants/invite/", {"variant": "other"})
    assert refused.status_code == 422
    assert client.post(f"{page}variants/end/", {"variant": "x"}).status_code == 404
    assert client.post(f"{page}variants/invite/", {"variant": ""}).status_code == 200
    assert not VariantChoice.objects.exists()


def test_a_reply_is_read_once_and_can_be_corrected(world: World) -> None:
    world.lead("Marta", "marta")
    world.launch()
    world.tick()
    (invitation,) = world.queued()
    world.deliver(invitation)
    at = WORKING + timedelta(hours=2)
    world.accepts("marta", at)
    world.says("marta", "Sounds interesting, tell me more", at + timedelta(hours=1))
    world.says("marta", "Sounds interesting, tell me more", at + timedelta(hours=1))
    reading = ReplyReading.objects.get()
    assert (reading.intent, reading.node_id, reading.source) == ("interested", "invite", "rule")
    assert "interesting" in reading.because
    corrected = readings.correct(reading=reading, intent="not_now", actor=world.agency.agent)
    assert (corrected.intent, corrected.first_intent, corrected.source) == ("not_now", "interested", "person")
    with pytest.raises(Invalid):
        readings.correct(reading=reading, intent="bored", actor=world.agency.agent)
