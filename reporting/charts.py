"""Geometry of the charts that the server draws: pure numbers for an SVG, and the sentence that says the finding."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
#: Hours that the heat map shows; what happened at others is said in words.
HEAT_HOURS: Final = range(7, 20)


@dataclass(frozen=True, slots=True)
class Point:
    """One span of a trend: its days, its figures, and where they are drawn."""

    first: date
    last: date
    positive: int
    replied: int
    contacted: int
    before: int | None
    x: float
    y: float
    bar_x: float
    bar_y: float
    bar_height: float
    show_label: bool
    show_value: bool
    is_running: bool


@dataclass(frozen=True, slots=True)
class Trend:
    """A line of positive replies over bars of contacted people. ``finding`` is what a screen reader says."""

    points: list[Point]
    width: int
    bar_width: float
    line: str
    before_line: str
    ticks: list[tuple[int, float]]
    peak: int
    finding: str
    is_weekly: bool


_LINE_TOP, _LINE_BASE, _BAR_TOP, _BAR_BASE = 28, 140, 186, 236


def trend(
    spans: Sequence[tuple[date, date]],
    *,
    positive: Sequence[int],
    replied: Sequence[int],
    contacted: Sequence[int],
    before: Sequence[int] | None,
    is_weekly: bool,
    is_running: bool,
    width: int = 560,
) -> Trend:
    """Lay out one point and one bar per span, in the units of a drawing ``width`` wide and 262 high."""
    top = _round_up(max([*positive, *(before or []), 4]))
    most = max([*contacted, 1])
    step = (width - 56) / max(1, len(spans))
    every = max(1, math.ceil(len(spans) / 8))

    def x(index: int) -> float:
        return round(40 + step * (index + 0.5), 1)

    def y(value: int) -> float:
        return round(_LINE_BASE - (_LINE_BASE - _LINE_TOP) * value / top, 1)

    points = []
    for index, (first, last) in enumerate(spans):
        tall = round((_BAR_BASE - _BAR_TOP) * contacted[index] / most, 1)
        points.append(
            Point(
                first=first, last=last, positive=positive[index], replied=replied[index],
                contacted=contacted[index], before=before[index] if before is not None else None,
                x=x(index), y=y(positive[index]), bar_x=round(x(index) - step * 0.31, 1),
                bar_y=round(_BAR_BASE - tall, 1), bar_height=tall,
                show_label=(len(spans) - 1 - index) % every == 0, show_value=len(spans) <= 14,
                is_running=is_running and index == len(spans) - 1,
            )
        )  # fmt: skip
    return Trend(
        points=points,
        width=width,
        bar_width=round(step * 0.62, 1),
        line=" ".join(f"{point.x},{point.y}" for point in points),
        before_line=" ".join(f"{x(n)},{y(value)}" for n, value in enumerate(before))
        if before is not None
        else "",
        ticks=[(value, y(value)) for value in range(0, top + 1, max(1, top // 4))],
        peak=max(contacted, default=0),
        finding=_finding(points, is_weekly),
        is_weekly=is_weekly,
    )


def _round_up(value: int) -> int:
    """The next figure that four even steps fit under."""
    return next(
        base * 10**power for power in range(18) for base in (4, 8, 12, 16, 20) if base * 10**power >= value
    )


def _finding(points: Sequence[Point], is_weekly: bool) -> str:
    if not points:
        return "No days"
    each = "a week" if is_weekly else "a day"
    best = max(points, key=lambda point: point.positive)
    contacted = sum(point.contacted for point in points)
    positive = sum(point.positive for point in points)
    if not contacted and not positive:
        return "Nobody was contacted, and nobody replied"
    return (
        f"{positive} positive replies and {contacted} people contacted; at most {best.positive} positive replies"
        f" {each}, from {best.first:%d %B}"
    )


def marks(drawn: Trend, days: Sequence[date]) -> list[float | None]:
    """Where the days of notes stand on a trend; ``None`` for one outside of it."""
    spans = [(point.first, point.last, point.x) for point in drawn.points]
    return [next((x for first, last, x in spans if first <= day <= last), None) for day in days]


def heat(cells: dict[tuple[int, int], int]) -> dict[str, Any]:
    """Rows of weekdays over hours, each cell with its figure and one of six strengths."""
    most = max(cells.values(), default=0)
    weekend = any(cells.get((day, hour)) for day in (5, 6) for hour in HEAT_HOURS)
    rows: list[dict[str, Any]] = [
        {
            "weekday": WEEKDAYS[day],
            "number": day,
            "cells": [
                {
                    "hour": hour,
                    "hours": f"{hour}-{hour + 1}",
                    "value": (value := cells.get((day, hour), 0)),
                    "level": _level(value, most),
                }
                for hour in HEAT_HOURS
            ],
        }
        for day in range(7 if weekend else 5)
    ]
    shown = sum(cell["value"] for row in rows for cell in row["cells"])
    whole = sum(cells.values())
    return {"rows": rows, "hours": list(HEAT_HOURS), "total": whole, "elsewhere": whole - shown}


def _level(value: int, most: int) -> int:
    return 0 if not value else max(1, math.ceil(5 * value / most))


def interval(positive: int, contacted: int) -> dict[str, float]:
    """The share and its 95 % Wilson interval, in percent; all zero for nobody."""
    if not contacted:
        return {"share": 0.0, "low": 0.0, "high": 0.0}
    z, share = 1.96, positive / contacted
    middle = (share + z * z / (2 * contacted)) / (1 + z * z / contacted)
    spread = z * math.sqrt(share * (1 - share) / contacted + z * z / (4 * contacted * contacted))
    spread /= 1 + z * z / contacted
    return {"share": 100 * share, "low": max(0.0, 100 * (middle - spread)), "high": 100 * (middle + spread)}


def interval_scale(highs: Sequence[float]) -> int:
    """A whole number of percent that all intervals fit under, in five even steps."""
    return max(5, 5 * math.ceil(max([*highs, 1.0]) / 5))


def interval_box(row: dict[str, Any], scale: int) -> dict[str, float]:
    """Where an interval lies on a line that is 400 wide."""
    unit = 400 / scale
    return {
        "x": round(row["low"] * unit, 1),
        "wide": round((row["high"] - row["low"]) * unit, 1),
        "at": round(row["share"] * unit - 1.5, 1),
    }


def interval_ticks(scale: int) -> list[int]:
    """What is written below that line."""
    return [scale * n // 5 for n in range(6)]
