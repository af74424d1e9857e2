"""All events, told apart by their kind, as the ledger keeps them."""

from __future__ import annotations

from typing import Annotated, Any, Final, get_args

from pydantic import Field, TypeAdapter

from integrations.events.accounts import (
    AccountStatusChanged,
    CampaignStatusChanged,
    InvitationSent,
    LeadCategorised,
    RelationCreated,
)
from integrations.events.base import BaseEvent
from integrations.events.fates import (
    LinkClicked,
    MessageBounced,
    MessageFailed,
    MessageOpened,
    SpamComplained,
    Unsubscribed,
)
from integrations.events.messages import (
    MessageDeleted,
    MessageDelivered,
    MessageEdited,
    MessageReaction,
    MessageRead,
    MessageReceived,
)
from integrations.values import Value

Event = Annotated[
    MessageReceived
    | MessageRead
    | MessageDelivered
    | MessageReaction
    | MessageEdited
    | MessageDeleted
    | MessageOpened
    | LinkClicked
    | MessageBounced
    | MessageFailed
    | SpamComplained
    | Unsubscribed
    | InvitationSent
    | LeadCategorised
    | CampaignStatusChanged
    | RelationCreated
    | AccountStatusChanged,
    Field(discriminator="kind"),
]
"""Any normalised event, told apart by ``kind``."""


KINDS: Final[frozenset[str]] = frozenset(
    event.model_fields["kind"].default for event in get_args(get_args(Event)[0])
)
"""The names of all events."""


_EVENT: Final[TypeAdapter[Any]] = TypeAdapter(Event)


def to_json(event: BaseEvent) -> dict[str, Any]:
    """Return ``event`` as JSON types, for the ledger."""
    return event.model_dump(mode="json")


def from_json(data: dict[str, Any]) -> Event:
    """Rebuild an event from ``to_json``. Raises ``pydantic.ValidationError``."""
    event: Event = _EVENT.validate_python(data)
    return event


class Normalised(Value):
    """What one inbound call or record comes to: events, or a reason why there are none."""

    events: tuple[Event, ...] = ()
    #: Why nothing is to be done, in plain words; ``""`` if there are events.
    ignored: str = ""
    #: Whether nothing is to be done because it is of no shape that we know: the provider may have changed something.
    is_strange: bool = False
