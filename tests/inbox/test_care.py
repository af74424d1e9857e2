"""That nobody is forgotten, and nobody is disturbed: claims, warnings, notices that end, and sends that failed."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from inbox import broadcasts, querysets, tasks
from inbox.models import Conversation, Message, Notification
from inbox.services import acts, files, notes, replies, rules, steering, threads, triage
from inbox.services.files import FileRefused
from integrations.events import MessageEdited
from integrations.models import OutboundMessage
from integrations.services import outbox
from integrations.services.events import record_event
from project.core.clock import now
from project.core.realtime.models import StreamEvent
from project.core.realtime.rendering import render
from project.core.scoping import no_scope
from tests.campaigns.channels import Post, post
from tests.campaigns.conftest import WORKING, World

__all__ = ["post"]
pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture
def thread(world: World) -> Conversation:
    """A hot one, with a promise of an hour."""
    world.lead("Marta", "marta")
    world.says("marta", "Tell me more, I am interested", WORKING)
    return Conversation.objects.get()


def told(user: Any, occasion: str, *, is_read: bool = False) -> int:
    return Notification.objects.filter(user=user, occasion=occasion, read_at__isnull=not is_read).count()


def reply(world: World, found: Conversation) -> Message:
    return replies.send_reply(
        conversation_id=found.id, author=world.agency.agent, body="Gladly.", client_token=uuid.uuid4(),
        seen_revision=found.refreshed().revision,
    )  # fmt: skip


def fails(message: Message, why: str = "The account is gone.") -> None:
    assert message.outbound is not None
    outbound = OutboundMessage.objects.get(id=message.outbound.id)
    OutboundMessage.objects.filter(id=outbound.id).update(attempts=outbound.attempts + 1)
    outbound.refresh_from_db()
    outbox.change_state(outbound, "failed", error_kind="gone", error_detail=why)


# --- claims -----------------------------------------------------------------------------------------


def test_nobody_takes_a_claimed_conversation_without_being_asked(
    world: World, thread: Conversation, client: Browser
) -> None:
    agency = world.agency
    assert told(agency.agent2, "unassigned") == 1
    triage.assign(conversation_id=thread.id, assignee_id=agency.agent.id, actor=agency.agent)
    # Somebody has it: nobody else is told any more that nobody does.
    assert (told(agency.agent2, "unassigned"), told(agency.agent2, "unassigned", is_read=True)) == (0, 1)
    client.force_login(agency.agent2)
    given = {"act": "assign", "ids": str(thread.id), "assignee": str(agency.agent2.id)}
    refused = client.post(agency.url("inbox/acts/"), given)
    assert (refused.status_code, "Do it once more" in refused.content.decode()) == (409, True)
    assert thread.refreshed().assignee == agency.agent
    # Where doing it again changes nothing, nobody is told to.
    [failure] = acts.perform(
        act="assign", conversation_ids=[thread.id], given={"assignee": str(agency.agent2.id)}, actor=agency.agent2
    ).failures  # fmt: skip
    assert failure["why"].endswith("is about to answer.")
    client.post(agency.url("inbox/acts/"), {**given, "despite_claim": "1"})
    assert thread.refreshed().assignee == agency.agent2
    assert Notification.objects.get(user=agency.agent, occasion="assigned").title.endswith("from you")


def test_whoever_had_it_is_told_whose_it_is_now(world: World, thread: Conversation) -> None:
    agency = world.agency
    for assignee, title in (
        (agency.agent2, f"gave Marta Lindqvist, whom you had, to {agency.agent2.display_name}"),
        (None, "took you off Marta Lindqvist, and nobody has them now"),
    ):
        triage.assign(
            conversation_id=thread.id, assignee_id=agency.agent.id, actor=agency.agent, despite_claim=True
        )
        triage.assign(
            conversation_id=thread.id, assignee_id=assignee.id if assignee else None, actor=agency.manager,
            despite_claim=True,
        )  # fmt: skip
        told_last = Notification.objects.filter(user=agency.agent, occasion="assigned").order_by("-id")[0]
        assert told_last.title == f"{agency.manager.display_name} {title}"


def test_who_gets_what_somebody_let_go_is_told(world: World, thread: Conversation, time_machine: Any) -> None:
    agency = world.agency
    triage.assign(conversation_id=thread.id, assignee_id=agency.agent.id, actor=agency.agent)
    time_machine.move_to(WORKING + 31 * MINUTE, tick=False)
    with no_scope():
        tasks.watch_promises()
    assert thread.refreshed().assignee is None
    assert told(agency.agent2, "unassigned") == 1, "the team has it again"

    rules.create(method="load", actor=agency.manager, people=[str(agency.agent2.id)])
    triage.assign(conversation_id=thread.id, assignee_id=agency.agent.id, actor=agency.agent)
    time_machine.move_to(WORKING + 70 * MINUTE, tick=False)
    with no_scope():
        tasks.watch_promises()
    assert thread.refreshed().assignee == agency.agent2
    assert Notification.objects.get(user=agency.agent2, occasion="assigned").title.startswith(
        "A rule gave you"
    )


# --- promises ---------------------------------------------------------------------------------------


def test_whoever_has_to_answer_is_warned_and_told_when_it_is_late(
    world: World, thread: Conversation, time_machine: Any, client: Browser
) -> None:
    agency = world.agency
    triage.assign(conversation_id=thread.id, assignee_id=agency.agent.id, actor=agency.manager)
    for minutes, count in ((20, 0), (35, 1), (40, 1), (61, 2), (62, 2)):
        time_machine.move_to(WORKING + minutes * MINUTE, tick=False)
        with no_scope():
            tasks.watch_promises()
        assert told(agency.agent, "late") == count, minutes
    assert told(agency.agent2, "late") == 0
    # Opening it ends what gathers for mail and Slack.
    client.force_login(agency.agent)
    client.get(agency.url(f"inbox/{thread.id}/"))
    assert not Notification.objects.filter(user=agency.agent, read_at=None).exists()
    message = reply(world, thread)
    assert message.outbound is not None
    world.deliver(message.outbound)
    assert thread.refreshed().sla_warned_at is None


def test_a_corrected_intent_starts_and_stops_the_clock(world: World) -> None:
    agency = world.agency
    rules.create(method="load", actor=agency.manager, people=[str(agency.agent2.id)], intents=["interested"])
    world.lead("Olga", "olga")
    world.says("olga", "I am out of office until 1 December. Automatic reply.", WORKING)
    found = Conversation.objects.get()
    assert (found.intent, found.sla_due_at, found.assignee) == ("out_of_office", None, None)
    steering.correct_intent(conversation_id=found.id, intent="interested", actor=agency.agent)
    assert (found.refreshed().awaiting_since, found.refreshed().assignee) == (WORKING, agency.agent2)
    assert found.refreshed().sla_due_at == WORKING + 60 * MINUTE
    steering.correct_intent(conversation_id=found.id, intent="out_of_office", actor=agency.agent)
    assert (found.refreshed().awaiting_since, found.refreshed().sla_due_at) == (None, None)


def test_who_answers_has_seen_what_they_changed_it_to(world: World, thread: Conversation) -> None:
    seen = thread.refreshed().revision
    known = Message.objects.get()
    record_event(
        MessageEdited(
            provider="unipile", account_id="acc_erik", message_id=known.api_message_id, chat_id=thread.chat_id,
            provider_message_id=known.provider_message_id, occurred_at=WORKING + MINUTE, text="No, thank you",
        ),
        sender=world.sender, source="webhook",
    )  # fmt: skip
    with pytest.raises(replies.StaleThread):
        replies.send_reply(
            conversation_id=thread.id, author=world.agency.agent, body="Gladly.", client_token=uuid.uuid4(),
            seen_revision=seen,
        )  # fmt: skip
    entry = acts.begin(
        act="close", conversation_ids=[thread.id], given={}, actor=world.agency.agent, seen={thread.id: seen}
    )
    assert "They wrote since" in acts.run(entry_id=entry.id).failures[0]["why"]


# --- what failed ------------------------------------------------------------------------------------


def test_each_failure_is_told_and_what_failed_can_be_given_up(
    world: World, thread: Conversation, client: Browser
) -> None:
    agency = world.agency
    client.force_login(agency.agent)
    message = reply(world, thread)
    fails(message)
    replies.retry(message_id=message.id, actor=agency.agent)
    fails(message, "It is gone still.")
    assert told(agency.agent, "failed") == 2
    assert thread.refreshed().failed_sends == 1
    page = client.get(agency.url(f"inbox/{thread.id}/thread/")).content.decode()
    assert "Give it up" in page
    assert client.post(agency.url(f"inbox/messages/{message.id}/giving-up/")).status_code == 204
    assert (message.refreshed().state, thread.refreshed().failed_sends) == ("given_up", 0)
    page = client.get(agency.url(f"inbox/{thread.id}/thread/")).content.decode()
    assert ("Nobody tries again" in page, "Send it again" in page, "Give it up" in page) == (
        True,
        True,
        False,
    )
    assert client.post(agency.url(f"inbox/messages/{message.id}/giving-up/")).status_code == 422
    replies.retry(message_id=message.id, actor=agency.agent)
    assert message.refreshed().state == "queued"


def test_what_came_back_and_was_given_up_stays_so(world: World, thread: Conversation) -> None:
    agent = world.agency.agent
    message = reply(world, thread)
    assert message.outbound is not None
    world.deliver(message.outbound)
    sent = OutboundMessage.objects.get(id=message.outbound.id)
    outbox.change_state(sent, "sent", error_kind="bounced", error_detail="No such mailbox.")
    assert (message.refreshed().state, told(agent, "failed")) == ("failed", 1)
    replies.give_up(message_id=message.id, actor=agent)
    # The provider tells its id of it afterwards.
    outbox.change_state(sent, "sent", provider_message_id="told later")
    assert (message.refreshed().state, thread.refreshed().failed_sends) == ("given_up", 0)
    assert told(agent, "failed") == 1


def test_what_a_campaign_sent_and_came_back_waits_for_nobody(post: Post) -> None:
    post.lead("Ada", email="ada@prospect.test")
    post.launch()
    post.tick()
    sent = post.sent(post.queued()[0])
    post.bounces(sent, now())
    found = Conversation.objects.get()
    access = post.agency.access(post.agency.agent)
    within = {
        view: querysets.visible(access).filter(querysets.condition(view, access)).count()
        for view in ("all", "unassigned", "failed")
    }
    assert within == {"all": 0, "unassigned": 0, "failed": 1}
    assert (found.status, found.closed_at is not None) == ("closed", True)
    # Whoever opens it again keeps it: what fails there later puts nothing away.
    triage.reopen(conversation_id=found.id, actor=post.agency.agent)
    message = Message.objects.get()
    Message.objects.create(
        conversation=found, revision=9, direction="outbound", state="failed", occurred_at=now()
    )
    threads.count_failures(threads.locked(found.id))
    assert (found.refreshed().status, found.refreshed().failed_sends) == ("open", 2)
    Message.objects.exclude(id=message.id).delete()
    # Given up, it leaves the list of failed sends on every screen, with its count.
    replies.give_up(message_id=message.id, actor=post.agency.agent)
    event = StreamEvent.objects.filter(kind="conversation.gone").get()
    event.number = 1
    # However many leave at once, their client is counted once.
    with CaptureQueriesContext(connection) as alone:
        list(broadcasts.gone([event]))
    with CaptureQueriesContext(connection) as together:
        assert len(list(broadcasts.gone([event, event, event]))) == 3
    assert len(together) == len(alone)
    [frame] = render([event])
    assert f"remove:conversation-row-{found.id}" in str(frame)
    assert '"failed":0' in str(frame).replace(" ", "").replace("\\", "")


# --- around -----------------------------------------------------------------------------------------


def test_files_that_came_at_once_are_not_more_than_a_reply_carries(
    world: World, thread: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = [
        files.upload(conversation=thread, author=world.agency.agent, name=f"{n}.txt", data=b"x")
        for n in range(3)
    ]
    monkeypatch.setattr(files, "MAX_COUNT", 2)
    with pytest.raises(FileRefused, match="At most 2 files"):
        replies.send_reply(
            conversation_id=thread.id, author=world.agency.agent, body="See these.", client_token=uuid.uuid4(),
            seen_revision=thread.refreshed().revision,
            options=replies.Options(file_ids=tuple(row.id for row in kept)),
        )  # fmt: skip


def test_the_page_of_a_person_goes_back_to_the_beginning(
    world: World, thread: Conversation, client: Browser, time_machine: Any
) -> None:
    for number in range(50):
        world.says("marta", f"Message number {number}", WORKING + (number + 1) * MINUTE, message=f"m{number}")
    time_machine.move_to(WORKING + 60 * MINUTE, tick=False)
    notes.add_note(conversation_id=thread.id, author=world.agency.agent, body="She likes cats.")
    client.force_login(world.agency.agent)
    url = world.agency.url(f"inbox/{thread.id}/person/")
    page = client.get(url)
    text = page.content.decode()
    assert "She likes cats." in text
    assert "Tell me more" not in text
    earlier = client.get(url, {"cursor": page.context["next_cursor"]}, headers={"HX-Request": "true"})
    assert "Tell me more" in earlier.content.decode()
    assert client.get(url, {"cursor": "nonsense"}).status_code == 404
