"""Reads of the board of queues, of the desk of unmatched replies, and of how a team answers."""

from __future__ import annotations

import itertools
import statistics
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import Count, F, Min, Q, QuerySet, Window
from django.db.models.functions import RowNumber

from campaigns.lead_filters import with_words
from campaigns.models import Lead, LeadChannel
from inbox import presenters, querysets, selectors_lists, streams
from inbox.filters import SOON
from inbox.models import AssignmentRule, Conversation, InboxPolicy, Label, Message, WorkingHours
from inbox.services.assignment import is_at_work
from inbox.sla import USUAL, Waiting, at_risk
from project.core.clock import now
from project.core.pagination import keyset_page
from project.core.realtime import online
from project.core.scoping import current_organization_id
from project.tenancy.access import Access
from project.tenancy.models import User

#: Cards that a column shows; the rest is a number and a link.
CARDS: Final = 8
#: Waiting conversations that the prediction looks at, the most urgent first.
WAITING: Final = 2_000
#: Answers that the usual time is taken from.
ANSWERS: Final = 200
#: Longer than this between two answers is a pause, not work.
PAUSE: Final = timedelta(minutes=30)


@dataclass
class Queue:
    """One column of the board: what nobody has, or what one person has."""

    person: User | None
    open: int = 0
    unread: int = 0
    late: int = 0
    at_risk: int = 0
    oldest: datetime | None = None
    state: str = ""
    #: When whoever is away is back.
    until: datetime | None = None
    most: int = 0
    cards: list[dict[str, Any]] = field(default_factory=list)
    risky: set[UUID] = field(default_factory=set)

    @property
    def key(self) -> str:
        """What a card is dropped on: a user's id, or nothing."""
        return str(self.person.id) if self.person else ""


def board(access: Access, client_id: UUID | None) -> dict[str, Any]:
    """Queues by person: load, oldest unread, what is late and what will be, and the most urgent of each."""
    rows = querysets.visible(access).filter(status=Conversation.Status.OPEN)
    if client_id:
        rows = rows.filter(client_id=client_id)
    people = selectors_lists.members(access)
    queues = {person.id: Queue(person) for person in people}
    queues |= {None: Queue(None)}  # type: ignore[dict-item]
    moment = now()
    late = Q(sla_due_at__lt=moment)
    counted = (
        rows.values("assignee_id")
        .annotate(
            open=Count("id"),
            unread_count=Count("id", filter=Q(unread__gt=0)),
            late=Count("id", filter=late),
            oldest=Min("last_inbound_at", filter=Q(unread__gt=0)),
        )
        .order_by()
    )
    for row in counted:
        queue = queues.get(row["assignee_id"])
        if queue is not None:
            queue.open, queue.unread, queue.late = row["open"], row["unread_count"], row["late"]
            queue.oldest = row["oldest"]
    _predict(rows, queues, moment)
    _cards(access, rows, queues)
    _states(people, queues, moment)
    clients = [client_id] if client_id else list(access.clients().order_by("id").values_list("id", flat=True))
    assigned = sorted(
        (queue for queue in queues.values() if queue.person),
        key=lambda one: (-one.late, -one.at_risk, -one.open),
    )
    return {
        "queues": [queues[None], *assigned],  # type: ignore[index]
        "client_id": client_id,
        "soon": SOON,
        "streams": " ".join(streams.client_inbox(one) for one in clients),
    }


def _predict(rows: QuerySet[Any], queues: dict[Any, Queue], moment: datetime) -> None:
    """Who will be late at their own pace: the median time between their last answers."""
    waiting: dict[Any, list[Waiting]] = {}
    listed = rows.filter(sla_due_at__isnull=False).order_by("sla_due_at", "id")
    for row_id, assignee_id, due in listed.values_list("id", "assignee_id", "sla_due_at")[:WAITING]:
        waiting.setdefault(assignee_id, []).append(Waiting(str(row_id), due))
    paces = pace([key for key in waiting if key is not None])
    for key, queue in waiting.items():
        if key in queues:
            found = at_risk(queue, paces.get(key, USUAL), moment)
            queues[key].risky = {UUID(one) for one in found}
            queues[key].at_risk = max(0, len(found) - queues[key].late)


def pace(people: list[UUID]) -> dict[UUID, timedelta]:
    """How long each person takes for an answer: the median time between their last ones, pauses left out."""
    if not people:
        return {}
    since = now() - timedelta(days=7)
    answered: dict[UUID, list[datetime]] = {}
    recent = (
        Message.objects.filter(author_id__in=people, direction="outbound", occurred_at__gte=since)
        .annotate(
            place=Window(RowNumber(), partition_by=[F("author_id")], order_by=[F("occurred_at").desc()])
        )
        .filter(place__lte=ANSWERS)
        .values_list("author_id", "occurred_at")
    )
    for author_id, occurred_at in recent:
        answered.setdefault(author_id, []).append(occurred_at)
    found = {}
    for author_id, moments in answered.items():
        moments.sort()
        gaps = [later - earlier for earlier, later in itertools.pairwise(moments)]
        working = [gap.total_seconds() for gap in gaps if gap <= PAUSE]
        if len(working) >= 5:
            found[author_id] = timedelta(seconds=statistics.median(working))
    return found


def _cards(access: Access, rows: QuerySet[Any], queues: dict[Any, Queue]) -> None:
    place = Window(
        RowNumber(),
        partition_by=[F("assignee_id")],
        order_by=[F("sla_due_at").asc(nulls_last=True), F("last_message_at").desc(), F("id").desc()],
    )
    ranked = rows.annotate(place=place).filter(place__lte=CARDS).values_list("id", "assignee_id", "place")
    places = {row_id: (assignee_id, number) for row_id, assignee_id, number in ranked}
    shown = querysets.for_rows(Conversation.objects.filter(id__in=list(places)))
    for row in sorted(shown, key=lambda one: places[one.id][1]):
        queue = queues.get(places[row.id][0])
        if queue is not None:
            card = presenters.row(row, access.organization.slug)
            is_late = row.sla_due_at is not None and row.sla_due_at < now()
            queue.cards.append({**card, "at_risk": row.id in queue.risky and not is_late})


def _states(people: list[User], queues: dict[Any, Queue], moment: datetime) -> None:
    hours = {row.user_id: row for row in WorkingHours.objects.filter(user_id__in=[one.id for one in people])}
    here = online.people(current_organization_id())
    for person in people:
        queue, known = queues[person.id], hours.get(person.id)
        queue.most = known.most_open if known else 0
        if known is not None and known.is_away_at(moment):
            queue.state, queue.until = "away", known.away_until
        elif not is_at_work(known, moment):
            queue.state = "off duty"
        elif here is not None:
            queue.state = "online" if str(person.id) in here else "offline"


# --- the desk of unmatched replies ------------------------------------------------------------------


def desk(access: Access, cursor: str | None) -> dict[str, Any]:
    """Replies that fit no lead, newest first."""
    rows = querysets.for_rows(querysets.visible(access).filter(querysets.condition("unmatched", access)))
    page = keyset_page(rows, order=("-last_message_at", "-id"), cursor=cursor, limit=20)
    return {
        "rows": [
            {**presenters.row(row, access.organization.slug), "address": row.counterpart_id}
            for row in page.items
        ],
        "next_cursor": page.next_cursor,
        "streams": " ".join(
            streams.client_inbox(one) for one in selectors_lists.client_ids(access, selectors_lists.Filters())
        ),
    }


@dataclass(frozen=True, slots=True)
class Match:
    """A lead who may be the one that wrote, and why."""

    lead: Lead
    reason: str
    weight: int


def matches(conversation: Conversation, limit: int = 3) -> list[Match]:
    """Who may have written, the likeliest first, each with the reason. The client's own leads only."""
    found: dict[UUID, Match] = {}

    def note(leads: QuerySet[Any], reason: str, weight: int) -> None:
        for lead in leads.select_related("company").order_by("id")[:10]:
            best = found.get(lead.id)
            if best is None or best.weight < weight:
                found[lead.id] = Match(lead, reason, weight)

    leads = Lead.objects.filter(client_id=conversation.client_id)
    address, name = conversation.counterpart_id.lower(), conversation.counterpart_name.strip()
    if address:
        channels = LeadChannel.objects.filter(client_id=conversation.client_id)
        same = channels.filter(Q(normalized=address) | Q(provider_id=conversation.counterpart_id))
        note(leads.filter(id__in=same.values("lead_id")), "has this very address", 100)
    client_id = conversation.client_id
    words = [word for word in name.replace("@", " ").split() if len(word) > 1]
    if len(words) > 1:
        exact = Q(first_name__iexact=words[0], last_name__iexact=" ".join(words[1:]))
        note(with_words(client_id, " ".join(words)).filter(exact), f"is called {name} too", 80)
    local, _, domain = address.partition("@")
    if domain:
        note(with_words(client_id, domain).filter(company__domain__iexact=domain), f"works at {domain}", 40)
        for part in [piece for piece in local.replace("_", ".").split(".") if len(piece) > 2][:2]:
            colleagues = with_words(client_id, f"{domain} {part}")
            note(
                colleagues.filter(company__domain__iexact=domain, last_name__iexact=part),
                f"works at {domain}, and the address has their name",
                90,
            )
    if words:
        first, last = words[0], words[-1]
        note(with_words(client_id, last).filter(last_name__iexact=last), f"has the surname {last}", 30)
        note(with_words(client_id, first).filter(first_name__iexact=first), f"has the first name {first}", 10)
    return sorted(found.values(), key=lambda one: (-one.weight, one.lead.full_name))[:limit]


# --- how a team answers -----------------------------------------------------------------------------


def settings(access: Access) -> dict[str, Any]:
    """Policies, rules, working hours and labels within reach."""
    within = Q() if access.client_ids is None else Q(client=None) | access.client_filter()
    members = selectors_lists.members(access)
    names = {str(person.id): person.display_name for person in members}
    rules = AssignmentRule.objects.filter(within).select_related("client").order_by("position", "id")
    hours = {row.user_id: row for row in WorkingHours.objects.all()}
    labels = Label.objects.filter(within).select_related("client").annotate(count=Count("links"))
    return {
        "policies": list(
            InboxPolicy.objects.filter(within).select_related("client").order_by("client__name")
        ),
        "rules": [
            {"rule": rule, "people": [names.get(one, "somebody who left") for one in rule.people]}
            for rule in rules
        ],
        "people": [
            {
                "person": person,
                "hours": hours.get(person.id),
                "is_away": person.id in hours and hours[person.id].is_away_at(now()),
                "is_self": person.id == access.user.id,
            }
            for person in members
        ],
        "labels": list(labels.order_by("name", "id")),
    }
