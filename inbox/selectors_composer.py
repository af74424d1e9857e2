"""Reads for the composer: ways to the person, what is half written, texts to use again, and times to leave at."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Case, When

from campaigns.scheduling.zones import to_instant
from inbox.models import Conversation, ReplyDraft
from inbox.services import canned, channels, copies, files, notes
from inbox.whereabouts import LeadClock, clock_of
from project.core.clock import now
from project.tenancy.access import Access
from project.tenancy.streams import user_stream

#: When people begin to read: the time that is offered first.
MORNING = time(9)


def times(clock: LeadClock, at: datetime) -> list[dict[str, Any]]:
    """Times at which a reply could leave, in the person's own day: their next mornings of work."""
    local = at.astimezone(clock.tz)
    day = local.date()
    found: list[dict[str, Any]] = []
    while len(found) < 3:
        instant = to_instant(datetime.combine(day, MORNING), clock.tz)
        if instant > at and day.weekday() < 5:
            whose = "Their " if clock.is_known else ""
            found.append(
                {
                    "label": f"{whose}{day:%a} 09:00",
                    "value": instant.isoformat(),
                    "at": instant.astimezone(UTC),
                }
            )
        day += timedelta(days=1)
    return found


def writing(access: Access, conversation: Conversation) -> dict[str, Any]:
    """All that the composer offers to one person, beside what ``selectors.composer`` says to everybody."""
    clock = clock_of(conversation)
    at = now()
    rows = ReplyDraft.objects.filter(conversation=conversation).exclude(body="").select_related("author")
    # One's own first: there is one at most.
    written = list(rows.order_by(Case(When(author=access.user, then=0), default=1), "-updated_at")[:4])
    draft = next((row for row in written if row.author_id == access.user.id), None)
    return {
        "draft": draft,
        "cc": draft.cc if draft is not None else ", ".join(copies.offered(conversation)),
        "bcc": draft.bcc if draft is not None else "",
        "mode": draft.mode if draft is not None else ReplyDraft.Mode.REPLY.value,
        "others": [row for row in written if row is not draft][:3],
        "files": list(files.waiting(conversation_id=conversation.id, author=access.user)),
        "canned": canned.offered(conversation=conversation, user=access.user),
        "ways": channels.ways(conversation),
        "forbidden": channels.forbidden(conversation),
        "people": notes.people_of(conversation.client_id),
        "variables": sorted(name for name in canned.VARIABLES if not name.endswith("*")),
        "times": times(clock, at),
        "zone": clock.tz.key,
        "zone_is_known": clock.is_known,
        "undo_seconds": settings.REPLY_UNDO_SECONDS,
        "stream": user_stream(access.user.id),
    }
