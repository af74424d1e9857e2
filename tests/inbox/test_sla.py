"""Clocks in business hours, and who will be late: the pure arithmetic."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from campaigns.scheduling import Calendar, SendingWindow, is_open
from inbox.assigning import Candidate, Wanted, choose
from inbox.sla import Promise, Waiting, add_business_time, at_risk, business_time
from inbox.snoozing import presets

OSLO = ZoneInfo("Europe/Oslo")
OFFICE = Calendar(windows=(SendingWindow(frozenset(range(5)), time(9), time(17)),), days_off=frozenset())
PROMISE = Promise(timedelta(minutes=240), timedelta(minutes=60), OFFICE, OSLO)

instants = st.integers(0, 2 * 365 * 24 * 60).map(
    lambda minutes: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)
spans = st.integers(1, 60 * 60).map(lambda minutes: timedelta(minutes=minutes))
zones = st.sampled_from([OSLO, ZoneInfo("America/New_York"), ZoneInfo("Asia/Kolkata"), ZoneInfo("UTC")])


def test_a_promise_rests_when_the_office_does() -> None:
    friday = datetime(2026, 11, 20, 16, 40, tzinfo=OSLO)
    assert PROMISE.due(friday, "question") == datetime(2026, 11, 23, 9, 40, tzinfo=OSLO)
    assert PROMISE.due(friday, "not_now") == datetime(2026, 11, 23, 12, 40, tzinfo=OSLO)
    assert PROMISE.due(friday, "out_of_office") is None


def test_where_an_office_never_opens_time_simply_passes() -> None:
    never = Calendar(windows=OFFICE.windows, days_off=frozenset(range(7)))
    since = datetime(2026, 11, 20, 9, tzinfo=UTC)
    assert add_business_time(since, timedelta(hours=1), never, OSLO) == since + timedelta(hours=1)


@given(since=instants, span=spans, zone=zones)
def test_what_is_added_is_what_passes(since: datetime, span: timedelta, zone: ZoneInfo) -> None:
    due = add_business_time(since, span, OFFICE, zone)
    assert due >= since + span
    assert business_time(since, due, OFFICE, zone) == span
    # It falls due within business hours, their last instant included.
    assert is_open(due - timedelta(microseconds=1), OFFICE, zone)


@given(since=instants, span=spans, more=spans, zone=zones)
def test_a_longer_promise_is_never_due_earlier(
    since: datetime, span: timedelta, more: timedelta, zone: ZoneInfo
) -> None:
    assert add_business_time(since, span + more, OFFICE, zone) > add_business_time(since, span, OFFICE, zone)


@given(due=st.lists(st.integers(-60, 240), max_size=30), takes=st.integers(1, 20), faster=st.integers(1, 20))
def test_whoever_is_faster_is_late_with_no_more(due: list[int], takes: int, faster: int) -> None:
    moment = datetime(2026, 11, 20, 9, tzinfo=UTC)
    queue = [Waiting(str(n), moment + timedelta(minutes=minutes)) for n, minutes in enumerate(due)]
    slow = at_risk(queue, timedelta(minutes=max(takes, faster)), moment)
    quick = at_risk(queue, timedelta(minutes=min(takes, faster)), moment)
    assert set(quick) <= set(slow)
    assert {one.key for one in queue if one.due < moment} <= set(quick)


people = st.lists(
    st.builds(
        Candidate,
        key=st.uuids().map(str),
        name=st.just("Ana"),
        open=st.integers(0, 20),
        most=st.integers(0, 10),
        is_at_work=st.booleans(),
        is_online=st.booleans(),
        knows_them=st.booleans(),
    ),
    max_size=6,
    unique_by=lambda one: one.key,
)


@given(people=people, method=st.sampled_from(["round_robin", "load", "owner"]), online=st.booleans())
def test_nobody_away_off_duty_or_full_is_chosen(people: list[Candidate], method: str, online: bool) -> None:
    chosen = choose(Wanted(method, online_only=online), people)
    able = [
        one
        for one in people
        if one.is_at_work and (one.is_online or not online) and (not one.most or one.open < one.most)
    ]
    if method == "owner":
        able = [one for one in able if one.knows_them]
    assert bool(chosen.key) == bool(able)
    assert not chosen.key or chosen.key in {one.key for one in able}
    if method == "load" and able:
        assert next(one.open for one in people if one.key == chosen.key) == min(one.open for one in able)


@given(count=st.integers(1, 6), turns=st.integers(1, 18))
def test_turns_are_fair(count: int, turns: int) -> None:
    team = [Candidate(key=f"{n}", name=f"P{n}") for n in range(count)]
    last, got = "", [0] * count
    for _ in range(turns):
        last = choose(Wanted("round_robin", last_given_to=last), team).key
        got[int(last)] += 1
    assert max(got) - min(got) <= 1


@given(moment=instants, zone=zones)
def test_every_snooze_lies_ahead(moment: datetime, zone: ZoneInfo) -> None:
    offered = presets(moment, zone)
    assert len({one.key for one in offered}) == len(offered)
    assert all(one.until is None or moment < one.until < moment + timedelta(days=32) for one in offered)
    assert offered[-1].until is None
