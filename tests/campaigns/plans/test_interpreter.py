"""The rules of a plan, one by one."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from campaigns.plans.corrections import unmark_meeting
from campaigns.plans.interpreter import SendNotWanted, apply, move, send_result, timer_due
from campaigns.plans.interpreter import stop as stop_enrollment
from campaigns.plans.replay import Attempted, Resulted, effective_path
from campaigns.plans.state import (
    Cause,
    EndEnrollment,
    Note,
    RecordTransition,
    RequestSend,
    RetractTransitions,
    WithdrawSend,
)
from tests.campaigns.plans.worlds import (
    DAY,
    HOUR,
    OFFICE,
    T0,
    World,
    branch,
    event,
    make_plan,
    send,
    stop,
    wait,
    way,
)

INVITE_FIRST = make_plan(
    send("invite", "invite", way("accepted", "pause"), way("no_accept", "end", after="P14D")),
    wait("pause", "P1D", "dm"),
    send("dm", "message", way("no_reply", "end", after="P7D")),
    stop(),
)
EMAILS = make_plan(
    send(
        "intro",
        "email",
        way("click", "clicked", within="P5D"),
        way("no_open", "bump", after="PT72H"),
        way("no_reply", "end", after="P6D"),
    ),
    send("bump", "email", way("no_reply", "end", after="P3D")),
    send("clicked", "email", way("no_reply", "end", after="P3D")),
    stop(),
)


def codes(world: World) -> list[str]:
    return [command.code for command in world.commands if isinstance(command, Note)]


def nodes(world: World) -> list[str]:
    return [step.to_node for step in effective_path(world.commands)]


class TestPath:
    def test_starts_with_a_send_that_is_due_at_once_inside_the_window(self) -> None:
        world = World(INVITE_FIRST, OFFICE)
        assert world.state.phase == "due"
        assert world.state.send is not None
        assert world.state.send.due_at == T0
        assert world.state.stage == "pending"

    def test_runs_to_the_end(self) -> None:
        world = World(INVITE_FIRST)
        sent = world.deliver()
        assert (world.state.phase, world.state.stage) == ("listening", "invited")
        world.hear(event("accepted", sent + 2 * HOUR))
        assert (world.state.node, world.state.phase, world.state.stage) == ("pause", "waiting", "connected")
        world.tick(sent + 2 * HOUR + DAY)
        world.deliver()
        assert world.state.stage == "messaged"
        world.tick(sent + 20 * DAY)
        assert world.state.ended is not None
        assert world.state.ended.outcome == "completed"
        assert nodes(world) == ["invite", "pause", "dm", "end"]

    def test_a_send_without_transitions_completes_once_sent(self) -> None:
        world = World(make_plan(send("only", "email")))
        world.attempt()
        assert world.state.phase == "in_flight"
        world.give(Resulted("only", 1, "sent", T0))
        assert world.state.ended is not None
        assert world.state.ended.outcome == "completed"

    def test_a_missed_timer_acts_as_of_its_time(self) -> None:
        world = World(EMAILS)
        sent = world.deliver()
        world.tick(sent + 100 * HOUR)
        step = effective_path(world.commands)[-1]
        assert (step.to_node, step.at) == ("bump", sent + 72 * HOUR)

    def test_the_first_matching_transition_in_the_list_wins_at_one_instant(self) -> None:
        plan = make_plan(
            send("a", "email", way("no_click", "x", after="P2D"), way("no_reply", "y", after="P2D")),
            stop("x"),
            stop("y"),
        )
        world = World(plan)
        world.deliver()
        world.tick(T0 + 3 * DAY)
        assert world.state.node == "x"

    def test_a_loop_stops_at_the_visit_limit(self) -> None:
        plan = make_plan(send("a", "email", way("no_reply", "a", after="P1D"), way("reply", "end")), stop())
        world = World(plan)
        world.run([], T0 + 30 * DAY)
        assert world.state.ended is not None
        assert world.state.ended.cause == Cause("rule", "visit_limit")
        assert sum(isinstance(one, Attempted) for one in world.log) == 5


class TestWindows:
    def test_within_counts_from_the_send_by_occurrence(self) -> None:
        plan = make_plan(
            send("a", "email", way("click", "x", within="P1D"), way("no_reply", "y", after="P5D")),
            stop("x"),
            stop("y"),
        )
        in_time = World(plan)
        sent = in_time.deliver()
        in_time.hear(event("click", sent + DAY, received=sent + 3 * DAY, node="a"))
        assert in_time.state.node == "x"
        too_late = World(plan)
        sent = too_late.deliver()
        too_late.hear(event("click", sent + DAY + timedelta(seconds=1), node="a"))
        assert too_late.state.node == "a"

    def test_after_delays_a_real_event_from_its_occurrence(self) -> None:
        plan = make_plan(
            send("a", "email", way("click", "x", after="PT5H"), way("no_reply", "y", after="P5D")),
            stop("x"),
            stop("y"),
        )
        world = World(plan)
        sent = world.deliver()
        world.hear(event("click", sent + HOUR, received=sent + 2 * HOUR, node="a"))
        assert world.state.node == "a"
        assert world.state.timers[0].at == sent + 6 * HOUR
        world.tick(sent + 6 * HOUR)
        assert world.state.node == "x"

    def test_what_would_be_due_in_the_past_is_due_now(self) -> None:
        plan = make_plan(
            send("a", "email", way("click", "b", after="PT5H"), way("no_reply", "b", after="P5D")),
            send("b", "email"),
        )
        world = World(plan)
        sent = world.deliver()
        world.hear(event("click", sent + HOUR, received=sent + DAY, node="a"))
        assert world.state.send is not None
        assert world.state.send.due_at <= world.state.as_of

    def test_no_reply_at_the_same_instant_as_a_reply_does_not_happen(self) -> None:
        world = World(make_plan(send("a", "email", way("no_reply", "b", after="P1D")), send("b", "email")))
        sent = world.deliver()
        world.hear(event("reply", sent + DAY))
        assert world.state.ended is not None
        assert world.state.ended.outcome == "replied"

    def test_working_days_keep_the_time_and_then_the_window_applies(self) -> None:
        plan = make_plan(
            send("a", "email", way("no_reply", "b", after="P2D", workingDays=True)), send("b", "email")
        )
        world = World(plan, OFFICE)
        friday = T0 + 4 * DAY + 3 * HOUR
        world.deliver(friday)
        assert world.state.timers[0].at == friday + 4 * DAY  # Monday and Tuesday count

    def test_a_send_due_outside_the_window_moves_into_the_next_opening(self) -> None:
        dues = set()
        for number in range(20):
            world = World(INVITE_FIRST, OFFICE, seed=str(number), began=T0 + 5 * DAY)
            assert world.state.send is not None
            dues.add(world.state.send.due_at)
            assert T0 + 7 * DAY <= world.state.send.due_at < T0 + 7 * DAY + 8 * HOUR
        assert len(dues) > 15, "spread over the opening, not one burst"

    def test_quiet_hours_of_the_plan_hold_whatever_the_calendar_says(self) -> None:
        plan = make_plan(send("a", "email"), quietHours={"start": "08:00", "end": "12:00"})
        world = World(plan)
        assert world.state.send is not None
        assert world.state.send.due_at >= T0 + 3 * HOUR


class TestEndingEvents:
    @pytest.mark.parametrize(
        ("kind", "outcome", "stage"),
        [
            ("reply", "replied", "replied"),
            ("bounce", "bounced", "bounced"),
            ("unsubscribe", "unsubscribed", "unsubscribed"),
            ("complaint", "unsubscribed", "unsubscribed"),
            ("meeting_booked", "meeting", "meeting"),
        ],
    )
    def test_they_end_the_enrollment(self, kind: str, outcome: str, stage: str) -> None:
        world = World(EMAILS)
        sent = world.deliver()
        world.hear(event(kind, sent + HOUR))
        assert world.state.ended is not None
        assert (world.state.ended.outcome, world.state.stage) == (outcome, stage)
        assert world.state.ended.cause.kind == "event"

    def test_a_reply_withdraws_a_send_that_is_waiting(self) -> None:
        world = World(EMAILS, OFFICE)
        sent = world.deliver()
        world.tick(sent + 75 * HOUR)
        assert world.state.node == "bump"
        step = world.hear(event("reply", sent + 76 * HOUR))
        assert [command for command in step.commands if isinstance(command, WithdrawSend)]
        with pytest.raises(SendNotWanted):
            world.give(Attempted("bump", 1, sent + 80 * HOUR))

    def test_a_transition_for_exactly_that_event_takes_over(self) -> None:
        plan = make_plan(
            send("a", "email", way("reply", "thanks"), way("no_reply", "end", after="P3D")),
            send("thanks", "email"),
            stop(),
        )
        world = World(plan)
        sent = world.deliver()
        world.hear(event("reply", sent + HOUR))
        assert world.state.ended is None
        assert (world.state.node, world.state.stage) == ("thanks", "replied")

    def test_a_meeting_that_was_none_is_as_if_it_had_not_been_told(self) -> None:
        plan = make_plan(
            send("a", "email", way("meeting_booked", "thanks"), way("no_reply", "bump", after="P3D")),
            send("bump", "email"),
            send("thanks", "email"),
            stop(),
        )
        world = World(plan)
        sent = world.deliver()
        told = event("meeting_booked", sent + HOUR)
        world.hear(told)
        assert (world.state.node, world.state.stage) == ("thanks", "meeting")
        step = unmark_meeting(plan, world.state, told.id, "messaged", sent + 2 * HOUR, "Ada", world.ctx)
        assert (step.state.node, step.state.stage, step.state.ended) == ("a", "messaged", None)
        assert any(isinstance(command, WithdrawSend) for command in step.commands)
        again = apply(plan, step.state, event("meeting_booked", sent + 3 * HOUR, id=told.id), world.ctx)
        assert (again.state.node, again.state.stage) == ("thanks", "meeting")
        # Once the thanks have left, they have left; only the stage is as it was.
        world.deliver()
        later = unmark_meeting(plan, world.state, told.id, "messaged", sent + DAY, "Ada", world.ctx)
        assert (later.state.node, later.state.stage) == ("thanks", "messaged")

    def test_a_transition_whose_window_is_over_does_not(self) -> None:
        plan = make_plan(
            send("a", "email", way("reply", "thanks", within="P1D"), way("no_reply", "end", after="P3D")),
            send("thanks", "email"),
            stop(),
        )
        world = World(plan)
        sent = world.deliver()
        world.hear(event("reply", sent + 2 * DAY))
        assert world.state.ended is not None

    def test_nothing_is_sent_while_a_delayed_reply_transition_waits(self) -> None:
        plan = make_plan(
            wait("w", "PT1H", "a"),
            send("a", "email", way("reply", "thanks", after="P1D"), way("no_reply", "end", after="P3D")),
            send("thanks", "email"),
            stop(),
        )
        world = World(plan, OFFICE, began=T0 + 4 * DAY + 7.5 * HOUR)
        world.tick(T0 + 4 * DAY + 9 * HOUR)
        assert world.state.phase == "due"
        world.hear(event("reply", T0 + 5 * DAY))
        assert (world.state.phase, world.state.send) == ("held", None)
        world.tick(T0 + 6 * DAY)
        assert world.state.node == "thanks"

    def test_an_opt_out_never_leads_to_another_send_on_that_channel(self) -> None:
        plan = make_plan(
            send("a", "email", way("unsubscribe", "b"), way("no_reply", "end", after="P3D")),
            send("b", "email"),
            stop(),
        )
        world = World(plan)
        sent = world.deliver()
        world.hear(event("unsubscribe", sent + HOUR, channel="email"))
        assert world.state.ended is not None
        assert world.state.ended.outcome == "unsubscribed"

    def test_an_opt_out_of_mail_may_lead_to_another_channel(self) -> None:
        plan = make_plan(
            send("a", "email", way("unsubscribe", "b"), way("no_reply", "end", after="P3D")),
            send("b", "invite", way("accepted", "c"), way("no_accept", "end", after="P3D")),
            send("c", "email"),
            stop(),
        )
        world = World(plan)
        sent = world.deliver()
        world.hear(event("unsubscribe", sent + HOUR, node="a"))
        assert world.state.node == "b"
        sent = world.deliver()
        world.hear(event("accepted", sent + HOUR))
        assert world.state.ended is not None, "the closed channel stays closed after other sends"

    def test_of_two_at_the_same_instant_the_gravest_counts(self) -> None:
        world = World(EMAILS)
        sent = world.deliver()
        at = sent + HOUR
        received = at + HOUR
        # Heard in the other order but before the first is acted on: the wake of the second decides.
        first = event("open", at, received=received, node="intro")
        world.hear(first)
        world.hear(event("complaint", at, received=received))
        assert world.state.ended is not None
        assert world.state.ended.outcome == "unsubscribed"

    def test_a_failed_send_ends_in_error_with_its_reason(self) -> None:
        world = World(EMAILS)
        world.attempt()
        world.give(Resulted("intro", 1, "failed", T0, reason="The mailbox is full"))
        assert world.state.ended is not None
        assert world.state.ended.outcome == "error"
        assert "mailbox is full" in world.state.ended.reason

    def test_a_failed_send_may_have_a_way_out(self) -> None:
        plan = make_plan(
            send(
                "a",
                "invite",
                way("failed", "b"),
                way("accepted", "end"),
                way("no_accept", "end", after="P3D"),
            ),
            send("b", "email"),
            stop(),
        )
        world = World(plan)
        world.attempt()
        world.give(Resulted("a", 1, "failed", T0))
        assert world.state.node == "b"

    def test_a_gate_that_cannot_clear_up_ends_in_error(self) -> None:
        world = World(EMAILS)
        world.give(Resulted("intro", 1, "refused", T0, reason="No value for company.name"))
        assert world.state.ended is not None
        assert (world.state.ended.outcome, world.state.ended.reason) == ("error", "No value for company.name")


class TestNotAPerson:
    @pytest.mark.parametrize("kind", ["open", "click"])
    def test_machine_events_fire_nothing_and_prevent_nothing(self, kind: str) -> None:
        world = World(EMAILS)
        sent = world.deliver()
        world.hear(event(kind, sent + HOUR, node="intro", machine=True))
        assert world.state.node == "intro"
        assert codes(world) == ["machine"]
        world.tick(sent + 73 * HOUR)
        assert world.state.node == "bump"

    def test_a_human_open_prevents_no_open(self) -> None:
        world = World(EMAILS)
        sent = world.deliver()
        world.hear(event("open", sent + HOUR, node="intro"))
        world.tick(sent + 73 * HOUR)
        assert world.state.node == "intro"

    def test_a_soft_bounce_is_no_bounce(self) -> None:
        world = World(EMAILS)
        sent = world.deliver()
        world.hear(event("bounce", sent + HOUR, soft=True))
        assert world.state.ended is None
        assert codes(world) == ["soft_bounce"]

    def test_out_of_office_moves_the_next_action_after_the_return(self) -> None:
        world = World(EMAILS, OFFICE)
        sent = world.deliver()
        world.hear(event("reply", sent + HOUR, out_of_office=True, returns_on=date(2026, 3, 20)))
        assert world.state.ended is None
        assert world.state.stage == "messaged"
        assert codes(world) == ["out_of_office"]
        world.tick(sent + 80 * HOUR)
        assert world.state.node == "bump"
        assert world.state.send is not None
        assert world.state.send.due_at.date() == date(2026, 3, 23)  # the Monday after that Friday

    def test_out_of_office_without_a_date_means_seven_days(self) -> None:
        world = World(EMAILS)
        sent = world.deliver()
        world.hear(event("reply", sent + HOUR, out_of_office=True))
        world.tick(sent + 80 * HOUR)
        assert world.state.send is not None
        assert world.state.send.due_at == T0.replace(hour=0) + 8 * DAY

    def test_out_of_office_moves_a_send_that_is_already_wanted(self) -> None:
        world = World(EMAILS)
        world.deliver()
        world.tick(T0 + 73 * HOUR)
        step = world.hear(event("reply", T0 + 73 * HOUR, out_of_office=True, returns_on=date(2026, 3, 10)))
        assert [command for command in step.commands if isinstance(command, RequestSend)]
        with pytest.raises(SendNotWanted):
            world.give(Attempted("bump", 1, T0 + 74 * HOUR))


class TestLate:
    def test_a_late_event_rewrites_what_is_not_irrevocable(self) -> None:
        world = World(EMAILS)
        sent = world.deliver()
        world.tick(sent + 72 * HOUR)
        assert world.state.node == "bump"
        step = world.hear(event("click", sent + 70 * HOUR, received=sent + 73 * HOUR, node="intro"))
        assert [type(command) for command in step.commands[:2]] == [RetractTransitions, RecordTransition]
        assert nodes(world) == ["intro", "clicked"]
        assert world.state.node == "clicked"

    def test_after_a_send_a_late_event_only_is_recorded(self) -> None:
        world = World(EMAILS)
        sent = world.deliver()
        world.tick(sent + 72 * HOUR)
        world.deliver(sent + 73 * HOUR)
        world.hear(event("click", sent + 70 * HOUR, received=sent + 74 * HOUR, node="intro"))
        assert world.state.node == "bump"
        assert codes(world) == ["late"]

    def test_a_late_reply_still_ends(self) -> None:
        world = World(EMAILS)
        sent = world.deliver()
        world.tick(sent + 72 * HOUR)
        world.deliver(sent + 73 * HOUR)
        world.hear(event("reply", sent + 70 * HOUR, received=sent + 74 * HOUR))
        assert world.state.ended is not None

    def test_an_acceptance_stamped_before_the_invitation_left_still_counts(self) -> None:
        world = World(INVITE_FIRST)
        sent = world.deliver(T0 + HOUR)
        world.hear(event("accepted", sent - timedelta(seconds=1), received=sent + timedelta(seconds=1)))
        assert world.state.node == "pause"

    def test_history_from_before_the_enrollment_changes_nothing(self) -> None:
        world = World(EMAILS)
        world.deliver()
        world.hear(event("reply", T0 - 100 * DAY, received=T0 + HOUR))
        assert world.state.ended is None
        assert world.state.stage == "messaged"

    def test_who_is_connected_already_is_not_invited(self) -> None:
        world = World(INVITE_FIRST)
        world.hear(event("accepted", T0 - 100 * DAY, received=T0))
        assert (world.state.node, world.state.stage) == ("pause", "connected")
        later = World(
            make_plan(
                send("a", "email", way("no_reply", "invite", after="P1D")),
                *INVITE_FIRST.model_dump(by_alias=True, exclude_defaults=True)["nodes"],
            )
        )
        sent = later.deliver()
        later.hear(event("accepted", sent + HOUR))
        later.tick(sent + DAY)
        assert later.state.node == "pause"
        assert nodes(later) == ["a", "invite", "pause"]

    def test_an_old_connection_learnt_while_an_invitation_is_out_counts_as_its_acceptance(self) -> None:
        world = World(INVITE_FIRST)
        sent = world.deliver()
        world.hear(event("accepted", T0 - 100 * DAY, received=sent + HOUR))
        assert world.state.node == "pause"

    def test_an_old_opt_out_does_end_it(self) -> None:
        world = World(EMAILS)
        world.hear(event("unsubscribe", T0 - 100 * DAY, received=T0 + HOUR, channel="email"))
        assert world.state.ended is not None

    def test_an_ended_enrollment_is_not_reopened_but_its_stage_grows(self) -> None:
        world = World(EMAILS)
        sent = world.deliver()
        world.tick(sent + 72 * HOUR)
        world.deliver()
        world.tick(sent + 20 * DAY)
        assert world.state.stage == "completed"
        step = world.hear(event("reply", sent + 19 * DAY, received=sent + 21 * DAY))
        assert world.state.ended is not None
        assert (world.state.ended.outcome, world.state.stage) == ("completed", "replied")
        assert not [command for command in step.commands if isinstance(command, EndEnrollment)]

    def test_the_same_event_twice_changes_nothing(self) -> None:
        world = World(INVITE_FIRST)
        sent = world.deliver()
        accepted = event("accepted", sent + HOUR)
        world.hear(accepted)
        before = world.state
        assert world.hear(accepted).commands == ()
        assert world.state == before

    def test_a_reply_that_was_acted_on_does_not_end_later_when_repeated(self) -> None:
        plan = make_plan(
            send("a", "email", way("reply", "thanks"), way("no_reply", "end", after="P3D")),
            send("thanks", "email", way("no_reply", "end", after="P3D")),
            stop(),
        )
        world = World(plan)
        sent = world.deliver()
        reply = event("reply", sent + HOUR)
        world.hear(reply)
        world.deliver()
        world.hear(reply, at=sent + DAY)
        assert world.state.ended is None


class TestSending:
    def test_a_send_is_attempted_once_and_only_when_due(self) -> None:
        world = World(INVITE_FIRST, OFFICE, began=T0 + 5 * DAY)
        with pytest.raises(SendNotWanted, match="not due yet"):
            world.give(Attempted("invite", 1, T0 + 5 * DAY))
        world.attempt()
        again = world.give(Attempted("invite", 1, world.state.as_of + HOUR))
        assert again.commands == ()

    def test_an_attempt_is_refused_if_time_has_moved_the_lead_on(self) -> None:
        world = World(EMAILS)
        with pytest.raises(SendNotWanted) as caught:
            world.give(Attempted("bump", 1, T0))
        assert caught.value.step.state.node == "intro"

    def test_unknown_waits_for_the_answer_of_the_provider(self) -> None:
        world = World(EMAILS)
        sent = world.attempt()
        world.give(Resulted("intro", 1, "unknown", sent))
        world.tick(sent + 30 * DAY)
        assert world.state.phase == "in_flight"
        world.give(Resulted("intro", 1, "sent", sent))
        world.tick(sent + 30 * DAY)
        assert world.state.node == "bump"

    def test_a_released_attempt_may_be_tried_again(self) -> None:
        world = World(EMAILS)
        at = world.attempt()
        world.give(Resulted("intro", 1, "released", at, retry_at=at + HOUR))
        assert world.state.phase == "due"
        assert world.state.send is not None
        assert world.state.send.due_at == at + HOUR
        world.deliver()
        assert world.state.phase == "listening"

    def test_a_result_without_a_recorded_attempt_counts_as_one(self) -> None:
        world = World(EMAILS)
        world.give(Resulted("intro", 1, "sent", T0 + HOUR))
        assert (world.state.phase, world.state.stage) == ("listening", "messaged")

    def test_an_acceptance_overtakes_the_result_of_the_invitation(self) -> None:
        world = World(INVITE_FIRST)
        at = world.attempt()
        world.hear(event("accepted", at + timedelta(seconds=1)))
        assert world.state.node == "pause"
        world.give(Resulted("invite", 1, "sent", at + timedelta(seconds=2)))
        assert (world.state.node, world.state.stage) == ("pause", "connected")

    def test_a_reply_while_in_flight_withdraws_a_queued_retry(self) -> None:
        world = World(EMAILS)
        at = world.attempt()
        step = world.hear(event("reply", at + HOUR))
        assert WithdrawSend("intro:1:send", "They replied.") in step.commands

    def test_results_of_visits_that_are_over_change_nothing(self) -> None:
        world = World(EMAILS)
        sent = world.deliver()
        world.tick(sent + 72 * HOUR)
        world.deliver()
        before = world.state
        step = send_result(world.plan, before, "intro", 1, "refused", before.as_of, world.ctx)
        assert step.state == before


class TestBranches:
    PLAN = make_plan(
        send("a", "email", way("no_reply", "choose", after="P1D")),
        branch("choose", "de", "en", {"field": "lead.country", "op": "eq", "value": "de"}),
        send("de", "email"),
        send("en", "email"),
    )

    def test_fields_decide(self) -> None:
        german = World(self.PLAN, fields={"lead.country": "DE"})
        german.deliver()
        german.tick(T0 + 2 * DAY)
        assert german.state.node == "de"
        other = World(self.PLAN)
        other.deliver()
        other.tick(T0 + 2 * DAY)
        assert other.state.node == "en"

    def test_editing_a_lead_does_not_change_a_decision_already_made(self) -> None:
        world = World(self.PLAN, fields={"lead.country": "DE"})
        world.deliver()
        world.tick(T0 + 2 * DAY)
        world.ctx = World(self.PLAN, fields={"lead.country": "FR"}).ctx
        world.tick(T0 + 2 * DAY + HOUR)
        assert world.state.node == "de"

    @pytest.mark.parametrize(("opened", "expected"), [(True, "warm"), (False, "cold")])
    def test_past_events_decide(self, opened: bool, expected: str) -> None:
        plan = make_plan(
            send("a", "email", way("no_reply", "choose", after="P3D")),
            branch("choose", "warm", "cold", {"event": "open", "node": "a", "op": "happened"}),
            send("warm", "email"),
            send("cold", "email"),
        )
        world = World(plan)
        sent = world.deliver()
        world.hear(event("open", sent + HOUR, node="a", machine=not opened))
        world.tick(sent + 4 * DAY)
        assert world.state.node == expected


class TestPeople:
    def test_a_person_stops(self) -> None:
        world = World(EMAILS)
        step = stop_enrollment(
            world.plan, world.state, T0 + HOUR, Cause("person", "Ana"), "Stopped by Ana.", world.ctx
        )
        assert step.state.ended is not None
        assert (step.state.ended.outcome, step.state.stage, step.state.send) == ("stopped", "stopped", None)

    def test_a_person_moves_and_the_new_visit_counts(self) -> None:
        world = World(EMAILS)
        world.deliver()
        step = move(world.plan, world.state, "intro", T0 + HOUR, "Ana", world.ctx)
        assert step.state.send is not None
        assert (step.state.send.node, step.state.send.visit) == ("intro", 2)
        assert step.state.checkpoint.path_length == 2

    def test_letting_time_pass_in_an_ended_enrollment_does_nothing(self) -> None:
        world = World(EMAILS)
        world.hear(event("reply", T0 + HOUR))
        assert timer_due(world.plan, world.state, T0 + DAY, world.ctx).commands == ()
