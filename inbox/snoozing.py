"""Until when a conversation may be put away: the presets, in the words that people use. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

#: When a working day begins, for "tomorrow" and "Monday".
MORNING: Final = time(9)
#: Snoozed until the other side writes; there is no instant.
UNTIL_REPLY: Final = "reply"


@dataclass(frozen=True, slots=True)
class Preset:
    """One choice: its key in requests, what it is called, and the instant (``None``: until they write)."""

    key: str
    label: str
    until: datetime | None


def presets(moment: datetime, zone: ZoneInfo) -> list[Preset]:
    """The choices of a viewer at an instant. The instants are in UTC."""
    local = moment.astimezone(zone)

    def morning(days: int) -> datetime:
        return datetime.combine(local.date() + timedelta(days=days), MORNING, zone).astimezone(UTC)

    monday = 7 - local.weekday()
    found = [Preset("3h", "In 3 hours", (moment + timedelta(hours=3)).astimezone(UTC))]
    if local.hour < 15:
        at = datetime.combine(local.date(), time(16), zone).astimezone(UTC)
        found.append(Preset("today", "This afternoon", at))
    found.append(Preset("tomorrow", "Tomorrow morning", morning(1)))
    found.append(Preset("3d", "In 3 days", morning(3)))
    found.append(Preset("monday", "Next Monday", morning(monday)))
    found.append(Preset("month", "In a month", morning(30)))
    found.append(Preset(UNTIL_REPLY, "Until they write", None))
    return found


def until(key: str, moment: datetime, zone: ZoneInfo) -> datetime | None:
    """The instant of a preset. Raises ``KeyError`` for one that is not offered now."""
    return {preset.key: preset.until for preset in presets(moment, zone)}[key]


def instant(text: str) -> datetime | None:
    """An instant as an act keeps it; empty: until they write."""
    return datetime.fromisoformat(text) if text else None
