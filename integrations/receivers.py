"""Receivers of domain events: one-liners that call services."""

from __future__ import annotations

from integrations.domain_events import SenderChanged
from integrations.services import recovery
from project.core.events import subscribe


@subscribe(SenderChanged, id="integrations.catch_up")
def _catch_up(event: SenderChanged) -> None:
    recovery.after_change(sender=event.sender, previous=event.previous)
