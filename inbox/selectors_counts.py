"""What is in the views, client by client: the same for every viewer, whose browser adds up the clients it sees.

What depends on the viewer (their own conversations) is counted for each person at once. A change pushes its client's
counts; a page asks once for those of all its clients.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import parse_qsl
from uuid import UUID

from django.core.cache import cache
from django.db.models import Count, QuerySet

from inbox import querysets
from inbox.filters import ME, Filters
from inbox.models import Conversation, SavedView
from project.core.clock import now
from project.core.counting import capped_counts, counts_by
from project.core.realtime.sequencer import latest_number
from project.core.scoping import current_organization_id
from project.tenancy.access import Access
from project.tenancy.models import Client, Organization, Role

#: Counts are exact up to here; beyond it they say "999+".
COUNT_CAP: Final = 999
#: Assigned open conversations of a client that are counted by person; more than a team can have open.
ASSIGNED_CAP: Final = 5_000
#: Saved views of an organization that are counted with every change; the others are asked for by who shows them.
PUSHED_VIEWS: Final = 60
#: How long the counts of all clients are kept for whoever was complete before they were counted (seconds).
_KEPT: Final = 60
#: How often they are counted at most, whoever asks (seconds).
SLICE: Final = 2


@dataclass(frozen=True, slots=True)
class _Counted:
    """Conversations of any client that are counted, where ``by_person`` for each person who has them."""

    rows: QuerySet[Any]
    by_person: bool = False
    #: The only client that it is about.
    client_id: UUID | None = None


def _views() -> dict[str, _Counted]:
    shown = Conversation.objects.filter(querysets.SHOWN)
    is_open = shown.filter(status=Conversation.Status.OPEN)
    return {
        "all": _Counted(is_open),
        "unassigned": _Counted(is_open.filter(assignee=None)),
        "snoozed": _Counted(shown.filter(status=Conversation.Status.SNOOZED)),
        "failed": _Counted(shown.filter(failed_sends__gt=0)),
        "unmatched": _Counted(is_open.filter(lead=None)),
        "unread": _Counted(is_open.filter(unread__gt=0)),
        "mine": _Counted(is_open, by_person=True),
    }


def _saved() -> dict[str, _Counted]:
    """The saved views that are counted, by id: all but searches, which cost too much for every change, and closed ones,
    which only grow.
    """
    organization = Organization.objects.get(id=current_organization_id())
    found = {}
    for view in SavedView.objects.select_related("owner").order_by("id")[:PUSHED_VIEWS]:
        everywhere = Access(user=view.owner, organization=organization, role=Role.ADMIN, client_ids=None)
        filters = Filters.of(dict(parse_qsl(view.query)), everywhere)
        if filters.is_counted:
            found[str(view.id)] = _counted(filters, everywhere)
    return found


def _counted(filters: Filters, access: Access) -> _Counted:
    by_person = filters.view == "mine" or filters.assignee == ME
    anybody = replace(
        filters,
        view="all" if filters.view == "mine" else filters.view,
        assignee="" if filters.assignee == ME else filters.assignee,
    )
    rows = Conversation.objects.filter(querysets.SHOWN, anybody.condition(access))
    return _Counted(rows, by_person, filters.client_id)


def of_client(client_id: UUID) -> dict[str, Any]:
    """Counts of one client's conversations. ``mine``, and saved views of who looks, are counts by person."""
    saved = {key: one for key, one in _saved().items() if one.client_id in {None, client_id}}
    everything = {**_views(), **saved}
    totals = capped_counts(
        {
            **{
                key: one.rows.filter(client_id=client_id)
                for key, one in everything.items()
                if not one.by_person
            },
            "scheduled": querysets.waiting_for_their_time().filter(conversation__client_id=client_id),
        },
        cap=COUNT_CAP,
    )
    people: dict[str, QuerySet[Any]] = {}
    for key, one in everything.items():
        if one.by_person:
            theirs = one.rows.filter(client_id=client_id).exclude(assignee=None)
            ids = theirs.order_by("-last_message_at").values("id")[:ASSIGNED_CAP]
            people[key] = Conversation.objects.filter(id__in=ids).values("assignee_id")
    return {**totals, **_by_person({key: rows.annotate(count=Count("id")) for key, rows in people.items()})}


def _by_person(rows: dict[str, QuerySet[Any]]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {key: {} for key in rows}
    for key, person, count in counts_by(rows):
        found[key][str(person)] = count
    return found


def of_clients(access: Access, *, since: int) -> dict[str, Any]:
    """The same of all clients within reach (``counts``), and the ``number`` of the stream that they stand at.

    Whoever is complete up to ``since`` gets what was counted then or later; and nothing is counted more than once in
    ``SLICE``: a ``number`` before ``since`` is too old for whoever asks, who asks again after that.
    """
    key = f"inbox:counts:{access.organization.id}"
    kept: dict[str, Any] | None = cache.get(key)
    at = now().timestamp()
    if kept is None or (kept["number"] < since and at - kept["at"] >= SLICE):
        kept = {"number": latest_number(access.organization.id), "at": at, "counts": _of_all()}
        cache.set(key, kept, _KEPT)
    theirs = {
        client_id: one for client_id, one in kept["counts"].items() if access.sees_client(UUID(client_id))
    }
    return {"number": kept["number"], "counts": theirs}


def _of_all() -> dict[str, dict[str, Any]]:
    saved = _saved()
    everything = {**_views(), **saved}
    plain = {
        key: one.rows.values("client_id").annotate(count=Count("id"))
        for key, one in everything.items()
        if not one.by_person
    }
    scheduled = querysets.waiting_for_their_time().values("conversation__client_id")
    plain["scheduled"] = scheduled.annotate(count=Count("id"))
    people = {
        key: one.rows.exclude(assignee=None).values("client_id", "assignee_id").annotate(count=Count("id"))
        for key, one in everything.items()
        if one.by_person
    }
    ids = Client.objects.values_list("id", flat=True)
    found: dict[str, dict[str, Any]] = {
        str(client_id): {key: {} if key in people else 0 for key in [*plain, *people]} for client_id in ids
    }
    for key, client_id, count in counts_by(plain):
        found[str(client_id)][key] = min(count, COUNT_CAP + 1)
    for key, client_id, person, count in counts_by(people):
        found[str(client_id)][key][str(person)] = count
    return found
