"""Dry runs of replays: the deliveries are applied for real in one transaction, which is then rolled back.

What it would change is read from the rows themselves, so that it is the same code and the same answer as the replay.
Nothing leaves: no task, no live event, no request to a provider (``project.core.rehearsal``). The locks of the
accounts are held meanwhile, so that a dry run is bounded in deliveries and in time, ends early where live work waits
for it, never waits long for live work, and says how far it came.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import structlog
from celery import current_app
from django.db import transaction
from psycopg.errors import LockNotAvailable

from integrations import locks
from integrations.errors import ErrorKind, ProviderError
from integrations.models import WebhookDelivery
from integrations.registry import label_of
from integrations.services import webhooks
from integrations.webhook_filters import Filter, replayable
from project.core.changes import Difference, difference, watch
from project.core.rehearsal import OutsideRefused, rehearse
from project.core.scoping import organization_scope
from project.tenancy.models import Organization

log = structlog.get_logger(__name__)

#: How many deliveries and seconds a dry run takes, unless something else is said.
MAX_DELIVERIES: Final = 200
MAX_SECONDS: Final = 3.0
#: Seconds that a dry run over several organizations takes in all.
MAX_SECONDS_EVERYWHERE: Final = 12.0
#: Seconds that live work waits for a dry run before that ends, and how often is looked whether any does.
GIVES_WAY_AFTER: Final = 0.5
LOOKS_EVERY: Final = 0.1
#: How long a dry run waits for a lock: less than the second after which PostgreSQL looks for deadlocks, so that it is
#: never live work that has to yield.
WAITS_MS: Final = 400


class _RolledBack(Exception):
    """Ends the transaction of a dry run."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """A delivery that a replay would not get through, and why."""

    delivery_id: UUID
    event_type: str
    reason: str


@dataclass(slots=True)
class DryRun:
    """What a replay would do. ``total`` deliveries can be replayed, the first ``tried`` of them were."""

    total: int = 0
    tried: int = 0
    #: Whether it ended early because live work waited for the same accounts.
    gave_way: bool = False
    #: Deliveries that would tell something new; those that are known already; and those that come to nothing.
    changed: int = 0
    known: int = 0
    ignored: Counter[str] = field(default_factory=Counter)
    troubles: list[Trouble] = field(default_factory=list)
    difference: Difference = field(default_factory=Difference)
    live_events: Counter[str] = field(default_factory=Counter)
    #: Work that would be handed to the background, by what it does.
    tasks: Counter[str] = field(default_factory=Counter)

    @property
    def is_complete(self) -> bool:
        """Whether every delivery was tried."""
        return self.tried >= self.total

    @property
    def changes_nothing(self) -> bool:
        """Whether a replay of what was tried would leave everything as it is."""
        return not self.changed and not self.difference.changes and not self.difference.bookkeeping

    def as_json(self) -> dict[str, Any]:
        """As the API and the command tell it."""
        return {
            "total": self.total,
            "tried": self.tried,
            "complete": self.is_complete,
            "gave_way": self.gave_way,
            "changed": self.changed,
            "known": self.known,
            "ignored": [{"reason": reason, "count": count} for reason, count in self.ignored.most_common()],
            "troubles": [
                {"delivery_id": str(one.delivery_id), "event_type": one.event_type, "reason": one.reason}
                for one in self.troubles
            ],
            "added": self.difference.count("+"),
            "updated": self.difference.count("~"),
            "removed": self.difference.count("-"),
            "bookkeeping": self.difference.bookkeeping,
            "changes": [
                {"sign": one.sign, "kind": one.kind, "text": one.text} for one in self.difference.changes
            ],
            "stopped": [one.text for one in self.difference.stopped],
            "live_events": sum(self.live_events.values()),
            "tasks": dict(self.tasks),
        }


def dry_run(
    *,
    criteria: Filter,
    client_ids: Iterable[UUID] | None = None,
    limit: int = MAX_DELIVERIES,
    seconds: float = MAX_SECONDS,
) -> DryRun:
    """Say what a replay of ``criteria`` would change, oldest delivery first. Leaves no trace."""
    rows = replayable(criteria.rows(client_ids))
    found = DryRun(total=rows.count())
    deliveries = list(rows.order_by("received_at", "id")[:limit])
    with rehearse() as rehearsed, watch() as watched, suppress(_RolledBack), transaction.atomic():
        locks.wait_at_most(WAITS_MS)
        patience = _Patience(seconds)
        for delivery in deliveries:
            if found.tried and patience.is_over():
                break
            found.tried += 1
            _try(found, delivery)
        found.gave_way = patience.gave_way and not found.is_complete
        after = watched.read()
        raise _RolledBack
    found.difference = difference(watched.read(), after)
    found.live_events = rehearsed.live_events
    for name, count in rehearsed.tasks.items():
        found.tasks[_what_it_does(name)] += count
    return found


@dataclass(slots=True)
class DryRunEverywhere:
    """What a replay over organizations would do: in each that has something to replay, and in which nothing was tried
    because the time was up.
    """

    found: list[tuple[Organization, DryRun]] = field(default_factory=list)
    not_reached: list[Organization] = field(default_factory=list)


def dry_run_everywhere(
    *,
    criteria: Filter,
    organization_ids: Iterable[UUID] | None = None,
    limit: int = MAX_DELIVERIES,
    seconds: float = MAX_SECONDS_EVERYWHERE,
) -> DryRunEverywhere:
    """Say what a replay in each organization (or those given) would change, at most ``limit`` deliveries of each and
    ``seconds`` in all; for platform staff. Leaves no trace.
    """
    organizations = Organization.objects.order_by("slug")
    if organization_ids is not None:
        organizations = organizations.filter(id__in=list(organization_ids))
    made, end = DryRunEverywhere(), time.monotonic() + seconds
    for organization in list(organizations):
        left = end - time.monotonic()
        if left <= 0:
            made.not_reached.append(organization)
            continue
        with organization_scope(organization.id):
            found = dry_run(criteria=criteria, limit=limit, seconds=min(MAX_SECONDS, left))
        if found.total:
            made.found.append((organization, found))
    return made


class _Patience:
    """How long a dry run may go on: its own time, and less where somebody waits for what it holds."""

    def __init__(self, seconds: float) -> None:
        begun = time.monotonic()
        self._end, self._next_look = begun + seconds, begun + LOOKS_EVERY
        self.gave_way = False

    def is_over(self) -> bool:
        """Say whether it is to end now."""
        at = time.monotonic()
        if not self.gave_way and at >= self._next_look:
            self._next_look = at + LOOKS_EVERY
            if locks.is_waited_for():
                self.gave_way = True
                self._end = min(self._end, at + GIVES_WAY_AFTER)
        return at >= self._end


def _try(found: DryRun, delivery: WebhookDelivery) -> None:
    """Apply one delivery in a savepoint of its own: one that breaks leaves the others as they are."""
    # As in a replay, known facts are looked at once more.
    delivery.replay_count += 1
    try:
        with transaction.atomic():
            result = webhooks.apply(delivery)
    except ProviderError as error:
        unreadable = error.kind is ErrorKind.VALIDATION
        reason = f"It cannot be read: {error.message}" if unreadable else error.message
    except OutsideRefused as error:
        reason = f"It cannot be foretold: {OutsideRefused(label_of(error.what))}"
    except Exception as error:
        if isinstance(error.__cause__, LockNotAvailable):
            reason = "Its account is being worked on just now. Look again in a moment."
        else:
            log.exception("replay.rehearsal_broke", delivery=str(delivery.id))
            reason = f"It breaks: {type(error).__name__}; the log says where."
    else:
        found.changed += result.changed
        if result.outcome:
            found.known += not result.changed
        else:
            found.ignored[result.reason] += 1
        return
    found.troubles.append(Trouble(delivery.id, delivery.event_type, reason[:300]))


def _what_it_does(name: str) -> str:
    """The first sentence about a task, for a person."""
    told = (getattr(current_app.tasks.get(name), "__doc__", "") or "").strip().split("\n")[0]
    return told.rstrip(".") or name
