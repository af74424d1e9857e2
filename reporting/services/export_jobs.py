"""Large exports: asked for, written part by part in the background, fetched for a week, and removed."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final
from urllib.parse import parse_qsl
from uuid import UUID

import structlog
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F, Q, QuerySet, Subquery

from project.core.claims import compare_and_set
from project.core.clock import now
from project.core.counting import capped_counts
from project.core.csv_safety import csv_line
from project.core.refusals import Invalid, Refused
from project.core.scoping import organization_scope
from project.core.tasks import enqueue
from project.tenancy import audit
from project.tenancy.access import Access, Permission, access_for
from project.tenancy.models import Membership
from reporting import streams
from reporting.export_kinds import KINDS, ExportKind, OutOfReach, filters_of
from reporting.models import ExportJob, ExportPart
from reporting.selectors_rows import RowFilters

log = structlog.get_logger(__name__)

State = ExportJob.State
#: How long a file can be fetched.
KEPT: Final = timedelta(days=7)
LEASE: Final = timedelta(seconds=60)
#: Pages (``export_kinds.PAGE``) that become one part of the file, and are committed together.
PAGES: Final = 5
#: Files of one person that are being written at once.
MOST: Final = 5
#: Up to so many rows a file says how many it will have; of a longer one only how many it has so far.
COUNTED: Final = 200_000
#: How often a part is begun before the file is given up. During an outage of the database nobody can begin.
TRIES: Final = 5
_UNFINISHED: Final = (State.WAITING, State.RUNNING)


class ExportGone(Refused):
    """The file was removed, or is not there yet."""

    status = 410
    default_code = "EXPORT_GONE"


def jobs(access: Access) -> QuerySet[ExportJob]:
    """One's own files of clients within reach, newest first.

    A file over all clients within reach may hold more than whoever was limited since may see: it counts from then on.
    """
    rows: QuerySet[ExportJob] = ExportJob.objects.filter(owner=access.user)
    if access.client_ids is not None:
        changed = Membership.objects.filter(user=access.user).values("updated_at")[:1]
        rows = rows.filter(Q(client=None, created_at__gte=Subquery(changed)) | access.client_filter())
    return rows.select_related("client").order_by("-created_at", "-id")


@transaction.atomic
def start(*, access: Access, kind: str, query: dict[str, str]) -> ExportJob:
    """Have a file written. Raises ``Invalid``, also where the filters name what is not within reach."""
    if kind not in KINDS:
        raise Invalid(f"A file is one of {', '.join(KINDS)}.", field="kind")
    try:
        filters = filters_of(query, access)
    except OutOfReach as error:
        raise Invalid(str(error), field="query") from error
    if ExportJob.objects.filter(owner=access.user, state__in=_UNFINISHED).count() >= MOST:
        raise Invalid(f"{MOST} files of yours are being written; wait for one of them.", field="kind")
    job: ExportJob = ExportJob.objects.create(
        owner=access.user, client=filters.client, kind=kind, query=filters.query[:1000],
        expires_at=now() + KEPT,
    )  # fmt: skip
    audit.record(
        actor=access.user, action="report.exported", subject=job, client_id=job.client_id,
        what=f"{kind}.csv", query=job.query[:500],
    )  # fmt: skip
    _work(job.id)
    return job


def _work(job_id: UUID) -> None:
    from reporting.tasks import write_export  # tasks call services

    enqueue(write_export, job_id=job_id)


@transaction.atomic
def remove(*, access: Access, job: ExportJob) -> None:
    """Remove a file before its time; what writes it stops."""
    audit.record(actor=access.user, action="report.export_removed", subject=job, client_id=job.client_id)
    job.delete()


@transaction.atomic
def forget(*, client_id: UUID) -> None:
    """Remove the files in which people of a client may stand, because one of them was erased."""
    found = list(
        ExportJob.objects.filter(Q(client=None) | Q(client_id=client_id)).values_list("id", flat=True)
    )
    ExportJob.objects.filter(id__in=found).delete()
    for job_id in found:
        streams.export_changed(job_id)


def write(*, job_id: UUID) -> None:
    """Write a file on from where it stands; returns at once when another worker has it.

    Raises whatever breaks, for the worker's log; after ``TRIES`` times at one place the file has failed instead.
    """
    free = Q(claimed_until=None) | Q(claimed_until__lt=now())
    if not compare_and_set(
        ExportJob.objects.filter(free, id=job_id, state__in=_UNFINISHED),
        claimed_until=now() + LEASE, state=State.RUNNING, tries=F("tries") + 1, updated_at=now(),
    ):  # fmt: skip
        return
    job: ExportJob = ExportJob.objects.select_related("owner", "organization").get(id=job_id)
    if job.tries > TRIES:
        _fail(
            job,
            f"Whatever writes it ended {TRIES} times at the same place. Ask for it again, or for less of it.",
        )
        return
    access = access_for(job.owner, job.organization)
    try:
        if access is None or not access.can(Permission.REPORTS_VIEW):
            raise OutOfReach("Whoever asked for it may not see reports any more.")
        filters = filters_of(dict(parse_qsl(job.query)), access)
        _write(job, KINDS[job.kind], access, filters)
    except OutOfReach as error:
        _fail(job, str(error))
    except (OperationalError, InterfaceError):
        raise  # the next one goes on once the lease is over
    except Exception as error:
        if job.tries < TRIES:
            raise
        log.exception("export.broke", job=str(job_id))
        _fail(
            job,
            f"It broke {TRIES} times at the same place ({type(error).__name__}). The log of the worker says more.",
        )


def _fail(job: ExportJob, why: str) -> None:
    _progress(job, state=State.FAILED, error=why, finished_at=now(), claimed_until=None)


def _write(job: ExportJob, kind: ExportKind, access: Access, filters: RowFilters) -> None:
    if job.rows_total is None:
        _progress(job, rows_total=_counted(kind.rows(access, filters)))
    goes_on = True
    while goes_on:
        lines, count, cursor = [], 0, job.cursor or None
        if job.rows_done == 0:
            lines.append(csv_line(kind.head, head=True))
        for _ in range(PAGES):
            found, cursor = kind.page(access, filters, cursor)
            lines += [csv_line(row) for row in found]
            count += len(found)
            if cursor is None:
                break
        goes_on = _add(job, "".join(lines), count, cursor) and cursor is not None


def _counted(rows: QuerySet[Any]) -> int | None:
    """How many rows the file will have; ``None`` where counting them all would outlast the lease."""
    count = capped_counts({"rows": rows}, cap=COUNTED)["rows"]
    return count if count <= COUNTED else None


@transaction.atomic
def _add(job: ExportJob, text: str, count: int, cursor: str | None) -> bool:
    """Add a part and say how far it is, or nothing if somebody else went on meanwhile; says whether it was added."""
    data = text.encode()
    done = {"state": State.DONE, "finished_at": now(), "claimed_until": None} if cursor is None else {}
    values = {
        "cursor": cursor or "", "rows_done": job.rows_done + count, "size": job.size + len(data),
        "claimed_until": now() + LEASE, "tries": 0, **done,
    }  # fmt: skip
    if not _progress(job, **values):
        return False
    last = job.parts.order_by("-number").values_list("number", flat=True).first()
    ExportPart.objects.create(job=job, number=0 if last is None else last + 1, data=gzip.compress(data))
    return True


@transaction.atomic
def _progress(job: ExportJob, **values: object) -> bool:
    mine = ExportJob.objects.filter(id=job.id, state=State.RUNNING, rows_done=job.rows_done)
    if not compare_and_set(mine, updated_at=now(), **values):
        return False
    for name, value in values.items():
        setattr(job, name, value)
    streams.export_changed(job.id)
    return True


def forgotten() -> list[tuple[UUID, UUID]]:
    """(organization, job) that nobody works on although somebody should. Runs over all organizations."""
    waiting = Q(claimed_until=None, updated_at__lt=now() - timedelta(seconds=20)) | Q(claimed_until__lt=now())
    rows = ExportJob.objects.filter(waiting, state__in=_UNFINISHED).values_list("organization_id", "id")
    return list(rows[:50])


@transaction.atomic
def trim() -> int:
    """Remove files whose time is over. Runs over all organizations."""
    old = list(ExportJob.objects.filter(expires_at__lt=now()).values_list("id", flat=True)[:100])
    ExportPart.objects.filter(job__in=old).delete()
    return int(ExportJob.objects.filter(id__in=old).delete()[0])


def content(job: ExportJob) -> Iterator[bytes]:
    """The bytes of a finished file, part by part. Raises ``ExportGone`` at once."""
    if job.state != State.DONE or job.expires_at <= now():
        raise ExportGone("This file is not there: it is still being written, or its time is over.")
    return _parts(job)


def _parts(job: ExportJob) -> Iterator[bytes]:
    number = 0
    while True:
        # A response is streamed after the request's scope has ended.
        with organization_scope(job.organization_id):
            part = ExportPart.objects.filter(job=job, number=number).first()
        if part is None:
            return
        yield gzip.decompress(bytes(part.data))
        number += 1
