"""Actions that an account or its connection held back are looked at as soon as it works again, not at their next turn.

They leave at their sender's pace (``services.pacing``): what held them up ended for many at once.
"""

from __future__ import annotations

from typing import Final

from campaigns.models import ScheduledAction
from integrations.domain_events import HoldsEnded
from project.core.clock import now

#: Reasons that lie with an account or its connection. Switches and brakes hold whole campaigns: those wait for their
#: turn, within two minutes, so that letting go of them is no large write.
OF_SENDERS: Final = frozenset({"connection", "sender_status", "paused", "frozen"})
#: Actions that are woken at once; the others come to their turn.
MOST: Final = 500


def on_holds_ended(event: HoldsEnded) -> None:
    """Make due what waits for no other reason."""
    held = ScheduledAction.objects.filter(state=ScheduledAction.State.DUE, due_at__gt=now())
    if event.sender_id is not None:
        held = held.filter(sender_id=event.sender_id, held_by__in=OF_SENDERS)
    elif event.code in OF_SENDERS:
        held = held.filter(held_by=event.code)
    else:
        return
    # What a worker holds is being looked at.
    rows = held.select_for_update(skip_locked=True).order_by("due_at", "id")
    ids = list(rows.values_list("id", flat=True)[:MOST])
    if ids:
        ScheduledAction.objects.filter(id__in=ids).update(due_at=now())
