"""Saved reports, and notes of what happened on a day."""

from __future__ import annotations

from datetime import date
from typing import Final
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Q, QuerySet

from campaigns.models import Campaign
from project.core.refusals import Invalid
from project.tenancy import audit
from project.tenancy.access import Access
from project.tenancy.models import Client, Role
from reporting import streams
from reporting.filters import Filters
from reporting.models import ReportNote, SavedReport

#: More of them nobody reads.
MOST: Final = 30
MOST_NOTES: Final = 500


def saved_reports(access: Access) -> QuerySet[SavedReport]:
    """One's own, and those that others have shared, of clients within reach."""
    mine = Q(owner=access.user) | Q(is_shared=True)
    rows: QuerySet[SavedReport] = SavedReport.objects.filter(access.client_filter(), mine)
    return rows.select_related("owner", "campaign")


def own_reports(access: Access) -> QuerySet[SavedReport]:
    """One's own alone."""
    return saved_reports(access).filter(owner=access.user)


@transaction.atomic
def save(
    *,
    access: Access,
    client: Client,
    campaign: Campaign | None,
    name: str,
    query: dict[str, str],
    is_shared: bool,
) -> SavedReport:
    """Save a report's filters under a name; one's own of that name is replaced. Raises ``Invalid``."""
    text = " ".join(name.split())
    if not text or len(text) > 60:
        raise Invalid("A name has 1 to 60 characters.", field="name")
    filters = Filters.of(query, ZoneInfo(client.time_zone))
    mine = SavedReport.objects.filter(owner=access.user, client=client)
    if not mine.filter(name=text).exists() and mine.count() >= MOST:
        raise Invalid(f"You have {MOST} saved reports of this client; remove one first.", field="name")
    values = {
        "campaign": campaign,
        # The client's people keep reports for themselves.
        "is_shared": is_shared and access.role != Role.CLIENT,
        "query": filters.query[:300],
    }
    row: SavedReport = SavedReport.objects.update_or_create(
        owner=access.user, client=client, name=text, defaults=values
    )[0]
    audit.record(
        actor=access.user, action="report.saved", subject=row, client_id=client.id, shared=row.is_shared,
        query=row.query,
    )  # fmt: skip
    return row


@transaction.atomic
def remove(*, access: Access, saved: SavedReport) -> None:
    """Remove a saved report of one's own."""
    audit.record(actor=access.user, action="report.saved_removed", subject=saved, client_id=saved.client_id)
    saved.delete()


@transaction.atomic
def add_note(
    *, access: Access, client: Client, campaign: Campaign | None, day: date, text: str
) -> ReportNote:
    """Note what happened on a day; everybody who sees the report reads it. Raises ``Invalid``."""
    text = " ".join(text.split())
    if not text or len(text) > 200:
        raise Invalid("A note has 1 to 200 characters.", field="text")
    if ReportNote.objects.filter(client=client).count() >= MOST_NOTES:
        raise Invalid(f"A client has at most {MOST_NOTES} notes; remove some.", field="text")
    row: ReportNote = ReportNote.objects.create(
        client=client, campaign=campaign, day=day, text=text, author=access.user
    )
    audit.record(
        actor=access.user, action="report.note_added", subject=row, client_id=client.id, day=f"{day}"
    )
    streams.report_changed(client.id)
    return row


@transaction.atomic
def remove_note(*, access: Access, note: ReportNote) -> None:
    """Remove a note."""
    audit.record(actor=access.user, action="report.note_removed", subject=note, client_id=note.client_id)
    note.delete()
    streams.report_changed(note.client_id)
