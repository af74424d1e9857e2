"""Gives stream events their numbers in commit order, and publishes them.

Business transactions insert events without a number and take no lock. After each commit
``number_and_publish`` runs; whoever gets the organization's counter row works for all others, who return at
once. A number is given in one transaction and published in the next, so a published number is always
committed, and a crash at any point leaves rows that the next call, or the sweep, picks up.

Two rules keep the hand-over free of lost wake-ups: the counter is tried with SKIP LOCKED *after* the own
commit, and whoever held it looks for more work *after* releasing it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog
from django.db import connection, models, transaction
from django.db.backends.utils import CursorWrapper

from project.core.realtime import broker, rendering
from project.core.realtime.models import StreamCounter, StreamEvent
from project.core.scoping import organization_scope, platform_scope

log = structlog.get_logger(__name__)

#: Events numbered, and published, per transaction.
BATCH = 500
#: With more than this waiting (Redis was away for long), clients are told to fetch their views again instead.
MAX_BACKLOG = 2_000

NUMBER_SQL = """
UPDATE core_streamevent AS event
SET number = %(last)s + pending.position
FROM (
    SELECT id, row_number() OVER (ORDER BY id) AS position
    FROM (
        SELECT id FROM core_streamevent
        WHERE organization_id = %(organization)s AND number IS NULL
        ORDER BY id LIMIT %(batch)s
    ) AS oldest
) AS pending
WHERE event.id = pending.id
"""

# Plain statements where every commit passes: the ORM would cost more than the database.
LOCK_SQL = """
SELECT last_number, published_number FROM core_streamcounter
WHERE organization_id = %s FOR UPDATE SKIP LOCKED
"""
MOVE_LAST_SQL = "UPDATE core_streamcounter SET last_number = %s WHERE organization_id = %s"
MOVE_PUBLISHED_SQL = "UPDATE core_streamcounter SET published_number = %s WHERE organization_id = %s"

WORK_SQL = """
SELECT
    EXISTS (SELECT FROM core_streamevent WHERE organization_id = %(organization)s AND number IS NULL),
    EXISTS (
        SELECT FROM core_streamcounter
        WHERE organization_id = %(organization)s AND published_number < last_number
    )
"""

#: Organizations whose counter exists, as far as this process has seen.
_counters: set[UUID] = set()


def number_and_publish(organization_id: UUID) -> None:
    """Number and publish everything committed so far for an organization.

    Returns at once when somebody else is doing it: they will find our events. Must not run inside a
    transaction. When Redis is away the events stay numbered but unpublished, for the sweep.
    """
    away = False
    with organization_scope(organization_id):
        while True:
            if not _number(organization_id):
                return
            try:
                if not away and not _publish(organization_id):
                    return
            except broker.BrokerAway as error:
                # Clients poll meanwhile, so numbering goes on.
                away = True
                log.warning("realtime.not_published", organization_id=str(organization_id), error=str(error))
            if not _has_work(organization_id, to_publish=not away):
                return


def _has_work(organization_id: UUID, *, to_publish: bool) -> bool:
    """Say whether events wait for a number, or, if ``to_publish``, numbered ones for publication."""
    with connection.cursor() as cursor:
        cursor.execute(WORK_SQL, {"organization": organization_id})
        unnumbered, unpublished = cursor.fetchone()
    return bool(unnumbered or (to_publish and unpublished))


@dataclass(slots=True)
class _Position:
    """How far an organization's stream has got, read under the lock."""

    last: int
    published: int


def _lock(cursor: CursorWrapper, organization_id: UUID) -> _Position | None:
    """Lock the counter and return what it says, or ``None`` when another sequencer holds it."""
    cursor.execute(LOCK_SQL, [organization_id])
    row = cursor.fetchone()
    if row is None and organization_id not in _counters:
        StreamCounter.objects.bulk_create(
            [StreamCounter(organization_id=organization_id)], ignore_conflicts=True
        )
        cursor.execute(LOCK_SQL, [organization_id])
        row = cursor.fetchone()
    _counters.add(organization_id)
    return _Position(*row) if row else None


def _number(organization_id: UUID) -> bool:
    """Number waiting events; say whether the counter was free."""
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        position = _lock(cursor, organization_id)
        if position is None:
            return False
        cursor.execute(NUMBER_SQL, {"last": position.last, "organization": organization_id, "batch": BATCH})
        if cursor.rowcount:
            cursor.execute(MOVE_LAST_SQL, [position.last + cursor.rowcount, organization_id])
    return True


def _publish(organization_id: UUID) -> bool:
    """Render and publish numbered events; say whether the counter was free. Raises ``BrokerAway``.

    The counter stays locked meanwhile, so batches leave in order and an older rendering never follows a newer
    one. A crash before the commit publishes the batch again; clients drop numbers that they have.
    """
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        position = _lock(cursor, organization_id)
        if position is None:
            return False
        if position.last == position.published:
            return True
        if position.last - position.published > MAX_BACKLOG or not broker.has_listeners(organization_id):
            # Nobody to render for. Whoever joins between the question and this word catches up by cursor.
            broker.publish_reset(organization_id, position.last)
            published = position.last
        else:
            rows = StreamEvent.objects.filter(
                organization_id=organization_id, number__gt=position.published, number__lte=position.last
            )
            events = list(rows.order_by("number")[:BATCH])
            if not events:
                return True
            published = position.published + len(events)
            frames = rendering.render(events)
            broker.publish_frames(organization_id, position.published + 1, published, frames)
        cursor.execute(MOVE_PUBLISHED_SQL, [published, organization_id])
    return True


def latest_number(organization_id: UUID) -> int:
    """Return the highest number of an organization's stream: the cursor of a page rendered from here on.

    Read it before the page's other queries; what is committed later has a higher number.
    """
    with organization_scope(organization_id):
        counter = StreamCounter.objects.filter(organization_id=organization_id).first()
    return counter.last_number if counter else 0


def published_numbers(organization_ids: Iterable[UUID]) -> dict[UUID, int]:
    """Return the highest published number of each organization (0 for one without events)."""
    wanted = list(organization_ids)
    with platform_scope("latest stream numbers of the organizations with open sockets"):
        found = dict(
            StreamCounter.objects.filter(organization_id__in=wanted).values_list(
                "organization_id", "published_number"
            )
        )
    return {organization_id: found.get(organization_id, 0) for organization_id in wanted}


def sweep() -> int:
    """Number and publish what crashes and Redis outages left behind; return how many organizations had some.

    For a platform task every few seconds.
    """
    with platform_scope("find stream events that were left behind"):
        waiting = set(
            StreamEvent.objects.filter(number=None)
            .order_by()
            .values_list("organization_id", flat=True)
            .distinct()
        )
        behind = StreamCounter.objects.filter(published_number__lt=models.F("last_number"))
        waiting |= set(behind.values_list("organization_id", flat=True))
    for organization_id in sorted(waiting):
        number_and_publish(organization_id)
    return len(waiting)


def trim(older_than: datetime) -> int:
    """Delete published events created before ``older_than``; return how many.

    Only a prefix of each stream goes, so one number per organization says what can no longer be caught up;
    whoever catches up reads that number after the events.
    """
    deleted = 0
    with platform_scope("trim old stream events"):
        counters = list(StreamCounter.objects.all())
    for counter in counters:
        with organization_scope(counter.organization_id):
            while batch := _trim_batch(counter, older_than):
                deleted += batch
        # A sequencer that met the counter locked by us has left its events to us.
        number_and_publish(counter.organization_id)
    return deleted


def _trim_batch(counter: StreamCounter, older_than: datetime) -> int:
    oldest = StreamEvent.objects.filter(
        organization_id=counter.organization_id, number__lte=counter.published_number
    ).order_by("number")[:BATCH]
    last: int | None = None
    for number, created_at in oldest.values_list("number", "created_at"):
        if created_at >= older_than:
            break
        last = number
    if last is None:
        return 0
    with transaction.atomic():
        StreamCounter.objects.filter(organization_id=counter.organization_id).update(trimmed_number=last)
        deleted, _ = StreamEvent.objects.filter(
            organization_id=counter.organization_id, number__lte=last
        ).delete()
    return deleted
