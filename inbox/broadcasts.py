"""What open screens get: the page's own fragments, rendered once for all viewers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID

from django.template.loader import render_to_string

from inbox import presenters, querysets, selectors, selectors_counts
from inbox.models import Conversation, JournalEntry, Message, Note, SystemLine
from project.core.realtime import Fragment, data_kind, renderer
from project.core.realtime.models import StreamEvent
from project.tenancy.models import Organization


def _conversations(events: Iterable[StreamEvent]) -> dict[UUID, Conversation]:
    ids = {event.subject_id for event in events}
    rows = querysets.for_rows(Conversation.objects.filter(id__in=ids)).select_related("sender", "campaign")
    return {row.id: row for row in rows}


@renderer("conversation.changed")
def rows(events: list[StreamEvent]) -> Iterable[Fragment]:
    """The row in the list, and the client's counts as data."""
    found = _conversations(events)
    slug = Organization.objects.values_list("slug", flat=True).get(id=events[0].organization_id)
    counts: dict[UUID, dict[str, Any]] = {}
    for event in events:
        conversation = found.get(event.subject_id) if event.subject_id else None
        if conversation is None or not (
            conversation.has_inbound or conversation.failed_sends or conversation.merged_into_id
        ):
            continue
        client_id = conversation.client_id
        if client_id not in counts:
            counts[client_id] = selectors_counts.of_client(client_id)
        row = presenters.row(conversation, slug)
        # What went into another thread is in no list any more.
        name = "gone" if conversation.merged_into_id else "row"
        html = render_to_string(f"inbox/stream/{name}.html", {"row": row})
        yield Fragment(event.stream, html=html, data={"client": str(client_id), "counts": counts[client_id]})


@renderer("conversation.gone")
def gone(events: list[StreamEvent]) -> Iterable[Fragment]:
    """What left all lists, and the client's counts as data."""
    found = {
        row.id: row for row in Conversation.objects.filter(id__in={event.subject_id for event in events})
    }
    counts: dict[UUID, dict[str, Any]] = {}
    for event in events:
        conversation = found.get(event.subject_id) if event.subject_id else None
        if conversation is None or conversation.has_inbound or conversation.failed_sends:
            continue
        client_id = conversation.client_id
        if client_id not in counts:
            counts[client_id] = selectors_counts.of_client(client_id)
        html = render_to_string("inbox/stream/gone.html", {"row": {"id": presenters.row_id(conversation)}})
        yield Fragment(event.stream, html=html, data={"client": str(client_id), "counts": counts[client_id]})


@renderer("thread.head")
def heads(events: list[StreamEvent]) -> Iterable[Fragment]:
    """The head of an open thread: assignee, status."""
    found = _conversations(events)
    slug = Organization.objects.values_list("slug", flat=True).get(id=events[0].organization_id)
    for event in events:
        conversation = found.get(event.subject_id) if event.subject_id else None
        if conversation is not None:
            context = {"head": selectors.thread_head(conversation), "organization_slug": slug}
            yield Fragment(event.stream, html=render_to_string("inbox/stream/head.html", context))


def _entries(model: Any, present: Callable[[Any], dict[str, Any]], load: tuple[str, ...]) -> Any:
    def render(events: list[StreamEvent]) -> Iterable[Fragment]:
        rows = model.objects.filter(id__in=[event.subject_id for event in events])
        found = {row.id: row for row in (rows.select_related(*load) if load else rows)}
        slug = Organization.objects.values_list("slug", flat=True).get(id=events[0].organization_id)
        for event in events:
            entry = found.get(event.subject_id)
            if entry is not None:
                context = {
                    "entry": present(entry),
                    "conversation_id": entry.conversation_id,
                    "organization_slug": slug,
                }
                html = render_to_string("inbox/stream/entry.html", context)
                yield Fragment(
                    event.stream, html=html, data={"revision": entry.revision, "kind": event.subject_type}
                )

    return render


for _kind in ("draft.changed", "notification.new", "notification.read", "thread.moved"):
    data_kind(_kind)
renderer("thread.message")(_entries(Message, presenters.message, ("author", "outbound")))
renderer("thread.note")(_entries(Note, presenters.note, ("author",)))
renderer("thread.line")(_entries(SystemLine, presenters.line, ()))


@renderer("inbox.act")
def acts(events: list[StreamEvent]) -> Iterable[Fragment]:
    """How far a person's act on many conversations is."""
    rows = JournalEntry.objects.filter(id__in=[event.subject_id for event in events])
    found = {row.id: row for row in rows}
    slug = Organization.objects.values_list("slug", flat=True).get(id=events[0].organization_id)
    for event in events:
        entry = found.get(event.subject_id) if event.subject_id else None
        if entry is not None:
            context = {"entry": presenters.act(entry), "organization_slug": slug}
            html = render_to_string("inbox/stream/act.html", context)
            yield Fragment(event.stream, html=html, data={"state": entry.state})
