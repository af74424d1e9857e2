"""Replies that the provider lays to no campaign: they land with the person all the same, and end the campaign there."""

from __future__ import annotations

import pytest

from integrations.base import RunsCampaigns, require
from integrations.providers.smartlead.adapter import SmartleadAdapter
from integrations.services import connections, hygiene, hygiene_findings
from integrations.services.adapters import adapter_of
from tests.provider_runs.conftest import Run

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("run", ["smartlead", "emailbison"], indirect=True)
def test_a_reply_past_the_campaign_lands_once_and_stops_the_campaign_at_the_provider(run: Run) -> None:
    with run.scope():
        run.launch()
        run.work()
        # Of Smartlead another campaign's webhook tells the same reply.
        require(adapter_of(run.connection), RunsCampaigns).create_campaign(name="Another")
        connections.ensure_webhooks(connection=run.connection)
        run.days(0.5)
        text = "About your mail: yes."
        run.sandbox.act(run.handle("lee-park"), "write_untracked", provider=run.provider, text=text)
        run.work()
        told = [call for call in run.sandbox.deliveries() if "UNTRACKED" in call["event"]]
        assert len(told) == (2 if run.provider == "smartlead" else 1)
        assert [message.body for message in run.thread("lee-park")].count(text) == 1
        assert (run.enrollment("lee-park").status, run.enrollment("lee-park").stage) == ("ended", "replied")
        # The provider does not know that this was an answer, and would go on.
        assert run.row("lee-park").state == "stopped"
        assert sorted(row["status"] for row in run.at_provider()["members"]) == [
            "in_progress", "in_progress", "stopped",
        ]  # fmt: skip


def test_hygiene_names_the_event_that_a_registration_lacks_and_mends_it(run: Run) -> None:
    with run.scope():
        adapter = adapter_of(run.connection)
        assert isinstance(adapter, SmartleadAdapter)
        adapter.create_campaign(name="Registered by an older version")
        connections.ensure_webhooks(connection=run.connection)
        [old] = adapter.list_webhooks()
        adapter.delete_webhook(old.registration_id)
        adapter.create_webhook(old.model_copy(update={"events": old.events - {"UNTRACKED_REPLIES"}}))
        hygiene.check(connection=run.connection.refreshed())
        run.work()
        found = hygiene_findings.known(run.connection.refreshed())
        assert [problem.endswith("lacks events: UNTRACKED_REPLIES.") for problem in found.problems] == [True]
        hygiene.mend(connection=run.connection.refreshed(), actor=run.agency.admin)
        run.work()
        assert hygiene_findings.known(run.connection.refreshed()).is_right
        [mended] = adapter.list_webhooks()
        assert "UNTRACKED_REPLIES" in mended.events
