"""Which wording of a step wins, judged so that looking every day does no harm. Pure."""

from campaigns.statistics.winner import (
    ALPHA,
    MIN_CONTACTED,
    MIN_SIGNALS,
    Comparison,
    Tally,
    Verdict,
    evidence,
    judge,
)

__all__ = [
    "ALPHA",
    "MIN_CONTACTED",
    "MIN_SIGNALS",
    "Comparison",
    "Tally",
    "Verdict",
    "evidence",
    "judge",
]
