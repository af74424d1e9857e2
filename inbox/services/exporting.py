"""Exports are written into the audit log."""

from __future__ import annotations

from django.db import transaction

from project.tenancy import audit
from project.tenancy.access import Access


@transaction.atomic
def note_export(*, access: Access, query: str) -> None:
    """Note who exported which conversations."""
    audit.record(actor=access.user, action="inbox.exported", query=query)
