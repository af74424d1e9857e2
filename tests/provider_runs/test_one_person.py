"""What is decided here about one person reaches the provider that runs the campaign: held, let go, stopped."""

from __future__ import annotations

import re
from typing import Any

import pytest

from campaigns.models import CampaignMirror, EnrollmentMirror, Suppression
from campaigns.services import enrollments, suppression
from campaigns.services.provider_runs import job
from integrations.errors import ErrorKind, ProviderError
from integrations.providers.smartlead.adapter import SmartleadAdapter
from project.core.refusals import Refused
from tests.provider_runs.conftest import Run

pytestmark = pytest.mark.django_db(transaction=True)

EVERY = pytest.mark.parametrize("run", ["smartlead", "emailbison", "heyreach"], indirect=True)


def running(run: Run) -> None:
    run.launch()
    run.work()
    if run.provider != "heyreach":
        run.days(0.5)


def pause(run: Run, slug: str) -> None:
    enrollments.pause(enrollment_id=run.enrollment(slug).id, actor=run.agency.manager)
    run.work()


def resume(run: Run, slug: str) -> None:
    enrollments.resume(enrollment_id=run.enrollment(slug).id, actor=run.agency.manager)
    run.work()


def sent_to(run: Run, slug: str) -> int:
    return sum(message.direction == "outbound" for message in run.thread(slug))


def test_a_paused_person_gets_nothing_from_the_provider_until_they_are_resumed(run: Run) -> None:
    with run.scope():
        running(run)
        pause(run, "lee-park")
        assert (run.row("lee-park").state, run.row("lee-park").status) == ("held", "paused")
        run.days(5)
        # The others had both mails.
        assert (sent_to(run, "lee-park"), sent_to(run, "mia-park")) == (1, 2)
        run.read()
        assert run.enrollment("lee-park").status == "paused"
        resume(run, "lee-park")
        assert (run.row("lee-park").state, run.mirror.error) == ("added", "")
        run.days(5)
        assert sent_to(run, "lee-park") == 2


def test_who_is_paused_before_they_were_handed_over_waits_here(run: Run) -> None:
    with run.scope():
        run.launch()
        pause(run, "lee-park")
        assert run.row("lee-park").state == "waiting"
        assert len(run.at_provider()["members"]) == 2
        resume(run, "lee-park")
        assert run.row("lee-park").state == "added"
        assert len(run.at_provider()["members"]) == 3
        # Held, and then stopped: the provider is told of both.
        pause(run, "lee-park")
        enrollments.stop(
            enrollment_id=run.enrollment("lee-park").id, reason="Met in person", actor=run.agency.manager
        )
        run.work()
        assert run.row("lee-park").state == "stopped"


def test_an_unclear_answer_about_a_pause_is_looked_up_and_not_repeated(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    real = SmartleadAdapter.pause_lead

    def lost(self: SmartleadAdapter, campaign_id: str, lead: Any) -> None:
        asked.append(lead.lead_id)
        real(self, campaign_id, lead)
        raise ProviderError(ErrorKind.INDETERMINATE, "The answer got lost.", provider="smartlead")

    monkeypatch.setattr(SmartleadAdapter, "pause_lead", lost)
    with run.scope():
        running(run)
        pause(run, "lee-park")
        assert (run.row("lee-park").state, run.row("lee-park").reason) == ("added", "The answer got lost.")
        assert (run.mirror.job, run.mirror.step) == ("due", "holds")
        EnrollmentMirror.objects.update(not_before="2020-01-01T00:00:00Z")
        CampaignMirror.objects.update(not_before="2020-01-01T00:00:00Z")
        assert job.bring_in_line(run.campaign.id) == "done"
        assert (run.row("lee-park").state, run.row("lee-park").reason) == ("held", "")
        assert len(asked) == 1


@pytest.mark.parametrize("run", ["emailbison", "heyreach"], indirect=True)
def test_a_provider_that_cannot_hold_one_person_is_named_and_what_can_be_done(run: Run) -> None:
    label = {"emailbison": "EmailBison", "heyreach": "HeyReach"}[run.provider]
    told = f"{label} runs this campaign and cannot hold one person. Stop them, or pause the whole campaign."
    with run.scope():
        running(run)
        with pytest.raises(Refused, match=re.escape(told)):
            enrollments.pause(enrollment_id=run.enrollment("lee-park").id, actor=run.agency.manager)
        assert run.enrollment("lee-park").status == "active"


@EVERY
def test_who_is_put_on_the_do_not_contact_list_is_stopped_at_the_provider_at_once(run: Run) -> None:
    channel = "linkedin" if run.provider == "heyreach" else "email"
    with run.scope():
        running(run)
        suppression.suppress_lead(
            lead=run.lead("lee-park"), channel=channel, source="person", reason="Asked by phone."
        )
        run.work()
        assert (run.row("lee-park").state, run.enrollment("lee-park").status) == ("stopped", "ended")
        assert run.enrollment("lee-park").reason == (
            "Lee Park is on the do-not-contact list (added by a person). Asked by phone."
        )
        standing = [row["status"] for row in run.at_provider()["members"]]
        assert standing.count("stopped") == 1
        assert not Suppression.objects.filter(is_carried=False).exists()


def test_a_domain_stops_everybody_there_even_if_the_message_is_lost_and_a_part_cannot_be_pushed(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any) -> None:
        raise ProviderError(ErrorKind.VALIDATION, "These hours are refused.", provider="smartlead")

    with run.scope():
        running(run)
        monkeypatch.setattr(SmartleadAdapter, "change_schedule", refuse)
        CampaignMirror.objects.update(schedule_digest="")
        suppression.add(
            client_id=None, channel="email", value="acme.example", is_domain=True, reason="", expires_at=None,
            actor=run.agency.manager,
        )  # fmt: skip
        run.hints.lose()
        assert Suppression.objects.filter(is_carried=False).count() == 1
        Suppression.objects.update(updated_at="2020-01-01T00:00:00Z")
        run.sweep()
        assert {row.state for row in EnrollmentMirror.objects.all()} == {"stopped"}
        assert {row["status"] for row in run.at_provider()["members"]} == {"stopped"}
        assert (run.mirror.job, run.mirror.error) == ("blocked", "These hours are refused.")


def test_a_bounce_stops_only_whom_it_concerns(run: Run) -> None:
    with run.scope():
        running(run)
        for value, expires_at in (
            ("lee.park@acme.example", None),
            ("mia.park@acme.example", "2099-01-01T00:00:00Z"),
        ):
            suppression.suppress(
                client_id=run.campaign.client_id, channel="email", value=value, source="bounce",
                expires_at=expires_at,
            )  # fmt: skip
        run.work()
        # A soft bounce is tried again by the provider itself.
        assert [run.row(slug).state for slug in ("lee-park", "mia-park", "noa-park")] == [
            "stopped", "added", "added",
        ]  # fmt: skip
