"""Exports are written into the audit log."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from project.tenancy import audit
from project.tenancy.access import Access


@transaction.atomic
def note_export(*, access: Access, what: str, query: str, client_id: UUID | None) -> None:
    """Note who exported which figures or rows."""
    audit.record(
        actor=access.user, action="report.exported", client_id=client_id, what=what, query=query[:500]
    )
