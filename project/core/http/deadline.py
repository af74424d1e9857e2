"""A time by which everything has to be answered that somebody waits for, whatever number of requests it takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_until: ContextVar[float | None] = ContextVar("http_deadline", default=None)
#: The clock, in seconds.
clock: Callable[[], float] = time.monotonic


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Let requests made inside end within ``seconds`` altogether: time-outs are cut, and nothing is tried again after.

    What is not answered by then raises ``TimeoutExceededError``, which says nothing against the service.
    """
    token = _until.set(clock() + seconds)
    try:
        yield
    finally:
        _until.reset(token)


def left() -> float | None:
    """Return the seconds that are left, 0 if there are none; ``None`` where nobody waits."""
    until = _until.get()
    return None if until is None else max(0.0, until - clock())


def has_passed() -> bool:
    """Whether there is a deadline and it has passed."""
    return left() == 0.0


def is_before(wait: float) -> bool:
    """Whether there is a deadline and it passes before somebody has waited ``wait`` seconds."""
    seconds = left()
    return seconds is not None and wait >= seconds
