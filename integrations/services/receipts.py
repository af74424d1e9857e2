"""Receipts of the other side: delivered, seen. They may come before it is known which of our sends they are about."""

from __future__ import annotations

from collections.abc import Sequence

from integrations.domain_events import OutboundChanged
from integrations.events import MessageDelivered, MessageOpened, MessageRead, dedupe_key, from_json
from integrations.models import OutboundMessage, ProviderEvent, ProviderEventKey
from project.core.db.bulk import update_rows
from project.core.events import publish_many

Receipt = MessageDelivered | MessageRead | MessageOpened
#: Those that come once for each message, so that their keys are known before they are looked for.
_ONCE = ("message_delivered", "message_read")


def note_all(told: Sequence[tuple[Receipt, OutboundMessage]]) -> None:
    """Store that messages were delivered, or seen by the other side; in the order in which it was told."""
    changed = {outbound.id: outbound for receipt, outbound in told if _take(receipt, outbound)}
    update_rows(list(changed.values()), ["seen_at", "delivered_at", "error_kind", "error_detail"])
    publish_many([OutboundChanged(outbound=row, previous=row.state) for row in changed.values()])


def _take(receipt: Receipt, outbound: OutboundMessage) -> bool:
    """Let an outbox row learn from a receipt; say whether there was anything to learn. A machine sees nothing."""
    before = (outbound.seen_at, outbound.delivered_at, outbound.error_kind)
    if isinstance(receipt, MessageRead | MessageOpened):
        by_other = not (receipt.is_machine if isinstance(receipt, MessageOpened) else receipt.reader.is_self)
        if not by_other or outbound.seen_at is not None:
            return False
        outbound.seen_at = receipt.occurred_at
    # Whoever has seen a message has got it.
    outbound.delivered_at = outbound.delivered_at or receipt.occurred_at
    if outbound.error_kind == "undelivered":
        outbound.error_kind = outbound.error_detail = ""
    return before != (outbound.seen_at, outbound.delivered_at, outbound.error_kind)


def note_earlier(outbound: OutboundMessage) -> None:
    """Note what came before the ids of a send were known. The caller holds the account's lock and has just learnt them.

    Webhooks are faster than answers at times: somebody may have seen a message before our call has returned.
    """
    refs = [outbound.provider_message_id, f"m.{outbound.message_id}" if outbound.message_id else ""]
    keys = [
        dedupe_key(kind, outbound.sender.provider_account_id, ref) for kind in _ONCE for ref in refs if ref
    ]
    found = ProviderEventKey.objects.filter(sender=outbound.sender, key__in=keys).values_list(
        "event_id", flat=True
    )
    # Two look-ups: the ledger is partitioned, and most sends have nothing there yet.
    ids = list(found)
    for row in ProviderEvent.objects.filter(id__in=ids).order_by("occurred_at") if ids else ():
        event = from_json(row.payload)
        if isinstance(event, MessageDelivered | MessageRead):
            note_all([(event, outbound)])
