"""Replays: stored deliveries applied once more, one, many or by filter, as a row with progress that can be cancelled.

A run goes through its deliveries in the order in which they came in. It is claimed with a lease, ``claims`` is the
fence, and its place is stored after each delivery, so that a worker that dies loses nothing and the next one goes on
there. A delivery is applied through the same door as a live one (``services.webhooks``), so that a fact is applied
once however often it is replayed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import F, Q, QuerySet

from integrations import streams
from integrations.domain_events import BulkWorkFinished
from integrations.models import ReplayRun, WebhookDelivery
from integrations.services import webhooks
from integrations.webhook_filters import Filter, replayable
from project.core.claims import compare_and_set
from project.core.clock import now
from project.core.events import publish
from project.core.pagination import after_position
from project.core.refusals import Refused
from project.core.scoping import organization_scope, platform_scope
from project.core.tasks import enqueue
from project.tenancy import audit
from project.tenancy.models import Organization, User

log = structlog.get_logger(__name__)

#: Longer than a delivery's lease: whoever takes a run over finds the delivery free that its worker died over.
LEASE: Final = timedelta(minutes=3)
FORGOTTEN_AFTER: Final = timedelta(seconds=30)
BATCH: Final = 100
#: Seconds between two live events about progress.
TELL_EVERY: Final = 0.5
State = ReplayRun.State
_OPEN: Final = (State.QUEUED, State.RUNNING)
ORDER: Final = ("received_at", "id")


class Outrun(Exception):
    """The lease ran out and another worker took the run over: stop without writing."""


def request(
    *, criteria: Filter, actor: User | None, client_ids: Iterable[UUID] | None = None, start: bool = True
) -> ReplayRun:
    """Ask for a replay of what ``criteria`` takes now, among the connections of ``client_ids`` if given.

    ``start`` hands it to the workers. Raises ``Refused`` if there is nothing to replay.
    """
    reach = None if client_ids is None else sorted(str(one) for one in client_ids)
    run = ReplayRun(requested_by=actor, criteria=criteria.as_json(), client_ids=reach, until=now())
    run.total = _fresh(run).count()
    if not run.total:
        raise Refused("None of these deliveries can be replayed.", code="NOTHING_TO_REPLAY")
    with transaction.atomic():
        run.save(force_insert=True)
        audit.record(
            actor=actor, action="webhooks.replayed", subject=run, criteria=run.criteria, deliveries=run.total
        )
        streams.replay_changed(run.id)
        if start:
            _hint(run.id, run.organization_id)
    return run


def request_everywhere(
    *,
    criteria: Filter,
    actor: User | None,
    organization_ids: Iterable[UUID] | None = None,
    start: bool = True,
) -> list[ReplayRun]:
    """Ask for a replay in each organization (or those given) that has something to replay; for platform staff."""
    organizations = Organization.objects.order_by("slug")
    if organization_ids is not None:
        organizations = organizations.filter(id__in=list(organization_ids))
    made = []
    for organization_id in list(organizations.values_list("id", flat=True)):
        with organization_scope(organization_id):
            try:
                made.append(request(criteria=criteria, actor=actor, start=start))
            except Refused:
                continue
    return made


@transaction.atomic
def cancel(*, run: ReplayRun, actor: User | None) -> bool:
    """Stop a run: a waiting one at once, a running one after its delivery. ``False`` if it has ended."""
    rows = ReplayRun.objects.filter(id=run.id)
    changed = compare_and_set(rows.filter(state=State.QUEUED), state=State.CANCELLED, finished_at=now())
    if not changed:
        changed = compare_and_set(rows.filter(state=State.RUNNING), cancel_requested=True)
    if changed:
        audit.record(actor=actor, action="webhooks.replay_cancelled", subject=run)
        streams.replay_changed(run.id)
    return changed


def run(run_id: UUID, *, told: Callable[[ReplayRun], None] | None = None) -> str:
    """Do a run that is due; return its state afterwards, ``""`` if somebody else does it.

    ``told`` is called with the run after each delivery.
    """
    claimed = _claim(run_id)
    if claimed is None:
        return ""
    try:
        return _go_through(claimed, told)
    except Outrun:
        return ""
    except Exception as error:
        log.exception("replay.broke", run=str(run_id))
        return _end(claimed, State.FAILED, f"It broke here: {type(error).__name__}.")


def _claim(run_id: UUID) -> ReplayRun | None:
    at = now()
    rows = ReplayRun.objects.filter(id=run_id)
    free = Q(state=State.QUEUED) | Q(state=State.RUNNING, claimed_until__lte=at)
    with transaction.atomic():
        if not compare_and_set(
            rows.filter(free), state=State.RUNNING, claimed_until=at + LEASE, claims=F("claims") + 1
        ):
            return None
        rows.filter(started_at=None).update(started_at=at)
        streams.replay_changed(run_id)
        found: ReplayRun = rows.get()
    return found


def _go_through(claimed: ReplayRun, told: Callable[[ReplayRun], None] | None) -> str:
    said = time.monotonic()
    while batch := list(_left(claimed)[:BATCH]):
        for delivery in batch:
            state = _replay(claimed, delivery)
            speaks = time.monotonic() - said >= TELL_EVERY
            said = time.monotonic() if speaks else said
            cancelled = _step(claimed, delivery, state, speaks=speaks)
            if told is not None:
                told(claimed)
            if cancelled:
                return _end(claimed, State.CANCELLED)
    return _end(claimed, State.DONE)


def _fresh(claimed: ReplayRun) -> QuerySet[WebhookDelivery]:
    """The deliveries of a run as its filter finds them now."""
    reach = None if claimed.client_ids is None else [UUID(one) for one in claimed.client_ids]
    rows = Filter.parse(claimed.criteria).rows(reach).filter(received_at__lte=claimed.until)
    return replayable(rows)


def _left(claimed: ReplayRun) -> QuerySet[WebhookDelivery]:
    """What is still to be done. The one that a worker died over has changed its state, and belongs to it as well."""
    rows = _fresh(claimed)
    if claimed.claims > 1:
        begun = Q(last_replay_id=claimed.id, received_at__lte=claimed.until)
        rows = WebhookDelivery.objects.filter(begun | Q(id__in=rows.values("id")))
    if claimed.position_received_at is not None:
        rows = rows.filter(after_position(ORDER, [claimed.position_received_at, claimed.position_id]))
    return rows.order_by(*ORDER).only("id", "received_at", "state", "last_replay_id")


def _replay(claimed: ReplayRun, delivery: WebhookDelivery) -> webhooks.Worked | None:
    """Apply one delivery; ``None`` if it cannot be replayed. What this run did already is not done again."""
    if delivery.last_replay_id == claimed.id and delivery.state != WebhookDelivery.State.PROCESSING:
        return webhooks.Worked(delivery.state)
    held = webhooks.reclaim(delivery.id, delivery.received_at, replay_id=claimed.id)
    return webhooks.work(held) if held is not None else None


def _step(
    claimed: ReplayRun, delivery: WebhookDelivery, worked: webhooks.Worked | None, *, speaks: bool
) -> bool:
    """Store that a delivery is done and hold on to the run; say whether it is to stop. Raises ``Outrun``."""
    bad = {WebhookDelivery.State.FAILED, WebhookDelivery.State.DEAD}
    claimed.done += 1
    claimed.changed += worked is not None and worked.changed
    claimed.failed += worked is not None and worked.state in bad
    claimed.skipped += worked is None
    claimed.position_received_at, claimed.position_id = delivery.received_at, delivery.id
    names = ("done", "changed", "failed", "skipped", "position_received_at", "position_id")
    values: dict[str, Any] = {name: getattr(claimed, name) for name in names}
    with transaction.atomic():
        if not compare_and_set(_held(claimed), claimed_until=now() + LEASE, **values):
            raise Outrun
        if speaks:
            streams.replay_changed(claimed.id)
    return bool(_held(claimed).values_list("cancel_requested", flat=True).first())


def _held(claimed: ReplayRun) -> QuerySet[ReplayRun]:
    found: QuerySet[ReplayRun] = ReplayRun.objects.filter(
        id=claimed.id, state=State.RUNNING, claims=claimed.claims
    )
    return found


def _end(claimed: ReplayRun, state: str, error: str = "") -> str:
    with transaction.atomic():
        ended = compare_and_set(
            _held(claimed), state=state, finished_at=now(), claimed_until=None, error=error[:2000]
        )
        if ended:
            streams.replay_changed(claimed.id)
            publish(BulkWorkFinished(kind="replay"))
    claimed.state = state
    return str(state) if ended else ""


def forgotten() -> int:
    """Hint again at runs whose worker is gone or never came; return how many. Runs over all organizations."""
    at = now()
    lost = Q(state=State.RUNNING, claimed_until__lte=at) | Q(
        state=State.QUEUED, created_at__lte=at - FORGOTTEN_AFTER
    )
    with transaction.atomic(), platform_scope("find forgotten replays"):
        rows = list(ReplayRun.objects.filter(lost).values_list("id", "organization_id")[:200])
        for run_id, organization_id in rows:
            _hint(run_id, organization_id)
    return len(rows)


def _hint(run_id: UUID, organization_id: UUID) -> None:
    from integrations.tasks import run_replay  # tasks call services

    enqueue(run_replay, organization_id=organization_id, run_id=run_id)
