"""Geometry of the small charts that the server draws: pure numbers for an SVG, and the sentence that says it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its box in the drawing's units, the figure, and the day it stands for."""

    day: date
    value: int
    x: float
    y: float
    width: float
    height: float
    label_x: float
    show_label: bool


@dataclass(frozen=True, slots=True)
class BarChart:
    """A chart of one value a day. ``finding`` is what a screen reader says."""

    bars: list[Bar]
    width: int
    height: int
    peak: int
    finding: str


def bars_by_day(
    days: list[tuple[date, int]], *, name: str, width: int = 560, height: int = 96, base: int = 76
) -> BarChart:
    """Lay out one bar a day, as high as its share of the peak; about eight days get a label."""
    peak = max((value for _, value in days), default=0)
    step = width / max(1, len(days))
    every = max(1, round(len(days) / 8))
    made = []
    for index, (day, value) in enumerate(days):
        tall = (base - 14) * value / peak if peak else 0
        made.append(
            Bar(
                day=day,
                value=value,
                x=round(index * step + step * 0.15, 1),
                y=round(base - tall, 1),
                width=round(step * 0.7, 1),
                height=round(tall, 1),
                label_x=round(index * step + step / 2, 1),
                show_label=index % every == 0,
            )
        )
    total = sum(value for _, value in days)
    if not total:
        finding = f"{name}: none in these {len(days)} days"
    else:
        best = max(days, key=lambda pair: pair[1])
        finding = f"{name}: {total} in {len(days)} days, most on {best[0]:%d %B} with {best[1]}"
    return BarChart(made, width, height, peak, finding)
