"""Background work of tenancy."""

from __future__ import annotations

from uuid import UUID

from project.core.tasks import platform_task, task
from project.tenancy.services import housekeeping, invitations

#: What beat starts: task, seconds, queue.
BEAT = {"sweep-tenancy": ("tenancy.sweep", 300.0, "bulk")}


@task(queue="bulk", name="tenancy.send_invitation")
def send_invitation(*, invitation_id: str) -> bool:
    """Mail one invitation, unless it was mailed already."""
    return invitations.send(invitation_id=UUID(invitation_id))


@platform_task(queue="bulk", name="tenancy.sweep")
def sweep() -> dict[str, int]:
    """Send forgotten invitations; delete expired idempotency keys and refresh tokens."""
    return housekeeping.sweep()
