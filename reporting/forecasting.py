"""What the coming days may bring, with an interval that says how sure that is, and how such forecasts did before. Pure.

The mean of the last four weeks goes on. The interval adds what days differ by and what is not known about the mean:
for a horizon of h days after n days with the sample variance s2 (at least the mean: counts differ by chance alone),
the total varies by ``h * s2 + h * h * s2 / n``. Days of a week are no independent draws, so s2 is taken from weeks
where there are at least four. 80 percent of a normal distribution lie within 1.2816 standard deviations.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

LOOK_BACK: Final = 28
#: Fewer days than this, or fewer events in them, say nothing.
LEAST_DAYS: Final = 14
LEAST_EVENTS: Final = 5
_WITHIN: Final = 1.2816
#: A back-test looks this many days ahead, and begins anew every week.
BACK_TEST_DAYS: Final = 14


@dataclass(frozen=True, slots=True)
class Forecast:
    """How many more there will be in ``days`` days: eight times in ten between ``low`` and ``high``.

    ``tested`` earlier forecasts of the same kind, ``held`` of them with the outcome inside their interval.
    """

    days: int
    expected: int
    low: int
    high: int
    held: int
    tested: int


def forecast(counts: Sequence[int], days: int) -> Forecast | None:
    """Forecast the total of the next ``days`` days from whole past days, oldest first; ``None`` for too few."""
    made = _interval(counts, days)
    if made is None or days < 1:
        return None
    held = tested = 0
    for end in range(len(counts) - BACK_TEST_DAYS, LEAST_DAYS - 1, -7):
        earlier = _interval(counts[:end], BACK_TEST_DAYS)
        if earlier is None:
            continue
        tested += 1
        held += earlier[1] <= sum(counts[end : end + BACK_TEST_DAYS]) <= earlier[2]
    expected, low, high = made
    return Forecast(days, expected, low, high, held, tested)


def _interval(counts: Sequence[int], days: int) -> tuple[int, int, int] | None:
    seen = list(counts[-LOOK_BACK:])
    n = len(seen)
    if n < LEAST_DAYS or sum(seen) < LEAST_EVENTS:
        return None
    mean = sum(seen) / n
    weeks = [sum(seen[n - 7 * (k + 1) : n - 7 * k]) for k in range(n // 7)]
    if len(weeks) >= 4:
        middle = sum(weeks) / len(weeks)
        variance = sum((week - middle) ** 2 for week in weeks) / (len(weeks) - 1) / 7
    else:
        variance = sum((count - mean) ** 2 for count in seen) / (n - 1)
    variance = max(variance, mean)
    spread = _WITHIN * math.sqrt(days * variance + days * days * variance / n)
    expected = days * mean
    return round(expected), max(0, math.floor(expected - spread)), math.ceil(expected + spread)
