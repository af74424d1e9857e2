"""Reads of the table of leads: its rows and columns, what it can be narrowed by, and saved segments."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import parse_qsl
from uuid import UUID

from django.db.models import Max, Q, QuerySet
from django.urls import reverse

from campaigns import lead_columns, selectors_lead_acts
from campaigns.lead_filters import (
    BEHAVIOUR,
    FOUND,
    NOBODY,
    NOT,
    WITHIN,
    LeadFilters,
    campaigns_of,
    found_leads,
)
from campaigns.models import (
    Campaign,
    Company,
    Enrollment,
    Lead,
    LeadChannel,
    LeadColumns,
    LeadField,
    LeadImport,
    LeadSegment,
)
from campaigns.querysets import answers
from integrations.models import OutboundMessage
from integrations.models.connections import Channel
from project.core.counting import capped_counts
from project.core.ids import parse_uuid
from project.core.pagination import Page, keyset_page
from project.tenancy.access import Access
from project.tenancy.models import User
from project.theme.formats import capped

#: Leads are counted exactly up to here.
COUNT_CAP: Final = 999
#: Most that a choice of a filter offers.
CHOICES: Final = 200
ORDER: Final = ("-created_at", "-id")


def lead_page(
    access: Access, filters: LeadFilters, *, columns: Iterable[str], cursor: str | None
) -> Page[Any]:
    """Leads within reach, newest first, with what the columns show. Raises ``InvalidCursor``."""
    rows = with_addresses(found_leads(access, filters))
    page = keyset_page(rows, order=ORDER, cursor=cursor, limit=50)
    fill(page.items, columns)
    return page


def with_addresses(rows: QuerySet[Lead]) -> QuerySet[Lead]:
    """Leads with client, company, owner, addresses and labels."""
    return rows.select_related("client", "company", "owner").prefetch_related("channels", "labels")


def fill(leads: list[Any], columns: Iterable[str]) -> None:
    """Put onto each lead what its columns show: ``enrollment`` (the newest), ``last_sent``, ``last_reply``, ``own``.

    A statement for each of the three, whatever the number of leads.
    """
    wanted = set(columns)
    ids = [lead.id for lead in leads]
    newest: dict[UUID, Any] = {}
    sent: dict[UUID, Any] = {}
    replied: dict[UUID, Any] = {}
    if wanted & {"stage", "campaign"}:
        enrollments = Enrollment.objects.filter(lead__in=ids).select_related("campaign")
        for enrollment in enrollments.order_by("lead_id", "-created_at", "-id").distinct("lead_id"):
            newest[enrollment.lead_id] = enrollment
    if "last_sent" in wanted:
        out = OutboundMessage.objects.filter(lead_id__in=ids, state=OutboundMessage.State.SENT)
        sent = dict(out.values_list("lead_id").annotate(Max("sent_at")))
    if "last_reply" in wanted:
        readings = answers().filter(enrollment__lead__in=ids)
        replied = dict(readings.values_list("enrollment__lead_id").annotate(Max("occurred_at")))
    for lead in leads:
        lead.enrollment = newest.get(lead.id)
        lead.last_sent = sent.get(lead.id)
        lead.last_reply = replied.get(lead.id)
        lead.own = {
            key: lead.fields.get(key.removeprefix(lead_columns.FIELD))
            for key in wanted
            if key.startswith(lead_columns.FIELD)
        }


def columns_of(access: Access) -> list[str]:
    """The columns that the viewer chose, else the usual ones."""
    chosen = LeadColumns.objects.filter(owner=access.user).values_list("columns", flat=True).first()
    return list(lead_columns.DEFAULT) if chosen is None else lead_columns.known(chosen)


def offered_columns(access: Access, chosen: Iterable[str]) -> list[str]:
    """All columns that may be chosen: the table's own, the custom fields within reach, and those that are chosen."""
    names = custom_fields(access).order_by("name", "id").values_list("name", flat=True)[:CHOICES]
    fields = [f"{lead_columns.FIELD}{name}" for name in names]
    return list(dict.fromkeys([*lead_columns.COLUMNS, *fields, *chosen]))


def lead_count(access: Access, filters: LeadFilters) -> tuple[int, str]:
    """How many leads the filters leave, up to one more than ``COUNT_CAP``, and as it is shown."""
    count = capped_counts({"leads": found_leads(access, filters)}, cap=COUNT_CAP)["leads"]
    return count, capped(count, COUNT_CAP)


def segments(access: Access) -> QuerySet[LeadSegment]:
    """The viewer's own segments and those that are shared."""
    rows: QuerySet[LeadSegment] = LeadSegment.objects.filter(Q(owner=access.user) | Q(is_shared=True))
    return rows.select_related("owner").order_by("name", "id")


def segment_links(access: Access, filters: LeadFilters) -> list[dict[str, Any]]:
    """The segments as links of the side bar; ``active`` is the one that is shown."""
    url = _table(access)
    found = []
    for segment in segments(access):
        choice = LeadFilters.of(dict(parse_qsl(segment.query)), access)
        found.append(
            {
                "id": segment.id, "label": segment.name, "url": f"{url}?{choice.query}",
                "active": choice == filters, "is_own": segment.owner_id == access.user.id,
                "is_shared": segment.is_shared, "owner": segment.owner.display_name,
            }
        )  # fmt: skip
    return found


def filter_choices(access: Access, filters: LeadFilters) -> dict[str, Any]:
    """The fields of the filter form: name, label, options, and what is chosen."""
    imports = LeadImport.objects.filter(access.client_filter(), state=LeadImport.State.DONE)
    if filters.client_id:
        imports = imports.filter(client_id=filters.client_id)
    lists = imports.order_by("-created_at").values_list("id", "file_name")[:CHOICES]
    behaviour = [(key, words) for key, (words, _) in BEHAVIOUR.items()]
    behaviour += [(f"{NOT}{key}", _turned(words)) for key, (words, _) in BEHAVIOUR.items()]
    options: list[tuple[str, str, str, list[tuple[str, str]]]] = [
        (
            "client",
            "Client",
            str(filters.client_id or ""),
            _named(access.clients().filter(is_archived=False)),
        ),
        ("campaign", "Campaign", str(filters.campaign_id or ""), _named(campaigns_of(access, filters))),
        ("stage", "Stage", filters.stage, [(key, str(label)) for key, label in Enrollment.Stage.choices]),
        ("list", "List", str(filters.import_id or ""), [(str(row_id), name) for row_id, name in lists]),
        ("channel", "Reachable by", filters.channel, [(key, str(label)) for key, label in Channel.choices]),
        (
            "owner",
            "Owner",
            filters.owner,
            [
                (NOBODY, "Nobody"),
                *((str(user.id), user.display_name) for user in selectors_lead_acts.owners(access)),
            ],
        ),
        ("label", "Label", filters.label, [(name, name) for name in selectors_lead_acts.labels(access)]),
        (
            "suppressed",
            "Do not contact",
            filters.suppressed,
            [("no", "May be contacted"), ("yes", "Must not be contacted")],
        ),
        ("did", "Behaviour", filters.did, behaviour),
        (
            "within",
            "Within",
            str(filters.within or ""),
            [(str(days), f"the last {days} days") for days in WITHIN],
        ),
    ]
    return {
        "filters": filters,
        "custom_fields": sorted(
            set(custom_fields(access).order_by("name", "id").values_list("name", flat=True)[:CHOICES])
        ),
        "company_words": "" if parse_uuid(filters.company) else filters.company,
        "fields": [
            {
                "name": name,
                "label": label,
                "value": value,
                "options": [("", "Ever" if name == "within" else "Any"), *offered],
            }
            for name, label, value, offered in options
        ],
    }


def _turned(words: str) -> str:
    return f"Not: {words[0].lower()}{words[1:]}"


def _named(rows: QuerySet[Any]) -> list[tuple[str, str]]:
    return [(str(row_id), name) for row_id, name in rows.values_list("id", "name")[:CHOICES]]


def filter_chips(access: Access, filters: LeadFilters) -> list[dict[str, str]]:
    """The filters that are set, each with the address of the table without it; one statement for each with a name."""
    values = _named_chips(access, filters)
    if filters.stage:
        values.append((("stage",), "Stage", str(Enrollment.Stage(filters.stage).label)))
    if filters.channel:
        values.append((("channel",), "Reachable by", str(Channel(filters.channel).label)))
    if filters.suppressed:
        said = "must not be contacted" if filters.suppressed == "yes" else "may be contacted"
        values.append((("suppressed",), "", said))
    if filters.label:
        values.append((("label",), "Label", filters.label))
    if filters.field:
        values.append((("field", "value"), filters.field, filters.value))
    if filters.company and not parse_uuid(filters.company):
        values.append((("company",), "Company", filters.company))
    if filters.title:
        values.append((("title",), "Title", filters.title))
    if filters.lacks:
        values.append((("lacks",), "No value for", filters.lacks))
    if filters.did:
        words, _ = BEHAVIOUR[filters.did.removeprefix(NOT)]
        said = _turned(words) if filters.did.startswith(NOT) else words
        ever = f"within {filters.within} days" if filters.within else "ever"
        values.append((("did", "within"), said, ever))
    url = _table(access)
    return [
        {"label": label, "value": value, "url": f"{url}?{filters.without(*fields).query}"}
        for fields, label, value in values
    ]


def _named_chips(access: Access, filters: LeadFilters) -> list[tuple[tuple[str, ...], str, str]]:
    """Filters whose value is something with a name: fields, label, name."""
    reach = access.client_filter()
    campaigns, imports = Campaign.objects.filter(reach), LeadImport.objects.filter(reach)
    owner = "" if filters.owner == NOBODY else filters.owner
    found: list[tuple[tuple[str, ...], str, str]] = []
    for field, label, value, rows, column in (
        ("client_id", "Client", filters.client_id, access.clients(), "name"),
        ("campaign_id", "Campaign", filters.campaign_id, campaigns, "name"),
        ("import_id", "List", filters.import_id, imports, "file_name"),
        ("company", "Company", parse_uuid(filters.company), Company.objects.filter(reach), "name"),
        ("owner", "Owner", owner, User.objects.all(), "name"),
    ):
        if value:
            name = rows.filter(id=value).values_list(column, flat=True).first()
            found.append(((field,), label, name or "unknown"))
    if filters.owner == NOBODY:
        found.append((("owner",), "Owner", "nobody"))
    return found


def addresses(access: Access) -> QuerySet[LeadChannel]:
    """Addresses of the leads within reach, with their lead."""
    rows: QuerySet[LeadChannel] = LeadChannel.objects.filter(access.client_filter())
    return rows.select_related("lead")


def custom_fields(access: Access) -> QuerySet[LeadField]:
    """Custom fields of the clients within reach, by client and name."""
    rows: QuerySet[LeadField] = LeadField.objects.filter(access.client_filter()).select_related("client")
    return rows.order_by("client__name", "name", "id")


def field_names(access: Access, client_id: UUID | None) -> list[str]:
    """Names of custom fields of the clients within reach, or of one: those that are defined, and those of imports."""
    fields, imports = custom_fields(access), LeadImport.objects.filter(access.client_filter())
    if client_id:
        fields, imports = fields.filter(client_id=client_id), imports.filter(client_id=client_id)
    found = dict.fromkeys(fields.order_by("name", "id").values_list("name", flat=True)[:CHOICES])
    for headers, mapping in imports.order_by("-created_at").values_list("headers", "mapping")[:CHOICES]:
        found |= dict.fromkeys(
            header for index, header in enumerate(headers) if mapping.get(str(index)) == "custom"
        )
    return sorted(found)[:CHOICES]


def custom_values(lead: Lead) -> list[dict[str, Any]]:
    """A lead's custom values with the kinds of their fields: those that are defined, then what else it has."""
    fields = list(LeadField.objects.filter(client_id=lead.client_id).order_by("name", "id"))
    known = {field.name for field in fields}
    shown = [
        {
            "name": field.name,
            "kind": field.kind,
            "options": field.options,
            "value": lead.fields.get(field.name, ""),
        }
        for field in fields
    ]
    others = sorted((name, value) for name, value in lead.fields.items() if name not in known)
    return shown + [{"name": name, "kind": "text", "options": [], "value": value} for name, value in others]


def search_note(filters: LeadFilters, count: int) -> str:
    """What is to be known about a search that may have found more than it looks at."""
    if not filters.searches or count <= COUNT_CAP:
        return ""
    return f"Words show at most {FOUND:,} people. Acts on all of them, and files, take everybody who fits."


def _table(access: Access) -> str:
    return reverse("campaigns:leads", kwargs={"organization_slug": access.organization.slug})
