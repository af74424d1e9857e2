"""How well an account is, as one figure that its worst factor explains.

Each factor is a figure from 0 to 100 with a sentence; the score is the lowest of them, so that the one that is named is
the whole reason. Pure: no Django imports. Rooms above add factors (``integrations.health_selectors``).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

WELL: Final = 80
POOR: Final = 50


@dataclass(frozen=True, slots=True)
class Factor:
    """One thing that makes an account more or less fit. ``key`` is stable, the words are for people."""

    key: str
    label: str
    score: int
    sentence: str

    @property
    def tone(self) -> str:
        """How it is shown."""
        return "ok" if self.score >= WELL else "warn" if self.score >= POOR else "bad"


@dataclass(frozen=True, slots=True)
class Health:
    """All factors of an account, worst first."""

    factors: tuple[Factor, ...]

    @classmethod
    def of(cls, factors: Iterable[Factor]) -> Health:
        """Put factors in order."""
        return cls(tuple(sorted(factors, key=lambda factor: factor.score)))

    @property
    def worst(self) -> Factor | None:
        """The factor that decides; ``None`` where nothing is known."""
        return self.factors[0] if self.factors else None

    @property
    def score(self) -> int:
        """0 to 100."""
        return self.worst.score if self.worst else 100

    @property
    def tone(self) -> str:
        """How it is shown."""
        return self.worst.tone if self.worst else "ok"

    @property
    def sentence(self) -> str:
        """The score's reason."""
        if self.worst is None or self.score == 100:
            return "Nothing speaks against it."
        return self.worst.sentence


def by_share(share: float, *, warn: float, stop: float) -> int:
    """A figure for a share of bad outcomes: 100 for none, 70 where one is warned, 20 where sending is stopped."""
    if share >= stop:
        return 20
    if share >= warn:
        return round(70 - 50 * (share - warn) / (stop - warn))
    return round(100 - 30 * share / warn)
