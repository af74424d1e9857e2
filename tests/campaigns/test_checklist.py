"""The launch checklist names what would be given up, and for whom: missing senders, unfilled variables."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from django.test import Client as Browser

from campaigns.models import Campaign, Lead
from campaigns.rendering import needed
from campaigns.services import campaigns as service
from campaigns.services import checklist
from campaigns.services.campaigns import CampaignRefused
from integrations.models import SenderAccount
from tests.campaigns.conftest import SEQUENCE, World

pytestmark = pytest.mark.django_db


def _open(world: World) -> list[tuple[str, str]]:
    points = checklist.check(world.campaign.refreshed())
    return [(point.message, point.where) for point in points if not point.ok]


def _plan(**changes: dict[str, Any]) -> dict[str, Any]:
    """The usual sequence with some of its steps changed."""
    plan = copy.deepcopy(SEQUENCE)
    for node in plan["nodes"]:
        node.update(changes.get(node["id"], {}))
    return plan


def test_every_channel_account_and_pool_of_the_plan_has_a_sender(world: World) -> None:
    world.lead("Marta", "marta")
    assert _open(world) == []
    mail = {
        "id": "mail", "type": "send", "channel": "email", "action": "email",
        "content": {"subject": "Cold chain", "body": "Hello"},
        "transitions": [{"on": "no_reply", "after": "P3D", "to": "give_up"}],
    }  # fmt: skip
    plan = _plan(follow_up={"transitions": [{"on": "no_reply", "after": "P3D", "to": "mail"}]})
    plan["nodes"].insert(3, mail)
    Campaign.objects.update(draft_plan=plan)
    assert ("No E-mail sender is chosen: mail would be given up for everybody.", "senders") in _open(world)
    Campaign.objects.update(draft_plan=_plan(message={"sender": {"pool": "North"}}))
    assert _open(world) == [("message: the pool “North” has no LinkedIn sender; choose another one.", "plan")]
    Campaign.objects.update(draft_plan=_plan(message={"sender": {"account": "acc_of_another_client"}}))
    assert _open(world) == [
        ("message: this client has no such LinkedIn account; choose another one.", "plan")
    ]
    Campaign.objects.update(draft_plan=SEQUENCE)
    SenderAccount.objects.update(status="credentials")
    assert [where for _, where in _open(world)] == ["accounts"], (
        "the link leads to the accounts, to reconnect"
    )


def test_what_a_text_cannot_leave_without() -> None:
    text = "{Hi|Hello} {{ lead.first_name }}{% if lead.title %}, {{ lead.title }}{% endif %}"
    text += ", {{ custom.city | default: 'here' }}"
    assert needed(text) == {"lead.first_name"}
    assert needed("{At {{ company.name }}|In {{ custom.city }}}") == {"company.name", "custom.city"}


def test_variables_without_a_value_are_counted_and_shown(world: World, client: Browser) -> None:
    marta, blank = world.lead("Marta", "marta"), world.lead("Erik", "erik")
    Lead.objects.filter(id=marta.id).update(fields={"city": "Umeå"})
    Lead.objects.filter(id=blank.id).update(fields={"city": "  "})
    Campaign.objects.update(draft_plan=_plan(message={"content": {"text": "In {{ custom.city }}"}}))
    [point] = [point for point in checklist.check(world.campaign.refreshed()) if not point.ok]
    assert point.message.startswith("message: 1 of 2 people have no value for custom.city")
    client.force_login(world.agency.manager)
    table = client.get(world.agency.url(f"leads/?{point.leads}")).content.decode()
    assert "Erik Lindqvist" in table
    assert "Marta Lindqvist" not in table
    base = world.agency.url(f"campaigns/{world.campaign.id}/")
    refused = client.post(f"{base}launch/")
    assert refused.status_code == 422
    assert 'name="accept_unfilled"' in refused.content.decode()

    Lead.objects.filter(id=marta.id).update(fields={})
    with pytest.raises(CampaignRefused, match="Nobody in the list has a value for"):
        service.launch(campaign=world.campaign, actor=world.agency.manager)
    Lead.objects.filter(id=marta.id).update(fields={"city": "Umeå"})
    assert client.post(f"{base}launch/", {"accept_unfilled": "1"}).status_code == 303
    assert world.campaign.refreshed().status == "active"
