"""The one timeline of a lead: moments from every room, merged and paged.

A room that knows something about leads registers a source; the ones of this room stand at the end. A source returns the
newest moments that are not after an instant, at most ``limit``, in one statement or a fixed few.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from heapq import nlargest
from typing import Final
from uuid import UUID

from django.urls import reverse
from django.utils.dateparse import parse_datetime

from campaigns.models import (
    Lead,
    LeadActItem,
    LeadImportLead,
    ReplyReading,
    SendOutcome,
    Suppression,
    Transition,
)
from campaigns.models.lead_acts import LEAD_ACT_WORDS
from integrations.models import OutboundMessage
from project.core.clock import now
from project.core.pagination import InvalidCursor
from project.tenancy.access import Access

PAGE: Final = 40
#: Longest text of a moment that is shown.
QUOTE: Final = 400


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened with a lead. ``key`` tells it apart from all others."""

    at: datetime
    key: str
    title: str
    text: str = ""
    quote: str = ""
    channel: str = ""
    icon: str = "information-circle"
    url: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True)
class Who:
    """Whose timeline it is: a lead, and the ids of it and of all that was merged into it."""

    lead: Lead
    ids: list[UUID]


Source = Callable[[Access, Who, datetime, int], list[Moment]]
_sources: dict[str, Source] = {}


def register_source(name: str, source: Source) -> None:
    """Add a source; registering the same name again replaces it."""
    _sources[name] = source


@dataclass(frozen=True, slots=True)
class Timeline:
    """Some moments, newest first, and the cursor of those before them; empty when there are none."""

    moments: list[Moment]
    next_cursor: str


def timeline(access: Access, lead: Lead, *, cursor: str = "") -> Timeline:
    """The newest moments of a lead, or those before ``cursor``. Raises ``InvalidCursor``."""
    merged = Lead.objects.filter(merged_into=lead).values_list("id", flat=True)
    who = Who(lead, [lead.id, *merged])
    return page_of([partial(source, access, who) for source in _sources.values()], cursor)


def page_of(sources: Iterable[Callable[[datetime, int], list[Moment]]], cursor: str) -> Timeline:
    """A page of what some sources know, newest first. Raises ``InvalidCursor``."""
    before, last = _position(cursor)
    found: dict[str, Moment] = {}
    for source in sources:
        # One more than a page, and as many as may stand at the very instant of the cursor.
        for moment in source(before, 2 * PAGE):
            if (moment.at, moment.key) < (before, last):
                found[moment.key] = moment
    newest = nlargest(PAGE + 1, found.values(), key=lambda one: (one.at, one.key))
    shown = newest[:PAGE]
    more = f"{shown[-1].at.isoformat()}~{shown[-1].key}" if len(newest) > PAGE else ""
    return Timeline(shown, more)


def _position(cursor: str) -> tuple[datetime, str]:
    if not cursor:
        return now(), chr(0x10FFFF)
    moment, _, key = cursor.partition("~")
    try:
        at = parse_datetime(moment)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None or not key:
        raise InvalidCursor("This place in the timeline is not there any more.")
    return at, key


# --- what this room knows ----------------------------------------------------------------------------


def _url(access: Access, name: str, **arguments: object) -> str:
    return reverse(f"campaigns:{name}", kwargs={"organization_slug": access.organization.slug, **arguments})


def _steps(access: Access, who: Who, before: datetime, limit: int) -> list[Moment]:
    rows = Transition.objects.filter(enrollment__lead__in=who.ids, occurred_at__lte=before).select_related(
        "enrollment__campaign"
    )
    return [
        Moment(
            row.occurred_at, f"step:{row.id}", row.reason, icon="arrow-right",
            text=str(row.enrollment.campaign),
            url=_url(access, "detail", campaign_id=row.enrollment.campaign_id),
        )
        for row in rows.order_by("-occurred_at", "-id")[:limit]
    ]  # fmt: skip


def _sends(access: Access, who: Who, before: datetime, limit: int) -> list[Moment]:
    sent = OutboundMessage.State.SENT
    rows = OutboundMessage.objects.filter(
        lead_id__in=who.ids, origin=OutboundMessage.Origin.CAMPAIGN, state=sent, sent_at__lte=before
    ).select_related("sender")
    return [
        Moment(
            row.sent_at, f"send:{row.id}", f"{row.action.replace('_', ' ').capitalize()} from {row.sender}",
            channel=row.channel, quote=row.body[:QUOTE], text=str(row.payload.get("subject", "")),
            url=_url(access, "why_send", outbound_id=row.id), link="Why?",
        )
        for row in rows.order_by("-sent_at", "-id")[:limit]
        if row.sent_at is not None
    ]  # fmt: skip


_OUTCOMES: Final = (
    ("opened_at", "Opened it", "eye"),
    ("clicked_at", "Clicked a link", "cursor-arrow-rays"),
    ("bounced_at", "It came back", "exclamation-triangle"),
    ("complained_at", "Marked it as spam", "exclamation-triangle"),
    ("unsubscribed_at", "Asked to be left out", "no-symbol"),
)


def _outcomes(access: Access, who: Who, before: datetime, limit: int) -> list[Moment]:
    rows = SendOutcome.objects.filter(lead_id__in=who.ids, sent_at__lte=before).order_by("-sent_at", "-id")[
        :limit
    ]
    return [
        Moment(at, f"outcome:{name}:{row.id}", title, icon=icon)
        for row in rows
        for name, title, icon in _OUTCOMES
        if (at := getattr(row, name)) is not None and at <= before
    ]


def _readings(access: Access, who: Who, before: datetime, limit: int) -> list[Moment]:
    rows = ReplyReading.objects.filter(enrollment__lead__in=who.ids, occurred_at__lte=before).select_related(
        "campaign"
    )
    return [
        Moment(
            row.occurred_at, f"reading:{row.id}", f"The reply was read as “{row.intent.replace('_', ' ')}”",
            icon="light-bulb", text=row.because or row.get_source_display(),
        )
        for row in rows.order_by("-occurred_at", "-id")[:limit]
    ]  # fmt: skip


def _list(access: Access, who: Who, before: datetime, limit: int) -> list[Moment]:
    values = [
        value
        for row in who.lead.channels.all()
        for value in (row.normalized, row.normalized.rpartition("@")[2])
    ]
    rows = Suppression.objects.filter(
        access.client_filter(),
        value__in=values,
        created_at__lte=before,
        channel__in=["linkedin", "email", "sms"],
    )
    sources = dict(Suppression.Source.choices)
    return [
        Moment(
            row.created_at, f"list:{row.id}", f"{row.value} must not be contacted", icon="no-symbol",
            text=": ".join(filter(None, [sources.get(row.source, row.source), row.reason])),
        )
        for row in rows.order_by("-created_at", "-id")[:limit]
        if row.client_id in {None, who.lead.client_id}
    ]  # fmt: skip


def _imports(access: Access, who: Who, before: datetime, limit: int) -> list[Moment]:
    rows = LeadImportLead.objects.filter(lead__in=who.ids, created_at__lte=before).select_related(
        "lead_import"
    )
    return [
        Moment(
            row.created_at, f"import:{row.id}", "Added by an import" if row.created_lead else "Completed by an import",
            icon="arrow-up-tray", text=row.lead_import.file_name,
        )
        for row in rows.order_by("-created_at", "-id")[:limit]
    ]  # fmt: skip


def _acts(access: Access, who: Who, before: datetime, limit: int) -> list[Moment]:
    done = (LeadActItem.State.DONE, LeadActItem.State.KEPT, LeadActItem.State.UNDONE)
    rows = (
        LeadActItem.objects.filter(lead__in=who.ids, state__in=done, created_at__lte=before)
        .exclude(before={})
        .select_related("entry__actor")
    )
    return [
        Moment(
            row.created_at, f"act:{row.id}",
            " ".join(filter(None, [LEAD_ACT_WORDS[row.entry.act], "them"]))
            + (f" ({row.entry.about})" if row.entry.about else ""),
            icon="user", text=row.entry.actor.display_name + (", taken back" if row.state == "undone" else ""),
        )
        for row in rows.order_by("-created_at", "-id")[:limit]
    ]  # fmt: skip


for _name, _source in (
    ("steps", _steps), ("sends", _sends), ("outcomes", _outcomes), ("readings", _readings), ("list", _list),
    ("imports", _imports), ("acts", _acts),
):  # fmt: skip
    register_source(f"campaigns.{_name}", _source)
