"""Leads as CSV: a row each, streamed in pages, with cells that no spreadsheet runs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from campaigns import selectors_leads
from campaigns.lead_columns import COLUMNS
from campaigns.lead_filters import LeadFilters, all_leads
from project.core.csv_safety import csv_line
from project.core.pagination import keyset_page
from project.core.scoping import organization_scope
from project.tenancy.access import Access

PAGE: Final = 200
HEAD: Final = (
    "id", "client", "first_name", "last_name", "title", "company", "country", "time_zone", "linkedin", "email",
    "phone", "campaign", "stage", "last_sent", "last_reply", "added", "owner", "labels", "more_addresses",
)  # fmt: skip


def lines(access: Access, filters: LeadFilters) -> Iterator[str]:
    """The lines of the file, the head first. Memory stays flat: one page is held at a time.

    Custom fields stand behind, under their own names; one that is called like another column has ``custom:`` before it.
    """
    with organization_scope(access.organization.id):
        fields = selectors_leads.field_names(access, filters.client_id)
    own = [f"custom:{name}" if name.lower() in HEAD else name for name in fields]
    yield csv_line((*HEAD, *own), head=True)
    cursor: str | None = None
    while True:
        # A response is streamed after the request's scope has ended.
        with organization_scope(access.organization.id):
            rows = selectors_leads.with_addresses(all_leads(access, filters))
            page = keyset_page(rows, order=selectors_leads.ORDER, cursor=cursor, limit=PAGE)
            selectors_leads.fill(page.items, COLUMNS)
            text = [csv_line(_cells(lead, fields)) for lead in page.items]
        yield "".join(text)
        cursor = page.next_cursor
        if cursor is None:
            return


def _cells(lead: Any, fields: list[str]) -> list[str]:
    addresses = {"linkedin": "", "email": "", "sms": ""}
    more = []
    for channel in lead.channels.all():
        if addresses[channel.kind]:
            more.append(channel.normalized)
        else:
            addresses[channel.kind] = channel.normalized
    enrollment = lead.enrollment
    return [
        str(lead.id), lead.client.name, lead.first_name, lead.last_name, lead.title,
        lead.company.name if lead.company else "", lead.country, lead.time_zone, *addresses.values(),
        enrollment.campaign.name if enrollment else "", enrollment.stage if enrollment else "",
        _instant(lead.last_sent), _instant(lead.last_reply), _instant(lead.created_at),
        lead.owner.display_name if lead.owner else "", ", ".join(label.name for label in lead.labels.all()),
        ", ".join(more), *(_value(lead.fields.get(name)) for name in fields),
    ]  # fmt: skip


def _value(value: Any) -> str:
    return "" if value is None else str(value)


def _instant(moment: datetime | None) -> str:
    return moment.isoformat(timespec="seconds") if moment else ""
