"""Rate arithmetic: which limit binds, when a slot is free, warm-up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.rates import Cap, Limit, allowance, effective_cap, even_gap, next_slot, warmup_cap

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def limit(key: str, cap: int, used: int, hours: int = 12) -> Limit:
    return Limit(key=key, name=f"{cap} by {key}", cap=cap, used=used, resets_at=NOW + hours * HOUR)


def test_the_smallest_cap_binds_and_is_named() -> None:
    caps = [
        Cap("default", "25 a day", 25),
        Cap("warmup", "Warm-up day 3", 10),
        Cap("client", "Client's setting", 10),
    ]
    assert effective_cap(caps).key == "warmup"


def test_the_least_remainder_binds() -> None:
    found = allowance([limit("account_day", 25, 20), limit("domain_hour", 200, 198, hours=1)], NOW)
    assert (found.remaining, found.binding.key, found.free_at) == (2, "domain_hour", NOW)


def test_of_several_exhausted_the_last_to_reset_binds() -> None:
    found = allowance(
        [limit("domain_hour", 5, 5, hours=1), limit("account_day", 25, 25), limit("week", 100, 3)], NOW
    )
    assert (found.allowed, found.binding.key, found.free_at) == (False, "account_day", NOW + 12 * HOUR)


def test_a_limit_that_was_reset_is_unused() -> None:
    assert allowance([limit("account_day", 25, 25, hours=0)], NOW).remaining == 25


def test_a_slot_says_what_it_waits_for() -> None:
    limits = [limit("account_day", 25, 25)]
    slot = next_slot(limits, NOW, blocked_until=NOW + HOUR)
    assert (slot.at, slot.waits_for, slot.used, slot.cap) == (NOW + 12 * HOUR, "account_day", 25, 25)
    assert next_slot([limit("account_day", 25, 1)], NOW).waits_for == ""
    blocked = next_slot([limit("account_day", 25, 1)], NOW, blocked_until=NOW + HOUR)
    assert (blocked.at, blocked.waits_for) == (NOW + HOUR, "provider")


def test_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        limit("x", -1, 0)
    with pytest.raises(ValueError, match="At least one"):
        allowance([], NOW)


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 60), st.integers(-2, 30)), min_size=1, max_size=5)
)
def test_what_is_allowed_fits_every_limit(figures: list[tuple[int, int, int]]) -> None:
    limits = [limit(str(number), *figure) for number, figure in enumerate(figures)]
    found = allowance(limits, NOW)
    current = [one.cap if one.resets_at <= NOW else one.remaining for one in limits]
    assert found.remaining == min(current)
    assert found.free_at >= NOW
    assert next_slot(limits, NOW).at == found.free_at


@given(st.integers(0, 400), st.integers(0, 50), st.integers(0, 10), st.integers(0, 200))
def test_a_warm_up_never_falls_and_never_exceeds_its_ceiling(
    day: int, start: int, step: int, ceiling: int
) -> None:
    today = warmup_cap(day, start=start, daily_step=step, ceiling=ceiling)
    tomorrow = warmup_cap(day + 1, start=start, daily_step=step, ceiling=ceiling)
    assert 0 <= today <= tomorrow <= ceiling


def test_an_even_gap_uses_the_time_that_is_left() -> None:
    assert even_gap(8, 4 * HOUR, shortest=timedelta(minutes=1)) == HOUR / 2
    assert even_gap(1000, HOUR, shortest=timedelta(minutes=1)) == timedelta(minutes=1)
    assert even_gap(0, HOUR, shortest=timedelta(minutes=1)) == timedelta(minutes=1)
