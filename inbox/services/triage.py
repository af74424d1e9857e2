"""Triage: assign, read, close, snooze, link."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import F

from campaigns.models import Lead, LeadChannel
from inbox.events import ConversationAssigned
from inbox.models import Assignment, Conversation
from inbox.services import live, threads
from project.core.clock import now
from project.core.events import publish
from project.core.refusals import Invalid
from project.tenancy import audit
from project.tenancy.models import Client, Membership, Role, User

_ANSWERING = (Role.ADMIN, Role.MANAGER, Role.AGENT)


class TriageRefused(Invalid):
    """The act is not possible; the message says why."""


@transaction.atomic
def assign(*, conversation_id: UUID, assignee_id: UUID | None, actor: User) -> Conversation:
    """Give a conversation to a member who may answer (``None``: to nobody). Raises ``TriageRefused``."""
    conversation = threads.locked(conversation_id)
    assignee = _member(assignee_id, conversation.client_id) if assignee_id else None
    if conversation.assignee_id == (assignee.id if assignee else None):
        return conversation
    conversation.assignee = assignee
    Assignment.objects.create(conversation=conversation, assignee=assignee, assigned_by=actor)
    if assignee is None:
        text = f"{actor.display_name} took the assignment off."
    elif assignee.id == actor.id:
        text = f"{actor.display_name} took this conversation."
    else:
        text = f"{actor.display_name} gave this conversation to {assignee.display_name}."
    threads.add_line(conversation, "assigned", text, now())
    conversation.save(update_fields=["assignee", "updated_at"])
    if assignee is not None:
        publish(ConversationAssigned(conversation=conversation, assignee=assignee, actor=actor))
    audit.record(
        actor=actor,
        action="conversation.assigned",
        subject=conversation,
        assignee=str(assignee.id) if assignee else None,
    )
    live.conversation_changed(conversation)
    return conversation


def _member(user_id: UUID, client_id: UUID) -> User:
    membership = (
        Membership.objects.filter(user_id=user_id, is_active=True, role__in=_ANSWERING)
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
    changed = Conversation.objects.filter(id=conversation_id, unread__gt=0).update(
        unread=0, last_read_at=now(), updated_at=now()
    )
    if changed:
        live.conversation_changed(Conversation.objects.get(id=conversation_id))


@transaction.atomic
def mark_unread(*, conversation_id: UUID) -> None:
    """Put a conversation back among the unread."""
    if Conversation.objects.filter(id=conversation_id, unread=0).update(
        unread=F("unread") + 1, updated_at=now()
    ):
        live.conversation_changed(Conversation.objects.get(id=conversation_id))


@transaction.atomic
def close(*, conversation_id: UUID, actor: User) -> Conversation:
    """Close a conversation; a new message of theirs opens it again."""
    return _set_status(
        conversation_id, Conversation.Status.CLOSED, actor, "closed", "closed this conversation."
    )


@transaction.atomic
def reopen(*, conversation_id: UUID, actor: User) -> Conversation:
    """Open a closed or snoozed conversation."""
    return _set_status(
        conversation_id, Conversation.Status.OPEN, actor, "reopened", "opened this conversation."
    )


@transaction.atomic
def snooze(*, conversation_id: UUID, until: datetime, actor: User) -> Conversation:
    """Put a conversation away until an instant in the next 400 days. Raises ``TriageRefused``."""
    if not now() < until < now() + timedelta(days=400):
        raise TriageRefused("Choose a time in the future, within 400 days.")
    return _set_status(
        conversation_id,
        Conversation.Status.SNOOZED,
        actor,
        "snoozed",
        f"snoozed this conversation until {until:%d %b %Y %H:%M} UTC.",
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
    conversation.status = status
    conversation.snoozed_until = until
    conversation.closed_at = now() if status == Conversation.Status.CLOSED else None
    threads.add_line(conversation, kind, f"{actor.display_name} {text}" if actor else text, now())
    conversation.save(update_fields=["status", "snoozed_until", "closed_at", "updated_at"])
    audit.record(actor=actor, action=f"conversation.{kind}", subject=conversation)
    live.conversation_changed(conversation)
    return conversation


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
def link_lead(*, conversation_id: UUID, lead_id: UUID, actor: User) -> Conversation:
    """Say who the counterpart of an unmatched conversation is, and remember the network's id for next time.

    Raises ``TriageRefused`` when the lead belongs to another client.
    """
    conversation = threads.locked(conversation_id)
    lead = Lead.objects.filter(id=lead_id, client_id=conversation.client_id).first()
    if lead is None:
        raise TriageRefused("This lead belongs to another client.")
    conversation.lead = lead
    conversation.save(update_fields=["lead", "updated_at"])
    if conversation.counterpart_id:
        LeadChannel.objects.filter(lead=lead, kind=conversation.channel, provider_id="").update(
            provider_id=conversation.counterpart_id
        )
    threads.add_line(conversation, "linked", f"{actor.display_name} linked this to {lead}.", now())
    audit.record(actor=actor, action="conversation.linked", subject=conversation, lead=str(lead.id))
    live.conversation_changed(conversation)
    return conversation
