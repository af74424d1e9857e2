"""Webhooks that are registered with each campaign by itself: mended in turns, never inside one click."""

from __future__ import annotations

import pytest
from django.test import Client as Browser

from integrations.models import Connection
from integrations.providers.smartlead.adapter import SmartleadAdapter
from integrations.services import connections, hygiene, webhook_passes
from integrations.services.adapters import adapter_of
from integrations.tasks import check_due_webhooks
from project.core.scoping import no_scope
from project.tenancy.models import AuditEntry
from tests.provider_runs.conftest import Run

pytestmark = pytest.mark.django_db(transaction=True)


def with_campaigns(run: Run, number: int) -> SmartleadAdapter:
    adapter = adapter_of(run.connection)
    assert isinstance(adapter, SmartleadAdapter)
    for place in range(number):
        adapter.create_campaign(name=f"Made there {place}")
    Connection.objects.update(status=Connection.Status.OK)
    return adapter


def asked(run: Run) -> int:
    return len(run.sandbox.calls(path="/smartlead/*"))


def health(run: Run) -> dict[str, object]:
    browser = Browser()
    browser.force_login(run.agency.admin)
    answer = browser.get("/api/v1/analytics/webhook-health", headers={"X-Organization": run.agency.slug})
    return next(row for row in answer.json() if row["connection_id"] == str(run.connection.id))


def test_a_click_asks_nothing_and_the_page_shows_how_far_it_is(
    run: Run, client: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_passes, "AT_ONCE", 3)
    with run.scope():
        adapter = with_campaigns(run, 7)
        before = asked(run)
        client.force_login(run.agency.admin)
        url = run.agency.url(f"ops/webhooks/endpoints/{run.connection.id}/")
        told = client.post(url, {"mend": "1"}).content.decode()
        assert asked(run) == before
        assert "its campaigns are gone through one after the other" in told
        assert "Asking for its campaigns" in told
        assert webhook_passes.go_on(run.connection.id) == "again"
        page = client.get(run.agency.url("ops/webhooks/endpoints/")).content.decode()
        assert "Mending campaign by campaign" in page
        assert health(run)["under_way"] == {"mend": True, "done": 3, "total": 7}
        # A worker that died is found by the schedule; another click changes nothing.
        assert not webhook_passes.request(connection=run.connection.refreshed(), mend=True)
        run.hints.lose()
        Connection.objects.update(webhooks_pass_until="2020-01-01T00:00:00Z")
        with no_scope():
            assert check_due_webhooks.run() >= 1
        run.work()
        assert (health(run)["status"], health(run)["under_way"]) == ("ok", None)
        assert len(adapter.list_webhooks()) == 7
        assert len(AuditEntry.objects.get(action="connection.webhooks_mended").data["problems"]) == 7
        # All is right: a look costs one request for each campaign, and the list of them.
        before = asked(run)
        hygiene.check(connection=run.connection.refreshed())
        run.work()
        assert asked(run) - before <= 7 + 3


def test_a_new_campaign_costs_few_requests_however_many_there_are(run: Run) -> None:
    with run.scope():
        one = with_campaigns(run, 20).list_campaigns().items[0]
        before = asked(run)
        ids = connections.register_campaign(connection=run.connection, campaign_id=one.campaign_id)
        assert len(ids) == 1
        assert asked(run) - before <= 6


def test_a_provider_that_cannot_be_asked_is_waited_for_and_one_that_refuses_is_told(run: Run) -> None:
    with run.scope():
        with_campaigns(run, 2)
        run.sandbox.add_fault("status", provider="smartlead", path="*/webhooks", status=503)
        hygiene.mend(connection=run.connection, actor=run.agency.admin)
        assert webhook_passes.go_on(run.connection.id) == "later"
        # Not before its time.
        assert webhook_passes.go_on(run.connection.id) == ""
        run.sandbox.clear_faults()
        run.sandbox.add_fault("status", provider="smartlead", path="*/webhooks", status=403)
        Connection.objects.update(webhooks_pass_until="2020-01-01T00:00:00Z")
        assert webhook_passes.go_on(run.connection.id) == "failed"
        assert (health(run)["status"], health(run)["under_way"]) == ("wrong", None)
        assert health(run)["error"]


def test_ended_campaigns_keep_theirs_and_one_that_takes_none_keeps_nobody_from_theirs(run: Run) -> None:
    """People answer for weeks after a campaign has ended; of what is put away nothing comes."""
    with run.scope():
        adapter = with_campaigns(run, 3)
        first, ended, _last = sorted(adapter.list_campaigns().items, key=lambda one: int(one.campaign_id))[:3]
        adapter.stop_campaign(ended.campaign_id)
        run.sandbox.add_fault(
            "status", provider="smartlead", method="POST", path=f"*/{first.campaign_id}/webhooks", status=400
        )
        hygiene.mend(connection=run.connection, actor=run.agency.admin)
        run.work()
        assert ended.campaign_id in {one.source.partition(":")[2] for one in adapter.list_webhooks()}
        assert len(adapter.list_webhooks()) == 2
        [finding] = run.connection.refreshed().webhook_findings
        assert (finding["problem"], finding["source"]) == ("missing", f"campaign:{first.campaign_id}")
        # Which one and why is said, and a look that mends nothing does not forget it.
        why = f"It cannot be mended from here: {finding['refused']}"
        assert finding["refused"].startswith("Smartlead does not accept the request.")
        assert finding["message"].endswith(why)
        hygiene.check(connection=run.connection.refreshed())
        run.work()
        assert run.connection.refreshed().webhook_findings == [finding]
        run.sandbox.clear_faults()
        hygiene.mend(connection=run.connection.refreshed(), actor=run.agency.admin)
        run.work()
        assert run.connection.refreshed().webhook_findings == []
