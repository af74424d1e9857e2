"""Reading spreadsheets (XLSX) that people bring: the first visible sheet, row by row, in flat memory."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time
from typing import Any, BinaryIO, Final

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from campaigns.imports.reading import MAX_COLUMNS, FileShape, UnreadableFile, head_of, sheet_rows

#: Stands for the encoding of such a file.
XLSX: Final = "xlsx"
#: Most that a file may unpack to: a few kilobytes can be made to unpack to gigabytes.
MAX_UNPACKED: Final = 1024 * 1024 * 1024
_MAGIC: Final = b"PK\x03\x04"
_CANNOT: Final = (
    "This spreadsheet cannot be opened. Save it again as XLSX, or as CSV (UTF-8), and upload that."
)


def is_spreadsheet(head: bytes) -> bool:
    """Whether a file begins as XLSX files do."""
    return head.startswith(_MAGIC)


def detect(source: BinaryIO) -> FileShape:
    """Find the headers of a spreadsheet. Raises ``UnreadableFile`` for what is none, too large, or without headers."""
    with _cells(source) as found:
        first = next((cells for cells in found if any(cell.strip() for cell in cells)), None)
    if first is None:
        raise UnreadableFile("The first sheet of this spreadsheet is empty.")
    while first and not first[-1].strip():
        first.pop()
    return head_of(first, encoding=XLSX, delimiter="")


@contextmanager
def _cells(source: BinaryIO) -> Iterator[Iterator[list[str]]]:
    """The rows of the first visible sheet as text."""
    try:
        with zipfile.ZipFile(source) as packed:
            unpacked = sum(part.file_size for part in packed.infolist())
        if unpacked > MAX_UNPACKED:
            raise UnreadableFile("This spreadsheet unpacks to more than 1 GB. Split it and import the parts.")
        source.seek(0)
        book = load_workbook(source, read_only=True, data_only=True, keep_links=False)
    except (zipfile.BadZipFile, InvalidFileException, KeyError, ValueError, OSError) as error:
        raise UnreadableFile(str(error) if isinstance(error, UnreadableFile) else _CANNOT) from error
    try:
        shown = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
        if not shown:
            raise UnreadableFile("This spreadsheet has no visible sheet.")
        # What files say about their size is often wrong.
        shown[0].reset_dimensions()
        yield ([_text(value) for value in row] for row in _values(shown[0]))
    finally:
        book.close()


def _values(sheet: Any) -> Iterator[tuple[Any, ...]]:
    try:
        yield from sheet.iter_rows(values_only=True, max_col=MAX_COLUMNS + 1)
    except (zipfile.BadZipFile, KeyError, ValueError, SyntaxError) as error:
        raise UnreadableFile(_CANNOT) from error


def _text(value: Any) -> str:
    """A cell as it would stand in a CSV file. Numbers lose what only the spreadsheet put there: ``46701740605.0``."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(sep=" ")
    if isinstance(value, date | time):
        return value.isoformat()
    text = str(value).replace("\x00", "")
    # Formulas without a value: #N/A, #REF!, ...
    return "" if text.startswith("#") and text.rstrip("!?/0A").isupper() and len(text) < 9 else text


@contextmanager
def rows_of(source: BinaryIO, shape: FileShape, *, skip: int) -> Iterator[Any]:
    """The data rows of a spreadsheet, as ``reading.rows`` gives those of a CSV file."""
    with _cells(source) as found:
        yield sheet_rows(found, shape, skip=skip)
