"""Small marks of one meaning each: channel, client, intent, delivery state, avatar, bar, funnel, sparkline.

Everything is returned as escaped HTML. Lengths are SVG attributes and colours are classes, because the
content security policy forbids inline styles.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from project.theme import formats
from project.theme.icons import render_icon


@dataclass(frozen=True, slots=True)
class Channel:
    """How a channel or a node without one is shown: class, icon (style and name) and name."""

    css: str
    label: str
    icon: str
    style: str = "solid"


CHANNELS: dict[str, Channel] = {
    "linkedin": Channel("li", "LinkedIn", "linkedin", "own"),
    "email": Channel("em", "E-mail", "envelope"),
    "sms": Channel("sm", "SMS", "device-phone-mobile"),
    "wait": Channel("wait", "Wait", "clock"),
    "branch": Channel("branch", "Branch", "arrows-right-left"),
    "stop": Channel("stop", "Stop", "stop"),
}
_UNKNOWN_CHANNEL = Channel("plain", "Unknown channel", "question-mark-circle")

#: Reply intent: tone and plain words.
INTENTS: dict[str, tuple[str, str]] = {
    "interested": ("ok", "Interested"),
    "question": ("info", "Question"),
    "referral": ("iris", "Referral"),
    "not_now": ("warn", "Not now"),
    "unsubscribe": ("bad", "Unsubscribe"),
    "out_of_office": ("", "Out of office"),
    "wrong_person": ("", "Wrong person"),
    "not_interested": ("", "Not interested"),
}

#: State of an outbound message: tone, icon and plain words.
DELIVERY: dict[str, tuple[str, str, str]] = {
    "scheduled": ("", "clock", "Scheduled"),
    "queued": ("", "clock", "Queued"),
    "sending": ("", "arrow-up", "Sending"),
    "sent": ("", "arrow-up-right", "Sent"),
    "delivered": ("", "check-circle", "Delivered"),
    "seen": ("", "eye", "Seen"),
    "opened": ("", "eye", "Opened"),
    "failed": ("bad", "exclamation-triangle", "Not sent"),
    "given_up": ("", "minus-circle", "Given up"),
    "bounced": ("bad", "exclamation-triangle", "Bounced"),
    "unknown": ("warn", "question-mark-circle", "Unknown, asking"),
    "cancelled": ("", "minus-circle", "Withdrawn"),
}


def channel_of(channel: str) -> Channel:
    """Return how a channel is shown; an unknown one gets a question mark, never an error."""
    return CHANNELS.get(channel, _UNKNOWN_CHANNEL)


@functools.lru_cache(maxsize=128)
def channel_icon(channel: str, *, size: int = 16, tile: bool = False, tone: bool = False) -> SafeString:
    """The channel's glyph, named for screen readers: grey, in its colour (``tone``) or on a ``tile``."""
    shown = channel_of(str(channel))
    css = f"ch {shown.css}" if tile else f"ch-g {shown.css if tone else ''}".strip()
    glyph = render_icon(shown.icon, size=13 if tile and size == 16 else size, style=shown.style)
    return format_html(
        '<span class="{}" title="{}">{}<span class="sr-only">{}</span></span>',
        css,
        shown.label,
        glyph,
        shown.label,
    )


def client_mark(client: Any, *, short: bool = False, square: bool = False) -> SafeString:
    """A client: coloured square and name; ``short``: its first word, ``square``: only the square.

    ``client`` has ``name`` and ``colour`` (1 to 8). ``None`` gives an empty string.
    """
    if not client:
        return mark_safe("")
    return _client_mark(f"{client.name}", min(8, max(1, int(client.colour))), short, square)


@functools.lru_cache(maxsize=256)
def _client_mark(name: str, colour: int, short: bool, square: bool) -> SafeString:
    if square:
        return format_html(
            '<i class="swatch sm c{}" title="{}"></i><span class="sr-only">{}</span>', colour, name, name
        )
    shown = name.split(" ", 1)[0] if short else name
    return format_html('<span class="client c{}" title="{}"><i></i>{}</span>', colour, name, shown)


@functools.lru_cache(maxsize=64)
def intent_badge(intent: str | None) -> SafeString:
    """The intent of a reply as a tinted pill with a dot; nothing when it is not known yet."""
    if not intent:
        return mark_safe("")
    tone, label = INTENTS.get(str(intent), ("", str(intent).replace("_", " ").capitalize()))
    return format_html('<span class="badge {}"><i></i>{}</span>', tone, label)


#: How a moment may be shown; ``static/js/times.js`` writes each of them in the same way.
SHOWN: dict[str, Callable[[datetime], str]] = {
    "age": formats.age,
    "clock": formats.clock,
    "day": formats.day,
    "day_clock": formats.day_clock,
    "stamp": formats.stamp,
}


def when(moment: datetime | None, *, show: str = "age", css: str = "") -> SafeString:
    """A moment as ``<time>`` with the whole moment in its title; ``show`` is one of ``SHOWN``.

    Browsers write it anew in their viewer's zone: what is pushed is the same for all.
    """
    if not moment:
        return mark_safe("")
    return format_html(
        '<time class="{}" datetime="{}" title="{}" data-show="{}">{}</time>',
        f"num {css}".strip(),
        moment.isoformat(),
        formats.absolute(moment),
        show,
        SHOWN[show](moment),
    )


def delivery_state(
    state: str, *, at: datetime | None = None, why: str = "", brief: bool = False
) -> SafeString:
    """The state of an outbound message: glyph, plain words, and when (``at``).

    ``brief`` leaves the words of an ordinary state to the title and to screen readers.
    """
    tone, icon, label = DELIVERY.get(str(state), ("warn", "question-mark-circle", str(state).capitalize()))
    is_quiet = brief and not tone
    words = format_html('<span class="sr-only">{}</span>', label) if is_quiet else label
    moment = format_html(" {}", when(at, show="clock")) if at else ""
    title = why or (label if is_quiet else "")
    return format_html(
        '<span class="state {}" title="{}">{}{}{}</span>',
        tone,
        title,
        render_icon(icon, size=12),
        words,
        moment,
    )


def avatar(person: Any, *, size: int = 20, tone: int | None = None) -> SafeString:
    """Initials in a circle. Team members (who have ``avatar_tone``) are tinted, everybody else is grey."""
    if not person:
        return mark_safe("")
    name = str(getattr(person, "display_name", "") or getattr(person, "name", "") or person)
    letters = getattr(person, "initials", "") or formats.initials(name)
    shade = getattr(person, "avatar_tone", 0) if tone is None else tone
    return _avatar(f"{name}", f"{letters}", size, shade)


@functools.lru_cache(maxsize=256)
def _avatar(name: str, letters: str, size: int, shade: int) -> SafeString:
    return format_html(
        '<span class="av s{} {}" title="{}" aria-hidden="true">{}</span><span class="sr-only">{}</span>',
        size,
        f"u{shade}" if shade else "",
        name,
        letters,
        name,
    )


def bar(used: float, limit: float, *, tone: str = "", size: str = "", label: str = "") -> SafeString:
    """A share of a limit as a bar: ``size`` ``h4``, ``h8`` or 6 px; ``label`` defaults to the two."""
    filled = 0.0 if limit <= 0 else min(100.0, max(0.0, 100 * float(used) / float(limit)))
    return format_html(
        '<svg class="bar {} {}" role="img" aria-label="{}"><rect width="{}%" height="100%" rx="2"/></svg>',
        size,
        tone,
        label or formats.ratio(used, limit),
        f"{filled:.1f}",
    )


def limit_tone(used: float, limit: float) -> str:
    """The colour of a binding limit: amber from 85 %, red at 100 %."""
    if limit <= 0 or used >= limit:
        return "bad"
    return "warn" if used / limit >= 0.85 else ""


def funnel(values: Sequence[int], labels: Sequence[str] = (), *, of_first: bool = False) -> SafeString:
    """A funnel cell: each number over a bar that is its share of the number before it, or of the first."""
    cells = []
    for index, value in enumerate(values):
        before = (values[0] if of_first else values[index - 1]) if index else value
        name = labels[index] if index < len(labels) else ""
        title = (
            f"{formats.percent(value, before, digits=0)} {'of the first' if of_first else 'of the step before'}"
            if index
            else "of all"
        )
        cells.append((f"{name}: {title}" if name else title, formats.number(value), _thin(value, before)))
    spoken = ", ".join(
        f"{labels[index]} {formats.number(value)}" if index < len(labels) else formats.number(value)
        for index, value in enumerate(values)
    )
    inner = format_html_join("", '<span title="{}"><b>{}</b>{}</span>', cells)
    return format_html('<span class="fun" role="img" aria-label="{}">{}</span>', spoken, inner)


def _thin(part: int, whole: int) -> SafeString:
    width = 100.0 * part / whole if whole else 0.0
    return format_html(
        '<svg class="bar h4" aria-hidden="true"><rect width="{}%" height="100%" rx="2"/></svg>',
        f"{min(100.0, width):.1f}",
    )


def sparkline(
    values: Iterable[float], *, width: int = 72, height: int = 20, label: str = "", wide: bool = False
) -> SafeString:
    """A line without axes; decorative unless it has a ``label``. Empty with fewer than two values."""
    points = [float(value) for value in values]
    if len(points) < 2:
        return mark_safe("")
    top, low = max(points), min(0.0, *points)
    step, span = width / (len(points) - 1), (top - low) or 1.0
    line = " ".join(
        f"{index * step:.1f},{height - 1.5 - (height - 3) * (value - low) / span:.1f}"
        for index, value in enumerate(points)
    )
    spoken = format_html('role="img" aria-label="{}"', label) if label else mark_safe('aria-hidden="true"')
    return format_html(
        '<svg class="spark {wide}" width="{w}" height="{h}" viewBox="0 0 {w} {h}" '
        'preserveAspectRatio="none" {spoken}>'
        '<polygon points="0,{h} {line} {w},{h}" fill="currentColor" opacity=".12"/>'
        '<polyline points="{line}" fill="none" stroke="currentColor" stroke-width="1.5"'
        ' stroke-linejoin="round" stroke-linecap="round" vector-effect="non-scaling-stroke"/></svg>',
        wide="wide" if wide else "",
        w=width,
        h=height,
        line=line,
        spoken=spoken,
    )


def kbd(*keys: str) -> SafeString:
    """Keys as they are pressed, one after another or in one piece: ``kbd("g", "i")``, ``kbd("Ctrl K")``."""
    return format_html_join(" ", '<kbd class="kbd">{}</kbd>', ((key,) for key in keys))
