"""How long a text may be in each channel, counted as the provider counts it.

Sources: docs/providers/unipile.md (invitation notes: 300 characters, 200 for free LinkedIn accounts, counted
after newlines are normalised) and docs/providers/twilio.md (segments of SMS). LinkedIn counts UTF-16 units.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from campaigns.rendering.syntax import normalize_newlines

INVITE_NOTE = 300
INVITE_NOTE_FREE = 200
LIMITS: dict[tuple[str, str], int] = {
    ("invite", "note"): INVITE_NOTE,
    ("message", "text"): 8_000,
    ("inmail", "subject"): 200,
    ("inmail", "text"): 1_900,
    ("email", "subject"): 250,
    ("email", "body"): 20_000,
    ("sms", "text"): 1_600,
}
"""Most units of text by (action, field)."""

_GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    "ÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_EXTENDED = frozenset("^{}\\[~]|€\f")


class TooLong(ValueError):
    """A rendered text that its channel would refuse."""

    def __init__(self, action: str, field: str, length: int, limit: int) -> None:
        super().__init__(f"The {field} has {length:,} characters; {action} allows {limit:,}.")
        self.action, self.field, self.length, self.limit = action, field, length, limit


@dataclass(frozen=True, slots=True)
class Segments:
    """What an SMS costs: its encoding, its length in that encoding's units and the number of parts."""

    encoding: str
    units: int
    count: int


def text_length(text: str) -> int:
    """Length in UTF-16 units after newlines are normalised and the ends trimmed (an emoji counts two)."""
    return len(normalize_newlines(text).strip().encode("utf-16-le", "surrogatepass")) // 2


def limit_for(action: str, field: str, *, premium: bool = True) -> int | None:
    """The most units ``field`` of ``action`` may have, or None where there is no limit."""
    if (action, field) == ("invite", "note") and not premium:
        return INVITE_NOTE_FREE
    return LIMITS.get((action, field))


def check_length(text: str, action: str, field: str, *, premium: bool = True) -> None:
    """Raise ``TooLong`` if ``text`` does not fit. ``premium`` is whether the LinkedIn seat is a paid one."""
    limit = limit_for(action, field, premium=premium)
    length = text_length(text)
    if limit is not None and length > limit:
        raise TooLong(action, field, length, limit)


def sms_segments(text: str) -> Segments:
    """Count the parts of an SMS: 160/153 GSM-7 units or 70/67 UCS-2 units. An empty text is one part."""
    text = normalize_newlines(text)
    if all(character in _GSM or character in _GSM_EXTENDED for character in text):
        sizes, single, multi, encoding = [2 if c in _GSM_EXTENDED else 1 for c in text], 160, 153, "GSM-7"
    else:
        sizes, single, multi, encoding = [2 if ord(c) > 0xFFFF else 1 for c in text], 70, 67, "UCS-2"
    units = sum(sizes)
    if units <= single:
        return Segments(encoding, units, 1)
    return Segments(encoding, units, _pack(sizes, multi) if 2 in sizes else math.ceil(units / multi))


def _pack(sizes: list[int], room: int) -> int:
    """Parts needed when a two-unit character may not be split between parts."""
    parts, filled = 1, 0
    for size in sizes:
        if filled + size > room:
            parts, filled = parts + 1, 0
        filled += size
    return parts
