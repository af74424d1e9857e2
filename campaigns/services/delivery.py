"""What became of each e-mail and text: one row per send, with the first time of each thing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from campaigns.models import SendOutcome
from campaigns.services import brakes
from integrations.models import OutboundMessage
from project.core.clock import now
from project.core.db.bulk import any_of, update_rows

CHANNELS = frozenset({"email", "sms"})


def left(outbound: OutboundMessage) -> SendOutcome | None:
    """Begin the row of a send that left; ``None`` on channels that report nothing back."""
    if outbound.channel not in CHANNELS or outbound.already:
        return None
    row: SendOutcome
    row, _ = SendOutcome.objects.get_or_create(
        outbound_id=outbound.id,
        defaults={
            "client_id": outbound.client_id,
            "sender_id": outbound.sender_id,
            "channel": outbound.channel,
            "domain": str(outbound.recipient.get("email", "")).rpartition("@")[2].lower()[:255],
            "lead_id": outbound.lead_id,
            "campaign_id": outbound.campaign_id,
            "import_id": brakes.list_of(outbound.lead_id),
            "sent_at": outbound.sent_at or now(),
        },
    )
    return row


def note_many(
    told: Sequence[tuple[OutboundMessage, str, datetime]],
) -> list[tuple[SendOutcome | None, bool]]:
    """``note`` for several things in their order, with few statements."""
    ids = {outbound.id for outbound, _, _ in told if outbound.channel in CHANNELS}
    rows: dict[UUID, SendOutcome] = (
        {row.outbound_id: row for row in SendOutcome.objects.filter(outbound_id__in=any_of(ids))}
        if ids
        else {}
    )
    changed: dict[UUID, SendOutcome] = {}
    columns: set[str] = set()
    noted: list[tuple[SendOutcome | None, bool]] = []
    for outbound, column, at in told:
        row = rows.get(outbound.id) or left(outbound)
        if row is None:
            noted.append((None, False))
            continue
        rows[outbound.id] = row
        known: datetime | None = getattr(row, column)
        if known is None or at < known:
            setattr(row, column, at)
            changed[row.id] = row
            columns.add(column)
        noted.append((row, known is None))
    update_rows(list(changed.values()), sorted(columns))
    return noted


def note(outbound: OutboundMessage, column: str, at: datetime) -> tuple[SendOutcome | None, bool]:
    """Write when something happened to a send, and say whether it is the first time that we hear of it.

    Reports come in any order: the earliest time stays. The sender's lock is held.
    """
    return note_many([(outbound, column, at)])[0]
