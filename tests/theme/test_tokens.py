"""Colour roles keep their contrast in both themes: text 4.5, graphics and control edges 3 (WCAG 2.2 AA)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TOKENS = Path(__file__).resolve().parents[2] / "project/theme/static_src/src/tokens.css"
HEX = re.compile(r"--([\w-]+):\s*(#[0-9a-f]{6}|#fff)\b", re.IGNORECASE)
GROUNDS = ("bg", "surface", "sunken", "raised", "hover", "press", "accent-soft")
TONES = ("ok", "warn", "bad", "info", "iris", "mute", "accent")
MARKS = (*TONES[:-1], "control", "li", "em", "sm", *(f"c{number}" for number in range(1, 9)))

PAIRS = [
    *((ink, ground, 4.5) for ink in ("ink", "ink-2", "ink-3") for ground in GROUNDS),
    *(
        (f"{tone}-text", ground, 4.5)
        for tone in TONES
        for ground in (f"{tone}-soft", "surface", "sunken", "hover")
    ),
    *((mark, ground, 3.0) for mark in MARKS for ground in ("surface", "bg")),
    *((f"u{number}t", f"u{number}", 4.5) for number in range(1, 5)),
    ("on-accent", "accent", 4.5),
    ("on-accent", "accent-hover", 4.5),
    ("on-accent", "bad-solid", 4.5),
    ("note-text", "note", 4.5),
    ("on-inverse", "inverse", 4.5),
    ("on-inverse-2", "inverse", 4.5),
    ("inverse-accent", "inverse", 4.5),
    ("ink", "mark", 4.5),
    ("accent-text", "bg", 4.5),
    ("bad-text", "accent-soft", 4.5),
    ("warn-text", "accent-soft", 4.5),
    ("mute-text", "fill", 4.5),
    ("ink-2", "fill", 4.5),
    ("ink", "h2", 4.5),
    ("ink", "h3", 4.5),
    ("surface", "h4", 4.5),
    ("surface", "h5", 4.5),
]


def _parse(text: str) -> dict[str, str]:
    return {name: "#ffffff" if value == "#fff" else value for name, value in HEX.findall(text)}


def _themes() -> dict[str, dict[str, str]]:
    light, dark = TOKENS.read_text(encoding="utf-8").split("colour roles: dark")
    return {"light": _parse(light), "dark": {**_parse(light), **_parse(dark.split("@theme")[0])}}


def _luminance(colour: str) -> float:
    channels = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.03928 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    """WCAG contrast ratio of two #rrggbb colours."""
    lighter, darker = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_pair_that_is_used_is_readable(theme: str) -> None:
    tokens = _themes()[theme]
    short = [
        f"{ink} on {ground}: {contrast(tokens[ink], tokens[ground]):.2f} < {least}"
        for ink, ground, least in PAIRS
        if contrast(tokens[ink], tokens[ground]) < least
    ]
    assert short == []


def test_dark_restates_every_colour_of_light() -> None:
    light, dark = TOKENS.read_text(encoding="utf-8").split("colour roles: dark")
    missing = set(_parse(light)) - set(_parse(dark.split("@theme")[0]))
    assert missing == {"bad-solid"}, "only the solid red button is the same in both themes"


def test_black_on_white_is_21() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
