"""Answers of operators through the provider: told apart when unclear, and never sent twice."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest

from campaigns.services import enrollments, reply_stops
from inbox.models import Message
from inbox.services import replies
from integrations.models import OutboundMessage, SendAttempt
from integrations.services import settlement
from project.core.clock import now
from tests.provider_runs.conftest import Run

pytestmark = pytest.mark.django_db(transaction=True)


def answered(run: Run, body: str = "It is Ana, from Halden.") -> Message:
    """Somebody has answered the first mail, and an operator answers them."""
    run.launch()
    run.work()
    run.days(0.5)
    run.reply("lee-park", "Who is this?")
    conversation = run.conversation("lee-park")
    return replies.send_reply(
        conversation_id=conversation.id,
        author=run.agency.agent,
        body=body,
        client_token=uuid.uuid4(),
        seen_revision=conversation.revision,
    )


def settle() -> OutboundMessage:
    attempt = SendAttempt.objects.get()
    SendAttempt.objects.filter(id=attempt.id).update(settle_after=now())
    settlement.settle(attempt.id)
    return OutboundMessage.objects.get()


@pytest.mark.parametrize("run", ["smartlead", "emailbison"], indirect=True)
def test_an_unclear_answer_is_settled_by_the_thread_or_its_echo(run: Run) -> None:
    with run.scope():
        path = "/campaigns/*/reply-email-thread" if run.provider == "smartlead" else "/api/replies/*/reply"
        run.sandbox.add_fault("drop", provider=run.provider, method="POST", path=path, perform=True, times=1)
        message = answered(run)
        run.work()
        if run.provider == "smartlead":
            assert message.refreshed().state == "unknown"
            assert settle().state == "sent"
        # EmailBison tells of its own mail at once: that settles it.
        assert OutboundMessage.objects.get().state == "sent"
        assert message.refreshed().state == "sent"
        assert len(run.sandbox.calls(path=path)) == 1
        assert [row.body for row in run.thread("lee-park")].count("It is Ana, from Halden.") == 1


@pytest.mark.parametrize(
    "body",
    [
        "It is Ana, from Halden.\n\n-- \nAna Ruiz\nHalden Ltd",
        "It is Ana.\n\nOn Tue, 3 Mar 2026 at 10:00, Lee Park <lee@acme.test> wrote:\n> Who is this?",
    ],
)
def test_an_unclear_answer_with_a_signature_or_a_quote_is_never_sent_twice(run: Run, body: str) -> None:
    with run.scope():
        path = "/campaigns/*/reply-email-thread"
        run.sandbox.add_fault("drop", provider="smartlead", method="POST", path=path, perform=True, times=1)
        answered(run, body)
        run.work()
        SendAttempt.objects.update(started_at=now() - timedelta(minutes=11))
        assert settle().state == "sent"
        run.work()
        assert len(run.sandbox.calls(path=path)) == 1


def test_what_the_thread_does_not_show_is_not_sent_again_at_once(run: Run) -> None:
    with run.scope():
        path = "/campaigns/*/reply-email-thread"
        run.sandbox.add_fault("drop", provider="smartlead", method="POST", path=path, times=1)
        answered(run)
        run.work()
        assert settle().state == "unknown"
        SendAttempt.objects.update(started_at="2020-01-01T00:00:00Z")
        assert settle().state == "queued"
        assert len(run.sandbox.calls(path=path)) == 1


def test_nobody_can_be_answered_who_has_not_written(run: Run) -> None:
    with run.scope():
        run.launch()
        run.work()
        run.days(0.5)
        conversation = run.conversation("lee-park")
        with pytest.raises(replies.ReplyRefused, match="they have not written yet"):
            replies.send_reply(
                conversation_id=conversation.id,
                author=run.agency.agent,
                body="Hello?",
                client_token=uuid.uuid4(),
                seen_revision=conversation.revision,
            )


def test_a_reply_stops_colleagues_at_the_provider_where_the_campaign_says_so(run: Run) -> None:
    assert reply_stops.Stops.COMPANY == "company"
    with run.scope():
        type(run.campaign).objects.filter(id=run.campaign.id).update(reply_stops="company")
        run.campaign.refresh_from_db()
        run.launch()
        run.work()
        run.days(0.5)
        run.reply("lee-park", "Please talk to nobody else here")
        assert run.row("lee-park").status == "replied"
        assert {run.row("mia-park").state, run.row("noa-park").state} == {"stopped"}
        assert {row["status"] for row in run.at_provider()["members"]} == {"replied", "stopped"}


@pytest.mark.parametrize("run", ["emailbison"], indirect=True)
def test_a_machines_answer_leaves_somebody_in_so_that_a_later_stop_reaches_the_provider(run: Run) -> None:
    with run.scope():
        run.launch()
        run.work()
        run.days(0.5)
        for slug, text in (("lee-park", "Ticket 4711 was opened."), ("mia-park", "I am out of the office.")):
            run.sandbox.act(run.handle(slug), "out_of_office", provider=run.provider, text=text)
        run.work()
        assert [run.row(slug).status for slug in ("lee-park", "mia-park")] == ["in_progress"] * 2
        for slug in ("lee-park", "mia-park"):
            enrollments.stop(
                enrollment_id=run.enrollment(slug).id, reason="Met in person", actor=run.agency.manager
            )
        run.work()
        assert {run.row(slug).state for slug in ("lee-park", "mia-park")} == {"stopped"}
        standing = {row["status"] for row in run.at_provider()["members"]}
        assert standing == {"stopped", "in_progress"}
