"""The do-not-contact list as CSV: a row each, newest first, streamed in pages, with cells that no spreadsheet runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from campaigns import selectors_outreach as selectors
from project.core.csv_safety import csv_line
from project.core.pagination import keyset_page
from project.core.scoping import organization_scope
from project.tenancy.access import Access

PAGE: Final = 500
HEAD: Final = ("channel", "value", "kind", "client", "source", "reason", "since", "until")


def lines(access: Access) -> Iterator[str]:
    """The lines of the file, the head first. Memory stays flat: one page is held at a time."""
    yield csv_line(HEAD, head=True)
    cursor: str | None = None
    while True:
        # A response is streamed after the request's scope has ended.
        with organization_scope(access.organization.id):
            rows = selectors.suppressions(access)
            page = keyset_page(rows, order=("-created_at", "-id"), cursor=cursor, limit=PAGE)
            text = [csv_line(_cells(row)) for row in page.items]
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
