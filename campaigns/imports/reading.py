"""Reading CSV files that people bring: unknown encoding and delimiter, odd headers, hostile cells."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from charset_normalizer import from_bytes

SAMPLE_BYTES = 256 * 1024
MAX_CELL = 10_000
MAX_COLUMNS = 200
MAX_ROWS = 200_000
#: csv refuses longer fields by itself; a cell beyond it makes the row invalid, not the file.
csv.field_size_limit(4 * 1024 * 1024)
_DELIMITERS = ",;\t|"
#: Delimiters inside quotes are text.
_QUOTED = re.compile(r'"(?:[^"]|"")*"')


class UnreadableFile(ValueError):
    """The file cannot be imported at all; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class FileShape:
    """What was found out about a file before any row is used."""

    encoding: str
    delimiter: str
    headers: list[str]


@dataclass(frozen=True, slots=True)
class RawRow:
    """One data row: its number in the file (the header is row 1), its cells, and why it is unusable, if it is."""

    number: int
    cells: list[str]
    error: str = ""


def detect(head: bytes) -> FileShape:
    """Find encoding, delimiter and headers from the beginning of a file (up to ``SAMPLE_BYTES``).

    Raises ``UnreadableFile`` for empty files, spreadsheets (``sheets`` reads those), archives, binary data, and missing
    headers.
    """
    if not head.strip():
        raise UnreadableFile("The file is empty.")
    if head[:4] == b"PK\x03\x04":
        raise UnreadableFile("This is a spreadsheet or an archive, not text.")
    if head[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        raise UnreadableFile(
            "This is a spreadsheet in the old format (XLS). Save it as XLSX or CSV and upload that."
        )
    encoding = _encoding(head)
    text = head.decode(encoding, errors="replace").replace("\x00", "")
    first = _QUOTED.sub("", next((line for line in text.splitlines() if line.strip()), ""))
    delimiter = max(_DELIMITERS, key=first.count)
    if first.count(delimiter) == 0:
        delimiter = ","
    try:
        row = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except (StopIteration, csv.Error) as error:
        raise UnreadableFile("The first row could not be read as column names.") from error
    return head_of(row, encoding=encoding, delimiter=delimiter)


def head_of(row: list[str], *, encoding: str, delimiter: str) -> FileShape:
    """The shape of a file whose first row this is. Raises ``UnreadableFile`` for too many columns and for none."""
    if len(row) > MAX_COLUMNS:
        raise UnreadableFile(f"The file has {len(row)} columns; at most {MAX_COLUMNS} can be imported.")
    if not any(cell.strip() for cell in row):
        raise UnreadableFile("The first row has no column names.")
    return FileShape(encoding, delimiter, _unique([cell.strip()[:80] for cell in row]))


def _encoding(head: bytes) -> str:
    for mark, name in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if head.startswith(mark):
            return name
    # The sample may end inside a character: up to three bytes of a UTF-8 sequence may be missing.
    for cut in range(4):
        try:
            head[: len(head) - cut].decode("utf-8")
        except UnicodeDecodeError:
            continue
        return "utf-8"
    if head.count(b"\x00") > len(head) // 10:
        raise UnreadableFile("The file is not text. Save it as CSV (UTF-8) and upload that.")
    if _looks_western(head[:65536].decode("cp1252", errors="replace")):
        return "cp1252"
    best = from_bytes(head[:65536]).best()
    return best.encoding if best else "cp1252"


def _looks_western(text: str) -> bool:
    """Whether text read as Windows' Western encoding makes sense: few accents, all of them letters or typography.

    Statistics over a short list of names guess worse than this.
    """
    accented = [character for character in text if ord(character) > 127]
    letters = sum(character.isalpha() for character in text)
    return len(accented) < 0.3 * letters and all(
        character.isalpha() or unicodedata.category(character)[0] in "PZ" for character in accented
    )


def _unique(headers: list[str]) -> list[str]:
    """Number repeated and name empty headers, so that each column can be told apart."""
    taken: set[str] = set()
    result = []
    for position, header in enumerate(headers, start=1):
        name = wanted = header or f"Column {position}"
        count = 1
        while name.lower() in taken:
            count += 1
            name = f"{wanted} ({count})"
        taken.add(name.lower())
        result.append(name)
    return result


def rows(source: BinaryIO, shape: FileShape, *, skip: int = 0) -> Iterator[RawRow]:
    """Yield the data rows of a file as text, streaming. ``skip`` leaves out that many data rows.

    A row with too many cells, an over-long cell or broken quoting is yielded with ``error`` and does not stop the
    file. Raises ``UnreadableFile`` past ``MAX_ROWS``.
    """
    text = io.TextIOWrapper(source, encoding=shape.encoding, errors="replace", newline="")
    reader = csv.reader((line.replace("\x00", "") for line in text), delimiter=shape.delimiter)
    yield from _data_rows(reader, shape, skip, head_at_first_row=True)


def sheet_rows(cells: Iterator[list[str]], shape: FileShape, *, skip: int = 0) -> Iterator[RawRow]:
    """Yield the data rows below the head, which is the first row with something in it. Raises like ``rows``."""
    return _data_rows(cells, shape, skip, head_at_first_row=False)


def _data_rows(
    reader: Iterator[list[str]], shape: FileShape, skip: int, *, head_at_first_row: bool
) -> Iterator[RawRow]:
    number = 0
    data_rows = 0
    is_head_due = True
    while True:
        number += 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            cells, broken = [], "a cell is longer than 4 MB or its quotes do not close"
        else:
            broken = ""
        if is_head_due and (head_at_first_row or any(cell.strip() for cell in cells)):
            is_head_due = False
            continue
        if is_head_due or (not broken and not any(cell.strip() for cell in cells)):
            continue
        data_rows += 1
        if data_rows > MAX_ROWS:
            raise UnreadableFile(f"The file has more than {MAX_ROWS:,} rows. Split it and import the parts.")
        if data_rows <= skip:
            continue
        yield RawRow(number, [cell[:MAX_CELL] for cell in cells], broken or _problem(cells, shape))


def _problem(cells: list[str], shape: FileShape) -> str:
    if len(cells) > len(shape.headers) and any(cell.strip() for cell in cells[len(shape.headers) :]):
        return f"has {len(cells)} cells, the header has {len(shape.headers)}"
    longest = max((len(cell) for cell in cells), default=0)
    if longest > MAX_CELL:
        return f"a cell has {longest:,} characters; at most {MAX_CELL:,} are imported"
    return ""
