"""What a client missed: all after its cursor in the streams that it may see, rendered once per subject."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db import transaction

from project.core.realtime import access, rendering, sequencer
from project.core.realtime.access import Viewer
from project.core.realtime.models import StreamCounter, StreamEvent
from project.core.realtime.protocol import Frame
from project.core.scoping import organization_scope

#: More events than this are not replayed: the client fetches its views again.
MAX_EVENTS = 500


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """The answer to ``since``: the client's new cursor, and frames, or ``reset`` to fetch its views again."""

    cursor: int
    reset: bool = False
    frames: list[Frame] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)


def since(viewer: Viewer, cursor: int, streams: Sequence[str]) -> CaughtUp:
    """Return what happened after ``cursor``. Every stream is authorised again; refused ones are named.

    The new cursor is read before anything is rendered, so a change that commits meanwhile comes again later,
    and nothing is skipped. A cursor older than what is kept, or of another database, answers ``reset``.
    """
    refused = access.refusals(viewer, streams)
    allowed = [stream for stream in streams if stream not in refused]
    latest = sequencer.latest_number(viewer.organization_id)
    if cursor > latest:
        return CaughtUp(cursor=latest, reset=True, refused=refused)
    with organization_scope(viewer.organization_id), transaction.atomic():
        rows = StreamEvent.objects.filter(
            organization_id=viewer.organization_id, number__gt=cursor, number__lte=latest, stream__in=allowed
        )
        events = list(rows.order_by("number")[: MAX_EVENTS + 1])
        # After the events: rows trimmed before they were read have raised this number.
        trimmed = StreamCounter.objects.filter(
            organization_id=viewer.organization_id, trimmed_number__gt=cursor
        ).exists()
        if trimmed or len(events) > MAX_EVENTS:
            return CaughtUp(cursor=latest, reset=True, refused=refused)
        return CaughtUp(cursor=latest, frames=rendering.render(events), refused=refused)
