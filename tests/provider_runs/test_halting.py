"""What ends something reaches the provider: pauses after an unclear start, past what blocks the job, and that took."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from campaigns import selectors_provider
from campaigns.models import CampaignMirror, EnrollmentMirror
from campaigns.services import campaigns as service
from campaigns.services import enrollments, suppression
from campaigns.services.provider_runs import job
from integrations.errors import ErrorKind, ProviderError
from integrations.providers.emailbison.adapter import EmailBisonAdapter
from integrations.providers.smartlead.adapter import SmartleadAdapter
from integrations.services import switches
from integrations.services.adapters import adapter_of
from project.core.clock import now
from project.core.http import HttpClient
from tests.provider_runs.conftest import Run

pytestmark = pytest.mark.django_db(transaction=True)

EVERY = pytest.mark.parametrize("run", ["smartlead", "emailbison", "heyreach"], indirect=True)
STARTS = {"smartlead": "*/status", "emailbison": "*/resume", "heyreach": "*/StartCampaign"}
LONG_AGO = "2020-01-01T00:00:00Z"


def due(run: Run) -> str:
    """Do the job, as if its pause were over."""
    CampaignMirror.objects.update(not_before=LONG_AGO, claimed_until=None)
    EnrollmentMirror.objects.update(not_before=LONG_AGO)
    return job.bring_in_line(run.campaign.id)


def stop(run: Run, slug: str) -> None:
    enrollments.stop(enrollment_id=run.enrollment(slug).id, reason="Met in person", actor=run.agency.manager)


def problems(run: Run) -> dict[str, str]:
    shown = selectors_provider.run_of(run.campaign.refreshed())
    assert shown is not None
    return {problem["code"]: problem["message"] for problem in shown["problems"]}


def standing(run: Run) -> list[str]:
    return sorted(row["status"] for row in run.at_provider()["members"])


@EVERY
def test_a_pause_follows_a_start_whose_answer_got_lost(run: Run) -> None:
    with run.scope():
        run.sandbox.add_fault(
            "status", provider=run.provider, path=STARTS[run.provider], status=503, perform=True, times=4
        )
        run.launch()
        run.hints.lose()
        assert job.bring_in_line(run.campaign.id) == "later"
        assert run.at_provider()["status"] == "running"
        run.sandbox.clear_faults()
        run.campaign = service.pause(campaign=run.campaign.refreshed(), actor=run.agency.manager)
        assert due(run) == "done"
        assert run.at_provider()["status"] == "paused"
        assert run.mirror.asked_status == "paused"


@EVERY
def test_a_pause_after_a_start_that_never_took_place_is_no_error(run: Run) -> None:
    with run.scope():
        run.sandbox.add_fault("status", provider=run.provider, path=STARTS[run.provider], status=503)
        run.launch()
        run.hints.lose()
        assert job.bring_in_line(run.campaign.id) == "later"
        run.sandbox.clear_faults()
        run.campaign = service.pause(campaign=run.campaign.refreshed(), actor=run.agency.manager)
        assert due(run) == "done"
        assert run.at_provider()["status"] != "running"


def test_a_kill_switch_reaches_a_campaign_whose_job_is_blocked(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any) -> None:
        raise ProviderError(ErrorKind.VALIDATION, "These hours are refused.", provider="smartlead")

    with run.scope():
        run.launch()
        run.work()
        monkeypatch.setattr(SmartleadAdapter, "change_schedule", refuse)
        CampaignMirror.objects.update(schedule_digest="")
        service.push_again(campaign=run.campaign, actor=run.agency.manager)
        run.work()
        assert (run.mirror.job, run.at_provider()["status"]) == ("blocked", "running")
        target: dict[str, Any] = {"level": "client", "target_id": run.agency.first.id, "actor": None}
        switches.switch(on=True, reason="Audit", **target)
        run.sweep()
        assert run.at_provider()["status"] == "paused"
        assert (run.mirror.job, run.mirror.error) == ("blocked", "These hours are refused.")
        assert "Audit" in run.mirror.held_reason
        # The sweeper asks once, not every ten seconds.
        claims = run.mirror.claims
        run.sweep()
        assert run.mirror.claims == claims


def test_a_pause_that_comes_while_a_part_is_being_refused_is_carried_out(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any) -> None:
        service.pause(campaign=run.campaign.refreshed(), actor=run.agency.manager)
        raise ProviderError(ErrorKind.VALIDATION, "These hours are refused.", provider="smartlead")

    with run.scope():
        run.launch()
        run.work()
        monkeypatch.setattr(SmartleadAdapter, "change_schedule", refuse)
        CampaignMirror.objects.update(schedule_digest="", job="due")
        assert job.bring_in_line(run.campaign.id) == "later"
        monkeypatch.undo()
        assert due(run) == "done"
        assert run.at_provider()["status"] == "paused"


def test_a_pause_that_did_not_take_is_asked_for_again_and_people_are_stopped_all_the_same(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with run.scope():
        run.launch()
        run.work()
        run.days(0.5)
        with monkeypatch.context() as deaf:
            deaf.setattr(SmartleadAdapter, "pause_campaign", SmartleadAdapter.get_campaign)
            stop(run, "lee-park")
            run.campaign = service.pause(campaign=run.campaign, actor=run.agency.manager)
            run.hints.lose()
            assert job.bring_in_line(run.campaign.id) == "later"
        assert "told to pause the campaign and shows it as running still" in problems(run)["unavailable"]
        assert standing(run).count("stopped") == 1
        assert due(run) == "done"
        assert (run.at_provider()["status"], problems(run)) == ("paused", {})


@pytest.mark.parametrize(
    ("run", "adapter"),
    [("smartlead", SmartleadAdapter), ("emailbison", EmailBisonAdapter)],
    indirect=["run"],
)
@pytest.mark.parametrize("begins_late", [False, True])
def test_a_start_that_did_not_take_is_asked_for_again_unless_it_runs_by_then(
    run: Run, adapter: Any, begins_late: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []
    real = adapter.start_campaign

    def start(self: Any, campaign_id: str) -> Any:
        started.append(campaign_id)
        return real(self, campaign_id)

    with run.scope():
        with monkeypatch.context() as deaf:
            deaf.setattr(adapter, "start_campaign", adapter.get_campaign)
            run.launch()
            run.hints.lose()
            assert job.bring_in_line(run.campaign.id) == "later"
        assert run.mirror.asked_status == "starting"
        assert "told to start the campaign and does not show it as running" in problems(run)["unavailable"]
        if begins_late:
            real(adapter_of(run.mirror.connection), run.mirror.provider_campaign_id)
        monkeypatch.setattr(adapter, "start_campaign", start)
        assert due(run) == "done"
        assert (run.at_provider()["status"], run.mirror.asked_status) == ("running", "running")
        assert len(started) == (0 if begins_late else 1)


def test_a_refusal_in_words_with_status_200_is_no_success(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with run.scope():
        run.launch()
        run.work()
        body = "Campaign cannot be paused while it is being processed"
        monkeypatch.setattr(HttpClient, "request", lambda *_, **__: httpx.Response(200, text=body))
        run.campaign = service.pause(campaign=run.campaign, actor=run.agency.manager)
        run.work()
        assert run.mirror.asked_status == "running"
        assert "cannot be paused" in run.mirror.error


def test_what_somebody_starts_there_although_it_is_paused_here_is_said_and_can_be_paused(run: Run) -> None:
    with run.scope():
        run.launch()
        run.work()
        run.campaign = service.pause(campaign=run.campaign, actor=run.agency.manager)
        run.work()
        SmartleadAdapter(
            credentials={"api_key": "sandbox-key"},
            base_url=run.sandbox.url_of("smartlead"),
            trusted_base_url=run.sandbox.url_of("smartlead"),
        ).start_campaign(run.mirror.provider_campaign_id)
        run.read()
        assert "was started at Smartlead" in problems(run)["runs_there"]
        shown = selectors_provider.run_of(run.campaign)
        assert shown is not None
        assert shown["can_push"]
        service.push_again(campaign=run.campaign, actor=run.agency.manager)
        run.work()
        assert (run.at_provider()["status"], problems(run)) == ("paused", {})


# --- people -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("run", ["heyreach"], indirect=True)
def test_whom_a_provider_without_a_list_does_not_find_is_left_to_a_person_and_the_campaign_waits(
    run: Run,
) -> None:
    with run.scope():
        run.sandbox.add_fault(
            "status", provider="heyreach", path="/campaign/GetLeadsFromCampaign", status=404
        )
        run.launch()
        run.work()
        suppression.suppress_lead(lead=run.lead("lee-park"), channel="linkedin", source="person", reason="")
        run.work()
        assert run.row("lee-park").state == "stopping"
        assert (run.mirror.job, run.at_provider()["status"]) == ("blocked", "paused")
        assert problems(run)["conflict"] == (
            "HeyReach, stopping people: Lee Park must not be written to any more and could not be stopped, so the"
            " campaign is paused there. HeyReach gives out no list of the campaign's people in which to find them."
            " Stop them at HeyReach by hand; “Try again now” then counts them as stopped."
        )
        # The next tries change nothing, until somebody says that they did it.
        EnrollmentMirror.objects.update(not_before=LONG_AGO)
        run.sweep()
        assert (run.row("lee-park").state, run.mirror.job) == ("stopping", "blocked")
        service.push_again(campaign=run.campaign, actor=run.agency.manager)
        run.work()
        assert (run.row("lee-park").state, run.mirror.job) == ("stopped", "idle")
        assert run.at_provider()["status"] == "running"


def test_a_route_that_there_is_not_ends_nobody_and_who_goes_on_is_stopped_again(run: Run) -> None:
    with run.scope():
        run.launch()
        run.work()
        run.sandbox.add_fault("status", provider="smartlead", path="*/unsubscribe", status=404)
        stop(run, "lee-park")
        run.work()
        assert (run.row("lee-park").state, run.row("lee-park").attempts) == ("stopping", 1)
        assert (run.mirror.job, run.at_provider()["status"]) == ("idle", "running")
        for _ in range(6):
            EnrollmentMirror.objects.update(not_before=LONG_AGO, added_at=now() - timedelta(days=1))
            run.sweep()
        assert (run.mirror.job, run.at_provider()["status"]) == ("blocked", "paused")
        # Said to be stopped, and not so: the next reading shows it.
        service.push_again(campaign=run.campaign, actor=run.agency.manager)
        run.work()
        assert run.row("lee-park").state == "stopped"
        run.sandbox.clear_faults()
        run.read()
        assert run.row("lee-park").state == "stopping"
        run.work()
        assert (run.row("lee-park").state, standing(run).count("stopped")) == ("stopped", 1)


@pytest.mark.parametrize("run", ["emailbison"], indirect=True)
def test_who_is_still_on_their_way_into_the_campaign_is_stopped_once_they_are_there(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with run.scope():
        run.launch()
        run.work()
        run.sandbox.settings(attach_delay_minutes=5)
        run.add_lead("zoe-lake")
        enrollments.enroll_audience(campaign_id=run.campaign.id)
        run.work()
        assert run.row("zoe-lake").state == "added"
        stop(run, "zoe-lake")
        run.work()
        assert (run.row("zoe-lake").state, standing(run)) == ("stopping", ["pending"] * 3)
        run.days(0.01)
        EnrollmentMirror.objects.update(not_before=LONG_AGO)
        run.sweep()
        assert (run.row("zoe-lake").state, standing(run).count("stopped")) == ("stopped", 1)


@EVERY
def test_who_ended_here_before_they_were_taken_there_keeps_nobody_waiting(run: Run) -> None:
    """A worker was killed between the mark and the call, and the person ended: they have no id and never will."""
    with run.scope():
        run.launch()
        run.work()
        run.add_lead("zoe-lake")
        enrollments.enroll_audience(campaign_id=run.campaign.id)
        EnrollmentMirror.objects.filter(id=run.row("zoe-lake").id).update(state="handing")
        stop(run, "zoe-lake")
        stop(run, "lee-park")
        run.work()
        assert [run.row(slug).state for slug in ("zoe-lake", "lee-park")] == ["stopping", "stopped"]
        assert (run.mirror.job, run.mirror.error) == ("idle", "")
        type(run.enrollment("zoe-lake")).objects.filter(id=run.enrollment("zoe-lake").id).update(
            ended_at=now() - timedelta(minutes=11)
        )
        EnrollmentMirror.objects.update(not_before=LONG_AGO)
        run.sweep()
        assert run.row("zoe-lake").state == "stopped"
        assert (run.mirror.job, run.at_provider()["status"]) == ("idle", "running")
