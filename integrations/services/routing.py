"""Whose fact it is where a provider names no account: rooms above know which senders a campaign of theirs has."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from integrations.events import BaseEvent
from integrations.models import SenderAccount

Router = Callable[[UUID, BaseEvent], SenderAccount | None]
_routers: dict[str, Router] = {}


def register_router(id: str, router: Router) -> None:  # noqa: A002 (the word used for all registrations)
    """Register a look-up from (connection, event) to a sender. Registering an id again replaces it."""
    _routers[id] = router


def sender_of(connection_id: UUID, event: BaseEvent) -> SenderAccount | None:
    """Return the sender that a fact without a known account belongs to, ``None`` if nobody can tell."""
    for router in _routers.values():
        found = router(connection_id, event)
        if found is not None:
            return found
    return None
