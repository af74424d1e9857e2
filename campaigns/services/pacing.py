"""Never a burst: what is overdue leaves one after the other, at its sender's pace.

After a pause, an outage, a switch or a limit many actions are due at once. The first goes now; each further one gets a
slot of its own: what is left of the sending window divided by what is left of the budget, with a jitter that depends
on nothing but the action, so that the same situation gives the same times.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from campaigns.models import ScheduledAction
from campaigns.plans.state import Context
from campaigns.scheduling import CalendarNeverOpens, fraction
from campaigns.scheduling.calendars import opening_at_or_after
from campaigns.scheduling.zones import told
from campaigns.services.lanes import Lane
from integrations.models import SenderAccount
from integrations.services import rates
from integrations.services.holds import Hold

#: What is overdue by more was held up by something.
LATE_AFTER: Final = timedelta(minutes=5)
#: Two overdue sends are never put further apart than this, nor nearer together.
WIDEST: Final = timedelta(minutes=30)
NEAREST: Final = timedelta(seconds=2)
#: The hold of what waits for its slot. When the slot comes, it goes.
CODE: Final = "pace"
#: Reasons that end for many sends at the same moment.
COMMON: Final = frozenset(
    {
        "kill_switch", "campaign", "enrollment_paused", "entitlement", "paused", "frozen", "connection",
        "sender_status", "throttled", "stale_inbox", "limit", "fault", "brake", "suspended",
    }
)  # fmt: skip


@dataclass(slots=True)
class Pace:
    """The slots that a batch hands out; ``Lane.next_slot_at`` carries them on to the next batch."""

    at: datetime
    _gaps: dict[tuple[UUID, str], timedelta] = field(default_factory=dict)

    def hold(
        self, action: ScheduledAction, lane: Lane, sender: SenderAccount, context: Context, *, kind: str
    ) -> Hold | None:
        """Return the wait for the slot of an overdue send; ``None`` when it may leave now."""
        if not is_late(action, self.at):
            return None
        slot = max(self.at, lane.next_slot_at or self.at)
        gap = self._gap(sender, kind, context)
        lane.next_slot_at = slot + gap * (0.6 + 0.8 * fraction(f"{action.id}:{action.due_at.isoformat()}"))
        if slot <= self.at:
            return None
        text = f"Many waited, so they leave one after the other; this one {told(slot, context.tz)}."
        return Hold(CODE, text, until=slot)

    def _gap(self, sender: SenderAccount, kind: str, context: Context) -> timedelta:
        key = (sender.id, kind)
        if key not in self._gaps:
            left = rates.remaining_of([sender], kind, self.at)[sender.id]
            try:
                closes = opening_at_or_after(self.at, context.calendar, context.tz)[1]
            except CalendarNeverOpens:
                closes = self.at + WIDEST
            even = (closes - self.at) / max(1, left)
            self._gaps[key] = min(WIDEST, max(NEAREST, even))
        return self._gaps[key]


def is_late(action: ScheduledAction, at: datetime) -> bool:
    """Whether an action was held up together with others, rather than came due in its own time."""
    if action.held_by == CODE:
        return False
    return action.held_by in COMMON or action.due_at < at - LATE_AFTER
