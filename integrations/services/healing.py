"""Counting a day of an account again, and back-filling what is missing of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from django.db import transaction

from integrations.models import LedgerIncident, ProviderEventKey, SenderAccount, SyncRun
from integrations.services import ledger, sync
from integrations.services.adapters import StoredKnowledge, adapter_of
from integrations.services.sync_sources import can_list, source_of
from project.core.clock import now
from project.core.refusals import Refused
from project.tenancy import audit
from project.tenancy.models import User

#: Pages that a preview reads: somebody waits for it.
PREVIEW_PAGES: Final = 10


@dataclass(frozen=True, slots=True)
class Preview:
    """What a back-fill would find. Not ``complete``: there is more than was looked at."""

    listed: int
    missing: int
    complete: bool
    note: str = ""


def preview(*, sender: SenderAccount, since: datetime, until: datetime) -> Preview:
    """Count what the provider lists of a window and what of it is not here; nothing is recorded.

    Raises ``Refused`` for a window that cannot be read, and ``ProviderError``.
    """
    sync.check_window(since, until)
    if not can_list(sender.connection.provider):
        raise Refused(
            "This provider does not list what there was; only its webhooks tell.", code="NOT_LISTED"
        )
    knowledge = StoredKnowledge(sender.connection_id)
    source = source_of(adapter_of(sender.connection), sender, knowledge, now())
    listed = missing = 0
    note, cursor = "", None
    for _page in range(PREVIEW_PAGES):
        page = source.page(since=since, before=until, cursor=cursor)
        keys = [told.events[0].dedupe_key for told in page.items if told.events]
        known = ProviderEventKey.objects.filter(sender_id=sender.id, key__in=keys).count()
        listed, missing = listed + len(keys), missing + len(keys) - known
        note, cursor = page.note or note, page.cursor
        if cursor is None:
            break
    return Preview(listed, missing, complete=cursor is None, note=note)


def count(*, sender: SenderAccount, day: date, trigger: str, actor: User | None = None) -> SyncRun | None:
    """Count a day of an account; ``None`` if a run of the account is under way. Raises ``Refused`` where the provider
    lists nothing.
    """
    if not can_list(sender.connection.provider):
        raise Refused(
            "This provider does not list what there was; only its webhooks tell.", code="NOT_LISTED"
        )
    since, until = ledger.bounds(day)
    return sync.request(
        sender=sender, resource=sync.LEDGER, trigger=trigger, actor=actor, since=since, until=until
    )


def count_all(*, senders: Iterable[SenderAccount], day: date, actor: User) -> int:
    """Count a day of several accounts; return how many are counted. Left out are those whose provider lists nothing,
    and those of which something is being read.
    """
    listing = [sender for sender in senders if can_list(sender.connection.provider)]
    return sum(count(sender=sender, day=day, trigger="person", actor=actor) is not None for sender in listing)


def heal(*, incident: LedgerIncident, actor: User | None) -> SyncRun | None:
    """Back-fill the day of an incident, and count it again after; ``None`` if a run of the account is under way."""
    since, until = ledger.bounds(incident.day)
    with transaction.atomic():
        run = sync.request(
            sender=incident.sender,
            resource=sync.HISTORY,
            trigger=sync.HEAL,
            actor=actor,
            since=since,
            until=until,
            expected=incident.missing,
        )
        if run is not None:
            rows = LedgerIncident.objects.filter(id=incident.id)
            rows.update(attempts=incident.attempts + 1, updated_at=now())
            if actor is not None:
                audit.record(
                    actor=actor, action="ledger.heal", subject=incident.sender, day=str(incident.day)
                )
    return run
