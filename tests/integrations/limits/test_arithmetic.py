"""Allocation among budgets, growth, and warm-up plans: pure."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations import warmup
from integrations.rates import Cap, Counter, Rate, allocate, growth_cap

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
BUDGETS = "abcdef"

counters_and_demands = st.tuples(
    st.fixed_dictionaries(
        {name: st.tuples(st.integers(0, 6), st.integers(0, 8), st.integers(0, 8)) for name in BUDGETS}
    ),
    st.lists(st.lists(st.sampled_from(BUDGETS), min_size=1, max_size=4, unique=True), max_size=40),
)


def counters(figures: dict[str, tuple[int, int, int]]) -> dict[str, Counter]:
    return {
        name: Counter(
            used=used,
            caps=(Cap("day", f"{name} day", first), Cap("warmup", f"{name} warm-up", second)),
            resets_at=NOW + timedelta(hours=1 + number),
        )
        for number, (name, (used, first, second)) in enumerate(figures.items())
    }


@given(counters_and_demands)
def test_no_budget_is_ever_exceeded_and_a_refusal_takes_nothing(
    drawn: tuple[dict[str, tuple[int, int, int]], list[list[str]]],
) -> None:
    figures, demands = drawn
    found = counters(figures)
    answers = allocate(demands, found, NOW)
    for name, (used, first, second) in figures.items():
        granted = sum(name in demand for demand, no in zip(demands, answers, strict=True) if no is None)
        assert found[name].taken == granted
        assert granted == 0 or used + granted <= min(first, second)


@given(counters_and_demands)
def test_who_is_refused_is_refused_by_a_full_budget_that_it_wanted(
    drawn: tuple[dict[str, tuple[int, int, int]], list[list[str]]],
) -> None:
    figures, demands = drawn
    found = counters(figures)
    for demand in demands:
        full = [found[name] for name in demand if found[name].is_full]
        [answer] = allocate([demand], found, NOW)
        assert (answer is None) == (not full)
        if answer is not None:
            # Of several, the one that is free last: nothing can leave before it.
            assert answer.resets_at == max(counter.resets_at for counter in full)
            assert answer.remaining == 0


@given(counters_and_demands)
def test_one_after_the_other_is_the_same_as_all_at_once(
    drawn: tuple[dict[str, tuple[int, int, int]], list[list[str]]],
) -> None:
    figures, demands = drawn
    at_once, one_by_one = counters(figures), counters(figures)
    together = allocate(demands, at_once, NOW)
    apart = [allocate([demand], one_by_one, NOW)[0] for demand in demands]
    assert together == apart


@given(st.integers(0, 10_000), st.integers(0, 100), st.integers(0, 500))
def test_growth_is_bounded_and_never_stuck(last: int, percent: int, floor: int) -> None:
    cap = growth_cap(last, percent=percent, floor=floor)
    assert cap >= max(floor, last)
    assert cap <= max(floor, last * (100 + percent) / 100 + 1)
    if percent and last:
        assert cap > last


def test_growth_figures() -> None:
    assert growth_cap(100, percent=25, floor=50) == 125
    assert growth_cap(0, percent=25, floor=125) == 125
    assert growth_cap(3, percent=25, floor=0) == 4
    with pytest.raises(ValueError, match="negative"):
        growth_cap(-1, percent=25, floor=0)


def test_a_rate_has_a_gap_and_a_credit() -> None:
    rate = Rate(10, 5)
    assert (rate.gap, rate.credit) == (timedelta(milliseconds=100), timedelta(milliseconds=400))
    with pytest.raises(ValueError, match="positive"):
        Rate(0, 1)


# --- warm-up ------------------------------------------------------------------------------------------


def test_sendgrids_hourly_table() -> None:
    table = warmup.IP_HOURLY
    assert (table[0], table[12], table[26], table[41], len(table)) == (20, 1_000, 125_997, 19_601_056, 42)
    # Day 12 is irregular in the original; every step is a growth all the same.
    assert all(earlier < later for earlier, later in itertools.pairwise(table))


@given(st.sampled_from(sorted(warmup.PLANS)), st.integers(0, 120))
def test_a_plan_never_falls_and_ends(kind: str, day: int) -> None:
    start = date(2026, 3, 2)
    today = warmup.stage(kind, started_on=start, today=start + timedelta(days=day))
    tomorrow = warmup.stage(kind, started_on=start, today=start + timedelta(days=day + 1))
    assert 1 <= today.day <= today.of
    assert today.finished == (day >= today.plan.days)
    for action, cap in today.caps.items():
        assert cap > 0
        assert tomorrow.finished or tomorrow.caps[action] >= cap


def test_a_held_day_is_a_day_later() -> None:
    start = date(2026, 3, 2)
    today = start + timedelta(days=9)
    assert warmup.stage("mailbox", started_on=start, today=today).caps == {"email": 32}
    assert warmup.stage("mailbox", started_on=start, today=today, held_days=2).caps == {"email": 26}
    held = warmup.stage("mailbox", started_on=start, today=today, held_since=start + timedelta(days=3))
    assert (held.day, held.held, held.caps) == (4, True, {"email": 14})
    assert held.sentence == "Mailbox: day 4 of 16, held."


def test_a_ceiling_ends_a_ramp_early_and_stays() -> None:
    start = date(2026, 3, 2)
    for days in (20, 400):
        found = warmup.stage("mailbox", started_on=start, today=start + timedelta(days=days), ceiling=30)
        assert found.caps == {"email": 30}
    early = warmup.stage("linkedin", started_on=start, today=start, ceiling=3)
    assert (early.caps["invite"], early.caps["message"]) == (3, 10)


@given(st.dates(date(2026, 1, 1), date(2026, 12, 1)), st.integers(-30, 60), st.integers(0, 40))
def test_the_stage_is_never_before_the_start(start: date, days: int, held: int) -> None:
    today = start + timedelta(days=days)
    assert warmup.stage_day(started_on=start, today=today, held_days=held, held_since=None) >= 0
