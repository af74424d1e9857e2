"""What large exports contain: the rows behind a number, every event, or a row per conversation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.db.models import Exists, OuterRef, QuerySet

from campaigns.models import LeadImportLead
from inbox.models import Conversation, Message
from project.core.pagination import keyset_page
from project.tenancy.access import Access
from project.tenancy.models import Role
from reporting import csv_lines, selectors_rows
from reporting.models import Fact, ReplyVerdict
from reporting.redaction import cover
from reporting.selectors_rows import RowFilters
from reporting.services.portal import policy_of

#: Rows that are read at once.
PAGE: Final = 200
CONVERSATION_HEAD: Final = (
    "conversation_id", "client", "person", "company", "channel", "sender", "campaign", "status", "intent", "verdict",
    "assignee", "last_reply_at", "last_message_at", "last_message", "lead_id", "campaign_id",
)  # fmt: skip

Found = tuple[list[list[str]], str | None]


class OutOfReach(Exception):
    """What was asked for is not, or no more, within reach."""


@dataclass(frozen=True, slots=True)
class ExportKind:
    """How one kind of file is made: its head, the rows that it has, and one page of them behind a cursor."""

    head: tuple[str, ...]
    rows: Callable[[Access, RowFilters], QuerySet[Any]]
    page: Callable[[Access, RowFilters, str | None], Found]


def filters_of(query: Mapping[str, str], access: Access) -> RowFilters:
    """Read filters. Raises ``OutOfReach``."""
    found = RowFilters.of(query, access)
    if found is None:
        raise OutOfReach("There is no such client or campaign within your reach.")
    return found


def _facts_of(access: Access, filters: RowFilters) -> QuerySet[Fact]:
    return filters.rows(access)


def _rows(access: Access, filters: RowFilters, cursor: str | None) -> Found:
    page = selectors_rows.page(access, filters, cursor=cursor, limit=PAGE)
    return [csv_lines.cells(row) for row in page["rows"]], page["next_cursor"]


def _events_of(access: Access, filters: RowFilters) -> QuerySet[Fact]:
    return filters.events(access)


def _events(access: Access, filters: RowFilters, cursor: str | None) -> Found:
    page = selectors_rows.page(access, filters, cursor=cursor, limit=PAGE, rows=filters.events(access))
    return [csv_lines.cells(row) for row in page["rows"]], page["next_cursor"]


def _conversations_of(access: Access, filters: RowFilters) -> QuerySet[Conversation]:
    """Threads in which they wrote in the period, within reach; none of what the client may not read."""
    written = Message.objects.filter(
        conversation=OuterRef("id"),
        direction=Message.Direction.INBOUND,
        occurred_at__gte=filters.period.start,
        occurred_at__lt=filters.period.end,
    )
    given = {
        "client_id": filters.client.id if filters.client else None,
        "campaign_id": filters.campaign.id if filters.campaign else None,
        "sender_id": filters.sender_id,
        "channel": filters.channel,
    }
    rows = Conversation.objects.filter(
        access.client_filter(),
        Exists(written.exclude(state=Message.State.WITHDRAWN)),
        has_inbound=True,
        # Who wrote in the period may have written again since.
        last_inbound_at__gte=filters.period.start,
        **{name: value for name, value in given.items() if value},
    )
    if filters.list_id:
        listed = LeadImportLead.objects.filter(lead_import_id=filters.list_id)
        rows = rows.filter(lead_id__in=listed.values("lead_id"))
    if access.role == Role.CLIENT:
        hidden = [client.id for client in access.clients() if not policy_of(client).shows_replies]
        rows = rows.exclude(client_id__in=hidden)
    return rows


def _conversations(access: Access, filters: RowFilters, cursor: str | None) -> Found:
    rows = _conversations_of(access, filters).select_related(
        "client", "lead", "lead__company", "sender", "campaign", "assignee"
    )
    # By what never changes: a thread that goes on while the file is written keeps its place.
    page = keyset_page(rows, order=("-id",), cursor=cursor, limit=PAGE)
    found = ReplyVerdict.objects.filter(conversation__in=[row.id for row in page.items])
    verdicts: dict[Any, str] = dict(found.values_list("conversation_id", "verdict"))
    is_client = access.role == Role.CLIENT
    covered = (
        {client.id for client in access.clients() if policy_of(client).hides_addresses}
        if is_client
        else set()
    )
    return [
        _conversation(row, verdicts.get(row.id, ""), is_covered=row.client_id in covered)
        for row in page.items
    ], page.next_cursor


def _conversation(row: Conversation, verdict: str, *, is_covered: bool) -> list[str]:
    lead, snippet = row.lead, row.last_snippet
    zone = ZoneInfo(row.client.time_zone)
    return [
        str(row.id), row.client.name, cover(row.title) if is_covered else row.title,
        lead.company.name if lead and lead.company else "", row.channel, row.sender.name,
        row.campaign.name if row.campaign else "", row.status, row.intent, verdict,
        row.assignee.display_name if row.assignee else "",
        f"{row.last_inbound_at.astimezone(zone):%Y-%m-%d %H:%M}" if row.last_inbound_at else "",
        f"{row.last_message_at.astimezone(zone):%Y-%m-%d %H:%M}", cover(snippet) if is_covered else snippet,
        str(row.lead_id or ""), str(row.campaign_id or ""),
    ]  # fmt: skip


KINDS: Final[dict[str, ExportKind]] = {
    "rows": ExportKind(csv_lines.HEAD, _facts_of, _rows),
    "events": ExportKind(csv_lines.HEAD, _events_of, _events),
    "conversations": ExportKind(CONVERSATION_HEAD, _conversations_of, _conversations),
}
