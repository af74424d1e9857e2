"""E-mail and SMS from step to person and back: what leaves, what is reported, what stops."""

# ruff: noqa: E501 (calls that say one thing stay on one line)

from __future__ import annotations

import random
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client as Browser

from campaigns.models import (
    Campaign,
    LeadChannel,
    OutreachPolicy,
    ScheduledAction,
    SendOutcome,
    Suppression,
    Unsubscribe,
)
from campaigns.plans.schema import Plan, SendNode
from campaigns.plans.texts import with_texts
from campaigns.services import leads as lead_service
from campaigns.services import messages, previews, suppression, threading, unsubscribes
from campaigns.services.planning import plan_of
from campaigns.services.refusals import NotSendable, NotYet
from inbox.models import Conversation, Message
from integrations.events import (
    LinkClicked,
    MessageBounced,
    MessageDelivered,
    MessageFailed,
    MessageOpened,
    SpamComplained,
    Unsubscribed,
)
from integrations.models import OutboundMessage, ProviderEvent, ProviderEventKey, SenderAccount
from integrations.services import outbox
from integrations.services.outgoing import email_of, message_id_of
from project.core.clock import now
from project.core.scoping import no_scope
from reporting.models import Fact
from tests.campaigns.channels import MAIL, Post, post
from tests.campaigns.conftest import WORKING

__all__ = ["post"]
pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


def held(lead: Any) -> ScheduledAction:
    return ScheduledAction.objects.get(enrollment__lead=lead, state="due", kind="send")


# --- what leaves --------------------------------------------------------------------------------------


def test_an_email_has_footer_headers_and_two_parts(post: Post) -> None:
    lead = post.lead("Ada")
    post.launch()
    sent = post.send_next()
    mail = email_of(OutboundMessage.objects.select_related("sender", "sender__connection").get(id=sent.id))
    assert mail.to_email == "ada@prospect.test"
    assert mail.subject == "Cold rooms at your place"
    assert mail.message_id == f"<{sent.id.hex}@kestrel.test>"
    assert mail.text.startswith(
        "Hi Ada,\n\nsee https://kestrelcooling.com/a?b=1&c=2.\n\nLeo Sand\nKestrel\n\n--\n"
    )
    assert "Kestrel AB, Storgatan 1 111 22 Stockholm" in mail.text
    assert '<a href="https://kestrelcooling.com/a?b=1&amp;c=2">' in mail.html
    url = mail.text.rsplit("Unsubscribe: ", 1)[1]
    assert f"<{url}>" in mail.headers["List-Unsubscribe"]
    assert "<mailto:leo@kestrel.test?subject=unsubscribe%20" in mail.headers["List-Unsubscribe"]
    assert mail.headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert "ada" not in url
    assert post.enrollment(lead).stage == "messaged"
    assert Fact.objects.filter(kind="emailed").count() == 1


def test_a_follow_up_continues_the_thread(post: Post, time_machine: Any) -> None:
    post.lead("Ada")
    post.launch()
    first = post.send_next()
    second = post.sent(post.wait_for_send(time_machine))
    assert second.payload["subject"] == "Re: Cold rooms at your place"
    assert second.payload["in_reply_to"] == message_id_of(first)
    assert second.payload["references"] == [message_id_of(first)]
    assert Conversation.objects.count() == 1
    assert list(Message.objects.order_by("occurred_at").values_list("subject", flat=True)) == [
        "Cold rooms at your place", "Re: Cold rooms at your place",
    ]  # fmt: skip


def test_a_follow_up_waits_for_its_thread_and_says_if_there_will_be_none(post: Post) -> None:
    lead = post.lead("Ada")
    post.launch()
    enrollment = post.enrollment(lead)
    bump = plan_of(enrollment).node("bump")
    assert isinstance(bump, SendNode)
    with pytest.raises(NotSendable, match="never sent") as never:
        threading.continuing(enrollment, bump)
    assert never.value.final
    post.tick()
    with pytest.raises(NotYet, match="not left yet") as early:
        threading.continuing(enrollment, bump)
    assert not early.value.final


def test_the_first_text_names_the_sender_and_the_way_out(post: Post, time_machine: Any) -> None:
    post.lead("Ada", phone="+46701234567")
    post.launch()
    post.send_next()
    texts = []
    for days in (5, 8, 12, 16):
        time_machine.move_to(WORKING + timedelta(days=days), tick=False)
        post.tick()
        post.tick()
        for queued in post.queued():
            sent = post.sent(queued)
            texts += [sent] if sent.channel == "sms" else []
    assert [text.body for text in texts] == [
        "Hi Ada, a word about cold rooms?\nKestrel AB. Reply STOP to opt out."
    ]
    assert texts[0].payload["segments"] == {"encoding": "GSM-7", "units": 67, "count": 1}
    assert texts[0].recipient == {"phone": "+46701234567"}


def test_texts_wait_for_a_decent_hour_where_the_number_is(post: Post, time_machine: Any) -> None:
    plan = {**MAIL, "startNodeId": "text", "nodes": MAIL["nodes"][2:]}
    type(post.campaign).objects.filter(id=post.campaign.id).update(
        draft_plan=plan, window={"weekdays": [0, 1, 2, 3, 4], "start": "07:00", "end": "22:00"}
    )
    post.campaign.refresh_from_db()
    lead = post.lead("Ada", phone="+12125550123")  # New York: 04:00 there
    post.launch()
    post.tick()
    assert not post.queued()
    action = held(lead)
    assert action.held_by == "quiet_hours"
    opens, closes = datetime(2026, 11, 18, 14, 0, tzinfo=UTC), datetime(2026, 11, 18, 21, 0, tzinfo=UTC)
    assert opens < action.due_at < closes  # somewhere in their day, not with all others when it begins
    time_machine.move_to(action.due_at, tick=False)
    post.tick()
    assert len(post.queued()) == 1


def test_an_unfilled_variable_never_leaves(post: Post) -> None:
    lead = post.lead("Ada")
    type(lead).objects.filter(id=lead.id).update(first_name="")
    post.launch(accept_unfilled=True)
    post.tick()
    assert not OutboundMessage.objects.exists()
    assert "lead.first_name" in post.enrollment(lead).reason


def test_variants_are_sticky_and_written_down(post: Post) -> None:
    plan = {**MAIL, "nodes": [dict(node) for node in MAIL["nodes"]]}
    content = plan["nodes"][0].pop("content")
    plan["nodes"][0]["variants"] = [
        {"id": "a", "weight": 1, "content": content}, {"id": "b", "weight": 1, "content": content},
    ]  # fmt: skip
    type(post.campaign).objects.filter(id=post.campaign.id).update(draft_plan=plan)
    post.campaign.refresh_from_db()
    for number in range(12):
        post.lead(f"Lead{number}")
    post.launch()
    while post.tick():
        pass
    assert set(OutboundMessage.objects.values_list("variant_id", flat=True)) == {"a", "b"}


# --- what is reported ---------------------------------------------------------------------------------


def test_reports_reach_the_sequence_and_the_reports(post: Post) -> None:
    lead = post.lead("Ada")
    post.launch()
    sent = post.send_next()
    post.report(MessageDelivered, sent, WORKING + HOUR)
    post.report(MessageOpened, sent, WORKING + HOUR, is_machine=True, vendor_event_id="o1")
    post.report(MessageOpened, sent, WORKING + 2 * HOUR, vendor_event_id="o2")
    post.report(MessageOpened, sent, WORKING + 3 * HOUR, vendor_event_id="o3")
    post.report(LinkClicked, sent, WORKING + 3 * HOUR, url="https://kestrel.test/a", vendor_event_id="c1")
    counted = dict.fromkeys(Fact.objects.values_list("kind", flat=True), 0)
    for kind in Fact.objects.values_list("kind", flat=True):
        counted[kind] += 1
    assert counted == {
        "enrolled": 1, "emailed": 1, "delivered": 1, "machine_opened": 1, "opened": 1, "clicked": 1,
    }  # fmt: skip
    outcome = SendOutcome.objects.get()
    assert outcome.opened_at == WORKING + 2 * HOUR
    assert outcome.machine_opened_at == WORKING + HOUR
    assert post.enrollment(lead).status == "active"
    assert Message.objects.get().state == "seen"


def test_a_hard_bounce_ends_the_sequence_and_marks_the_address(post: Post) -> None:
    lead = post.lead("Ada")
    post.launch()
    sent = post.send_next()
    post.bounces(sent, WORKING + HOUR)
    enrollment = post.enrollment(lead)
    assert (enrollment.status, enrollment.stage) == ("ended", "bounced")
    assert LeadChannel.objects.get(lead=lead, kind="email").bounced_at == WORKING + HOUR
    entry = Suppression.objects.get()
    assert (entry.source, entry.value, entry.expires_at) == ("bounce", "ada@prospect.test", None)
    message = Message.objects.get()
    assert (message.state, message.failure) == ("failed", "550 5.1.1 user unknown")
    assert not Fact.objects.filter(kind="replied").exists()


def test_a_bounce_kept_under_the_key_of_before_is_no_news(post: Post) -> None:
    """Keys did not name the recipient once; calls of that time may be replayed."""
    post.lead("Ada")
    post.launch()
    sent = post.send_next()
    post.bounces(sent, WORKING + HOUR)
    kept = ProviderEventKey.objects.get(key__startswith="message_bounced:")
    kept.key = kept.key.removesuffix(":ada@prospect.test")
    assert kept.key.endswith(":permanent")
    kept.save()

    post.bounces(sent, WORKING + HOUR)
    bounces = ProviderEvent.objects.filter(kind="message_bounced")
    assert bounces.count() == 1
    assert Fact.objects.filter(kind="bounced").count() == 1

    # Somebody else's is, whatever the key of before.
    post.bounces(sent, WORKING + 2 * HOUR, recipient="bo@prospect.test")
    assert bounces.count() == 2


def test_a_soft_bounce_rests_the_address_and_ends_nothing(post: Post, time_machine: Any) -> None:
    lead = post.lead("Ada")
    post.launch()
    sent = post.send_next()
    post.bounces(sent, WORKING + HOUR, permanent=False, category="mailbox", reason="452 4.2.2 mailbox full")
    assert post.enrollment(lead).status == "active"
    assert Suppression.objects.get().expires_at == WORKING + HOUR + timedelta(days=30)
    bump = post.wait_for_send(time_machine)
    assert bump.node_id == "bump"
    assert now() >= WORKING + HOUR + timedelta(days=30)
    assert post.enrollment(lead).status == "active"


def test_a_deferral_or_a_block_says_nothing_against_the_address(post: Post) -> None:
    post.lead("Ada")
    post.launch()
    sent = post.send_next()
    post.bounces(sent, WORKING + HOUR, permanent=False, category="deferred")
    post.bounces(sent, WORKING + 2 * HOUR, permanent=False, category="reputation")
    assert not Suppression.objects.exists()


def test_a_machine_hard_bounce_never_weakens_to_a_soft_one(post: Post) -> None:
    post.lead("Ada")
    post.launch()
    sent = post.send_next()
    post.bounces(sent, WORKING + HOUR)
    post.bounces(sent, WORKING + 2 * HOUR, permanent=False, category="mailbox")
    assert Suppression.objects.get().expires_at is None


def test_a_complaint_stops_the_whole_organization(post: Post) -> None:
    lead = post.lead("Ada")
    post.launch()
    sent = post.send_next()
    post.report(SpamComplained, sent, WORKING + HOUR, recipient="Ada@Prospect.test")
    assert Suppression.objects.get().client_id is None
    enrollment = post.enrollment(lead)
    assert (enrollment.status, enrollment.stage) == ("ended", "unsubscribed")
    assert Fact.objects.filter(kind="complained").count() == 1
    assert Unsubscribe.objects.get().how == "complaint"
    assert not unsubscribes.resubscribe(address=unsubscribes.Address.of_link(link_of(sent)))


def link_of(sent: OutboundMessage) -> Any:
    link = unsubscribes.find(token_of(sent))
    assert link is not None
    return link


def token_of(sent: OutboundMessage) -> str:
    return sent.payload["headers"]["List-Unsubscribe"].rsplit("/u/", 1)[1].rstrip(">")


def test_what_the_provider_dropped_is_a_failure_and_its_list_is_ours(post: Post) -> None:
    post.lead("Ada")
    post.launch()
    sent = post.send_next()
    post.report(
        MessageFailed, sent, WORKING + HOUR, recipient="ada@prospect.test", category="suppressed", reason="Bounced Address"
    )  # fmt: skip
    assert Suppression.objects.get().source == "provider"
    assert Message.objects.get().state == "failed"


def test_reports_in_any_order_come_to_the_same(post: Post) -> None:
    """Also before the message is in its thread, and twice."""
    ends = set()
    for seed in range(6):
        lead = post.lead(f"Any{seed}")
        if seed == 0:
            post.launch()
        else:
            from campaigns.services import enrollments

            enrollments.enroll_audience(campaign_id=post.campaign.id)
        sent = post.send_next()
        reports: list[Any] = [
            (MessageDelivered, WORKING + HOUR, {}),
            (MessageOpened, WORKING + 2 * HOUR, {"vendor_event_id": uuid4().hex}),
            (LinkClicked, WORKING + 3 * HOUR, {"url": "https://k.test", "vendor_event_id": uuid4().hex}),
            (MessageBounced, WORKING + 4 * HOUR, {"is_permanent": True, "reason": "gone", "category": "invalid_address"}),
        ]  # fmt: skip
        random.Random(seed).shuffle(reports)
        for kind, at, values in [*reports, reports[0]]:
            post.report(kind, sent, at, **values)
        outcome = SendOutcome.objects.get(outbound_id=sent.id)
        enrollment = post.enrollment(lead)
        message = Message.objects.get(outbound=sent)
        ends.add(
            (
                outcome.delivered_at, outcome.opened_at, outcome.clicked_at, outcome.bounced_at, enrollment.stage,
                enrollment.status, message.state, Fact.objects.filter(enrollment_id=enrollment.id).count(),
            )
        )  # fmt: skip
    assert len(ends) == 1, ends


# --- who answers --------------------------------------------------------------------------------------


def test_a_reply_is_matched_by_what_it_answers_whoever_writes(post: Post) -> None:
    lead = post.lead("Ada")
    post.launch()
    sent = post.send_next()
    outcome = post.answers(
        "assistant@elsewhere.test", "We are interested.", WORKING + HOUR, references=(message_id_of(sent),)
    )
    assert outcome["lead_id"] == str(lead.id)
    assert "the message that is answered" in outcome["campaigns"]
    assert post.enrollment(lead).stage == "replied"
    conversation = Conversation.objects.get()
    assert conversation.lead == lead
    assert conversation.subject == "Cold rooms at your place"
    assert Message.objects.filter(conversation=conversation).count() == 2


def test_a_reply_is_matched_by_its_address_and_a_text_by_its_number(post: Post) -> None:
    lead = post.lead("Ada", phone="+46701234567")
    post.launch()
    assert post.answers("ADA@prospect.test", "Hello?", WORKING + HOUR)["lead_id"] == str(lead.id)
    assert post.texts("+46701234567", "Who is this?", WORKING + 2 * HOUR)["lead_id"] == str(lead.id)
    assert post.texts("+46709999999", "Who is this?", WORKING + 2 * HOUR).get("lead_id") is None
    assert Conversation.objects.filter(channel="sms").count() == 2


def test_a_reply_that_overtakes_its_receipt_lands_in_the_same_thread(post: Post) -> None:
    lead = post.lead("Ada")
    post.launch()
    post.tick()
    queued = post.queued()[0]
    own = message_id_of(OutboundMessage.objects.select_related("sender").get(id=queued.id))
    attempt = queued.send_attempts.create(number=1, organization_id=queued.organization_id)
    OutboundMessage.objects.filter(id=queued.id).update(state="sending", attempts=1)
    outcome = post.answers("other@prospect.test", "Quick answer", WORKING + HOUR, references=(own,))
    assert outcome["lead_id"] == str(lead.id)
    from integrations.services import outcomes
    from integrations.values import SendReceipt

    fresh = OutboundMessage.objects.select_related("sender", "sender__connection").get(id=queued.id)
    outcomes.accepted(fresh, attempt, SendReceipt(message_id="v1", provider_message_id=own, chat_id=own))
    assert Conversation.objects.count() == 1
    assert Message.objects.count() == 2
    assert post.enrollment(lead).stage == "replied"


def test_a_program_that_drops_the_root_still_finds_its_thread(post: Post, time_machine: Any) -> None:
    post.lead("Ada")
    post.launch()
    post.send_next()
    second = post.sent(post.wait_for_send(time_machine))
    own = message_id_of(second)
    post.answers(
        "ada@prospect.test",
        "Yes",
        WORKING + timedelta(days=6),
        references=(own,),
        chat=own,
        message_id="<m@x>",
    )
    post.answers(
        "ada@prospect.test",
        "Yes",
        WORKING + timedelta(days=6),
        references=(own,),
        chat=own,
        message_id="<m@x>",
    )
    assert Conversation.objects.count() == 1
    assert Message.objects.filter(direction="inbound").count() == 1


def test_automatic_mail_is_no_reply(post: Post) -> None:
    lead = post.lead("Ada")
    post.launch()
    sent = post.send_next()
    refs = (message_id_of(sent),)
    post.answers(
        "ada@prospect.test",
        "Ticket 7 was opened. Reply STOP to end.",
        WORKING + HOUR,
        references=refs,
        is_automatic=True,
    )
    assert post.enrollment(lead).status == "active"
    post.answers(
        "ada@prospect.test",
        "Ich bin bis 30.11. nicht im Büro.",
        WORKING + HOUR,
        references=refs,
        is_automatic=True,
    )
    assert post.enrollment(lead).status == "active"
    assert not Fact.objects.filter(kind="replied").exists()
    assert not Suppression.objects.exists()


@pytest.mark.parametrize("text", ["STOP", "please remove me", "Bitte keine SMS mehr"])
def test_words_that_stop_texts(post: Post, text: str) -> None:
    lead = post.lead("Ada", phone="+46701234567")
    post.launch()
    post.texts("+46701234567", text, WORKING + HOUR)
    assert post.enrollment(lead).stage == "unsubscribed"
    assert suppression.suppression_of(client_id=lead.client_id, lead_id=lead.id, channel="sms") is not None
    post.texts("+46701234567", "START", WORKING + 2 * HOUR)
    assert suppression.suppression_of(client_id=lead.client_id, lead_id=lead.id, channel="sms") is None
    assert post.enrollment(lead).status == "ended"


def test_the_provider_tells_an_opt_out_that_we_also_read(post: Post) -> None:
    post.lead("Ada", phone="+46701234567")
    post.launch()
    post.texts("+46701234567", "STOP", WORKING + HOUR)
    event = Unsubscribed(
        provider="twilio", account_id="AC1", occurred_at=WORKING + HOUR, recipient="+46701234567", how="keyword"
    )  # fmt: skip
    post.record(event, post.number)
    assert Unsubscribe.objects.count() == 1
    assert Fact.objects.filter(kind="unsubscribed").count() == 1


# --- leaving ------------------------------------------------------------------------------------------


def test_looking_at_the_link_changes_nothing_and_one_click_acts(post: Post) -> None:
    lead = post.lead("Ada")
    post.launch()
    sent = post.send_next()
    path = f"/u/{token_of(sent)}"
    browser = Browser(enforce_csrf_checks=True)
    with no_scope():
        for _ in range(3):
            page = browser.get(path)
        assert page.status_code == 200
        assert b"a\xe2\x80\xa6@prospect.test" in page.content
        assert browser.head(path).status_code == 200
    assert not Suppression.objects.exists()
    with no_scope():
        for body in ("List-Unsubscribe=One-Click", "List-Unsubscribe=One-Click"):
            answer = browser.post(path, body, content_type="application/x-www-form-urlencoded")
            assert (answer.status_code, answer.headers.get("Location")) == (200, None)
    assert Suppression.objects.get().source == "one_click"
    assert post.enrollment(lead).stage == "unsubscribed"
    assert Unsubscribe.objects.count() == 1
    with no_scope():
        assert browser.post(path, {"List-Unsubscribe": "One-Click"}).status_code == 200  # multipart
        assert b"You are unsubscribed" in browser.get(path).content
        assert b"may write" in browser.post(path, {"act": "resubscribe"}).content
    assert not Suppression.objects.exists()
    assert Unsubscribe.objects.get().undone_at is not None
    with no_scope():
        assert b"no longer writes" in browser.post(path, {"act": "unsubscribe"}).content
    assert Suppression.objects.get().source == "link"


@pytest.mark.parametrize("token", ["", "x", "0" * 32 + "." + "a" * 43, "0" * 64, "é" * 40])
def test_a_made_up_link_is_not_found(client: Browser, token: str, db: None) -> None:
    for answer in (client.get(f"/u/{token}"), client.post(f"/u/{token}")):
        assert answer.status_code == 404


def test_a_link_works_for_years_after_lead_and_campaign_are_gone(post: Post, time_machine: Any) -> None:
    lead = post.lead("Ada")
    address = unsubscribes.Address(
        client_id=lead.client_id,
        channel="email",
        value="ada@prospect.test",
        lead_id=lead.id,
        campaign_id=post.campaign.id,
    )
    path = f"/u/{unsubscribes.token_of(unsubscribes.link_for(address))}"
    lead.delete()
    post.campaign.delete()
    time_machine.move_to(WORKING + timedelta(days=2000), tick=False)
    with no_scope():
        assert Browser().post(path, {"List-Unsubscribe": "One-Click"}).status_code == 200
    assert Suppression.objects.get().value == "ada@prospect.test"


def test_a_mail_to_the_unsubscribe_address(post: Post) -> None:
    lead = post.lead("Ada")
    post.launch()
    sent = post.send_next()
    event = Unsubscribed(
        provider="sendgrid", account_id="leo@kestrel.test", occurred_at=WORKING + HOUR, recipient="boss@other.test",
        how="mail", raw={"token": token_of(sent)},
    )  # fmt: skip
    post.record(event)
    assert Suppression.objects.get().value == "ada@prospect.test"
    assert post.enrollment(lead).stage == "unsubscribed"


def test_a_mail_with_a_forged_token_counts_for_its_writer_only(post: Post) -> None:
    post.lead("Ada")
    post.launch()
    event = Unsubscribed(
        provider="sendgrid", account_id="leo@kestrel.test", occurred_at=WORKING + HOUR, recipient="boss@other.test",
        how="mail", raw={"token": "f" * 32 + ".forged-signature-forged-signature"},
    )  # fmt: skip
    post.record(event)
    assert Suppression.objects.get().value == "boss@other.test"


def test_an_unsubscribe_for_all_clients(post: Post) -> None:
    OutreachPolicy.objects.update(unsubscribe_scope="organization")
    post.lead("Ada")
    post.launch()
    sent = post.send_next()
    unsubscribes.use(link_of(sent), how="link")
    assert Suppression.objects.get().client_id is None
    other = post.agency.second
    found = suppression.suppression_of_value(client_id=other.id, channel="email", value="ada@prospect.test")
    assert found is not None


def test_a_suppression_survives_deletion_and_reimport_and_holds_people_too(post: Post) -> None:
    lead = post.lead("Ada")
    unsubscribes.record(
        address=unsubscribes.Address(client_id=lead.client_id, channel="email", value="ada@prospect.test"), how="person"
    )  # fmt: skip
    lead.delete()
    again = post.lead("Ada")
    assert lead_service.suppressed_keys(client_id=again.client_id, keys=[("email", "ada@prospect.test")])
    post.launch()
    post.tick()
    assert not post.queued()
    assert "must not be contacted" in post.enrollment(again).reason
    reply = outbox.queue(
        sender=post.mailbox, client_id=again.client_id, channel="email", action="email", origin="reply",
        dedupe_key="reply:1", recipient={"email": "Ada@Prospect.test"}, body="Hello",
    )  # fmt: skip
    assert reply is not None
    hold = outbox.first_hold(
        OutboundMessage.objects.select_related("organization", "sender").get(id=reply.id)
    )
    assert hold is not None
    assert hold.final


def test_a_suppression_between_queue_and_attempt_is_seen(post: Post) -> None:
    post.lead("Ada")
    post.launch()
    post.tick()
    queued = OutboundMessage.objects.select_related("organization", "sender").get()
    assert outbox.first_hold(queued) is None
    suppression.suppress(
        client_id=None, channel="email", value="prospect.test", source="person", is_domain=True
    )
    hold = outbox.first_hold(queued)
    assert hold is not None
    assert hold.code == "suppressed"


def test_a_preview_is_what_leaves(post: Post) -> None:
    """Word for word: what changes from lead to lead, the subject, signature and footer, the notice of a first text."""
    lead = post.lead("Ada", phone="+46701234567")
    post.lead("Bo", phone="+46701234568")

    def vary(node: str, field: str, text: str) -> str:
        return text if field.endswith("subject") else f"{{Hi|Hello|Good day|Dear all|Hej}} {text}"

    SenderAccount.objects.filter(id=post.mailbox.id).update(signature="Erik Sand\nHalden")
    Campaign.objects.filter(id=post.campaign.id).update(draft_plan=with_texts(post.campaign.draft_plan, vary))
    post.campaign = post.campaign.refreshed()
    post.launch()
    plan = Plan.model_validate(post.campaign.draft_plan)
    channels: set[str] = set()
    for node in plan.nodes:
        if not isinstance(node, SendNode) or node.channel in channels or node.content is None:
            continue
        channels.add(node.channel)
        sender = (post.mailbox if node.channel == "email" else post.number).refreshed()
        sent = messages.compose(enrollment=post.enrollment(lead), node=node, visit=1, sender=sender)
        look = previews.of_step(post.campaign, node, node.content, search="Ada", plan=plan)
        [shown] = look.previews
        link = re.compile(r"https?://\S+/u/\S+")
        assert link.sub("", shown.text) == link.sub("", sent.body)
        assert shown.subject == sent.payload.get("subject", "")
    assert channels == {"email", "sms"}
