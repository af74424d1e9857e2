"""Conversations of members who may not answer them any more: they are the team's again, and its rules choose anew."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from inbox.models import Conversation
from inbox.services import assignment, live, threads
from project.core.tasks import enqueue
from project.tenancy.events import MembershipChanged
from project.tenancy.models import Membership, User

#: Read at once.
BATCH = 200


def on_membership_changed(event: MembershipChanged) -> None:
    """Look for what they have and no longer reach, once the change is committed: there may be many."""
    from inbox.tasks import give_back_lost

    if _lost(event.membership.user_id).exists():
        enqueue(give_back_lost, user_id=event.membership.user_id)


def give_back(*, user_id: UUID) -> int:
    """Take from somebody the conversations that they may not answer, one per transaction; say how many."""
    given = 0
    while True:
        ids = list(_lost(user_id).order_by("id").values_list("id", flat=True)[:BATCH])
        taken = sum(_take(conversation_id=found, user_id=user_id) for found in ids)
        given += taken
        if not taken:
            return given


def _lost(user_id: UUID) -> QuerySet[Conversation]:
    """What somebody has that is not done, of clients for whom they do not answer. Closed ones say who had them."""
    theirs: QuerySet[Conversation] = Conversation.objects.filter(assignee_id=user_id).exclude(
        status=Conversation.Status.CLOSED
    )
    member = Membership.objects.filter(
        user_id=user_id, is_active=True, role__in=assignment.ANSWERING, user__is_active=True
    ).first()
    if member is None:
        return theirs
    if member.all_clients:
        return theirs.none()
    return theirs.exclude(client_id__in=member.client_links.values("client_id"))


@transaction.atomic
def _take(*, conversation_id: UUID, user_id: UUID) -> bool:
    conversation = threads.locked(conversation_id)
    held_by: User | None = conversation.assignee
    if held_by is None or not _lost(user_id).filter(id=conversation_id).exists():
        return False
    text = (
        f"{held_by.display_name} does not answer for {conversation.client.name} any more: it is the team's."
    )
    assignment.give(conversation, None, by=None, text=text)
    if conversation.status == Conversation.Status.OPEN:
        assignment.assign_by_rule(conversation, besides=user_id)
        assignment.told(conversation)
    conversation.save(update_fields=["assignee", "lease_expires_at", "updated_at"])
    live.conversation_changed(conversation)
    return True
