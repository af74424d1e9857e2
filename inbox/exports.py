"""Conversations as CSV: a row each, streamed in pages, with cells that no spreadsheet runs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from campaigns.models import Deal
from inbox import querysets, selectors_lists
from inbox.filters import Filters
from inbox.models import Conversation
from project.core.csv_safety import csv_line
from project.core.pagination import keyset_page
from project.core.scoping import organization_scope
from project.tenancy.access import Access

PAGE: Final = 200
COLUMNS: Final = (
    "id", "client", "channel", "person", "company", "address", "campaign", "sender", "status", "assigned_to",
    "intent", "priority", "labels", "unread", "failed_sends", "last_message_at", "last_inbound_at",
    "awaiting_since", "due_at", "closed_at", "last_message", "deal", "deal_value", "deal_currency", "meeting_on",
)  # fmt: skip


def lines(access: Access, filters: Filters) -> Iterator[str]:
    """The lines of the file, the head first. Memory stays flat: one page is held at a time."""
    yield csv_line(COLUMNS)
    cursor: str | None = None
    while True:
        # A response is streamed after the request's scope has ended.
        with organization_scope(access.organization.id):
            rows = querysets.for_rows(selectors_lists.chosen(access, filters))
            page = keyset_page(
                rows.select_related("client", "lead__company", "assignee", "campaign", "sender"),
                order=filters.order,
                cursor=cursor,
                limit=PAGE,
            )
            known = {
                deal.lead_id: deal
                for deal in Deal.objects.filter(lead__in={row.lead_id for row in page.items})
            }
            text = [csv_line((*_cells(row), *_deal(known.get(row.lead_id)))) for row in page.items]
        yield "".join(text)
        cursor = page.next_cursor
        if cursor is None:
            return


def _cells(row: Conversation) -> list[str]:
    lead = row.lead
    labels = sorted(link.label.name for link in row.labelled)
    return [
        str(row.id), row.client.name, row.channel, row.title,
        lead.company.name if lead and lead.company else "", row.counterpart_id,
        row.campaign.name if row.campaign else "", row.sender.name, row.status,
        row.assignee.display_name if row.assignee else "", row.intent, row.get_priority_display(),
        ", ".join(labels), str(row.unread), str(row.failed_sends), _instant(row.last_message_at),
        _instant(row.last_inbound_at), _instant(row.awaiting_since), _instant(row.sla_due_at),
        _instant(row.closed_at), row.last_snippet,
    ]  # fmt: skip


def _deal(deal: Deal | None) -> list[str]:
    if deal is None:
        return ["", "", "", ""]
    value = str(deal.value) if deal.value is not None else ""
    return [deal.stage, value, deal.currency, deal.meeting_on.isoformat() if deal.meeting_on else ""]


def _instant(moment: datetime | None) -> str:
    return moment.isoformat(timespec="seconds") if moment else ""
