"""Forecasts: too little says nothing, a steady pace goes on, and intervals hold about as often as they say."""

from __future__ import annotations

import random

from reporting.forecasting import forecast


def test_too_little_says_nothing() -> None:
    assert forecast([1] * 13, 30) is None
    assert forecast([0] * 60, 30) is None
    assert forecast([1] * 28, 0) is None


def test_a_steady_pace_goes_on() -> None:
    made = forecast([2] * 60, 30)
    assert made is not None
    assert made.low < made.expected == 60 < made.high
    assert (made.held, made.tested) == (5, 5)


def test_intervals_hold_about_eight_times_in_ten() -> None:
    chance = random.Random(7)
    held = tested = 0
    for _ in range(200):
        rate = chance.uniform(0.5, 6)
        days = [sum(chance.random() < rate / 40 for _ in range(40)) for _ in range(28 + 30)]
        made = forecast(days[:28], 30)
        if made is not None:
            tested += 1
            held += made.low <= sum(days[28:]) <= made.high
    assert 0.72 < held / tested < 0.97
