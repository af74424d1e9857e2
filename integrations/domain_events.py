"""What this room tells the rooms above, inside the transaction in which it happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from integrations.events import BaseEvent
from integrations.models import (
    Connection,
    LedgerIncident,
    OutboundMessage,
    ReconciliationReport,
    SenderAccount,
    WebhookDelivery,
)
from integrations.values import Chat, Person, ProviderSuppression
from project.core.events import DomainEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderEventRecorded(DomainEvent):
    """A fact that was not known before, whatever way it came.

    ``event`` is one of the classes of ``integrations.events``. Receivers write a plain sentence about what
    they did into ``outcome`` under their room's name (``campaigns``, ``inbox``, ``reporting``), and may add
    ``conversation_id``, ``enrollment_id`` and ``lead_id`` as text; it is saved with the fact. ``outbound`` is
    our own outbox row where the fact is about a message or invitation that we sent.
    """

    event: Any
    event_id: UUID
    sender: SenderAccount
    source: str
    outcome: dict[str, str]
    outbound: OutboundMessage | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.event, BaseEvent):
            raise TypeError("Only normalised events are recorded.")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderEventRetold(DomainEvent):
    """A known fact is looked at once more, by a replay. ``outcome`` says what it did when it was recorded.

    A receiver acts only if the fact found nobody then and finds somebody now; what it does it writes into
    ``outcome``, as for ``ProviderEventRecorded``. Whoever acts leaves ``outcome`` different, so that it happens once.
    """

    event: Any
    event_id: UUID
    sender: SenderAccount
    source: str
    outcome: dict[str, str]
    outbound: OutboundMessage | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhooksDrifted(DomainEvent):
    """What is registered at the provider of a connection is no longer what is needed, or could not be looked at.

    ``problems`` are plain sentences, empty once everything is right again.
    """

    connection: Connection
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhooksFellSilent(DomainEvent):
    """The provider's records show messages of an account that no webhook told of. ``since`` is the oldest of them."""

    sender: SenderAccount
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhooksHeardAgain(DomainEvent):
    """A webhook told something about an account that had been silent."""

    sender: SenderAccount


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryDied(DomainEvent):
    """A delivery failed for the last time; only a replay takes it up again."""

    delivery: WebhookDelivery
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundChanged(DomainEvent):
    """An outbox row changed its state, or became delivered or seen (``previous`` equals the state then).

    ``previous`` is empty when the row was made.
    """

    outbound: OutboundMessage
    previous: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderChanged(DomainEvent):
    """A sender account changed its status, or was paused or resumed (``previous`` equals the status then)."""

    sender: SenderAccount
    previous: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldsEnded(DomainEvent):
    """What held sends back is over: one reason (``code``) in the whole organization, or whatever held an account."""

    code: str
    sender_id: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSuppressed(DomainEvent):
    """A provider's own list says that it does not write to an address. May be told again, so that storing it
    twice has to be harmless. It holds for ``connection.client``, or for all clients if that is ``None``.
    """

    connection: Connection
    suppression: ProviderSuppression


@dataclass(slots=True)
class RelationsTold:
    """What receivers of ``RelationsListed`` found: people who are leads now known as connected, who were known as
    such before, and places (in ``people``) of those who are no lead.
    """

    matched: int = 0
    known: int = 0
    outside: int = 0
    unmatched: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class RelationsListed(DomainEvent):
    """A page of an account's connections, whether their facts are known or not: people may have become leads since.

    ``connected_at`` has the same places as ``people``. ``campaign_id`` limits it to the leads of one campaign.
    Receivers fill ``told``. The account's lock is held.
    """

    sender: SenderAccount
    people: Sequence[Person]
    connected_at: Sequence[datetime]
    campaign_id: UUID | None
    told: RelationsTold


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatFound(DomainEvent):
    """The provider's ids of the chat with somebody, which were not known. The account's lock is held."""

    sender: SenderAccount
    counterpart_id: str
    chat: Chat


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerDifferenceFound(DomainEvent):
    """The provider lists messages of a day that are not stored here; told once for each incident."""

    incident: LedgerIncident


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerDifferenceHealed(DomainEvent):
    """Everything that the provider lists for the day is stored now."""

    incident: LedgerIncident


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconciliationFinished(DomainEvent):
    """A connection was compared with ours; the report says what differed, or why it broke off."""

    report: ReconciliationReport


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderFailed(DomainEvent):
    """A provider refused or failed a request in a way that it had not in the minute before."""

    connection_id: UUID
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemMailRefused(DomainEvent):
    """A mail of the installation came back for good, or was marked as unwanted; there may be no scope.

    ``key`` and ``kind`` are those that it was sent with.
    """

    key: str
    kind: str
    is_complaint: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkWorkFinished(DomainEvent):
    """Work on many rows that has no event of its own has ended; ``kind`` says which (``replay``)."""

    kind: str
