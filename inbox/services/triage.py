"""Triage of one conversation: assign, read, close, snooze, label, rank. Acts on many are ``acts``."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import F

from inbox.events import ConversationAssigned, ConversationResolved, ConversationTaken
from inbox.models import Assignment, Conversation, ConversationLabel, Label, Message
from inbox.services import arrivals, assignment, live, notes, threads
from project.core.clock import now
from project.core.events import publish
from project.core.refusals import Invalid
from project.tenancy import audit
from project.tenancy.models import Client, Membership, User

FARTHEST = timedelta(days=400)


class TriageRefused(Invalid):
    """The act is not possible; the message says why."""


class Claimed(TriageRefused):
    """Somebody else has just taken the conversation and has it for some minutes more."""

    status = 409
    default_code = "CLAIMED"

    def __init__(self, holder: User) -> None:
        super().__init__(f"{holder.display_name} took this a moment ago and is about to answer.")


@transaction.atomic
def assign(
    *,
    conversation_id: UUID,
    assignee_id: UUID | None,
    actor: User,
    note: str = "",
    despite_claim: bool = False,
) -> Conversation:
    """Give a conversation to a member who may answer (``None``: to nobody), with a hand-over note if one is given.

    Raises ``TriageRefused``, and ``Claimed`` while somebody else has claimed it, unless ``despite_claim`` says that the
    actor has been told.
    """
    conversation = threads.locked(conversation_id)
    assignee = _member(assignee_id, conversation.client_id) if assignee_id else None
    holder = _holder(conversation, besides=actor)
    if holder is not None and assignee_id != holder.id and not despite_claim and _took(conversation, holder):
        raise Claimed(holder)
    if note.strip():
        notes.add_note(conversation_id=conversation.id, author=actor, body=note)
    if conversation.assignee_id == (assignee.id if assignee else None):
        return conversation
    if assignee is None:
        text = f"{actor.display_name} took the assignment off."
    elif assignee.id == actor.id:
        text = f"{actor.display_name} took this conversation."
    else:
        text = f"{actor.display_name} gave this conversation to {assignee.display_name}."
    assignment.give(conversation, assignee, by=actor, text=text)
    if holder is not None:
        publish(ConversationTaken(conversation=conversation, holder=holder, actor=actor))
    if assignee is not None and assignee.id != actor.id:
        publish(ConversationAssigned(conversation=conversation, assignee=assignee, actor=actor))
    conversation.save(update_fields=["assignee", "lease_expires_at", "updated_at"])
    live.conversation_changed(conversation)
    return conversation


def _holder(conversation: Conversation, *, besides: User) -> User | None:
    """Whoever else has a conversation for some minutes: they took it, or a rule gave it to them."""
    until = conversation.lease_expires_at
    if until is None or until <= now() or conversation.assignee_id == besides.id:
        return None
    found: User | None = conversation.assignee
    return found


def _took(conversation: Conversation, holder: User) -> bool:
    """Whether somebody took the conversation that they have themselves."""
    rows = Assignment.objects.filter(conversation=conversation).order_by("-id")
    by: UUID | None = rows.values_list("assigned_by_id", flat=True).first()
    return by == holder.id


def _member(user_id: UUID, client_id: UUID) -> User:
    membership = (
        Membership.objects.filter(user_id=user_id, is_active=True, role__in=assignment.ANSWERING)
        .select_related("user")
        .first()
    )
    if membership is None:
        raise TriageRefused("This person cannot answer conversations here.")
    reaches = membership.all_clients or membership.client_links.filter(client_id=client_id).exists()
    if not reaches:
        client = Client.objects.get(id=client_id)
        raise TriageRefused(f"{membership.user.display_name} does not work for {client.name}.")
    user: User = membership.user
    return user


@transaction.atomic
def mark_read(*, conversation_id: UUID) -> None:
    """Somebody who may answer has opened the thread: it is read for the team."""
    changed = Conversation.objects.filter(id=conversation_id, unread__gt=0).update(unread=0, updated_at=now())
    if changed:
        live.conversation_changed(Conversation.objects.get(id=conversation_id))


@transaction.atomic
def mark_unread(*, conversation_id: UUID) -> None:
    """Put a conversation back among the unread."""
    if Conversation.objects.filter(id=conversation_id, unread=0).update(
        unread=F("unread") + 1, updated_at=now()
    ):
        live.conversation_changed(Conversation.objects.get(id=conversation_id))


def check_seen(conversation_id: UUID, seen_revision: int | None) -> None:
    """Raise ``TriageRefused`` where they wrote after a revision: nobody puts away what nobody has looked at.

    The caller is in a transaction; the conversation stays locked.
    """
    if seen_revision is None:
        return
    threads.locked(conversation_id)
    if Message.objects.filter(
        conversation_id=conversation_id,
        direction=Message.Direction.INBOUND,
        revision__gt=seen_revision,
    ).exists():
        raise TriageRefused("They wrote since this was on your screen. Look at it first.")


@transaction.atomic
def close(*, conversation_id: UUID, actor: User, seen_revision: int | None = None) -> Conversation:
    """Close a conversation; a new message of theirs opens it again. Nobody waits for an answer any more.

    Raises ``TriageRefused`` where they wrote after ``seen_revision``.
    """
    check_seen(conversation_id, seen_revision)
    return _set_status(
        conversation_id, Conversation.Status.CLOSED, actor, "closed", "closed this conversation."
    )


@transaction.atomic
def close_silent(*, conversation_id: UUID) -> None:
    """Close a conversation in which nobody has said anything for long; harmless when somebody was faster."""
    conversation = threads.locked(conversation_id)
    if conversation.status == Conversation.Status.OPEN and not conversation.last_inbound:
        text = "Closed by itself: no answer to our last message for as long as the client's policy says."
        _set_status(conversation_id, Conversation.Status.CLOSED, None, "closed", text)


@transaction.atomic
def reopen(*, conversation_id: UUID, actor: User) -> Conversation:
    """Open a closed or snoozed conversation."""
    return _set_status(
        conversation_id, Conversation.Status.OPEN, actor, "reopened", "opened this conversation."
    )


@transaction.atomic
def snooze(
    *, conversation_id: UUID, until: datetime | None, actor: User, seen_revision: int | None = None
) -> Conversation:
    """Put a conversation away until an instant in the next 400 days, or (``None``) until the other side writes.

    A promised answer stays promised. Raises ``TriageRefused``, also where they wrote after ``seen_revision``.
    """
    check_seen(conversation_id, seen_revision)
    if until is not None and not now() < until < now() + FARTHEST:
        raise TriageRefused("Choose a time in the future, within 400 days.")
    return _set_status(
        conversation_id,
        Conversation.Status.SNOOZED,
        actor,
        "snoozed",
        "snoozed this conversation" if until else "snoozed this conversation until they write.",
        until=until,
    )


def _set_status(
    conversation_id: UUID,
    status: str,
    actor: User | None,
    kind: str,
    text: str,
    *,
    until: datetime | None = None,
) -> Conversation:
    conversation = threads.locked(conversation_id)
    if conversation.status == status and conversation.snoozed_until == until:
        return conversation
    previous, since = conversation.closed_at, conversation.last_inbound_at
    conversation.status = status
    conversation.snoozed_until = until
    conversation.lease_expires_at = None
    if status == Conversation.Status.CLOSED:
        conversation.closed_at = now()
        arrivals.stop_clock(conversation)
        seconds = _lasted(conversation, previous) if since is not None else None
        publish(ConversationResolved(conversation=conversation, actor=actor, seconds=seconds))
    said = f"{actor.display_name} {text}" if actor else text
    threads.add_line(conversation, kind, said, now(), until=until)
    conversation.save()
    audit.record(actor=actor, action=f"conversation.{kind}", subject=conversation)
    live.conversation_changed(conversation)
    return conversation


def _lasted(conversation: Conversation, previously_closed: datetime | None) -> int | None:
    """Seconds since their first message after the conversation was last closed."""
    theirs = conversation.messages.filter(direction="inbound")
    if previously_closed is not None:
        theirs = theirs.filter(occurred_at__gt=previously_closed)
    first = theirs.order_by("occurred_at").values_list("occurred_at", flat=True).first()
    return int((now() - first).total_seconds()) if first is not None else None


def due_to_wake() -> list[Conversation]:
    """Snoozed conversations whose time has come (platform scope)."""
    return list(
        Conversation.objects.filter(status=Conversation.Status.SNOOZED, snoozed_until__lte=now()).order_by(
            "snoozed_until"
        )[:200]
    )


@transaction.atomic
def wake(*, conversation_id: UUID) -> None:
    """Open a snoozed conversation whose time has come; harmless when somebody was faster."""
    conversation = threads.locked(conversation_id)
    due = conversation.snoozed_until is not None and conversation.snoozed_until <= now()
    if conversation.status == Conversation.Status.SNOOZED and due:
        _set_status(conversation_id, Conversation.Status.OPEN, None, "woke", "The snooze is over.")


@transaction.atomic
def set_priority(*, conversation_id: UUID, priority: int, actor: User) -> Conversation:
    """Say how urgent a conversation is. Raises ``TriageRefused`` for a priority that does not exist."""
    if priority not in Conversation.Priority.values:
        raise TriageRefused("There is no such priority.")
    conversation = threads.locked(conversation_id)
    if conversation.priority != priority:
        conversation.priority = priority
        conversation.save(update_fields=["priority", "updated_at"])
        audit.record(actor=actor, action="conversation.prioritised", subject=conversation, priority=priority)
        live.conversation_changed(conversation)
    return conversation


@transaction.atomic
def add_label(*, conversation_id: UUID, label_id: UUID, actor: User) -> Conversation:
    """Put a label on a conversation. Raises ``TriageRefused`` for a label of another client."""
    conversation = threads.locked(conversation_id)
    label = Label.objects.filter(id=label_id).first()
    if label is None or label.client_id not in {None, conversation.client_id}:
        raise TriageRefused("This label belongs to another client.")
    _, is_new = ConversationLabel.objects.get_or_create(
        conversation=conversation, label=label, defaults={"added_by": actor}
    )
    if is_new:
        audit.record(actor=actor, action="conversation.labelled", subject=conversation, label=label.name)
        live.conversation_changed(conversation)
    return conversation


@transaction.atomic
def remove_label(*, conversation_id: UUID, label_id: UUID, actor: User) -> Conversation:
    """Take a label off a conversation."""
    conversation = threads.locked(conversation_id)
    link = ConversationLabel.objects.filter(conversation=conversation, label_id=label_id).select_related(
        "label"
    )
    found = link.first()
    if found is not None:
        found.delete()
        audit.record(
            actor=actor, action="conversation.unlabelled", subject=conversation, label=found.label.name
        )
        live.conversation_changed(conversation)
    return conversation
