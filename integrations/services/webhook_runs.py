"""What waits of one connection's calls, taken by one worker that goes through it.

Calls that only report on messages that left are recorded together, so that a burst of small calls costs little more
than one large call. Everything else goes call by call (``webhooks.work``), because what is told depends on what was
told before; so does a group in which something breaks: recording it is all or nothing.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import structlog
from django.db.models import F

from integrations.base import ReceivesWebhooks, require
from integrations.events import Event
from integrations.models import Connection, ProviderEvent, SenderAccount, WebhookDelivery
from integrations.services import intake_hints, intake_limits, webhooks
from integrations.services.adapters import StoredKnowledge, adapter_of
from integrations.services.events import is_report, record_events
from integrations.services.webhooks import LEASE, State, Told
from project.core.claims import claim_batch
from project.core.clock import now
from project.core.scoping import current_organization_id

log = structlog.get_logger(__name__)

#: Calls of one connection that a worker claims at once, and seconds after which others have their turn.
CLAIMED: Final = 20
TURN_S: Final = 1.0
#: Reports of one account that share a transaction; one takes about a third of a millisecond.
TOGETHER: Final = 500


def process_waiting(connection_id: UUID) -> int:
    """Process what waits of one connection's calls, oldest first, for a while; return how many there were.

    While more wait than are claimed at once, nobody else is told of the connection: one worker goes through them.
    """
    done, until = 0, time.monotonic() + TURN_S
    while True:
        claimed = claim_waiting(connection_id)
        is_last = len(claimed) < CLAIMED
        if is_last:
            # From here on news cause a hint; what came before that and after the claim is looked for once more.
            intake_limits.begin(connection_id)
            claimed += claim_waiting(connection_id)
        work_all(claimed)
        done += len(claimed)
        if is_last:
            return done
        if time.monotonic() >= until:
            intake_hints.hint(connection_id, current_organization_id())
            return done


def claim_waiting(connection_id: UUID) -> list[WebhookDelivery]:
    """Take the oldest calls of a connection that nobody has taken yet, for the length of the lease."""
    rows = WebhookDelivery.objects.filter(connection_id=connection_id, state=State.RECEIVED)
    until = now() + LEASE
    claimed: list[WebhookDelivery] = claim_batch(
        rows.order_by("not_before"),
        limit=CLAIMED,
        state=State.PROCESSING,
        claimed_until=until,
        not_before=until,
        attempts=F("attempts") + 1,
    )
    for delivery in claimed:
        delivery.attempts += 1
    return claimed


def work_all(deliveries: Sequence[WebhookDelivery]) -> None:
    """Apply claimed deliveries of one connection and finish them. Within an account their order stays."""
    if not deliveries:
        return
    reader, calls = _Reader(deliveries), defaultdict[str, list[_Call]](list)
    for delivery in deliveries:
        told = reader.read(delivery)
        call = _as_reports(delivery, told)
        if call is not None:
            calls[call.sender.provider_account_id].append(call)
            continue
        if calls:
            # What is recorded now may change how this one is read.
            _record(calls)
            calls, told = defaultdict(list), None
        webhooks.work(delivery, told)
        # What it told may change how the next ones are read.
        reader.forget()
    _record(calls)


@dataclass(frozen=True, slots=True)
class _Call:
    """A delivery that holds nothing but reports about one account's messages."""

    delivery: WebhookDelivery
    sender: SenderAccount
    events: tuple[Event, ...]


class _Reader:
    """Reads deliveries of one connection, looking things up once."""

    def __init__(self, deliveries: Sequence[WebhookDelivery]) -> None:
        # A single call gains nothing here.
        several = len(deliveries) > 1
        found = Connection.objects.filter(id=deliveries[0].connection_id).first() if several else None
        self._connection = found if found and found.status != Connection.Status.DISABLED else None
        self._receiver: ReceivesWebhooks | None = None
        self.forget()

    def forget(self) -> None:
        """Look up accounts and messages anew from now on."""
        self._knowledge = StoredKnowledge(self._connection.id) if self._connection else None

    def read(self, delivery: WebhookDelivery) -> Told | None:
        """Return what a delivery tells; ``None`` if it has to be read alone."""
        if self._connection is None or self._knowledge is None:
            return None
        try:
            if self._receiver is None:
                self._receiver = require(adapter_of(self._connection), ReceivesWebhooks)
            return webhooks.told_by(delivery, self._receiver, self._knowledge)
        except Exception:  # noqa: BLE001 - it is tried again alone, and then whatever breaks is kept with the call
            return None


def _as_reports(delivery: WebhookDelivery, told: Told | None) -> _Call | None:
    """Return a delivery's reports; ``None`` for one that is not, or not only, reports about one known account."""
    if told is None or told.normalised.is_strange:
        return None
    events = tuple(told.normalised.events)
    accounts = {event.account_id for event in events}
    if len(accounts) != 1 or len(events) > TOGETHER or not all(map(is_report, events)):
        return None
    sender = told.knowledge.sender(accounts.pop())
    return _Call(delivery, sender, events) if sender else None


def _record(calls: dict[str, list[_Call]]) -> None:
    """Record calls, account by account, as many at once as may share a transaction."""
    for of_account in calls.values():
        run: list[_Call] = []
        for call in of_account:
            if run and sum(len(one.events) for one in run) + len(call.events) > TOGETHER:
                _record_run(run)
                run = []
            run.append(call)
        _record_run(run)


def _record_run(run: Sequence[_Call]) -> None:
    events = [event for call in run for event in call.events]
    try:
        recorded = iter(
            record_events(
                events,
                sender=run[0].sender,
                source=ProviderEvent.Source.WEBHOOK,
                delivery_ids=[call.delivery.id for call in run for _ in call.events],
            )
        )
    except Exception:
        log.warning("webhook.run_broke", deliveries=len(run), events=len(events), exc_info=True)
        for call in run:
            webhooks.work(call.delivery)
        return
    results = []
    for call in run:
        result = webhooks.Result(State.IGNORED)
        for event in call.events:
            result.add(event, next(recorded))
        results.append((call.delivery, result))
    webhooks.finish_all(results)
