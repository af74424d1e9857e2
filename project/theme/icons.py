"""Icons: inline SVG from the committed set in ``icons/`` (heroicons, and glyphs of our own).

A new icon is one line in ``static_src/icons.txt`` and ``npm run icons``; an unknown name raises
``LookupError`` while the page is rendered, so that it is found by the first test that shows it."""

from __future__ import annotations

import functools
from pathlib import Path

from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

ICON_DIR = Path(__file__).resolve().parent / "icons"
STYLES = ("solid", "outline", "own")


@functools.cache
def icon_body(name: str, style: str) -> SafeString:
    """Return the SVG after its ``<svg``: attributes, content, end tag; ``LookupError`` if there is none."""
    if style not in STYLES or not name.replace("-", "").isalnum():
        raise LookupError(f"There is no icon {style}/{name}.")
    try:
        text = (ICON_DIR / f"{style}/{name}.svg").read_text(encoding="utf-8").strip()
    except FileNotFoundError as error:
        message = f"There is no icon {style}/{name}; add it to icons.txt and run `npm run icons`."
        raise LookupError(message) from error
    return mark_safe(text.removeprefix("<svg"))  # noqa: S308 - a file of this repository, never user input


def render_icon(
    name: str, *, size: int = 16, style: str = "solid", css: str = "", label: str = ""
) -> SafeString:
    """Return inline SVG, ``size`` pixels square. Without a ``label`` it is hidden from screen readers."""
    # As plain strings: a safe string equals a plain one, and must not decide what the cache gives the other.
    return _rendered(name, size, style, f"{css}", f"{label}")


@functools.lru_cache(maxsize=1024)
def _rendered(name: str, size: int, style: str, css: str, label: str) -> SafeString:
    body = icon_body(name, style)
    if label:
        start = '<svg width="{}" height="{}" class="{}" role="img" aria-label="{}"{}'
        return format_html(start, size, size, css, label, body)
    return format_html('<svg width="{}" height="{}" class="{}" aria-hidden="true"{}', size, size, css, body)
