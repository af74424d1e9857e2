"""Reports on messages, many at once: delivered, seen, opened, put off.

What one does to its message is what ``changes.apply_change`` says; a run of them costs a few statements. Reports that
come before their message are kept for it, as everywhere. The caller holds the sender's lock.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from uuid import UUID

from django.db.models import Q

from campaigns.events import MessageMatched
from inbox import streams
from inbox.models import Conversation, Message, PendingChange
from inbox.services import changes, messages
from integrations.events import to_json
from integrations.models import OutboundMessage, SenderAccount
from integrations.services.events import is_report
from project.core.db.bulk import any_of, insert_rows, update_rows
from project.core.realtime import emit_each


def on_messages_matched(matched: Sequence[MessageMatched]) -> None:
    """Bring facts about messages into their threads, in their order."""
    for together, run in groupby(matched, key=lambda one: is_report(one.event)):
        if together:
            on_reports(list(run))
        else:
            for one in run:
                messages.on_message_matched(one)


def on_reports(matched: Sequence[MessageMatched]) -> None:
    """Apply reports about messages of one sender, in their order."""
    shown = [one for one in matched if not isinstance(one.event, changes.NOT_SHOWN)]
    if not shown:
        return
    ids = _messages_of(shown)
    conversations = _locked({conversation_id for _, conversation_id in ids.values()})
    rows = {
        row.id: row for row in Message.objects.filter(id__in=any_of({known for known, _ in ids.values()}))
    }
    changed: dict[UUID, Message] = {}
    waiting: list[dict[str, object]] = []
    for one in shown:
        found = ids.get(one.event_id)
        if found is None:
            waiting += [
                {"sender_id": one.sender.id, "message_ref": ref, "event": to_json(one.event)}
                for ref in changes.refs(one.event, one.outbound)
            ]
            one.outcome["inbox"] = changes.KEPT
            continue
        message, conversation = rows[found[0]], conversations[found[1]]
        one.outcome["conversation_id"] = str(conversation.id)
        if changes.apply_change(message, one.event):
            changed[message.id] = message
        one.outcome["inbox"] = changes.applied(conversation)
    insert_rows(PendingChange, waiting)
    update_rows(list(changed.values()), ["state", "seen_at", "delivered_at"])
    emit_each(
        [
            (streams.conversation(row.conversation_id), "thread.message", ("message", row.id),
             {"conversation_id": str(row.conversation_id)})
            for row in changed.values()
        ]
    )  # fmt: skip


def _messages_of(matched: Sequence[MessageMatched]) -> dict[UUID, tuple[UUID, UUID]]:
    """Return by event the (message, conversation) that it is about: of our send, else by either id."""
    sender = matched[0].sender
    outbounds = {one.outbound.id for one in matched if one.outbound is not None}
    found = _first(Q(outbound__in=any_of(outbounds)), sender, matched) if outbounds else {}
    rest = [one for one in matched if one.event_id not in found]
    ids = frozenset().union(*(one.event.message_ids for one in rest), frozenset())
    if ids:
        named = Q(provider_message_id__in=ids) | Q(api_message_id__in=ids)
        found |= _first(named, sender, rest)
    return found


def _first(
    condition: Q, sender: SenderAccount, matched: Sequence[MessageMatched]
) -> dict[UUID, tuple[UUID, UUID]]:
    by_name: dict[object, tuple[UUID, UUID]] = {}
    rows = Message.objects.filter(condition, conversation__sender=sender).order_by("created_at", "id")
    names = "outbound_id", "provider_message_id", "api_message_id"
    for message_id, conversation_id, *known in rows.values_list("id", "conversation_id", *names):
        for name in filter(None, known):
            by_name.setdefault(name, (message_id, conversation_id))
    found = {}
    for one in matched:
        wanted = [*_own(one.outbound), *sorted(one.event.message_ids)]
        hit = next((by_name[name] for name in wanted if name in by_name), None)
        if hit is not None:
            found[one.event_id] = hit
    return found


def _own(outbound: OutboundMessage | None) -> list[object]:
    return [outbound.id] if outbound is not None else []


def _locked(ids: set[UUID]) -> dict[UUID, Conversation]:
    rows = Conversation.objects.select_for_update(of=("self",)).select_related("lead", "sender")
    return {row.id: row for row in rows.filter(id__in=any_of(ids)).order_by("id")}
