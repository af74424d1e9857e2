"""Templates of plans: kept, taken over for other clients, and how campaigns that moved away from them show it."""

from __future__ import annotations

import pytest
from django.test import Client as Browser

from campaigns.models import Campaign, PlanTemplate
from campaigns.plans.edits import EDIT
from campaigns.services import campaigns as campaign_service
from campaigns.services import draft_history, editing, organizing, plan_templates
from project.core.refusals import Invalid
from tests.campaigns.conftest import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def origin(world: World) -> Campaign:
    return editing.begin(campaign=world.campaign.refreshed(), key="email", actor=world.agency.manager)


def keep(world: World, campaign: Campaign, name: str = "Three mails") -> PlanTemplate:
    return plan_templates.save(
        client_id=None,
        name=name,
        note="Cold lists",
        plan=editing.plan_of_draft(campaign),
        actor=world.agency.manager,
        origin=campaign,
    )


def write(world: World, campaign: Campaign, text: str) -> Campaign:
    change = EDIT.validate_python(
        {"op": "content", "node": "email", "content": {"subject": text, "body": "Hello"}}
    )
    return editing.edit(campaign=campaign.refreshed(), change=change, actor=world.agency.manager)


def state(campaign: Campaign) -> str:
    drift = plan_templates.drift_of(campaign.refreshed())
    return drift.state if drift else "none"


def another(world: World) -> Campaign:
    return campaign_service.create(client=world.agency.second, name="For others", actor=world.agency.manager)


def test_another_client_takes_it_over_and_sees_what_has_changed_since(world: World, origin: Campaign) -> None:
    template = keep(world, origin)
    assert (template.version, state(origin)) == (1, "same")

    made = another(world)
    Campaign.objects.filter(id=made.id).update(time_zone="Asia/Tokyo")
    made = plan_templates.take_over(campaign=made.refreshed(), template=template, actor=world.agency.manager)
    assert made.draft_plan["nodes"] == origin.refreshed().draft_plan["nodes"]
    assert made.draft_plan["timezone"] == "Asia/Tokyo"
    assert state(made) == "same"

    write(world, origin, "Better")
    assert state(origin) == "changed"
    assert (keep(world, origin.refreshed()).version, state(origin)) == (2, "same")
    assert state(made) == "behind"
    write(world, made, "Ours")
    drift = plan_templates.drift_of(made.refreshed())
    assert drift is not None
    assert (drift.state, drift.behind) == ("both", 1)
    assert drift.text == (
        "The template has changed 1 time since it was taken over and the steps here were changed, too."
    )

    made = plan_templates.take_over(
        campaign=made.refreshed(), template=template.refreshed(), actor=world.agency.manager
    )
    assert state(made) == "same"
    draft_history.undo(campaign=made, actor=world.agency.manager)
    assert state(made) == "changed"


def test_what_is_the_same_is_no_new_version_and_a_copy_knows_its_template(
    world: World, origin: Campaign
) -> None:
    keep(world, origin)
    assert keep(world, origin.refreshed()).version == 1
    copied = organizing.copy(
        campaign=origin.refreshed(), name="Again", client=world.agency.second, actor=world.agency.manager
    )
    assert state(copied) == "same"
    plan_templates.remove(template=PlanTemplate.objects.get(), actor=world.agency.manager)
    assert state(copied) == "none"
    assert copied.refreshed().draft_plan["nodes"]


def test_what_cannot_be_a_template_or_taken_says_why(world: World, origin: Campaign) -> None:
    actor = world.agency.manager
    with pytest.raises(Invalid, match="at least one step"):
        keep(world, another(world))
    with pytest.raises(Invalid, match="1 to 120"):
        keep(world, origin, name="  ")
    own = plan_templates.save(
        client_id=origin.client_id, name="Own", note="", plan=editing.plan_of_draft(origin), actor=actor
    )
    with pytest.raises(Invalid, match="another client's"):
        plan_templates.take_over(campaign=another(world), template=own, actor=actor)
    Campaign.objects.filter(id=origin.id).update(kind=Campaign.Kind.PROVIDER)
    with pytest.raises(Invalid, match="a provider runs"):
        plan_templates.take_over(campaign=origin.refreshed(), template=own, actor=actor)


def test_the_pages(world: World, origin: Campaign, client: Browser) -> None:
    client.force_login(world.agency.manager)
    base = f"/o/{world.agency.organization.slug}/campaigns"
    assert "No template yet" in client.get(f"{base}/templates/").content.decode()

    here = f"{base}/{origin.id}/template/"
    refused = client.post(here, {"act": "keep", "name": " ", "for": "all"})
    assert (refused.status_code, "1 to 120" in refused.content.decode()) == (422, True)
    assert client.post(here, {"act": "keep", "name": "Three mails", "for": "all"}).status_code == 303
    template = PlanTemplate.objects.get()

    own = plan_templates.save(
        client_id=origin.client_id,
        name="Own",
        note="",
        plan=editing.plan_of_draft(origin),
        actor=world.agency.manager,
    )
    assert "Own" in client.get(f"{base}/templates/").content.decode()
    client.post(f"{base}/templates/{own.id}/delete/")

    made = another(world)
    assert "One of our templates" in client.get(f"{base}/{made.id}/edit/").content.decode()
    assert "Use Three mails" in client.get(f"{base}/{made.id}/template/").content.decode()
    taken = client.post(f"{base}/{made.id}/template/", {"act": "take", "template": str(template.id)})
    assert taken["Location"] == f"{base}/{made.id}/edit/"
    write(world, origin, "Better")
    keep(world, origin.refreshed())

    assert "1 fallen behind" in client.get(f"{base}/templates/").content.decode()
    assert "fallen behind" in client.get(f"{base}/{made.id}/").content.decode()
    page = client.get(f"{base}/templates/{template.id}/").content.decode()
    assert page.index("For others") < page.index("fallen behind")
    assert "Better" in client.get(f"{base}/{made.id}/template/").content.decode()
    client.post(f"{base}/{made.id}/template/", {"act": "leave"})
    assert state(made) == "none"
    client.post(f"{base}/templates/{template.id}/delete/")
    assert not PlanTemplate.objects.exists()


def test_a_manager_of_some_clients_takes_those_for_all_and_cannot_change_them(
    world: World, origin: Campaign, client: Browser
) -> None:
    template = keep(world, origin)
    client.force_login(world.agency.people["limited"])
    base = f"/o/{world.agency.organization.slug}/campaigns"
    made = another(world)
    assert "Three mails" in client.get(f"{base}/templates/").content.decode()
    client.post(f"{base}/{made.id}/template/", {"act": "take", "template": str(template.id)})
    assert state(made) == "same"
    assert client.post(f"{base}/templates/{template.id}/delete/").status_code == 404
    kept = client.post(f"{base}/{made.id}/template/", {"act": "keep", "name": "Three mails", "for": "all"})
    assert kept.status_code == 403
