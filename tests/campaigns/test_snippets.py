"""Snippets: written once, put in at launch, never changed under a running campaign."""

from __future__ import annotations

import pytest
from django.test import Client as Browser

from campaigns.models import Campaign, PlanVersion, Snippet
from campaigns.rendering import TemplateError
from campaigns.rendering.snippets import expand, names_in
from campaigns.services import campaigns as service
from campaigns.services import checklist, previews, snippets
from tests.campaigns.conftest import World

SEQUENCE = {
    "version": "1.0",
    "timezone": "UTC",
    "startNodeId": "invite",
    "nodes": [
        {
            "id": "invite",
            "type": "send",
            "channel": "linkedin",
            "action": "invite",
            "content": {"note": "Hi {{ lead.first_name }}. {{ snippet.proof }}"},
            "transitions": [
                {"on": "accepted", "to": "end"},
                {"on": "no_accept", "after": "P14D", "to": "end"},
            ],
        },
        {"id": "end", "type": "stop", "outcome": "completed"},
    ],
}


def test_expansion() -> None:
    assert expand(
        "a {{snippet.x}} {{ snippet.x }}{{- snippet.y -}}", {"x": "1", "y": "{{ lead.title }}"}
    ) == ("a 1 1{{ lead.title }}")
    assert names_in("{{ snippet.a }} {{ lead.a }}") == {"a"}
    with pytest.raises(TemplateError, match="no snippet called missing"):
        expand("{{ snippet.missing }}", {})
    with pytest.raises(TemplateError, match="uses another"):
        expand("{{ snippet.a }}", {"a": "{{ snippet.b }}", "b": ""})


@pytest.mark.django_db
def test_a_launch_puts_them_in_for_good(world: World) -> None:
    actor = world.agency.manager
    campaign = world.campaign
    Campaign.objects.filter(id=campaign.id).update(draft_plan=SEQUENCE, status=Campaign.Status.PAUSED)
    campaign = campaign.refreshed()
    world.lead("Marta", "marta")
    open_points = [point.message for point in checklist.check(campaign) if not point.ok]
    assert open_points == ["invite: Line 1: There is no snippet called proof."]

    snippets.save(client_id=None, name="proof", text="For everybody.", actor=actor)
    snippets.save(
        client_id=campaign.client_id, name="Proof", text="Halden saves {{ custom.hours }} h.", actor=actor
    )
    assert "Halden saves" in previews.worst(campaign)[0].text
    service.launch(campaign=campaign, actor=actor, accept_unfilled=True)
    version = PlanVersion.objects.filter(campaign=campaign).latest("number")
    assert (
        version.plan["nodes"][0]["content"]["note"]
        == "Hi {{ lead.first_name }}. Halden saves {{ custom.hours }} h."
    )

    snippets.save(client_id=campaign.client_id, name="proof", text="Something else.", actor=actor)
    version.refresh_from_db()
    assert "Halden saves" in version.plan["nodes"][0]["content"]["note"]
    assert campaign.refreshed().draft_plan["nodes"][0]["content"]["note"].endswith("{{ snippet.proof }}")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("1st", "x", "small letters"),
        ("a b", "x", "small letters"),
        ("ok", " ", "between 1 and"),
        ("ok", "{{ snippet.other }}", "another snippet"),
        ("ok", "{{ lead.firstname }}", "Did you mean lead.first_name"),
        ("ok", "{{ lead.first_name", "never closed"),
    ],
)
def test_what_cannot_be_one(world: World, name: str, text: str, told: str) -> None:
    with pytest.raises(snippets.SnippetRefused, match=told):
        snippets.save(client_id=None, name=name, text=text, actor=world.agency.manager)


@pytest.mark.django_db
def test_the_page(world: World, client: Browser) -> None:
    client.force_login(world.agency.manager)
    url = world.agency.url("campaigns/snippets/")
    assert client.post(url, {"client": "", "name": "proof", "text": "Line one"}).status_code == 302
    refused = client.post(url, {"client": "", "name": "No!", "text": "kept text"})
    assert refused.status_code == 422
    page = refused.content.decode()
    assert "small letters" in page
    assert "kept text" in page
    assert "Line one" in page
    found = Snippet.objects.get()
    assert client.post(world.agency.url(f"campaigns/snippets/{found.id}/delete/")).status_code in {
        200,
        302,
        303,
    }
    assert not Snippet.objects.exists()
