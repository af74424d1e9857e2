"""How long raw calls of providers and the events read from them are kept."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.db import connection, transaction

from integrations.models import ProviderEvent, WebhookDelivery
from project.core.ids import first_uuid7
from project.core.retention import Ledger

_KEYS: Final = """
DELETE FROM integrations_webhookkey WHERE id = ANY(ARRAY(
    SELECT id FROM integrations_webhookkey WHERE id < %s AND delivery_received_at < %s ORDER BY id LIMIT %s))
"""
BATCH: Final = 20_000
BATCHES: Final = 500


def forget_keys(before: datetime) -> None:
    """Delete the keys of calls that went: a provider that repeats one so late tells nothing that is not known.

    The keys of events stay, by which what a call tells is recognised whatever brings it.
    """
    for _ in range(BATCHES):
        with transaction.atomic(), connection.cursor() as cursor:
            # A key is made when its call comes in, so that its id says when that was.
            cursor.execute(_KEYS, [first_uuid7(before), before, BATCH])
            if cursor.rowcount < BATCH:
                return


CALLS: Final = Ledger(
    model=WebhookDelivery,
    setting="KEEP_CALLS_MONTHS",
    finished="kept.state NOT IN ('received', 'processing', 'failed')",
    unfinished="calls that are still to be read",
    tidy=forget_keys,
)
EVENTS: Final = Ledger(model=ProviderEvent, setting="KEEP_EVENTS_MONTHS", finished="true", unfinished="")
