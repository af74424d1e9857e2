"""Rows behind numbers as CSV, and the tables of a report as CSV or XLSX: streamed, and safe to open."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any, Final

from openpyxl import Workbook

from project.core.csv_safety import safe_cell
from project.core.scoping import organization_scope
from project.tenancy.access import Access
from reporting import selectors_rows
from reporting.selectors_rows import RowFilters

PAGE: Final = 200
HEAD: Final = (
    "occurred_at", "local_time", "kind", "person", "company", "campaign", "sender", "channel", "step", "variant",
    "domain", "seconds", "lead_id", "campaign_id",
)  # fmt: skip
_FIGURES: Final = (
    "sent", "contacted", "emailed", "delivered", "opened", "bounced", "complained", "unsubscribed", "replied",
    "positive", "meeting",
)  # fmt: skip
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

Table = tuple[str, Sequence[str], Sequence[Sequence[Any]]]


class _Line:
    """A file of which only the last line is kept."""

    def write(self, text: str) -> str:
        return text


def row_lines(access: Access, filters: RowFilters) -> Iterator[str]:
    """The lines of a CSV file with a row per fact, the head first. One page is held at a time."""
    writer = csv.writer(_Line())
    yield "\ufeff" + writer.writerow(HEAD)
    for cells in _rows(access, filters):
        yield writer.writerow([safe_cell(cell) for cell in cells])


def _rows(access: Access, filters: RowFilters) -> Iterator[list[str]]:
    cursor: str | None = None
    while True:
        # A response is streamed after the request's scope has ended.
        with organization_scope(access.organization.id):
            found = selectors_rows.page(access, filters, cursor=cursor, limit=PAGE)
        for row in found["rows"]:
            yield _cells(row)
        cursor = found["next_cursor"]
        if cursor is None:
            return


def _cells(row: dict[str, Any]) -> list[str]:
    fact, lead = row["fact"], row["lead"]
    return [
        fact.occurred_at.isoformat(timespec="seconds"), f"{row['at']:%Y-%m-%d %H:%M}", fact.kind,
        lead.full_name if lead else "", lead.company.name if lead and lead.company else "",
        row["campaign"].name if row["campaign"] else "", row["sender"].name if row["sender"] else "",
        fact.channel, fact.node_id, fact.variant_id, fact.domain, "" if fact.value is None else str(fact.value),
        str(fact.lead_id or ""), str(fact.campaign_id or ""),
    ]  # fmt: skip


def tables(report: dict[str, Any]) -> list[Table]:
    """The tables of a report: name, head, rows."""
    people = report["people"]
    found: list[Table] = [
        (
            "Funnel",
            ("step", "people", "of"),
            [[step["label"], step["value"], step["before"]] for step in report["funnel"]],
        ),
        ("People", ("kind", "people"), [[kind, people[kind]] for kind in sorted(people)]),
        (
            "Trend",
            ("from", "to", "contacted", "replied", "positive", "positive_before"),
            [
                [point.first, point.last, point.contacted, point.replied, point.positive, point.before]
                for point in report["trend"].points
            ],
        ),
    ]
    for name, key in (("Steps", "steps"), ("Senders", "senders"), ("Lists", "lists"), ("Domains", "domains")):
        if report.get(key):
            found.append(_figures(name, report[key]))
    if report.get("campaigns"):
        found.append(_figures("Campaigns", [*report["campaigns"]["rows"], report["campaigns"]["all"]]))
    found.append(
        (
            "Replies by hour",
            ("weekday", *(f"{hour}:00" for hour in report["heat"]["hours"])),
            [[row["weekday"], *(cell["value"] for cell in row["cells"])] for row in report["heat"]["rows"]],
        )
    )
    return found


def _figures(name: str, rows: Sequence[dict[str, Any]]) -> Table:
    return name, ("name", *_FIGURES), [[row["label"], *(row[key] for key in _FIGURES)] for row in rows]


def table_lines(found: Sequence[Table]) -> Iterator[str]:
    """All tables one below the other, as CSV."""
    writer = csv.writer(_Line())
    yield "\ufeff"
    for name, head, rows in found:
        yield writer.writerow([safe_cell(name)])
        yield writer.writerow(head)
        for row in rows:
            yield writer.writerow([_text(cell) for cell in row])
        yield writer.writerow([])


def workbook(found: Sequence[Table]) -> Iterator[bytes]:
    """All tables as sheets of one XLSX file."""
    book = Workbook(write_only=True)
    for name, head, rows in found:
        sheet = book.create_sheet(name)
        sheet.append(list(head))
        for row in rows:
            sheet.append([_text(cell) if isinstance(cell, str) else cell for cell in row])
    yield from _saved(book)


def row_workbook(access: Access, filters: RowFilters) -> Iterator[bytes]:
    """Rows behind a number as one sheet; written to a file as they are read."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Rows")
    sheet.append(list(HEAD))
    for cells in _rows(access, filters):
        sheet.append([safe_cell(cell) for cell in cells])
    yield from _saved(book)


def _saved(book: Workbook) -> Iterator[bytes]:
    with tempfile.TemporaryFile() as file:
        book.save(file)
        file.seek(0)
        while chunk := file.read(65_536):
            yield chunk


def _text(cell: Any) -> str:
    return "" if cell is None else safe_cell(str(cell))
