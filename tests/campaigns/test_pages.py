"""A manager's path through the pages: import, sequence, launch; what is refused is said."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client as Browser

from campaigns.models import Campaign, Lead, LeadImport
from campaigns.services import imports
from tests.campaigns.conftest import WORKING, World

pytestmark = pytest.mark.django_db

CSV = (
    "First name,Last name,LinkedIn,Company,City\n"
    "Marta,Lindqvist,https://www.linkedin.com/in/marta-lindqvist/,Fjällmark Foods AB,Umeå\n"
    "Erik,Sand,https://linkedin.com/company/halden,Halden,Oslo\n"
    "Marta,Lindqvist,linkedin.com/in/Marta-Lindqvist,Fjällmark Foods,Umeå\n"
    "=cmd(),Hegge,linkedin.com/in/pal-hegge,Iskant,Narvik\n"
)


@pytest.fixture
def manager(world: World, client: Browser) -> Browser:
    client.force_login(world.agency.manager)
    return client


def _upload(world: World, browser: Browser, content: bytes) -> Any:
    file = SimpleUploadedFile("leads.csv", content)
    return browser.post(world.agency.url("leads/imports/"), {"client": world.agency.first.id, "file": file})


def test_an_import_from_file_to_leads(world: World, manager: Browser) -> None:
    response = _upload(world, manager, CSV.encode())
    assert response.status_code == 303
    made = LeadImport.objects.get()
    assert made.mapping == {
        "0": "first_name",
        "1": "last_name",
        "2": "linkedin",
        "3": "company",
        "4": "custom",
    }

    mapping = {f"column-{index}": name for index, name in made.mapping.items()}
    assert manager.post(f"{response['Location']}mapping/", mapping).status_code == 303
    imports.work(import_id=made.id)
    page = manager.get(response["Location"]).content.decode()
    assert "Import 2 people" in page
    assert "not a person" in page
    assert "the same person stands earlier" in page
    assert not Lead.objects.exists()

    assert manager.post(f"{response['Location']}run/").status_code == 303
    imports.work(import_id=made.id)
    assert sorted(lead.full_name for lead in Lead.objects.all()) == ["=cmd() Hegge", "Marta Lindqvist"]
    assert "Imported." in manager.get(response["Location"]).content.decode()
    errors = b"".join(manager.get(f"{response['Location']}errors.csv").streaming_content).decode()
    assert "company page" in errors


def test_an_error_file_cannot_run_formulas(world: World, manager: Browser) -> None:
    response = _upload(world, manager, b'LinkedIn,Note\nlinkedin.com/company/x,"=HYPERLINK(""http://x"")"\n')
    made = LeadImport.objects.get()
    imports.set_mapping(
        lead_import=made, mapping={"0": "linkedin", "1": "custom"}, actor=world.agency.manager
    )
    imports.work(import_id=made.id)
    errors = b"".join(manager.get(f"{response['Location']}errors.csv").streaming_content).decode()
    assert "'=HYPERLINK" in errors


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"PK\x03\x04whatever", "spreadsheet"),
        (b"\x00\x01\x02\xff\xfe\x00" * 50, "not text"),
    ],
)
def test_files_that_cannot_be_read_say_why(
    world: World, manager: Browser, content: bytes, reason: str
) -> None:
    response = _upload(world, manager, content)
    assert response.status_code == 422
    assert reason in response.content.decode()


def test_a_sequence_is_written_checked_and_launched(world: World, manager: Browser) -> None:
    world.lead("Marta", "marta")
    made = manager.post(
        world.agency.url("campaigns/new/"), {"name": "Autumn", "client": world.agency.first.id}
    )
    campaign = Campaign.objects.get(name="Autumn")
    assert made["Location"].endswith(f"/campaigns/{campaign.id}/edit/")
    steps = {
        "step_kind": ["invite", "message", "message"],
        "step_id": ["", "", ""],
        "step_text": [
            "Hi {{ lead.first_name | default: 'there' }}",
            "Thanks {{ lead.frist_name }}",
            "Still there?",
        ],
        "step_delay": ["0", "1", "3"],
        "step_working": ["1", "1", "1"],
        "step_give_up": ["14", "14", "14"],
        "close_days": "14",
    }
    base = world.agency.url(f"campaigns/{campaign.id}/")
    assert manager.post(f"{base}edit/sequence/", {**steps, "operation": "save"}).status_code == 200
    settings = {
        "name": "Autumn", "time_zone": "europe/stockholm", "weekdays": ["0", "1", "2", "3", "4"],
        "start": "09:00", "end": "17:00", "holiday_country": "se", "audience": "all", "senders": [str(world.sender.id)],
    }  # fmt: skip
    assert manager.post(f"{base}edit/settings/", settings).status_code == 200
    refused = manager.post(f"{base}launch/")
    assert refused.status_code == 422
    assert "frist_name" in refused.content.decode()

    steps["step_text"][1] = "Thanks {{ lead.first_name | default: 'you' }}"
    manager.post(f"{base}edit/sequence/", {**steps, "operation": "save"})
    launched = manager.post(f"{base}launch/")
    assert launched.status_code == 303
    assert campaign.refreshed().status == "active"
    assert "Running" in manager.get(base).content.decode()


def test_what_was_typed_stays_when_it_is_wrong(world: World, manager: Browser) -> None:
    url = world.agency.url(f"campaigns/{world.campaign.id}/edit/settings/")
    response = manager.post(
        url,
        {
            "name": "X",
            "time_zone": "Mars/Olympus",
            "weekdays": ["0"],
            "start": "09:00",
            "end": "17:00",
            "audience": "all",
        },
    )
    page = response.content.decode()
    assert response.status_code == 422
    assert "Mars/Olympus" in page
    assert "not a time zone" in page


def test_every_page_renders(world: World, manager: Browser) -> None:
    marta = world.lead("Marta", "marta")
    world.launch()
    world.tick()
    for path in (
        "campaigns/",
        "campaigns/new/",
        f"campaigns/{world.campaign.id}/",
        f"campaigns/{world.campaign.id}/leads/",
        f"campaigns/{world.campaign.id}/edit/",
        f"campaigns/{world.campaign.id}/edit/?node=message",
        f"campaigns/{world.campaign.id}/edit/list/",
        f"campaigns/{world.campaign.id}/edit/parts/",
        f"campaigns/{world.campaign.id}/edit/preview/",
        "leads/",
        "leads/?q=marta",
        "leads/imports/",
        f"leads/{marta.id}/",
    ):
        response = manager.get(world.agency.url(path))
        assert response.status_code == 200, path
        assert (
            "Marta" in response.content.decode()
            or "Cold chain" in response.content.decode()
            or "imports" in path
            or "parts" in path
            or "new" in path
        )


def test_a_sequence_over_three_channels_is_written_in_the_form(world: World, manager: Browser) -> None:
    campaign = Campaign.objects.create(client=world.agency.first, name="Three", draft_plan={})
    url = world.agency.url(f"campaigns/{campaign.id}/edit/sequence/")
    steps = {
        "step_kind": ["email", "email", "sms"],
        "step_id": ["", "", ""],
        "step_subject": ["Month-end at {{ company.name }}", "", ""],
        "step_text": ["Hi, see http:/ledgerline.com", "One more thought.", "Short question by text?"],
        "step_threaded": ["0", "1", "0"],
        "step_delay": ["0", "3", "2"],
        "step_working": ["1", "1", "1"],
        "step_give_up": ["14", "14", "14"],
        "close_days": "7",
    }
    asked = manager.post(url, {**steps, "operation": "add:inmail"}).content.decode()
    assert "http:/ledgerline.com is not a whole address." in asked
    assert "1 segment as it stands (GSM-7)" in asked
    saved = manager.post(url, {**steps, "operation": "save"})
    assert saved.status_code == 200
    nodes = {node["id"]: node for node in campaign.refreshed().draft_plan["nodes"]}
    assert nodes["email_2"]["threadWith"] == "email_1"
    assert nodes["sms_3"]["content"] == {"text": "Short question by text?"}
    checklist = manager.get(world.agency.url(f"campaigns/{campaign.id}/edit/list/")).content.decode()
    assert "email_1: http:/ledgerline.com is not a whole address." in checklist
    assert "No lead with an e-mail address is in the list." in checklist
    # Opened again, the form shows what was saved.
    assert "Answers the e-mail before it" in checklist
    assert "Month-end at {{ company.name }}" in checklist


def test_who_replied_to_another_campaign_is_told_apart(world: World, manager: Browser) -> None:
    """Bo's answer to another campaign ends this one for him, too: his stage is replied, yet no answer came here."""
    marta, bo = world.lead("Marta", "marta"), world.lead("Bo", "bo")
    world.launch()
    world.tick()
    for outbound in world.queued():
        world.deliver(outbound)
    world.says("marta", "Tell me more", WORKING + timedelta(minutes=1))
    there = world.enrollment(bo)
    there.stage = there.Stage.REPLIED
    there.save(update_fields=["stage"])
    assert world.enrollment(marta).stage == "replied"
    page = manager.get(world.agency.url(f"campaigns/{world.campaign.id}/")).content.decode()
    assert "1 of those who replied did so elsewhere" in page
