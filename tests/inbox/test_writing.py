"""Writing: drafts with versions, files, canned replies, ways to a person, and replies that have not left."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from django.test import Client as Browser

from campaigns.services import suppression
from inbox import presenters
from inbox.models import (
    CannedReply,
    Conversation,
    Message,
    MessageFile,
    Notification,
    ReplyDraft,
    SystemLine,
)
from inbox.services import canned, channels, departures, drafts, files, macros, notes, replies, triage
from integrations.errors import ErrorKind, ProviderError
from integrations.models import OutboundMessage, SenderAccount
from integrations.services import attachments, dispatch, outgoing
from integrations.values import Attachment
from project.core.clock import now
from project.core.ids import uuid7
from project.core.refusals import Invalid, Refused
from project.core.scoping import no_scope
from reporting.models import Fact
from tests.campaigns.channels import Post, post
from tests.campaigns.conftest import WORKING, World

__all__ = ["post"]
pytestmark = pytest.mark.django_db
PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 40


@pytest.fixture
def thread(world: World) -> Conversation:
    world.lead("Marta", "marta")
    world.says("marta", "Tell me more", WORKING)
    return Conversation.objects.get()


def reply(world: World, thread: Conversation, body: str = "Gladly.", **options: Any) -> Message:
    return replies.send_reply(
        conversation_id=thread.id,
        author=world.agency.agent,
        body=body,
        client_token=uuid.uuid4(),
        seen_revision=thread.refreshed().revision,
        options=replies.Options(**options),
    )


# --- leaving ----------------------------------------------------------------------------------------


def test_a_reply_can_be_taken_back_until_it_leaves(
    world: World, thread: Conversation, time_machine: Any
) -> None:
    sent = reply(world, thread, "Too fast", undo_seconds=10)
    [row] = OutboundMessage.objects.all()
    assert dispatch.claim_next(thread.sender_id) is None, "its time has not come"
    departures.take_back(message_id=sent.id, actor=world.agency.agent)
    assert (row.refreshed().state, sent.refreshed().state) == ("cancelled", "withdrawn")
    thread.refresh_from_db()
    assert (thread.last_snippet, thread.last_inbound, thread.failed_sends) == ("Tell me more", True, 0)
    assert ReplyDraft.objects.get().body == "Too fast"
    assert not Fact.objects.filter(kind=Fact.Kind.ANSWERED).exists(), "nobody has been answered"
    time_machine.shift(timedelta(seconds=11))
    assert dispatch.claim_next(thread.sender_id) is None, "nothing is left that could leave"
    with pytest.raises(departures.TooLate):
        departures.take_back(message_id=sent.id, actor=world.agency.agent)


def test_what_waited_leaves_after_its_window_whoever_restarts(
    world: World, thread: Conversation, time_machine: Any
) -> None:
    sent = reply(world, thread, undo_seconds=10)
    time_machine.shift(timedelta(seconds=11))
    [row] = OutboundMessage.objects.filter(state="queued", not_before__lte=now())
    world.deliver(row, chat_id="chat_marta")
    sent.refresh_from_db()
    assert (sent.state, sent.timing, sent.leaves_at) == ("sent", "", None)
    with pytest.raises(departures.TooLate):
        departures.take_back(message_id=sent.id, actor=world.agency.agent)


def test_a_scheduled_reply_is_called_off_when_they_write_first(world: World, thread: Conversation) -> None:
    at = now() + timedelta(hours=20)
    sent = reply(world, thread, "Good morning", leaves_at=at)
    thread.refresh_from_db()
    assert thread.last_snippet == "Tell me more", "nobody has been answered yet"
    assert OutboundMessage.objects.get().not_before == at
    world.says("marta", "Never mind", WORKING + timedelta(hours=1), message="m2")
    assert sent.refreshed().state == "withdrawn"
    assert OutboundMessage.objects.get().state == "cancelled"
    assert ReplyDraft.objects.get().body == "Good morning"
    assert SystemLine.objects.filter(kind="called_off", text__contains="Marta").exists()
    assert thread.refreshed().last_snippet == "Never mind"


def test_a_reply_that_is_held_up_does_not_leave_after_they_wrote(
    world: World, thread: Conversation, time_machine: Any
) -> None:
    """However it came to wait: a limit, a pause, a disconnected account, the undo window."""
    sent = reply(world, thread, "Gladly, on Monday?")
    [row] = OutboundMessage.objects.all()
    time_machine.shift(timedelta(minutes=5))
    world.says("marta", "Not any more", now(), message="m2")
    assert (sent.refreshed().state, row.refreshed().state) == ("withdrawn", "cancelled")
    assert ReplyDraft.objects.get().body == "Gladly, on Monday?"
    # They wrote on another channel, and the task that says so was lost: the outbox asks again before it leaves.
    answer = reply(world, thread, "Then on Tuesday?", leaves_at=now() + timedelta(hours=1))
    time_machine.shift(timedelta(minutes=5))
    elsewhere = Conversation.objects.create(
        client_id=thread.client_id, sender_id=thread.sender_id, channel="linkedin", lead_id=thread.lead_id,
        last_message_at=now(), counterpart_id="her other account",
    )  # fmt: skip
    theirs = Message.objects.create(
        conversation=elsewhere, revision=1, direction="inbound", state="received", occurred_at=now()
    )
    time_machine.shift(timedelta(hours=1))
    assert dispatch.claim_next(thread.sender_id) is None
    answer.refresh_from_db()
    assert (answer.state, answer.outbound.state) == ("withdrawn", "cancelled")
    assert ReplyDraft.objects.get().body.startswith("Then on Tuesday?")
    assert Notification.objects.filter(title__contains="wrote first").count() == 2
    # Whoever sends it all the same, having seen what they wrote, is not stopped by it.
    again = reply(world, thread, "Then on Tuesday?")
    claimed = dispatch.claim_next(thread.sender_id)
    assert claimed is not None
    assert claimed.outbound.id == again.outbound_id
    # And at once, where it is told.
    waiting = reply(world, thread, "Or in May?", leaves_at=now() + timedelta(hours=1))
    time_machine.shift(timedelta(minutes=1))
    theirs.pk, theirs.created_at, theirs.occurred_at, theirs._state.adding = uuid7(), now(), now(), True
    theirs.save()
    departures.call_off_elsewhere(conversation_id=elsewhere.id)
    assert waiting.refreshed().state == "withdrawn"


def test_a_note_takes_no_half_written_reply_away(world: World, thread: Conversation) -> None:
    agent = world.agency.agent
    drafts.save(conversation_id=thread.id, author=agent, body="Dear Marta, we co", version=0)
    triage.assign(
        conversation_id=thread.id, assignee_id=world.agency.manager.id, actor=agent, note="Yours, please"
    )
    notes.add_note(conversation_id=thread.id, author=agent, body="She likes cats", from_composer=True)
    assert ReplyDraft.objects.get().body == "Dear Marta, we co"
    drafts.save(conversation_id=thread.id, author=agent, body="A note to my", mode="note")
    reply(world, thread, "Gladly.")
    assert ReplyDraft.objects.get().body == "A note to my"
    notes.add_note(conversation_id=thread.id, author=agent, body="A note to myself", from_composer=True)
    assert not ReplyDraft.objects.exclude(body="").exists()


def test_a_scheduled_reply_can_leave_earlier_or_later(world: World, thread: Conversation) -> None:
    sent = reply(world, thread, leaves_at=now() + timedelta(hours=20))
    later = now() + timedelta(hours=40)
    departures.move(message_id=sent.id, leaves_at=later, actor=world.agency.agent)
    assert OutboundMessage.objects.get().not_before == later
    departures.leave_now(message_id=sent.id, actor=world.agency.agent)
    assert OutboundMessage.objects.get().not_before <= now()
    with pytest.raises(Invalid, match="next 180 days"):
        reply(world, thread, leaves_at=now() - timedelta(minutes=1))


def test_what_is_scheduled_is_listed_moved_and_called_off_from_one_page(
    world: World, thread: Conversation, client: Browser
) -> None:
    agency = world.agency
    page = agency.url("inbox/scheduled/")
    at = now() + timedelta(hours=20)
    sent = reply(world, thread, "Good morning", leaves_at=at)
    agency.agent.time_zone = "Asia/Tokyo"
    agency.agent.save()
    client.force_login(agency.agent2)
    assert "Good morning" in client.get(page).content.decode()
    assert "Good morning" not in client.get(f"{page}?mine=1").content.decode()
    assert f'data-live-count="view-scheduled">{1}<' in client.get(agency.url("inbox/")).content.decode()
    client.force_login(agency.people["limited"])
    assert "Good morning" not in client.get(page).content.decode(), "of another client"
    client.force_login(agency.agent)
    departure = agency.url(f"inbox/messages/{sent.id}/departure/")
    for wrong in ("", "soon", "2026-13-45T00:00", "0001-01-01T00:00", "9999-12-31T23:59"):
        refused = client.post(departure, {"at": wrong})
        assert refused.status_code == 422, wrong
    assert sent.refreshed().leaves_at == at, "a time that is none must never mean: now"
    day = (WORKING + timedelta(days=2)).date()
    assert client.post(departure, {"at": f"{day}T09:30"}).status_code == 204
    assert sent.refreshed().leaves_at == datetime.combine(day, time(0, 30), UTC), "09:30 of whoever asks"
    world.says("marta", "Never mind", WORKING + timedelta(hours=1), message="m2")
    assert "Nothing is scheduled" in client.get(page).content.decode()


# --- drafts -----------------------------------------------------------------------------------------


def test_a_draft_lies_on_the_server_and_is_never_overwritten_unseen(
    world: World, thread: Conversation
) -> None:
    author = world.agency.agent

    def save(body: str, version: int | None) -> ReplyDraft | None:
        return drafts.save(conversation_id=thread.id, author=author, body=body, version=version)

    first = save("Hi Mar", 0)
    assert first is not None
    assert first.version == 1
    second = save("Hi Marta", 1)
    assert second is not None
    assert second.version == 2
    with pytest.raises(drafts.DraftConflict) as conflict:
        save("Dear Marta", 1)
    assert conflict.value.draft.body == "Hi Marta"
    drafts.save(conversation_id=thread.id, author=world.agency.manager, body="Another person's", version=0)
    assert ReplyDraft.objects.count() == 2
    reply(world, thread, "Hi Marta")
    assert [row.author for row in ReplyDraft.objects.exclude(body="")] == [world.agency.manager]
    # A device that has slept through the sending knows version 2: what is written next is newer to it.
    after = save("And one more thing", 0)
    assert after is not None
    assert after.version > 3
    with pytest.raises(drafts.DraftConflict):
        save("Hi Marta, and", 2)


def test_a_file_that_was_not_sent_is_its_uploaders_alone(
    world: World, thread: Conversation, client: Browser
) -> None:
    agency = world.agency
    row = files.upload(conversation=thread, author=agency.agent, name="offer.png", data=PNG)
    for user, status in ((agency.manager, 404), (agency.agent, 200)):
        client.force_login(user)
        assert client.get(agency.url(f"inbox/files/{row.id}/")).status_code == status
    reply(world, thread, file_ids=(row.id,))
    client.force_login(agency.manager)
    assert client.get(agency.url(f"inbox/files/{row.id}/")).status_code == 200, "it is in the thread by now"


# --- canned replies and variables -------------------------------------------------------------------


def test_variables_are_filled_in_and_an_unfilled_one_never_leaves(world: World, thread: Conversation) -> None:
    row = canned.save(
        canned=None, name="Confirm", body="Hi {{ lead.first_name }}, {{ company.name }} it is.", client=None,
        owner=None, channel="", actor=world.agency.manager,
    )  # fmt: skip
    filled = canned.fill(row.body, conversation=thread)
    assert filled.text.startswith("Hi Marta, [company.name]")
    assert filled.missing == ("company.name",)
    for text in (row.body, filled.text):
        with pytest.raises(Invalid, match=r"company\.name"):
            reply(world, thread, text)
    assert not OutboundMessage.objects.exists()
    sent = reply(world, thread, "Hi {{ lead.first_name }}!", canned_id=row.id)
    assert sent.body == OutboundMessage.objects.get().body == "Hi Marta!"
    world.deliver(OutboundMessage.objects.get(), chat_id="chat_marta")
    world.says("marta", "Yes", now() + timedelta(minutes=1), message="m2")
    row.refresh_from_db()
    assert (row.uses, row.answers) == (1, 1)
    with pytest.raises(Invalid, match=r"Did you mean lead.first_name"):
        canned.save(canned=None, name="Bad", body="{{ lead.firstname }}", client=None, owner=None, channel="",
                    actor=world.agency.manager)  # fmt: skip


def test_canned_replies_are_offered_to_whom_they_belong(world: World, thread: Conversation) -> None:
    agency = world.agency
    other = agency.second
    for name, client, owner, channel in (
        ("team", None, None, ""), ("client", agency.first, None, ""), ("mine", None, agency.agent, ""),
        ("theirs", None, agency.manager, ""), ("other client", other, None, ""), ("sms", None, None, "sms"),
    ):  # fmt: skip
        canned.save(canned=None, name=name, body="x", client=client, owner=owner, channel=channel,
                    actor=agency.manager)  # fmt: skip
    offered = {row.name for row in canned.offered(conversation=thread, user=agency.agent)}
    assert offered == {"team", "client", "mine"}
    with pytest.raises(Invalid, match="called team already"):
        canned.save(
            canned=None, name="team", body="y", client=None, owner=None, channel="", actor=agency.agent
        )
    assert CannedReply.objects.count() == 6


def test_what_is_there_for_all_clients_is_changed_by_whoever_reaches_them(
    world: World, client: Browser
) -> None:
    """Somebody of one client uses the team's texts and macros, and takes none of them away from the others."""
    agency = world.agency
    text = canned.save(
        canned=None, name="team", body="x", client=None, owner=None, channel="", actor=agency.manager
    )
    macro = macros.save(
        macro=None, name="team", key="", client=None, owner=None, actor=agency.manager,
        parts=macros.Parts(end="close"),
    )  # fmt: skip
    for user, status in ((agency.limited, 404), (agency.manager, 303)):
        client.force_login(user)
        assert "team" in client.get(agency.url("inbox/canned/")).content.decode()
        assert "team" in client.get(agency.url("inbox/macros/")).content.decode()
        for address in (f"inbox/canned/{text.id}/", f"inbox/macros/{macro.id}/"):
            assert client.post(agency.url(address), {"act": "delete"}).status_code == status
    assert not CannedReply.objects.exists()


# --- ways -------------------------------------------------------------------------------------------


def test_nobody_answers_from_another_clients_sender_or_unasked_from_another(post: Post) -> None:
    lead = post.lead("Ada", phone="+46701234567")
    post.answers("ada@prospect.test", "Hello", WORKING)
    thread = Conversation.objects.get()
    assert thread.lead == lead
    assert [(way.sender.id, way.to) for way in channels.ways(thread)] == [
        (post.mailbox.id, "ada@prospect.test"), (post.number.id, "+46701234567"),
    ]  # fmt: skip

    def send(**options: Any) -> Message:
        return replies.send_reply(
            conversation_id=thread.id, author=post.agency.agent, body="By text", client_token=uuid.uuid4(),
            seen_revision=thread.refreshed().revision, options=replies.Options(**options),
        )  # fmt: skip

    with pytest.raises(channels.SenderUnconfirmed, match="knows"):
        send(sender_id=post.number.id)
    foreign = SenderAccount.objects.create(
        client=post.agency.second, connection=post.number.connection, channel="sms", name="Foreign",
        provider_account_id="foreign", address="+15550100", status="ok",
    )  # fmt: skip
    with pytest.raises(channels.SenderRefused, match="does not belong to"):
        send(sender_id=foreign.id, confirm_sender=True)
    assert not OutboundMessage.objects.exists()
    sent = send(sender_id=post.number.id, confirm_sender=True)
    assert sent.conversation_id != thread.id
    row = OutboundMessage.objects.get()
    assert (row.sender_id, row.channel, row.recipient) == (post.number.id, "sms", {"phone": "+46701234567"})
    assert SystemLine.objects.filter(conversation=thread, kind="elsewhere").exists()
    # What is unread there is looked at first, and said to be no more than that.
    triage.mark_unread(conversation_id=sent.conversation_id)
    with pytest.raises(replies.UnreadElsewhere, match="is unread") as refusal:
        send(sender_id=post.number.id, confirm_sender=True)
    assert (refusal.value.status, refusal.value.code) == (409, "UNREAD_ELSEWHERE")
    assert refusal.value.details["conversation"] == str(sent.conversation_id)


def test_the_composer_says_beforehand_that_somebody_is_not_to_be_written_to(
    world: World, thread: Conversation, client: Browser
) -> None:
    assert thread.lead is not None
    suppression.suppress_lead(
        lead=thread.lead, channel="linkedin", source="reply", reason="Asked to be left alone"
    )
    hold = channels.forbidden(thread)
    assert hold is not None
    with no_scope():
        client.force_login(world.agency.agent)
        page = client.get(world.agency.url(f"inbox/{thread.id}/")).content.decode()
    assert "Do not write here." in page
    assert "Asked to be left alone" in page


# --- files ------------------------------------------------------------------------------------------


def test_files_go_with_a_reply_by_the_policy(world: World, thread: Conversation) -> None:
    author = world.agency.agent

    def upload(name: str, data: bytes) -> MessageFile:
        return files.upload(conversation=thread, author=author, name=name, data=data)

    layout = upload("../hall layout.png", PNG)
    assert (layout.name, layout.mime_type, layout.size) == ("hall layout.png", "image/png", len(PNG))
    for name, data, why in (
        ("run.exe", b"MZ", "programs"), ("prices.xlsm", b"PK", "programs"), ("empty.txt", b"", "empty"),
        ("big.pdf", b"0" * (files.MAX_FILE + 1), "at most"),
    ):  # fmt: skip
        with pytest.raises(files.FileRefused, match=why):
            upload(name, data)
    sent = reply(world, thread, "Here it is", file_ids=(layout.id,))
    [row] = OutboundMessage.objects.select_related("sender", "sender__connection")
    [leaving] = outgoing.files_of(row)
    assert (leaving.name, leaving.content) == ("hall layout.png", PNG)
    assert sent.attachments[0]["name"] == "hall layout.png"
    with pytest.raises(files.FileRefused, match="gone"):
        reply(world, thread, "Again", file_ids=(layout.id,))


def test_received_files_are_fetched_once_and_served_so_that_they_can_do_no_harm(
    post: Post, client: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    post.answers(
        "ada@prospect.test", "Layout attached", WORKING,
        html='<table><tr><td>Layout</td></tr></table><img src="cid:plan"><img src="https://t.example/x.gif">',
        attachments=(
            Attachment(attachment_id="1", name="plan.png", mime_type="image/png", kind="image", content_id="plan"),
            Attachment(attachment_id="2", name="page.html", mime_type="text/html", size=9),
        ),
    )  # fmt: skip
    message = Message.objects.get()
    asked: list[str] = []

    def fetch(*, attachment_id: str, **_: Any) -> bytes:
        asked.append(attachment_id)
        return {"1": PNG, "2": b"<script>1</script>"}[attachment_id]

    monkeypatch.setattr(attachments, "fetch", fetch)
    plan, page = MessageFile.objects.order_by("attachment_id")
    with no_scope():
        client.force_login(post.agency.agent)
        url = post.agency.url("inbox/files/")
        shown = [client.get(f"{url}{plan.id}/?show=1") for _ in range(2)][-1]
        harmful = client.get(f"{url}{page.id}/?show=1")
        body = client.get(post.agency.url(f"inbox/messages/{message.id}/body/"))
        thread = client.get(post.agency.url(f"inbox/{message.conversation_id}/")).content.decode()
    assert asked == ["1", "2"]
    assert (shown["Content-Type"], shown["Content-Disposition"][:6]) == ("image/png", "inline")
    assert harmful["Content-Type"] == "application/octet-stream"
    assert harmful["Content-Disposition"].startswith("attachment")
    for answer in (shown, harmful, body):
        assert "default-src 'none'" in answer["Content-Security-Policy"]
        assert "sandbox" in answer["Content-Security-Policy"]
        assert answer["X-Content-Type-Options"] == "nosniff"
    assert f"/inbox/files/{plan.id}/?show=1" in body.content.decode()
    assert "t.example" not in body.content.decode()
    assert 'sandbox="allow-same-origin' in thread
    assert "1 image blocked" in thread


def test_a_file_that_is_gone_says_so(post: Post, client: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    post.answers(
        "ada@prospect.test", "See", WORKING, attachments=(Attachment(attachment_id="1", name="a.pdf"),)
    )

    def gone(**_: Any) -> bytes:
        raise ProviderError(ErrorKind.NOT_FOUND, "The mailbox has this mail no more.", provider="mailbox")

    monkeypatch.setattr(attachments, "fetch", gone)
    found = MessageFile.objects.get()
    with pytest.raises(Refused, match="no more"):
        files.load(file=found)
    assert found.refreshed().state == "gone"


# --- notes ------------------------------------------------------------------------------------------


def test_a_note_mentions_people_who_may_read_it(world: World, thread: Conversation) -> None:
    agency = world.agency
    name = agency.manager.display_name
    note = notes.add_note(
        conversation_id=thread.id, author=agency.agent, body=f"@{name} please look, not @nobody or a@{name}"
    )
    assert [one["id"] for one in note.mentions] == [str(agency.manager.id)]
    called = notes.add_note(conversation_id=thread.id, author=agency.agent, body="@Team: who knows Kiruna?")
    assert [one["name"] for one in called.mentions] == ["team"]
    told = Notification.objects.filter(occasion="mention", key=f"note:{called.id}")
    readers = {person.id for person in notes.people_of(thread.client_id)} - {agency.agent.id}
    assert set(told.values_list("user_id", flat=True)) == readers
    assert {"text": "@Team", "mention": True} in presenters.pieces(called.body, called.mentions)


def test_pinned_notes_stay_in_sight_beside_the_thread(
    world: World, thread: Conversation, client: Browser
) -> None:
    agency = world.agency
    made = [
        notes.add_note(conversation_id=thread.id, author=agency.agent, body=f"Line {number}")
        for number in range(notes.MAX_PINNED + 1)
    ]
    client.force_login(agency.agent2)
    for note in made[:-1]:
        assert client.post(agency.url(f"inbox/notes/{note.id}/pin/")).status_code == 204
    one_too_many = client.post(agency.url(f"inbox/notes/{made[-1].id}/pin/"))
    assert one_too_many.status_code == 422
    assert "Take one down first" in one_too_many.content.decode()
    client.delete(agency.url(f"inbox/notes/{made[1].id}/pin/"))
    panel = client.get(agency.url(f"inbox/{thread.id}/context/")).content.decode()
    shown = panel[panel.index('id="pinned-notes"') : panel.index("</ul>", panel.index('id="pinned-notes"'))]
    assert [f"Line {number}" in shown for number in range(6)] == [True, False, True, True, True, False]


def test_whoever_began_later_is_asked_before_both_answer(
    world: World, thread: Conversation, client: Browser, time_machine: Any
) -> None:
    agency = world.agency
    drafts.save(conversation_id=thread.id, author=agency.agent2, body="Let me look that up")
    time_machine.shift(timedelta(seconds=1))
    drafts.save(conversation_id=thread.id, author=agency.agent, body="Gladly.")
    client.force_login(agency.agent)
    given = {
        "body": "Gladly.",
        "client_token": str(uuid.uuid4()),
        "seen_revision": thread.refreshed().revision,
    }
    url = agency.url(f"inbox/{thread.id}/replies/")
    asked = client.post(url, given)
    page = asked.content.decode()
    assert asked.status_code == 409
    assert f"{agency.agent2.display_name} began a reply here before you" in page
    assert "Let me look that up" in page
    assert ">Gladly.</textarea>" in page, "the text is kept"
    assert not OutboundMessage.objects.exists()
    # The one who began is not asked, nor is anybody when it has been lying there for a while.
    reply_of_first = replies.send_reply(
        conversation_id=thread.id,
        author=agency.agent2,
        body="It is 40.",
        client_token=uuid.uuid4(),
        seen_revision=thread.refreshed().revision,
        options=replies.Options(undo_seconds=10),
    )
    departures.take_back(message_id=reply_of_first.id, actor=agency.agent2)
    drafts.clear(conversation_id=thread.id, author=agency.agent)
    time_machine.shift(timedelta(minutes=3))
    reply(world, thread)
    # And a note disturbs nobody.
    drafts.save(conversation_id=thread.id, author=agency.agent2, body="Hm", mode=ReplyDraft.Mode.NOTE)
    reply(world, thread, "And")
    drafts.save(conversation_id=thread.id, author=agency.agent2, body="Hm", mode=ReplyDraft.Mode.REPLY)
    reply(world, thread, "Both", despite_others=True)
    assert OutboundMessage.objects.exclude(state="cancelled").count() == 3
