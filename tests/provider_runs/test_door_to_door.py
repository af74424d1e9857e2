"""Provider-run campaigns from the first push to the last answer, against the sandbox, for every provider."""

from __future__ import annotations

import uuid

import pytest

from campaigns.models import Campaign, EnrollmentMirror, ReplyReading
from campaigns.services import campaigns as service
from inbox.services import replies
from integrations.models import OutboundMessage
from integrations.running import CampaignStatus
from reporting.models import Fact
from tests.provider_runs.conftest import Run

pytestmark = pytest.mark.django_db(transaction=True)

EVERY = pytest.mark.parametrize("run", ["smartlead", "emailbison", "heyreach"], indirect=True)


@EVERY
def test_pushed_started_answered_and_mirrored(run: Run) -> None:
    with run.scope():
        pushed_and_started(run)
        answered_here_and_there(run)
        operator_answers(run)
        mirrored_and_put_away(run)


def pushed_and_started(run: Run) -> None:
    run.launch()
    run.work()
    mirror = run.mirror
    assert (mirror.job, mirror.error) == ("idle", ""), mirror.error
    assert mirror.status in {CampaignStatus.RUNNING, CampaignStatus.STARTING}
    assert mirror.raw_status
    there = run.at_provider()
    assert there["status"] == "running"
    assert len(there["members"]) == 3
    assert {row.state for row in EnrollmentMirror.objects.all()} == {"added"}
    # The first step leaves by itself; its message is ours, too.
    run.days(0.5)
    if run.provider == "heyreach":
        run.accept("lee-park")
        run.days(1.5)
    enrollment = run.enrollment("lee-park")
    assert enrollment.stage == "messaged"
    assert enrollment.sender_links.get().sender_id == run.senders[0].id


def answered_here_and_there(run: Run) -> None:
    enrollment = run.enrollment("lee-park")
    # An answer lands in the inbox, ends the sequence there and here, and is counted.
    run.reply("lee-park", "Sounds good, call me on Tuesday")
    thread = run.thread("lee-park")
    assert [message.direction for message in thread][-2:] == ["outbound", "inbound"]
    step = 2 if run.provider == "heyreach" else 1
    assert [message.sequence_step_number for message in thread][-2:] == [step, step]
    assert thread[-1].body.startswith("Sounds good")
    enrollment.refresh_from_db()
    assert (enrollment.status, enrollment.stage) == ("ended", "replied")
    assert ReplyReading.objects.get().enrollment_id == enrollment.id
    kinds = set(Fact.objects.filter(lead_id=enrollment.lead_id).values_list("kind", flat=True))
    assert {"enrolled", "replied"} <= kinds


def operator_answers(run: Run) -> None:
    # The operator's answer leaves through the provider, once.
    conversation = run.conversation("lee-park")
    assert conversation.unread == 1
    reply = replies.send_reply(
        conversation_id=conversation.id,
        author=run.agency.agent,
        body="Tuesday at ten, then.",
        client_token=uuid.uuid4(),
        seen_revision=conversation.revision,
    )
    run.work()
    outbound = OutboundMessage.objects.get()
    assert (outbound.state, outbound.error_detail) == ("sent", "")
    assert reply.refreshed().state == "sent"
    assert [message.body for message in run.thread("lee-park")].count("Tuesday at ten, then.") == 1


def mirrored_and_put_away(run: Run) -> None:
    # The others go on; how the provider says they are is kept beside its own word.
    run.days(0.5)
    assert run.read() == "read"
    assert run.row("lee-park").status == "replied"
    assert run.row("lee-park").raw_status
    assert run.mirror.statistics["replied"] == 1
    # Paused, resumed and archived there, too.
    campaign = service.pause(campaign=run.campaign, actor=run.agency.manager)
    run.work()
    assert run.at_provider()["status"] == "paused"
    assert (run.mirror.status, run.mirror.asked_status) == ("paused", "paused")
    campaign = service.resume(campaign=campaign, actor=run.agency.manager)
    run.work()
    assert run.at_provider()["status"] == "running"
    # At the end of all steps the provider says so, and the campaign is completed here.
    if run.provider != "heyreach":
        run.days(5)
        run.read()
        assert campaign.refreshed().status == Campaign.Status.COMPLETED
        assert run.enrollment("mia-park").stage == "completed"
        assert [message.sequence_step_number for message in run.thread("mia-park")] == [1, 2]
    else:
        campaign = service.pause(campaign=campaign, actor=run.agency.manager)
    service.archive(campaign=campaign.refreshed(), actor=run.agency.manager)
    run.work()
    assert run.campaign.refreshed().status == Campaign.Status.ARCHIVED
    assert run.at_provider()["status"] in {"paused", "stopped", "archived"}
    assert run.mirror.webhook_ids == []
