"""Storing the calls that are taken in: one statement and one commit for all of a connection that are there at once.

Whoever comes while a statement of the same connection is on its way waits for the next one, which takes all that came
meanwhile: under load a commit is shared, alone a call waits for nobody. Nobody is answered before the commit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final
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

#: Says whether the connection is still what it was when the calls were verified, and which of them are new. Keys are
#: taken in their order, so that two statements never wait for each other.
_STORE: Final = """
WITH connection AS (
    SELECT id FROM integrations_connection
    WHERE id = %(connection)s AND credentials = %(credentials)s AND status = %(status)s
), given AS (
    SELECT * FROM unnest(
        %(id)b::uuid[], %(at)b::timestamptz[], %(key)b::text[], %(key_id)b::uuid[], %(event_type)b::text[],
        %(headers)b::text[], %(body)b::bytea[], %(size)b::int[], %(hash)b::text[]
    ) AS call (id, at, key, key_id, event_type, headers, body, size, hash)
), fresh AS (
    INSERT INTO integrations_webhookkey
        (id, organization_id, connection_id, key, delivery_id, delivery_received_at, created_at, updated_at)
    SELECT given.key_id, %(organization)s, connection.id, given.key, given.id, given.at, given.at, given.at
    FROM given CROSS JOIN connection ORDER BY given.key
    ON CONFLICT (connection_id, key) DO NOTHING
    RETURNING delivery_id
), seen AS (
    UPDATE integrations_connection SET last_webhook_at = %(now)s
    WHERE id IN (SELECT id FROM connection) AND (last_webhook_at IS NULL OR last_webhook_at < %(seen_before)s)
), stored AS (
    INSERT INTO integrations_webhookdelivery
        (id, organization_id, created_at, updated_at, received_at, connection_id, provider, event_type, state,
         reason, headers, body, size, payload_hash, duplicates, attempts, not_before, replay_count, last_error,
         outcome)
    SELECT given.id, %(organization)s, given.at, given.at, given.at, %(connection)s, %(provider)s, given.event_type,
           %(state)s, %(reason)s, given.headers::jsonb, given.body, given.size, given.hash, 0, 0,
           given.at + %(grace)s, 0, '', '[]'
    FROM given JOIN fresh ON fresh.delivery_id = given.id
    RETURNING id
)
SELECT EXISTS (SELECT FROM connection), ARRAY (SELECT id FROM stored)
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
    key_id: UUID = field(default_factory=uuid7)


_COLUMNS: Final = tuple(field.name for field in fields(Row))


class Changed(Exception):
    """The connection is not what it was when the call was verified."""


def store(known: Opened, row: Row) -> bool:
    """Store a genuine call, alone or with others; return whether it is new. Raises ``Changed`` and database errors."""
    is_new = known.line.do(row, partial(_execute, known))
    if not is_new:
        with database.cursor() as cursor:
            cursor.execute(_REPEATED, {"at": row.at, "connection": known.id, "key": row.key})
    return is_new


def state_of(known: Opened) -> tuple[str, str]:
    """Return the state in which calls of a connection are stored, and why."""
    if known.status == Connection.Status.DISABLED:
        return WebhookDelivery.State.IGNORED, "This connection is disabled."
    return WebhookDelivery.State.RECEIVED, ""


def _execute(known: Opened, rows: Sequence[Row]) -> list[bool]:
    """Store calls of one connection; say which are new. One statement is its own transaction. Raises ``Changed``."""
    newest = max(row.at for row in rows)
    state, reason = state_of(known)
    values: dict[str, Any] = {name: [getattr(row, name) for row in rows] for name in _COLUMNS}
    values |= {
        "connection": known.id,
        "organization": known.organization_id,
        "provider": known.provider,
        "credentials": known.credentials,
        "status": known.status,
        "state": state,
        "reason": reason,
        "grace": GRACE,
        "now": newest,
        "seen_before": newest - SEEN_EVERY,
    }
    [(is_unchanged, found)] = execute_prepared(_STORE, values)
    if not is_unchanged:
        raise Changed
    new = set(found)
    return [row.id in new for row in rows]
