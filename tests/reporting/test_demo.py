"""The demo against the real sandbox: made whole, removed whole."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management import call_command

from campaigns.models import CampaignMirror, Enrollment, EnrollmentMirror
from inbox.models import Conversation
from integrations.errors import ProviderError
from integrations.models import SenderAccount
from integrations.sandbox.testing import running_sandbox
from project.core.isolation import tenant_models
from project.core.scoping import platform_scope
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
        call_command("demo", reset=True)
        with platform_scope("test"):
            assert Organization.objects.filter(slug="demo").count() == 1
            assert Enrollment.objects.count() == 106


def test_half_a_demo_is_taken_back(settings: Any) -> None:
    settings.UNIPILE_BASE_URL = "http://127.0.0.1:9/unipile"
    with pytest.raises(ProviderError):
        seeding.seed()
    with platform_scope("test"):
        assert not Organization.objects.exists()
        assert not any(model.objects.exists() for model in tenant_models())
