"""The winner among the variants of a step: by positive replies minus opt-outs per contacted lead.

**The test.** People are assigned to variants at random. Compare A with B by their *signals* only: a positive reply to
A or an opt-out from B speaks for A, the reverse speaks for B, silence for nobody. If both are equally good, that is
if positive replies minus opt-outs per contacted lead are the same, then with equal weights the next signal speaks for
A with a chance of exactly one half, whatever the rates are. So the count of signals for A is a fair coin under the
null hypothesis, and the likelihood ratio of a beta mixture of coins against the fair coin,

    M = B(a + s, a + n - s) / B(a, a) / p0^s / (1 - p0)^(n - s),

is a non-negative martingale that starts at 1. By Ville's inequality it ever reaches 1/alpha with a probability of at
most alpha: the figure may be looked at after every single reply, and the campaign stopped whenever one likes
(Ville 1939; Robbins 1970, "Statistical methods related to the law of the iterated logarithm", Ann. Math. Stat. 41;
the beta-binomial mixture is in Howard, Ramdas, McAuliffe and Sekhon 2021, "Time-uniform, nonparametric,
nonasymptotic confidence sequences", Ann. Stat. 49; its use for A/B tests in Johari, Koomen, Pekelis and Walsh 2022,
"Always valid inference", Oper. Res. 70). With unequal weights the fair chance lies between the two shares; M is then
taken at the value in between that fits the data best, which keeps the guarantee and costs some power.

With k variants a winner has to beat each other variant, and alpha is divided by k - 1: a variant that is not better
than the best of the others is called the winner with a probability of at most alpha, ever.

What the caller has to keep: count a lead as contacted once its message left, count each lead once (an opt-out outweighs
a positive reply of the same person), and never change weights within one test.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

ALPHA = 0.05
"""How often a wording that is no better may be called the winner, over the whole life of a test."""
MIN_CONTACTED = 100
"""No winner before every variant went to so many people ..."""
MIN_SIGNALS = 10
"""... and so many of them replied positively or opted out, over both wordings of each comparison."""
PRIOR = 10.0
"""The mixture's concentration: differences of about a third in the rates are looked for first."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of one variant. Leads are counted once; ``weight`` is its share in the plan."""

    variant: str
    contacted: int
    positive: int
    opted_out: int
    weight: int = 1

    def __post_init__(self) -> None:
        if min(self.contacted, self.positive, self.opted_out) < 0 or self.weight < 1:
            raise ValueError("Counts cannot be negative, a weight is at least 1.")
        if self.positive + self.opted_out > self.contacted:
            raise ValueError("More people reacted than were contacted: count each lead once.")

    @property
    def net(self) -> int:
        """Positive replies minus opt-outs."""
        return self.positive - self.opted_out

    @property
    def rate(self) -> float:
        """Net positive replies per contacted lead; 0 for nobody contacted."""
        return self.net / self.contacted if self.contacted else 0.0

    @property
    def net_per_hundred(self) -> float:
        """The rate as people say it."""
        return 100 * self.rate


@dataclass(frozen=True, slots=True)
class Comparison:
    """The best variant against one other. ``evidence`` is M, ``needed`` the value at which it decides."""

    other: str
    signals_for: int
    signals: int
    evidence: float
    needed: float

    @property
    def p_value(self) -> float:
        """The always-valid p-value: the chance of ever seeing so much evidence between equals."""
        return min(1.0, 1.0 / self.evidence) if self.evidence > 0 else 1.0

    @property
    def decided(self) -> bool:
        """Whether the evidence is enough."""
        return self.evidence >= self.needed and 2 * self.signals_for > self.signals


@dataclass(frozen=True, slots=True)
class Verdict:
    """What can be said now. ``winner`` is empty as long as nothing is decided."""

    state: str
    """``too_early``, ``open`` or ``decided``."""
    winner: str
    leader: str
    comparisons: tuple[Comparison, ...]
    sentence: str


def evidence(signals_for: int, signals: int, *, share: float = 0.5) -> float:
    """M for ``signals_for`` of ``signals`` speaking for the first of two variants.

    ``share`` is the first one's share of the two weights. 1 means no evidence either way; at most 1e300.
    """
    if not 0 <= signals_for <= signals or not 0 < share < 1:
        raise ValueError("Signals for one side cannot exceed all signals; a share lies between 0 and 1.")
    against = signals - signals_for
    low, high = min(share, 1 - share), max(share, 1 - share)
    fair = min(max(signals_for / signals, low), high) if signals else 0.5
    log_mixture = _log_beta(PRIOR + signals_for, PRIOR + against) - _log_beta(PRIOR, PRIOR)
    log_fair = signals_for * math.log(fair) + against * math.log(1 - fair)
    return math.exp(min(690.0, log_mixture - log_fair))


def judge(
    tallies: Sequence[Tally],
    *,
    alpha: float = ALPHA,
    min_contacted: int = MIN_CONTACTED,
    min_signals: int = MIN_SIGNALS,
) -> Verdict:
    """Say whether one of at least two variants has won. Safe to call after every reply.

    Raises ``ValueError`` for fewer than two variants or the same name twice.
    """
    if len(tallies) < 2 or len({tally.variant for tally in tallies}) != len(tallies):
        raise ValueError("At least two variants with different names are needed.")
    leader, *others = sorted(tallies, key=lambda tally: (-tally.rate, tally.variant))
    needed = (len(tallies) - 1) / alpha
    compared = tuple(_compare(leader, other, needed) for other in others)
    least = min(tallies, key=lambda tally: tally.contacted)
    if least.contacted < min_contacted:
        missing = min_contacted - least.contacted
        sentence = f"Too early: {least.variant} has to reach {missing:,} more people before anything is said."
        return Verdict("too_early", "", leader.variant, compared, sentence)
    quiet = min(compared, key=lambda one: one.signals)
    if quiet.signals < min_signals:
        sentence = (
            f"Too early: {quiet.signals} positive replies and opt-outs so far between {leader.variant} and "
            f"{quiet.other}; at least {min_signals} are needed."
        )
        return Verdict("too_early", "", leader.variant, compared, sentence)
    if all(one.decided for one in compared):
        sentence = f"{leader.variant} wins: {_figures(leader)}, against {_list(others)}."
        return Verdict("decided", leader.variant, leader.variant, compared, sentence)
    sentence = (
        f"Not decided: {leader.variant} leads with {_figures(leader)}, against {_list(others)}; the difference "
        "may still be chance."
    )
    return Verdict("open", "", leader.variant, compared, sentence)


def _compare(leader: Tally, other: Tally, needed: float) -> Comparison:
    signals_for = leader.positive + other.opted_out
    signals = signals_for + other.positive + leader.opted_out
    share = leader.weight / (leader.weight + other.weight)
    return Comparison(
        other.variant, signals_for, signals, evidence(signals_for, signals, share=share), needed
    )


def _figures(tally: Tally) -> str:
    return (
        f"{100 * tally.rate:.1f} net positive replies per 100 people "
        f"({tally.positive:,} positive, {tally.opted_out:,} opted out of {tally.contacted:,})"
    )


def _list(others: Sequence[Tally]) -> str:
    return " and ".join(
        f"{100 * other.rate:.1f} of {other.variant} ({other.positive:,} positive, {other.opted_out:,} opted "
        f"out of {other.contacted:,})"
        for other in others
    )


def _log_beta(left: float, right: float) -> float:
    return math.lgamma(left) + math.lgamma(right) - math.lgamma(left + right)
