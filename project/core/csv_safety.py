"""Lines of CSV files, streamed, with cells that spreadsheets do not run as formulas."""

from __future__ import annotations

import csv
from collections.abc import Iterable

_DANGEROUS = ("=", "+", "-", "@", "\t", "\r")


def safe_cell(value: str) -> str:
    """Return ``value`` so that a spreadsheet shows it as text (OWASP: a quote before what could be a formula)."""
    return f"'{value}" if value.startswith(_DANGEROUS) else value


class Line:
    """A file of which only the last line is kept."""

    def write(self, text: str) -> str:
        """Return the line."""
        return text


def csv_line(values: Iterable[str], *, head: bool = False) -> str:
    """One line of a CSV file, its cells safe for spreadsheets; the head begins the file."""
    text = csv.writer(Line()).writerow([safe_cell(value) for value in values])
    return f"\ufeff{text}" if head else str(text)
