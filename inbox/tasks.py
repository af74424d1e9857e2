"""Background work of the inbox."""

from __future__ import annotations

from project.core.scoping import organization_scope
from project.core.tasks import enqueue, platform_task, task


@platform_task(queue="inbound", name="inbox.wake_snoozed")
def wake_snoozed() -> None:
    """Open snoozed conversations whose time has come."""
    from inbox.services import triage

    for conversation in triage.due_to_wake():
        with organization_scope(conversation.organization_id):
            triage.wake(conversation_id=conversation.id)


@task(queue="inbound", name="inbox.deliver_notifications")
def deliver_notifications() -> int:
    """Deliver what is due in one organization."""
    from inbox.services import delivering

    return delivering.deliver_due()


@platform_task(queue="inbound", name="inbox.deliver_due_notifications")
def deliver_due_notifications() -> None:
    """Find organizations with notices that are due."""
    from inbox.services import delivering

    for organization_id in delivering.due_organizations():
        enqueue(deliver_notifications, organization_id=organization_id)


@platform_task(queue="bulk", name="inbox.sweep_files")
def sweep_files() -> int:
    """Delete files that were attached to nothing long ago."""
    from inbox.services import files

    return files.sweep()


BEAT = {
    "deliver-notifications": ("inbox.deliver_due_notifications", 15.0, "inbound"),
    "sweep-unsent-files": ("inbox.sweep_files", 6 * 3600.0, "bulk"),
    "wake-snoozed": ("inbox.wake_snoozed", 10.0, "inbound"),
}
