"""Whose fact it is where no account here is named: rooms above know which senders a campaign of theirs has."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final
from uuid import UUID

from integrations.events import (
    AccountStatusChanged,
    BaseEvent,
    Event,
    InvitationSent,
    MessageReceived,
    RelationCreated,
)
from integrations.models import SenderAccount
from integrations.services.adapters import StoredKnowledge

Router = Callable[[UUID, BaseEvent], SenderAccount | None]
_routers: dict[str, Router] = {}
#: Facts of one account: they are nobody else's, even if the account that they name is not known here. All others are
#: about a person or a campaign, and hold whoever of the campaign's senders they are told to.
_OF_AN_ACCOUNT: Final = (MessageReceived, InvitationSent, RelationCreated, AccountStatusChanged)


def register_router(id: str, router: Router) -> None:  # noqa: A002 (the word used for all registrations)
    """Register a look-up from (connection, event) to a sender. Registering an id again replaces it."""
    _routers[id] = router


def sender_of(connection_id: UUID, event: BaseEvent) -> SenderAccount | None:
    """Return the sender that a fact without a known account belongs to, ``None`` if nobody can tell."""
    if event.account_id and isinstance(event, _OF_AN_ACCOUNT):
        return None
    for router in _routers.values():
        found = router(connection_id, event)
        if found is not None:
            return found
    return None


def by_sender(
    events: Iterable[Event], knowledge: StoredKnowledge
) -> tuple[list[tuple[SenderAccount, list[Event]]], list[Event]]:
    """Sort events by the account that they belong to, in their order; the second list are those of none here.

    An event that names no account gets the name of its sender's, so that a poll, which knows it, tells the same fact.
    """
    found: dict[UUID, tuple[SenderAccount, list[Event]]] = {}
    strangers: list[Event] = []
    for event in events:
        known = knowledge.sender(event.account_id)
        sender = known or sender_of(knowledge.connection_id, event)
        if sender is None:
            strangers.append(event)
            continue
        if not event.account_id:
            event = event.model_copy(update={"account_id": sender.provider_account_id})  # noqa: PLW2901
        found.setdefault(sender.id, (sender, []))[1].append(event)
    return list(found.values()), strangers
