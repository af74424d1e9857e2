"""Pushing a campaign: what is refused before anything is pushed, dying workers, and what holds a campaign up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from campaigns.models import CampaignMirror, EnrollmentMirror
from campaigns.services import campaigns as service
from campaigns.services import enrollments, suppression
from campaigns.services.provider_runs import job
from integrations.base import KeepsLeads
from integrations.errors import ErrorKind, ProviderError
from integrations.providers.smartlead.adapter import SmartleadAdapter
from integrations.services import connections, switches
from project.tenancy.services import entitlements
from project.tenancy.services.entitlements import CapabilityNotEnabled
from tests.integrations.world import Killed
from tests.provider_runs.conftest import MAILS, NETWORK, Run, write

pytestmark = pytest.mark.django_db(transaction=True)


def writes(run: Run) -> list[str]:
    """What was changed at the provider. Its inbox is read by POST."""
    changes = [call for call in run.sandbox.calls() if call["method"] not in {"GET", "HEAD"}]
    return [call["path"] for call in changes if not call["path"].endswith("/inbox-replies")]


def test_what_cannot_be_expressed_names_step_and_field_and_nothing_is_pushed(run: Run) -> None:
    cases: list[tuple[list[dict[str, Any]], str]] = [
        (NETWORK[:1], "Step 1 (invite_1), action: Smartlead cannot send an invitation."),
        ([MAILS[0], {**MAILS[1], "workingDays": True}], "Step 2 (email_2), workingDays: "),
        ([{**MAILS[0], "body": "{Hi|Hello} there"}], "Step 1 (email_1), body: Choices"),
        (
            [{**MAILS[0], "body": "Hi {{ lead.first_name | upcase }}"}],
            "Step 1 (email_1), body: {{ lead.first",
        ),
        ([{**MAILS[0], "subject": "From {{ sender.first_name }}"}], "Step 1 (email_1), subject: {{ sender"),
    ]
    with run.scope():
        before = writes(run)
        for steps, told in cases:
            run.campaign = write(run, steps)
            with pytest.raises(service.CampaignRefused) as caught:
                run.launch()
            assert any(problem.startswith(told) for problem in caught.value.problems), caught.value.problems
        run.work()
        assert writes(run) == before
        assert run.mirror.provider_campaign_id == ""


@pytest.mark.parametrize("run", ["heyreach"], indirect=True)
def test_a_text_without_defaults_is_refused_where_the_provider_needs_a_fallback(run: Run) -> None:
    with run.scope():
        run.campaign = write(run, [{"kind": "invite", "note": "Hi {{ lead.first_name }}"}])
        with pytest.raises(service.CampaignRefused, match=r"Step 1 \(invite_1\), fallback"):
            run.launch()


def test_a_client_without_the_entitlement_gets_none(run: Run) -> None:
    with run.scope():
        with pytest.raises(CapabilityNotEnabled):
            service.create(client=run.agency.second, name="X", actor=run.agency.manager, run_on="email")
        with pytest.raises(Exception, match="whose campaigns run here"):
            service.create(client=run.agency.second, name="X", actor=run.agency.manager, run_on="linkedin")


CRASHES: dict[str, Callable[[pytest.MonkeyPatch, Callable[..., Any]], None]] = {
    name: lambda patch, die, name=name: patch.setattr(SmartleadAdapter, name, die)  # type: ignore[misc]
    for name in (
        "create_campaign", "set_campaign_accounts", "change_schedule", "change_settings", "save_sequence",
        "create_webhook", "add_leads", "start_campaign",
    )
}  # fmt: skip


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_killed_worker_is_taken_up_and_nobody_is_added_twice(
    run: Run, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    """A worker dies at each call in turn, before or after the provider did it; the next one goes on."""
    with run.scope():
        run.launch()
        run.hints.lose()
        for name in CRASHES:
            with monkeypatch.context() as patch:
                patch.setattr(SmartleadAdapter, name, _dying(getattr(SmartleadAdapter, name), after=after))
                with pytest.raises(Killed):
                    job.bring_in_line(run.campaign.id)
            # The lease is over, and what was asked for is in the provider's lists by now.
            CampaignMirror.objects.update(
                claimed_until="2020-01-01T00:00:00Z", asked_at="2020-01-01T00:00:00Z"
            )
        assert job.bring_in_line(run.campaign.id) == "done"
        assert {row.state for row in EnrollmentMirror.objects.all()} == {"added"}
        [there] = run.sandbox.state()["smartlead"]["campaigns"]
        assert (there["status"], len(there["members"])) == ("running", 3)
        assert len(run.sandbox.call("GET", "/calls")) > 0
        hooks = run.sandbox.state()["smartlead"]["webhooks"]
        assert hooks == 1


def _dying(real: Callable[..., Any], *, after: bool) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        if after:
            real(*args, **kwargs)
        raise Killed

    return call


def test_an_outrun_worker_writes_nothing_more(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with run.scope():
        run.launch()
        run.hints.lose()
        real = SmartleadAdapter.add_leads

        def slow(self: SmartleadAdapter, *args: Any) -> Any:
            monkeypatch.setattr(SmartleadAdapter, "add_leads", real)
            CampaignMirror.objects.update(claimed_until="2020-01-01T00:00:00Z")
            assert job.bring_in_line(run.campaign.id) == "done"
            return real(self, *args)

        monkeypatch.setattr(SmartleadAdapter, "add_leads", slow)
        assert job.bring_in_line(run.campaign.id) == "outrun"
        assert len(run.at_provider()["members"]) == 3
        assert run.mirror.job == "idle"


def test_a_refusal_waits_for_a_person_and_a_failure_is_tried_again(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    problems = [
        ProviderError(ErrorKind.UNAVAILABLE, "Smartlead is down.", provider="smartlead"),
        ProviderError(ErrorKind.VALIDATION, "The name is taken.", provider="smartlead"),
    ]
    real = SmartleadAdapter.create_campaign

    def refuse(self: SmartleadAdapter, **kwargs: Any) -> Any:
        if problems:
            CampaignMirror.objects.update(asked_at=None)
            raise problems.pop(0)
        return real(self, **kwargs)

    monkeypatch.setattr(SmartleadAdapter, "create_campaign", refuse)
    with run.scope():
        run.launch()
        run.work()
        assert (run.mirror.job, run.mirror.error) == ("due", "Smartlead is down.")
        CampaignMirror.objects.update(not_before="2020-01-01T00:00:00Z")
        run.sweep()
        assert (run.mirror.job, run.mirror.error) == ("blocked", "The name is taken.")
        CampaignMirror.objects.update(asked_at=None)
        service.push_again(campaign=run.campaign, actor=run.agency.manager)
        run.work()
        assert (run.mirror.job, run.mirror.error) == ("idle", "")
        assert run.at_provider()["status"] == "running"


def test_who_must_not_be_written_to_is_never_handed_over_and_later_stopped(run: Run) -> None:
    with run.scope():
        suppression.suppress_lead(lead=run.lead("lee-park"), channel="email", source="person", reason="")
        run.add_lead("ada-lake", company="")
        run.launch(accept_unfilled=True)
        run.work()
        assert len(run.at_provider()["members"]) == 2
        left_out = run.row("lee-park")
        assert (left_out.state, left_out.reason) == (
            "withheld", "Lee Park is on the do-not-contact list (added by a person).",
        )  # fmt: skip
        assert run.enrollment("lee-park").status == "ended"
        # A variable without a value: never handed over either.
        assert run.row("ada-lake").state == "withheld"
        assert "company.name" in run.row("ada-lake").reason
        # Stopped by a person, and unsubscribed at another place: the provider hears of both.
        enrollments.stop(
            enrollment_id=run.enrollment("mia-park").id, reason="Met in person", actor=run.agency.manager
        )
        run.work()
        assert run.row("mia-park").state == "stopped"
        by_lead = {row["lead_id"]: row["status"] for row in run.at_provider()["members"]}
        assert sorted(by_lead.values()) == ["pending", "stopped"]


def test_switches_entitlements_and_days_off_pause_it_at_the_provider(run: Run) -> None:
    with run.scope():
        run.launch()
        run.work()
        assert run.at_provider()["status"] == "running"
        target: dict[str, Any] = {"level": "client", "target_id": run.agency.first.id, "actor": None}
        switches.switch(on=True, reason="Audit", **target)
        run.sweep()
        assert run.at_provider()["status"] == "paused"
        assert "Audit" in run.mirror.held_reason
        switches.switch(on=False, **target)
        run.sweep()
        assert (run.at_provider()["status"], run.mirror.held_reason) == ("running", "")
        entitlements.grant(
            capability="email_outreach", provider="sendgrid", client_id=run.agency.first.id, actor=None
        )
        run.sweep()
        assert run.at_provider()["status"] == "paused"
        assert "Smartlead is not enabled" in run.mirror.held_reason


def test_who_comes_later_is_added_and_duplicates_are_not(run: Run) -> None:
    with run.scope():
        run.launch()
        run.work()
        run.add_lead("zoe-lake")
        enrollments.enroll_audience(campaign_id=run.campaign.id)
        enrollments.enroll_audience(campaign_id=run.campaign.id)
        run.work()
        assert len(run.at_provider()["members"]) == 4
        added = [call for call in run.calls("/campaigns/*/leads") if call["method"] == "POST"]
        assert len(added) == 2


@pytest.mark.parametrize("run", ["heyreach"], indirect=True)
def test_a_provider_without_a_list_of_people_leaves_a_note(run: Run) -> None:
    with run.scope():
        assert connections.mode_of(run.connection) == "webhook_only"
        run.launch()
        run.work()
        run.sandbox.add_fault(
            "status", provider="heyreach", path="/campaign/GetLeadsFromCampaign", status=404
        )
        assert run.read() == "read"
        assert "does not give out the people" in run.mirror.lead_sync_note
        assert run.mirror.last_lead_sync_error == ""
        changed = connections.set_mode(
            connection=run.connection, mode="pull_best_effort", actor=run.agency.admin
        )
        assert connections.mode_of(changed) == "pull_best_effort"


def test_batches_are_the_providers(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    real = SmartleadAdapter.add_leads

    def counted(self: KeepsLeads, campaign_id: str, leads: Any) -> Any:
        sizes.append(len(leads))
        return real(self, campaign_id, leads)  # type: ignore[arg-type]

    monkeypatch.setattr(SmartleadAdapter, "lead_batch", 2)
    monkeypatch.setattr(SmartleadAdapter, "add_leads", counted)
    with run.scope():
        run.launch()
        run.work()
        assert sizes == [2, 1]
