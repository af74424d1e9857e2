"""How long to wait before trying again. Pure; all times in seconds."""

from __future__ import annotations

import random
from typing import Final

DELIVERY_FIRST: Final = 5.0
DELIVERY_CAP: Final = 3600.0
SEND_FIRST: Final = 10.0
SEND_CAP: Final = 900.0
SYNC_FIRST: Final = 30.0
SYNC_CAP: Final = 1800.0


def wait_after(attempt: int, *, first: float, cap: float, factor: float = 3.0) -> float:
    """Return the pause after the ``attempt``-th failure (from 1): exponential, capped, with 50 % jitter
    either way.
    """
    if attempt < 1:
        raise ValueError("Attempts are counted from 1.")
    # The exponent is bounded before the power is taken: a row may have failed thousands of times.
    base = min(cap, first * factor ** min(attempt - 1, 30))
    return base * random.uniform(0.5, 1.5)  # noqa: S311 (jitter, not a secret)
