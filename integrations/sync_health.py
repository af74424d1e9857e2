"""How fresh the records of accounts are: for the API, for alerts and for reliability."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from integrations.models import SenderAccount, SyncCursor, SyncRun
from integrations.services import readers
from integrations.sync_selectors import ACTIVE, sync_status
from project.core.clock import now


def health_of(accounts: list[SenderAccount]) -> list[dict[str, Any]]:
    """Return how fresh accounts are, in a constant number of queries. Needs their connections."""
    shared = readers.readers_for(
        {row.connection_id for row in accounts if readers.is_shared(row.connection.provider)}
    )
    asked = {*(row.id for row in accounts), *shared.values()}
    cursors: dict[UUID, list[SyncCursor]] = {}
    for cursor in SyncCursor.objects.filter(sender_id__in=asked).order_by("resource"):
        cursors.setdefault(cursor.sender_id, []).append(cursor)
    latest = SyncRun.objects.filter(sender_id__in=asked).order_by("sender_id", "-created_at")
    runs = {run.sender_id: run for run in latest.distinct("sender_id")}
    found = []
    for account in accounts:
        reader = shared.get(account.connection_id, account.id)
        told = cursors.get(account.id, []) + (cursors.get(reader, []) if reader != account.id else [])
        found.append(_health(account, told, runs.get(account.id) or runs.get(reader)))
    return found


def _health(sender: SenderAccount, cursors: list[SyncCursor], run: SyncRun | None) -> dict[str, Any]:
    if not readers.can_read(sender.connection.provider):
        # It is told by webhooks alone: an attempt to read it, of long ago, is no trouble of today.
        cursors = []
    messages = next((cursor for cursor in cursors if cursor.resource == "messages"), None)
    failing = next((cursor for cursor in cursors if cursor.last_error), None)
    success = messages.last_success_at if messages else None
    heard = [moment for moment in (success, sender.last_webhook_at) if moment]
    status = sync_status(sender, messages, run)
    is_active = run is not None and run.state in ACTIVE
    return {
        "sender_id": sender.id,
        "status": "running" if is_active else "failing" if failing else status,
        "message_sync_status": status,
        "last_message_sync_at": success,
        "last_message_sync_error": messages.last_error if messages else "",
        "note": messages.note if messages else "",
        "lag_seconds": max(0, int((now() - max(heard)).total_seconds())) if heard else None,
        "last_success_at": success,
        "last_error": failing.last_error if failing else "",
        "last_error_at": failing.last_error_at if failing else None,
        "next_try_at": min((cursor.next_try_at for cursor in cursors if cursor.next_try_at), default=None),
        "run": run,
    }
