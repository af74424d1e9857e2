"""Imports: upload, mapping, preview, run. Every step is a state of the row; the runs are resumable and cancellable."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from datetime import timedelta
from itertools import islice
from typing import Any, BinaryIO, cast
from uuid import UUID

import structlog
from django.core.files.uploadedfile import UploadedFile
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F, Q, QuerySet

from campaigns import streams
from campaigns.imports import mapping as columns
from campaigns.imports import sheets
from campaigns.imports.mapping import RowDraft
from campaigns.imports.reading import SAMPLE_BYTES, FileShape, RawRow, UnreadableFile, detect, rows
from campaigns.models import (
    LeadField,
    LeadImport,
    LeadImportError,
    LeadImportLead,
    OutreachPolicy,
)
from campaigns.services import addresses, import_errors, import_rows, lead_fields, leads
from campaigns.services.outreach import policy_of
from project.core.claims import compare_and_set
from project.core.clock import now
from project.core.db.bulk import insert_rows
from project.core.realtime import emit
from project.core.refusals import Invalid
from project.core.tasks import enqueue
from project.tenancy import audit
from project.tenancy.models import Client, User

log = structlog.get_logger(__name__)

MAX_BYTES = 100 * 1024 * 1024
CHUNK = 1000
#: Rows that a run takes in one transaction; the first time fewer, after which the server knows how much there is.
TAKEN_AT_ONCE = 5000
#: What the preview counted that stays so, whoever the run makes.
SETTLED = ("invalid", "duplicate", "suppressed", "risky", "paid")
SAMPLE_ROWS = 12
#: Characters of a cell that the preview keeps.
SAMPLE_CELL = 200
#: Questions to a paid service that one import may be allowed.
MOST_PAID = 10_000
#: Earlier imports that are looked at for a choice of columns.
REMEMBERED = 50
LEASE = timedelta(minutes=2)
#: From these states, and while no row is in, its columns may be chosen.
MAPPABLE = ("uploaded", "previewed", "failed", "cancelled")

#: How often an import breaks before it has failed, and the pause before it is begun again.
TRIES = 3
PAUSE = timedelta(seconds=30)


class _Lost(Exception):
    """Another worker has taken the import: what this one is about to write is its no more."""


class ImportRefused(Invalid):
    """The import cannot go on as asked; the message says why."""


@transaction.atomic
def upload(*, client: Client, actor: User, upload: UploadedFile[bytes]) -> LeadImport:
    """Keep an uploaded file and find out its shape. Raises ``ImportRefused`` for files that cannot be used."""
    if upload.size is None or upload.size > MAX_BYTES:
        raise ImportRefused(
            f"The file is larger than {MAX_BYTES // 1024 // 1024} MB. Split it and import the parts."
        )
    head = upload.read(SAMPLE_BYTES)
    upload.seek(0)
    try:
        shape = sheets.detect(cast(BinaryIO, upload.file)) if sheets.is_spreadsheet(head) else detect(head)
    except UnreadableFile as error:
        raise ImportRefused(str(error)) from error
    made = LeadImport(
        client=client,
        uploaded_by=actor,
        file_name=(upload.name or "leads.csv")[:200],
        encoding=shape.encoding,
        delimiter=shape.delimiter,
        headers=shape.headers,
        mapping=remembered_mapping(client.id, shape.headers) or columns.suggest(shape.headers),
    )
    made.organization_id = client.organization_id
    upload.seek(0)
    made.file.save("leads", upload, save=False)
    made.save()
    audit.record(
        actor=actor, action="import.uploaded", subject=made, client_id=client.id, file=made.file_name
    )
    return made


def remembered_mapping(client_id: UUID, headers: list[str]) -> dict[str, str]:
    """What somebody chose for a file of the client with the same columns, in whatever order; empty if nobody did."""
    earlier = LeadImport.objects.filter(client_id=client_id).exclude(state=LeadImport.State.UPLOADED)
    for known, mapping in earlier.order_by("-created_at").values_list("headers", "mapping")[:REMEMBERED]:
        if sorted(known) == sorted(headers):
            chosen = {header: mapping.get(str(index), "skip") for index, header in enumerate(known)}
            return {str(index): chosen[header] for index, header in enumerate(headers)}
    return {}


@transaction.atomic
def set_mapping(
    *,
    lead_import: LeadImport,
    mapping: dict[str, str],
    actor: User,
    paid_checks: int = 0,
    overwrites: bool = False,
) -> None:
    """Choose what each column means and start the preview; ``paid_checks`` addresses may be checked for money.

    With ``overwrites`` the custom values of the file win over those that people have. Each choice allows its own
    ``paid_checks``, however often the preview is begun.

    Raises ``ImportRefused``.
    """
    if not 0 <= paid_checks <= MOST_PAID:
        raise ImportRefused(f"At most {MOST_PAID:,} addresses of one file are checked for money.")
    try:
        columns.check(mapping, lead_import.headers)
    except columns.InvalidMapping as error:
        raise ImportRefused(str(error)) from error
    if not compare_and_set(
        LeadImport.objects.filter(id=lead_import.id, state__in=MAPPABLE, rows_done=0).exclude(file=""),
        mapping=mapping,
        state=LeadImport.State.PREVIEWING,
        error="",
        counts={},
        sample=[],
        claimed_until=None,
        cancel_requested=False,
        tries=0,
        paid_checks=paid_checks,
        paid_asked=0,
        overwrites=overwrites,
    ):
        if is_file_gone(LeadImport.objects.get(id=lead_import.id)):
            raise ImportRefused("The file of this import was deleted; upload it again.")
        raise ImportRefused("This import is running or done; its columns cannot be changed any more.")
    _changed(lead_import.id)
    _work(lead_import.id)


def is_mappable(lead_import: LeadImport) -> bool:
    """Whether the columns of an import can be chosen, as it stands."""
    return _is_open(lead_import) and bool(lead_import.file)


def is_file_gone(lead_import: LeadImport) -> bool:
    """Whether an import could be begun again if its file had not been deleted."""
    return _is_open(lead_import) and not lead_import.file


def _is_open(lead_import: LeadImport) -> bool:
    return lead_import.state in MAPPABLE and not lead_import.rows_done


@transaction.atomic
def confirm(*, lead_import: LeadImport, actor: User) -> None:
    """Start importing the good rows of a previewed file. Raises ``ImportRefused`` when it was not previewed."""
    found: dict[str, int] = LeadImport.objects.values_list("counts", flat=True).get(id=lead_import.id)
    if not compare_and_set(
        LeadImport.objects.filter(id=lead_import.id, state=LeadImport.State.PREVIEWED),
        state=LeadImport.State.RUNNING,
        claimed_until=None,
        rows_done=0,
        tries=0,
        counts={name: found[name] for name in SETTLED if name in found},
    ):
        raise ImportRefused("Look at the preview first; nothing was imported.")
    audit.record(actor=actor, action="import.confirmed", subject=lead_import)
    _changed(lead_import.id)
    _work(lead_import.id)


@transaction.atomic
def cancel(*, lead_import: LeadImport, actor: User) -> None:
    """Stop a preview or run after its current chunk; what was imported stays and is counted."""
    LeadImport.objects.filter(id=lead_import.id, state__in=("previewing", "running")).update(
        cancel_requested=True
    )
    audit.record(actor=actor, action="import.cancelled", subject=lead_import)


def _work(import_id: UUID) -> None:
    from campaigns.tasks import work_on_import

    enqueue(work_on_import, import_id=import_id)


def forgotten() -> list[LeadImport]:
    """Imports that should be worked on and that no worker holds (for the sweeper; platform scope)."""
    waiting = Q(claimed_until=None, updated_at__lt=now() - timedelta(seconds=20)) | Q(claimed_until__lt=now())
    return list(LeadImport.objects.filter(waiting, state__in=("previewing", "running"))[:50])


def work(*, import_id: UUID) -> None:
    """Preview or run an import, whichever its state asks for; returns at once when another worker has it.

    Raises whatever breaks, for the worker's log; after ``TRIES`` times in a row the import has failed instead.
    """
    free = Q(claimed_until=None) | Q(claimed_until__lt=now())
    if not compare_and_set(
        LeadImport.objects.filter(free, id=import_id, state__in=("previewing", "running")),
        claimed_until=now() + LEASE,
        claims=F("claims") + 1,
    ):
        return
    lead_import = LeadImport.objects.select_related("client").get(id=import_id)
    try:
        if lead_import.state == LeadImport.State.PREVIEWING:
            _preview(lead_import)
        else:
            _run(lead_import)
    except _Lost:
        log.warning("import.lost", import_id=str(import_id))
    except (UnreadableFile, FileNotFoundError) as error:
        detail = (
            str(error) if isinstance(error, UnreadableFile) else "The uploaded file is gone; upload it again."
        )
        _fail(lead_import, detail)
    except (OperationalError, InterfaceError):
        raise  # the database was away: the next one goes on once the lease is over
    except Exception as error:
        # As the row has it: what was got done since it was read has set it back.
        again = _own(lead_import).filter(tries__lt=TRIES - 1)
        if again.update(tries=F("tries") + 1, claimed_until=now() + PAUSE, updated_at=now()):
            raise
        log.exception("import.broke", import_id=str(import_id))
        _fail(lead_import, f"It broke {TRIES} times ({type(error).__name__}). The worker's log says more.")


def _own(lead_import: LeadImport) -> QuerySet[LeadImport]:
    """The import, as long as nobody else has taken it."""
    rows: QuerySet[LeadImport] = LeadImport.objects.filter(id=lead_import.id, claims=lead_import.claims)
    return rows


def _reader(source: BinaryIO, shape: FileShape) -> AbstractContextManager[Iterator[RawRow]]:
    if shape.encoding == sheets.XLSX:
        return sheets.rows_of(source, shape, skip=0)
    return nullcontext(rows(source, shape))


def _ahead(chunks: Iterator[list[RowDraft]]) -> Iterator[list[RowDraft]]:
    """Read one chunk while another is worked on: that is the database's work for the most part."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="import") as reader:
        waiting = reader.submit(next, chunks, None)
        while (chunk := waiting.result()) is not None:
            waiting = reader.submit(next, chunks, None)
            yield chunk


def _chunks(lead_import: LeadImport, fields: dict[str, LeadField]) -> Iterator[list[RowDraft]]:
    """The rows of a file, a chunk at a time; asks the database nothing."""
    shape = FileShape(lead_import.encoding, lead_import.delimiter, lead_import.headers)
    with lead_import.file.open("rb") as source, _reader(source.file, shape) as stream:
        while chunk := list(islice(stream, CHUNK)):
            drafts = [columns.draft(row, lead_import.mapping, lead_import.headers) for row in chunk]
            lead_fields.check_drafts(drafts, fields)
            yield drafts


def classify(*, client_id: UUID, drafts: list[RowDraft], seen: set[tuple[str, str]]) -> list[str]:
    """Say of each draft what it is: create, update, duplicate (in the file), suppressed or invalid.

    ``seen`` collects the identities of the file so far. Suppressed people are never imported.
    """
    keys = [key for draft in drafts if not draft.error for key in draft.keys]
    known = leads.existing_leads(client_id=client_id, keys=keys)
    suppressed = leads.suppressed_keys(client_id=client_id, keys=keys)
    verdicts = []
    for draft in drafts:
        if draft.error:
            verdicts.append("invalid")
            continue
        if any(key in suppressed for key in draft.keys):
            draft.error = "on the suppression list"
            verdicts.append("suppressed")
        elif any(key in seen for key in draft.keys):
            draft.error = "the same person stands earlier in the file"
            verdicts.append("duplicate")
        else:
            verdicts.append("update" if any(key in known for key in draft.keys) else "create")
        seen.update(draft.keys)
    return verdicts


def check_addresses(
    lead_import: LeadImport, drafts: list[RowDraft], verdicts: list[str], paid: addresses.Paid
) -> int:
    """Check the e-mail addresses of rows that would be imported, as the client's rule says; return the risky ones.

    With the rule "block", rows whose address cannot take mail are left out with the reason; with "warn" they come in
    and are counted. Runs in the background, whole chunks at once; what was learnt is remembered.
    """
    policy = policy_of(lead_import.client_id)
    if policy.address_policy == OutreachPolicy.AddressPolicy.OFF:
        return 0
    rows_with = [
        (at, draft, draft.addresses["email"][1])
        for at, (draft, verdict) in enumerate(zip(drafts, verdicts, strict=True))
        if verdict in {"create", "update"} and "email" in draft.addresses
    ]
    if not rows_with:
        return 0
    known = addresses.check_many(
        [address for _, _, address in rows_with], client_id=lead_import.client_id, paid=paid
    )
    risky = 0
    for at, draft, address in rows_with:
        verdict = known.get(address)
        if verdict is None or verdict.verdict == "valid":
            continue
        if verdict.verdict == "invalid" and policy.address_policy == OutreachPolicy.AddressPolicy.BLOCK:
            draft.error = f"{address}: {addresses.why(verdict)}"
            verdicts[at] = "invalid"
        else:
            risky += 1
    return risky


def _preview(lead_import: LeadImport) -> None:
    counts: Counter[str] = Counter()
    sample: list[dict[str, Any]] = []
    seen: set[tuple[str, str]] = set()
    LeadImportError.objects.filter(lead_import=lead_import).delete()
    import_rows.clear(lead_import)
    total = 0
    paid = _paid(lead_import)
    for drafts in _ahead(_chunks(lead_import, lead_fields.fields_of(lead_import.client_id))):
        verdicts = classify(client_id=lead_import.client_id, drafts=drafts, seen=seen)
        risky = check_addresses(lead_import, drafts, verdicts, paid)
        counts.update(verdicts)
        counts.update(_gaps(lead_import, drafts, verdicts))
        if risky:
            counts["risky"] += risky
        if paid.asked:
            counts["paid"] = paid.asked
        total += len(drafts)
        if len(sample) < SAMPLE_ROWS:
            sample += _sample(lead_import, drafts[: SAMPLE_ROWS - len(sample)], verdicts)
        with transaction.atomic():
            import_errors.report(lead_import, drafts)
            import_rows.lay_down(lead_import, _good(drafts, verdicts))
            going_on = _progress(lead_import, rows_total=total, counts=dict(counts), sample=sample)
        if not going_on:
            _finish(lead_import, LeadImport.State.CANCELLED)
            return
    if total == 0:
        raise UnreadableFile("The file has column names and no rows.")
    _finish(lead_import, LeadImport.State.PREVIEWED, rows_total=total, counts=dict(counts), sample=sample)


def _sample(lead_import: LeadImport, drafts: list[RowDraft], verdicts: list[str]) -> list[dict[str, Any]]:
    """Rows as they would be imported, with what each changes of somebody who is known."""
    known = [draft for draft, verdict in zip(drafts, verdicts, strict=False) if verdict == "update"]
    changes = leads.changes_by(
        client_id=lead_import.client_id, drafts=known, overwrite=lead_import.overwrites
    )
    return [
        {
            **asdict(draft),
            "values": [cell[:SAMPLE_CELL] for cell in draft.values],
            "fields": {},
            "verdict": verdict,
            "changes": [[text[:SAMPLE_CELL] for text in change] for change in changes.get(draft.number, [])],
        }
        for draft, verdict in zip(drafts, verdicts, strict=False)
    ]


def _paid(lead_import: LeadImport) -> addresses.Paid:
    """What a paid service may still be asked. Each question is counted on the row before it is asked, whoever dies of
    it, and renews the lease.
    """

    def asking() -> None:
        if not _own(lead_import).update(paid_asked=F("paid_asked") + 1, claimed_until=now() + LEASE):
            raise _Lost

    asked = lead_import.paid_asked
    return addresses.Paid(left=max(lead_import.paid_checks - asked, 0), asked=asked, asking=asking)


def _gaps(lead_import: LeadImport, drafts: list[RowDraft], verdicts: list[str]) -> Counter[str]:
    """Count, for rows that would be imported, the variables that they leave blank: ``gap:lead.first_name``."""
    return Counter(
        f"gap:{name}"
        for draft, verdict in zip(drafts, verdicts, strict=True)
        if verdict in {"create", "update"}
        for name in columns.gaps(draft, lead_import.mapping, lead_import.headers)
    )


def _good(drafts: list[RowDraft], verdicts: list[str]) -> list[RowDraft]:
    return [draft for draft, verdict in zip(drafts, verdicts, strict=True) if verdict in {"create", "update"}]


def _run(lead_import: LeadImport) -> None:
    counts: Counter[str] = Counter(lead_import.counts)
    done = lead_import.rows_done
    if not done:
        # What the preview left out is done with the beginning.
        done = lead_import.rows_total - import_rows.left(lead_import)
    made = 0
    while True:
        with transaction.atomic():
            taken = import_rows.take(lead_import, TAKEN_AT_ONCE if made else CHUNK)
            if taken is None:
                break
            _link(lead_import, taken.upserted)
            import_errors.report_stopped(lead_import, taken.stopped)
            counts.update(create=taken.created, update=len(taken.upserted.updated))
            if taken.stopped:
                counts["suppressed"] += len(taken.stopped)
            done += taken.rows
            made += taken.created
            going_on = _progress(lead_import, rows_done=done, counts=dict(counts), tries=0)
        import_rows.count_people(made)
        if not going_on:
            _finish(lead_import, LeadImport.State.CANCELLED)
            return
    _finish(lead_import, LeadImport.State.DONE, rows_done=done, counts=dict(counts))


def _link(lead_import: LeadImport, upserted: leads.Upserted) -> None:
    """Keep what was filled in for whom, so that it can be taken back."""
    insert_rows(
        LeadImportLead,
        [
            {
                "lead_import_id": lead_import.id,
                "lead_id": lead_id,
                "created_lead": False,
                "filled": upserted.filled.get(lead_id, {}),
            }
            for lead_id in upserted.updated
        ],
        ignore_conflicts=True,
    )


def _progress(lead_import: LeadImport, **values: Any) -> bool:
    """Write progress and renew the lease; say whether to go on. Raises ``_Lost``, so that nothing else is written."""
    with transaction.atomic():
        if not _own(lead_import).update(claimed_until=now() + LEASE, updated_at=now(), **values):
            raise _Lost
        _changed(lead_import.id)
    return not LeadImport.objects.filter(id=lead_import.id, cancel_requested=True).exists()


def _fail(lead_import: LeadImport, why: str) -> None:
    """End an import that cannot go on, with what it counted and what was paid for until then."""
    counts, asked = LeadImport.objects.values_list("counts", "paid_asked").get(id=lead_import.id)
    paid = {"paid": asked} if asked else {}
    _finish(lead_import, LeadImport.State.FAILED, error=why, counts=counts | paid)


def _finish(lead_import: LeadImport, state: str, **values: Any) -> None:
    with transaction.atomic():
        if not _own(lead_import).update(
            state=state, claimed_until=None, finished_at=now(), updated_at=now(), **values
        ):
            return
        if state != LeadImport.State.PREVIEWED:
            import_rows.clear(lead_import)
        _changed(lead_import.id)
    log.info("import.finished", import_id=str(lead_import.id), state=state, counts=values.get("counts", {}))


def _changed(import_id: UUID) -> None:
    emit(stream=streams.lead_import(import_id), kind="import.changed", subject=("import", import_id), data={})
