"""Around a thread: intent, sequence, deals, merging and splitting."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client as Browser

from campaigns.models import Campaign, Enrollment, Lead, ReplyReading
from inbox.models import (
    Conversation,
    Message,
    SystemLine,
)
from inbox.services import (
    drafts,
    labels,
    moves,
    notes,
    replies,
    steering,
    threads,
    triage,
)
from integrations.services.outgoing import message_id_of
from project.core.clock import now
from project.core.ids import uuid7
from project.core.refusals import Invalid
from project.core.scoping import no_scope
from project.tenancy.models import AuditEntry
from tests.campaigns.channels import Post, post
from tests.campaigns.conftest import WORKING, World

__all__ = ["post"]
pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture
def thread(world: World) -> Conversation:
    world.lead("Marta", "marta")
    world.says("marta", "Tell me more", WORKING)
    return Conversation.objects.get()


# --- intent and sequence ----------------------------------------------------------------------------


def test_an_intent_is_corrected_and_what_the_rules_said_is_kept(post: Post) -> None:
    post.lead("Ada")
    post.launch()
    own = message_id_of(post.send_next())
    post.answers("ada@prospect.test", "Not now, try again next year", WORKING + HOUR, references=(own,))
    reading = ReplyReading.objects.get()
    conversation = Conversation.objects.get()
    steering.correct_intent(conversation_id=conversation.id, intent="interested", actor=post.agency.agent)
    reading.refresh_from_db()
    assert (reading.intent, reading.first_intent, reading.source) == ("interested", "not_now", "person")
    assert conversation.refreshed().intent == "interested"
    assert SystemLine.objects.filter(conversation=conversation, text__contains="interested").exists()
    with pytest.raises(Invalid):
        steering.correct_intent(conversation_id=conversation.id, intent="bored", actor=post.agency.agent)


def test_a_sequence_is_moved_and_a_meeting_ends_it(post: Post, client: Browser) -> None:
    lead = post.lead("Ada")
    post.launch()
    post.send_next()
    conversation = Conversation.objects.get()
    steering.act_on_sequence(
        conversation_id=conversation.id, act="move", node_id="bump", actor=post.agency.agent
    )
    assert post.enrollment(lead).node_id == "bump"
    with pytest.raises(Invalid, match="no such step"):
        steering.act_on_sequence(
            conversation_id=conversation.id, act="move", node_id="nowhere", actor=post.agency.agent
        )
    with no_scope():
        client.force_login(post.agency.agent)
        panel = client.get(post.agency.url(f"inbox/{conversation.id}/context/")).content.decode()
    assert "Why, and what would change it" in panel
    steering.act_on_sequence(conversation_id=conversation.id, act="meeting", actor=post.agency.agent)
    assert post.enrollment(lead).stage == "meeting"
    assert SystemLine.objects.filter(conversation=conversation, kind="meeting").exists()

    path = post.agency.url(f"inbox/{conversation.id}/")
    with no_scope():
        panel = client.get(f"{path}context/").content.decode()
        assert 'value="no_meeting"' in panel
        assert (
            client.post(f"{path}sequence/", {"act": "no_meeting"}, headers={"hx-request": "true"}).status_code
            == 200
        )
        panel = client.get(f"{path}context/").content.decode()
    assert 'value="no_meeting"' not in panel
    assert 'value="meeting"' in panel
    met = post.enrollment(lead)
    assert (met.stage, met.status) == ("messaged", "ended"), "as it was, and nothing is sent again"
    assert AuditEntry.objects.filter(action="enrollment.meeting_taken_back", subject_id=met.id).exists()
    with pytest.raises(Invalid, match="Nobody has marked a meeting"):
        steering.act_on_sequence(conversation_id=conversation.id, act="no_meeting", actor=post.agency.agent)
    steering.act_on_sequence(conversation_id=conversation.id, act="meeting", actor=post.agency.agent)
    assert post.enrollment(lead).stage == "meeting", "a mark after that counts again"


def test_whose_sequence_has_ended_is_put_into_another_and_who_is_away_comes_back(
    post: Post, client: Browser
) -> None:
    lead = post.lead("Ada")
    post.launch()
    post.send_next()
    conversation = Conversation.objects.get()
    second = Campaign.objects.get()
    second.pk, second.name, second.status = uuid7(), "Second try", Campaign.Status.DRAFT
    second.current_version = None
    second._state.adding = True
    second.save()
    client.force_login(post.agency.agent)
    address = post.agency.url(f"inbox/{conversation.id}/")

    def enter() -> Any:
        return client.post(f"{address}sequence/", {"act": "enter", "campaign": str(second.id)})

    assert "no other running campaign" in client.get(f"{address}campaigns/").content.decode()
    assert enter().status_code == 422, "it does not run yet"
    version = post.enrollment(lead).plan_version
    Campaign.objects.filter(id=second.id).update(status=Campaign.Status.ACTIVE, current_version=version)
    assert "Second try" in client.get(f"{address}campaigns/").content.decode()
    enter()
    first = Enrollment.objects.filter(lead=lead).exclude(campaign=second).get()
    other = Enrollment.objects.get(lead=lead, campaign=second)
    assert (first.status, other.status) == ("ended", "active")
    assert "Second try" in first.reason
    assert SystemLine.objects.filter(conversation=conversation, text__endswith="“Second try”.").exists()
    again = enter()
    assert (again.status_code, "already" in again.content.decode()) == (422, True)

    # Away until a day: back in the list on that morning, where the person is.
    Lead.objects.filter(id=lead.id).update(time_zone="America/New_York")
    day = (now() + timedelta(days=9)).date()
    client.post(f"{address}intent/", {"intent": "out_of_office", "returns_on": day.isoformat()})
    conversation.refresh_from_db()
    assert (conversation.intent, conversation.status) == ("out_of_office", "snoozed")
    assert conversation.snoozed_until is not None
    back = conversation.snoozed_until.astimezone(ZoneInfo("America/New_York"))
    assert (back.date(), back.hour) == (day, 9)
    assert (
        client.post(f"{address}intent/", {"intent": "out_of_office", "returns_on": "soon"}).status_code == 422
    )


# --- merging and splitting --------------------------------------------------------------------------


def test_a_deal_is_kept_with_the_lead_told_in_the_thread_and_exported(
    world: World, thread: Conversation, client: Browser
) -> None:
    agency = world.agency
    client.force_login(agency.agent)
    url = agency.url(f"inbox/{thread.id}/deal/")
    htmx = {"HX-Request": "true"}
    for wrong in (
        {"value": "a lot"},
        {"value": "-1", "currency": "NOK"},
        {"value": "5"},
        {"value": "5", "currency": "€"},
    ):
        assert client.post(url, {"stage": "open", **wrong}, headers=htmx).status_code == 422
    given = {"stage": "open", "value": "12500.50", "currency": "nok", "meeting_on": "2026-12-24"}
    panel = client.post(url, given, headers=htmx).content.decode()
    assert "12,500.50 NOK" in panel
    assert "meeting 24 Dec 2026" in panel
    client.post(url, {**given, "stage": "won"}, headers=htmx)
    said = SystemLine.objects.filter(conversation=thread, kind="deal").order_by("created_at")
    assert [line.text.partition(" says ")[2] for line in said] == [
        "that the deal is open, worth 12,500.50 NOK.", "that the deal is won, worth 12,500.50 NOK.",
    ]  # fmt: skip
    with no_scope():
        lines = b"".join(client.get(agency.url("inbox/export.csv?view=all"))).decode().splitlines()
    assert lines[1].endswith("won,12500.50,NOK,2026-12-24")
    gone = client.post(url, {"act": "remove"}, headers=htmx).content.decode()
    assert "None yet." in gone


def test_merged_threads_are_one_whatever_comes_later_and_can_be_parted_again(
    post: Post, client: Browser
) -> None:
    post.lead("Ada")
    post.answers("ada@prospect.test", "One", WORKING, message_id="<a@x>", subject="A")
    post.answers("ada@prospect.test", "Two", WORKING + HOUR, message_id="<b@x>", subject="B")
    first, second = (Message.objects.get(body=body).conversation for body in ("One", "Two"))
    move = moves.merge(source_id=second.id, target_id=first.id, actor=post.agency.agent)
    assert Message.objects.filter(conversation=first).count() == 2
    assert (first.refreshed().last_snippet, first.refreshed().unread) == ("Two", 2)
    assert second.refreshed().has_inbound is False, "an empty thread is in no list"
    # Whoever has the empty thread open is led to where it went, and writes nothing into it.
    client.force_login(post.agency.agent)
    led = client.get(post.agency.url(f"inbox/{second.id}/?view=mine"))
    assert led.headers["Location"] == post.agency.url(f"inbox/{first.id}/?view=mine")
    with pytest.raises(threads.ThreadMoved) as refusal:
        replies.send_reply(
            conversation_id=second.id, author=post.agency.agent, body="Lost", client_token=uuid.uuid4(),
            seen_revision=second.refreshed().revision,
        )  # fmt: skip
    assert refusal.value.details["home"] == str(first.id)
    with pytest.raises(threads.ThreadMoved):
        notes.add_note(conversation_id=second.id, author=post.agency.agent, body="Lost")
    post.answers("ada@prospect.test", "Three", WORKING + 2 * HOUR, message_id="<c@x>", references=("<b@x>",))
    assert Message.objects.filter(conversation=first).count() == 3
    moves.undo(move_id=move.id, actor=post.agency.agent)
    assert [row.body for row in Message.objects.filter(conversation=second)] == ["Two"]
    assert second.refreshed().merged_into is None
    assert second.refreshed().status == "open"


def test_what_waited_in_a_merged_thread_still_waits(post: Post) -> None:
    """Merged into one that is put away, an open thread stays in sight with its promise, rank, label and drafts."""
    agency = post.agency
    post.lead("Ada")
    post.answers("ada@prospect.test", "One", WORKING, message_id="<a@x>", subject="A")
    post.answers("ada@prospect.test", "Two", WORKING + HOUR, message_id="<b@x>", subject="B")
    target, source = (Message.objects.get(body=body).conversation for body in ("One", "Two"))
    triage.snooze(conversation_id=target.id, until=now() + 5 * HOUR, actor=agency.agent)
    triage.close(conversation_id=target.id, actor=agency.agent)
    closed_at = target.refreshed().closed_at
    label = labels.create(name="Hot", client=None, actor=agency.manager)
    triage.add_label(conversation_id=source.id, label_id=label.id, actor=agency.agent)
    triage.set_priority(conversation_id=source.id, priority=2, actor=agency.agent)
    triage.assign(conversation_id=source.id, assignee_id=agency.agent2.id, actor=agency.agent)
    drafts.save(conversation_id=source.id, author=agency.agent, body="Hm", mode="note")
    drafts.save(conversation_id=target.id, author=agency.agent, body="Dear Ada")
    drafts.save(conversation_id=source.id, author=agency.agent2, body="Gladly,")
    waited, due = source.refreshed().awaiting_since, source.refreshed().sla_due_at
    assert waited is not None
    move = moves.merge(source_id=source.id, target_id=target.id, actor=agency.agent)
    kept = target.refreshed()
    assert (kept.status, kept.closed_at, kept.priority, kept.assignee) == ("open", None, 2, agency.agent2)
    assert (kept.awaiting_since, kept.sla_due_at) == (waited, due)
    assert [link.label for link in kept.label_links.all()] == [label]
    texts = {row.author: (row.mode, row.body) for row in kept.drafts.exclude(body="")}
    assert texts == {agency.agent: ("note", "Hm\n\nDear Ada"), agency.agent2: ("reply", "Gladly,")}
    assert not source.drafts.exclude(body="").exists()
    empty = source.refreshed()
    assert (empty.status, empty.awaiting_since, empty.sla_due_at) == ("closed", None, None)

    triage.set_priority(conversation_id=target.id, priority=1, actor=agency.agent)
    moves.undo(move_id=move.id, actor=agency.agent)
    back, parted = target.refreshed(), source.refreshed()
    assert (back.status, back.closed_at, back.assignee, back.awaiting_since) == (
        "closed",
        closed_at,
        None,
        None,
    )
    assert back.priority == 1, "somebody has ranked it since"
    assert not back.label_links.exists()
    assert (parted.status, parted.closed_at, parted.awaiting_since, parted.sla_due_at, parted.priority) == (
        "open", None, waited, due, 2,
    )  # fmt: skip
    assert parted.assignee == agency.agent2


def test_whoever_undoes_a_split_is_led_to_the_whole_thread_in_the_same_list(
    post: Post, client: Browser
) -> None:
    post.answers("ada@prospect.test", "One", WORKING, message_id="<a@x>")
    post.answers("ada@prospect.test", "Two", WORKING + HOUR, message_id="<b@x>", references=("<a@x>",))
    source = Conversation.objects.get()
    second = Message.objects.get(body="Two")
    move = moves.split(conversation_id=source.id, message_id=second.id, actor=post.agency.agent)
    client.force_login(post.agency.agent)
    address = post.agency.url(f"inbox/{move.target_id}/")
    for thread in (source.id, move.target_id):
        panel = client.get(post.agency.url(f"inbox/{thread}/context/")).content.decode()
        assert post.agency.url(f"inbox/moves/{move.id}/undo/") in panel
    led = client.post(
        post.agency.url(f"inbox/moves/{move.id}/undo/"),
        headers={"HX-Request": "true", "HX-Current-URL": f"http://testserver{address}?view=all"},
    )
    assert led.headers["HX-Redirect"] == post.agency.url(f"inbox/{source.id}/?view=all")
    assert Message.objects.filter(conversation=source).count() == 2


def test_a_thread_is_split_and_later_mail_goes_where_it_belongs(post: Post) -> None:
    post.lead("Ada")
    post.answers("ada@prospect.test", "One", WORKING, message_id="<a@x>")
    post.answers("ada@prospect.test", "Two", WORKING + HOUR, message_id="<b@x>", references=("<a@x>",))
    source = Conversation.objects.get()
    second = Message.objects.get(body="Two")
    move = moves.split(conversation_id=source.id, message_id=second.id, actor=post.agency.agent)
    post.answers(
        "ada@prospect.test", "Three", WORKING + 2 * HOUR, message_id="<c@x>", references=("<a@x>", "<b@x>")
    )
    assert [row.body for row in Message.objects.filter(conversation=move.target)] == ["Two", "Three"]
    with pytest.raises(moves.MoveRefused, match="Nothing would be left"):
        moves.split(
            conversation_id=source.id, message_id=Message.objects.get(body="One").id, actor=post.agency.agent
        )


def test_threads_of_other_senders_and_people_stay_apart(world: World, thread: Conversation) -> None:
    bo = world.lead("Bo", "bo")
    world.says("bo", "Hello", WORKING, message="b1")
    other = Conversation.objects.exclude(id=thread.id).get()
    with pytest.raises(moves.MoveRefused, match="different people"):
        moves.merge(source_id=other.id, target_id=thread.id, actor=world.agency.agent)
    move = moves.rehome(conversation_id=other.id, lead_id=thread.lead_id, actor=world.agency.agent)
    assert other.refreshed().lead_id == thread.lead_id
    moves.undo(move_id=move.id, actor=world.agency.agent)
    assert other.refreshed().lead_id == bo.id
