"""Who sends, who may enter, what a reply ends, and what holds everything: the rules around the engine."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

import pytest

from campaigns.models import (
    Campaign,
    CampaignSender,
    Company,
    EngineLane,
    EngineSettings,
    Enrollment,
    EnrollmentSender,
    Lead,
    LeadChannel,
    OutreachPolicy,
    Relation,
    ScheduledAction,
    Transition,
)
from campaigns.services import campaigns as campaign_service
from campaigns.services import engine, enrollments, entry, handover, lanes, scheduler, switching
from campaigns.services.assignment import Rotation
from integrations.models import OutboundMessage, SenderAccount, SyncRun
from integrations.services import connections, freshness, rates, senders, switches
from project.core.scoping import no_scope, platform_scope
from project.tenancy.models import Capability, Entitlement
from tests.campaigns.conftest import SEQUENCE, WORKING, World

pytestmark = pytest.mark.django_db


def seat(world: World, name: str, *, channel: str = "linkedin", **values: Any) -> SenderAccount:
    made: SenderAccount = SenderAccount.objects.create(
        client=world.agency.first,
        connection=world.connection,
        channel=channel,
        name=name,
        provider_account_id=name,
        status="ok",
        time_zone="Europe/Stockholm",
        **values,
    )
    CampaignSender.objects.create(campaign=world.campaign, sender=made)
    return made


def running(world: World, name: str, **values: Any) -> Campaign:
    """Another running campaign of the same client with the same sequence and sender."""
    campaign = campaign_service.create(client=world.agency.first, name=name, actor=world.agency.manager)
    Campaign.objects.filter(id=campaign.id).update(
        time_zone="Europe/Stockholm", draft_plan=SEQUENCE, audience={"kind": "all"}, **values
    )
    CampaignSender.objects.create(campaign=campaign, sender=world.sender)
    return campaign_service.launch(campaign=campaign.refreshed(), actor=world.agency.manager)


# --- Who sends --------------------------------------------------------------------------------------


def test_leads_are_shared_by_room_and_health(world: World) -> None:
    tired = seat(world, "Tired")
    seat(world, "Paused", paused_at=WORKING)
    rates.set_limit(sender=tired, action="invite", cap=1, actor=None)
    for number in range(12):
        world.lead(f"P{number}", f"person{number}")
    world.launch()
    counts = {
        name: EnrollmentSender.objects.filter(sender__name=name).count()
        for name in ("Erik Sand", "Tired", "Paused")
    }
    assert counts["Erik Sand"] >= counts["Tired"] > counts["Paused"]
    assert counts["Paused"] <= 1


def test_a_connection_wins_and_a_lead_keeps_its_sender(world: World) -> None:
    other = seat(world, "Other")
    marta, nils = world.lead("Marta", "marta"), world.lead("Nils", "nils")
    Relation.objects.create(sender=other, lead=marta, connected_at=WORKING)
    world.launch()
    links = {link.enrollment.lead_id: link for link in EnrollmentSender.objects.select_related("enrollment")}
    assert (links[marta.id].sender_id, links[marta.id].reason) == (other.id, "Connected to the lead already.")
    again = Rotation.of(world.campaign, [nils]).choose(nils.id, ("linkedin", ""))
    assert again is not None
    assert again.sender.id == links[nils.id].sender_id
    assert "already" in again.reason


def test_steps_may_name_a_pool_or_an_account(world: World) -> None:
    founder = seat(world, "Founder")
    CampaignSender.objects.filter(sender=founder).update(pools=["founders"])
    nodes = [dict(node) for node in SEQUENCE["nodes"]]
    nodes[1]["sender"] = {"pool": "founders"}
    nodes[2]["sender"] = {"account": str(world.sender.id)}
    Campaign.objects.filter(id=world.campaign.id).update(draft_plan={**SEQUENCE, "nodes": nodes})
    world.campaign = world.campaign.refreshed()
    marta = world.lead("Marta", "marta")
    world.launch()
    links = {link.choice: link.sender_id for link in world.enrollment(marta).sender_links.all()}
    assert links["pool:founders"] == founder.id
    assert links[f"account:{world.sender.id}"] == world.sender.id
    assert set(links) == {"", "pool:founders", f"account:{world.sender.id}"}


def test_a_sender_that_is_gone_is_replaced_with_a_stated_reason(world: World) -> None:
    world.lead("Marta", "marta")
    world.launch()
    spare = seat(world, "Spare")
    SenderAccount.objects.filter(id=world.sender.id).update(status="stopped")
    world.tick()
    enrollment = Enrollment.objects.get()
    assert world.queued() == []
    assert handover.hand_over(enrollment_id=enrollment.id) == 1
    assert ScheduledAction.objects.get(state="due").sender_id == spare.id
    assert "Spare goes on" in Transition.objects.get(cause_ref="hand_over").reason


def test_nobody_takes_over_in_the_middle_of_a_linkedin_relation(world: World) -> None:
    world.lead("Marta", "marta")
    world.launch()
    world.tick()
    world.deliver(world.queued()[0])
    seat(world, "Spare")
    SenderAccount.objects.filter(id=world.sender.id).update(status="deleted")
    enrollment = Enrollment.objects.get()
    assert handover.hand_over(enrollment_id=enrollment.id) == 0
    ended = Enrollment.objects.get()
    assert ended.status == "ended"
    assert "in touch with Marta" in ended.reason


# --- Who may enter ----------------------------------------------------------------------------------


def test_a_lead_is_in_one_exclusive_campaign_at_once(world: World) -> None:
    world.lead("Marta", "marta")
    Campaign.objects.filter(id=world.campaign.id).update(exclusive=True)
    world.campaign = world.campaign.refreshed()
    world.launch()
    second = running(world, "Second")
    assert enrollments.enroll_audience(campaign_id=second.id) == 0
    [waits] = entry.left_out(second)
    assert (waits.count, waits.reason) == (1, "Another running campaign of this client has them to itself.")
    enrollments.stop(enrollment_id=Enrollment.objects.get().id, reason="x", actor=world.agency.manager)
    assert second.id in {campaign.id for campaign in entry.with_waiting()}
    assert enrollments.enroll_audience(campaign_id=second.id) == 1


def test_re_entry_waits_for_its_days(world: World, time_machine: Any) -> None:
    world.lead("Marta", "marta")
    world.launch()
    enrollments.stop(enrollment_id=Enrollment.objects.get().id, reason="x", actor=world.agency.manager)
    second = running(world, "Second", reentry_days=30)
    assert enrollments.enroll_audience(campaign_id=second.id) == 0
    [waits] = entry.left_out(second)
    assert waits.until == WORKING + timedelta(days=30)
    time_machine.move_to(WORKING + timedelta(days=30, seconds=1), tick=False)
    assert enrollments.enroll_audience(campaign_id=second.id) == 1


# --- What a reply ends ------------------------------------------------------------------------------


def mail(world: World, lead: Lead, address: str) -> None:
    LeadChannel.objects.create(
        client=world.agency.first, lead=lead, kind="email", value=address, normalized=address
    )


def test_a_reply_stops_the_whole_company_where_the_campaign_says_so(world: World) -> None:
    Campaign.objects.filter(id=world.campaign.id).update(reply_stops="company")
    world.campaign = world.campaign.refreshed()
    company = Company.objects.create(
        client=world.agency.first, name="Acme", name_key="acme", domain="acme.test"
    )
    marta, colleague, by_mail, stranger, free = (
        world.lead(name, name.lower()) for name in ("Marta", "Colleague", "Bymail", "Stranger", "Free")
    )
    Lead.objects.filter(id__in=[marta.id, colleague.id]).update(company=company)
    mail(world, marta, "marta@gmail.com")
    mail(world, by_mail, "b@acme.test")
    mail(world, free, "free@gmail.com")
    world.launch()
    world.says("marta", "Tell me more", WORKING)
    states = {row.lead_id: row for row in Enrollment.objects.all()}
    assert (states[marta.id].stage, states[colleague.id].stage) == ("replied", "stopped")
    assert states[by_mail.id].status == "ended"
    assert "Marta Lindqvist of the same company replied" in states[colleague.id].reason
    assert states[stranger.id].status == states[free.id].status == "active"


@pytest.mark.parametrize(("stops", "ended"), [("lead", 2), ("campaign", 1)])
def test_a_reply_ends_the_leads_other_campaigns_or_only_the_one_it_answers(
    world: World, stops: str, ended: int
) -> None:
    marta = world.lead("Marta", "marta")
    Campaign.objects.filter(id=world.campaign.id).update(reply_stops=stops)
    world.campaign = world.campaign.refreshed()
    world.launch()
    second = running(world, "Second", reply_stops=stops)
    other = seat(world, "Other")
    enrollments.enroll_audience(campaign_id=second.id)
    EnrollmentSender.objects.filter(enrollment__campaign=second).update(sender=other)
    world.says("marta", "Tell me more", WORKING)
    assert Enrollment.objects.filter(lead=marta, status="ended").count() == ended


# --- What holds -------------------------------------------------------------------------------------


def test_a_step_and_the_platform_can_be_stopped(world: World, time_machine: Any) -> None:
    world.lead("Marta", "marta")
    world.launch()
    switching.switch(
        campaign=world.campaign, node_id="invite", on=True, reason="typo", actor=world.agency.manager
    )
    world.tick()
    assert world.queued() == []
    assert ScheduledAction.objects.get().held_reason == "Sending is switched off for this step (typo)."
    switching.switch(
        campaign=world.campaign, node_id="invite", on=False, reason="", actor=world.agency.manager
    )
    with no_scope(), platform_scope("test"):
        assert switches.switch_platform(on=True, reason="drill", actor=None)
    time_machine.move_to(WORKING + timedelta(minutes=3), tick=False)
    world.tick()
    assert "whole platform (drill)" in ScheduledAction.objects.get().held_reason
    with no_scope(), platform_scope("test"):
        assert switches.switch_platform(on=False, actor=None)
    time_machine.move_to(WORKING + timedelta(minutes=6), tick=False)
    world.tick()
    assert len(world.queued()) == 1


def follow_up(world: World, time_machine: Any) -> None:
    """Bring Marta to her first message after the invitation."""
    world.lead("Marta", "marta")
    world.launch()
    world.tick()
    world.deliver(world.queued()[0])
    world.accepts("marta", WORKING + timedelta(minutes=1))
    time_machine.move_to(WORKING + timedelta(minutes=2), tick=False)


def test_no_follow_up_leaves_while_the_inbox_is_not_known(world: World, time_machine: Any) -> None:
    EngineSettings.objects.create(fresh_minutes=15)
    freshness.note(world.sender, WORKING - timedelta(minutes=20))
    follow_up(world, time_machine)
    world.tick()
    held = ScheduledAction.objects.get(state="due", kind="send")
    assert (world.queued(), held.held_by) == ([], "stale_inbox")
    assert "last read 22 minutes ago" in held.held_reason
    run = SyncRun.objects.get(trigger="stale inbox")
    assert run.sender_id == world.sender.id
    freshness.note(world.sender, WORKING + timedelta(minutes=2))
    time_machine.move_to(held.due_at, tick=False)
    world.tick()
    assert [row.action for row in world.queued()] == ["message"]


def test_a_first_message_needs_no_fresh_inbox(world: World) -> None:
    EngineSettings.objects.create(fresh_minutes=15)
    world.lead("Marta", "marta")
    world.launch()
    world.tick()
    assert len(world.queued()) == 1


def test_accounts_that_cannot_be_polled_are_fresh_while_their_connection_works(
    world: World, settings: Any
) -> None:
    settings.FRESH_INBOX_MINUTES = 15
    world.connection.provider = "sendgrid"
    world.connection.save()
    sender = SenderAccount.objects.select_related("connection").get(id=world.sender.id)
    assert freshness.hold(sender, WORKING) is None
    sender.connection.status = "failing"
    hold = freshness.hold(sender, WORKING)
    assert hold is not None
    assert "connection does not work" in hold.reason


# --- Claims and pace --------------------------------------------------------------------------------


def test_what_was_held_together_leaves_one_after_the_other(world: World, time_machine: Any) -> None:
    for number in range(10):
        world.lead(f"P{number}", f"person{number}")
    world.launch()
    campaign_service.pause(campaign=world.campaign, actor=world.agency.manager)
    world.tick()
    campaign_service.resume(campaign=world.campaign.refreshed(), actor=world.agency.manager)
    moment = WORKING + timedelta(minutes=3)
    time_machine.move_to(moment, tick=False)
    world.tick()
    assert len(world.queued()) == 1
    due = sorted(ScheduledAction.objects.filter(state="due").values_list("due_at", flat=True))
    gaps = [(later - sooner).total_seconds() for sooner, later in itertools.pairwise(due)]
    # Seven hours of the window and 25 invitations: about seventeen minutes apart, never two together.
    assert all(500 < gap < 1700 for gap in gaps), gaps
    assert len(set(gaps)) > 1
    for slot in due:
        time_machine.move_to(slot, tick=False)
        world.tick()
    assert len(world.queued()) == 10


@pytest.mark.parametrize("what", ["connection", "account"])
def test_what_an_account_held_back_is_looked_at_as_soon_as_it_works(
    world: World, time_machine: Any, what: str
) -> None:
    sender = SenderAccount.objects.select_related("connection").get(id=world.sender.id)
    stop, go = {
        "connection": (
            lambda: connections.mark(sender.connection, status="failing", error="Refused."),
            lambda: connections.mark(sender.connection, status="ok"),
        ),
        "account": (
            lambda: senders.pause(sender=sender, actor=world.agency.admin),
            lambda: senders.resume(sender=sender, actor=world.agency.admin),
        ),
    }[what]
    for number in range(3):
        world.lead(f"P{number}", f"person{number}")
    world.launch()
    stop()
    world.tick()
    assert world.queued() == []
    assert ScheduledAction.objects.filter(due_at__gt=WORKING).count() == 3
    time_machine.move_to(WORKING + timedelta(seconds=10), tick=False)
    go()
    world.tick()
    # The first at once, the others at its pace.
    assert len(world.queued()) == 1
    assert ScheduledAction.objects.filter(state="due", held_by="pace").count() == 2


def test_an_outage_does_not_end_in_a_burst(world: World, time_machine: Any) -> None:
    for number in range(5):
        world.lead(f"P{number}", f"person{number}")
    world.launch()
    time_machine.move_to(WORKING + timedelta(hours=2), tick=False)
    world.tick()
    assert len(world.queued()) == 1
    assert ScheduledAction.objects.filter(state="due", held_by="pace").count() == 4


def test_a_sender_with_a_great_many_due_rows_starves_nobody(world: World) -> None:
    busy, quiet = world.sender, seat(world, "Quiet")
    for number in range(60):
        world.lead(f"P{number}", f"person{number}")
    world.launch()
    EnrollmentSender.objects.update(sender=busy)
    ScheduledAction.objects.update(sender=busy)
    last = ScheduledAction.objects.order_by("-id")[0]
    EnrollmentSender.objects.filter(enrollment=last.enrollment_id).update(sender=quiet)
    ScheduledAction.objects.filter(id=last.id).update(sender=quiet, due_at=WORKING)
    with no_scope(), platform_scope("test"):
        lanes.prepare()
    claim = lanes.claim(world.agency.id, batch=20)
    shares = [lane.sender_id for _, _, lane in claim.actions]
    assert (shares.count(busy.id), shares.count(quiet.id)) == (10, 1)
    assert lanes.claim(world.agency.id).actions == []
    lanes.free(claim)
    assert len(lanes.claim(world.agency.id).lanes) == 2


def test_a_lease_that_runs_out_is_taken_over_with_fewer_actions(world: World, time_machine: Any) -> None:
    for number in range(8):
        world.lead(f"P{number}", f"person{number}")
    world.launch()
    with no_scope(), platform_scope("test"):
        lanes.prepare()
    assert len(lanes.claim(world.agency.id, batch=8).actions) == 8
    for expected in (4, 2, 1, 1):
        time_machine.shift(lanes.LEASE + timedelta(seconds=1))
        assert len(lanes.claim(world.agency.id, batch=8).actions) == expected


def test_a_worker_that_is_told_to_stop_frees_its_claims(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        world.lead(f"P{number}", f"person{number}")
    world.launch()
    real = lanes.claim

    def told_meanwhile(*args: Any, **values: Any) -> lanes.Claim:
        engine.stop_soon()
        return real(*args, **values)

    monkeypatch.setattr(lanes, "claim", told_meanwhile)
    try:
        done = world.tick()
        assert done == 3
        assert world.tick() == 0
    finally:
        engine.go_on()
    assert not EngineLane.objects.filter(claimed_until__isnull=False).exists()
    assert len(world.queued()) == 3


# --- The scheduler ----------------------------------------------------------------------------------


def test_the_scheduler_stops_starts_and_says_how_far_behind_it_is(world: World, time_machine: Any) -> None:
    world.lead("Marta", "marta")
    world.launch()
    scheduler.set_organization(
        organization=world.agency.organization, running=False, reason="audit", actor=world.agency.admin
    )
    time_machine.move_to(WORKING + timedelta(seconds=40), tick=False)
    world.tick()
    found = scheduler.status(world.agency.id)
    [own] = found.organizations
    assert (own.is_running, own.reason, own.due, own.lag_s) == (False, "audit", 1, 40.0)
    assert world.queued() == []
    scheduler.set_organization(organization=world.agency.organization, running=True, actor=world.agency.admin)
    with no_scope(), platform_scope("test"):
        scheduler.set_platform(running=False, reason="upgrade", by="ops")
    assert world.tick() == 0
    with no_scope(), platform_scope("test"):
        scheduler.set_platform(running=True, by="ops")
    assert world.tick() == 1
    found = scheduler.status(world.agency.id)
    assert (found.last_done, found.organizations[0].due) == (1, 0)
    assert found.last_tick_at is not None


# --- Three channels ---------------------------------------------------------------------------------

THREE: dict[str, Any] = {
    "version": "1.0",
    "timezone": "Europe/Stockholm",
    "startNodeId": "invite",
    "nodes": [
        {
            "id": "invite", "type": "send", "channel": "linkedin", "action": "invite", "content": {"note": "Hi"},
            "transitions": [{"on": "sent", "to": "text"}],
        },
        {
            "id": "text", "type": "send", "channel": "sms", "action": "sms", "content": {"text": "Hello from us"},
            "transitions": [{"on": "no_reply", "after": "P2D", "to": "end"}],
        },
        {"id": "end", "type": "stop", "outcome": "completed"},
    ],
}  # fmt: skip


def test_one_plan_runs_over_several_channels_with_a_sender_each(world: World, time_machine: Any) -> None:
    Entitlement.objects.create(client=None, capability=Capability.SMS_OUTREACH, provider="twilio")
    OutreachPolicy.objects.create(
        client=world.agency.first, sms_basis="consent", sms_basis_note="Signed up", legal_name="Halden"
    )
    phone = seat(world, "+46700000001", channel="sms", address="+46700000001")
    Campaign.objects.filter(id=world.campaign.id).update(draft_plan=THREE)
    world.campaign = world.campaign.refreshed()
    marta = world.lead("Marta", "marta")
    LeadChannel.objects.create(
        client=world.agency.first, lead=marta, kind="sms", value="+46701234567", normalized="+46701234567"
    )
    world.launch()
    world.tick()
    [invite] = world.queued()
    assert invite.sender_id == world.sender.id
    world.deliver(invite)
    time_machine.move_to(WORKING + timedelta(minutes=1), tick=False)
    world.tick()
    text = OutboundMessage.objects.filter(channel="sms").first()
    if text is None:  # what binds says so
        action = ScheduledAction.objects.get(state="due", kind="send")
        assert action.sender_id == phone.id, action.held_reason
        raise AssertionError(action.held_reason or world.enrollment(marta).reason)
    assert text.sender_id == phone.id
    assert (text.visit, text.recipient["phone"]) == (1, "+46701234567")
