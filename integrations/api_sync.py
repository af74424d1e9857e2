"""Operations of the JSON API: synchronisation, back-fills, the zero-drop ledger, reconciliation."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any, Literal
from uuid import UUID

from ninja import Query, Router, Schema, Status
from pydantic import Field

from integrations import api_rows, sync_health, sync_selectors
from integrations.models import LedgerIncident, ReconciliationReport, SenderAccount, SyncRun
from integrations.services import healing, rates, reconciliation, sync
from project.core.api_pages import PageIn, PageOut, page_of
from project.core.refusals import Refused
from project.tenancy.access import Access, Permission, get_or_404
from project.tenancy.api_auth import ApiRequest, api_rule

router = Router(tags=["Synchronisation"])

NEWEST = ("-created_at", "-id")


class SyncIn(Schema):
    """What to read from the provider. ``history`` needs a window: from ``since`` on and before ``until``."""

    resource: Literal["messages", "relations", "history", "connections", "chats"] = "messages"
    since: datetime | None = None
    until: datetime | None = None


class SyncRunOut(Schema):
    """A synchronisation and its progress. ``result`` has what it came to besides the counters."""

    id: UUID
    sender_id: UUID
    resource: str
    trigger: str
    state: str
    started_at: datetime | None
    finished_at: datetime | None
    cancel_requested: bool
    seen: int
    created: int
    requests: int
    since: datetime | None
    until: datetime | None
    expected: int | None
    result: dict[str, Any]
    error: str
    created_at: datetime


class SyncHealthOut(Schema):
    """How fresh an account's records are; ``lag_seconds`` since it was last heard of.

    ``message_sync_status`` is about messages alone: ok, running, lagging, limited (the provider gives out less, see
    ``note``), failing or never; ``status`` about everything that is read.
    """

    sender_id: UUID
    status: str
    message_sync_status: str
    last_message_sync_at: datetime | None
    last_message_sync_error: str
    note: str
    lag_seconds: int | None
    last_success_at: datetime | None
    last_error: str
    last_error_at: datetime | None
    next_try_at: datetime | None
    run: SyncRunOut | None


class SyncPreviewOut(Schema):
    """What a back-fill would find. ``complete`` is false where there is more than was looked at."""

    listed: int
    missing: int
    complete: bool
    note: str


class DayIn(Schema):
    """A day (UTC)."""

    day: date


class WindowIn(Schema):
    """A window: from ``since`` on and before ``until``."""

    since: datetime
    until: datetime


class RaisedOut(Schema):
    """How many daily budgets were raised to what really left."""

    raised: int


class LedgerDayOut(Schema):
    """A day of an account: what the provider lists, how much of it is stored, and where all that is stored is."""

    sender_id: UUID
    day: date
    listed: int
    stored: int
    missing: int
    matched: int
    unmatched: int
    hidden: int
    extra: int
    checked_at: datetime


class IncidentOut(Schema):
    """Messages of a day that the provider has and we do not."""

    id: UUID
    sender_id: UUID
    day: date
    state: str
    missing: int
    samples: list[dict[str, str]]
    attempts: int
    opened_at: datetime
    healed_at: datetime | None


class ReconciliationIn(Schema):
    """What to compare; all that the provider has if no parts are named. ``since`` is about messages."""

    connection_id: UUID
    mode: Literal["dry_run", "apply"] = "dry_run"
    parts: list[Literal["campaigns", "leads", "messages"]] = Field(default_factory=list, max_length=3)
    since: datetime | None = None


class ReconciliationOut(Schema):
    """A reconciliation: by part what was created, updated, unchanged, missing there, not ours, or not comparable."""

    id: UUID
    connection_id: UUID
    mode: str
    state: str
    trigger: str
    parts: list[str]
    since: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    cancel_requested: bool
    #: When it goes on that waits for its provider; ``error`` says why.
    next_try_at: datetime | None
    seen: int
    requests: int
    counts: dict[str, dict[str, int]]
    samples: dict[str, dict[str, list[str]]]
    notes: list[str]
    error: str
    created_at: datetime


def _sender(access: Access, sender_id: UUID) -> SenderAccount:
    found: SenderAccount = get_or_404(api_rows.senders(access), sender_id)
    return found


def _busy(run: SyncRun | None) -> SyncRun:
    if run is None:
        raise Refused("A synchronisation of this account is under way.", code="SYNC_RUNNING")
    return run


@router.post("/senders/{sender_id}/sync", response={202: SyncRunOut})
@api_rule(Permission.OPS_ACT)
def start_sync(request: ApiRequest, sender_id: UUID, payload: SyncIn) -> Any:
    """Read an account's new messages or connections, a window of its history, all its connections, or ids of chats."""
    run = sync.request(
        sender=_sender(request.access, sender_id),
        resource=payload.resource,
        trigger="request",
        actor=request.access.user,
        since=_aware(payload.since) if payload.since else None,
        until=_aware(payload.until) if payload.until else None,
    )
    return Status(202, _busy(run))


@router.get("/senders/{sender_id}/sync-preview", response=SyncPreviewOut)
@api_rule(Permission.OPS_ACT)
def preview_sync(request: ApiRequest, sender_id: UUID, since: datetime, until: datetime) -> Any:
    """Count what the provider lists of a window and what of it is not here; nothing is recorded."""
    return healing.preview(
        sender=_sender(request.access, sender_id), since=_aware(since), until=_aware(until)
    )


def _aware(at: datetime) -> datetime:
    return at if at.tzinfo else at.replace(tzinfo=UTC)


@router.post("/senders/{sender_id}/ledger", response={202: SyncRunOut})
@api_rule(Permission.OPS_ACT)
def count_day(request: ApiRequest, sender_id: UUID, payload: DayIn) -> Any:
    """Count a day of an account at its provider."""
    sender = _sender(request.access, sender_id)
    run = healing.count(sender=sender, day=payload.day, trigger="request", actor=request.access.user)
    return Status(202, _busy(run))


@router.post("/senders/{sender_id}/usage-backfill", response=RaisedOut)
@api_rule(Permission.OPS_ACT)
def backfill_usage(request: ApiRequest, sender_id: UUID, payload: WindowIn) -> Any:
    """Raise the account's daily budgets to what is known to have left, past us included."""
    since, until = _aware(payload.since), _aware(payload.until)
    sync.check_window(since, until)
    raised = rates.backfill(sender=_sender(request.access, sender_id), since=since, until=until)
    return {"raised": raised}


@router.get("/sync-runs", response=PageOut[SyncRunOut])
@api_rule(Permission.OPS_VIEW)
def list_sync_runs(request: ApiRequest, page: Query[PageIn]) -> Any:
    """Synchronisations, newest first."""
    return page_of(api_rows.sync_runs(request.access), page, order=NEWEST)


@router.get("/sync-runs/{run_id}", response=SyncRunOut)
@api_rule(Permission.OPS_VIEW)
def get_sync_run(request: ApiRequest, run_id: UUID) -> Any:
    """One synchronisation and how far it is."""
    return get_or_404(api_rows.sync_runs(request.access), run_id)


@router.post("/sync-runs/{run_id}/cancel", response=SyncRunOut)
@api_rule(Permission.OPS_ACT)
def cancel_sync(request: ApiRequest, run_id: UUID) -> Any:
    """Stop a synchronisation: a waiting one at once, a running one after its page."""
    run: SyncRun = get_or_404(api_rows.sync_runs(request.access), run_id)
    sync.cancel(run=run, actor=request.access.user)
    return run.refreshed()


@router.get("/analytics/message-sync-health", response=list[SyncHealthOut])
@api_rule(Permission.OPS_VIEW)
def message_sync_health(request: ApiRequest, client_id: UUID | None = None) -> Any:
    """How fresh each account's records are."""
    return sync_health.health_of(list(api_rows.senders(request.access, client_id=client_id)[:1000]))


# --- The zero-drop ledger -----------------------------------------------------------------------------


@router.get("/sync-ledger", response=PageOut[LedgerDayOut])
@api_rule(Permission.OPS_VIEW)
def list_ledger(
    request: ApiRequest, page: Query[PageIn], sender_id: UUID | None = None, differing: bool = False
) -> Any:
    """The ledger, newest day first."""
    rows = sync_selectors.ledger_days(request.access, sender_id=sender_id, differing=differing)
    return page_of(rows, page, order=("-day", "-id"))


@router.get("/sync-incidents", response=PageOut[IncidentOut])
@api_rule(Permission.OPS_VIEW)
def list_incidents(request: ApiRequest, page: Query[PageIn], state: str = "") -> Any:
    """Days on which messages were missing here, newest first; ``state`` open or healed."""
    return page_of(sync_selectors.incidents(request.access, state=state), page, order=("-opened_at", "-id"))


@router.post("/sync-incidents/{incident_id}/heal", response={202: SyncRunOut})
@api_rule(Permission.OPS_ACT)
def heal_incident(request: ApiRequest, incident_id: UUID) -> Any:
    """Read the day of an open incident again, and count it after."""
    incident: LedgerIncident = get_or_404(sync_selectors.incidents(request.access), incident_id)
    if incident.state != LedgerIncident.State.OPEN:
        raise Refused("This incident is healed.", code="HEALED")
    return Status(202, _busy(healing.heal(incident=incident, actor=request.access.user)))


# --- Reconciliation -----------------------------------------------------------------------------------


@router.post("/reconciliations", response={202: ReconciliationOut}, tags=["Reconciliation"])
@api_rule(Permission.OPS_ACT)
def start_reconciliation(request: ApiRequest, payload: ReconciliationIn) -> Any:
    """Compare a connection with ours; ``apply`` takes over what differs."""
    connection = get_or_404(api_rows.connections(request.access), payload.connection_id)
    made = reconciliation.request(
        connection=connection,
        mode=payload.mode,
        trigger="request",
        parts=payload.parts,
        since=_aware(payload.since) if payload.since else None,
        actor=request.access.user,
    )
    if made is None:
        raise Refused("This connection is being reconciled already.", code="RECONCILIATION_RUNNING")
    return Status(202, made)


@router.get("/reconciliations", response=PageOut[ReconciliationOut], tags=["Reconciliation"])
@api_rule(Permission.OPS_VIEW)
def list_reconciliations(request: ApiRequest, page: Query[PageIn]) -> Any:
    """Reconciliations, newest first."""
    return page_of(sync_selectors.reports(request.access), page, order=NEWEST)


@router.get("/reconciliations/{report_id}", response=ReconciliationOut, tags=["Reconciliation"])
@api_rule(Permission.OPS_VIEW)
def get_reconciliation(request: ApiRequest, report_id: UUID) -> Any:
    """One reconciliation."""
    return get_or_404(sync_selectors.reports(request.access), report_id)


@router.post("/reconciliations/{report_id}/cancel", response=ReconciliationOut, tags=["Reconciliation"])
@api_rule(Permission.OPS_ACT)
def cancel_reconciliation(request: ApiRequest, report_id: UUID) -> Any:
    """Stop a reconciliation: a waiting one at once, a running one after its page."""
    report: ReconciliationReport = get_or_404(sync_selectors.reports(request.access), report_id)
    reconciliation.cancel(report=report, actor=request.access.user)
    return report.refreshed()
