"""When too much of what is sent comes back: rates, thresholds and samples. Pure arithmetic.

Figures: docs/compliance.md. Gmail and Yahoo want complaints below 0.1 % and act at 0.3 %; SendGrid wants hard bounces
below 5 %. Few sends prove nothing: below the sample no rate is computed, and one bad luck is never enough.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

#: How many of the latest sends are looked at, and how old they may be.
WINDOW_SENDS: Final = 1000
WINDOW: Final = timedelta(days=7)


class Signal(StrEnum):
    """What came back."""

    BOUNCE = "bounce"
    COMPLAINT = "complaint"
    DEFERRAL = "deferral"


class Level(StrEnum):
    """What follows."""

    FINE = "fine"
    WARN = "warn"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Threshold:
    """Shares (0 to 1) at which to warn and to stop, the sends needed to tell, and the least number that counts."""

    warn: float
    stop: float
    sample: int
    least: int


THRESHOLDS: Final[Mapping[Signal, Threshold]] = {
    Signal.BOUNCE: Threshold(warn=0.03, stop=0.05, sample=60, least=5),
    Signal.COMPLAINT: Threshold(warn=0.001, stop=0.002, sample=300, least=2),
    Signal.DEFERRAL: Threshold(warn=0.05, stop=0.10, sample=40, least=6),
}


@dataclass(frozen=True, slots=True)
class Counts:
    """Sends of a window, and how many of them came back in which way."""

    sends: int
    bounces: int = 0
    complaints: int = 0
    deferrals: int = 0

    def of(self, signal: Signal) -> int:
        """How many gave this signal."""
        return {
            Signal.BOUNCE: self.bounces,
            Signal.COMPLAINT: self.complaints,
            Signal.DEFERRAL: self.deferrals,
        }[signal]

    def rate(self, signal: Signal) -> float:
        """The share that gave this signal; 0 without sends."""
        return self.of(signal) / self.sends if self.sends else 0.0


def judge(counts: Counts, signal: Signal, threshold: Threshold | None = None) -> Level:
    """Say what follows from ``counts`` for one signal."""
    limit = threshold or THRESHOLDS[signal]
    if counts.sends < limit.sample or counts.of(signal) < limit.least:
        return Level.FINE
    rate = counts.rate(signal)
    if rate >= limit.stop:
        return Level.STOP
    return Level.WARN if rate >= limit.warn else Level.FINE


def in_words(counts: Counts, signal: Signal) -> str:
    """The finding in one sentence, such as "7 of 100 e-mails bounced (7.0 %)."."""
    said = {
        Signal.BOUNCE: "bounced",
        Signal.COMPLAINT: "were marked as spam",
        Signal.DEFERRAL: "were deferred",
    }
    share = f"{counts.rate(signal) * 100:.2f}".rstrip("0").rstrip(".")
    return f"{counts.of(signal):,} of the last {counts.sends:,} e-mails {said[signal]} ({share} %)."
