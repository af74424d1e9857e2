"""Acts of a person on one or many conversations, written into a journal from which they can be taken back.

Each conversation is done, and taken back, in a transaction of its own, so that one that cannot be done stops no other
and none waits for the rest; what failed is listed. Undoing restores what the act changed, where nobody has changed it
since.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import structlog
from django.db import InterfaceError, OperationalError, transaction
from django.utils.dateparse import parse_datetime

from inbox import snoozing
from inbox.events import ResolutionTakenBack
from inbox.models import Conversation, ConversationLabel, JournalEntry, JournalItem, Label
from inbox.models.triage import JOURNAL_KEPT, UNDO_FOR
from inbox.services import live, macros, threads, triage
from inbox.services.triage import TriageRefused
from project.core.clock import now
from project.core.events import publish
from project.core.ids import parse_uuid
from project.core.refusals import Refused
from project.core.tasks import enqueue
from project.tenancy import audit
from project.tenancy.models import User

log = structlog.get_logger(__name__)

#: As many as a request does by itself; more are done by a worker, with progress on the screen.
AT_ONCE: Final = 25
#: Most that one act may be asked for.
MOST: Final = 5_000
#: Entries deleted in one transaction: each may have ``MOST`` items.
_PRUNED_AT_ONCE: Final = 20
_FORGOTTEN_AFTER: Final = timedelta(minutes=2)
#: Instants that acts change along with the status.
_INSTANTS: Final = ("snoozed_until", "closed_at", "awaiting_since", "sla_due_at", "sla_breached_at")


#: How an act is done to one conversation, with what it was given, by whom.
Do = Callable[[UUID, dict[str, Any], User], object]


ACTS: Final[dict[str, Do]] = {
    "assign": lambda id_, given, actor: triage.assign(
        conversation_id=id_,
        assignee_id=parse_uuid(given.get("assignee") or ""),
        note=given.get("note", ""),
        actor=actor,
        despite_claim=given.get("despite_claim", False),
    ),
    "close": lambda id_, given, actor: triage.close(
        conversation_id=id_, actor=actor, seen_revision=given["seen"]
    ),
    "reopen": lambda id_, _given, actor: triage.reopen(conversation_id=id_, actor=actor),
    "snooze": lambda id_, given, actor: triage.snooze(
        conversation_id=id_,
        until=snoozing.instant(given.get("until", "")),
        actor=actor,
        seen_revision=given["seen"],
    ),
    "label": lambda id_, given, actor: triage.add_label(
        conversation_id=id_, label_id=UUID(given["label"]), actor=actor
    ),
    "unlabel": lambda id_, given, actor: triage.remove_label(
        conversation_id=id_, label_id=UUID(given["label"]), actor=actor
    ),
    "priority": lambda id_, given, actor: triage.set_priority(
        conversation_id=id_, priority=int(given["priority"]), actor=actor
    ),
    "read": lambda id_, _given, _actor: triage.mark_read(conversation_id=id_),
    "unread": lambda id_, _given, _actor: triage.mark_unread(conversation_id=id_),
}
#: Runs several acts and may send a reply (``macros``).
MACRO: Final = "macro"


@transaction.atomic
def begin(
    *,
    act: str,
    conversation_ids: Sequence[UUID],
    given: dict[str, Any],
    actor: User,
    seen: dict[UUID, int] | None = None,
) -> JournalEntry:
    """Write down what is to be done to which conversations, in their order; ``run`` or a worker does it.

    ``seen``: the revisions that were on the screen of whoever acts (else as they are now): what came later is neither
    answered by a macro nor put away unseen. Raises ``TriageRefused`` for an unknown act, for none
    and for more than ``MOST``.
    """
    if act in {"label", "unlabel"} and not parse_uuid(given.get("label")):
        raise TriageRefused("Choose a label.")
    if act not in ACTS and act != MACRO:
        raise TriageRefused(f"There is no act {act!r}.")
    ids = list(dict.fromkeys(conversation_ids))
    if not ids:
        raise TriageRefused("Choose at least one conversation.")
    if len(ids) > MOST:
        raise TriageRefused(
            f"At most {MOST:,} conversations can be changed at once; {len(ids):,} were chosen."
        )
    entry: JournalEntry = JournalEntry.objects.create(act=act, given=given, actor=actor, total=len(ids))
    revisions = {**_revisions(ids), **(seen or {})}
    JournalItem.objects.bulk_create(
        [
            JournalItem(
                entry=entry,
                conversation_id=id_,
                before={"seen": revisions.get(id_, 0)},
            )
            for id_ in ids
        ]
    )
    if len(ids) > AT_ONCE:
        _work(entry)
    return entry


def _work(entry: JournalEntry) -> None:
    from inbox.tasks import run_act  # tasks call services

    enqueue(run_act, entry_id=entry.id)


def _revisions(conversation_ids: Sequence[UUID]) -> dict[UUID, int]:
    return dict(Conversation.objects.filter(id__in=conversation_ids).values_list("id", "revision"))


def perform(
    *,
    act: str,
    conversation_ids: Sequence[UUID],
    given: dict[str, Any],
    actor: User,
    seen: dict[UUID, int] | None = None,
) -> JournalEntry:
    """Do an act: at once on a few conversations, by a worker on many. Takes and raises what ``begin`` does."""
    entry = begin(act=act, conversation_ids=conversation_ids, given=given, actor=actor, seen=seen)
    return run(entry_id=entry.id) if entry.total <= AT_ONCE else entry


def run(*, entry_id: UUID) -> JournalEntry:
    """Do, or take back, what is left of an entry. Several may run it at once: each item is taken by one of them."""
    entry: JournalEntry = JournalEntry.objects.select_related("actor").get(id=entry_id)
    turns = {JournalEntry.State.RUNNING.value: _next, JournalEntry.State.UNDOING.value: _next_back}
    while entry.state in turns and turns[entry.state](entry):
        pass
    return entry.refreshed()


@transaction.atomic
def _next(entry: JournalEntry) -> bool:
    """Do the next item; say whether there was one. With the last one the entry is done."""
    waiting = JournalItem.objects.filter(entry=entry, state=JournalItem.State.WAITING)
    item = waiting.select_for_update(skip_locked=True, of=("self",)).order_by("id").first()
    if item is None:
        if not waiting.exists():
            _finish(entry)
        return False
    try:
        with transaction.atomic():
            _do(entry, item)
        item.state = JournalItem.State.DONE
    except (Refused, Conversation.DoesNotExist) as refusal:
        item.state = JournalItem.State.FAILED
        item.after = {"why": str(refusal) or "It is not there any more."}
        if isinstance(refusal, triage.Claimed):
            item.after["code"] = refusal.code
    item.save(update_fields=["state", "before", "after", "updated_at"])
    _advance(entry, item)
    return True


@transaction.atomic
def _next_back(entry: JournalEntry) -> bool:
    """Take the next item back; say whether there was one. With the last one the entry is undone."""
    done = JournalItem.objects.filter(entry=entry, state=JournalItem.State.DONE)
    item = done.select_for_update(skip_locked=True, of=("self",)).order_by("id").first()
    if item is None:
        if not done.exists():
            _finish(entry)
        return False
    why = _try_restore(item, entry.actor)
    item.state = JournalItem.State.KEPT if why else JournalItem.State.UNDONE
    item.save(update_fields=["state", "updated_at"])
    locked = JournalEntry.objects.select_for_update(of=("self",)).get(id=entry.id)
    locked.back += 1
    if why:
        locked.kept = [*locked.kept, _about(item.conversation_id, why)]
    locked.save(update_fields=["back", "kept", "updated_at"])
    if locked.total > AT_ONCE and locked.back % 20 == 0:
        live.act_changed(locked)
    return True


def _do(entry: JournalEntry, item: JournalItem) -> None:
    """Do the act to one conversation, and note what it changed."""
    if entry.act == MACRO:
        macros.lock(item.conversation_id)
    before = snapshot(threads.locked(item.conversation_id))
    reply_id = None
    seen = item.before["seen"]
    if entry.act == MACRO:
        reply_id = macros.run(
            conversation_id=item.conversation_id, given=entry.given, seen=seen, actor=entry.actor
        )
    else:
        ACTS[entry.act](item.conversation_id, {**entry.given, "seen": seen}, entry.actor)
    item.before, item.after = _changed(before, snapshot(Conversation.objects.get(id=item.conversation_id)))
    if reply_id is not None:
        item.after["reply"] = str(reply_id)


def _advance(entry: JournalEntry, item: JournalItem) -> None:
    locked = JournalEntry.objects.select_for_update(of=("self",)).get(id=entry.id)
    locked.done += 1
    if item.state == JournalItem.State.FAILED:
        about = {**_about(item.conversation_id, item.after["why"]), "code": item.after.get("code", "")}
        locked.failures = [*locked.failures, about]
    is_last = locked.done >= locked.total
    if is_last:
        locked.state = JournalEntry.State.DONE
    locked.save(update_fields=["done", "failures", "state", "updated_at"])
    entry.state = locked.state
    if locked.total > AT_ONCE and (is_last or locked.done % 20 == 0):
        live.act_changed(locked)


def _finish(entry: JournalEntry) -> None:
    rows = JournalEntry.objects.filter(id=entry.id, state=entry.state)
    if entry.state == JournalEntry.State.UNDOING:
        finished = rows.update(state=JournalEntry.State.UNDONE, undone_at=now(), updated_at=now())
    else:
        finished = rows.update(state=JournalEntry.State.DONE, updated_at=now())
    if finished:
        live.act_changed(entry)


def _about(conversation_id: UUID, why: str) -> dict[str, str]:
    found = Conversation.objects.filter(id=conversation_id).select_related("lead").first()
    return {"conversation": str(conversation_id), "title": found.title if found else "", "why": why}


def snapshot(conversation: Conversation) -> dict[str, Any]:
    """What acts may change of a conversation, as JSON."""
    labels = ConversationLabel.objects.filter(conversation=conversation).values_list("label_id", flat=True)
    return {
        "status": conversation.status,
        **{name: _text(getattr(conversation, name)) for name in _INSTANTS},
        "assignee": str(conversation.assignee_id) if conversation.assignee_id else None,
        "priority": conversation.priority,
        "is_unread": conversation.unread > 0,
        "labels": sorted(str(label_id) for label_id in labels),
    }


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _changed(before: dict[str, Any], after: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    names = [name for name in before if before[name] != after[name]]
    return {name: before[name] for name in names}, {name: after[name] for name in names}


def forgotten() -> list[JournalEntry]:
    """Entries that nobody has worked on for a while (platform scope)."""
    since = now() - _FORGOTTEN_AFTER
    unfinished = JournalEntry.objects.filter(
        state__in=[JournalEntry.State.RUNNING, JournalEntry.State.UNDOING]
    )
    return list(unfinished.filter(updated_at__lt=since).order_by("id")[:20])


def prune() -> int:
    """Delete the oldest entries that are kept no longer, some per transaction; say how many (platform scope)."""
    pruned = 0
    while True:
        # Ids are in order of creation: the oldest are found without reading the rest.
        oldest = JournalEntry.objects.order_by("id").values_list("id", "created_at")[:_PRUNED_AT_ONCE]
        ids = [entry_id for entry_id, created_at in oldest if created_at < now() - JOURNAL_KEPT]
        if not ids:
            return pruned
        with transaction.atomic():
            JournalItem.objects.filter(entry_id__in=ids).delete()
            JournalEntry.objects.filter(id__in=ids).delete()
        pruned += len(ids)


def last_of(actor: User) -> JournalEntry | None:
    """The last act of a person that can still be taken back."""
    found: JournalEntry | None = (
        JournalEntry.objects.filter(
            actor=actor, state=JournalEntry.State.DONE, created_at__gte=now() - UNDO_FOR
        )
        .order_by("-created_at")
        .first()
    )
    return found


def undo(*, entry_id: UUID, actor: User) -> JournalEntry:
    """Take an act back: every conversation is as it was, except where somebody has changed it since (``kept``).

    At once on a few conversations, by a worker on many. Raises ``TriageRefused`` for an act of somebody else, one that
    runs, that was undone, or that is too old.
    """
    entry = _begin_undo(entry_id, actor)
    return run(entry_id=entry.id) if entry.total <= AT_ONCE else entry


@transaction.atomic
def _begin_undo(entry_id: UUID, actor: User) -> JournalEntry:
    entry: JournalEntry = JournalEntry.objects.select_for_update(of=("self",)).get(id=entry_id)
    if entry.actor_id != actor.id:
        raise TriageRefused("Only the person who did this can take it back.")
    if entry.state in {JournalEntry.State.UNDOING, JournalEntry.State.UNDONE}:
        raise TriageRefused("This was taken back already.")
    if entry.state == JournalEntry.State.RUNNING:
        raise TriageRefused("This is still going on; take it back when it is done.")
    if entry.created_at < now() - UNDO_FOR:
        raise TriageRefused("This is too long ago to be taken back at once.")
    entry.state = JournalEntry.State.UNDOING
    entry.save(update_fields=["state", "updated_at"])
    audit.record(
        actor=actor, action="inbox.act_undone", subject=entry, act=entry.act, conversations=entry.total
    )
    if entry.total > AT_ONCE:
        _work(entry)
        live.act_changed(entry)
    return entry


def _try_restore(item: JournalItem, actor: User) -> str:
    """``_restore``, wholly or not at all: one conversation that breaks keeps what was done, and holds up no other."""
    try:
        with transaction.atomic():
            return _restore(item, actor)
    except (OperationalError, InterfaceError):
        raise  # the database was away, or two waited for each other: the sweeper goes on from here
    except Exception:
        log.exception("inbox.undo_broke", entry=str(item.entry_id), conversation=str(item.conversation_id))
        return "It could not be taken back, and is as it was."


def _restore(item: JournalItem, actor: User) -> str:
    """Bring one conversation back to what it was; say why not, if not."""
    if not item.after:
        return ""
    after = dict(item.after)
    reply_id = after.pop("reply", "")
    stays = macros.take_back(reply_id=reply_id, actor=actor) if reply_id else ""
    try:
        conversation = threads.locked(item.conversation_id)
    except Conversation.DoesNotExist:
        return "It is not there any more."
    present = snapshot(conversation)
    if any(present[name] != value for name, value in after.items()):
        return "Somebody has changed it since."
    before = item.before
    if "labels" in before:
        _set_labels(conversation, before["labels"], actor)
    if "is_unread" in before:
        conversation.unread = 1 if before["is_unread"] else 0
    if "assignee" in before:
        conversation.assignee_id = before["assignee"]
        conversation.lease_expires_at = None
    if "priority" in before:
        conversation.priority = before["priority"]
    _never_closed(conversation, after)
    conversation.status = before.get("status", conversation.status)
    for name in _INSTANTS:
        if name in before:
            setattr(conversation, name, parse_datetime(before[name]) if before[name] else None)
    threads.add_line(conversation, "undone", f"{actor.display_name} took that back.", now())
    conversation.save()
    live.conversation_changed(Conversation.objects.get(id=conversation.id))
    return stays


def _never_closed(conversation: Conversation, after: dict[str, Any]) -> None:
    """Tell that a closing which an act did is taken back with it, if it did one."""
    if after.get("closed_at") and after.get("status") == Conversation.Status.CLOSED:
        closed_at = datetime.fromisoformat(after["closed_at"])
        publish(ResolutionTakenBack(conversation=conversation, closed_at=closed_at))


def _set_labels(conversation: Conversation, wanted: list[str], actor: User) -> None:
    links = ConversationLabel.objects.filter(conversation=conversation)
    links.exclude(label_id__in=wanted).delete()
    present = {str(label_id) for label_id in links.values_list("label_id", flat=True)}
    for label in Label.objects.filter(id__in=[one for one in wanted if one not in present]):
        ConversationLabel.objects.create(conversation=conversation, label=label, added_by=actor)
