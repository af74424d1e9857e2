"""Rehearsals: work that is done for show, so that somebody can see what it would change, and then rolled back.

Within ``rehearse`` nothing leaves the database: tasks and live events are noted instead of handed over, and a request
to the outside is refused. Rolling back is the caller's; ``project.core.changes`` reads what was written before that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field


class OutsideRefused(RuntimeError):
    """A rehearsal came to a point at which somebody outside (``what``) would have to be asked."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} would have to be asked, which a rehearsal does not do.")
        self.what = what


@dataclass(slots=True)
class Rehearsal:
    """What would have left: how many tasks of each name, and how many live events of each kind."""

    tasks: Counter[str] = field(default_factory=Counter)
    live_events: Counter[str] = field(default_factory=Counter)


_active: ContextVar[Rehearsal | None] = ContextVar("rehearsal", default=None)


@contextmanager
def rehearse() -> Iterator[Rehearsal]:
    """Run the block as a rehearsal. Rehearsals do not nest: raises ``RuntimeError``."""
    if _active.get() is not None:
        raise RuntimeError("A rehearsal is going on.")
    made = Rehearsal()
    token = _active.set(made)
    try:
        yield made
    finally:
        _active.reset(token)


def rehearsal() -> Rehearsal | None:
    """Return the rehearsal that is going on, or ``None``: this is for real."""
    return _active.get()


def refuse_outside(what: str) -> None:
    """Raise ``OutsideRefused`` during a rehearsal. Whatever talks to the outside calls this first."""
    if _active.get() is not None:
        raise OutsideRefused(what)
