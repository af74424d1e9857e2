"""Registry of benchmarks: each measures its own baseline in the same run, and says what it has to reach.

An app registers its benchmarks in its ``bench`` module; ``manage.py bench`` finds and runs them. Only ratios
that were taken in one run can be compared: figures depend on the machine.
"""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal


class UnknownBenchmark(LookupError):
    """No benchmark of that name is registered."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a ratio has to be."""

    value: float
    bound: Literal["at_least", "at_most"]

    def is_met(self, measured: float) -> bool:
        """Say whether a measured value reaches the target."""
        return measured >= self.value if self.bound == "at_least" else measured <= self.value


@dataclass(frozen=True, slots=True)
class BenchOptions:
    """How thoroughly to measure: ``quick`` takes one short round, to try the benchmark itself."""

    quick: bool = False
    #: Tells a person what is going on.
    say: Callable[[str], None] = print


@dataclass(frozen=True, slots=True)
class BenchResult:
    """One benchmark's outcome. ``ratios`` and ``targets`` have the same keys; the rest is for people."""

    name: str
    figures: dict[str, Any]
    baseline: dict[str, Any]
    ratios: dict[str, float]
    targets: dict[str, Target] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether every target is met."""
        return all(target.is_met(self.ratios[key]) for key, target in self.targets.items())

    def as_dict(self) -> dict[str, Any]:
        """Return the object that ``manage.py bench`` prints."""
        return {
            "name": self.name,
            "figures": self.figures,
            "baseline": self.baseline,
            "ratios": self.ratios,
            "targets": {key: target.value for key, target in self.targets.items()},
            "bounds": {key: target.bound for key, target in self.targets.items()},
            "hardware": hardware(),
            "ok": self.ok,
        }


Benchmark = Callable[[BenchOptions], BenchResult]

_benchmarks: dict[str, Benchmark] = {}


def register(name: str, benchmark: Benchmark) -> None:
    """Register a benchmark. Registering a name again replaces it."""
    _benchmarks[name] = benchmark


def names() -> list[str]:
    """Return the names of all benchmarks."""
    return sorted(_benchmarks)


def run(name: str, options: BenchOptions) -> BenchResult:
    """Run one benchmark. Raises ``UnknownBenchmark``."""
    if name not in _benchmarks:
        raise UnknownBenchmark(f"There is no benchmark {name!r}; there are: {', '.join(names()) or 'none'}.")
    return _benchmarks[name](options)


def hardware() -> dict[str, Any]:
    """Return what the figures were measured on."""
    return {"cores": os.cpu_count(), "machine": platform.machine(), "python": platform.python_version()}


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which ``share`` (0 to 1) of ``values`` lie; 0 for none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def median_of(rounds: Sequence[dict[str, float]]) -> dict[str, float]:
    """Return the median of each figure over several rounds."""
    return {key: statistics.median(values[key] for values in rounds) for key in rounds[0]}
