"""The table of leads: filters in its address, columns, segments, export."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.test import Client as Browser

from campaigns.lead_filters import LeadFilters, all_leads, found_leads
from campaigns.models import Company, Lead, LeadChannel, LeadColumns, LeadField, LeadImport, LeadSegment
from campaigns.services import suppression
from project.core.clock import now
from project.core.scoping import no_scope
from tests.campaigns.conftest import World
from tests.factories import Agency
from tests.rows import Rows

pytestmark = pytest.mark.django_db


class People:
    """Four people of the first client, and one of the second."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.agency: Agency = world.agency
        first = self.agency.first
        self.halden = Company.objects.create(client=first, name="Halden Robotics", name_key="halden robotics")
        self.marta = self._one("Marta", "Head of Logistics", "marta@halden.test", company=self.halden)
        self.erik = self._one("Erik", "CFO", "erik@dropped.test")
        self.ola = self._one("Ola", "Logistics lead", "ola@fjord.test")
        self.siri = world.lead("Siri", "siri-berg")
        self.other = self._one("Otto", "CFO", "otto@else.test", client=self.agency.second)

    def _one(self, name: str, title: str, address: str, *, client: Any = None, company: Any = None) -> Lead:
        owner = client or self.agency.first
        lead = Lead.objects.create(
            client=owner, first_name=name, last_name="Nord", title=title, company=company
        )
        LeadChannel.objects.create(client=owner, lead=lead, kind="email", value=address, normalized=address)
        return lead

    def found(self, user: Any = None, **parameters: Any) -> set[str]:
        access = self.agency.access(user or self.agency.manager)
        filters = LeadFilters.of({name: str(value) for name, value in parameters.items()}, access)
        assert LeadFilters.of(filters.parameters, access) == filters
        return {lead.first_name for lead in found_leads(access, filters)}


@pytest.fixture
def people(world: World) -> People:
    return People(world)


def test_filters_leave_whom_they_name(people: People) -> None:
    world, first = people.world, people.agency.first
    everybody = {"Marta", "Erik", "Ola", "Siri", "Otto"}
    assert people.found() == everybody
    assert people.found(client=first.id) == everybody - {"Otto"}
    assert people.found(user=people.agency.limited) == {"Otto"}
    assert people.found(channel="linkedin") == {"Siri"}
    assert people.found(company=people.halden.id) == {"Marta"}
    assert people.found(stage="no such stage", within="12") == everybody

    suppression.suppress(
        client_id=first.id, channel="email", value="dropped.test", is_domain=True, source="person"
    )
    suppression.suppress(client_id=None, channel="email", value="otto@else.test", source="person")
    suppression.suppress(
        client_id=first.id,
        channel="email",
        value="ola@fjord.test",
        source="person",
        expires_at=now() - timedelta(days=1),
    )
    assert people.found(suppressed="yes") == {"Erik", "Otto"}
    assert people.found(suppressed="no", client=first.id) == {"Marta", "Ola", "Siri"}

    world.launch()
    [enrollment] = world.campaign.enrollments.filter(lead=people.siri)
    assert people.found(campaign=world.campaign.id, stage="pending") == {"Siri"}
    assert people.found(stage="replied") == set()

    rows = Rows(people.agency, first)
    for lead, at in ((people.ola, now() - timedelta(days=20)), (people.siri, now() - timedelta(days=3))):
        rows.fresh(
            apps.get_model("integrations.OutboundMessage"), client=first, sender=world.sender, channel="linkedin",
            action="message", origin="campaign", dedupe_key=f"k:{lead.id}", state="sent", sent_at=at, lead_id=lead.id,
        )  # fmt: skip
    rows.fresh(
        apps.get_model("campaigns.SendOutcome"), client=first, sender=world.sender, lead_id=people.ola.id,
        sent_at=now(), opened_at=now() - timedelta(days=10),
    )  # fmt: skip
    rows.fresh(
        apps.get_model("campaigns.ReplyReading"), client=first, campaign=world.campaign, enrollment=enrollment,
        intent="interested", occurred_at=now() - timedelta(days=2),
    )  # fmt: skip
    assert people.found(did="contacted") == {"Ola", "Siri"}
    assert people.found(did="contacted", within=7) == {"Siri"}
    assert people.found(did="not_contacted", client=first.id) == {"Marta", "Erik"}
    assert people.found(did="opened", within=7) == set()
    assert people.found(did="opened", within=30) == {"Ola"}
    assert people.found(did="interested") == people.found(did="replied", within=7) == {"Siri"}
    assert people.found(did="not_replied", campaign=world.campaign.id) == set()


def test_words_find_names_titles_companies_and_addresses(people: People) -> None:
    assert people.found(q="mart") == {"Marta"}
    assert people.found(q="nord HALD") == {"Marta"}
    assert people.found(q="ola@fjord.test") == people.found(q="fjord.test") == {"Ola"}
    assert people.found(q="siri-b") == {"Siri"}
    assert people.found(q="'; drop \\ table") == set()
    assert people.found(title="logistics") == {"Marta", "Ola"}
    assert people.found(title="logistics head") == {"Marta"}
    assert people.found(company="robot", title="cfo") == set()
    assert people.found(title="cfo") == {"Erik", "Otto"}
    assert people.found(title="cfo", user=people.agency.limited) == {"Otto"}


def test_words_of_another_organization_find_nothing(people: People, rival: Agency) -> None:
    with no_scope(), rival.scope():
        access = rival.access(rival.manager)
        assert not found_leads(access, LeadFilters(text="marta")).exists()
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM campaigns_find_leads(ARRAY['marta'], '', '', NULL, 10)")
            assert cursor.fetchone() == (0,)


def test_a_person_narrows_chooses_columns_keeps_a_segment_and_exports(
    people: People, client: Browser
) -> None:
    agency = people.agency
    client.force_login(agency.manager)
    table = agency.url("leads/")
    chosen = client.post(
        f"{table}columns/", {"column": ["email", "last_sent", "nonsense"], "query": "title=cfo"}
    )
    assert chosen["Location"] == f"{table}?title=cfo"
    assert LeadColumns.objects.get(owner=agency.manager).columns == ["email", "last_sent"]
    page = client.get(f"{table}?title=cfo").content.decode()
    assert "erik@dropped.test" in page
    assert "marta@halden.test" not in page
    assert 'id="lead-count">2<' in page

    refused = client.post(f"{table}segments/", {"name": "Everybody", "query": ""})
    assert (refused.status_code, "Narrow the table first" in refused.content.decode()) == (422, True)
    saved = client.post(
        f"{table}segments/", {"name": "Money", "is_shared": "1", "query": "title=cfo&made=up"}
    )
    assert saved["Location"] == f"{table}?title=cfo"
    client.force_login(agency.viewer)
    assert "Money" in client.get(table).content.decode()
    segment = LeadSegment.objects.get()
    assert client.post(f"{table}segments/{segment.id}/").status_code == 404
    client.force_login(agency.manager)
    assert client.post(f"{table}segments/{segment.id}/").status_code == 303
    assert not LeadSegment.objects.exists()

    LeadField.objects.create(client=agency.first, name="Tier")
    LeadImport.objects.create(
        client=agency.first,
        file_name="a.csv",
        headers=["Mail", "City"],
        mapping={"0": "email", "1": "custom"},
    )
    Lead.objects.filter(id=people.erik.id).update(first_name="=cmd()", fields={"Tier": "A", "City": "=Oslo"})
    body = b"".join(client.get(f"{table}export.csv?title=cfo&client={agency.first.id}").streaming_content)
    [row] = csv.DictReader(io.StringIO(body.decode("utf-8-sig")))
    assert (row["first_name"], row["email"]) == ("'=cmd()", "erik@dropped.test")
    client.post(f"{table}columns/", {"column": ["stage", "field:Tier"]})
    shown = client.get(f"{table}?title=cfo").content.decode()
    assert '<th scope="col" class="hide-m">Tier</th>' in shown or ">Tier</th>" in shown
    assert 'title="A">A</span>' in shown
    assert (row["Tier"], row["City"]) == ("A", "'=Oslo"), "what an import brought in goes out again"


def test_pages_go_on_where_they_stood(people: People, client: Browser) -> None:
    client.force_login(people.agency.manager)
    Lead.objects.bulk_create(
        Lead(client=people.agency.first, first_name=f"Row{number}", title="Row") for number in range(60)
    )
    rows, access = LeadFilters(title="row"), people.agency.access(people.agency.manager)
    assert Lead.objects.filter(rows.condition(access, most=7)).count() == 7, "what a page looks at is bounded"
    assert all_leads(access, rows).count() == 60, "an act and a file leave nobody out"
    table = people.agency.url("leads/")
    seen: list[str] = []
    url = f"{table}?title=row"
    while url:
        answer = client.get(url, headers={"HX-Request": "true"} if "cursor" in url else {})
        seen += [lead.first_name for lead in answer.context["rows"]]
        url = answer.context["next_url"] and f"{table}{answer.context['next_url']}"
    assert sorted(seen) == sorted(f"Row{number}" for number in range(60))
