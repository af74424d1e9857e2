"""Acts of a person on one or many leads, written into a journal from which they can be taken back.

The leads are worked on in chunks, each in a transaction of its own, so that an act of thousands survives a restart and
its progress is true. What could not be done is listed with its reason; the rest is done.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction

from campaigns import streams
from campaigns.models import Lead, LeadAct, LeadActItem, LeadImport
from campaigns.models.lead_acts import FINAL_LEAD_ACTS, LEAD_ACT_UNDO_FOR, LEAD_ACTS_KEPT
from campaigns.services import import_reversal, lead_changes
from project.core.clock import now
from project.core.realtime import emit
from project.core.refusals import Invalid
from project.core.tasks import enqueue
from project.tenancy import audit
from project.tenancy.models import User

#: As many as a request does by itself; more are done by a worker, with progress on the screen.
AT_ONCE: Final = 25
#: Most that one act may be asked for.
MOST: Final = 20_000
CHUNK: Final = 100
_PRUNED_AT_ONCE: Final = 20
_FORGOTTEN_AFTER: Final = timedelta(minutes=2)
_Item = LeadActItem.State
CHANGES: Final = {**lead_changes.CHANGES, "undo_import": import_reversal.CHANGE}


class LeadActRefused(Invalid):
    """The act is not possible; the message says why."""


@transaction.atomic
def begin(*, act: str, lead_ids: Sequence[UUID], given: Mapping[str, Any], actor: User) -> LeadAct:
    """Write down what is to be done to which leads; ``run`` or a worker does it.

    The caller has checked that the leads are within the actor's reach. Raises ``Invalid`` for an act or a choice that
    there is not, for no lead and for more than ``MOST``.
    """
    change = CHANGES.get(act)
    if change is None:
        raise LeadActRefused("Choose what to do.", field="act")
    ids = list(dict.fromkeys(lead_ids))
    if not ids:
        raise LeadActRefused("Pick at least one person.", field="leads")
    if len(ids) > MOST:
        raise LeadActRefused(
            f"At most {MOST:,} people can be changed at once. Narrow the table with filters.", field="leads"
        )
    about = change.check(given)
    entry: LeadAct = LeadAct.objects.create(
        act=act, given=dict(given), about=about[:200], actor=actor, total=len(ids)
    )
    LeadActItem.objects.bulk_create(
        [LeadActItem(entry=entry, lead_id=lead_id) for lead_id in ids], batch_size=2_000
    )
    audit.record(actor=actor, action="leads.changed", subject=entry, act=act, about=about, leads=len(ids))
    if len(ids) > AT_ONCE:
        _work(entry)
    return entry


@transaction.atomic
def undo_import(*, lead_import: LeadImport, actor: User) -> LeadAct:
    """Take an import back, as an act on everybody it made or changed: whoever it made is removed, except those who have
    replied, and so is whoever stayed for it alone when the import that made them was taken back; what it filled in for
    others is emptied again.

    Campaigns stop for those who are removed. Raises ``LeadActRefused`` for an import that has done nothing, that runs
    or that was taken back.
    """
    locked = LeadImport.objects.select_for_update(of=("self",)).get(id=lead_import.id)
    if locked.undone_at is not None:
        raise LeadActRefused("This import was taken back already.")
    if locked.state in {LeadImport.State.RUNNING, LeadImport.State.PREVIEWING}:
        raise LeadActRefused("The import still runs. Cancel it first.")
    entry: LeadAct = LeadAct.objects.create(
        act="undo_import", given={"import": str(locked.id)}, about=locked.file_name[:200], actor=actor
    )
    with connection.cursor() as cursor:
        cursor.execute(_ITEMS_OF_IMPORT, [entry.id, locked.id])
        entry.total = cursor.rowcount
    if not entry.total:
        raise LeadActRefused("This import changed nobody.")
    entry.save(update_fields=["total", "updated_at"])
    locked.undone_at, locked.undo_act = now(), entry
    locked.save(update_fields=["undone_at", "undo_act", "updated_at"])
    audit.record(actor=actor, action="import.undone", subject=locked, leads=entry.total)
    if entry.total > AT_ONCE:
        _work(entry)
        return entry
    return run(entry_id=entry.id)


#: An import may have made more people than are to be written one by one.
_ITEMS_OF_IMPORT: Final = """
INSERT INTO campaigns_leadactitem
    (id, organization_id, created_at, updated_at, entry_id, lead_id, state, before, why)
SELECT gen_random_uuid(), organization_id, now(), now(), %s, lead_id, 'waiting', '{}', ''
FROM campaigns_leadimportlead WHERE lead_import_id = %s
"""


def perform(*, act: str, lead_ids: Sequence[UUID], given: Mapping[str, Any], actor: User) -> LeadAct:
    """Do an act: at once on a few leads, by a worker on many. Raises like ``begin``."""
    entry = begin(act=act, lead_ids=lead_ids, given=given, actor=actor)
    return run(entry_id=entry.id) if entry.total <= AT_ONCE else entry


def _work(entry: LeadAct) -> None:
    from campaigns.tasks import run_lead_act

    enqueue(run_lead_act, entry_id=entry.id)


def run(*, entry_id: UUID) -> LeadAct:
    """Do, or take back, what is left of an entry. Several may run it at once: each lead is taken by one of them."""
    entry: LeadAct = LeadAct.objects.select_related("actor").get(id=entry_id)
    while entry.state in {LeadAct.State.RUNNING, LeadAct.State.UNDOING} and _next_chunk(entry):
        pass
    return entry.refreshed()


@transaction.atomic
def _next_chunk(entry: LeadAct) -> bool:
    """Work on the next leads; say whether there were some. After the last ones the entry is done."""
    is_undo = entry.state == LeadAct.State.UNDOING
    waiting = LeadActItem.objects.filter(entry=entry, state=_Item.DONE if is_undo else _Item.WAITING)
    items = list(
        waiting.select_for_update(skip_locked=True, of=("self",))
        .select_related("lead")
        .order_by("-id" if is_undo else "id")[:CHUNK]
    )
    if items:
        failed = _take_back(entry, items) if is_undo else _do(entry, items)
        LeadActItem.objects.bulk_update(items, ["state", "before", "why", "updated_at"])
        _advance(entry, len(items), failed, is_undo=is_undo)
    elif not waiting.exists():
        _finish(entry)
    return bool(items)


def _do(entry: LeadAct, items: list[LeadActItem]) -> int:
    leads: list[Lead] = [item.lead for item in items]
    result = CHANGES[entry.act].do(leads, entry.given, entry.actor)
    for item in items:
        item.why = result.refused.get(item.lead_id, "")
        item.before = result.before.get(item.lead_id, {})
        item.state = _Item.FAILED if item.why else _Item.DONE
        item.updated_at = now()
    return len(result.refused)


def _take_back(entry: LeadAct, items: list[LeadActItem]) -> int:
    changed = [(item.lead, item.before) for item in items if item.before]
    kept = CHANGES[entry.act].undo(changed, entry.given, entry.actor) if changed else {}
    for item in items:
        item.why = kept.get(item.lead_id, "")
        item.state = _Item.KEPT if item.why else _Item.UNDONE
        item.updated_at = now()
    return len(kept)


def _advance(entry: LeadAct, looked_at: int, failed: int, *, is_undo: bool) -> None:
    locked = LeadAct.objects.select_for_update(of=("self",)).get(id=entry.id)
    if is_undo:
        locked.back += looked_at
        locked.kept += failed
    else:
        locked.done += looked_at
        locked.failed += failed
    locked.save(update_fields=["done", "failed", "back", "kept", "updated_at"])
    _changed(entry)


def _finish(entry: LeadAct) -> None:
    rows = LeadAct.objects.filter(id=entry.id, state=entry.state)
    if entry.state == LeadAct.State.UNDOING:
        done = rows.update(state=LeadAct.State.UNDONE, undone_at=now(), updated_at=now())
    else:
        done = rows.update(state=LeadAct.State.DONE, updated_at=now())
    if done:
        _changed(entry)


def _changed(entry: LeadAct) -> None:
    emit(stream=streams.lead_act(entry.id), kind="lead_act.changed", subject=("lead_act", entry.id), data={})


def can_undo(entry: LeadAct) -> bool:
    """Whether an act can be taken back now."""
    return (
        entry.state == LeadAct.State.DONE
        and entry.act not in FINAL_LEAD_ACTS
        and entry.created_at >= now() - LEAD_ACT_UNDO_FOR
    )


@transaction.atomic
def undo(*, entry_id: UUID, actor: User) -> LeadAct:
    """Take an act back: everybody is as they were, except where somebody has changed it since.

    At once for a few leads, by a worker for many. Raises ``LeadActRefused`` for an act of somebody else, one that is
    not done, that was taken back, that is too old or that is final.
    """
    entry: LeadAct = LeadAct.objects.select_for_update(of=("self",)).select_related("actor").get(id=entry_id)
    if entry.actor_id != actor.id:
        raise LeadActRefused("Only the person who did this can take it back.")
    if entry.act in FINAL_LEAD_ACTS:
        raise LeadActRefused("This cannot be taken back.")
    if entry.state in {LeadAct.State.UNDOING, LeadAct.State.UNDONE}:
        raise LeadActRefused("This was taken back already.")
    if entry.state == LeadAct.State.RUNNING:
        raise LeadActRefused("This is still going on; take it back when it is done.")
    if entry.created_at < now() - LEAD_ACT_UNDO_FOR:
        raise LeadActRefused("This is too long ago to be taken back at once.")
    entry.state = LeadAct.State.UNDOING
    entry.save(update_fields=["state", "updated_at"])
    audit.record(actor=actor, action="leads.change_undone", subject=entry, act=entry.act, leads=entry.total)
    if entry.total > AT_ONCE:
        _work(entry)
        _changed(entry)
        return entry
    return run(entry_id=entry.id)


def forgotten() -> list[LeadAct]:
    """Acts that nobody has worked on for a while (platform scope)."""
    running = LeadAct.objects.filter(state__in=[LeadAct.State.RUNNING, LeadAct.State.UNDOING])
    return list(running.filter(updated_at__lt=now() - _FORGOTTEN_AFTER).order_by("id")[:20])


def prune() -> int:
    """Delete the oldest acts that are kept no longer, some per transaction; say how many (platform scope)."""
    pruned = 0
    while True:
        # Ids are in order of creation: the oldest are found without reading the rest.
        oldest = LeadAct.objects.order_by("id").values_list("id", "created_at")[:_PRUNED_AT_ONCE]
        ids = [entry_id for entry_id, created_at in oldest if created_at < now() - LEAD_ACTS_KEPT]
        if not ids:
            return pruned
        with transaction.atomic():
            LeadActItem.objects.filter(entry_id__in=ids).delete()
            LeadAct.objects.filter(id__in=ids).delete()
        pruned += len(ids)
