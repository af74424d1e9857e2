"""The rules of plans over all three channels: each is tried with an e-mail, a LinkedIn message, an InMail and an SMS.

docs/plan-engine.md says which test proves which rule.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from campaigns.plans.schema import Plan
from campaigns.plans.state import Event
from campaigns.plans.validate import Options, validate
from tests.campaigns.plans.worlds import (
    ANYTIME,
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
    way,
)

MESSAGES = ["email", "message", "inmail", "sms"]
CHANNEL = {"email": "email", "message": "linkedin", "inmail": "linkedin", "sms": "sms", "invite": "linkedin"}
OTHER = {"email": "sms", "sms": "inmail", "message": "email", "inmail": "email"}
each_message = pytest.mark.parametrize("action", MESSAGES)
CONNECTED = Options(first_degree=True)


def two_steps(action: str, *ways: dict[str, Any], after: str = "P3D") -> Plan:
    """A message and, without a reply, another one on the same channel."""
    return make_plan(
        send("first", action, *ways, way("no_reply", "second", after=after)),
        send("second", action),
        stop("other", "handed_over"),
        stop("end"),
    )


def sent(plan: Plan, calendar: Any = ANYTIME) -> World:
    """A world in which the first message has left at T0."""
    world = World(plan, calendar)
    world.deliver()
    return world


@each_message
@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        ("reply", "replied"),
        ("unsubscribe", "unsubscribed"),
        ("bounce", "bounced"),
        ("complaint", "unsubscribed"),
    ],
)
def test_what_ends_an_enrollment_does_so_on_every_channel(action: str, kind: str, outcome: str) -> None:
    world = sent(two_steps(action))
    world.hear(event(kind, T0 + HOUR, channel=CHANNEL[action]))
    assert world.state.ended is not None
    assert world.state.ended.outcome == outcome


@each_message
@pytest.mark.parametrize("kind", ["reply", "unsubscribe", "bounce", "complaint", "meeting_booked"])
def test_a_way_for_exactly_that_event_takes_over(action: str, kind: str) -> None:
    world = sent(two_steps(action, way(kind, "other")))
    world.hear(event(kind, T0 + HOUR, channel=CHANNEL[action]))
    assert world.state.ended is not None
    assert (world.state.node, world.state.ended.outcome) == ("other", "handed_over")


@each_message
@pytest.mark.parametrize("kind", ["unsubscribe", "complaint"])
def test_an_opt_out_closes_its_channel_and_no_other(action: str, kind: str) -> None:
    same = make_plan(send("a", action, way(kind, "b"), way("no_reply", "b", after="P1D")), send("b", action))
    world = sent(same)
    world.hear(event(kind, T0 + HOUR, channel=CHANNEL[action]))
    assert world.state.ended is not None
    assert world.state.ended.outcome == "unsubscribed"
    assert "send_after_opt_out" in {error.code for error in validate(same, CONNECTED)}

    elsewhere = make_plan(
        send("a", action, way(kind, "b"), way("no_reply", "b", after="P1D")), send("b", OTHER[action])
    )
    wrong = {error.code for error in validate(elsewhere, CONNECTED)}
    # Nobody can report a LinkedIn message as spam.
    assert wrong == (
        {"event_does_not_fit"} if kind == "complaint" and CHANNEL[action] == "linkedin" else set()
    )
    world = sent(elsewhere)
    world.hear(event(kind, T0 + HOUR, channel=CHANNEL[action]))
    assert world.state.send is not None
    assert world.state.send.node == "b"


@each_message
def test_without_a_way_for_it_an_opt_out_leads_nowhere_else_either(action: str) -> None:
    plan = make_plan(
        send("a", action, way("reply", "b"), way("no_reply", "b", after="P1D")), send("b", OTHER[action])
    )
    world = sent(plan)
    world.hear(event("unsubscribe", T0 + HOUR, channel=CHANNEL[action]))
    assert world.state.ended is not None


@each_message
def test_an_opt_out_of_one_channel_heard_on_another_closes_that_one(action: str) -> None:
    """Unsubscribed from mail while a text is under way: mail is closed, whatever comes later."""
    plan = make_plan(
        send("mail", "email", way("no_reply", "next", after="P1D")),
        send("next", action, way("unsubscribe", "again"), way("no_reply", "again", after="P1D")),
        send("again", "email"),
    )
    world = sent(plan)
    world.tick(T0 + DAY)
    world.deliver()
    world.hear(event("unsubscribe", T0 + DAY + HOUR, channel="email", node="mail"))
    assert world.state.ended is not None
    assert world.state.ended.outcome == "unsubscribed"


@each_message
def test_out_of_office_defers_on_every_channel(action: str) -> None:
    world = sent(two_steps(action), OFFICE)
    back = (T0 + 9 * DAY).date()
    world.hear(event("reply", T0 + HOUR, out_of_office=True, returns_on=back, channel=CHANNEL[action]))
    world.tick(T0 + 4 * DAY)
    assert world.state.send is not None
    assert world.state.send.due_at.date() > back
    nameless = sent(two_steps(action), OFFICE)
    nameless.hear(event("reply", T0 + HOUR, out_of_office=True, channel=CHANNEL[action]))
    nameless.tick(T0 + 4 * DAY)
    assert nameless.state.send is not None
    assert nameless.state.send.due_at.date() > (T0 + 7 * DAY).date()


@each_message
def test_a_soft_bounce_is_only_shown(action: str) -> None:
    world = sent(two_steps(action))
    step = world.hear(event("bounce", T0 + HOUR, soft=True, channel=CHANNEL[action]))
    assert [one.code for one in step.commands] == ["soft_bounce"]  # type: ignore[union-attr]
    world.tick(T0 + 3 * DAY)
    assert world.state.node == "second"


@pytest.mark.parametrize(
    ("action", "real", "synthetic"),
    [("email", "open", "no_open"), ("email", "click", "no_click"), ("sms", "click", "no_click"),
     ("invite", "accepted", "no_accept"), ("email", "reply", "no_reply"), ("message", "reply", "no_reply"),
     ("inmail", "reply", "no_reply"), ("sms", "reply", "no_reply"), ("invite", "reply", "no_reply")],
)  # fmt: skip
def test_a_synthetic_event_comes_only_without_the_real_one(action: str, real: str, synthetic: str) -> None:
    plan = make_plan(
        send("a", action, way(real, "yes"), way(synthetic, "no", after="P2D")), stop("yes"), stop("no")
    )
    assert validate(plan, CONNECTED) == []
    own = {} if real in ("reply", "accepted") else {"node": "a", "visit": 1}
    world = sent(plan)
    world.hear(event(real, T0 + 2 * DAY, **own))
    assert world.state.node == "yes"
    world = sent(plan)
    world.tick(T0 + 2 * DAY)
    assert world.state.node == "no"
    late = sent(plan)
    late.hear(event(real, T0 + 2 * DAY + timedelta(seconds=1), **own))
    assert late.state.node == "no", "the time of the synthetic event had come first"


@pytest.mark.parametrize(("action", "kind"), [("email", "open"), ("email", "click"), ("sms", "click")])
def test_machine_opens_and_clicks_neither_fire_nor_prevent(action: str, kind: str) -> None:
    plan = make_plan(
        send("a", action, way(kind, "yes"), way(f"no_{kind}", "no", after="P2D")), stop("yes"), stop("no")
    )
    world = sent(plan)
    world.hear(event(kind, T0 + HOUR, node="a", visit=1, machine=True))
    assert world.state.phase == "listening"
    world.tick(T0 + 2 * DAY)
    assert world.state.node == "no"


@each_message
def test_within_goes_by_when_it_happened_not_by_when_it_was_heard(action: str) -> None:
    plan = two_steps(action, way("reply", "other", within="P1D"))
    late_news = sent(plan)
    late_news.hear(event("reply", T0 + DAY, received=T0 + 2 * DAY))
    assert late_news.state.node == "other"
    too_late = sent(plan)
    too_late.hear(event("reply", T0 + DAY + timedelta(seconds=1), received=T0 + 2 * DAY))
    assert too_late.state.ended is not None
    assert too_late.state.ended.outcome == "replied", "rule 1: no way for it any more"


@each_message
def test_after_on_a_real_event_counts_from_its_occurrence(action: str) -> None:
    world = sent(two_steps(action, way("reply", "other", after="PT6H")))
    world.hear(event("reply", T0 + HOUR, received=T0 + 5 * HOUR))
    assert [timer.at for timer in world.state.timers] == [T0 + 7 * HOUR]
    assert world.state.send is None
    world.tick(T0 + 7 * HOUR)
    assert world.state.node == "other"


def test_at_one_instant_the_gravest_is_first_then_occurrence_then_id() -> None:
    kinds = ["complaint", "unsubscribe", "bounce", "reply", "meeting_booked"]
    at = T0 + HOUR
    for place, kind in enumerate(kinds):
        world = sent(two_steps("email"))
        heard = [event(one, at, id=f"{9 - n}{one}", channel="email") for n, one in enumerate(kinds[place:])]
        plan_facts = tuple(reversed(heard))
        world.state = type(world.state)(
            **{name: getattr(world.state, name) for name in world.state.__slots__ if name != "facts"},
            facts=(*world.state.facts, *plan_facts),
        )
        world.tick(at)
        assert world.state.ended is not None
        assert world.state.ended.cause.ref.endswith(kind)
    plan = make_plan(send("a", "email", way("open", "o"), way("click", "c"), way("no_reply", "o", after="P9D")),
                     stop("o"), stop("c"))  # fmt: skip
    world = sent(plan)
    world.state = type(world.state)(
        **{name: getattr(world.state, name) for name in world.state.__slots__ if name != "facts"},
        facts=(
            *world.state.facts,
            event("open", at, id="z", node="a"),
            event("click", at, id="b", node="a"),
        ),
    )
    world.tick(at)
    assert world.state.node == "c", "of equal rank and instant the smaller id comes first"


def test_an_end_is_final_for_every_event() -> None:
    for kind in ("reply", "accepted", "open", "unsubscribe", "meeting_booked", "bounce"):
        world = sent(two_steps("email"))
        world.hear(event("reply", T0 + HOUR))
        ended = world.state.ended
        world.hear(event(kind, T0 + 2 * HOUR, id="later"))
        assert world.state.ended == ended


@pytest.mark.parametrize(
    ("reached_by", "valid"),
    [
        ([send("i", "invite", way("accepted", "m"), way("no_accept", "end", after="P3D"))], True),
        ([send("i", "invite", way("accepted", "m"), way("no_accept", "m", after="P3D"))], False),
        ([send("e", "email", way("no_reply", "m", after="P3D"))], False),
        ([branch("b", "m", "end", {"field": "lead.first_degree", "op": "eq", "value": True})], True),
        ([branch("b", "m", "end", {"field": "lead.first_degree", "op": "eq", "value": False})], False),
        ([branch("b", "m", "end", {"event": "accepted", "op": "happened"})], True),
        ([branch("b", "m", "end", {"event": "accepted", "op": "not_happened"})], False),
    ],
)
def test_a_message_needs_a_connection(reached_by: list[dict[str, Any]], valid: bool) -> None:
    plan = make_plan(*reached_by, send("m", "message"), stop())
    assert ("not_connected" not in {error.code for error in validate(plan)}) == valid
    instead = make_plan(*reached_by, send("m", "inmail"), stop())
    assert "not_connected" not in {error.code for error in validate(instead)}


@pytest.mark.parametrize("connected", [True, False])
def test_first_degree_is_a_field_that_branches_see(connected: bool) -> None:
    plan = make_plan(
        branch("b", "m", "i", {"field": "lead.first_degree", "op": "eq", "value": True}),
        send("m", "message"),
        send("i", "inmail"),
    )
    world = World(plan, fields={"lead.first_degree": connected})
    assert world.state.node == ("m" if connected else "i")


def test_the_example_of_events_is_complete() -> None:
    """Every kind of event has been heard at every kind of node without a fault."""
    kinds = ["sent", "delivered", "open", "click", "reply", "bounce", "complaint", "unsubscribe", "accepted",
             "meeting_booked", "failed"]  # fmt: skip
    for action in [*MESSAGES, "invite", "profile_view"]:
        for kind in kinds:
            world = sent(make_plan(send("a", action, way("sent", "end", after="P9D")), stop()))
            world.hear(Event("x", kind, T0 + HOUR, T0 + HOUR, node="a", visit=1))
            world.tick(T0 + 30 * DAY)
            assert world.state.ended is not None
