"""What the JSON API takes and gives about leads, imports and suppressions."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from ninja import Schema
from pydantic import Field

from campaigns.api.schemas import EnrollmentOut, StepOut
from project.core.api_pages import OrderedPageIn, PageIn
from project.core.api_values import Instant

ChannelName = Literal["linkedin", "email", "sms"]
Stage = Literal[
    "pending", "invited", "connected", "messaged", "replied", "meeting", "completed", "stopped", "bounced",
    "unsubscribed", "error",
]  # fmt: skip
ImportState = Literal["uploaded", "previewing", "previewed", "running", "done", "failed", "cancelled"]


# --- Leads ------------------------------------------------------------------------------------------


class LeadsIn(OrderedPageIn):
    """Which leads, in which order of their making."""

    client: UUID | None = Field(None, alias="filter[client]", description="Only leads of this client.")
    campaign: UUID | None = Field(None, alias="filter[campaign]", description="Only leads in this campaign.")
    stage: Stage | None = Field(
        None, alias="filter[stage]", description="At this stage of the campaign, or of any."
    )
    channel: ChannelName | None = Field(
        None, alias="filter[channel]", description="With an address of this kind."
    )
    suppressed: Literal["yes", "no"] | None = Field(
        None, alias="filter[suppressed]", description="Whether an address is on the do-not-contact list."
    )
    import_id: UUID | None = Field(None, alias="filter[list]", description="Made or updated by this import.")
    owner: str = Field(
        "", max_length=40, alias="filter[owner]", description="The id of whose leads they are, or `nobody`."
    )
    label: str = Field("", max_length=40, alias="filter[label]", description="With this label.")
    field: str = Field("", max_length=80, alias="filter[field]", description="A custom field...")
    value: str = Field("", max_length=200, alias="filter[value]", description="...and the value that it has.")
    company: str = Field(
        "", max_length=100, alias="filter[company]", description="A company's id, or words of its name."
    )
    title: str = Field("", max_length=100, alias="filter[title]", description="Words of the job title.")
    did: str = Field(
        "",
        max_length=30,
        alias="filter[did]",
        description="contacted, opened, clicked, replied, interested or bounced; `not_` before it turns it round.",
    )
    within: Literal[7, 30, 90, 365] | None = Field(
        None, alias="filter[within]", description="How many days `filter[did]` looks back; none: ever."
    )
    q: str = Field(
        "",
        max_length=100,
        description="Up to four words that names, titles, companies or addresses begin with.",
    )

    @property
    def parameters(self) -> dict[str, str]:
        """The choice as the address of the table carries it."""
        given: dict[str, Any] = {
            "client": self.client, "campaign": self.campaign, "stage": self.stage, "channel": self.channel,
            "suppressed": self.suppressed, "list": self.import_id, "owner": self.owner, "label": self.label,
            "field": self.field, "value": self.value, "company": self.company, "title": self.title,
            "did": self.did, "within": self.within, "q": self.q,
        }  # fmt: skip
        return {name: str(value) for name, value in given.items() if value}


class SegmentIn(Schema):
    """Leads under a name. ``query`` is the query string of the table's address."""

    name: str = Field(min_length=1, max_length=60)
    query: str = Field(max_length=1_000)
    is_shared: bool = False


class SegmentOut(Schema):
    """A segment: whoever fits ``query`` belongs to it."""

    id: UUID
    name: str
    query: str
    is_shared: bool
    owner_id: UUID


class ColumnsIn(Schema):
    """Columns of the table of leads, by key; what is not known is left out."""

    columns: list[str] = Field(max_length=50)


class ColumnsOut(Schema):
    """The chosen columns, and all that can be chosen with their headings."""

    columns: list[str]
    available: dict[str, str]


class CompanyOut(Schema):
    """Where a lead works."""

    id: UUID
    name: str
    domain: str
    country: str


class AddressOut(Schema):
    """An address of a lead: as written, and as it is compared."""

    id: UUID
    kind: ChannelName
    value: str
    normalized: str


class LeadOut(Schema):
    """A lead. ``fields`` are own columns of imports."""

    id: UUID
    client_id: UUID
    first_name: str
    last_name: str
    full_name: str
    title: str
    country: str
    time_zone: str
    company: CompanyOut | None
    addresses: list[AddressOut]
    owner_id: UUID | None
    labels: list[str]
    suppressed_until: datetime | None = Field(
        description="Until when an address of theirs must not be written to; the year 9999: for good."
    )
    removed_at: datetime | None
    fields: dict[str, Any]
    created_at: datetime
    updated_at: datetime


class NextOut(Schema):
    """What goes out next to a lead, when, and why not earlier (``held_by`` empty: it only waits for its time)."""

    enrollment_id: UUID
    campaign_id: UUID
    campaign_name: str
    node_id: str
    label: str
    kind: Literal["send", "timer"]
    due_at: datetime
    held_by: str
    held_reason: str


class DealOut(Schema):
    """What stands with a lead. ``value`` is in ``currency`` (ISO 4217); null: not known."""

    stage: Literal["open", "won", "lost"]
    value: Decimal | None
    currency: str
    meeting_on: date | None
    updated_at: datetime


class DealIn(Schema):
    """What stands with a lead."""

    stage: Literal["open", "won", "lost"] = "open"
    value: Decimal | None = Field(None, ge=0, max_digits=14, decimal_places=2)
    currency: str = Field("", max_length=3)
    meeting_on: date | None = None


class LeadDetailOut(LeadOut):
    """A lead with its campaigns, what goes out next and why, and one timeline over all campaigns, newest first."""

    enrollments: list[EnrollmentOut]
    next: NextOut | None
    timeline: list[StepOut]
    deal: DealOut | None


class LeadChangeIn(Schema):
    """What is to change of a lead; custom ``fields`` by name. Empty texts take a value off."""

    first_name: str | None = Field(None, max_length=120)
    last_name: str | None = Field(None, max_length=120)
    title: str | None = Field(None, max_length=200)
    company: str | None = Field(None, max_length=200)
    country: str | None = Field(None, max_length=2)
    time_zone: str | None = Field(None, max_length=64)
    fields: dict[str, str] | None = Field(None, max_length=200)


class LeadFieldIn(Schema):
    """A custom field of a client's leads; ``options`` are what may be chosen of a choice."""

    client_id: UUID
    name: str = Field(min_length=1, max_length=80)
    kind: Literal["text", "number", "date", "yes_no", "choice", "url"]
    options: list[str] = Field(default_factory=list, max_length=100)


class LeadFieldOut(Schema):
    """A custom field and what its values are."""

    id: UUID
    client_id: UUID
    name: str
    kind: Literal["text", "number", "date", "yes_no", "choice", "url"]
    options: list[str]


class CompaniesIn(PageIn):
    """Which companies."""

    client: UUID | None = Field(None, alias="filter[client]", description="Only companies of this client.")
    q: str = Field("", max_length=100, description="Words that the name or domain begins with.")


class CompanyRowOut(CompanyOut):
    """A company of a client, with how many people of it are leads, and how many of them have replied."""

    client_id: UUID
    people: int
    replied: int


class CompanyDetailOut(CompanyOut):
    """A company with its people."""

    client_id: UUID
    people: list[LeadOut]
    last_sent: datetime | None
    last_reply: datetime | None


# --- Imports ----------------------------------------------------------------------------------------


class ImportsIn(OrderedPageIn):
    """Which imports, in which order of their upload."""

    client: UUID | None = Field(None, alias="filter[client]", description="Only imports of this client.")
    state: ImportState | None = Field(None, alias="filter[state]")


class ImportOut(Schema):
    """An uploaded file and what became of its rows.

    After the mapping was set, ``state`` is previewing, then previewed; after confirming, running, then done.
    ``counts`` has create, update, duplicate, suppressed and invalid rows: as previewed, then as done; ``risky`` are
    imported rows whose e-mail address may not work, ``gap:<variable>`` those that leave a variable blank,
    ``paid`` how many addresses a paid service was asked about.
    """

    id: UUID
    client_id: UUID
    uploaded_by_id: UUID | None
    file_name: str
    state: ImportState
    error: str
    headers: list[str]
    mapping: dict[str, str]
    rows_total: int
    rows_done: int
    counts: dict[str, int]
    cancel_requested: bool
    created_at: datetime
    finished_at: datetime | None
    undone_at: datetime | None
    undo_act_id: UUID | None


class SampleOut(Schema):
    """One of the first rows as it would be imported: ``verdict`` says what becomes of it, ``error`` why not."""

    number: int
    values: list[str]
    first_name: str
    last_name: str
    title: str
    company: str
    country: str
    time_zone: str
    addresses: dict[str, list[str]] = Field(description="As written, and as compared, by kind.")
    fields: dict[str, str]
    verdict: str
    error: str
    changes: list[list[str]] = Field(
        default_factory=list, description="Of somebody who is known: field, before, after."
    )


class ImportDetailOut(ImportOut):
    """An import with its first rows as they would be imported, and the fields that columns may be mapped to."""

    encoding: str
    delimiter: str
    sample: list[SampleOut]
    available_fields: dict[str, str]


class MappingIn(Schema):
    """What each column means, by its index (``"0"``, ``"1"``, ...); columns that are not named are left out."""

    mapping: dict[str, str] = Field(max_length=200)
    #: Custom values of the file win over those that people have; else they fill what is blank.
    overwrites: bool = False
    #: So many addresses of the file may be checked by the client's paid service; `counts.paid` says how many were.
    paid_checks: int = Field(default=0, ge=0, le=10_000)


class RowErrorOut(Schema):
    """A row that is not imported, and why. The header is row 1."""

    row_number: int
    reason: str
    values: list[str]


# --- Suppressions -----------------------------------------------------------------------------------


class SuppressionsIn(OrderedPageIn):
    """Which suppressions, in which order of their making."""

    client: UUID | None = Field(None, alias="filter[client]", description="Only those of this client.")
    channel: ChannelName | None = Field(None, alias="filter[channel]")
    q: str = Field("", max_length=100, description="A part of the address.")


class SuppressionIn(Schema):
    """Somebody who must not be contacted, for one client or (without ``client_id``) for all of them.

    ``value`` is a LinkedIn profile, an e-mail address or a phone number with its country code; with
    ``is_domain`` an e-mail domain.
    """

    client_id: UUID | None = None
    channel: ChannelName
    value: str = Field(min_length=1, max_length=300)
    is_domain: bool = False
    reason: str = Field("", max_length=200)
    expires_at: Instant | None = None


class SuppressionOut(Schema):
    """An address or domain that must not be contacted. ``client_id`` null: for all clients."""

    id: UUID
    client_id: UUID | None
    channel: ChannelName
    value: str
    is_domain: bool
    reason: str
    source: str
    expires_at: datetime | None
    created_at: datetime


class SuppressionFileErrorOut(Schema):
    """A row of a file that was left out, and why. The head is row 1."""

    row: int
    value: str
    reason: str


class SuppressionFileOut(Schema):
    """What became of a file of addresses: entries on the list by it, and the rows that were left out."""

    added: int
    errors: list[SuppressionFileErrorOut]
