"""Counting a day of an account again, and back-filling what is missing of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

from django.db import transaction

from integrations.errors import ProviderError
from integrations.models import LedgerIncident, ProviderEventKey, SenderAccount, SyncRun
from integrations.services import ledger, readers, sync
from integrations.services.adapters import StoredKnowledge, adapter_of
from integrations.services.sync_sources import can_list, source_of
from project.core.clock import now
from project.core.http import deadline
from project.core.refusals import Refused
from project.tenancy import audit
from project.tenancy.models import User

#: Pages that a preview reads, and seconds that it takes: somebody waits for it.
PREVIEW_PAGES: Final = 10
PREVIEW_S: Final = 8.0
#: Why a preview was not read to its end.
_SLOW: Final = f"the provider answers slowly, and in {PREVIEW_S:g} seconds it has"
_PUT_OFF: Final = "the provider puts us off for now, and until then it has"


@dataclass(frozen=True, slots=True)
class Preview:
    """What a back-fill would find. Not ``complete``: there is more than was looked at, or could be in the time."""

    listed: int
    missing: int
    complete: bool
    note: str = ""


def preview(*, sender: SenderAccount, since: datetime, until: datetime) -> Preview:
    """Count what the provider lists of a window and what of it is not here; nothing is recorded.

    Takes ``PREVIEW_S`` at most. What was counted stands when the time runs out, or when the provider then puts us off;
    the note says so. Raises ``Refused`` for a window that cannot be read, and ``ProviderError``.
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
    with deadline.deadline(PREVIEW_S):
        for _page in range(PREVIEW_PAGES):
            try:
                page = source.page(since=since, before=until, cursor=cursor)
            except ProviderError as error:
                # Whoever would have to wait longer than there is time for is told so at once.
                if deadline.has_passed():
                    return _cut_off(_SLOW, listed, missing)
                if error.transient and listed:
                    return _cut_off(_PUT_OFF, listed, missing)
                raise
            keys = [told.events[0].dedupe_key for told in page.items if told.events]
            known = ProviderEventKey.objects.filter(sender_id=sender.id, key__in=keys).count()
            listed, missing = listed + len(keys), missing + len(keys) - known
            note, cursor = page.note or note, page.cursor
            if cursor is None:
                break
            if deadline.has_passed():
                return _cut_off(_SLOW, listed, missing)
    return Preview(listed, missing, complete=cursor is None, note=note)


def _cut_off(why: str, listed: int, missing: int) -> Preview:
    """What a preview says that was not read to its end."""
    what = f"{listed:,} message{'' if listed == 1 else 's'}, {missing:,} of them not here"
    counted = what if listed else "nothing yet"
    note = f"Incomplete: {why} listed {counted}. A back-fill takes its time and reads everything."
    return Preview(listed, missing, complete=False, note=note)


def count(
    *, sender: SenderAccount, day: date, trigger: str, actor: User | None = None, together: bool = False
) -> SyncRun | None:
    """Count a day of an account, or of all that are read ``together`` with it; ``None`` if a run is under way.

    Raises ``Refused`` where the provider lists nothing.
    """
    if not can_list(sender.connection.provider):
        raise Refused(
            "This provider does not list what there was; only its webhooks tell.", code="NOT_LISTED"
        )
    since, until = ledger.bounds(day)
    return sync.request(
        sender=sender,
        resource=sync.LEDGER,
        trigger=trigger,
        actor=actor,
        since=since,
        until=until,
        together=together,
    )


def count_all(*, senders: Iterable[SenderAccount], day: date, actor: User) -> int:
    """Count a day of several accounts; return how many are counted. Left out are those whose provider lists nothing,
    and those of which something is being read. Accounts that are read together are counted by one run.
    """
    groups: dict[UUID, list[SenderAccount]] = {}
    for sender in senders:
        if can_list(sender.connection.provider):
            is_shared = readers.is_shared(sender.connection.provider)
            groups.setdefault(sender.connection_id if is_shared else sender.id, []).append(sender)
    counted = 0
    for group in groups.values():
        together = readers.is_shared(group[0].connection.provider)
        run = count(sender=group[0], day=day, trigger="person", actor=actor, together=together)
        counted += len(group) if run is not None else 0
    return counted


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
