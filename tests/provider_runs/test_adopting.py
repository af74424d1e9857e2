"""People whom somebody put into a campaign at its provider, past us: taken in where they are leads here."""

from __future__ import annotations

import pytest

from campaigns.models import Enrollment, EnrollmentMirror
from campaigns.selectors_provider import run_of
from campaigns.services import suppression
from integrations.base import KeepsLeads, RunsCampaigns, require
from integrations.models import ReconciliationReport
from integrations.running import NewLead
from integrations.services import reconciliation
from integrations.services.adapters import adapter_of
from tests.provider_runs.conftest import Run

pytestmark = pytest.mark.django_db(transaction=True)


def new_lead(run: Run, slug: str) -> NewLead:
    first, last = (part.capitalize() for part in slug.split("-"))
    if run.provider == "heyreach":
        return NewLead(profile_url=f"https://www.linkedin.com/in/{slug}", first_name=first, last_name=last)
    return NewLead(email=run.handle(slug), first_name=first, last_name=last)


def put_there(run: Run, *slugs: str) -> None:
    keeper = require(adapter_of(run.connection), KeepsLeads)
    keeper.add_leads(run.mirror.provider_campaign_id, [new_lead(run, slug) for slug in slugs])


def reconcile(run: Run, mode: str) -> ReconciliationReport:
    made = reconciliation.request(
        connection=run.connection, mode=mode, trigger="test", parts=["campaigns", "leads"]
    )
    assert made is not None
    run.work()
    return made.refreshed()


@pytest.mark.parametrize("run", ["smartlead", "emailbison", "heyreach"], indirect=True)
def test_who_is_a_lead_here_is_taken_in_and_nobody_else_is_made_up(run: Run) -> None:
    with run.scope():
        run.launch()
        run.work()
        if run.provider != "heyreach":
            require(adapter_of(run.connection), RunsCampaigns).create_campaign(name="Made there")
        # Two who are leads of the client and outside the audience, one of whom must not be contacted; and a stranger.
        run.add_lead("zoe-lake")
        run.add_lead("ada-lake")
        channel = "linkedin" if run.provider == "heyreach" else "email"
        suppression.suppress_lead(lead=run.lead("ada-lake"), channel=channel, source="person", reason="")
        run.work()
        put_there(run, "zoe-lake", "ada-lake", "pia-moon")
        dry = reconcile(run, "dry_run")
        told = {name: number for name, number in dry.counts["leads"].items() if number}
        assert (told["created"], told["not_ours"]) == (2, 1)
        assert "pia" in dry.samples["leads"]["not_ours"][0].lower()
        assert "is no lead of Halden here" in dry.samples["leads"]["not_ours"][0]
        if run.provider != "heyreach":
            assert dry.counts["campaigns"]["not_ours"] == 1
            assert "“Made there” was made at" in dry.samples["campaigns"]["not_ours"][0]
        assert Enrollment.objects.count() == 3

        applied = reconcile(run, "apply")
        assert applied.counts["leads"]["created"] == 2
        assert (run.row("zoe-lake").state, run.enrollment("zoe-lake").status) == ("added", "active")
        assert run.row("ada-lake").state == "stopped"
        assert EnrollmentMirror.objects.count() == 5
        # Once more: they are ours by now.
        again = reconcile(run, "apply")
        assert (again.counts["leads"]["created"], again.counts["leads"]["not_ours"]) == (0, 1)
        # The page says what the stranger holds up.
        run.read()
        shown = run_of(run.campaign)
        assert shown is not None
        assert any(note.startswith("1 person was put into this campaign at") for note in shown["notes"])
