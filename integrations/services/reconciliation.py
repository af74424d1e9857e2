"""Reconciliation: compares a connection with ours, says what differs, and (``apply``) takes over what is there.

A report is the job: claimed with a lease, one at a time for each connection, put back into the queue after a bounded
number of requests, and going on at its place after a restart or once the provider can be asked again. What is compared
are parts that the rooms register: messages here, campaigns and leads above. A part compares page by page and keeps
nothing but its place; what is unchanged costs no write. A dry run writes nothing but the report.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import structlog
from django.db import IntegrityError, transaction
from django.db.models import F, Q

from integrations import metrics, streams
from integrations.backoff import SYNC_CAP, SYNC_FIRST, wait_after
from integrations.base import Adapter
from integrations.domain_events import ReconciliationFinished
from integrations.errors import ErrorKind, ProviderError
from integrations.models import Connection, ReconciliationReport
from integrations.services import connections
from integrations.services.adapters import StoredKnowledge, adapter_of
from project.core.claims import compare_and_set
from project.core.clock import now
from project.core.events import publish
from project.core.refusals import Invalid, Refused
from project.core.scoping import organization_scope, platform_scope
from project.core.tasks import enqueue
from project.tenancy import audit
from project.tenancy.models import Organization, User

log = structlog.get_logger(__name__)

State = ReconciliationReport.State
Mode = ReconciliationReport.Mode
ACTIVE: Final = (State.QUEUED, State.RUNNING)
LEASE: Final = timedelta(minutes=3)
FORGOTTEN_AFTER: Final = timedelta(seconds=30)
#: Requests of one turn; then others have theirs.
MAX_REQUESTS: Final = 60
#: Sentences of a kind that are kept, and seconds between two live events about progress.
SAMPLES: Final = 10
TELL_EVERY: Final = 0.5
#: How far back messages are compared unless somebody says otherwise.
LOOK_BACK: Final = timedelta(days=14)
#: How often a connection is reconciled by the schedule.
EVERY: Final = timedelta(days=1)
#: How soon after one that failed.
EVERY_FAILED: Final = timedelta(hours=1)
#: So often in a row it waits for a provider that cannot be asked (some two hours in all).
MAX_TRIES: Final = 8
OUTCOMES: Final = ("created", "updated", "unchanged", "missing", "not_ours", "errors")


class Outrun(Exception):
    """The lease ran out and another worker took the report over: stop without writing."""


@dataclass
class Work:
    """A claimed report and what it came to so far."""

    report: ReconciliationReport
    adapter: Adapter
    knowledge: StoredKnowledge
    part: str = ""
    #: Where the current part stands, in its own words.
    place: dict[str, Any] = field(default_factory=dict)
    requests: int = 0
    cancelled: bool = False
    _tells_at: float = 0.0

    @property
    def apply(self) -> bool:
        """Whether what differs is taken over."""
        return self.report.mode == Mode.APPLY

    @property
    def since(self) -> datetime:
        """From when on messages are compared."""
        return self.report.since or self.report.created_at - LOOK_BACK

    def held(self) -> Any:
        """The report, as long as it is still ours."""
        return ReconciliationReport.objects.filter(
            id=self.report.id, state=State.RUNNING, claims=self.report.claims
        )

    def may_ask(self) -> bool:
        """Count a request to the provider and say whether it may be made in this turn."""
        if self.requests >= MAX_REQUESTS or self.cancelled:
            return False
        self.requests += 1
        return True

    def found(self, outcome: str, number: int = 1, *, sample: str = "") -> None:
        """Count ``number`` records as one of ``OUTCOMES`` and keep a sentence about them."""
        counts = self.report.counts.setdefault(self.part, dict.fromkeys(OUTCOMES, 0))
        counts[outcome] += number
        kept = self.report.samples.setdefault(self.part, {}).setdefault(outcome, []) if sample else []
        if sample and len(kept) < SAMPLES:
            kept.append(sample[:300])

    def note(self, text: str) -> None:
        """Keep a sentence about what could not be compared."""
        if text and text not in self.report.notes and len(self.report.notes) < 2 * SAMPLES:
            self.report.notes.append(text[:300])

    def page_done(self, seen: int, place: dict[str, Any]) -> None:
        """Store progress after a page and hold on to the report. Raises ``Outrun``; sets ``cancelled``."""
        self.report.seen += seen
        self.place = place
        tells = time.monotonic() >= self._tells_at
        with transaction.atomic():
            if not compare_and_set(self.held(), claimed_until=now() + LEASE, **self._progress()):
                raise Outrun
            if tells:
                streams.reconciliation_changed(self.report.id)
                self._tells_at = time.monotonic() + TELL_EVERY
        self.cancelled = bool(self.held().values_list("cancel_requested", flat=True).first())

    def _progress(self) -> dict[str, Any]:
        return {
            "position": {"part": self.part, "at": self.place},
            "seen": self.report.seen,
            "requests": self.report.requests + self.requests,
            "counts": self.report.counts,
            "samples": self.report.samples,
            "notes": self.report.notes,
            "tries": 0,
        }


@dataclass(frozen=True, slots=True)
class Part:
    """Something that can be compared. ``offered`` says whether a provider has it; ``compare`` goes on where
    ``work.place`` stands and returns whether it is through.
    """

    name: str
    order: int
    offered: Callable[[str], bool]
    compare: Callable[[Work], bool]


_parts: dict[str, Part] = {}


def register_part(part: Part) -> None:
    """Register what can be compared. Registering a name again replaces it."""
    _parts[part.name] = part


def parts_of(provider: str) -> list[str]:
    """Return what can be compared with a provider, in order."""
    return [
        part.name for part in sorted(_parts.values(), key=lambda item: item.order) if part.offered(provider)
    ]


def request(
    *,
    connection: Connection,
    mode: str,
    trigger: str,
    parts: Sequence[str] = (),
    since: datetime | None = None,
    actor: User | None = None,
) -> ReconciliationReport | None:
    """Ask for a reconciliation; ``None`` if one of this connection is under way already.

    ``parts`` empty: all that the provider has. Raises ``Invalid`` for unknown ones and ``Refused`` where there is
    nothing to compare.
    """
    offered = parts_of(connection.provider)
    unknown = [name for name in parts if name not in offered]
    if unknown:
        raise Invalid(f"This provider has no {unknown[0]} to compare.", field="parts")
    if mode not in Mode.values:
        raise Invalid("Say dry_run or apply.", field="mode")
    if not offered:
        raise Refused("This provider lists nothing that could be compared.", code="NOT_LISTED")
    wanted = [name for name in offered if not parts or name in parts]
    try:
        with transaction.atomic():
            report: ReconciliationReport = ReconciliationReport.objects.create(
                connection=connection,
                mode=mode,
                trigger=trigger,
                parts=wanted,
                since=since,
                requested_by=actor,
                counts={name: dict.fromkeys(OUTCOMES, 0) for name in wanted},
            )
            if actor is not None:
                audit.record(actor=actor, action="reconciliation.requested", subject=connection, mode=mode)
            streams.reconciliation_changed(report.id)
            _hint(report.id, report.organization_id)
    except IntegrityError:
        return None
    return report


@transaction.atomic
def cancel(*, report: ReconciliationReport, actor: User) -> bool:
    """Stop a reconciliation: a waiting one at once, a running one after its page. ``False`` if it has ended."""
    rows = ReconciliationReport.objects.filter(id=report.id)
    changed = compare_and_set(
        rows.filter(state=State.QUEUED), state=State.CANCELLED, finished_at=now()
    ) or compare_and_set(rows.filter(state=State.RUNNING), cancel_requested=True)
    if changed:
        audit.record(actor=actor, action="reconciliation.cancelled", subject=report.connection)
        streams.reconciliation_changed(report.id)
    return changed


def run(report_id: UUID) -> str:
    """Do a turn of a reconciliation; return its state afterwards, ``""`` if somebody else does it."""
    report = _claim(report_id)
    if report is None:
        return ""
    try:
        work = Work(report, adapter_of(report.connection), StoredKnowledge(report.connection_id))
        through = _compare(work)
    except Outrun:
        return ""
    except ProviderError as error:
        if error.transient and (waits := _wait(report, error)):
            return waits
        return _ended(report, State.FAILED, error.message, error)
    except Exception as error:
        log.exception("reconciliation.broke", report=str(report_id))
        return _ended(report, State.FAILED, f"It broke here: {type(error).__name__}.")
    if work.cancelled:
        return _ended(report, State.CANCELLED)
    return _ended(report, State.DONE) if through else _go_on(work)


def _compare(work: Work) -> bool:
    """Go on with the parts, from the one that the report stands in; return whether all are through."""
    position = work.report.position
    names = list(work.report.parts)
    start = names.index(position["part"]) if position.get("part") in names else 0
    for name in names[start:]:
        work.part = name
        work.place = dict(position.get("at", {})) if name == position.get("part") else {}
        if work.place.get("part_through"):
            continue
        if not _parts[name].compare(work) or work.cancelled:
            return False
        work.held().update(position={"part": name, "at": {"part_through": True}})
    return True


def _claim(report_id: UUID) -> ReconciliationReport | None:
    at = now()
    rows = ReconciliationReport.objects.filter(id=report_id)
    due = Q(state=State.QUEUED) & (Q(next_try_at=None) | Q(next_try_at__lte=at))
    free = due | Q(state=State.RUNNING, claimed_until__lte=at)
    taken = {"state": State.RUNNING, "claimed_until": at + LEASE, "claims": F("claims") + 1}
    with transaction.atomic():
        if not compare_and_set(rows.filter(free), next_try_at=None, **taken):
            return None
        rows.filter(started_at=None).update(started_at=at)
        found: ReconciliationReport = rows.select_related("connection__client").get()
        streams.reconciliation_changed(found.id)
    return found


def _go_on(work: Work) -> str:
    with transaction.atomic():
        if not compare_and_set(work.held(), state=State.QUEUED, claimed_until=None):
            return ""
        _hint(work.report.id, work.report.organization_id)
    return str(State.QUEUED)


def _wait(report: ReconciliationReport, error: ProviderError) -> str:
    """Have a report that met a failure of the moment go on later where it stands; ``""`` once it waited often enough.

    ``forgotten`` hints at it when its time has come.
    """
    rows = ReconciliationReport.objects.filter(id=report.id, state=State.RUNNING, claims=report.claims)
    tries = (rows.values_list("tries", flat=True).first() or 0) + 1
    if tries > MAX_TRIES or rows.filter(cancel_requested=True).exists():
        return ""
    pause = max(wait_after(tries, first=SYNC_FIRST, cap=SYNC_CAP), error.retry_after or 0)
    later = {"tries": tries, "next_try_at": now() + timedelta(seconds=pause), "error": error.message[:2000]}
    with transaction.atomic():
        if not compare_and_set(rows, state=State.QUEUED, claimed_until=None, **later):
            return ""
        streams.reconciliation_changed(report.id)
    return str(State.QUEUED)


def _ended(
    report: ReconciliationReport, state: str, error: str = "", failure: ProviderError | None = None
) -> str:
    rows = ReconciliationReport.objects.filter(id=report.id, state=State.RUNNING, claims=report.claims)
    with transaction.atomic():
        if not compare_and_set(rows, state=state, finished_at=now(), claimed_until=None, error=error[:2000]):
            return ""
        if failure is not None and failure.kind is ErrorKind.AUTH:
            connections.mark(report.connection, status=Connection.Status.FAILING, error=failure.message)
        publish(ReconciliationFinished(report=report.refreshed()))
        streams.reconciliation_changed(report.id)
    metrics.SYNC_RUNS.labels("reconciliation", state).inc()
    return str(state)


# --- what is due --------------------------------------------------------------------------------------


def request_due(*, trigger: str = "schedule", every: timedelta = EVERY, mode: str = Mode.APPLY) -> int:
    """Ask for the reconciliations of the current organization that are due; return how many."""
    at = now()
    recent = ReconciliationReport.objects.filter(created_at__gt=at - every).exclude(state=State.CANCELLED)
    recent = recent.exclude(state=State.FAILED, finished_at__lte=at - EVERY_FAILED)
    busy = set(recent.values_list("connection_id", flat=True))
    made = 0
    for connection in Connection.objects.filter(status=Connection.Status.OK, created_at__lte=at - every):
        if connection.id in busy or not parts_of(connection.provider):
            continue
        made += request(connection=connection, mode=mode, trigger=trigger) is not None
    return made


def request_everywhere(*, mode: str = Mode.APPLY, trigger: str = "scheduled") -> dict[str, int]:
    """Ask for a reconciliation of every working connection of every active organization, whenever the last one was.

    Connections that are being reconciled are left. Returns how many ``organizations`` were looked at and how many
    reconciliations were ``requested``. Raises ``Invalid``.
    """
    if mode not in Mode.values:
        raise Invalid("Say dry_run or apply.", field="mode")
    with platform_scope("request reconciliations"):
        ids = list(Organization.objects.filter(is_active=True).values_list("id", flat=True))
    requested = 0
    for organization_id in ids:
        with organization_scope(organization_id):
            requested += request_due(trigger=trigger, every=timedelta(0), mode=mode)
    return {"organizations": len(ids), "requested": requested}


def forgotten() -> int:
    """Hint again at reports whose worker is gone or never came, and at those that waited for their provider; return how
    many. Runs over all organizations.
    """
    at = now()
    waits = Q(state=State.QUEUED, updated_at__lte=at - FORGOTTEN_AFTER)
    due = waits & (Q(next_try_at=None) | Q(next_try_at__lte=at))
    lost = Q(state=State.RUNNING, claimed_until__lte=at) | due
    with transaction.atomic():
        rows = list(ReconciliationReport.objects.filter(lost).values_list("id", "organization_id")[:200])
        for report_id, organization_id in rows:
            _hint(report_id, organization_id)
    return len(rows)


def _hint(report_id: UUID, organization_id: UUID) -> None:
    from integrations.tasks import run_reconciliation  # tasks call services

    enqueue(run_reconciliation, organization_id=organization_id, report_id=report_id)
