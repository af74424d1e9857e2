"""Receivers of domain events: one-liners that call services."""

from __future__ import annotations

from integrations import row_words
from integrations.domain_events import SenderChanged
from integrations.services import message_reconciliation, outbox, reconciliation, recovery, retention
from integrations.services.holds import suspension
from project.core.events import subscribe
from project.core.retention import register

outbox.register_gate("integrations.organization", suspension)
reconciliation.register_part(message_reconciliation.MESSAGES)
register(retention.CALLS)
register(retention.EVENTS)


@subscribe(SenderChanged, id="integrations.catch_up")
def _catch_up(event: SenderChanged) -> None:
    recovery.after_change(sender=event.sender, previous=event.previous)


row_words.register()
