"""What became of each e-mail and text: one row per send, with the first time of each thing."""

from __future__ import annotations

from datetime import datetime

from campaigns.models import SendOutcome
from campaigns.services import brakes
from integrations.models import OutboundMessage
from project.core.clock import now

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


def note(outbound: OutboundMessage, column: str, at: datetime) -> tuple[SendOutcome | None, bool]:
    """Write when something happened to a send, and say whether it is the first time that we hear of it.

    Reports come in any order: the earliest time stays. The sender's lock is held.
    """
    row = left(outbound)
    if row is None:
        return None, False
    known: datetime | None = getattr(row, column)
    if known is None or at < known:
        setattr(row, column, at)
        row.save(update_fields=[column, "updated_at"])
    return row, known is None
