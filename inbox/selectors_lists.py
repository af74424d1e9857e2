"""Reads of the list side: views with counts, lists, filters and what they may be set to."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils import timezone

from campaigns.models import Campaign
from campaigns.replies.intents import Intent
from inbox import presenters, querysets, selectors_macros, snoozing, streams
from inbox.filters import COLUMNS, DENSITIES, SORTS, Filters
from inbox.models import Conversation, Label, SavedView
from inbox.search.finding import CANDIDATES, Found, find, find_people, headlines
from inbox.search.query import OPERATORS, SearchQuery, Word, parse
from inbox.selectors_counts import COUNT_CAP
from integrations.models import SenderAccount
from integrations.models.connections import Channel
from project.core.clock import now
from project.core.counting import capped_counts
from project.core.pagination import keyset_page
from project.tenancy.access import Access, Permission
from project.tenancy.models import Membership, Role, User
from project.theme.formats import capped
from project.theme.marks import INTENTS

PAGE: Final = 40
#: Most that a choice of a filter offers.
CHOICES: Final = 200


def chosen(access: Access, filters: Filters) -> QuerySet[Any]:
    """The conversations that a choice shows, without order."""
    return _chosen(access, filters)[0]


def _chosen(access: Access, filters: Filters) -> tuple[QuerySet[Any], SearchQuery, Found]:
    query = parse(filters.text)
    found = find(query, access) if filters.text else Found(Q())
    return querysets.visible(access).filter(filters.condition(access), found.condition), query, found


def conversation_list(access: Access, filters: Filters, cursor: str | None) -> dict[str, Any]:
    """A page of a list: rows, the conditions that live rows must meet, and the next page's address."""
    narrowed, query, found = _chosen(access, filters)
    page = keyset_page(narrowed, order=filters.order, cursor=cursor, limit=PAGE, load=querysets.for_rows)
    slug = access.organization.slug
    url = reverse("inbox:list", kwargs={"organization_slug": slug})
    where = filters.where(access)
    hits = {one.id: found.hits[one.id] for one in page.items if one.id in found.hits}
    passages = headlines(query, list(hits.values()))
    rows = [presenters.row(conversation, slug) for conversation in page.items]
    for row in rows:
        if hits.get(row["conversation_id"]) in passages:
            row.update(text=passages[hits[row["conversation_id"]]], mine="")
    return {
        "rows": rows,
        "filters": filters,
        "chips": filter_chips(access, filters),
        "problems": found.problems,
        "capped": CANDIDATES if found.capped else 0,
        **_called(access, filters),
        "where": "server" if where is None else json.dumps(where),
        "list_url": f"{url}?{filters.query}",
        "next_url": f"{url}?{filters.query}&cursor={page.next_cursor}" if page.next_cursor else "",
        "streams": " ".join(streams.client_inbox(client_id) for client_id in client_ids(access, filters)),
        "sorts": _sorts(filters, url),
        "densities": [
            {
                "label": label,
                "url": f"{url}?{replace(filters, density=key).query}",
                "active": key == filters.density,
            }
            for key, label in DENSITIES.items()
        ],
        "columns": [
            {
                "label": label,
                "url": f"{url}?{filters.toggled(key).query}",
                "active": key not in filters.hidden,
            }
            for key, label in COLUMNS.items()
        ],
        "operators": OPERATORS.items(),
    }


def _called(access: Access, filters: Filters) -> dict[str, str]:
    """What the list is called, as the saved view of just these filters or as the view that it narrows.

    ``count_key``: under which its count is pushed, if it is.
    """
    if set(filters.parameters) > {"view"}:
        saved = own_views(access).filter(query=filters.query).values_list("id", "name").first()
        if saved is not None:
            return {"view_label": saved[1], "count_key": f"view-{saved[0]}" if filters.is_counted else ""}
    is_pushed = filters.is_plain and filters.view != "closed"
    return {
        "view_label": querysets.VIEWS[filters.view][0] if filters.view in querysets.VIEWS else "Search",
        "count_key": f"view-{filters.view}" if is_pushed else "",
    }


def own_views(access: Access) -> QuerySet[SavedView]:
    """The saved views of a person: their own, and what others share; none of a client out of their reach.

    Without its client such a view would show all others under that client's name.
    """
    found: QuerySet[SavedView] = SavedView.objects.filter(Q(owner=access.user) | Q(is_shared=True))
    if access.client_ids is not None:
        within = ~Q(query__contains="client=")
        for client_id in access.client_ids:
            within |= Q(query__contains=f"client={client_id}")
        found = found.filter(within)
    return found.order_by("name", "id")


def _sorts(filters: Filters, url: str) -> list[dict[str, Any]]:
    found = []
    for key, (_, label) in SORTS.items():
        query = urlencode({**filters.parameters, "sort": key})
        found.append({"key": key, "label": label, "url": f"{url}?{query}", "active": key == filters.sort})
    return found


def client_ids(access: Access, filters: Filters) -> list[UUID]:
    """The clients whose streams the list listens to."""
    if filters.client_id:
        return [filters.client_id]
    return list(access.clients().order_by("id").values_list("id", flat=True))


def list_count(access: Access, filters: Filters) -> str:
    """How many conversations a choice shows, exact up to the cap."""
    return capped(capped_counts({"list": chosen(access, filters)}, cap=COUNT_CAP)["list"], COUNT_CAP)


def sidebar(
    access: Access, filters: Filters, *, is_scheduled: bool = False, listening: str = ""
) -> dict[str, Any]:
    """The views and the saved views with what is in them; the counts take one statement.

    ``is_scheduled``: the page of scheduled replies is looked at, and no view. ``listening``: the streams of all clients
    within reach, if somebody has asked for them already.
    """
    saved = list(own_views(access).select_related("owner"))
    choices = {view.id: Filters.of(_parameters(view), access) for view in saved}
    shown = querysets.visible(access)
    rows: dict[Any, QuerySet[Any]] = {
        key: shown.filter(querysets.condition(key, access)) for key in _counted(access)
    }
    rows |= {view_id: chosen(access, choice) for view_id, choice in choices.items() if choice.is_counted}
    rows["list"] = chosen(access, filters)
    rows["scheduled"] = querysets.scheduled(access)
    counts: dict[Any, int] = capped_counts(rows, cap=COUNT_CAP)
    url = reverse("inbox:list", kwargs={"organization_slug": access.organization.slug})
    is_view = filters.is_plain and filters not in choices.values() and not is_scheduled
    return {
        "views": [
            {
                "key": key, "label": label, "icon": icon, "count": counts.get(key),
                "shown": capped(counts.get(key), COUNT_CAP),
                "url": f"{url}?{urlencode({'view': key, **filters.look})}",
                "active": is_view and key == filters.view,
            }
            for key, (label, icon) in querysets.VIEWS.items()
            if key != "mine" or access.can(Permission.INBOX_REPLY)
        ],
        "saved_views": [
            {
                "id": view.id, "label": view.name, "url": f"{url}?{choices[view.id].query}",
                "shown": capped(counts.get(view.id), COUNT_CAP),
                "is_counted": choices[view.id].is_counted,
                "is_own": view.owner_id == access.user.id, "is_shared": view.is_shared,
                "owner": view.owner.display_name, "active": choices[view.id] == filters and not is_scheduled,
            }
            for view in saved
        ],
        "streams_counted": listening
        or " ".join(streams.client_inbox(one) for one in client_ids(access, Filters())),
        "is_scheduled": is_scheduled,
        "scheduled": capped(counts["scheduled"], COUNT_CAP),
        "list_count": capped(counts["list"], COUNT_CAP),
        "filters": filters,
    }  # fmt: skip


def _parameters(view: SavedView) -> dict[str, str]:
    return dict(parse_qsl(view.query))


def _counted(access: Access) -> Iterable[str]:
    """Closed ones are not counted: they only grow."""
    return [
        key
        for key in querysets.VIEWS
        if key != "closed" and (key != "mine" or access.can(Permission.INBOX_REPLY))
    ]


def view_counts(access: Access) -> list[dict[str, Any]]:
    """The views with how much is in each, exact up to the cap."""
    shown = querysets.visible(access)
    keys = list(_counted(access))
    counts = capped_counts(
        {key: shown.filter(querysets.condition(key, access)) for key in keys}, cap=COUNT_CAP
    )
    return [
        {"key": key, "label": label, "count": counts.get(key), "more": counts.get(key, 0) > COUNT_CAP}
        for key, (label, _) in querysets.VIEWS.items()
        if key in keys or key == "closed"
    ]


def area_count(access: Access) -> int | None:
    """Unread open conversations within reach, for the navigation."""
    unread = Q(status=Conversation.Status.OPEN, unread__gt=0)
    return (
        capped_counts({"unread": querysets.visible(access).filter(unread)}, cap=COUNT_CAP)["unread"] or None
    )


# --- what may be chosen -----------------------------------------------------------------------------


def members(access: Access) -> list[User]:
    """Members who may answer; whoever asks comes first."""
    rows = (
        Membership.objects.filter(is_active=True, role__in=(Role.ADMIN, Role.MANAGER, Role.AGENT))
        .select_related("user")
        .order_by("user__name", "user__email")
    )
    people = [membership.user for membership in rows]
    return sorted(people, key=lambda person: person.id != access.user.id)


def labels(access: Access) -> list[Label]:
    """Labels that the viewer may see: of their clients and of all."""
    within = Q(client=None) | access.client_filter()
    found: list[Label] = list(
        Label.objects.filter(within if access.client_ids is not None else Q()).select_related("client")[
            :CHOICES
        ]
    )
    return found


def act_menus(access: Access) -> dict[str, Any]:
    """What the menus of acts offer: people, snooze times, labels."""
    return {
        "people": members(access),
        "snoozes": snoozing.presets(now(), timezone.get_current_timezone()),
        "labels": labels(access),
        "priorities": Conversation.Priority.choices,
        "macros": selectors_macros.menu(access),
    }


def filter_choices(access: Access, filters: Filters) -> dict[str, Any]:
    """The fields of the filter form: name, label, options, and what is chosen."""
    campaigns = Campaign.objects.filter(access.client_filter()).order_by("name")
    senders = SenderAccount.objects.filter(access.client_filter()).order_by("name")
    if filters.client_id:
        campaigns = campaigns.filter(client_id=filters.client_id)
        senders = senders.filter(client_id=filters.client_id)
    clients = access.clients().filter(is_archived=False)
    people = [("me", "Me"), ("none", "Nobody"), *((str(one.id), one.display_name) for one in members(access))]
    options: list[tuple[str, str, str, list[tuple[str, str]]]] = [
        ("view", "View", filters.view, [(key, label) for key, (label, _) in querysets.VIEWS.items()]),
        ("client", "Client", str(filters.client_id or ""), _named(clients)),
        ("campaign", "Campaign", str(filters.campaign_id or ""), _named(campaigns)),
        ("sender", "Sender", str(filters.sender_id or ""), _named(senders)),
        ("channel", "Channel", filters.channel, [(key, str(label)) for key, label in Channel.choices]),
        ("intent", "Intent", filters.intent, [(key, label) for key, (_, label) in INTENTS.items()]),
        ("label", "Label", str(filters.label_id or ""), [(str(one.id), one.name) for one in labels(access)]),
        ("assignee", "Assigned to", filters.assignee, people),
        (
            "sla",
            "Answer",
            filters.sla,
            [("late", "Late"), ("soon", "Due within 30 min"), ("waiting", "Waited for")],
        ),
    ]
    return {
        "filters": filters,
        "fields": [
            {
                "name": name,
                "label": label,
                "value": value,
                "options": [("", "Any"), *offered][name == "view" :],
            }
            for name, label, value, offered in options
        ],
    }


def _named(rows: QuerySet[Any]) -> list[tuple[str, str]]:
    return [(str(row_id), name) for row_id, name in rows.values_list("id", "name")[:CHOICES]]


#: Filters that are shown as chips: the field, and how its value is named.
_PLAIN: Final[dict[str, dict[Any, Any]]] = {
    "channel": dict(Channel.choices),
    "intent": {one.value: INTENTS.get(one.value, ("", one.value.replace("_", " ")))[1] for one in Intent},
    "sla": {"late": "late", "soon": "due within 30 min", "waiting": "waited for"},
    "unread": {True: "unread"},
    "urgent": {True: "high priority"},
}


def filter_chips(access: Access, filters: Filters) -> list[dict[str, str]]:
    """The filters that are set, each with the address of the list without it; one statement for each with a name."""
    url = reverse("inbox:list", kwargs={"organization_slug": access.organization.slug})
    values: list[tuple[str, str, str]] = []
    for field, label, rows in (
        ("client_id", "Client", access.clients()),
        ("campaign_id", "Campaign", Campaign.objects.filter(access.client_filter())),
        ("sender_id", "Sender", SenderAccount.objects.filter(access.client_filter())),
        ("label_id", "Label", Label.objects.all()),
    ):
        value = getattr(filters, field)
        if value:
            name = rows.filter(id=value).values_list("name", flat=True).first()
            values.append((field, label, name or "unknown"))
    if filters.assignee:
        known = {"me": "you", "none": "nobody"}
        name = known.get(filters.assignee) or _person(filters.assignee)
        values.append(("assignee", "Assigned to", name))
    for field, names in _PLAIN.items():
        value = getattr(filters, field)
        if value:
            values.append((field, "", str(names.get(value, value))))
    for field, label in (("after", "Since"), ("before", "Before")):
        day = getattr(filters, field)
        if day:
            values.append((field, label, f"{day:%d %b %Y}"))
    return [
        {"label": label, "value": value, "url": f"{url}?{filters.without(field).query}"}
        for field, label, value in values
    ]


def _person(user_id: str) -> str:
    member = Membership.objects.filter(user_id=user_id).select_related("user").first()
    return member.user.display_name if member else "somebody unknown"


#: Of each kind that the palette offers.
_OFFERED: Final = 6


def jump(access: Access, text: str) -> list[dict[str, str]]:
    """People in conversations, campaigns and saved views whose names begin with the words of ``text``."""
    words = [Word(part, is_prefix=True) for part in text.split()]
    if not words:
        return []
    slug = {"organization_slug": access.organization.slug}
    ids = find_people(words, access)[:_OFFERED]
    people = querysets.visible(access).filter(id__in=ids).select_related("lead", "client")
    items = [
        {
            "label": row.title,
            "note": row.client.name,
            "url": reverse("inbox:conversation", kwargs={**slug, "conversation_id": row.id}),
        }
        for row in people.order_by("-last_message_at")
    ]
    if access.can(Permission.CAMPAIGNS_VIEW):
        campaigns = Campaign.objects.filter(access.client_filter(), name__icontains=text).order_by("name")
        items += [
            {
                "label": row.name,
                "note": "campaign",
                "url": reverse("campaigns:detail", kwargs={**slug, "campaign_id": row.id}),
            }
            for row in campaigns[:_OFFERED]
        ]
    views = own_views(access).filter(name__icontains=text)
    url = reverse("inbox:list", kwargs=slug)
    return items + [
        {"label": row.name, "note": "view", "url": f"{url}?{row.query}"} for row in views[:_OFFERED]
    ]
