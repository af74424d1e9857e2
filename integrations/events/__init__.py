"""The vocabulary of normalised provider events: what happened in the outside world, whatever way we heard of
it.

An adapter turns webhooks and polled records into these, and nothing else goes up from ``integrations``. One
fact has one ``dedupe_key``, the same by webhook, poll and history, so that a unique constraint keeps it from
being applied twice. Every event keeps the vendor's raw object and raw words beside the normalised ones
(mission P6).

Adding an event: add a class to the module that it fits, with a sentence for each field, add it to
``ledger.Event``, and add fixtures for every adapter that emits it. No Django imports.
"""

from __future__ import annotations

from integrations.events.accounts import (
    AccountStatusChanged,
    CampaignStatusChanged,
    InvitationSent,
    LeadCategorised,
    RelationCreated,
)
from integrations.events.base import MAX_KEY_LENGTH, BaseEvent, MessageEvent, dedupe_key, text_digest
from integrations.events.fates import (
    LinkClicked,
    MessageBounced,
    MessageFailed,
    MessageOpened,
    SpamComplained,
    Unsubscribed,
)
from integrations.events.ledger import KINDS, Event, Normalised, from_json, to_json
from integrations.events.messages import (
    MessageDeleted,
    MessageDelivered,
    MessageEdited,
    MessageReaction,
    MessageRead,
    MessageReceived,
)

__all__ = [
    "KINDS",
    "MAX_KEY_LENGTH",
    "AccountStatusChanged",
    "BaseEvent",
    "CampaignStatusChanged",
    "Event",
    "InvitationSent",
    "LeadCategorised",
    "LinkClicked",
    "MessageBounced",
    "MessageDeleted",
    "MessageDelivered",
    "MessageEdited",
    "MessageEvent",
    "MessageFailed",
    "MessageOpened",
    "MessageReaction",
    "MessageRead",
    "MessageReceived",
    "Normalised",
    "RelationCreated",
    "SpamComplained",
    "Unsubscribed",
    "dedupe_key",
    "from_json",
    "text_digest",
    "to_json",
]
