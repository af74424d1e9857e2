"""Whom a provider did not take: counted at once, found by a whole reading of its list, and said on the page."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, get_args

import pytest

from campaigns import selectors_provider
from campaigns.api.schemas import ProviderLeadOut
from campaigns.models import CampaignMirror, EnrollmentMirror, Transition
from campaigns.services.provider_runs import job, mirroring
from integrations.providers.smartlead import adapter as smartlead
from integrations.values import Page
from project.core.clock import now
from tests.provider_runs.conftest import Run

pytestmark = pytest.mark.django_db(transaction=True)


def losing(slug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Smartlead take all but one, whom it counts as invalid and does not name."""
    real = smartlead.SmartleadAdapter.add_leads

    def add(self: smartlead.SmartleadAdapter, campaign_id: str, leads: Any) -> Any:
        kept = [lead for lead in leads if not lead.email.startswith(slug)]
        return real(self, campaign_id, kept).model_copy(update={"invalid": len(leads) - len(kept)})

    monkeypatch.setattr(smartlead.SmartleadAdapter, "add_leads", add)


def test_who_is_not_in_the_whole_list_was_not_taken_and_part_of_a_list_tells_nothing(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    losing("mia", monkeypatch)
    with run.scope():
        run.launch()
        run.work()
        told = "Smartlead did not take 1 person: 1 with an invalid address."
        shown: Any = selectors_provider.run_of(run.campaign)
        assert any(note.startswith(told) for note in shown["notes"])
        reads_at = run.mirror.next_sync_at
        assert reads_at is not None
        assert reads_at <= now() + timedelta(minutes=11)
        assert run.read() == "read"
        assert run.row("mia-park").state == "added", "the list may be minutes late"
        EnrollmentMirror.objects.update(added_at=now() - timedelta(hours=1))
        CampaignMirror.objects.update(last_lead_sync_at=None)
        # One person a page, one page a turn: two turns until the whole list was read.
        monkeypatch.setattr(smartlead, "_PAGE", 1)
        monkeypatch.setattr(mirroring, "MOST_PAGES", 1)
        assert run.read() == "partly"
        assert run.row("mia-park").state == "added"
        assert (run.mirror.last_lead_sync_at, run.mirror.lead_sync_cursor) == (None, "1")
        assert "goes on" in run.mirror.lead_sync_note
        assert run.read() == "read"
        assert run.mirror.last_lead_sync_at is not None
        assert (run.mirror.lead_sync_cursor, run.mirror.lead_sync_note) == ("", "")
        row, enrollment = run.row("mia-park"), run.enrollment("mia-park")
        assert (row.state, enrollment.status) == ("dropped", "ended")
        # What the API says of people has a word for it.
        assert {str(state) for state in EnrollmentMirror.State} == set(
            get_args(ProviderLeadOut.model_fields["state"].annotation)
        )
        newest = Transition.objects.filter(enrollment=enrollment).latest("occurred_at", "id")
        assert newest.reason.startswith("Smartlead did not take them")
        assert {run.row(slug).state for slug in ("lee-park", "noa-park")} == {"added"}
        shown = selectors_provider.run_of(run.campaign)
        assert ("Not taken by the provider", 1) in shown["people_rows"]
        assert not any(note.startswith(told) for note in shown["notes"])


def test_an_empty_list_or_one_with_strangers_leaves_nobody_out(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with run.scope():
        run.launch()
        run.work()
        EnrollmentMirror.objects.update(added_at=now() - timedelta(hours=1))
        real = smartlead.SmartleadAdapter.list_leads
        monkeypatch.setattr(smartlead.SmartleadAdapter, "list_leads", lambda *_, **__: Page(items=()))
        assert run.read() == "read"

        def estranged(self: smartlead.SmartleadAdapter, campaign_id: str, **values: Any) -> Any:
            first, *others = real(self, campaign_id, **values).items
            return Page(items=(first.model_copy(update={"email": "x@y.test", "lead_id": "0"}), *others))

        monkeypatch.setattr(smartlead.SmartleadAdapter, "list_leads", estranged)
        assert run.read() == "read"
        assert {row.state for row in EnrollmentMirror.objects.all()} == {"added"}


def test_no_second_campaign_is_made_where_the_list_ends_before_ours_is_found(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut = Page[Any](items=(), note="The rest is not given out.")
    monkeypatch.setattr(smartlead.SmartleadAdapter, "list_campaigns", lambda *_, **__: cut)
    with run.scope():
        run.launch()
        run.hints.lose()
        CampaignMirror.objects.update(asked_at="2020-01-01T00:00:00Z", provider_name="Founders (abc)")
        job.bring_in_line(run.campaign.id)
        assert run.mirror.job == "blocked"
        assert "too many campaigns" in run.mirror.error
        assert run.calls("/campaigns/create") == []
