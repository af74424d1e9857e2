"""Reviews, versions, plan files, test sends, copies and folders: what stands between a draft and its launch."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client as Browser
from hypothesis import given

from campaigns.models import Campaign, Enrollment, Lead, LeadImport, LeadImportLead, PlanReview
from campaigns.plans.difference import difference
from campaigns.plans.schema import Plan
from campaigns.services import campaigns as service
from campaigns.services import editing, entry, lead_changes, organizing, plan_files, reviews, steering
from campaigns.services.campaigns import CampaignRefused
from campaigns.services.drafts import PlanRefused
from campaigns.services.reviews import NotReviewed
from integrations.models import SystemMail
from project.core.refusals import Invalid
from project.tenancy.access import access_for
from tests.campaigns.conftest import SEQUENCE, WORKING, World
from tests.campaigns.hypothesis_profile import examples
from tests.campaigns.plans.valid import valid_plans
from tests.factories import make_member, make_user


def _label(world: World, node: str, label: str) -> None:
    change = editing.parse_edit({"op": "label", "node": node, "label": label})
    editing.edit(campaign=world.campaign, change=change, actor=world.agency.manager)


@given(valid_plans())
@examples(40)
def test_a_plan_survives_being_a_file(plan: Plan) -> None:
    for text in (plan_files.to_json(plan), plan_files.to_yaml(plan)):
        assert plan_files.read(text) == plan
    assert difference(plan, plan_files.read(plan_files.to_yaml(plan))) == []


def test_files_that_are_no_plans_say_why() -> None:
    for text, reason in (
        ("{", "not JSON: line 1"),
        ("a: [1", "neither JSON nor YAML in line"),
        ("a: &x [1]\nb: *x", "references"),
        ("!!python/object/apply:os.system ['true']", "neither JSON nor YAML"),
    ):
        with pytest.raises(Invalid, match=reason):
            plan_files.read(text)
    with pytest.raises(PlanRefused, match="version"):
        plan_files.read("nodes: []")


@pytest.mark.django_db
def test_a_launch_waits_for_somebody_elses_word_on_just_this_plan(world: World, client: Browser) -> None:
    world.lead("Marta", "marta")
    client.force_login(world.agency.manager)
    base = world.agency.url(f"campaigns/{world.campaign.id}/")
    client.post(f"{base}review/ask/", {"needed": "1"})
    with pytest.raises(CampaignRefused, match="nobody was asked yet"):
        service.launch(campaign=world.campaign, actor=world.agency.manager)
    client.post(f"{base}review/ask/")
    review = PlanReview.objects.get()
    assert "Waits for a decision" in client.get(f"{base}review/").content.decode()
    own = client.post(f"{base}review/decide/", {"review": review.id, "decision": "approve"})
    assert own.status_code == 422
    assert "Somebody else than who asked" in own.content.decode()

    theirs = Browser()
    theirs.force_login(make_member(make_user("pia@client.test"), "client", [world.agency.first]).user)
    page = theirs.get(f"{base}review/").content.decode()
    assert "What people will get" in page
    assert "All leads of the client" in page
    assert 'class="portal' in page, "in the client's own frame"
    assert "The plan as a file" not in page
    silent = theirs.post(f"{base}review/decide/", {"review": review.id, "decision": "decline"})
    assert "Say what has to change." in silent.content.decode()
    theirs.post(f"{base}review/decide/", {"review": review.id, "decision": "decline", "note": "Shorter"})
    with pytest.raises(CampaignRefused, match="wants changes: Shorter"):
        service.launch(campaign=world.campaign, actor=world.agency.manager)
    client.post(f"{base}review/ask/")
    theirs.post(f"{base}review/decide/", {"review": review.id, "decision": "approve"})
    assert reviews.current(world.campaign).state == "approved"  # type: ignore[union-attr]

    _label(world, "message", "Thanks")
    with pytest.raises(CampaignRefused, match="has to be approved"):
        service.launch(campaign=world.campaign, actor=world.agency.manager)
    _label(world, "message", "")
    other = LeadImport.objects.create(client=world.agency.first, file_name="Fair.csv", file="fair.csv")
    whole = world.campaign.refreshed().audience
    Campaign.objects.update(audience={"kind": "import", "import_id": str(other.id)})
    assert reviews.current(world.campaign.refreshed()) is None, "the word was about another list"
    assert "Fair.csv" in client.get(f"{base}review/").content.decode()
    Campaign.objects.update(audience=whole)
    service.launch(campaign=world.campaign.refreshed(), actor=world.agency.manager)


def _approve(world: World) -> None:
    """The client approves the draft for who is in its list now."""
    _decide(world, approve=True)


def _decide(world: World, *, approve: bool) -> PlanReview:
    review = reviews.ask(campaign=world.campaign.refreshed(), actor=world.agency.manager, leads=1)
    theirs = access_for(world.agency.client_user, world.agency.organization)
    assert theirs is not None
    return reviews.decide(review=review, approve=approve, note="" if approve else "Too many", access=theirs)


@pytest.mark.django_db
def test_only_who_was_approved_enters_by_whatever_door(
    world: World, client: Browser, time_machine: Any
) -> None:
    """The list grows, or becomes another one: resume, the sweepers, acts and a person's hand all ask for a word."""
    manager = world.agency.manager
    reviews.require(campaign=world.campaign, needed=True, actor=manager)
    first = world.lead("Marta", "marta")
    world.campaign = world.campaign.refreshed()
    _approve(world)
    with pytest.raises(NotReviewed, match="for everybody in the list"):
        reviews.ask(campaign=world.campaign, actor=manager, leads=1)
    time_machine.move_to(WORKING + timedelta(minutes=1), tick=False)
    later = world.lead("Late", "late")
    world.launch()
    assert set(Enrollment.objects.values_list("lead__first_name", flat=True)) == {"Marta"}
    assert [one.count for one in entry.left_out(world.campaign)] == [1]
    act = lead_changes.CHANGES["enroll"].do([later], {"campaign": str(world.campaign.id)}, manager)
    assert act.refused == {later.id: "Nobody has approved the campaign for them."}
    with pytest.raises(Invalid, match="Nobody has approved"):
        steering.put_into(lead_id=later.id, campaign_id=world.campaign.id, actor=manager)
    client.force_login(manager)
    page = client.get(world.agency.url(f"campaigns/{world.campaign.id}/review/")).content.decode()
    assert "1 person came into the list after the question" in page
    assert "Ask for who came later" in page

    other = LeadImport.objects.create(client=world.agency.first, file_name="Fair.csv", file="fair.csv")
    LeadImportLead.objects.create(lead_import=other, lead=later)
    whole = world.campaign.audience
    service.pause(campaign=world.campaign, actor=manager)
    Campaign.objects.update(audience={"kind": "import", "import_id": str(other.id)})
    with pytest.raises(CampaignRefused, match="Nobody has approved the version that runs"):
        service.resume(campaign=world.campaign.refreshed(), actor=manager)
    Campaign.objects.update(audience=whole)
    service.resume(campaign=world.campaign.refreshed(), actor=manager)
    world.enroll()
    assert Enrollment.objects.count() == 1

    # A no to who came later leaves the others approved, and the campaign can go on.
    decided = _decide(world, approve=False)
    assert decided.state == "declined"
    service.pause(campaign=world.campaign.refreshed(), actor=manager)
    service.resume(campaign=world.campaign.refreshed(), actor=manager)
    own = Lead.objects.filter(client=world.agency.first)
    assert set(reviews.approved_people(world.campaign.refreshed(), own)) == {first}

    _approve(world)
    assert world.campaign.refreshed().enrolling_since is not None, "who waited for the word is taken in"
    world.enroll()
    assert set(Enrollment.objects.values_list("lead_id", flat=True)) == {first.id, later.id}


@pytest.mark.django_db
def test_a_client_sees_nothing_before_they_are_asked(world: World, client: Browser) -> None:
    client.force_login(make_member(make_user("pia@client.test"), "client", [world.agency.first]).user)
    page = client.get(world.agency.url(f"campaigns/{world.campaign.id}/review/")).content.decode()
    assert "Nobody was asked about this plan yet." in page
    assert "Thanks, " not in page


@pytest.mark.django_db
def test_versions_are_compared_and_come_back(world: World, client: Browser) -> None:
    world.lead("Marta", "marta")
    world.launch()
    client.force_login(world.agency.manager)
    base = world.agency.url(f"campaigns/{world.campaign.id}/")
    change = {"op": "content", "node": "follow_up", "content": {"text": "Shall I close this?"}}
    editing.edit(campaign=world.campaign, change=editing.parse_edit(change), actor=world.agency.manager)
    change = {"op": "remove", "node": "message"}
    editing.edit(campaign=world.campaign, change=editing.parse_edit(change), actor=world.agency.manager)
    page = client.get(f"{base}review/").content.decode()
    assert "Different from version 1" in page
    assert "Shall I close this?" in page
    assert "Did you see this" in page
    version = world.campaign.refreshed().current_version
    assert version is not None
    client.post(f"{base}versions/{version.id}/restore/")
    again = Plan.model_validate(world.campaign.refreshed().draft_plan)
    assert difference(again, Plan.model_validate(version.plan)) == []
    assert "Nothing: the draft is that version." in client.get(f"{base}review/").content.decode()


@pytest.mark.django_db
def test_plans_go_out_and_come_in_as_files(world: World, client: Browser) -> None:
    client.force_login(world.agency.manager)
    base = world.agency.url(f"campaigns/{world.campaign.id}/")
    text = client.get(f"{base}plan.yaml").content.decode()
    assert json.loads(client.get(f"{base}plan.json").content) == SEQUENCE
    changed = SimpleUploadedFile("plan.yaml", text.replace("Did you see this", "Seen").encode())
    assert client.post(f"{base}edit/import/", {"file": changed}).status_code == 303
    assert "Seen" in world.campaign.refreshed().draft_plan["nodes"][2]["content"]["text"]
    wrong = client.post(f"{base}edit/import/", {"file": SimpleUploadedFile("x.yaml", b"nodes: 1")})
    assert wrong.status_code == 422
    assert "This field is required." in wrong.content.decode()


@pytest.mark.django_db
def test_a_test_send_reaches_only_who_asks(world: World, client: Browser) -> None:
    client.force_login(world.agency.manager)
    url = world.agency.url(f"campaigns/{world.campaign.id}/edit/test/")
    assert "nobody in the audience" in client.post(url).content.decode()
    world.lead("Marta", "marta")
    assert f"3 texts on the way to {world.agency.manager.email}." in client.post(url).content.decode()
    mail = SystemMail.objects.get(kind="test_send")
    assert mail.recipient == world.agency.manager.email
    assert world.queued() == []


@pytest.mark.django_db
def test_a_copy_leaves_the_leads_behind(world: World, client: Browser) -> None:
    world.lead("Marta", "marta")
    world.launch()
    client.force_login(world.agency.manager)
    url = world.agency.url(f"campaigns/{world.campaign.id}/copy/")
    assert "Cold chain, copy" in client.get(url).content.decode()
    made = client.post(url, {"name": "Second wave", "client": world.agency.first.id})
    copy = Campaign.objects.get(name="Second wave")
    assert made["Location"].endswith(f"/campaigns/{copy.id}/edit/")
    assert (copy.status, copy.draft_plan, copy.copied_from_id) == ("draft", SEQUENCE, world.campaign.id)
    assert not Enrollment.objects.filter(campaign=copy).exists()
    assert copy.sender_links.count() == world.campaign.sender_links.count()
    other = organizing.copy(
        campaign=world.campaign, name="Theirs", client=world.agency.second, actor=world.agency.admin
    )
    assert other.sender_links.count() == 0, "senders stay with their client"


@pytest.mark.django_db
def test_campaigns_are_found_by_folder_tag_and_state(world: World, client: Browser) -> None:
    client.force_login(world.agency.manager)
    url = world.agency.url(f"campaigns/{world.campaign.id}/file/")
    client.post(
        url, {"folder": " Nordics  2026", "tags": "Cold, retail, cold"}, headers={"HX-Request": "true"}
    )
    assert (world.campaign.refreshed().folder, world.campaign.refreshed().tags) == (
        "Nordics 2026",
        ["cold", "retail"],
    )
    assert client.post(url, {"tags": "x" * 31}).status_code == 422
    listed = {
        query: "Cold chain" in client.get(world.agency.url(f"campaigns/?{query}")).content.decode()
        for query in ("", "tag=cold", "tag=cold&folder=Nordics+2026", "folder=Other", "status=archived")
    }
    assert listed == {
        "": True, "tag=cold": True, "tag=cold&folder=Nordics+2026": True, "folder=Other": False,
        "status=archived": False,
    }  # fmt: skip
    service.archive(campaign=world.campaign, actor=world.agency.manager)
    assert "Cold chain" not in client.get(world.agency.url("campaigns/")).content.decode()
    assert "Cold chain" in client.get(world.agency.url("campaigns/?status=all")).content.decode()
