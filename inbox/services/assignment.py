"""Who has a conversation: the hand-over of people, the rules of a team, and claims that end by themselves."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Q

from campaigns.scheduling import Calendar, SendingWindow, is_open, zone
from inbox.assigning import Candidate, Wanted, choose
from inbox.events import ConversationAssigned, ConversationReleased
from inbox.models import Assignment, AssignmentRule, Conversation, Message, WorkingHours
from inbox.querysets import SHOWN
from inbox.services import live, notifications, policies, threads
from inbox.sla import HOT
from project.core.clock import now
from project.core.events import publish
from project.core.realtime import online
from project.core.scoping import current_organization_id
from project.tenancy import audit
from project.tenancy.models import Membership, Role, User

ANSWERING = (Role.ADMIN, Role.MANAGER, Role.AGENT)


def give(conversation: Conversation, assignee: User | None, *, by: User | None, text: str) -> None:
    """Give a locked conversation to somebody, with a line that says ``text``. The caller saves and tells the screens.

    Whoever takes a hot one themselves has it for as long as the policy says, unless they act.
    """
    conversation.assignee = assignee
    conversation.lease_expires_at = _lease(conversation, assignee, by)
    if assignee is not None:
        notifications.end_unassigned(conversation_id=conversation.id)
    Assignment.objects.create(conversation=conversation, assignee=assignee, assigned_by=by)
    threads.add_line(conversation, "assigned", text, now())
    audit.record(
        actor=by,
        action="conversation.assigned",
        subject=conversation,
        assignee=str(assignee.id) if assignee else None,
    )


def _lease(conversation: Conversation, assignee: User | None, by: User | None) -> datetime | None:
    if assignee is None or conversation.awaiting_since is None or conversation.intent not in HOT:
        return None
    if by is not None and by.id != assignee.id:
        return None
    minutes = policies.policy_of(conversation.client_id).lease_minutes
    return now() + timedelta(minutes=minutes) if minutes else None


def assign_by_rule(conversation: Conversation, *, besides: UUID | None = None) -> None:
    """Let the team's rules choose somebody for a locked conversation that nobody has. The caller saves it.

    ``besides`` is not chosen: they have just let it go. The first rule that finds somebody wins.
    """
    rules = [
        rule
        for rule in AssignmentRule.objects.filter(
            Q(client=None) | Q(client_id=conversation.client_id), is_active=True
        ).order_by("position", "id")
        if (not rule.intents or conversation.intent in rule.intents)
        and (not rule.channels or conversation.channel in rule.channels)
    ]
    if not rules:
        return
    people = {person.id: person for person in answering(conversation.client_id) if person.id != besides}
    asks_online = any(rule.online_only for rule in rules)
    candidates = _candidates(people, conversation, asks_online=asks_online)
    for rule in rules:
        wanted = Wanted(
            rule.method, rule.in_working_hours, rule.online_only, str(rule.last_given_to_id or "")
        )
        chosen = choose(wanted, [one for one in candidates if not rule.people or one.key in rule.people])
        if chosen.key:
            person = people[UUID(chosen.key)]
            AssignmentRule.objects.filter(id=rule.id).update(last_given_to=person)
            text = f"Given to {person.display_name} by a rule: {chosen.reason}."
            give(conversation, person, by=None, text=text)
            return


def answering(client_id: UUID) -> list[User]:
    """Members who may answer a client's conversations."""
    members = (
        Membership.objects.filter(is_active=True, role__in=ANSWERING, user__is_active=True)
        .filter(Q(all_clients=True) | Q(client_links__client_id=client_id))
        .select_related("user")
        .order_by("user__name", "id")
        .distinct()
    )
    return [membership.user for membership in members]


def _candidates(
    people: dict[UUID, User], conversation: Conversation, *, asks_online: bool
) -> list[Candidate]:
    ids = list(people)
    load = dict(
        Conversation.objects.filter(SHOWN, status=Conversation.Status.OPEN, assignee_id__in=ids)
        .values_list("assignee_id")
        .annotate(count=Count("id"))
        .order_by()
    )
    hours = {row.user_id: row for row in WorkingHours.objects.filter(user_id__in=ids)}
    here = online.people(current_organization_id()) if asks_online else None
    known: set[UUID | None] = set()
    if conversation.lead_id is not None:
        known = set(
            Message.objects.filter(conversation__lead_id=conversation.lead_id, author_id__in=ids)
            .values_list("author_id", flat=True)
            .distinct()
        )
    moment = now()
    return [
        Candidate(
            key=str(person.id),
            name=person.display_name,
            open=load.get(person.id, 0),
            most=hours[person.id].most_open if person.id in hours else 0,
            is_at_work=is_at_work(hours.get(person.id), moment),
            is_online=here is None or str(person.id) in here,
            knows_them=person.id in known,
        )
        for person in people.values()
    ]


def is_at_work(hours: WorkingHours | None, moment: datetime) -> bool:
    """Whether somebody is on duty; whoever has stated no hours always is."""
    if hours is None:
        return True
    if hours.is_away_at(moment) or not hours.weekdays:
        return False
    window = SendingWindow(frozenset(hours.weekdays), hours.starts, hours.ends)
    return is_open(moment, Calendar(windows=(window,), days_off=frozenset()), zone(hours.time_zone))


def expired_leases() -> list[Conversation]:
    """Conversations whose claim has run out (platform scope)."""
    return list(Conversation.objects.filter(lease_expires_at__lte=now()).order_by("lease_expires_at")[:200])


def told(conversation: Conversation) -> None:
    """Tell of a locked conversation that was let go whom a rule gave it to, else that the team has it."""
    if conversation.assignee is not None:
        publish(ConversationAssigned(conversation=conversation, assignee=conversation.assignee, actor=None))
    elif conversation.awaiting_since is not None:
        publish(ConversationReleased(conversation=conversation))


@transaction.atomic
def release(*, conversation_id: UUID) -> None:
    """Give a conversation whose claim has run out back to the team; harmless when somebody acted meanwhile."""
    conversation = threads.locked(conversation_id)
    if conversation.lease_expires_at is None or conversation.lease_expires_at > now():
        return
    held_by = conversation.assignee
    conversation.lease_expires_at = None
    if held_by is not None and conversation.status == Conversation.Status.OPEN:
        text = f"{held_by.display_name} took this and did not act: it is the team's again."
        give(conversation, None, by=None, text=text)
        assign_by_rule(conversation, besides=held_by.id)
        told(conversation)
    conversation.save(update_fields=["assignee", "lease_expires_at", "updated_at"])
    live.conversation_changed(conversation)
