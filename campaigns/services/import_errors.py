"""Rows of a file that are left out: kept whole, in the order of the file's columns, for the file of errors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from campaigns.imports.mapping import RowDraft
from campaigns.models import LeadImport, LeadImportError, LeadImportRow
from project.core.db.bulk import insert_rows

#: What a cell of a spreadsheet may hold at most, and the columns that are kept.
CELL: Final = 32_767
COLUMNS: Final = 500
#: Rows that are read at once for the file.
_READ: Final = 2_000
_ADDRESSES: Final = ("linkedin", "email", "phone")


def report(lead_import: LeadImport, drafts: Sequence[RowDraft]) -> None:
    """Keep the rows of a chunk that have an error; one statement."""
    bad = [draft for draft in drafts if draft.error]
    _insert(
        lead_import,
        [
            (draft.number, draft.error, [cell[:CELL].replace("\x00", "") for cell in draft.values[:COLUMNS]])
            for draft in bad
        ],
    )


def report_stopped(lead_import: LeadImport, stopped: Sequence[LeadImportRow]) -> None:
    """Give back rows of people who came onto the suppression list since the preview."""
    _insert(
        lead_import,
        [(row.number, "on the suppression list", _written(lead_import, row)) for row in stopped],
    )


def _insert(lead_import: LeadImport, rows: list[tuple[int, str, list[str]]]) -> None:
    if rows:
        insert_rows(
            LeadImportError,
            [
                {
                    "lead_import_id": lead_import.id,
                    "row_number": number,
                    "reason": why[:300],
                    "values": values,
                }
                for number, why, values in rows
            ],
            ignore_conflicts=True,
        )


def _written(lead_import: LeadImport, row: LeadImportRow) -> list[str]:
    """The cells of a laid-down row under the headers that they came from; columns that were left out are blank."""
    cells = []
    for index, header in enumerate(lead_import.headers):
        name = lead_import.mapping.get(str(index), "skip")
        if name == "custom":
            cells.append(str(row.fields.get(header, "")))
        elif name == "full_name":
            cells.append(f"{row.first_name} {row.last_name}".strip())
        elif name in _ADDRESSES:
            cells.append(getattr(row, f"{name}_written"))
        else:
            cells.append("" if name == "skip" else str(getattr(row, name)))
    return cells


def rows_of(lead_import: LeadImport) -> Iterator[LeadImportError]:
    """All rows that were left out, in the order of the file, some at a time."""
    last = -1
    while True:
        rows = LeadImportError.objects.filter(lead_import=lead_import, row_number__gt=last)
        found = list(rows.order_by("row_number")[:_READ])
        yield from found
        if len(found) < _READ:
            return
        last = found[-1].row_number
