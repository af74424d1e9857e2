"""A client's own colour on its pages: any, with the text colours that can be read on and beside it (WCAG 2.2)."""

from __future__ import annotations

import re
from typing import Final

#: Contrast that text has to have, and what is drawn.
TEXT: Final = 4.5
DRAWN: Final = 3.0
#: The grounds of the two themes on which text is read worst (``tokens.css``: --hover).
GROUNDS: Final = {"light": "#f1f4f5", "dark": "#182024"}
_HEX: Final = re.compile(r"#?([0-9a-f]{6})")


def parsed(text: str) -> str | None:
    """A colour as ``#rrggbb``, ``""`` for none; ``None`` for what is no colour."""
    given = text.strip().lower()
    match = _HEX.fullmatch(given)
    return f"#{match[1]}" if match else (None if given else "")


def contrast(first: str, second: str) -> float:
    """WCAG contrast ratio of two ``#rrggbb`` colours, 1 to 21."""
    low, high = sorted((_luminance(first), _luminance(second)))
    return (high + 0.05) / (low + 0.05)


def on(colour: str) -> str:
    """Black or white, whichever is read better on a colour: always at least 4.58."""
    return max(("#ffffff", "#000000"), key=lambda ink: contrast(ink, colour))


def beside(colour: str, ground: str, least: float) -> str:
    """The colour itself, or as little darker or lighter as lets it stand out from a ground by ``least``."""
    towards = on(ground)
    for step in range(101):
        found = _mixed(colour, towards, step / 100)
        if contrast(found, ground) >= least:
            return found
    return towards


def stylesheet(colour: str) -> str:
    """The rules that put a colour (``#rrggbb``) onto the frame of a client's pages, for both themes."""
    light, dark = (_rules(colour, ground) for ground in GROUNDS.values())
    return (
        f".portal.branded {{{light}}}\n"
        f"@media (prefers-color-scheme: dark) {{ :root:not([data-theme='light']) .portal.branded {{{dark}}} }}\n"
        f":root[data-theme='dark'] .portal.branded {{{dark}}}\n"
    )


def _rules(colour: str, ground: str) -> str:
    text = beside(colour, ground, TEXT)
    return f"--brand:{beside(colour, ground, DRAWN)};--brand-mark:{colour};--brand-on:{on(colour)};--brand-text:{text}"


def _mixed(colour: str, other: str, share: float) -> str:
    parts = zip(_parts(colour), _parts(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in parts)


def _parts(colour: str) -> tuple[int, int, int]:
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return red, green, blue


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(part / 255) for part in _parts(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    linear: float = part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
    return linear
