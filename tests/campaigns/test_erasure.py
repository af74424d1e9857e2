"""Whoever is erased is nowhere any more: no text or JSON of the installation has their name or address."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.db import connection
from django.test import Client as Browser
from django.utils import timezone

from campaigns.imports.persons import Person
from campaigns.models import (
    AddressCheck,
    Enrollment,
    Lead,
    LeadChannel,
    LeadImport,
    LeadImportError,
    PlanMigration,
    PlanMigrationItem,
    Simulation,
    Suppression,
    UnsubscribeLink,
)
from campaigns.services import erasure, forgetting, suppression, unsubscribes
from inbox.models import Conversation, Notification, PendingChange
from integrations.models import LedgerIncident, OutboundMessage, ProviderEvent, ProviderEventKey, SyncRun
from tests.campaigns.conftest import WORKING, World

pytestmark = pytest.mark.django_db

MARK = "zyxmarta"
#: What docs/compliance.md says is not erased: who did what, and what providers sent as they sent it. The streams to
#: open screens are forgotten within the hour.
KEPT = ("tenancy_auditevent", "core_streamevent", "integrations_webhookdelivery")


@pytest.fixture
def marta(world: World) -> Lead:
    """Somebody who was written to and answered, and of whom something stands wherever it may."""
    lead = world.lead("Zyxmarta", MARK)
    LeadChannel.objects.create(
        client=lead.client,
        lead=lead,
        kind="email",
        value=f"{MARK}@fjord.test",
        normalized=f"{MARK}@fjord.test",
    )
    Lead.objects.filter(id=lead.id).update(title=f"CFO {MARK}", fields={"City": MARK})
    world.launch()
    world.tick()
    [invitation] = world.queued()
    world.deliver(invitation)
    world.accepts(MARK, WORKING + timedelta(hours=1))
    world.says(MARK, f"Yours, {MARK}", WORKING + timedelta(hours=2))
    _spread(world, lead.refreshed())
    return lead.refreshed()


def _spread(world: World, lead: Lead) -> None:
    client, campaign, enrollment = lead.client, world.campaign, world.enrollment(lead)
    mail = f"{MARK}@fjord.test"
    link = {"client_id": client.id, "channel": "email", "value": mail, "lead_id": lead.id}
    UnsubscribeLink.objects.create(**link, campaign_id=campaign.id, enrollment_id=enrollment.id)
    unsubscribes.record(
        address=unsubscribes.Address(client_id=client.id, channel="email", value=mail), how="link"
    )
    AddressCheck.objects.create(address=mail, verdict="valid", expires_at=timezone.now())
    render = {"prospect": str(lead.id), "name": MARK, "text": f"Hi {MARK}"}
    Simulation.objects.create(client=client, campaign=campaign, state="done", result={"renders": [render]})
    state = {**enrollment.state, "branch_fields": [["branch:1", [["title", MARK]]]]}
    Enrollment.objects.filter(id=enrollment.id).update(state=state)
    assert campaign.current_version is not None
    migration = PlanMigration.objects.create(
        campaign=campaign,
        from_version=campaign.current_version,
        to_version=campaign.current_version,
        state="done",
    )
    PlanMigrationItem.objects.create(
        migration=migration,
        enrollment=enrollment,
        version=campaign.current_version,
        before=state,
        after=state,
    )
    conversation = Conversation.objects.get(lead=lead)
    Notification.objects.create(
        user=world.agency.agent, client=client, conversation=conversation, occasion="reply", key="reply:zyx",
        title=f"{MARK} replied", text=f"Yours, {MARK}",
    )  # fmt: skip
    LedgerIncident.objects.create(
        sender=world.sender, day=WORKING.date(), missing=1, opened_at=WORKING,
        samples=[{"at": "", "who": "Zyxmarta Lindqvist", "text": "Yours"}],
    )  # fmt: skip
    lost = {"listed": 1, "missing": [{"at": "", "who": "Zyxmarta Lindqvist", "text": "Yours"}]}
    SyncRun.objects.create(
        sender=world.sender, resource="ledger", state="done",
        result={"listed": 1, "accounts": {str(world.sender.id): lost}},
    )  # fmt: skip
    SyncRun.objects.create(
        sender=world.sender, resource="connections", state="done",
        result={"matched": 3, "people": ["Zyxmarta Lindqvist", "Olga Berg"]},
    )  # fmt: skip
    # An edit that waits for its message, and one in a thread of somebody else.
    for ref, chat in (("m1", conversation.chat_id), ("m2", "chat_olga")):
        PendingChange.objects.create(
            sender=world.sender, message_ref=ref,
            event={"kind": "message_edited", "chat_id": chat, "text": f"No, {MARK if ref == 'm1' else 'thanks'}"},
        )  # fmt: skip
    key = f"message_bounced:acc_erik:{mail}"
    told = ProviderEvent.objects.create(
        sender_id=world.sender.id, kind="message_bounced", source="webhook", occurred_at=timezone.now(),
        dedupe_key=key, payload={"kind": "message_bounced", "recipient": mail, "is_permanent": True},
    )  # fmt: skip
    ProviderEventKey.objects.create(sender=world.sender, key=key, event_id=told.id)
    # She stood in one file as somebody who must not be contacted, in another by name only; neither made a lead.
    for number, values in enumerate(
        (["Zyxmarta", "Lindqvist", mail], ["Zyxmarta", "Lindqvist", "not an address"])
    ):
        made = LeadImport(
            client=client, file_name="fair.csv", state="done", headers=["First", "Last", "Mail"]
        )
        made.organization_id = client.organization_id
        made.sample = [
            {"number": 2, "values": values, "verdict": "suppressed"},
            {"number": 3, "values": ["Erik"]},
        ]
        made.file.save("leads", ContentFile(f"{MARK}".encode()), save=False)
        made.save()
        LeadImportError.objects.create(lead_import=made, row_number=number, reason="no", values=values)
        LeadImportError.objects.create(lead_import=made, row_number=9, reason="no", values=["Erik", "Sand"])


def _places(word: str) -> set[str]:
    """Every column of text or JSON in which a word stands, but for the ids of threads, which these tests make of it."""
    found = set()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.table_name, c.column_name FROM information_schema.columns c"
            " JOIN pg_class k ON k.relname = c.table_name"
            " WHERE c.table_schema = 'public' AND k.relkind IN ('r', 'p') AND NOT k.relispartition AND (c.data_type IN"
            " ('text', 'character varying', 'json', 'jsonb', 'ARRAY'))"
        )
        for table, column in cursor.fetchall():
            written = f"""replace(replace("{column}"::text, 'chat_{MARK}', ''), 'thread_{MARK}', '')"""
            cursor.execute(f'SELECT 1 FROM "{table}" WHERE {written} ILIKE %s LIMIT 1', [f"%{word}%"])
            if cursor.fetchone() and table not in KEPT:
                found.add(f"{table}.{column}")
    return found


def test_no_column_of_the_installation_has_somebody_who_was_erased(world: World, marta: Lead) -> None:
    assert len(_places(MARK)) > 20, "she stands in many places to begin with"
    files = [one.file for one in LeadImport.objects.all()]
    erasure.erase(lead=marta, reason="Asked", actor=world.agency.manager)
    # What tells a fact of the network again are opaque ids; they stay, so that it is not learnt anew.
    keys = {"integrations_providerevent.dedupe_key", "integrations_providereventkey.key"}
    assert _places(MARK) == _places(f"ACoAA_{MARK}") == keys
    assert _places("fjord.test") == set()
    assert not any(file.storage.exists(file.name) for file in files)
    assert [row.message_ref for row in PendingChange.objects.all()] == ["m2"]
    [ledger, people] = [SyncRun.objects.get(resource=one).result for one in ("ledger", "connections")]
    assert (ledger["accounts"][str(world.sender.id)]["listed"], people["matched"]) == (1, 3), "figures stay"
    assert LeadImportError.objects.count() == 2, "other people's rows stay"
    assert {row["values"][0] for one in LeadImport.objects.all() for row in one.sample} == {"Erik"}


def test_nobody_writes_to_somebody_who_was_erased_and_their_link_brings_nothing_back(
    world: World, marta: Lead, client: Browser
) -> None:
    [link] = UnsubscribeLink.objects.all()
    url = f"/u/{unsubscribes.token_of(link)}"
    first = OutboundMessage.objects.order_by("created_at").first()
    assert first is not None
    recipient = dict(first.recipient)
    erasure.erase(lead=marta, reason="Asked", actor=world.agency.manager)
    first.refresh_from_db()
    held = suppression.gate(first)
    assert held is not None
    assert (held.final, held.reason) == (True, "They were erased at their own request.")
    # A reply in the old thread, and one to whoever has the address now.
    first.lead_id, first.recipient = None, recipient
    assert suppression.gate(first) == held
    page = client.get(url).content.decode()
    assert "no longer writes to you" in page
    assert "Subscribe again" not in page
    for act in ({"act": "unsubscribe"}, {"act": "resubscribe"}, {"List-Unsubscribe": "One-Click"}):
        assert client.post(url, act).status_code == 200
    assert not Suppression.objects.exists()


def test_files_of_imports_go_after_a_time(world: World, marta: Lead, time_machine: Any) -> None:
    first, other = LeadImport.objects.order_by("id")
    LeadImport.objects.filter(id=other.id).update(state="previewed")
    assert forgetting.prune_files() == 0
    time_machine.move_to(WORKING + forgetting.FILES_KEPT + timedelta(days=1), tick=False)
    assert forgetting.prune_files() == 2
    assert [bool(one.file) for one in LeadImport.objects.all()] == [False, False]
    assert (first.refreshed().state, other.refreshed().state) == ("done", "cancelled")


def test_rows_of_others_stay_whose_words_are_spelt_like_parts_of_an_address(world: World) -> None:
    bo = world.lead("Bo", "bo")
    LeadChannel.objects.filter(lead=bo).update(
        value="https://www.linkedin.com/in/bo/", provider_id="ACoAAbo12345"
    )
    for kind, value in (("email", "bo@fjord.test"), ("sms", "+4532123456")):
        LeadChannel.objects.create(client=bo.client, lead=bo, kind=kind, value=value, normalized=value)
    mapping = {"0": "first_name", "1": "company", "2": "linkedin", "3": "email", "4": "skip", "5": "custom"}
    made = LeadImport(
        client=bo.client, file_name="fair.csv", state="done", headers=list("ABCDEF"), mapping=mapping
    )
    made.organization_id = bo.client.organization_id
    theirs = [
        ["", "", "https://linkedin.com/in/Bo?trk=x", "", "", ""],
        ["", "", " Bo ", "", "", ""],
        ["", "", "", "", "", "see https://dk.linkedin.com/in/bo/en, please"],
        ["", "", "https://www.linkedin.com/in/ACoAAbo12345", "", "", ""],
        ["", "", "", "Bo <BO@fjord.test>; office@fjord.test", "", ""],
        ["", "", "", "", "", "Call 32 12 34 56"],
        ["", "", "", "", "0045 3212-3456", ""],
    ]
    others = [
        ["Bob", "Boston Ltd", "https://www.linkedin.com/in/bob", "", "", ""],
        ["Bo", "Bo", "bo-hansen", "", "Bo", "Bo"],
        ["", "", "https://www.linkedin.com/in/bo-hansen", "bob@fjord.test", "", ""],
        ["", "", "", "jim.bo@fjord.test", "bo@fjord.test.uk", ""],
        ["", "", "", "bo@fjord.tester", "+453212345", "+45321234567"],
    ]
    made.sample = [{"number": n, "values": values} for n, values in enumerate([*theirs, *others])]
    made.save()
    for number, values in enumerate([*theirs, *others]):
        LeadImportError.objects.create(lead_import=made, row_number=number, reason="no", values=values)
    erasure.erase(lead=bo, reason="Asked", actor=world.agency.manager)
    left = LeadImportError.objects.order_by("row_number")
    assert [row.values for row in left] == others
    assert [row["values"] for row in made.refreshed().sample] == others


def test_what_the_database_looks_for_among_rows_names_the_person_and_nobody_else(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows of others are not even read: of two letters, most of a client's files might be."""
    read: list[list[object]] = []
    stands_in = Person.stands_in

    def watched(person: Person, cells: list[object], mapping: dict[str, str]) -> bool:
        read.append(cells)
        return stands_in(person, cells, mapping)

    monkeypatch.setattr(Person, "stands_in", watched)
    bo = world.lead("Bo", "bo")
    made = LeadImport(client=bo.client, file_name="fair.csv", state="done", headers=["A", "B"])
    made.organization_id = bo.client.organization_id
    made.save()
    rows = [["Bob", "https://linkedin.com/in/bob"], ["Boston", "above"], ["x", "https://linkedin.com/in/bo"]]
    for number, values in enumerate(rows):
        LeadImportError.objects.create(lead_import=made, row_number=number, reason="no", values=values)
    erasure.erase(lead=bo, reason="Asked", actor=world.agency.manager)
    assert read == rows[2:]
