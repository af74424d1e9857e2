"""Synchronisation: pulls an account's messages and connections through the same door as webhooks.

Polling is the fallback for an account that is not OK or that webhooks are silent about, and the catch-up
after it recovered. One run per account at a time (unique constraint); a run is claimed with a lease, and
``claims`` is the fence that makes an outrun worker stop. Where a pass stands is stored after every page, so a
restart goes on there.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
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
from integrations.services import (
    connections,
    freshness,
    readers,
    senders,
    strange_calls,
    sync_pages,
    sync_windows,
)
from integrations.services.sync_pages import Outrun, Progress
from integrations.services.sync_sources import can_list
from integrations.values import AccountStatus
from project.core.claims import compare_and_set
from project.core.clock import now
from project.core.refusals import Invalid, Refused
from project.core.tasks import enqueue
from project.tenancy import audit
from project.tenancy.models import User

log = structlog.get_logger(__name__)

LEASE: Final = timedelta(minutes=3)
#: A queued run that no worker took up by then is hinted at again.
FORGOTTEN_AFTER: Final = timedelta(seconds=30)
#: Connections are read a few times a day, at random (docs/providers/unipile.md, section 7), in hours.
RELATIONS_EVERY_H: Final = (3.0, 8.0)
HISTORY: Final = "history"
CONNECTIONS: Final = "connections"
CHATS: Final = "chats"
LEDGER: Final = "ledger"
READERS: Final = {**sync_pages.READERS, **sync_windows.READERS}
#: Passes of bounded length that the next one goes on with; all other runs go on by themselves until they are through.
PASSES: Final = frozenset(sync_pages.READERS)
#: Runs over a window of time, and those that go on where an earlier one of the same kind was broken off.
WINDOWS: Final = frozenset({HISTORY, LEDGER})
RESUMED: Final = frozenset({HISTORY, CONNECTIONS})
RESUMED_WITHIN: Final = timedelta(days=1)
LONGEST_WINDOW: Final = timedelta(days=400)
#: How soon after midnight (UTC) a day is counted, how often ids of chats are looked for, and how often a provider is
#: asked that gives nothing out.
COUNT_AFTER: Final = timedelta(hours=1)
CHATS_EVERY: Final = timedelta(days=1)
NOTHING_GIVEN_EVERY: Final = timedelta(hours=6)
#: Trigger of a back-fill that is followed by another count of the day.
HEAL: Final = "heal"
#: Trigger of the regular look into an account that tells nothing by itself, or whose calls do not tell of all.
INTERVAL: Final = "interval"
#: What runs read, in plain words.
RESOURCES: Final = {
    "messages": "new messages",
    "relations": "new connections",
    HISTORY: "messages of a window",
    CONNECTIONS: "all connections",
    CHATS: "ids of chats",
    LEDGER: "the count of a day",
}
State = SyncRun.State
ACTIVE: Final = (State.QUEUED, State.RUNNING)


def request(
    *,
    sender: SenderAccount,
    resource: str,
    trigger: str,
    actor: User | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    campaign_id: UUID | None = None,
    expected: int | None = None,
    together: bool = False,
) -> SyncRun | None:
    """Ask for a run of one of ``READERS``; ``None`` if one of this account is under way already.

    ``history`` and ``ledger`` are about a window, ``connections`` may be limited to the leads of a campaign. A
    back-fill that was broken off or stopped within a day goes on where it stood. ``together`` counts a day of all
    accounts that are read together at once, by the one that reads for them. Raises ``Invalid``, and ``Refused`` for
    what the provider has no list of.
    """
    if resource not in READERS:
        raise Invalid(f"There is nothing called {resource!r} to synchronise.", field="resource")
    if not offers(sender.connection.provider, resource):
        label = registry.label_of(sender.connection.provider)
        raise Refused(f"{label} cannot be asked for {RESOURCES[resource]}.", code="NOT_LISTED")
    if resource in WINDOWS:
        check_window(since, until)
    asked: dict[str, Any] = {"resource": resource, "since": since, "until": until}
    asked["scope"] = {"campaign_id": str(campaign_id)} if campaign_id else {}
    if together:
        asked["scope"] = sync_windows.TOGETHER
    sender = readers.reader_of(sender) if together or resource == freshness.MESSAGES else sender
    try:
        with transaction.atomic():
            run: SyncRun = SyncRun.objects.create(
                sender=sender, trigger=trigger, expected=expected, **asked, **_left_off(sender, asked)
            )
            if actor is not None:
                audit.record(actor=actor, action="sync.requested", subject=sender, resource=resource)
            streams.sync_changed(sender.id)
            _hint(run.id, sender.organization_id)
    except IntegrityError:
        return None
    return run


def offers(provider: str, resource: str) -> bool:
    """Whether a provider can be asked for one of ``READERS``."""
    match resource:
        case freshness.MESSAGES:
            return readers.can_read(provider)
        case "relations" | "connections":
            return registry.can(provider, Capability.SYNCS_RELATIONS)
        case "chats":
            return registry.can(provider, Capability.SYNCS_MESSAGES)
    return can_list(provider)


def check_window(since: datetime | None, until: datetime | None) -> None:
    """Raise ``Invalid`` for a window that cannot be read."""
    if since is None or until is None or since >= until:
        raise Invalid("Say from when to when; the end comes after the beginning.", field="until")
    if until - since > LONGEST_WINDOW:
        raise Invalid(f"At most {LONGEST_WINDOW.days} days at once.", field="since")
    if since > now():
        raise Invalid("This lies in the future.", field="since")


def _left_off(sender: SenderAccount, asked: dict[str, Any]) -> dict[str, Any]:
    """Return where a back-fill of the same things stood that did not get through."""
    if asked["resource"] not in RESUMED:
        return {}
    ended = SyncRun.objects.filter(sender=sender, created_at__gte=now() - RESUMED_WITHIN, **asked)
    last = ended.exclude(state__in=ACTIVE).order_by("-created_at").first()
    if last is None or last.state == State.DONE:
        return {}
    return {name: getattr(last, name) for name in ("position", "result", "seen", "created", "requests")}


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
    if not complete and not progress.cancelled and claimed.resource not in PASSES:
        return _go_on(progress)
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


def _go_on(progress: Progress) -> str:
    """Put a long run back into the queue where it stands: others have their turn in between."""
    with transaction.atomic():
        if not compare_and_set(progress.held(), state=State.QUEUED, claimed_until=None):
            return ""
        _hint(progress.run.id, progress.run.organization_id)
    return str(State.QUEUED)


def _done(progress: Progress, *, complete: bool) -> str:
    """End a run that read what it may; one that has more to read is followed by another one soon."""
    state = State.CANCELLED if progress.cancelled else State.DONE
    run = progress.run
    with transaction.atomic():
        if not _end(progress, state):
            return ""
        if complete and run.resource == LEDGER:
            sync_windows.settle_day(progress)
        _move_cursor(progress, complete=complete)
        if complete and run.resource == freshness.MESSAGES and not progress.note:
            for sender in readers.read_by(run.sender):
                freshness.note(sender, progress.started)
        if complete and not progress.seen and run.trigger == INTERVAL:
            # One look a minute at each mailbox: those that found nothing are not worth a row.
            SyncRun.objects.filter(id=run.id).delete()
        if complete and run.resource == HISTORY and run.trigger == HEAL:
            request(sender=run.sender, resource=LEDGER, trigger=HEAL, since=run.since, until=run.until)
    return str(state)


def _move_cursor(progress: Progress, *, complete: bool) -> None:
    """Store how far the resource is read now, and when it is read next."""
    run = progress.run
    values: dict[str, Any] = {
        "last_error": "",
        "failures": 0,
        "next_try_at": None,
        "note": progress.note[:300],
    }
    if complete:
        read_until = run.until if run.resource in WINDOWS else progress.started
        values |= {"read_until": read_until, "position": {}, "last_success_at": now()}
    if complete and run.resource == "relations":
        hours = random.uniform(*RELATIONS_EVERY_H)  # noqa: S311 (spread, not a secret)
        values["next_try_at"] = now() + timedelta(hours=hours)
    elif complete and run.resource == freshness.MESSAGES and progress.note:
        # Nothing is given out, by choice or by the provider: it is asked again now and then.
        values["next_try_at"] = now() + NOTHING_GIVEN_EVERY
    SyncCursor.objects.filter(id=progress.cursor.id).update(**values)


def _failed(progress: Progress, message: str, error: ProviderError | None) -> str:
    sender = progress.run.sender
    with transaction.atomic():
        if not _end(progress, State.FAILED, message):
            return ""
        failures = progress.cursor.failures + 1
        pause = wait_after(failures, first=SYNC_FIRST, cap=SYNC_CAP)
        if error is not None and error.retry_after:
            pause = max(pause, error.retry_after)
        if progress.run.resource not in RESUMED:
            # What a person asked for once is not tried again by itself; the run says why.
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
    reading = readers.readers_among(accounts)
    strange = strange_calls.newest()
    for sender in accounts:
        if sender.id in reading:
            cursor = cursors.get((sender.id, "messages"))
            reason = _messages_due(sender, cursor, at, strange.get(sender.connection_id))
            if reason:
                made += request(sender=sender, resource="messages", trigger=reason) is not None
                continue
        if _relations_due(sender, cursors.get((sender.id, "relations")), at):
            made += request(sender=sender, resource="relations", trigger="schedule") is not None
        elif sender.id in reading and _ledger_due(sender, cursors.get((sender.id, LEDGER)), at):
            made += _count_yesterday(sender, at)
        elif _chats_due(sender, cursors.get((sender.id, CHATS)), at):
            made += request(sender=sender, resource=CHATS, trigger="schedule") is not None
    return made


def _count_yesterday(sender: SenderAccount, at: datetime) -> bool:
    today = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    run = request(
        sender=sender,
        resource=LEDGER,
        trigger="schedule",
        since=today - timedelta(days=1),
        until=today,
        together=readers.is_shared(sender.connection.provider),
    )
    return run is not None


def _messages_due(
    sender: SenderAccount, cursor: SyncCursor | None, at: datetime, strange_at: datetime | None = None
) -> str:
    """Say why an account's messages are to be polled now, ``""`` if they are not.

    ``strange_at`` is when its connection last called with something that could not be read.
    """
    provider = sender.connection.provider
    if not readers.can_read(provider):
        return ""
    told = freshness.is_told(provider)
    silence = timedelta(seconds=settings.SYNC_SILENT_SECONDS if told else settings.INBOUND_POLL_SECONDS)
    if cursor is not None:
        if cursor.next_try_at is not None and cursor.next_try_at > at:
            return ""
        if cursor.position or cursor.failures:
            return "continue"
        if strange_at is not None and _is_to_be_asked(cursor, at, strange_at):
            return "webhooks not understood"
        if cursor.last_success_at is not None and cursor.last_success_at > at - silence:
            return ""
    if not told or sender.status != SenderAccount.Status.OK:
        return "account not ok" if told else INTERVAL
    shared = readers.is_shared(provider)
    heard = sender.connection.last_webhook_at if shared else sender.last_webhook_at
    if heard is None or heard < at - silence:
        return "webhooks silent"
    # Calls about one campaign prove nothing of another's: a registration lost beside busy ones shows by reading only.
    return INTERVAL if shared else ""


def _is_to_be_asked(cursor: SyncCursor, at: datetime, strange_at: datetime) -> bool:
    """Whether a call that could not be read may have told of what no pass has read since."""
    told_since = cursor.read_until is None or cursor.read_until < strange_at
    pause = timedelta(seconds=settings.INBOUND_POLL_SECONDS)
    return told_since and (cursor.last_success_at is None or cursor.last_success_at <= at - pause)


def _relations_due(sender: SenderAccount, cursor: SyncCursor | None, at: datetime) -> bool:
    if sender.status != SenderAccount.Status.OK or not _syncs_relations(sender.connection.provider):
        return False
    return cursor is None or cursor.next_try_at is None or cursor.next_try_at <= at


def _ledger_due(sender: SenderAccount, cursor: SyncCursor | None, at: datetime) -> bool:
    """Whether yesterday (UTC) has not been counted yet. Late records have an hour to appear."""
    today = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if not can_list(sender.connection.provider) or at < today + COUNT_AFTER or sender.created_at >= today:
        return False
    if cursor is None:
        return True
    if cursor.next_try_at is not None and cursor.next_try_at > at:
        return False
    return cursor.read_until is None or cursor.read_until < today


def _chats_due(sender: SenderAccount, cursor: SyncCursor | None, at: datetime) -> bool:
    """Whether the night's look for ids of chats is due."""
    if not registry.can(sender.connection.provider, Capability.SYNCS_MESSAGES):
        return False
    if sender.status != SenderAccount.Status.OK or sender.created_at > at - CHATS_EVERY:
        return False
    if cursor is None or cursor.last_success_at is None:
        return cursor is None or cursor.next_try_at is None or cursor.next_try_at <= at
    return cursor.last_success_at <= at - CHATS_EVERY


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
