"""Many sends of campaigns into the outbox with one statement: what the engine's batches need.

Campaigns wrote these rows in the same transaction, so nobody is told of each; open pages hear of the accounts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.db import connection

from integrations import streams
from project.core.clock import now
from project.core.db.bulk import as_json
from project.core.ids import uuid7
from project.core.scoping import current_organization_id

if TYPE_CHECKING:
    from integrations.services.outbox import Draft

_INSERT = """
INSERT INTO integrations_outboundmessage (
    id, organization_id, created_at, updated_at, client_id, sender_id, channel, action, origin, dedupe_key, lead_id,
    campaign_id, enrollment_id, node_id, visit, variant_id, recipient, body, payload, state, not_before, attempts,
    reservation, message_id, provider_message_id, chat_id, provider_chat_id, invitation_id, already, hold_code,
    hold_reason, error_kind, error_detail
)
SELECT id, %(organization)s, %(now)s, %(now)s, client_id, sender_id, channel, action, origin, dedupe_key, lead_id,
    campaign_id, enrollment_id, node_id, visit, variant_id, recipient, body, payload, 'queued', %(now)s, 0,
    reservation, '', '', '', '', '', '', '', '', '', ''
FROM jsonb_to_recordset(%(rows)s::jsonb) AS draft (
    id uuid, client_id uuid, sender_id uuid, channel text, action text, origin text, dedupe_key text, lead_id uuid,
    campaign_id uuid, enrollment_id uuid, node_id text, visit int, variant_id text, recipient jsonb, body text,
    payload jsonb, reservation jsonb
)
ON CONFLICT (organization_id, dedupe_key) DO NOTHING
RETURNING dedupe_key
"""


def plain_text(text: str) -> str:
    """``text`` as it is kept: providers compare it exactly, so line ends are settled once; NUL cannot be stored."""
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")


def insert(drafts: Sequence[Draft]) -> set[str]:
    """Queue drafts that are due at once; return the dedupe keys that were not there already."""
    if not drafts:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(
            _INSERT,
            {
                "organization": current_organization_id(),
                "now": now(),
                "rows": as_json([_row(draft) for draft in drafts]),
            },
        )
        created = {key for (key,) in cursor.fetchall()}
    streams.many_rates_changed({draft.sender.id for draft in drafts if draft.dedupe_key in created})
    return created


def _row(draft: Draft) -> dict[str, Any]:
    return {
        "id": uuid7(),
        "client_id": draft.client_id,
        "sender_id": draft.sender.id,
        "channel": draft.channel,
        "action": draft.action,
        "origin": draft.origin,
        "dedupe_key": draft.dedupe_key,
        "lead_id": draft.lead_id,
        "campaign_id": draft.campaign_id,
        "enrollment_id": draft.enrollment_id,
        "node_id": draft.node_id,
        "visit": draft.visit,
        "variant_id": draft.variant_id,
        "recipient": draft.recipient,
        "body": plain_text(draft.body),
        "payload": draft.payload,
        "reservation": draft.reservation,
    }
