"""CSV cells that spreadsheets do not run as formulas."""

from __future__ import annotations

_DANGEROUS = ("=", "+", "-", "@", "\t", "\r")


def safe_cell(value: str) -> str:
    """Return ``value`` so that a spreadsheet shows it as text (OWASP: a quote before what could be a formula)."""
    return f"'{value}" if value.startswith(_DANGEROUS) else value
