"""Pages and API of provider-run campaigns: the same as of others, with how they are at their provider."""

from __future__ import annotations

import pytest
from django.test import Client as Browser

from campaigns.models import Campaign, CampaignMirror
from tests.factories import PASSWORD
from tests.provider_runs.conftest import Run

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_campaign_is_shown_with_its_state_at_the_provider(run: Run) -> None:
    browser = Browser()
    browser.force_login(run.agency.admin)
    with run.scope():
        run.launch()
        run.work()
        run.days(0.5)
        run.read()
        CampaignMirror.objects.update(
            lead_sync_note="It gives out less.",
            error="The name is taken.",
            error_kind="validation",
            job="blocked",
        )
    page = browser.get(run.agency.url(f"campaigns/{run.campaign.id}/")).content.decode()
    for text in (
        "At Smartlead",
        "its word: ACTIVE",
        "It gives out less.",
        "The name is taken.",
        "Try again now",
    ):
        assert text in page
    leads = browser.get(run.agency.url(f"campaigns/{run.campaign.id}/leads/")).content.decode()
    assert "Step 1</b> has left." in leads
    builder = browser.get(run.agency.url(f"campaigns/{run.campaign.id}/edit/list/")).content.decode()
    assert "Smartlead can carry out every step." in builder
    assert "working days" not in builder
    assert ">Invitation<" not in builder
    health = browser.get(run.agency.url("ops/sync/")).content.decode()
    assert "Running campaigns" in health
    assert f'id="sync-campaign-{run.campaign.id}"' in health
    wind_tunnel = browser.get(run.agency.url(f"campaigns/{run.campaign.id}/simulation/")).content.decode()
    assert "Only campaigns that run here can be simulated." in wind_tunnel
    assert ">Simulate<" not in wind_tunnel
    assert "Smartlead" in browser.get(run.agency.url("campaigns/new/")).content.decode()
    assert "run by a provider" in browser.get(run.agency.url("campaigns/")).content.decode()
    assert "Add a provider" in browser.get(run.agency.url("senders/")).content.decode()


def test_the_api_does_what_the_pages_do(run: Run) -> None:
    browser = Browser()
    told = browser.post(
        "/api/v1/auth/login",
        {"email": run.agency.manager.email, "password": PASSWORD, "organization": run.agency.slug},
        content_type="application/json",
    )
    assert told.status_code == 200, told.content
    headers = {"Authorization": f"Bearer {told.json()['access_token']}"}
    made = browser.post(
        "/api/v1/campaigns",
        {"client_id": str(run.agency.first.id), "name": "By API", "run_on": "email"},
        content_type="application/json",
        headers=headers,
    )
    assert made.status_code == 201, made.content
    assert (made.json()["kind"], made.json()["provider_run"]["provider"]) == ("provider", "smartlead")
    refused = browser.post(
        "/api/v1/campaigns",
        {"client_id": str(run.agency.second.id), "name": "By API", "run_on": "email"},
        content_type="application/json",
        headers=headers,
    )
    assert (refused.status_code, refused.json()["code"]) == (403, "CAPABILITY_NOT_ENABLED")
    with run.scope():
        run.launch()
        run.work()
    shown = browser.get(f"/api/v1/campaigns/{run.campaign.id}", headers=headers).json()
    assert shown["provider_run"]["status"] == "running"
    assert shown["provider_run"]["people"] == {"added": 3}
    people = browser.get(f"/api/v1/campaigns/{run.campaign.id}/enrollments", headers=headers).json()
    assert {row["provider_lead"]["state"] for row in people["items"]} == {"added"}
    told = shown["provider_run"]
    assert (told["message_sync_status"], told["last_message_sync_error"]) == ("ok", "")
    refused = browser.post(
        f"/api/v1/campaigns/{run.campaign.id}/simulations",
        {"days": 10},
        content_type="application/json",
        headers=headers,
    )
    assert (refused.status_code, refused.json()["code"]) == (409, "NOT_SIMULABLE")
    assert refused.json()["details"]["problems"][0].startswith("Smartlead runs this campaign")
    pushed = browser.post(f"/api/v1/campaigns/{run.campaign.id}/push", headers=headers)
    assert pushed.status_code == 200
    with run.scope():
        assert Campaign.objects.get(id=run.campaign.id).status == "active"
