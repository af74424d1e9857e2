"""Storing a call that is taken in: one statement, which is its own transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import connection as database

from integrations.models import Connection, WebhookDelivery
from integrations.services.intake_connections import Opened
from project.core.db.bulk import execute_prepared
from project.core.ids import uuid7

#: A received call that nobody took up by then is found by the sweeper.
GRACE: Final = timedelta(seconds=10)
#: How exact ``Connection.last_webhook_at`` is kept: one write per connection and interval.
SEEN_EVERY: Final = timedelta(seconds=20)

#: Says whether the connection is still what it was when the call was verified, and whether the call is new.
_STORE: Final = """
WITH connection AS (
    SELECT id FROM integrations_connection
    WHERE id = %(connection)s AND credentials = %(credentials)s AND status = %(status)s
), fresh AS (
    INSERT INTO integrations_webhookkey
        (id, organization_id, connection_id, key, delivery_id, delivery_received_at, created_at, updated_at)
    SELECT %(key_id)s, %(organization)s, id, %(key)s, %(id)s, %(at)s, %(at)s, %(at)s
    FROM connection
    ON CONFLICT (connection_id, key) DO NOTHING
    RETURNING delivery_id
), seen AS (
    UPDATE integrations_connection SET last_webhook_at = %(at)s
    WHERE id IN (SELECT id FROM connection) AND (last_webhook_at IS NULL OR last_webhook_at < %(seen_before)s)
), stored AS (
    INSERT INTO integrations_webhookdelivery
        (id, organization_id, created_at, updated_at, received_at, connection_id, provider, event_type, state,
         reason, headers, body, size, payload_hash, duplicates, attempts, not_before, replay_count, last_error,
         outcome)
    SELECT %(id)s, %(organization)s, %(at)s, %(at)s, %(at)s, %(connection)s, %(provider)s, %(event_type)s, %(state)s,
           %(reason)s, %(headers)s::jsonb, %(body)s, %(size)s, %(hash)s, 0, 0, %(not_before)s, 0, '', '[]'
    FROM fresh
    RETURNING id
)
SELECT EXISTS (SELECT FROM connection), EXISTS (SELECT FROM stored)
"""

_REPEATED: Final = """
UPDATE integrations_webhookdelivery AS delivery SET duplicates = duplicates + 1, updated_at = %(at)s
FROM integrations_webhookkey AS key
WHERE key.connection_id = %(connection)s AND key.key = %(key)s
  AND delivery.id = key.delivery_id AND delivery.received_at = key.delivery_received_at
"""


@dataclass(frozen=True, slots=True)
class Row:
    """A call as it is stored. ``key`` is its own id if the provider gave it no name: then it is news each time."""

    id: UUID
    at: datetime
    key: str
    event_type: str
    headers: str
    body: bytes
    size: int
    hash: str


class Changed(Exception):
    """The connection is not what it was when the call was verified."""


def store(known: Opened, row: Row) -> bool:
    """Store a genuine call; return whether it is new. Raises ``Changed`` and database errors."""
    state, reason = state_of(known)
    values = {
        "id": row.id,
        "key_id": uuid7(),
        "at": row.at,
        "key": row.key,
        "event_type": row.event_type,
        "headers": row.headers,
        "body": row.body,
        "size": row.size,
        "hash": row.hash,
        "connection": known.id,
        "organization": known.organization_id,
        "provider": known.provider,
        "credentials": known.credentials,
        "status": known.status,
        "state": state,
        "reason": reason,
        "not_before": row.at + GRACE,
        "seen_before": row.at - SEEN_EVERY,
    }
    [(is_unchanged, is_new)] = execute_prepared(_STORE, values)
    if not is_unchanged:
        raise Changed
    if not is_new:
        with database.cursor() as cursor:
            cursor.execute(_REPEATED, {"at": row.at, "connection": known.id, "key": row.key})
    return bool(is_new)


def state_of(known: Opened) -> tuple[str, str]:
    """Return the state in which calls of a connection are stored, and why."""
    if known.status == Connection.Status.DISABLED:
        return WebhookDelivery.State.IGNORED, "This connection is disabled."
    return WebhookDelivery.State.RECEIVED, ""
