"""The demo against the real sandbox: made whole, removed whole."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command

from campaigns.models import CampaignMirror, Enrollment, EnrollmentMirror
from inbox.models import Conversation
from integrations.errors import ProviderError
from integrations.models import ProviderEvent, SenderAccount
from integrations.sandbox.testing import running_sandbox
from integrations.services.adapters import StoredKnowledge, adapter_of
from integrations.services.sync_sources import source_of
from project.core.clock import now
from project.core.isolation import tenant_models
from project.core.scoping import organization_scope, platform_scope
from project.tenancy.models import Organization
from reporting.demo import seeding

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_demo_is_made_and_removed(settings: Any) -> None:
    with running_sandbox() as sandbox:
        settings.UNIPILE_BASE_URL = sandbox.unipile_url
        settings.SANDBOX_URL = sandbox.base_url
        settings.SENDGRID_BASE_URL = f"{sandbox.base_url}/sendgrid"
        settings.TWILIO_BASE_URL = f"{sandbox.base_url}/twilio"
        settings.SMARTLEAD_BASE_URL = f"{sandbox.base_url}/smartlead"
        settings.HEYREACH_BASE_URL = f"{sandbox.base_url}/heyreach"
        settings.EMAILBISON_BASE_URL = f"{sandbox.base_url}/emailbison"
        call_command("demo")
        with platform_scope("test"):
            # Three seats, an e-mail address and a number; two mailboxes each at Smartlead and EmailBison, two seats at
            # HeyReach.
            assert SenderAccount.objects.filter(status="ok").count() == 11
            assert Conversation.objects.filter(has_inbound=True).count() == 8
            # The one in office hours, the one around the clock, the one over three channels, three run by providers.
            assert Enrollment.objects.count() == 106
            mirrors = CampaignMirror.objects.values_list("connection__provider", "status", "job", "error")
            assert sorted(mirrors) == [
                ("emailbison", "running", "idle", ""),
                ("heyreach", "running", "idle", ""),
                ("smartlead", "running", "idle", ""),
            ]
            assert EnrollmentMirror.objects.filter(state="added").count() == 36
            assert_listed_at_the_provider()
        call_command("demo", reset=True)
        with platform_scope("test"):
            assert_listed_at_the_provider()
            assert Organization.objects.filter(slug="demo").count() == 1
            assert Enrollment.objects.count() == 106


def assert_listed_at_the_provider() -> None:
    """What the demo tells of Erik's seat is what the provider lists of it: the ledger has no difference."""
    sender = SenderAccount.objects.select_related("connection").get(
        name="Erik Sand", channel="linkedin", connection__provider="unipile"
    )
    with organization_scope(sender.organization_id):
        knowledge = StoredKnowledge(sender.connection_id)
        source = source_of(adapter_of(sender.connection), sender, knowledge, now())
        page = source.page(since=now() - timedelta(days=4), before=None, cursor=None)
        listed = {
            event.dedupe_key
            for told in page.items
            for event in told.events
            if event.kind == "message_received"
        }
        rows = ProviderEvent.objects.filter(sender_id=sender.id, kind="message_received")
        stored = set(rows.values_list("dedupe_key", flat=True))
    assert len(stored) > 8
    assert listed == stored


def test_half_a_demo_is_taken_back(settings: Any) -> None:
    settings.UNIPILE_BASE_URL = "http://127.0.0.1:9/unipile"
    with pytest.raises(ProviderError):
        seeding.seed()
    with platform_scope("test"):
        assert not Organization.objects.exists()
        assert not any(model.objects.exists() for model in tenant_models())
