"""The tick over provider-run campaigns: what it costs, and that it overlooks none."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from campaigns.models import Campaign, CampaignMirror, CampaignSender
from campaigns.services.provider_runs import sweeping
from integrations.models import Connection, SenderAccount
from integrations.services import connections
from project.core.clock import now
from project.core.scoping import no_scope, platform_scope
from project.tenancy.services import entitlements
from tests.factories import Agency
from tests.integrations.conftest import Hints
from tests.rows import Rows

pytestmark = pytest.mark.django_db


def running(rows: Rows, connection: Connection, number: int) -> tuple[CampaignMirror, SenderAccount]:
    """A campaign that runs at its provider, with a sender of its own."""
    campaign = rows.fresh(Campaign, kind="provider", status="active")
    sender = rows.fresh(
        SenderAccount, connection=connection, channel="email", provider_account_id=f"acc{number}", status="ok"
    )
    CampaignSender.objects.create(campaign=campaign, sender=sender)
    mirror = rows.fresh(
        CampaignMirror, campaign=campaign, connection=connection, provider_campaign_id=str(number),
        status="running", job="idle",
    )  # fmt: skip
    return mirror, sender


def sweep() -> int:
    """Sweep; return how many statements it took."""
    with no_scope(), platform_scope("test"), CaptureQueriesContext(database) as taken:
        sweeping.sweep()
    return len(taken)


def test_it_costs_the_same_for_one_campaign_and_for_many_and_overlooks_none(
    kestrel: Agency, hints: Hints, settings: Any
) -> None:
    with kestrel.scope():
        entitlements.grant(
            capability="email_outreach", provider="smartlead", client_id=kestrel.first.id, actor=None
        )
        connection = connections.create(
            provider="smartlead", name="S", credentials={"api_key": "sandbox-key"}
        )
        rows = Rows(kestrel, kestrel.first)
        running(rows, connection, 1)
        hints.lose()
        few = sweep()
        made = [running(rows, connection, number) for number in range(2, 9)]
        assert sweep() == few
        assert hints.names() == []
        mirror, sender = made[-1]
        SenderAccount.objects.filter(id=sender.id).update(paused_at=now())
        sweep()
        assert hints.names() == ["campaigns.bring_in_line"]
        assert set(CampaignMirror.objects.filter(job="due").values_list("id", flat=True)) == {mirror.id}
