"""Threads, replies and triage as operators and providers cause them."""

from __future__ import annotations

import re
import uuid
from datetime import datetime, timedelta
from itertools import permutations
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client as Browser

from campaigns.models import LeadChannel, Suppression
from inbox.models import Conversation, Message, Notification, PendingChange, SystemLine
from inbox.services import moves, replies, triage
from integrations.events import MessageEdited, MessageRead
from integrations.models import OutboundMessage
from integrations.services import outcomes
from integrations.services.events import record_event
from integrations.values import Direction, SendReceipt
from project.core.clock import now
from project.tenancy.models import Membership
from project.tenancy.services import people
from tests.campaigns.conftest import WORKING, World

pytestmark = pytest.mark.django_db


@pytest.fixture
def thread(world: World) -> Conversation:
    world.lead("Marta", "marta")
    world.says("marta", "Tell me more", WORKING)
    return Conversation.objects.get()


def reply(world: World, thread: Conversation, body: str = "Gladly.", **values: Any) -> Message:
    given = {"client_token": uuid.uuid4(), "seen_revision": thread.refreshed().revision, **values}
    return replies.send_reply(conversation_id=thread.id, author=world.agency.agent, body=body, **given)


def test_the_same_reply_twice_is_one(world: World, thread: Conversation) -> None:
    token = uuid.uuid4()
    first = reply(world, thread, client_token=token)
    again = reply(world, thread, client_token=token)
    assert first.id == again.id
    assert OutboundMessage.objects.count() == 1


def test_a_stale_reply_is_refused_and_shows_what_is_new(world: World, thread: Conversation) -> None:
    seen = thread.refreshed().revision
    world.says("marta", "And the price?", WORKING + timedelta(minutes=1), message="m2")
    with pytest.raises(replies.StaleThread) as refusal:
        reply(world, thread, seen_revision=seen)
    assert [message.body for message in refusal.value.new] == ["And the price?"]
    assert not OutboundMessage.objects.exists()
    reply(world, thread, seen_revision=refusal.value.revision)
    assert OutboundMessage.objects.count() == 1


def test_our_reply_and_its_echo_are_one_message(world: World, thread: Conversation) -> None:
    message = reply(world, thread)
    world.deliver(OutboundMessage.objects.get(), message_id="api_r1", chat_id="chat_marta")
    _echo(world, "r1", "Gladly.", "ACoAA_erik")
    assert Message.objects.filter(direction="outbound").count() == 1
    assert message.refreshed().state == "sent"
    assert message.refreshed().provider_message_id == "net_r1"


def _echo(world: World, message: str, text: str, own_id: str, at: datetime = WORKING) -> None:
    from integrations.events import MessageReceived
    from integrations.values import Person

    record_event(
        MessageReceived(
            provider="unipile",
            account_id=world.sender.provider_account_id,
            occurred_at=at,
            message_id=f"api_{message}",
            provider_message_id=f"net_{message}",
            chat_id="chat_marta",
            provider_chat_id="thread_marta",
            direction=Direction.OUTBOUND,
            sender=Person(provider_id=own_id, is_self=True),
            counterpart=Person(provider_id="ACoAA_marta"),
            text=text,
        ),
        sender=world.sender,
        source="webhook",
    )


@pytest.mark.parametrize("first", ["receipt", "echo"])
def test_a_reply_that_was_seen_before_its_receipt_came_is_seen(
    world: World, thread: Conversation, first: str
) -> None:
    message = reply(world, thread)
    seen_at = WORKING + timedelta(minutes=1)
    event = MessageRead(
        provider="unipile",
        account_id=world.sender.provider_account_id,
        occurred_at=seen_at,
        message_id="api_r1",
        provider_message_id="net_r1",
        chat_id="chat_marta",
    )
    assert record_event(event, sender=world.sender, source="webhook")
    assert message.refreshed().state == "queued"
    if first == "receipt":
        world.deliver(OutboundMessage.objects.get(), message_id="api_r1", chat_id="chat_marta")
        assert message.refreshed().state == "seen"
        _echo(world, "r1", "Gladly.", "ACoAA_erik")
    else:
        world.deliver(OutboundMessage.objects.get(), chat_id="chat_marta")
        assert message.refreshed().state == "sent"
        _echo(world, "r1", "Gladly.", "ACoAA_erik")
    assert (message.refreshed().state, message.refreshed().seen_at) == ("seen", seen_at)
    assert OutboundMessage.objects.get().seen_at == seen_at
    assert not PendingChange.objects.exists()


def test_an_answer_that_is_faster_than_our_receipt_is_the_newest(world: World, time_machine: Any) -> None:
    lead = world.lead("Marta", "marta")
    world.launch()
    world.tick()
    world.deliver(world.queued()[0])
    world.accepts("marta", WORKING + timedelta(minutes=1))
    time_machine.shift(timedelta(minutes=2))
    world.tick()
    [first] = world.queued()
    attempt = first.send_attempts.create(number=1, organization_id=first.organization_id, started_at=now())
    OutboundMessage.objects.filter(id=first.id).update(state="sending", attempts=1)
    time_machine.shift(timedelta(seconds=1))
    world.says("marta", "That was quick", now())
    time_machine.shift(timedelta(seconds=1))
    outcomes.accepted(first, attempt, SendReceipt(message_id="api_o1", chat_id="chat_marta"))
    [thread] = Conversation.objects.filter(lead=lead)
    assert (thread.last_snippet, thread.last_inbound) == ("That was quick", True)
    assert [message.direction for message in Message.objects.order_by("occurred_at")] == [
        "outbound",
        "inbound",
    ]


def test_a_message_from_the_phone_is_outbound_and_stops_nothing(world: World) -> None:
    marta = world.lead("Marta", "marta")
    world.launch()
    world.tick()
    world.deliver(world.queued()[0])
    _echo(world, "phone", "Sent from my phone", "ACoAA_erik")
    assert Message.objects.get().direction == "outbound"
    assert world.enrollment(marta).status == "active"


def test_an_unknown_direction_is_never_taken_for_a_reply(world: World) -> None:
    marta = world.lead("Marta", "marta")
    world.launch()
    world.tick()
    world.deliver(world.queued()[0])
    from integrations.events import MessageReceived
    from integrations.values import Person

    event = MessageReceived(
        provider="unipile", account_id="acc_erik", occurred_at=WORKING, message_id="x", chat_id="c",
        direction=Direction.UNKNOWN, participants=(Person(provider_id="ACoAA_marta"),), text="Hm",
    )  # fmt: skip
    record_event(event, sender=world.sender, source="webhook")
    assert world.enrollment(marta).status == "active"
    assert Message.objects.get().direction == "unknown"


@pytest.mark.parametrize("first", ["message", "changes"])
def test_receipts_and_edits_in_any_order_give_the_same_thread(world: World, first: str) -> None:
    world.lead("Marta", "marta")
    common = {
        "provider": "unipile",
        "account_id": "acc_erik",
        "message_id": "api_m1",
        "provider_message_id": "net_m1",
        "chat_id": "chat_marta",
    }

    def changes() -> None:
        record_event(
            MessageEdited(**common, occurred_at=WORKING + timedelta(minutes=1), text="Tell me more, please"),
            sender=world.sender,
            source="webhook",
        )
        record_event(
            MessageRead(**common, occurred_at=WORKING + timedelta(minutes=2)),
            sender=world.sender,
            source="webhook",
        )

    if first == "changes":
        changes()
    world.says("marta", "Tell me more", WORKING)
    if first == "message":
        changes()
    message = Message.objects.get()
    assert (message.body, message.edited_at, message.seen_at) == (
        "Tell me more, please",
        WORKING + timedelta(minutes=1),
        WORKING + timedelta(minutes=2),
    )


def test_an_old_message_does_not_take_the_place_of_a_newer_one(world: World, thread: Conversation) -> None:
    world.says("marta", "Earlier", WORKING - timedelta(days=2), message="m0")
    assert thread.refreshed().last_snippet == "Tell me more"
    assert [m.body for m in Message.objects.order_by("occurred_at")] == ["Earlier", "Tell me more"]


def test_a_message_that_crossed_our_answer_is_unread_and_waited_for(
    world: World, thread: Conversation, time_machine: Any
) -> None:
    """It was written before we answered, and stored after: nobody had seen it."""
    time_machine.move_to(WORKING + timedelta(minutes=10), tick=False)
    reply(world, thread)
    triage.close(conversation_id=thread.id, actor=world.agency.agent)
    world.says("marta", "And one thing more", WORKING + timedelta(minutes=9), message="m2")
    found = thread.refreshed()
    assert (found.status, found.unread) == ("open", 1)
    assert found.awaiting_since == WORKING + timedelta(minutes=9)


@pytest.mark.parametrize("order", list(permutations(("asks", "our phone", "asks more"))), ids="-".join)
def test_an_answer_from_the_phone_answers_what_came_before_it_in_whatever_order_all_is_stored(
    world: World, order: tuple[str, ...]
) -> None:
    world.lead("Marta", "marta")
    for step in order:
        if step == "our phone":
            _echo(world, "phone", "From my phone", "ACoAA_erik", WORKING - timedelta(minutes=5))
        else:
            minutes = 9 if step == "asks" else 1
            world.says("marta", step, WORKING - timedelta(minutes=minutes), message=step)
    found = Conversation.objects.get()
    assert found.awaiting_since == WORKING - timedelta(minutes=1)
    _echo(world, "phone again", "And that", "ACoAA_erik", WORKING)
    assert found.refreshed().awaiting_since is None


@pytest.mark.parametrize(
    ("age", "answered_outside", "is_news"),
    [(timedelta(days=1), False, True), (timedelta(days=1), True, False), (timedelta(days=8), False, False)],
)
def test_a_lost_reply_that_is_found_is_news_and_history_is_not(
    world: World, age: timedelta, answered_outside: bool, is_news: bool
) -> None:
    world.lead("Marta", "marta")
    if answered_outside:
        _echo(world, "phone", "From my phone", "ACoAA_erik")
    world.says("marta", "Did you get this?", WORKING - age, source="history")
    found = Conversation.objects.get()
    assert (found.unread, found.awaiting_since is not None) == (int(is_news), is_news)
    assert Notification.objects.filter(key__startswith="reply:").exists() == is_news


@pytest.mark.parametrize(
    ("text", "is_wish"), [("Tell me more about it", False), ("Unsubscribe me, please", True)]
)
def test_what_a_stranger_wrote_counts_for_the_lead_they_are_linked_to(
    world: World, text: str, is_wish: bool
) -> None:
    world.says("stranger", "Hello", WORKING - timedelta(days=30), message="m0")
    sven = world.lead("Sven", "sven")
    LeadChannel.objects.filter(lead=sven).update(provider_id="")
    world.launch()
    world.tick()
    world.deliver(world.queued()[0])
    world.accepts("sven", WORKING)
    world.says("stranger", text, WORKING + timedelta(minutes=1))
    thread = Conversation.objects.get()
    assert (thread.lead, world.enrollment(sven).status) == (None, "active")

    LeadChannel.objects.filter(lead=sven).update(provider_id="")
    move = moves.rehome(conversation_id=thread.id, lead_id=sven.id, actor=world.agency.agent)
    enrollment = world.enrollment(sven)
    assert (enrollment.status, enrollment.stage) == ("ended", "unsubscribed" if is_wish else "replied")
    assert (thread.refreshed().lead, thread.refreshed().campaign) == (sven, world.campaign)
    world.tick()
    assert not world.queued()
    assert Suppression.objects.exists() == is_wish
    assert sven.channels.get().provider_id == "ACoAA_stranger"
    # A key that was pressed by mistake leaves nothing on the lead's address.
    moves.undo(move_id=move.id, actor=world.agency.agent)
    assert (thread.refreshed().lead, sven.channels.get().provider_id) == (None, "")


def test_whom_a_thread_was_linked_to_is_who_writes_in_it(world: World) -> None:
    world.says("stranger", "Hello", WORKING - timedelta(days=30), message="m0")
    sven, bo = world.lead("Sven", "sven"), world.lead("Bo", "bo")
    thread = Conversation.objects.get()
    moves.rehome(conversation_id=thread.id, lead_id=sven.id, actor=world.agency.agent)
    world.says("bo", "Long ago", WORKING - timedelta(days=30), message="b0")
    of_bo = Conversation.objects.get(lead=bo)
    moves.rehome(conversation_id=of_bo.id, lead_id=sven.id, actor=world.agency.agent)
    world.launch()
    world.tick()
    # A person's word counts for more than an address, if it was moved by mistake.
    LeadChannel.objects.filter(lead=bo).update(provider_id="ACoAA_bo")
    world.says("bo", "It is me", WORKING, message="b1")
    # Sven's address has another id of the network: only the thread tells who this is.
    world.says("stranger", "Who is this?", WORKING + timedelta(minutes=1))
    assert (world.enrollment(sven).status, world.enrollment(bo).status) == ("ended", "active")


def test_whoever_works_here_no_more_is_told_nothing_and_the_team_is(
    world: World, thread: Conversation
) -> None:
    agency = world.agency
    triage.assign(conversation_id=thread.id, assignee_id=agency.agent.id, actor=agency.agent)
    Membership.objects.filter(user=agency.agent).update(is_active=False)
    world.says("marta", "Are you there?", WORKING + timedelta(minutes=1), message="m2")
    told = Notification.objects.filter(text="Are you there?").values_list("user_id", flat=True)
    assert agency.agent.id not in told
    assert agency.manager.id in told


def test_assignment_is_told_in_the_thread(world: World, thread: Conversation) -> None:
    triage.assign(conversation_id=thread.id, assignee_id=world.agency.agent.id, actor=world.agency.agent)
    assert "took this conversation" in SystemLine.objects.get(kind="assigned").text
    with pytest.raises(triage.TriageRefused):
        triage.assign(conversation_id=thread.id, assignee_id=world.agency.viewer.id, actor=world.agency.agent)


def test_a_closed_conversation_opens_at_the_next_message(world: World, thread: Conversation) -> None:
    triage.close(conversation_id=thread.id, actor=world.agency.agent)
    world.says("marta", "One more thing", WORKING + timedelta(minutes=5), message="m2")
    assert thread.refreshed().status == "open"


def test_a_failed_reply_is_seen_in_the_list(world: World, thread: Conversation) -> None:
    message = reply(world, thread)
    from integrations.services import outbox

    outbound = OutboundMessage.objects.select_related("sender").get()
    outbox.change_state(outbound, "failed", error_kind="recipient", error_detail="They cannot be reached.")
    assert message.refreshed().state == "failed"
    assert thread.refreshed().failed_sends == 1


def test_pages_and_acts(world: World, thread: Conversation, client: Browser) -> None:
    client.force_login(world.agency.agent)
    base = world.agency.url("inbox/")
    for view in ("mine", "unassigned", "all", "snoozed", "closed", "failed", "unmatched"):
        assert client.get(f"{base}?view={view}").status_code == 200
    page = client.get(f"{base}{thread.id}/").content.decode()
    assert "Tell me more" in page
    assert thread.refreshed().unread == 0
    token = uuid.uuid4()
    stale = client.post(
        f"{base}{thread.id}/replies/", {"body": "Hi", "client_token": token, "seen_revision": 0}
    )
    assert stale.status_code == 409
    assert "Tell me more" in stale.content.decode()
    revision = thread.refreshed().revision
    sent = client.post(
        f"{base}{thread.id}/replies/",
        {"body": "Hi", "client_token": token, "seen_revision": revision},
        headers={"HX-Request": "true"},
    )
    assert sent.status_code == 200
    assert (
        client.post(
            f"{base}{thread.id}/notes/", {"body": "Only us"}, headers={"HX-Request": "true"}
        ).status_code
        == 200
    )
    assert (
        client.post(f"{base}{thread.id}/assignment/", {"assignee": world.agency.agent.id}).status_code == 303
    )
    assert (
        client.post(
            f"{base}{thread.id}/snooze/", {"snooze": "3h"}, headers={"HX-Request": "true"}
        ).status_code
        == 200
    )
    assert client.post(f"{base}{thread.id}/closure/", headers={"HX-Request": "true"}).status_code == 200
    assert client.delete(f"{base}{thread.id}/closure/", headers={"HX-Request": "true"}).status_code == 200
    assert client.delete(f"{base}{thread.id}/reading/").status_code == 204
    assert client.get(f"{base}{thread.id}/thread/").status_code == 200
    assert client.get(f"{base}{thread.id}/context/").status_code == 200


def test_a_viewer_reads_and_does_not_mark_read(world: World, thread: Conversation, client: Browser) -> None:
    client.force_login(world.agency.viewer)
    assert client.get(world.agency.url(f"inbox/{thread.id}/")).status_code == 200
    assert thread.refreshed().unread == 1
    assert client.post(world.agency.url(f"inbox/{thread.id}/closure/")).status_code == 403


def test_a_long_thread_is_shown_by_day_with_what_is_older_folded(
    world: World, thread: Conversation, client: Browser
) -> None:
    for number in range(40):
        world.says("marta", f"Line {number}", WORKING - timedelta(hours=number + 1), message=f"old{number}")
    client.force_login(world.agency.agent)
    page = client.get(world.agency.url(f"inbox/{thread.id}/thread/")).content.decode()
    assert "Show 11 earlier" in page
    assert ("Line 28<" in page, "Line 29<" in page) == (True, False)
    # The newest three are open, each day begins with its name, and the days stand before what happened on them.
    assert page.count("<details open>") == 3
    assert "Today" in page
    assert page.index("Yesterday") < page.index("Today") < page.index("Tell me more")
    whole = client.get(world.agency.url(f"inbox/{thread.id}/thread/?entries=130")).content.decode()
    assert "Line 39<" in whole
    assert "earlier" not in whole


def test_who_holds_a_hot_reply_is_on_the_screen(world: World, thread: Conversation, client: Browser) -> None:
    client.force_login(world.agency.agent)
    triage.assign(conversation_id=thread.id, assignee_id=world.agency.agent.id, actor=world.agency.agent)
    until = thread.refreshed().lease_expires_at
    assert until is not None
    # Times are in the organization's zone, or in the one that the viewer has chosen; what is pushed names the instant.
    for zone in ("", "Asia/Tokyo"):
        people.set_time_zone(user=world.agency.agent, time_zone=zone)
        shown = f"{until.astimezone(ZoneInfo(zone or world.agency.organization.time_zone)):%H:%M}"
        page = client.get(world.agency.url(f"inbox/{thread.id}/")).content.decode()
        assert re.search(rf'held until <time [^>]*data-show="clock">{shown}</time>', page)
        assert f'data-zone="{zone or world.agency.organization.time_zone}"' in page
    rows = client.get(world.agency.url("inbox/?view=mine")).content.decode()
    assert "holds this for now" in rows
    assert until.isoformat() in rows
