"""Replies that wait for their time, those that leave first on top."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from inbox import querysets, selectors_lists, streams
from inbox.filters import Filters
from inbox.models import Message
from inbox.whereabouts import clock_of
from project.core.pagination import keyset_page
from project.tenancy.access import Access

ORDER = ("leaves_at", "id")


def page(access: Access, *, mine: bool, cursor: str | None) -> dict[str, Any]:
    """One page of them. Raises ``InvalidCursor``."""
    found = keyset_page(
        querysets.scheduled(access, mine=mine), order=ORDER, cursor=cursor, limit=40, load=_loaded
    )
    return {
        "rows": [_row(message) for message in found.items],
        "mine": mine,
        "next_cursor": found.next_cursor,
        "streams": " ".join(
            streams.client_inbox(one) for one in selectors_lists.client_ids(access, Filters())
        ),
    }


def _loaded(rows: QuerySet[Message]) -> QuerySet[Message]:
    of = "conversation__"
    return rows.select_related("author", f"{of}client", f"{of}sender", f"{of}lead__company", f"{of}campaign")


def _row(message: Message) -> dict[str, Any]:
    clock = clock_of(message.conversation)
    assert message.leaves_at is not None
    return {
        "message": message,
        "conversation": message.conversation,
        # Their own clock, where it is known.
        "theirs": f"{message.leaves_at.astimezone(clock.tz):%a %d %b, %H:%M}" if clock.is_known else "",
        "zone": clock.tz.key,
    }
