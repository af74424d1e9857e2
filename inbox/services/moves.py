"""Threads that are one after all, or two: merging, splitting, giving to another lead. Each can be undone.

What is moved are messages, notes and lines, by their ids; the conversation that they came from stays as a row that says
where they went, so that whatever the provider tells of its chat lands in the right place.
"""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from campaigns.models import Enrollment, Lead, LeadChannel
from campaigns.services import recognition
from inbox.models import Conversation, Message, MessageFile, Note, SystemLine, ThreadMove
from inbox.services import joining, live, threads
from integrations.locks import in_lock_order, lock_sender
from integrations.models.connections import Channel
from project.core.clock import now
from project.core.refusals import Invalid
from project.tenancy import audit
from project.tenancy.models import User

#: More entries than this are no thread that a person has looked at.
MAX_MOVED: Final = 5000
#: So many of their messages count for the lead whom a thread is linked to.
MAX_HEARD: Final = 200
_KINDS: Final = {"messages": Message, "notes": Note, "lines": SystemLine, "files": MessageFile}


class MoveRefused(Invalid):
    """The threads cannot be put together or taken apart; the message says why. Nothing was changed."""

    default_code = "MOVE_REFUSED"


@transaction.atomic
def merge(*, source_id: UUID, target_id: UUID, actor: User) -> ThreadMove:
    """Move all that is in one thread, and what it stood at, into another one of the same sender.

    Raises ``MoveRefused``.
    """
    if source_id == target_id:
        raise MoveRefused("A thread cannot be merged into itself.")
    source, target = _locked_pair(source_id, target_id)
    if source.sender_id != target.sender_id:
        raise MoveRefused(
            "These threads leave from different accounts, and an answer must know whom it leaves from. "
            "The person's timeline shows both."
        )
    if source.merged_into_id is not None or target.merged_into_id is not None:
        raise MoveRefused("One of these threads has been merged already.")
    if source.lead_id and target.lead_id and source.lead_id != target.lead_id:
        raise MoveRefused(f"These are different people: {source.title} and {target.title}.")
    move = ThreadMove(kind=ThreadMove.Kind.MERGE, source=source, target=target, actor=actor)
    move.moved = {
        **{name: _ids(model, source) for name, model in _KINDS.items()},
        "unread": source.unread,
        "source": joining.state_of(source),
        "target": joining.state_of(target),
    }
    _carry(move.moved, target)
    move.moved["labels"] = joining.carry(source, target, actor=actor)
    move.moved["after"] = joining.state_of(target)
    target.unread += source.unread
    source.unread, source.merged_into = 0, target
    return _done(move, f"{actor.display_name} merged another thread of {source.title} into this one.")


@transaction.atomic
def split(*, conversation_id: UUID, message_id: UUID, actor: User) -> ThreadMove:
    """Begin a thread of its own with a message and all that came after it. E-mail only: the networks' chats are one.

    Raises ``MoveRefused``.
    """
    sender_id = Conversation.objects.values_list("sender_id", flat=True).get(id=conversation_id)
    lock_sender(sender_id)
    source = threads.locked(conversation_id)
    first = Message.objects.filter(conversation=source, id=message_id).first()
    if source.channel != "email":
        raise MoveRefused("A chat with a person is one thread at the network; only e-mail can be split.")
    if first is None:
        raise MoveRefused("This message is not in this thread.")
    if not first.provider_message_id:
        raise MoveRefused("This message has not left yet. Split at one that has.")
    later = Q(occurred_at__gt=first.occurred_at) | Q(occurred_at=first.occurred_at, id__gte=first.id)
    rest = Message.objects.filter(later, conversation=source)
    if rest.count() == Message.objects.filter(conversation=source).count():
        raise MoveRefused("Nothing would be left. Split at a later message.")
    target = Conversation(
        client_id=source.client_id,
        sender_id=source.sender_id,
        channel=source.channel,
        chat_id=first.provider_message_id,
        lead_id=source.lead_id,
        campaign_id=source.campaign_id,
        enrollment_id=source.enrollment_id,
        assignee_id=source.assignee_id,
        subject=(first.subject or source.subject)[:300],
        counterpart_name=source.counterpart_name,
        counterpart_id=source.counterpart_id,
        last_message_at=first.occurred_at,
    )
    target.save()
    move = ThreadMove(kind=ThreadMove.Kind.SPLIT, source=source, target=target, actor=actor)
    ids = list(rest.values_list("id", flat=True)[: MAX_MOVED + 1])
    notes = Note.objects.filter(conversation=source, created_at__gte=first.occurred_at)
    move.moved = {
        "messages": [str(found) for found in ids],
        "notes": [str(found) for found in notes.values_list("id", flat=True)],
        "lines": [],
        "files": [
            str(found)
            for found in MessageFile.objects.filter(message_id__in=ids).values_list("id", flat=True)
        ],
    }
    _check(move.moved)
    _carry(move.moved, target)
    return _done(move, f"{actor.display_name} split this thread off another one.")


def rehome(*, conversation_id: UUID, lead_id: UUID, actor: User) -> ThreadMove:
    """Say with whom a thread is, or that it is with another lead of the same client. Raises ``MoveRefused``.

    What they wrote counts for that lead from then on: sequences stop, a wish to be left out is honoured
    (``campaigns.services.recognition``). The network's id of the person is kept on the lead's address.
    """
    sender_id = Conversation.objects.values_list("sender_id", flat=True).get(id=conversation_id)
    return in_lock_order([sender_id], lambda: _rehome(conversation_id, lead_id, actor))


def _rehome(conversation_id: UUID, lead_id: UUID, actor: User) -> ThreadMove:
    conversation = Conversation.objects.select_related("sender").get(id=conversation_id)
    lead = Lead.objects.filter(id=lead_id, client_id=conversation.client_id).select_related("company").first()
    if lead is None:
        raise MoveRefused("There is no such lead of this client.", field="lead")
    if lead.id == conversation.lead_id:
        raise MoveRefused("This thread is with that lead already.", field="lead")
    enrollment = _heard(conversation, lead)
    conversation = threads.locked(conversation_id)
    move = ThreadMove(kind=ThreadMove.Kind.REHOME, source=conversation, target=conversation, actor=actor)
    move.moved = {
        "lead": str(conversation.lead_id or ""),
        "enrollment": str(conversation.enrollment_id or ""),
        "campaign": str(conversation.campaign_id or ""),
        "learned": _learn(conversation, lead),
    }
    said = "said that this is with" if conversation.lead_id else "linked this to"
    conversation.lead = lead
    conversation.enrollment = enrollment
    conversation.campaign_id = enrollment.campaign_id if enrollment is not None else None
    return _done(move, f"{actor.display_name} {said} {lead}.")


def _heard(conversation: Conversation, lead: Lead) -> Enrollment | None:
    """Have the campaigns hear what is in the thread, the newest ``MAX_HEARD`` of it, as this lead's."""
    theirs = Message.objects.filter(conversation=conversation, direction=Message.Direction.INBOUND)
    rows = list(
        theirs.order_by("-occurred_at", "-id").values_list(
            "occurred_at", "provider_message_id", "api_message_id"
        )[:MAX_HEARD]
    )
    return recognition.recognised(
        lead=lead,
        sender=conversation.sender,
        message_ids={name for _, *names in rows for name in names if name},
        times=[at for at, *_ in rows],
    )


def _learn(conversation: Conversation, lead: Lead) -> dict[str, str]:
    """Keep the network's id on the lead's address, and take it from whom it was taken for; say what it was on both."""
    theirs = conversation.counterpart_id
    if not theirs or conversation.channel != Channel.LINKEDIN:
        return {}
    addresses = LeadChannel.objects.filter(kind=conversation.channel)
    before: dict[str, str] = {}
    wrong = addresses.filter(lead_id=conversation.lead_id, provider_id=theirs).exclude(normalized=theirs)
    right = addresses.filter(lead=lead, provider_id="")[:1]
    for row, value in [*((row, "") for row in wrong), *((row, theirs) for row in right)]:
        before[str(row.id)] = row.provider_id
        LeadChannel.objects.filter(id=row.id).update(provider_id=value, updated_at=now())
    return before


def _unlearn(learned: dict[str, str]) -> None:
    for channel_id, value in learned.items():
        LeadChannel.objects.filter(id=channel_id).update(provider_id=value, updated_at=now())


@transaction.atomic
def undo(*, move_id: UUID, actor: User) -> ThreadMove:
    """Put everything back where it was; what came meanwhile stays where it came to. Raises ``MoveRefused``."""
    move: ThreadMove = ThreadMove.objects.select_for_update(of=("self",)).get(id=move_id)
    if move.undone_at is not None:
        return move
    source, target = _locked_pair(move.source_id, move.target_id)
    move.source, move.target = source, target
    if move.kind == ThreadMove.Kind.REHOME:
        _unlearn(move.moved.get("learned", {}))
        source.lead_id = UUID(move.moved["lead"]) if move.moved["lead"] else None
        source.enrollment_id = UUID(move.moved["enrollment"]) if move.moved["enrollment"] else None
        source.campaign_id = UUID(move.moved["campaign"]) if move.moved["campaign"] else None
    else:
        later = ThreadMove.objects.filter(source=target, undone_at=None, created_at__gt=move.created_at)
        if later.exists():
            raise MoveRefused("Something was moved on from there since. Undo that first.")
        _carry(move.moved, source)
    if move.kind == ThreadMove.Kind.MERGE:
        source.merged_into = None
        joining.part(move, source, target)
    elif move.kind == ThreadMove.Kind.SPLIT:
        if Message.objects.filter(conversation=target).exists():
            raise MoveRefused("Messages came into the new thread since. Merge the two instead.")
        target.merged_into = source
        target.status, target.closed_at = Conversation.Status.CLOSED, now()
    move.undone_at, move.undone_by = now(), actor
    return _done(move, f"{actor.display_name} undid that.")


def recent(conversation: Conversation) -> ThreadMove | None:
    """The last move of a thread that can be undone, or ``None``."""
    found: ThreadMove | None = (
        ThreadMove.objects.filter(
            Q(target=conversation) | Q(source=conversation, kind=ThreadMove.Kind.SPLIT), undone_at=None
        )
        .select_related("actor")
        .order_by("-created_at")
        .first()
    )
    return found


def _locked_pair(first_id: UUID, second_id: UUID) -> tuple[Conversation, Conversation]:
    """Two conversations with their accounts' locks and rows, in order of their ids."""
    rows = Conversation.objects.filter(id__in={first_id, second_id}).values_list("sender_id", flat=True)
    for sender_id in sorted(set(rows)):
        lock_sender(sender_id)
    held = {found: threads.locked(found) for found in sorted({first_id, second_id})}
    return held[first_id], held[second_id]


def _ids(model: Any, conversation: Conversation) -> list[str]:
    found = list(
        model.objects.filter(conversation=conversation).values_list("id", flat=True)[: MAX_MOVED + 1]
    )
    if len(found) > MAX_MOVED:
        raise MoveRefused(f"This thread has more than {MAX_MOVED:,} entries.")
    return [str(row_id) for row_id in found]


def _check(moved: dict[str, Any]) -> None:
    if any(len(moved[name]) > MAX_MOVED for name in _KINDS):
        raise MoveRefused(f"This thread has more than {MAX_MOVED:,} entries.")


def _carry(moved: dict[str, Any], target: Conversation) -> None:
    """Put entries into a conversation; its revision rises, so that nobody answers without having seen them."""
    revision = threads.next_revision(target)
    for name, model in _KINDS.items():
        values: dict[str, Any] = {"conversation": target, "updated_at": now()}
        if name != "files":
            values["revision"] = revision
        model.objects.filter(id__in=moved.get(name, ())).update(**values)


def _done(move: ThreadMove, text: str) -> ThreadMove:
    move.save()
    for conversation in {move.source.id: move.source, move.target.id: move.target}.values():
        threads.summarise(conversation)
    kind = {"merge": "merged", "split": "split", "rehome": "linked"}[move.kind]
    threads.add_line(move.target, kind, text, now())
    audit.record(
        actor=move.undone_by or move.actor,
        action=f"conversation.{move.kind}{'_undone' if move.undone_at else ''}",
        subject=move.target,
        source=str(move.source_id),
    )
    for conversation in {move.source.id: move.source, move.target.id: move.target}.values():
        live.conversation_changed(conversation)
        live.thread_changed(conversation)
    return move
