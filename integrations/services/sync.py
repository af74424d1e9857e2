"""Synchronisation: pulls an account's messages and connections through the same door as webhooks.

Polling is the fallback for an account that is not OK or that webhooks are silent about, and the catch-up
after it recovered. One run per account at a time (unique constraint); a run is claimed with a lease, and
``claims`` is the fence that makes an outrun worker stop. Where a pass stands is stored after every page, so a
restart goes on there.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, Q

from integrations import metrics, registry, streams
from integrations.backoff import SYNC_CAP, SYNC_FIRST, wait_after
from integrations.base import Capability
from integrations.errors import Disposition, ErrorKind, ProviderError
from integrations.models import Connection, SenderAccount, SyncCursor, SyncRun
from integrations.services import connections, freshness, senders
from integrations.services.sync_pages import READERS, Outrun, Progress
from integrations.values import AccountStatus
from project.core.claims import compare_and_set
from project.core.clock import now
from project.core.refusals import Invalid
from project.core.tasks import enqueue
from project.tenancy import audit
from project.tenancy.models import User

log = structlog.get_logger(__name__)

LEASE: Final = timedelta(minutes=3)
#: A queued run that no worker took up by then is hinted at again.
FORGOTTEN_AFTER: Final = timedelta(seconds=30)
#: Connections are read a few times a day, at random (docs/providers/unipile.md, section 7), in hours.
RELATIONS_EVERY_H: Final = (3.0, 8.0)
#: Trigger of the regular look into an account that tells nothing by itself.
INTERVAL: Final = "interval"
State = SyncRun.State
ACTIVE: Final = (State.QUEUED, State.RUNNING)


def request(
    *, sender: SenderAccount, resource: str, trigger: str, actor: User | None = None
) -> SyncRun | None:
    """Ask for a run (``messages`` or ``relations``); ``None`` if one of this account is under way already.

    Raises ``Invalid`` for an unknown resource.
    """
    if resource not in READERS:
        raise Invalid(f"There is nothing called {resource!r} to synchronise.", field="resource")
    try:
        with transaction.atomic():
            run: SyncRun = SyncRun.objects.create(sender=sender, resource=resource, trigger=trigger)
            if actor is not None:
                audit.record(actor=actor, action="sync.requested", subject=sender, resource=resource)
            streams.sync_changed(sender.id)
            _hint(run.id, sender.organization_id)
    except IntegrityError:
        return None
    return run


@transaction.atomic
def cancel(*, run: SyncRun, actor: User) -> bool:
    """Stop a run: a waiting one at once, a running one after its page. ``False`` if it has ended."""
    if compare_and_set(
        SyncRun.objects.filter(id=run.id, state=State.QUEUED), state=State.CANCELLED, finished_at=now()
    ):
        changed = True
    else:
        changed = compare_and_set(
            SyncRun.objects.filter(id=run.id, state=State.RUNNING), cancel_requested=True
        )
    if changed:
        audit.record(actor=actor, action="sync.cancelled", subject=run.sender, resource=run.resource)
        streams.sync_changed(run.sender_id)
    return changed


def run(run_id: UUID) -> str:
    """Do a run that is due; return its state afterwards, ``""`` if somebody else does it."""
    claimed = _claim(run_id)
    if claimed is None:
        return ""
    cursor = SyncCursor.objects.get_or_create(sender=claimed.sender, resource=claimed.resource)[0]
    progress = Progress(claimed, cursor, LEASE)
    try:
        complete = READERS[claimed.resource](progress)
    except Outrun:
        return ""
    except ProviderError as error:
        return _failed(progress, error.message, error)
    except Exception as error:
        log.exception("sync.broke", run=str(run_id))
        return _failed(progress, f"It broke here: {type(error).__name__}.", None)
    return _done(progress, complete=complete)


def _claim(run_id: UUID) -> SyncRun | None:
    at = now()
    rows = SyncRun.objects.filter(id=run_id)
    free = Q(state=State.QUEUED) | Q(state=State.RUNNING, claimed_until__lte=at)
    with transaction.atomic():
        if not compare_and_set(
            rows.filter(free), state=State.RUNNING, claimed_until=at + LEASE, claims=F("claims") + 1
        ):
            return None
        rows.filter(started_at=None).update(started_at=at)
        found: SyncRun = rows.select_related("sender__connection", "sender__client").get()
        streams.sync_changed(found.sender_id)
    return found


def _end(progress: Progress, state: str, error: str = "") -> bool:
    ended = compare_and_set(
        progress.held(), state=state, finished_at=now(), claimed_until=None, error=error[:2000]
    )
    if ended:
        metrics.SYNC_RUNS.labels(progress.run.resource, state).inc()
        streams.sync_changed(progress.run.sender_id)
    return ended


def _done(progress: Progress, *, complete: bool) -> str:
    """End a run that read what it may; one that has more to read is followed by another one soon."""
    state = State.CANCELLED if progress.cancelled else State.DONE
    with transaction.atomic():
        if not _end(progress, state):
            return ""
        cursor = progress.cursor
        values: dict[str, Any] = {"last_error": "", "failures": 0, "next_try_at": None}
        if complete:
            values |= {"read_until": progress.started, "position": {}, "last_success_at": now()}
        if complete and progress.run.resource == "relations":
            hours = random.uniform(*RELATIONS_EVERY_H)  # noqa: S311 (spread, not a secret)
            values["next_try_at"] = now() + timedelta(hours=hours)
        SyncCursor.objects.filter(id=cursor.id).update(**values)
        if complete and progress.run.resource == freshness.MESSAGES:
            freshness.note(progress.run.sender, progress.started)
        if complete and not progress.seen and progress.run.trigger == INTERVAL:
            # One look a minute at each mailbox: those that found nothing are not worth a row.
            SyncRun.objects.filter(id=progress.run.id).delete()
    return str(state)


def _failed(progress: Progress, message: str, error: ProviderError | None) -> str:
    sender = progress.run.sender
    with transaction.atomic():
        if not _end(progress, State.FAILED, message):
            return ""
        failures = progress.cursor.failures + 1
        pause = wait_after(failures, first=SYNC_FIRST, cap=SYNC_CAP)
        if error is not None and error.retry_after:
            pause = max(pause, error.retry_after)
        SyncCursor.objects.filter(id=progress.cursor.id).update(
            failures=failures,
            last_error=message[:2000],
            last_error_at=now(),
            next_try_at=now() + timedelta(seconds=pause),
        )
        if error is not None and error.disposition is Disposition.STOP_ACCOUNT:
            restricted = error.kind is ErrorKind.ACCOUNT_RESTRICTED
            status = AccountStatus.RESTRICTED if restricted else AccountStatus.CREDENTIALS
            senders.report_status(
                sender, status=status, raw_status=error.raw_type, reported_at=now(), reason=error.message
            )
        if error is not None and error.kind is ErrorKind.AUTH:
            connections.mark(sender.connection, status=Connection.Status.FAILING, error=error.message)
    return str(State.FAILED)


# --- what is due ------------------------------------------------------------------------------------


def request_due() -> int:
    """Ask for the runs that are due in the current organization; return how many."""
    at = now()
    made = 0
    accounts = SenderAccount.objects.select_related("connection").exclude(status=SenderAccount.Status.DELETED)
    accounts = accounts.exclude(
        connection__status__in=[Connection.Status.FAILING, Connection.Status.DISABLED]
    ).exclude(sync_runs__state__in=ACTIVE)
    cursors = {(row.sender_id, row.resource): row for row in SyncCursor.objects.filter(sender__in=accounts)}
    for sender in accounts:
        reason = _messages_due(sender, cursors.get((sender.id, "messages")), at)
        if reason:
            made += request(sender=sender, resource="messages", trigger=reason) is not None
        elif _relations_due(sender, cursors.get((sender.id, "relations")), at):
            made += request(sender=sender, resource="relations", trigger="schedule") is not None
    return made


def _messages_due(sender: SenderAccount, cursor: SyncCursor | None, at: datetime) -> str:
    """Say why an account's messages are to be polled now, ``""`` if they are not."""
    provider = sender.connection.provider
    if not freshness.is_polled(provider):
        return ""
    told = freshness.is_told(provider)
    silence = timedelta(seconds=settings.SYNC_SILENT_SECONDS if told else settings.INBOUND_POLL_SECONDS)
    if cursor is not None:
        if cursor.next_try_at is not None and cursor.next_try_at > at:
            return ""
        if cursor.position or cursor.failures:
            return "continue"
        if cursor.last_success_at is not None and cursor.last_success_at > at - silence:
            return ""
    if not told:
        return INTERVAL
    if sender.status != SenderAccount.Status.OK:
        return "account not ok"
    if sender.last_webhook_at is None or sender.last_webhook_at < at - silence:
        return "webhooks silent"
    return ""


def _relations_due(sender: SenderAccount, cursor: SyncCursor | None, at: datetime) -> bool:
    if sender.status != SenderAccount.Status.OK or not _syncs_relations(sender.connection.provider):
        return False
    return cursor is None or cursor.next_try_at is None or cursor.next_try_at <= at


def _syncs_relations(provider: str) -> bool:
    try:
        return Capability.SYNCS_RELATIONS in registry.get(provider).capabilities
    except registry.UnknownProviderError:
        return False


def forgotten() -> int:
    """Hint again at runs whose worker is gone or never came; return how many. Runs over all organizations."""
    at = now()
    lost = Q(state=State.RUNNING, claimed_until__lte=at) | Q(
        state=State.QUEUED, created_at__lte=at - FORGOTTEN_AFTER
    )
    with transaction.atomic():
        rows = list(SyncRun.objects.filter(lost).values_list("id", "organization_id")[:200])
        for run_id, organization_id in rows:
            _hint(run_id, organization_id)
    return len(rows)


def _hint(run_id: UUID, organization_id: UUID) -> None:
    from integrations.tasks import run_sync  # tasks call services

    enqueue(run_sync, organization_id=organization_id, run_id=run_id)
