"""Reads of companies: the table, and one company with its people, campaigns and conversations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import Count, Max, Q, QuerySet
from django.db.models.expressions import RawSQL

from campaigns.models import Campaign, Company, Enrollment, Lead
from campaigns.querysets import answers
from campaigns.selectors_leads import fill, with_addresses
from integrations.models import OutboundMessage
from project.core.ids import parse_uuid
from project.core.pagination import Page, keyset_page
from project.tenancy.access import Access

ORDER: Final = ("name", "id")
#: People of a company that its page shows.
PEOPLE: Final = 200


@dataclass(frozen=True, slots=True)
class CompanyFilters:
    """The table of companies, narrowed."""

    client_id: UUID | None = None
    #: What a name or domain begins with.
    text: str = ""

    @classmethod
    def of(cls, data: Any, access: Access) -> CompanyFilters:
        """Read the parameters of an address; what makes no sense is left out."""
        client_id = parse_uuid(data.get("client", ""))
        text = " ".join(str(data.get("q", "")).replace("\x00", "").split())[:100]
        return cls(client_id if client_id and access.sees_client(client_id) else None, text)

    @property
    def query(self) -> str:
        """The query string of this choice."""
        given = {"client": self.client_id, "q": self.text}
        return urlencode({name: str(value) for name, value in given.items() if value})


def companies(access: Access) -> QuerySet[Company]:
    """Companies within reach."""
    rows: QuerySet[Company] = Company.objects.filter(access.client_filter()).select_related("client")
    return rows


def company_page(
    access: Access, filters: CompanyFilters, *, cursor: str | None, limit: int = 50
) -> Page[Any]:
    """Companies in the order of their names, with how many people each has. Raises ``InvalidCursor``."""
    rows = companies(access)
    if filters.client_id:
        rows = rows.filter(client_id=filters.client_id)
    if filters.text:
        clients = None if access.client_ids is None else sorted(access.client_ids)
        given = [filters.text.lower(), [filters.client_id] if filters.client_id else clients]
        rows = rows.filter(
            id__in=RawSQL("SELECT company_id FROM campaigns_find_companies(%s, %s::uuid[])", given)
        )
    page = keyset_page(rows, order=ORDER, cursor=cursor, limit=limit)
    _count(page.items)
    return page


def _count(found: list[Any]) -> None:
    """Put onto each company how many people it has and how many of them have answered: two statements for all."""
    ids = [company.id for company in found]
    people = Lead.objects.filter(company__in=ids, removed_at=None)
    counts = dict(people.values_list("company_id").annotate(Count("id")))
    answered = answers().filter(enrollment__lead__company__in=ids)
    replied = dict(
        answered.values_list("enrollment__lead__company_id").annotate(
            Count("enrollment__lead_id", distinct=True)
        )
    )
    for company in found:
        company.people = counts.get(company.id, 0)
        company.replied = replied.get(company.id, 0)


def company_profile(company: Company) -> dict[str, Any]:
    """A company with its people, what runs for them, and when somebody there was last written to and answered."""
    people: list[Any] = list(
        with_addresses(Lead.objects.filter(company=company, removed_at=None)).order_by(
            "last_name", "first_name", "id"
        )[: PEOPLE + 1]
    )
    fill(people, ("stage", "last_sent", "last_reply"))
    ids = [lead.id for lead in people]
    sent = OutboundMessage.objects.filter(lead_id__in=ids, state=OutboundMessage.State.SENT)
    running = (
        Campaign.objects.filter(enrollments__lead__in=ids)
        .annotate(
            people=Count("enrollments__lead", filter=Q(enrollments__lead__in=ids), distinct=True),
            active=Count(
                "enrollments__lead",
                filter=Q(enrollments__lead__in=ids, enrollments__status=Enrollment.Status.ACTIVE),
                distinct=True,
            ),
        )
        .order_by("name", "id")[:50]
    )
    return {
        "company": company,
        "people": people[:PEOPLE],
        "has_more": len(people) > PEOPLE,
        "campaigns": list(running),
        "last_sent": sent.aggregate(last=Max("sent_at"))["last"],
        "last_reply": max((lead.last_reply for lead in people if lead.last_reply), default=None),
        "replied": sum(1 for lead in people if lead.last_reply),
        "colleagues_reply_stops": any(
            campaign.reply_stops == Campaign.ReplyStops.COMPANY for campaign in running
        ),
    }
