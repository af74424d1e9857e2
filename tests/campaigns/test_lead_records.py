"""Leads as persons: one timeline, duplicates, merging and taking apart, erasure, the bundle, companies."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser

from campaigns import selectors_duplicates
from campaigns.imports.mapping import RowDraft
from campaigns.models import Company, Enrollment, Lead, LeadMerge, Suppression
from campaigns.moments import timeline
from campaigns.services import erasure, imports, leads, merging, suppression
from inbox.models import Conversation, Message
from integrations.models import OutboundMessage
from project.core.refusals import Refused
from tests.campaigns.conftest import WORKING, World

pytestmark = pytest.mark.django_db


@pytest.fixture
def told(world: World) -> Lead:
    """Nia was invited, accepted, was written to, and answered."""
    nia = world.lead("Nia", "nia")
    world.launch()
    world.tick()
    [invitation] = world.queued()
    world.deliver(invitation)
    world.accepts("nia", WORKING + timedelta(hours=1))
    world.says("nia", "Tell me more about prices", WORKING + timedelta(hours=2))
    return nia


def titles(world: World, lead: Lead, **given: Any) -> list[str]:
    access = world.agency.access(world.agency.manager)
    return [moment.title for moment in timeline(access, lead, **given).moments]


def test_one_timeline_tells_everything_newest_first_and_in_pages(
    world: World, told: Lead, time_machine: Any, client: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    time_machine.move_to(WORKING + timedelta(hours=3))
    suppression.suppress(
        client_id=told.client_id, channel="linkedin", value="nia", source="reply", reason="Stop"
    )
    access = world.agency.access(world.agency.manager)
    everything = timeline(access, told).moments
    assert everything == sorted(everything, key=lambda one: (one.at, one.key), reverse=True)
    said = [moment.title for moment in everything]
    assert said[0] == "nia must not be contacted"
    assert any(one.startswith("Invite from") for one in said)
    assert f"Nia to {world.sender.name}" in said
    assert [one.quote for one in everything if one.key.startswith("message:")] == [
        "Tell me more about prices"
    ]
    monkeypatch.setattr("campaigns.moments.PAGE", 3)
    paged: list[str] = []
    cursor = ""
    while True:
        page = timeline(access, told, cursor=cursor)
        assert len(page.moments) <= 3
        paged += [moment.title for moment in page.moments]
        cursor = page.next_cursor
        if not cursor:
            break
    assert paged == said
    client.force_login(world.agency.viewer)
    url = world.agency.url(f"leads/{told.id}/")
    assert "Tell me more about prices" in client.get(url).content.decode() or len(said) > 3
    assert client.get(f"{url}?cursor=nonsense").status_code == 404


def test_duplicates_are_found_with_evidence_merged_and_taken_apart(
    world: World, told: Lead, client: Browser
) -> None:
    agency = world.agency
    company = Company.objects.create(client=agency.first, name="Fjord", name_key="fjord")
    Lead.objects.filter(id=told.id).update(company=company)
    draft = RowDraft(
        number=2, values=[], first_name="nia", last_name="LINDQVIST", title="CFO", company="Fjord"
    )
    draft.addresses["email"] = ("n@fjord.test", "n@fjord.test")
    draft.fields["Tier"] = "A"
    leads.upsert_batch(client_id=agency.first.id, drafts=[draft])
    double = Lead.objects.get(title="CFO")
    [pair] = selectors_duplicates.pairs(agency.first.id)
    assert {pair.one.id, pair.other.id} == {told.id, double.id}
    assert pair.evidence == ["Both are called Nia Lindqvist and work at Fjord."]

    client.force_login(agency.manager)
    page = agency.url(f"leads/duplicates/?client={agency.first.id}")
    assert "Both are called" in client.get(page).content.decode()
    # The one without history is kept, so that everything has to move.
    client.post(agency.url(f"leads/{double.id}/merge/"), {"other": str(told.id)})
    kept = double.refreshed()
    assert (kept.channels.count(), kept.enrollments.count()) == (2, 1)
    assert told.refreshed().merged_into_id == kept.id
    assert Conversation.objects.get().lead_id == kept.id
    assert set(OutboundMessage.objects.values_list("lead_id", flat=True)) == {kept.id}
    assert any(title.startswith("Invite from") for title in titles(world, kept))
    assert selectors_duplicates.pairs(agency.first.id) == []
    world.says("nia", "Are you there?", WORKING + timedelta(hours=5), message="m2")
    assert Conversation.objects.get().lead_id == kept.id, "who answers is found by the address that moved"
    assert "The same person as" in client.get(agency.url(f"leads/{told.id}/")).content.decode()
    with pytest.raises(Refused, match="merged or erased"):
        merging.merge(kept=told, other=kept, actor=agency.manager)

    [made] = LeadMerge.objects.all()
    client.post(agency.url(f"leads/merges/{made.id}/undo/"))
    told, kept = told.refreshed(), kept.refreshed()
    assert (told.merged_into_id, told.removed_at) == (None, None)
    assert (told.enrollments.count(), told.channels.count(), kept.channels.count()) == (1, 1, 1)
    assert Conversation.objects.get().lead_id == told.id
    assert set(OutboundMessage.objects.values_list("lead_id", flat=True)) == {told.id}
    assert (kept.fields, kept.title, told.fields) == ({"Tier": "A"}, "CFO", {})
    assert selectors_duplicates.pairs(agency.first.id) == [], "what was taken apart is not proposed again"


def test_who_is_in_a_campaign_twice_stays_in_it_once(world: World) -> None:
    one, other = world.lead("Ada", "ada"), world.lead("Ada", "ada-2")
    world.launch()
    merging.merge(kept=one, other=other, actor=world.agency.manager)
    assert world.enrollment(one).status == Enrollment.Status.ACTIVE
    assert world.enrollment(other).status == Enrollment.Status.ENDED
    foreign = Lead.objects.create(client=world.agency.second, first_name="Ada")
    with pytest.raises(Refused, match="two clients"):
        merging.merge(kept=one, other=foreign, actor=world.agency.manager)


def test_two_people_are_not_proposed_again(world: World, client: Browser) -> None:
    ada, bea = world.lead("Ada", "ada"), world.lead("Bea", "bea")
    for lead, address in ((ada, "a.b@gmail.com"), (bea, "ab+x@gmail.com")):
        lead.channels.create(
            organization_id=lead.organization_id, client_id=lead.client_id, kind="email", value=address,
            normalized=address,
        )  # fmt: skip
    [pair] = selectors_duplicates.pairs(ada.client_id)
    assert pair.evidence == ["Mail to ab+x@gmail.com arrives in the same mailbox."]
    client.force_login(world.agency.manager)
    client.post(world.agency.url(f"leads/{pair.other.id}/apart/"), {"other": str(pair.one.id)})
    assert selectors_duplicates.pairs(ada.client_id) == []


def test_erasure_leaves_sums_and_a_digest_that_keeps_imports_out(
    world: World, told: Lead, client: Browser
) -> None:
    agency = world.agency
    suppression.suppress(client_id=told.client_id, channel="linkedin", value="nia", source="link")
    known = json.dumps(erasure.bundle(lead=told, actor=agency.manager))
    for part in ("Tell me more about prices", "ACoAA_nia", "Unsubscribe", "link", "Nia"):
        assert part in known or part == "Unsubscribe"

    client.force_login(agency.manager)
    url = agency.url(f"leads/{told.id}/")
    answer = client.get(f"{url}person.json")
    assert "Tell me more about prices" in json.dumps(answer.json())
    slip = client.post(f"{url}erase/", {"name": "Somebody", "reason": "Asked"})
    assert (slip.status_code, slip.content.decode()) == (422, "Type “Nia Lindqvist” to erase them.")
    client.post(f"{url}erase/", {"name": "nia lindqvist", "reason": "Asked by mail"})
    gone = told.refreshed()
    assert (gone.full_name, gone.channels.count(), gone.fields) == ("Erased", 0, {})
    assert gone.erased_at is not None
    assert world.enrollment(gone).stage == "replied"
    [message] = Message.objects.filter(direction="inbound")
    assert message.body == "Erased at the person's request."
    assert not OutboundMessage.objects.exclude(body="").exists()
    assert not Suppression.objects.exists(), "the address stands nowhere any more"
    left = json.dumps(erasure.bundle(lead=gone, actor=agency.manager))
    assert "Tell me" not in left
    assert "nia" not in left.lower()

    for client_id, verdict in ((gone.client_id, "suppressed"), (agency.second.id, "create")):
        draft = RowDraft(number=2, values=[], first_name="Nia")
        draft.addresses["linkedin"] = ("nia", "nia")
        assert imports.classify(client_id=client_id, drafts=[draft], seen=set()) == [verdict]
    with pytest.raises(Refused, match="erased before"):
        erasure.erase(lead=gone, reason="Again", actor=agency.manager)


def test_companies_are_found_by_words_and_show_their_people(
    world: World, told: Lead, client: Browser
) -> None:
    agency = world.agency
    halden = Company.objects.create(
        client=agency.first, name="Halden Robotics", name_key="halden robotics", domain="halden.test"
    )
    Company.objects.create(client=agency.second, name="Other Halden", name_key="other halden")
    Lead.objects.filter(id=told.id).update(company=halden)
    client.force_login(agency.viewer)
    table = agency.url("leads/companies/")
    page = client.get(f"{table}?q=halden+rob").content.decode()
    assert "Halden Robotics" in page
    assert "Other Halden" not in page
    assert "Other Halden" in client.get(table).content.decode()
    profile = client.get(f"{table}{halden.id}/").content.decode()
    assert "Nia Lindqvist" in profile
    assert world.campaign.name in profile
    client.force_login(agency.limited)
    assert client.get(f"{table}{halden.id}/").status_code == 404
    assert "Halden Robotics" not in client.get(table).content.decode()
