"""From events to fragments: renderers by kind, and coalescing.

A renderer gets the events of its kind (each stream and subject once) and returns fragments, rendered from the
current state of the database with the same partials as the page. The HTML is the same for every viewer of the
stream, so it is rendered once and shared by all sockets, and again by whoever catches up later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from django.db import transaction
from django.utils import timezone

from project.core.realtime.models import StreamEvent
from project.core.realtime.protocol import Frame, make_frame

log = structlog.get_logger(__name__)


class UnknownKind(LookupError):
    """An event of a kind for which no app registered a renderer."""


@dataclass(frozen=True, slots=True)
class Fragment:
    """What subscribers of ``stream`` get: HTML with ``data-live`` instructions, data for scripts, or both."""

    stream: str
    html: str = ""
    data: Mapping[str, Any] | None = None


Renderer = Callable[[list[StreamEvent]], Iterable[Fragment]]

_renderers: dict[str, Renderer] = {}


def renderer(kind: str) -> Callable[[Renderer], Renderer]:
    """Register the function that renders the events of ``kind``. Registering a kind again replaces it.

    A fragment may only name the stream of one of the events that were passed in: catching up looks events up
    by their stream and would miss it otherwise.
    """

    def register(function: Renderer) -> Renderer:
        _renderers[kind] = function
        return function

    return register


def data_kind(kind: str) -> None:
    """Register a kind without HTML: its events are pushed with their ``data`` as it was emitted."""
    _renderers[kind] = _data_only


def _data_only(events: list[StreamEvent]) -> list[Fragment]:
    return [Fragment(event.stream, data=event.data) for event in events]


def check_kind(kind: str) -> None:
    """Raise ``UnknownKind`` unless a renderer is registered for ``kind``."""
    if kind not in _renderers:
        raise UnknownKind(f"No renderer is registered for {kind!r}.")


def coalesce(events: Iterable[StreamEvent]) -> list[StreamEvent]:
    """Keep the last event of each stream, kind and subject, in the order of their numbers."""
    latest: dict[tuple[str, str, object], StreamEvent] = {}
    for event in events:
        key = (event.stream, event.kind, event.subject)
        latest.pop(key, None)
        latest[key] = event
    return list(latest.values())


def render(events: Sequence[StreamEvent]) -> list[Frame]:
    """Render numbered events, coalesced, into frames in the order of their numbers.

    Must run inside a transaction. Times are written in the installation's own zone, whoever's request this happens
    to run in: browsers put them into their viewer's. A renderer that fails costs its own kind only: subscribers are
    told that their view is stale and fetch it again.
    """
    by_kind: dict[str, list[StreamEvent]] = {}
    for event in coalesce(events):
        by_kind.setdefault(event.kind, []).append(event)
    numbered: list[tuple[int, Frame]] = []
    with timezone.override(None):
        for kind, group in by_kind.items():
            numbered.extend(_render_kind(kind, group))
    numbered.sort(key=lambda pair: pair[0])
    return [frame for _number, frame in numbered]


def _render_kind(kind: str, events: list[StreamEvent]) -> list[tuple[int, Frame]]:
    numbers: dict[str, int] = {}
    for event in events:
        numbers[event.stream] = max(numbers.get(event.stream, 0), event.number or 0)
    try:
        check_kind(kind)
        with transaction.atomic():
            fragments = list(_renderers[kind](events))
        return [
            (
                numbers[fragment.stream],
                make_frame(
                    stream=fragment.stream,
                    kind=kind,
                    number=numbers[fragment.stream],
                    html=fragment.html,
                    data=fragment.data,
                ),
            )
            for fragment in fragments
        ]
    except Exception:  # a broken renderer of one kind must not stop the organization's whole stream
        log.exception("realtime.render_failed", kind=kind, streams=sorted(numbers))
        return [
            (number, make_frame(stream=stream, kind=kind, number=number, stale=True))
            for stream, number in numbers.items()
        ]
