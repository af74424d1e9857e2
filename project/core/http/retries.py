"""When and how long to wait before a read is tried again. Writes are never retried here."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

RETRIED_STATUSES: Final = frozenset({429, 500, 502, 503, 504})
READ_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often a read is tried and how long all waiting together may take, in seconds.

    Waits double from ``base_s`` to ``cap_s`` with full jitter. A ``Retry-After`` is honoured if it fits into
    what is left of ``budget_s``; otherwise the answer is handed to the caller, who can wait without holding a
    worker.
    """

    attempts: int = 3
    base_s: float = 0.4
    cap_s: float = 5.0
    budget_s: float = 10.0
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[float, float], float] = random.uniform

    def wait_before(self, attempt: int, retry_after: float | None, waited: float) -> float | None:
        """Return the seconds to wait before try ``attempt`` (2 is the second), or ``None`` to give up."""
        if attempt > self.attempts:
            return None
        if retry_after is not None:
            # A little on top, so that a herd told the same second does not come back as one.
            wait = retry_after + self.jitter(0.0, self.base_s)
        else:
            wait = self.jitter(0.0, min(self.cap_s, self.base_s * 2 ** (attempt - 2)))
        return wait if waited + wait <= self.budget_s else None


NO_RETRIES: Final = RetryPolicy(attempts=1)


def parse_retry_after(value: str | None, *, now: datetime | None = None) -> float | None:
    """Return the seconds of a ``Retry-After`` header (number or HTTP date), or ``None`` if it is absent or
    odd.
    """
    if not value:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())
