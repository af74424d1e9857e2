"""Storing calls that are taken in: one statement for those that come at the same time, its own transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection as database
from django.db.models import Q
from pydantic_core import to_json

from integrations.models import Connection, WebhookDelivery
from integrations.services.intake_connections import Opened
from project.core.clock import now
from project.core.combining import Combiner
from project.core.db.bulk import execute_prepared

#: A received call that nobody took up by then is found by the sweeper.
GRACE: Final = timedelta(seconds=10)
#: When this process noted last that a connection was called.
_seen: dict[UUID, datetime] = {}
_MOST_SEEN: Final = 1000
_NEVER: Final = datetime.min.replace(tzinfo=UTC)
#: Calls that are stored together at most, and the body (bytes) above which one is stored by itself.
MOST: Final = 50
ALONE: Final = 8 * 1024

#: Says whether the connection is still what it was when the calls were verified, and which of them are new. Keys are
#: taken in their order, so that two processes with the same calls do not wait for each other.
_STORE: Final = """
WITH connection AS (
    SELECT id, organization_id, provider FROM integrations_connection
    WHERE id = %(connection)s AND credentials = %(credentials)s AND status = %(status)s
), given AS (
    SELECT given.*, (%(bodies)b::bytea[])[place] AS body
    FROM jsonb_to_recordset(%(rows)s::jsonb) AS given
        (place int, id uuid, at timestamptz, key text, event_type text, headers jsonb, size int, hash text)
), fresh AS (
    INSERT INTO integrations_webhookkey
        (id, organization_id, connection_id, key, delivery_id, delivery_received_at, created_at, updated_at)
    SELECT given.id, organization_id, connection.id, key, given.id, at, at, at
    FROM connection CROSS JOIN given ORDER BY key
    ON CONFLICT (connection_id, key) DO NOTHING
    RETURNING delivery_id
), stored AS (
    INSERT INTO integrations_webhookdelivery
        (id, organization_id, created_at, updated_at, received_at, connection_id, provider, event_type, state,
         reason, headers, body, size, payload_hash, duplicates, attempts, not_before, replay_count, last_error,
         outcome)
    SELECT given.id, organization_id, at, at, at, connection.id, provider, event_type, %(state)s,
           %(reason)s, headers, body, size, hash, 0, 0, at + %(grace)s, 0, '', '[]'
    FROM fresh JOIN given ON given.id = delivery_id CROSS JOIN connection
    RETURNING id
)
SELECT EXISTS (SELECT FROM connection), ARRAY(SELECT id FROM stored)
"""

_REPEATED: Final = """
UPDATE integrations_webhookdelivery AS delivery SET duplicates = duplicates + 1, updated_at = %(at)s
FROM integrations_webhookkey AS key
WHERE key.connection_id = %(connection)s AND key.key = %(key)s
  AND delivery.id = key.delivery_id AND delivery.received_at = key.delivery_received_at
"""


#: How exact ``Connection.last_webhook_at`` is kept: one write per connection and interval.
SEEN_EVERY: Final = timedelta(seconds=20)


@dataclass(frozen=True, slots=True)
class Row:
    """A call as it is stored. ``key`` is its own id if the provider gave it no name: then it is news each time."""

    id: UUID
    at: datetime
    key: str
    event_type: str
    headers: dict[str, str]
    body: bytes
    size: int
    hash: str


class Changed(Exception):
    """The connection is not what it was when the call was verified."""


def store(known: Opened, row: Row) -> bool:
    """Store a genuine call, small ones together with those of its connection that come at the same time; return
    whether it is new. Raises ``Changed`` and database errors.
    """
    # What others wait for cannot depend on whether a transaction around this ends well. Large bodies cost PostgreSQL
    # most by themselves, and several of its processes can write them at the same time.
    if database.in_atomic_block or len(row.body) > ALONE:
        [is_new] = _store(known, [row])
        return is_new
    return _combiner.do((known.id, known.credentials, known.status), (known, row))


def seen(connection_id: UUID) -> None:
    """Note that a provider called, if this process has not noted it just now."""
    at = now()
    if at - _seen.get(connection_id, _NEVER) < SEEN_EVERY:
        return
    if len(_seen) >= _MOST_SEEN:
        _seen.clear()
    _seen[connection_id] = at
    Connection.objects.filter(
        Q(last_webhook_at=None) | Q(last_webhook_at__lt=at - SEEN_EVERY), id=connection_id
    ).update(last_webhook_at=at)


def _store_together(calls: Sequence[tuple[Opened, Row]]) -> list[bool]:
    return _store(calls[0][0], [row for _, row in calls])


_combiner: Final = Combiner(_store_together, most=MOST)


def _store(known: Opened, rows: Sequence[Row]) -> list[bool]:
    """Store calls of one connection by one statement; return which of them are new."""
    state, reason = state_of(known)
    values = {
        "rows": to_json([_columns(place, row) for place, row in enumerate(rows, 1)]).decode(),
        "bodies": [row.body for row in rows],
        "connection": known.id,
        "credentials": known.credentials,
        "status": known.status,
        "state": state,
        "reason": reason,
        "grace": GRACE,
    }
    [(is_unchanged, stored)] = execute_prepared(_STORE, values)
    if not is_unchanged:
        raise Changed
    new = set(stored)
    for row in rows:
        if row.id not in new:
            with database.cursor() as cursor:
                cursor.execute(_REPEATED, {"at": row.at, "connection": known.id, "key": row.key})
    return [row.id in new for row in rows]


def _columns(place: int, row: Row) -> dict[str, Any]:
    return {
        "place": place,
        "id": row.id,
        "at": row.at,
        "key": row.key,
        "event_type": row.event_type,
        "headers": row.headers,
        "size": row.size,
        "hash": row.hash,
    }


def state_of(known: Opened) -> tuple[str, str]:
    """Return the state in which calls of a connection are stored, and why."""
    if known.status == Connection.Status.DISABLED:
        return WebhookDelivery.State.IGNORED, "This connection is disabled."
    return WebhookDelivery.State.RECEIVED, ""
