"""Free LinkedIn seats send shorter notes: said before the launch, and never sent too long."""

from __future__ import annotations

import copy

import pytest

from campaigns.models import Campaign
from campaigns.plans.schema import Plan
from campaigns.services import checklist, messages
from integrations.models import SenderAccount
from tests.campaigns.conftest import SEQUENCE, World

pytestmark = pytest.mark.django_db


def test_a_note_of_250_characters_needs_a_paid_seat(world: World) -> None:
    plan = copy.deepcopy(SEQUENCE)
    note = "y" * 250
    plan["nodes"][0]["content"] = {"note": note}
    Campaign.objects.filter(id=world.campaign.id).update(draft_plan=plan)
    world.lead("Marta", "marta")
    campaign = world.campaign.refreshed()
    assert [point.message for point in checklist.check(campaign) if not point.ok] == []
    SenderAccount.objects.filter(id=world.sender.id).update(options={"seat": "free"})
    open_points = [point.message for point in checklist.check(campaign) if not point.ok]
    assert open_points == ["invite: At least 250 characters long; invite allows 200."]


def test_what_grew_too_long_for_the_seat_does_not_leave(world: World) -> None:
    lead = world.lead("M" * 120, "marta")
    world.launch()
    enrollment = world.enrollment(lead)
    node = Plan.model_validate({**SEQUENCE, "nodes": [
        {**SEQUENCE["nodes"][0], "content": {"note": "{{ lead.first_name }} " + "y" * 100}}, *SEQUENCE["nodes"][1:],
    ]}).node("invite")  # fmt: skip
    assert messages.compose(enrollment=enrollment, node=node, visit=1, sender=world.sender).body
    world.sender.options = {"seat": "free"}
    with pytest.raises(messages.NotSendable, match="invite allows 200"):
        messages.compose(enrollment=enrollment, node=node, visit=1, sender=world.sender)
