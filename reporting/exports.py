"""The tables of a report as CSV or XLSX, and rows behind numbers as XLSX: streamed, and safe to open."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any, Final

from openpyxl import Workbook

from project.core.csv_safety import Line, safe_cell
from project.tenancy.access import Access
from reporting.csv_lines import HEAD, all_rows
from reporting.selectors_rows import RowFilters

_FIGURES: Final = (
    "sent", "contacted", "emailed", "delivered", "opened", "bounced", "complained", "unsubscribed", "replied",
    "positive", "meeting",
)  # fmt: skip
#: Rows of a file that is made while somebody waits. A sheet has no more than 1,048,576, and is made whole at first.
MOST_ROWS: Final = {"csv": 200_000, "xlsx": 50_000}
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

Table = tuple[str, Sequence[str], Sequence[Sequence[Any]]]


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
    for one in report["channels"]:
        steps = [[step["label"], step["value"], step["before"]] for step in one["funnel"]]
        found.append((f"Funnel {one['channel']}", ("step", "people", "of"), steps))
    for name, key in (("Steps", "steps"), ("Senders", "senders"), ("Lists", "lists"), ("Domains", "domains")):
        if report.get(key):
            found.append(_figures(name, report[key]))
    if report.get("campaigns"):
        found.append(_figures("Campaigns", [*report["campaigns"]["rows"], report["campaigns"]["all"]]))
    if report.get("deals"):
        worth = [
            [one["label"], one["deals"], one["unvalued"], sum_["value"], sum_["currency"]]
            for one in report["deals"]
            for sum_ in one["worth"] or [{"value": "", "currency": ""}]
        ]
        found.append(("Deals now", ("stage", "deals", "without_value", "worth", "currency"), worth))
    if report["notes"]:
        found.append(("Notes", ("day", "note"), [[note.day, note.text] for note in report["notes"]]))
    return [*found, *_trials(report), *_answers(report), *_forecast(report), *_times(report)]


def _trials(report: dict[str, Any]) -> list[Table]:
    """The wordings of each step, over the whole campaign."""
    head = ("step", "wording", "positive", "of", "opted_out", "decided")
    rows = [
        [row["trial"].node_id, one["variant"], one["positive"], one["contacted"], one["opted_out"],
         row["trial"].choice.variant_id if row["trial"].choice else ""]
        for row in report.get("trials", ())
        for one in row["rows"]
    ]  # fmt: skip
    return [("Wordings", head, rows)] if rows else []


def _answers(report: dict[str, Any]) -> list[Table]:
    """How promptly people were answered."""
    service = report["service"]
    return [("Answers", ("figure", "value"), [[key, service[key]] for key in service])] if service else []


def _forecast(report: dict[str, Any]) -> list[Table]:
    """What the coming days may bring, eight times in ten."""
    outlook = report["outlook"]
    rows = [
        [kind, outlook["until"], one.low, one.high, one.held, one.tested]
        for kind in ("positive", "replied", "sends")
        if (one := outlook.get(kind)) is not None
    ]
    return [("Forecast", ("of", "until", "low", "high", "held", "tested"), rows)] if rows else []


def _times(report: dict[str, Any]) -> list[Table]:
    """When people replied and how long they took, which a narrowed report does not have."""
    if report["heat"] is None:
        return []
    hours, waits = report["heat"], report["waits"]
    return [
        (
            "Replies by hour",
            ("weekday", *(f"{hour}:00" for hour in hours["hours"])),
            [[row["weekday"], *(cell["value"] for cell in row["cells"])] for row in hours["rows"]],
        ),
        ("Time to reply", ("within", "people"), [[row["name"], row["value"]] for row in waits["rows"]]),
    ]


def _figures(name: str, rows: Sequence[dict[str, Any]]) -> Table:
    return name, ("name", *_FIGURES), [[row["label"], *(row[key] for key in _FIGURES)] for row in rows]


def table_lines(found: Sequence[Table]) -> Iterator[str]:
    """All tables one below the other, as CSV."""
    writer = csv.writer(Line())
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
    for found in all_rows(access, filters):
        sheet.append([safe_cell(cell) for cell in found])
    yield from _saved(book)


def _saved(book: Workbook) -> Iterator[bytes]:
    with tempfile.TemporaryFile() as file:
        book.save(file)
        file.seek(0)
        while chunk := file.read(65_536):
            yield chunk


def _text(cell: Any) -> str:
    return "" if cell is None else safe_cell(str(cell))
