"""Winners: the guarantee under peeking, the guard, the sentence."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.statistics import ALPHA, MIN_CONTACTED, Tally, evidence, judge

#: Rates of a positive reply and an opt-out; each pair of one case is equally good by net rate.
EQUALS = {
    "the same rates": ((0.06, 0.01), (0.06, 0.01)),
    "more of both": ((0.05, 0.02), (0.08, 0.05)),
    "nobody opts out": ((0.1, 0.0), (0.1, 0.0)),
    "three of them": ((0.08, 0.02), (0.08, 0.02), (0.08, 0.02)),
    "two are as good": ((0.08, 0.02), (0.08, 0.02), (0.05, 0.02)),
}


def ever_wrong(
    rates: tuple[tuple[float, float], ...], seed: int, people: int, weights: tuple[int, ...] | None = None
) -> bool:
    """Whether somebody who looks after every signal would ever call a variant the winner that is no better."""
    dice = random.Random(seed)
    weights = weights or (1,) * len(rates)
    names = "ABCDE"[: len(rates)]
    contacted, positive, opted = ([0] * len(rates) for _ in range(3))
    for _ in range(people):
        chosen = dice.choices(range(len(rates)), weights)[0]
        contacted[chosen] += 1
        luck = dice.random()
        good, bad = rates[chosen]
        if luck >= good + bad:
            continue
        (positive if luck < good else opted)[chosen] += 1
        tallies = [
            Tally(names[at], contacted[at], positive[at], opted[at], weights[at]) for at in range(len(rates))
        ]
        verdict = judge(tallies, min_contacted=1, min_signals=1)
        if verdict.winner:
            best = max(round(good - bad, 9) for good, bad in rates)
            others = [round(g - b, 9) for at, (g, b) in enumerate(rates) if names[at] != verdict.winner]
            return max(others) >= best
    return False


@pytest.mark.parametrize("rates", EQUALS.values(), ids=EQUALS)
def test_peeking_after_every_reply_keeps_the_error_rate(rates: tuple[tuple[float, float], ...]) -> None:
    runs = 200
    wrong = sum(ever_wrong(rates, seed, 1200) for seed in range(runs))
    # Ville's bound is alpha for an endless test; a fixed seed makes the count a constant.
    assert wrong / runs <= ALPHA


def test_unequal_weights_keep_it_too() -> None:
    wrong = sum(ever_wrong(((0.05, 0.02), (0.08, 0.05)), seed, 1200, (4, 1)) for seed in range(150))
    assert wrong / 150 <= ALPHA


def test_a_better_wording_is_found() -> None:
    found = 0
    for seed in range(60):
        dice = random.Random(seed)
        counts = {"A": [0, 0], "B": [0, 0]}
        for number in range(4000):
            name = "AB"[number % 2]
            counts[name][0] += 1
            counts[name][1] += dice.random() < (0.04 if name == "A" else 0.07)
        verdict = judge([Tally(name, seen, good, 0) for name, (seen, good) in counts.items()])
        assert verdict.winner != "A"
        found += verdict.winner == "B"
    assert found >= 48


def test_remove_me_never_wins() -> None:
    """The one with more replies loses when they are wishes to be left alone."""
    verdict = judge([Tally("loud", 1000, 60, 55), Tally("calm", 1000, 58, 4)])
    assert verdict.winner == "calm"
    assert "58 positive, 4 opted out of 1,000" in verdict.sentence


def test_the_guard_speaks_first() -> None:
    early = judge([Tally("A", 40, 30, 0), Tally("B", 900, 0, 30)])
    assert (early.state, early.winner) == ("too_early", "")
    assert f"{MIN_CONTACTED - 40} more people" in early.sentence
    quiet = judge([Tally("A", 500, 5, 0), Tally("B", 500, 0, 0)])
    assert quiet.state == "too_early"
    assert "at least 10" in quiet.sentence
    undecided = judge([Tally("A", 500, 15, 2), Tally("B", 500, 12, 2)])
    assert (undecided.state, undecided.leader) == ("open", "A")


@given(st.integers(0, 300), st.integers(0, 300), st.floats(0.05, 0.95))
@settings(max_examples=60, deadline=None)
def test_evidence_is_symmetric_and_cautious(for_one: int, for_other: int, share: float) -> None:
    count = for_one + for_other
    left, right = evidence(for_one, count, share=share), evidence(for_other, count, share=1 - share)
    assert left == pytest.approx(right)
    # An uneven split never needs less than an even one.
    assert left <= evidence(for_one, count) * (1 + 1e-9)


def test_evidence_is_a_fair_game() -> None:
    """The expectation of M after any number of fair signals is one."""
    for count in (1, 5, 40):
        total = 0.0
        ways = 1
        for heads in range(count + 1):
            total += ways * 0.5**count * evidence(heads, count)
            ways = ways * (count - heads) // (heads + 1)
        assert total == pytest.approx(1.0)


@pytest.mark.parametrize(
    "wrong", [(-1, 0, 0, 1), (5, 4, 2, 1), (5, 1, 1, 0)], ids=["negative", "too many", "no weight"]
)
def test_impossible_counts_are_refused(wrong: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match=r"."):
        Tally("A", *wrong)


def test_one_variant_is_no_contest() -> None:
    with pytest.raises(ValueError, match="At least two"):
        judge([Tally("A", 1, 0, 0)])
    with pytest.raises(ValueError, match="At least two"):
        judge([Tally("A", 1, 0, 0), Tally("A", 1, 0, 0)])
