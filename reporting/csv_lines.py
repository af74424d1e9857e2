"""Facts as lines of CSV files, with cells that no spreadsheet runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from project.core.csv_safety import csv_line
from project.core.scoping import organization_scope
from project.tenancy.access import Access
from reporting import selectors_rows
from reporting.selectors_rows import RowFilters

PAGE: Final = 200
HEAD: Final = (
    "occurred_at", "local_time", "kind", "person", "company", "campaign", "sender", "channel", "step", "variant",
    "domain", "seconds", "lead_id", "campaign_id",
)  # fmt: skip


def row_lines(access: Access, filters: RowFilters) -> Iterator[str]:
    """The lines of a CSV file with a row per fact, the head first. One page is held at a time."""
    yield csv_line(HEAD, head=True)
    for found in all_rows(access, filters):
        yield csv_line(found)


def all_rows(access: Access, filters: RowFilters) -> Iterator[list[str]]:
    """Every row behind a number, page by page."""
    cursor: str | None = None
    while True:
        # A response is streamed after the request's scope has ended.
        with organization_scope(access.organization.id):
            found = selectors_rows.page(access, filters, cursor=cursor, limit=PAGE)
        for row in found["rows"]:
            yield cells(row)
        cursor = found["next_cursor"]
        if cursor is None:
            return


def cells(row: dict[str, Any]) -> list[str]:
    """One fact as a line of a file; cells are made safe by whoever writes them."""
    fact, lead = row["fact"], row["lead"]
    return [
        fact.occurred_at.isoformat(timespec="seconds"), f"{row['at']:%Y-%m-%d %H:%M}", fact.kind,
        lead.full_name if lead else "", lead.company.name if lead and lead.company else "",
        row["campaign"].name if row["campaign"] else "", row["sender"].name if row["sender"] else "",
        fact.channel, fact.node_id, fact.variant_id, fact.domain, "" if fact.value is None else str(fact.value),
        str(fact.lead_id or ""), str(fact.campaign_id or ""),
    ]  # fmt: skip
