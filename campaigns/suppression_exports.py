"""The do-not-contact list as CSV: a row each, newest first, streamed in pages, with cells that no spreadsheet runs."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import Any, Final

from campaigns import selectors_outreach as selectors
from project.core.csv_safety import safe_cell
from project.core.pagination import keyset_page
from project.core.scoping import organization_scope
from project.tenancy.access import Access

PAGE: Final = 500
HEAD: Final = ("channel", "value", "kind", "client", "source", "reason", "since", "until")


class _Line:
    """A file of which only the last line is kept."""

    def write(self, text: str) -> str:
        return text


def lines(access: Access) -> Iterator[str]:
    """The lines of the file, the head first. Memory stays flat: one page is held at a time."""
    writer: Any = csv.writer(_Line())
    yield "\ufeff" + writer.writerow(HEAD)
    cursor: str | None = None
    while True:
        # A response is streamed after the request's scope has ended.
        with organization_scope(access.organization.id):
            rows = selectors.suppressions(access)
            page = keyset_page(rows, order=("-created_at", "-id"), cursor=cursor, limit=PAGE)
            text = [writer.writerow([safe_cell(cell) for cell in _cells(row)]) for row in page.items]
        yield "".join(text)
        cursor = page.next_cursor
        if cursor is None:
            return


def _cells(row: Any) -> tuple[str, ...]:
    return (
        row.channel, row.value, "domain" if row.is_domain else "address", row.client.name if row.client else "",
        row.source, row.reason, row.created_at.isoformat(timespec="seconds"),
        row.expires_at.isoformat(timespec="seconds") if row.expires_at else "",
    )  # fmt: skip
