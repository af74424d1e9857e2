"""Writing the audit log."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from uuid import UUID

import structlog

from project.tenancy.models import AuditEntry, User

_impersonator: ContextVar[User | None] = ContextVar("audit_impersonator", default=None)


@contextmanager
def impersonated_by(staff: User | None) -> Iterator[None]:
    """Name ``staff`` in every entry that is written in the block: they act as somebody else."""
    token = _impersonator.set(staff)
    try:
        yield
    finally:
        _impersonator.reset(token)


def record(
    *,
    actor: User | None,
    action: str,
    subject: Any = None,
    client_id: UUID | None = None,
    address: str | None = None,
    **data: Any,
) -> AuditEntry:
    """Append one entry in the current organization, in the caller's transaction.

    ``subject`` is the row acted upon; ``actor`` ``None`` means the system. ``data`` must be JSON-serialisable and
    free of secrets. ``address`` defaults to that of the request.
    """
    context = structlog.contextvars.get_contextvars()
    staff = _impersonator.get()
    if staff is not None:
        data["impersonated_by"] = {"id": str(staff.id), "name": staff.display_name}
    entry: AuditEntry = AuditEntry.objects.create(
        actor=actor,
        actor_name=actor.display_name if actor else "System",
        action=action,
        client_id=client_id or getattr(subject, "client_id", None),
        subject_type=subject._meta.model_name if subject is not None else "",
        subject_id=getattr(subject, "id", None),
        subject_label=str(subject)[:200] if subject is not None else "",
        data=data,
        request_id=str(context.get("request_id", ""))[:64],
        address=address or context.get("ip") or None,
    )
    return entry
