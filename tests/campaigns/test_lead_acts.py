"""Acts on many leads: what they do, whom they leave out, how they are taken back, and what survives a restart."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.utils import timezone

from campaigns.imports.mapping import RowDraft
from campaigns.lead_filters import LeadFilters, found_leads
from campaigns.models import Enrollment, Lead, LeadAct, LeadActItem, LeadLabel, Suppression
from campaigns.services import lead_acts, leads, suppression
from project.core.refusals import Refused
from project.core.scoping import no_scope, platform_scope
from project.tenancy.models import User
from tests.campaigns.conftest import World

pytestmark = pytest.mark.django_db


class Team:
    """People to act on, and shorthands."""

    def __init__(self, world: World) -> None:
        self.world, self.agency = world, world.agency
        self.ada, self.bo, self.cy = (world.lead(name, name.lower()) for name in ("Ada", "Bo", "Cy"))

    def act(self, act: str, *people: Lead, **given: Any) -> LeadAct:
        return lead_acts.perform(
            act=act, lead_ids=[lead.id for lead in people], given=given, actor=self.agency.manager
        )

    def undo(self, entry: LeadAct) -> LeadAct:
        return lead_acts.undo(entry_id=entry.id, actor=self.agency.manager)

    def found(self, **parameters: str) -> set[str]:
        access = self.agency.access(self.agency.manager)
        return {lead.first_name for lead in found_leads(access, LeadFilters.of(parameters, access))}


@pytest.fixture
def team(world: World) -> Team:
    return Team(world)


def why(entry: LeadAct) -> dict[str, str]:
    left = LeadActItem.objects.filter(entry=entry).exclude(why="").select_related("lead")
    return {item.lead.first_name: item.why for item in left}


def test_owners_and_labels_are_given_filtered_by_and_taken_back(team: Team) -> None:
    agent: User = team.agency.agent
    entry = team.act("assign", team.ada, team.bo, owner=str(agent.id))
    assert (entry.state, entry.done, entry.failed, entry.about) == ("done", 2, 0, agent.display_name)
    assert team.found(owner=str(agent.id)) == {"Ada", "Bo"}
    assert team.found(owner="nobody") == {"Cy"}
    team.act("assign", team.bo, owner=str(team.agency.manager.id))
    undone = team.undo(entry)
    assert (undone.state, undone.kept) == ("undone", 1)
    assert why(undone) == {"Bo": "Somebody has assigned them since."}
    assert team.found(owner="nobody") == {"Ada", "Cy"}

    team.act("label", team.ada, label="fair")
    both = team.act("label", team.ada, team.bo, label="fair")
    assert team.found(label="Fair") == {"Ada", "Bo"}
    team.undo(both)
    assert team.found(label="fair") == {"Ada"}, "who had it before keeps it"
    off = team.act("unlabel", team.ada, label="fair")
    assert not LeadLabel.objects.exists()
    team.undo(off)
    assert team.found(label="fair") == {"Ada"}

    for act, given in (
        ("label", {"label": " "}),
        ("assign", {"owner": str(team.agency.viewer.id)}),
        ("fly", {}),
    ):
        with pytest.raises(Refused):
            team.act(act, team.ada, **given)
    limited = team.act("assign", team.ada, owner=str(team.agency.limited.id))
    assert limited.failed == 1


def test_people_are_added_to_a_running_campaign_and_taken_out_unless_written_to(team: Team) -> None:
    world = team.world
    with pytest.raises(Refused, match="not running"):
        team.act("enroll", team.ada, campaign=str(world.campaign.id))
    world.launch()
    dee, eve, mail = world.lead("Dee", "dee"), world.lead("Eve", "eve"), world.lead("Mail", "mail")
    mail.channels.update(kind="email", value="m@x.test", normalized="m@x.test")
    suppression.suppress(client_id=eve.client_id, channel="linkedin", value="eve", source="person")
    entry = team.act("enroll", team.ada, dee, eve, mail, campaign=str(world.campaign.id))
    assert why(entry) == {
        "Ada": "They are in it, or were.",
        "Eve": "They must not be contacted.",
        "Mail": "They have no address that the sequence can begin at.",
    }
    assert world.enrollment(dee).status == Enrollment.Status.ACTIVE
    written = world.lead("Fay", "fay")
    second = team.act("enroll", written, campaign=str(world.campaign.id))
    Enrollment.objects.filter(lead=written).update(stage="invited")
    team.undo(entry)
    assert world.enrollment(dee).status == Enrollment.Status.ENDED
    assert world.enrollment(team.ada).status == Enrollment.Status.ACTIVE
    assert list(why(team.undo(second))) == ["Fay"]


def test_the_list_says_who_must_not_be_contacted_and_undo_leaves_wishes(team: Team) -> None:
    first = team.agency.first
    half = suppression.suppress(
        client_id=first.id, channel="linkedin", value="bo", source="bounce",
        expires_at=timezone.now() + timedelta(days=30),
    )  # fmt: skip
    assert team.found(suppressed="yes") == {"Bo"}
    entry = team.act("suppress", team.ada, team.bo, team.cy, reason="Customers")
    assert team.found(suppressed="yes") == {"Ada", "Bo", "Cy"}
    assert not found_leads(team.agency.access(team.agency.manager), LeadFilters(suppressed="no")).exists()
    suppression.suppress(client_id=first.id, channel="linkedin", value="cy", source="reply")
    Suppression.objects.filter(value="cy").update(source="reply")
    assert why(team.undo(entry)) == {
        "Cy": "They asked to be left alone meanwhile, or an address stopped working."
    }
    assert team.found(suppressed="yes") == {"Bo", "Cy"}
    assert half.refreshed().source == "bounce"
    assert half.refreshed().expires_at is not None
    # Nothing has to happen for an entry to be over.
    Lead.objects.filter(id=team.bo.id).update(suppressed_until=timezone.now() - timedelta(seconds=1))
    assert team.found(suppressed="yes") == {"Cy"}


def test_marks_follow_domains_lists_of_all_clients_and_removals(team: Team) -> None:
    lead = team.ada
    lead.channels.create(
        client_id=lead.client_id, kind="email", value="A@Drop.test", normalized="a@drop.test",
        organization_id=lead.organization_id,
    )  # fmt: skip
    whole = suppression.suppress(
        client_id=None, channel="email", value="drop.test", source="person", is_domain=True
    )
    own = suppression.suppress(client_id=lead.client_id, channel="linkedin", value="ada", source="link")
    assert team.found(suppressed="yes") == {"Ada"}
    suppression.remove(suppression=whole, actor=team.agency.manager)
    assert team.found(suppressed="yes") == {"Ada"}
    suppression.lift(client_id=own.client_id, channel="linkedin", value="ada", sources=["link"])
    assert team.found(suppressed="yes") == set()


def test_removed_leads_leave_the_table_and_their_campaigns_and_come_back(team: Team) -> None:
    world = team.world
    world.launch()
    stopped = team.act("stop", team.bo)
    assert world.enrollment(team.bo).status == Enrollment.Status.ENDED
    with pytest.raises(Refused, match="cannot be taken back"):
        team.undo(stopped)
    assert why(team.act("stop", team.bo)) == {"Bo": "No campaign runs for them."}

    entry = team.act("remove", team.ada)
    assert team.found() == {"Bo", "Cy"}
    assert world.enrollment(team.ada).status == Enrollment.Status.ENDED
    team.undo(entry)
    assert team.found() == {"Ada", "Bo", "Cy"}

    team.act("remove", team.ada)
    draft = RowDraft(number=2, values=[], first_name="Ada")
    draft.addresses["linkedin"] = ("ada", "ada")
    leads.upsert_batch(client_id=team.ada.client_id, drafts=[draft])
    assert "Ada" in team.found(), "an import of the same address brings them back"


def test_a_worker_goes_on_where_another_stopped(team: Team, django_capture_on_commit_callbacks: Any) -> None:
    people = [team.world.lead(f"P{number}", f"p{number}") for number in range(30)]
    entry = team.act("label", *people, label="many")
    assert (entry.state, entry.done) == ("running", 0), "many are a worker's"
    assert not LeadLabel.objects.exists()
    with pytest.raises(Refused, match="still going on"):
        team.undo(entry)
    LeadAct.objects.update(updated_at=timezone.now() - timedelta(minutes=5))
    with no_scope(), platform_scope("test"):
        [left] = lead_acts.forgotten()
    assert lead_acts.run(entry_id=left.id).done == 30
    assert lead_acts.run(entry_id=left.id).done == 30, "running it twice changes nothing"
    undoing = team.undo(entry.refreshed())
    assert undoing.state == "undoing"
    done = lead_acts.run(entry_id=entry.id)
    assert (done.state, done.back, LeadLabel.objects.count()) == ("undone", 30, 0)
    LeadAct.objects.update(created_at=timezone.now() - timedelta(days=31))
    with no_scope(), platform_scope("test"):
        assert lead_acts.prune() == 1


def test_a_person_acts_in_the_table_and_takes_it_back(team: Team, client: Browser) -> None:
    client.force_login(team.agency.manager)
    table = team.agency.url("leads/")
    page = client.get(table).content.decode()
    assert f'value="{team.ada.id}" form="lead-acts"' in page
    assert 'id="act-owner"' in client.get(f"{table}acts/choices/?act=assign").content.decode()
    asked = {"act": "label", "label": " Trade  Fair ", "all": "1", "query": "q=ada"}
    answer = client.post(f"{table}acts/do/", asked, headers={"HX-Request": "true"})
    assert "Labelled 1 person" in answer["HX-Trigger"]
    assert "leads-changed" in answer["HX-Trigger"]
    assert team.found(label="trade fair") == {"Ada"}
    assert "trade fair" in client.get(table).content.decode()
    [entry] = LeadAct.objects.all()
    assert "Labelled 1 person (trade fair)" in client.get(f"{table}acts/").content.decode()
    client.post(f"{table}acts/{entry.id}/undo/")
    assert team.found(label="trade fair") == set()
    refused = client.post(f"{table}acts/do/", {"act": "label", "lead": [str(team.ada.id)]})
    assert (refused.status_code, refused.content) == (422, b"A label has 1 to 40 characters.")
    client.force_login(team.agency.limited)
    foreign = client.post(f"{table}acts/do/", {"act": "stop", "lead": [str(team.ada.id)]})
    assert foreign.status_code in {403, 404}
    client.force_login(team.agency.agent)
    assert client.get(table).content.decode().count("data-pick-page") == 0
