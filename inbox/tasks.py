"""Background work of the inbox."""

from __future__ import annotations

from project.core.scoping import organization_scope
from project.core.tasks import platform_task


@platform_task(queue="inbound", name="inbox.wake_snoozed")
def wake_snoozed() -> None:
    """Open snoozed conversations whose time has come."""
    from inbox.services import triage

    for conversation in triage.due_to_wake():
        with organization_scope(conversation.organization_id):
            triage.wake(conversation_id=conversation.id)


BEAT = {
    "wake-snoozed": ("inbox.wake_snoozed", 10.0, "inbound"),
}
