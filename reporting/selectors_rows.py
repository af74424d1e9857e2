"""The rows behind a number: the facts that it was counted from, with the filters of the page it stands on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Exists, F, OuterRef, QuerySet
from django.db.models.functions import Coalesce

from campaigns.models import Campaign, Lead
from integrations.models import SenderAccount
from project.core.clock import now
from project.core.ids import parse_uuid
from project.core.pagination import keyset_page
from project.tenancy.access import Access
from project.tenancy.models import Client
from reporting.counting import EVENTS, PEOPLE
from reporting.filters import Filters, Period
from reporting.models import Fact, FirstFact, RollupState
from reporting.row_slices import Slice
from reporting.selectors_parts import top_domains
from reporting.selectors_rollups import Subject

ORDER: Final = ("-occurred_at", "-id")
#: A kind that is counted -> the kinds of facts that it is counted from.
SOURCES: Final[dict[str, tuple[str, ...]]] = {
    counted: tuple(kind for kind, name in PEOPLE + EVENTS if name == counted)
    for _, counted in PEOPLE + EVENTS
}
_OF_PEOPLE: Final = frozenset(counted for _, counted in PEOPLE)
WORDS: Final = {
    "enrolled": "enrolled", "contacted": "contacted", "reached": "reached", "invited": "invited",
    "connected": "connected", "messaged": "written to on LinkedIn", "emailed": "sent an e-mail",
    "texted": "sent a text message", "delivered": "to whom mail was delivered", "opened": "who opened",
    "clicked": "who clicked", "machine_opened": "opened by machines", "machine_clicked": "clicked by machines",
    "bounced": "whose mail bounced", "complained": "who marked it as spam", "unsubscribed": "who unsubscribed",
    "replied": "who replied", "positive": "who replied positively", "meeting": "with a meeting",
    "away": "who sent notes of absence", "qualified": "called qualified", "disqualified": "called not qualified",
    "ended": "whose sequence ended",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class RowFilters:
    """Which facts: what they count as, whose, when, and the part of the report that was looked at."""

    kind: str
    period: Period
    client: Client | None = None
    campaign: Campaign | None = None
    node: str = ""
    sender_id: UUID | None = None
    list_id: UUID | None = None
    #: The member who did it.
    user_id: UUID | None = None
    #: Only what belongs to a campaign, whichever.
    in_campaigns: bool = False
    domain: str = ""
    #: Whatever recipient domain the report of these days does not name.
    others: bool = False
    channel: str = ""
    variant: str = ""
    part: Slice = field(default_factory=Slice)
    #: Each time that it happened, not only the first per person.
    each: bool = False

    @classmethod
    def of(cls, data: Mapping[str, str], access: Access) -> RowFilters | None:
        """Read an address; ``None`` where it names a client or campaign that is not within reach."""
        kind = data.get("kind", "replied")
        campaign: Campaign | None = None
        client: Client | None = None
        if data.get("campaign"):
            campaign_id = parse_uuid(data["campaign"])
            rows = Campaign.objects.filter(access.client_filter()).select_related("client")
            campaign = rows.filter(id=campaign_id).first() if campaign_id else None
            if campaign is None:
                return None
            client = campaign.client
        elif data.get("client"):
            client_id = parse_uuid(data["client"])
            client = access.clients().filter(id=client_id).first() if client_id else None
            if client is None:
                return None
        zone = ZoneInfo(client.time_zone if client is not None else access.organization.time_zone)
        part = Slice.of(data)
        return cls(
            kind=kind if kind in SOURCES else "replied",
            period=part.period(Filters.of(data, zone).period, now().astimezone(zone).date()),
            client=client,
            campaign=campaign,
            node=data.get("node", "")[:80],
            sender_id=parse_uuid(data.get("sender", "")),
            list_id=parse_uuid(data.get("list", "")),
            user_id=parse_uuid(data.get("user", "")),
            in_campaigns=data.get("campaigns") == "1",
            domain=data.get("domain", "")[:255],
            others=client is not None and data.get("others") == "1",
            channel=data.get("channel", "")[:16],
            variant=data.get("variant", "")[:80],
            part=part,
            each=data.get("each") == "1",
        )

    def rows(self, access: Access) -> QuerySet[Fact]:
        """The facts, within reach."""
        rows = self._narrowed(access).filter(kind__in=SOURCES[self.kind])
        if self.kind == "promised":
            rows = rows.filter(in_time__isnull=False)
        elif self.kind == "kept":
            rows = rows.filter(in_time=True)
        if self.kind in _OF_PEOPLE and not self.each:
            first = FirstFact.objects.filter(
                contact_id=OuterRef("contact"), kind=self.kind, fact_id=OuterRef("id")
            )
            rows = rows.filter(Exists(first))
        return rows

    def _narrowed(self, access: Access) -> QuerySet[Fact]:
        rows: QuerySet[Fact] = Fact.objects.filter(
            access.client_filter(),
            occurred_at__gte=self.period.start,
        ).annotate(contact=Coalesce(F("enrollment_id"), F("lead_id")))
        if not self.part.left:
            rows = rows.filter(occurred_at__lt=self.period.end)
        given = {
            "client_id": self.client.id if self.client else None,
            "campaign_id": self.campaign.id if self.campaign else None,
            "node_id": self.node, "sender_id": self.sender_id, "list_id": self.list_id, "domain": self.domain,
            "channel": self.channel, "variant_id": self.variant, "user_id": self.user_id,
        }  # fmt: skip
        rows = rows.filter(**{name: value for name, value in given.items() if value})
        if self.channel or self.list_id or self.domain or self.others or self.in_campaigns:
            # Sums by channel, by list and by domain are those of campaigns.
            rows = rows.filter(campaign_id__isnull=False)
        if self.others and self.client is not None:
            named = top_domains(Subject(self.client, self.campaign), self.period)
            rows = rows.exclude(domain__in=["", *named])
        return self.part.apply(rows, self.period)

    def events(self, access: Access) -> QuerySet[Fact]:
        """Everything that happened within the same filters, whatever it counts as."""
        return self._narrowed(access)

    @property
    def query(self) -> str:
        """The query of the address that shows these rows."""
        given = {
            "kind": self.kind,
            "campaign": self.campaign.id if self.campaign else "",
            "client": self.client.id if self.client and not self.campaign else "",
            "from": self.period.first, "to": self.period.last, "node": self.node, "sender": self.sender_id or "",
            "user": self.user_id or "", "campaigns": "1" if self.in_campaigns else "", "list": self.list_id or "",
            "domain": self.domain, "others": "1" if self.others else "", "channel": self.channel,
            "variant": self.variant, **self.part.query, "each": "1" if self.each else "",
        }  # fmt: skip
        return urlencode({name: str(value) for name, value in given.items() if value})

    @property
    def other(self) -> RowFilters:
        """The same with each time, or with the first only."""
        return replace(self, each=not self.each)

    @property
    def words(self) -> str:
        """What the rows are."""
        return WORDS.get(self.kind, self.kind.replace("_", " "))

    @property
    def narrowed(self) -> list[str]:
        """What they are narrowed to, beside client, campaign and days."""
        parts = [
            ("step", self.node), ("wording", self.variant), ("domain", self.domain), ("channel", self.channel),
        ]  # fmt: skip
        return (
            [f"{name} {value}" for name, value in parts if value]
            + (["one sender"] if self.sender_id else [])
            + (["other domains"] if self.others else [])
            + (["one list"] if self.list_id else [])
            + (["one member"] if self.user_id else [])
            + (["all campaigns"] if self.in_campaigns else [])
            + self.part.words
        )


def forgotten_before(filters: RowFilters) -> datetime | None:
    """Before which instant the rows of these days are not kept any more, though they are counted; ``None``: all are."""
    at: datetime | None = RollupState.objects.values_list("forgotten_before", flat=True).first()
    return at if at is not None and filters.period.start < at else None


def page(
    access: Access,
    filters: RowFilters,
    *,
    cursor: str | None,
    limit: int = 50,
    rows: QuerySet[Fact] | None = None,
) -> dict[str, Any]:
    """One page of rows (those of the filters, or ``rows``) with names, newest first; four statements.

    Raises ``InvalidCursor``.
    """
    asked = filters.rows(access) if rows is None else rows
    found = keyset_page(asked, order=ORDER, cursor=cursor, limit=limit)
    leads: Any = Lead.objects.select_related("company").in_bulk(
        [row.lead_id for row in found.items if row.lead_id]
    )
    campaigns: Any = Campaign.objects.in_bulk([row.campaign_id for row in found.items if row.campaign_id])
    senders: Any = SenderAccount.objects.in_bulk([row.sender_id for row in found.items if row.sender_id])
    zone = filters.period.zone
    return {
        "rows": [
            {
                "fact": row,
                "lead": leads.get(row.lead_id),
                "campaign": campaigns.get(row.campaign_id),
                "sender": senders.get(row.sender_id),
                "at": row.occurred_at.astimezone(zone),
            }
            for row in found.items
        ],
        "next_cursor": found.next_cursor,
    }
