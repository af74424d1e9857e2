"""Shapes of the JSON API of webhooks."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from ninja import Schema
from pydantic import Field

from integrations.api_schemas import WebhookPassOut
from integrations.models import ReplayRun
from integrations.services import rehearsals
from integrations.webhook_filters import MAX_SELECTED, Filter
from project.core.refusals import Refused


class FilterIn(Schema):
    """Which deliveries: everything that is given has to hold. ``text`` is looked for in bodies and ids; without
    ``since`` a search looks back 14 days. ``reason`` is a ``why`` of the dead letters.
    """

    provider: str = ""
    connection_id: UUID | None = None
    sender_id: UUID | None = None
    client_id: UUID | None = None
    event_type: str = ""
    state: str = ""
    since: datetime | None = None
    until: datetime | None = None
    text: str = ""
    reason: str = ""

    def filter(self) -> Filter:
        """The filter. Raises ``Invalid``."""
        return Filter.parse(self.dict())


class ReplayIn(FilterIn):
    """What to replay: ``ids`` of deliveries, a filter, or both. ``all`` has to be true if neither is given."""

    ids: list[UUID] = Field(default_factory=list, max_length=MAX_SELECTED)
    all: bool = False

    def filter(self) -> Filter:
        """The filter. Raises ``Invalid``, ``Refused`` if it takes everything and nobody said so."""
        found = Filter.parse(self.dict())
        if found.is_empty and not self.all:
            raise Refused("Say which deliveries, or all: true for every one.", code="NOTHING_CHOSEN")
        return found


class DryRunIn(ReplayIn):
    """As for a replay; ``limit`` deliveries at most are tried, the oldest first."""

    limit: int = Field(rehearsals.MAX_DELIVERIES, ge=1, le=1000)


class ChangeOut(Schema):
    """One row's change: ``sign`` is ``+``, ``~`` or ``-``."""

    sign: str
    kind: str
    text: str


class IgnoredOut(Schema):
    """Why deliveries come to nothing, and how many."""

    reason: str
    count: int


class TroubleOut(Schema):
    """A delivery that a replay would not get through."""

    delivery_id: UUID
    event_type: str
    reason: str


class DryRunOut(Schema):
    """What a replay would change; nothing has changed. ``stopped`` are the sequences that would end, ``live_events``
    how many updates open pages would get, ``tasks`` the work that would be handed over. ``gave_way`` says that it
    ended early because live work waited for the same accounts.
    """

    total: int
    tried: int
    complete: bool
    gave_way: bool
    changed: int
    known: int
    ignored: list[IgnoredOut]
    troubles: list[TroubleOut]
    added: int
    updated: int
    removed: int
    bookkeeping: int
    changes: list[ChangeOut]
    stopped: list[str]
    live_events: int
    tasks: dict[str, int]


class ReplayOut(Schema):
    """A replay and how far it is: of ``done`` deliveries ``changed`` told something new."""

    id: UUID
    created_at: datetime
    requested_by: str
    criteria: dict[str, Any]
    state: str
    total: int
    done: int
    changed: int
    failed: int
    skipped: int
    started_at: datetime | None
    finished_at: datetime | None
    error: str

    @staticmethod
    def resolve_requested_by(run: ReplayRun) -> str:
        """Who asked for it."""
        return run.requested_by.display_name if run.requested_by else "System"


class PlatformReplayOut(Schema):
    """A replay in one organization."""

    organization_id: UUID
    id: UUID
    total: int


class PlatformReplayIn(ReplayIn):
    """What to replay in every organization, or in those of ``organization_ids``."""

    organization_ids: list[UUID] | None = None


class PlatformDryRunIn(PlatformReplayIn):
    """As for a replay; ``limit`` deliveries of each organization at most are tried, the oldest first."""

    limit: int = Field(rehearsals.MAX_DELIVERIES, ge=1, le=1000)


class OrganizationDryRunOut(DryRunOut):
    """What a replay would change in one organization."""

    organization_id: UUID
    organization: str


class PlatformDryRunOut(Schema):
    """What a replay would change in each organization that has something to replay; nothing has changed. The time was
    up before those in ``not_reached``.
    """

    organizations: list[OrganizationDryRunOut]
    not_reached: list[UUID]


class DeadLettersOut(Schema):
    """Dead deliveries that died of the same thing."""

    provider: str
    event_type: str
    why: str
    count: int
    first: datetime
    last: datetime


class EndpointOut(Schema):
    """How the webhooks of one connection are: ``ok``, ``wrong``, ``silent``, ``unchecked``, ``by_hand``, ``routed`` or
    ``off``.
    """

    connection_id: UUID
    name: str
    provider: str
    url: str
    status: str
    problems: list[str]
    error: str
    checked_at: datetime | None
    last_webhook_at: datetime | None
    silent_senders: list[str]
    dead: int
    refused: int
    limited: int
    last_limited_at: datetime | None
    per_minute_limit: int
    #: How far looking at, or mending, the webhooks of each campaign is; null while that is not under way.
    under_way: WebhookPassOut | None


class HygieneFindingOut(Schema):
    """One delivery or fact: ``verdict`` is ``matched``, ``unmatched``, ``nothing`` or ``waiting``, ``why`` says it;
    ``mentions`` are the person's addresses and ids that it names; ``raw`` is what the provider sent.
    """

    at: datetime
    title: str
    source: str
    verdict: str
    why: str
    sender: str
    delivery_id: UUID | None
    event_id: UUID | None
    mentions: list[str]
    raw: str


class DiagnosisOut(Schema):
    """What concerns a person or thread, newest first. ``searched`` is false if there were too many calls to look
    into for ``words``.
    """

    name: str
    since: datetime
    words: list[str]
    searched: bool
    findings: list[HygieneFindingOut]
