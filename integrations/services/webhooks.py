"""Processing of stored webhook deliveries: claimed, normalised, applied event by event, finished.

``received > processing > processed | ignored | rejected | failed | dead``. A claim is one compare-and-set
with a lease; a worker that dies leaves a row that ``sweep`` finds again, and what it had already recorded is
recognised by the door (``services.events``). ``attempts`` is the fence: a worker that was outrun cannot
finish the row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import F, Q

from integrations import metrics, streams
from integrations.backoff import DELIVERY_CAP, DELIVERY_FIRST, wait_after
from integrations.base import ReceivesWebhooks, require
from integrations.domain_events import DeliveryDied
from integrations.errors import ErrorKind, ProviderError
from integrations.events import Event, MessageReceived, Normalised
from integrations.models import Connection, ProviderEvent, SenderAccount, WebhookDelivery
from integrations.services import routing, strange_calls
from integrations.services.adapters import StoredKnowledge, adapter_of
from integrations.services.events import Recorded, record_event, record_events
from integrations.values import Direction
from project.core.claims import compare_and_set
from project.core.clock import now
from project.core.events import publish
from project.core.tasks import enqueue

log = structlog.get_logger(__name__)

LEASE: Final = timedelta(minutes=2)
MAX_ATTEMPTS: Final = 8
#: Events of one account in a call that share a transaction.
TOGETHER: Final = 200
#: Rows that one sweep hints at, and how long it then leaves them to the workers.
SWEEP_BATCH: Final = 500
SWEEP_PAUSE: Final = timedelta(seconds=30)
State = WebhookDelivery.State
_OPEN: Final = (State.RECEIVED, State.FAILED, State.PROCESSING)


@dataclass(slots=True)
class Result:
    """What a delivery came to."""

    state: str
    reason: str = ""
    outcome: list[dict[str, Any]] = field(default_factory=list)
    #: Whether anything was told that was not known or not matched before.
    changed: bool = False
    #: Why the call is of no shape that we know, ``""`` if it is.
    strange: str = ""

    def add(self, event: Event, recorded: Recorded) -> None:
        """Take in what became of one of the delivery's facts."""
        self.state = State.PROCESSED
        self.changed |= recorded.changed
        if isinstance(event, MessageReceived) and event.direction is Direction.UNKNOWN:
            self.strange = "Nothing in it tells who wrote the message."
        done = recorded.outcome if recorded.new else {"again": "This was known already.", **recorded.outcome}
        self.outcome.append(
            {"event": event.kind, "event_id": str(recorded.event_id), "outcome": done, **_ids(done)}
        )


def process(delivery_id: UUID, received_at: datetime) -> str:
    """Process one delivery if it is open and nobody else holds it; return its state afterwards, ``""`` if not
    ours.
    """
    delivery = claim(delivery_id, received_at)
    return work(delivery).state if delivery is not None else ""


@dataclass(frozen=True, slots=True)
class Worked:
    """What became of a claimed delivery: its state, ``""`` if somebody else took it over, and whether it told
    anything new.
    """

    state: str
    changed: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """What a delivery tells, and the knowledge that it was read with."""

    normalised: Normalised
    knowledge: StoredKnowledge


def told_by(delivery: WebhookDelivery, receiver: ReceivesWebhooks, knowledge: StoredKnowledge) -> Told:
    """Read a delivery. Raises ``ProviderError``."""
    normalised = receiver.normalise(
        bytes(delivery.body),
        headers=delivery.headers,
        received_at=delivery.received_at,
        knowledge=knowledge,
    )
    return Told(normalised, knowledge)


def work(delivery: WebhookDelivery, told: Told | None = None) -> Worked:
    """Apply a claimed delivery and finish it, whatever happens. ``told`` is what it tells, if it was read already."""
    try:
        result = record_all(told.normalised, delivery, told.knowledge) if told else apply(delivery)
    except ProviderError as error:
        if error.kind is ErrorKind.VALIDATION:
            result = Result(State.REJECTED, f"It cannot be read: {error.message}", strange=error.message)
        else:
            return Worked(_failed(delivery, str(error), error.retry_after))
    except Exception as error:
        # A call is never lost: whatever broke is tried again and, if it stays broken, kept as dead with the
        # error.
        log.exception("webhook.processing_broke", delivery=str(delivery.id))
        state = _failed(delivery, f"{type(error).__name__}: {error}", None)
        if state and delivery.attempts == 1 and isinstance(error, strange_calls.BREAKS):
            strange_calls.note(delivery, f"It broke the reading: {type(error).__name__}.")
        return Worked(state)
    state = finish_all([(delivery, result)])[0]
    if state and result.strange:
        strange_calls.note(delivery, result.strange)
    return Worked(state, result.changed)


def reclaim(delivery_id: UUID, received_at: datetime, *, replay_id: UUID) -> WebhookDelivery | None:
    """Take a delivery for a replay, whatever became of it; ``None`` if a worker holds it or it must not be replayed.

    What was refused at the door stays out: nothing proves that the provider sent it.
    """
    row = WebhookDelivery.objects.filter(id=delivery_id, received_at=received_at)
    held = Q(state=State.PROCESSING, claimed_until__gt=now())
    refused = Q(state=State.REJECTED, attempts=0)
    replayed = {"replay_count": F("replay_count") + 1, "last_replay_at": now(), "last_replay_id": replay_id}
    return _taken(row.exclude(held).exclude(refused), row, forgiven_attempts=F("attempts"), **replayed)


def claim(delivery_id: UUID, received_at: datetime) -> WebhookDelivery | None:
    """Take an open delivery for the length of the lease; ``None`` if it is done or somebody else holds it."""
    row = WebhookDelivery.objects.filter(id=delivery_id, received_at=received_at)
    free = Q(state__in=[State.RECEIVED, State.FAILED]) | Q(state=State.PROCESSING, claimed_until__lte=now())
    return _taken(row.filter(free), row)


def _taken(free: Any, row: Any, **marks: Any) -> WebhookDelivery | None:
    until = now() + LEASE
    if not compare_and_set(
        free,
        state=State.PROCESSING,
        claimed_until=until,
        # The sweeper looks at this column alone.
        not_before=until,
        attempts=F("attempts") + 1,
        **marks,
    ):
        return None
    claimed: WebhookDelivery = row.get()
    return claimed


def apply(delivery: WebhookDelivery) -> Result:
    """Normalise a delivery and record its events, each in a transaction of its own. Raises ``ProviderError``."""
    connection = Connection.objects.filter(id=delivery.connection_id).first()
    if connection is None:
        return Result(State.IGNORED, "Its connection was deleted.")
    if connection.status == Connection.Status.DISABLED:
        return Result(State.IGNORED, "This connection is disabled.")
    receiver = require(adapter_of(connection), ReceivesWebhooks)
    told = told_by(delivery, receiver, StoredKnowledge(connection.id))
    return record_all(told.normalised, delivery, told.knowledge)


def record_all(normalised: Normalised, delivery: WebhookDelivery, knowledge: StoredKnowledge) -> Result:
    """Record the events of a delivery and put together what they did."""
    result = Result(State.IGNORED, normalised.ignored)
    if normalised.is_strange:
        result.strange = normalised.ignored or "A part of it is of no shape that we know."
    # Within an account the order stays; facts of different accounts have none.
    owned, strangers = routing.by_sender(normalised.events, knowledge)
    for sender, events in owned:
        for start in range(0, len(events), TOGETHER):
            chunk = events[start : start + TOGETHER]
            for event, recorded in zip(chunk, _record_chunk(chunk, sender, delivery), strict=True):
                result.add(event, recorded)
    if strangers:
        result.reason = _of_nobody(strangers)
    elif result.state == State.IGNORED and not result.reason:
        result.reason = "It tells nothing that is used here."
    return result


def _of_nobody(events: list[Event]) -> str:
    ids = sorted({event.account_id for event in events if event.account_id})
    if not ids:
        return "It names no account, and no campaign of ours."
    return f"No sender account here has the id {', '.join(ids)}. Add it under Senders, then replay this."


def _record_chunk(chunk: list[Event], sender: SenderAccount, delivery: WebhookDelivery) -> list[Recorded]:
    """Record the events of one account together; one by one if that fails, so that one that breaks does not
    take the others with it.
    """
    told: Any = {
        "sender": sender,
        "source": ProviderEvent.Source.WEBHOOK,
        # What is known and found no lead then may find one now.
        "again": delivery.replay_count > 0,
    }
    if len(chunk) > 1:
        try:
            return record_events(chunk, delivery_ids=[delivery.id] * len(chunk), **told)
        except Exception:
            log.warning("webhook.batch_broke", delivery=str(delivery.id), events=len(chunk), exc_info=True)
    return [record_event(event, delivery_id=delivery.id, **told) for event in chunk]


def _ids(outcome: dict[str, str]) -> dict[str, str]:
    return {
        name: outcome[name] for name in ("conversation_id", "enrollment_id", "lead_id") if name in outcome
    }


def finish_all(results: Sequence[tuple[WebhookDelivery, Result]]) -> list[str]:
    """Finish claimed deliveries in one transaction; return their states, ``""`` for one that somebody took over."""
    at = now()
    ours = []
    with transaction.atomic():
        for delivery, result in results:
            is_ours = compare_and_set(
                _held(delivery),
                state=result.state,
                reason=result.reason.replace("\x00", "")[:300],
                outcome=result.outcome,
                processed_at=at,
                claimed_until=None,
                last_error="",
            )
            if is_ours:
                streams.webhook_changed(delivery.id)
            ours.append(is_ours)
    for (delivery, result), is_ours in zip(results, ours, strict=True):
        if is_ours:
            metrics.DELIVERIES.labels(delivery.provider, result.state).inc()
            metrics.DELIVERY_SECONDS.labels(delivery.provider).observe(
                (at - delivery.received_at).total_seconds()
            )
    return [result.state if is_ours else "" for (_, result), is_ours in zip(results, ours, strict=True)]


def _failed(delivery: WebhookDelivery, error: str, retry_after: float | None) -> str:
    """Put a delivery off with a longer pause each time, or give it up after the last try."""
    tries = delivery.attempts - delivery.forgiven_attempts
    is_dead = tries >= MAX_ATTEMPTS
    pause = retry_after or wait_after(tries, first=DELIVERY_FIRST, cap=DELIVERY_CAP)
    state = State.DEAD if is_dead else State.FAILED
    with transaction.atomic():
        ours = compare_and_set(
            _held(delivery),
            state=state,
            last_error=error.replace("\x00", "")[:4000],
            not_before=now() + timedelta(seconds=pause),
            claimed_until=None,
        )
        if not ours:
            return ""
        if is_dead:
            publish(DeliveryDied(delivery=delivery, error=error))
        streams.webhook_changed(delivery.id)
    metrics.DELIVERIES.labels(delivery.provider, state).inc()
    return str(state)


def _held(delivery: WebhookDelivery) -> Any:
    """The row, as long as it is still ours: nobody claimed it after us."""
    return WebhookDelivery.objects.filter(
        id=delivery.id, received_at=delivery.received_at, state=State.PROCESSING, attempts=delivery.attempts
    )


def sweep() -> int:
    """Hint again at deliveries that are due and forgotten; return how many. Runs over all organizations."""
    at = now()
    with transaction.atomic():
        rows = WebhookDelivery.objects.filter(state__in=_OPEN, not_before__lte=at).order_by("not_before")
        due = list(
            rows.select_for_update(skip_locked=True).values_list("id", "received_at", "organization_id")[
                :SWEEP_BATCH
            ]
        )
        for delivery_id, received_at, organization_id in due:
            hint(delivery_id, received_at, organization_id)
        WebhookDelivery.objects.filter(id__in=[row[0] for row in due], state__in=_OPEN).update(
            not_before=at + SWEEP_PAUSE
        )
    return len(due)


def hint(delivery_id: UUID, received_at: datetime, organization_id: UUID) -> None:
    """Hand a delivery to the workers once the transaction has committed."""
    from integrations.tasks import process_delivery  # tasks call services

    enqueue(
        process_delivery,
        organization_id=organization_id,
        delivery_id=delivery_id,
        received_at=received_at.isoformat(),
    )
