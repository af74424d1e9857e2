"""What the JSON API takes and gives about campaigns, their plans and their enrollments."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from ninja import Schema
from pydantic import BaseModel, Field, GetJsonSchemaHandler, RootModel
from pydantic.json_schema import JsonSchemaValue

from campaigns.models import EnrollmentMirror, ErasedAddress
from campaigns.plans.edits import Edit
from campaigns.plans.linear import Sequence
from campaigns.plans.schema import Plan
from campaigns.services.settings import CampaignSettings
from project.core.api_pages import OrderedPageIn

Status = Literal["draft", "active", "paused", "completed", "archived"]
Stage = Literal[
    "pending", "invited", "connected", "messaged", "replied", "meeting", "completed", "stopped", "bounced",
    "unsubscribed", "error",
]  # fmt: skip


class _Described:
    """Documents a value as a model without reading it as one: the plan's own check words the errors."""

    def __init__(self, model: type[BaseModel]) -> None:
        self.model = model

    def __get_pydantic_json_schema__(self, schema: Any, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(self.model.__pydantic_core_schema__)


#: Taken as any JSON object; ``campaigns.services.drafts`` says what is wrong with it.
PlanJson = Annotated[dict[str, Any], _Described(Plan)]
SequenceJson = Annotated[dict[str, Any], _Described(Sequence)]


class _EditBody(RootModel[Edit]):
    """One change of a plan."""


#: Taken as any JSON object; ``campaigns.services.editing`` says what is wrong with it.
EditJson = Annotated[dict[str, Any], _Described(_EditBody)]


# --- Campaigns --------------------------------------------------------------------------------------


class CampaignsIn(OrderedPageIn):
    """Which campaigns, in which order."""

    sort: Literal["created_at", "name"] = "created_at"
    client: UUID | None = Field(None, alias="filter[client]", description="Only campaigns of this client.")
    status: Status | None = Field(None, alias="filter[status]")


class CampaignIn(Schema):
    """A new campaign: an empty draft in the client's time zone."""

    client_id: UUID
    name: str = Field(min_length=1, max_length=160)
    run_on: Literal["", "email", "linkedin"] = Field(
        "",
        description="A channel, whose provider by the client's entitlement runs the campaign. Empty: it runs here.",
    )


class CampaignOut(Schema):
    """A campaign. ``stages`` counts its leads by stage; stages without leads are left out."""

    id: UUID
    client_id: UUID
    name: str
    kind: Literal["native", "provider"] = Field(description="Who carries it out: our engine, or a provider.")
    status: Status
    current_version_id: UUID | None
    stages: dict[str, int]
    launched_at: datetime | None
    created_at: datetime
    updated_at: datetime


class HeldOut(Schema):
    """What keeps due actions from being done, and how many."""

    held_by: str
    held_reason: str
    count: int


class LeftOutOut(Schema):
    """How many leads of the audience have to wait, and why; ``until`` is when the first of them may enter."""

    count: int
    reason: str
    until: datetime | None


class ProviderProblemOut(Schema):
    """Something about a provider-run campaign that somebody should know, in plain words."""

    code: str
    message: str


class ProviderRunOut(Schema):
    """A campaign at the provider that runs it. Statuses are normalised; ``raw_status`` is the provider's own word.

    ``people`` counts its leads by what the provider has been told. Notes say why the provider gives out less.
    """

    provider: str
    connection_id: UUID
    provider_campaign_id: str
    status: str
    raw_status: str
    status_at: datetime | None
    job: Literal["idle", "due", "blocked"]
    step: str
    attempts: int
    next_try_at: datetime | None
    people: dict[str, int]
    statistics: dict[str, int]
    statistics_at: datetime | None
    message_sync_status: str
    last_message_sync_at: datetime | None
    last_message_sync_error: str
    last_lead_sync_at: datetime | None
    notes: list[str]
    problems: list[ProviderProblemOut]


class CampaignDetailOut(CampaignOut):
    """A campaign with its settings, and what is due. ``next_due_at`` is null when nothing waits."""

    settings: CampaignSettings
    due: int
    next_due_at: datetime | None
    held: list[HeldOut]
    left_out: list[LeftOutOut]
    provider_run: ProviderRunOut | None = Field(description="Null for campaigns that run here.")


class LaunchIn(Schema):
    """Whether a launch goes on where some people have no value for a variable; they are given up at that step."""

    accept_unfilled: bool = False


class PointOut(Schema):
    """A point of the launch checklist. ``where`` is what mends it: plan, window, senders, audience, review, outreach,
    grants, accounts, connections. ``leads`` is the query of the table of leads that shows whom it is about.
    """

    code: str
    ok: bool
    message: str
    where: str
    node: str
    leads: str
    can_be_accepted: bool


class PreviewOut(Schema):
    """One text as one lead would read it. With ``missing`` variables it would not be sent."""

    lead: str
    node_id: str = Field(validation_alias="step")
    text: str
    missing: list[str]
    remarks: list[str]


# --- Plans ------------------------------------------------------------------------------------------


class PlanErrorOut(Schema):
    """One thing that is wrong. ``node`` is empty for the plan itself; ``field`` is like ``transitions[0].to``."""

    node: str
    field: str
    code: str
    message: str


class PlanCheckOut(Schema):
    """Whether a plan may run, and everything that is wrong with it. The hash is the same for the same plan."""

    valid: bool
    errors: list[PlanErrorOut]
    plan_hash: str | None = None


class PlanOut(Schema):
    """The draft of a campaign's plan; empty before anything was written."""

    campaign_id: UUID
    plan: dict[str, Any]
    version: int = Field(
        description="Counts every change of the draft; name it to change just what you have seen."
    )


class DraftSeenIn(Schema):
    """Which version of the draft a change is made upon."""

    version: int | None = Field(None, description="Refused as `DRAFT_MOVED` when it is not the present one.")


class EditIn(DraftSeenIn):
    """One change of a draft, as one person would make it in the builder."""

    edit: EditJson


class EditedOut(PlanOut):
    """The draft after a change, and everything that keeps it from running."""

    label: str = Field(description="What the change was, in words.")
    errors: list[PlanErrorOut]


class RevisionOut(Schema):
    """One step of a draft's history; the draft is at the one that is current."""

    number: int
    label: str
    by: str
    current: bool
    created_at: datetime


class BeginningOut(Schema):
    """A plan to begin with, in UTC."""

    key: str
    title: str
    text: str
    plan: dict[str, Any]


class SequenceOut(Schema):
    """The draft as a linear sequence."""

    campaign_id: UUID
    sequence: Sequence


class VersionOut(Schema):
    """A version of a plan that was launched; it never changes."""

    id: UUID
    number: int
    plan_hash: str
    created_at: datetime


class VersionDetailOut(VersionOut):
    """A version with its plan."""

    plan: dict[str, Any]


# --- Enrollments ------------------------------------------------------------------------------------


class EnrollmentsIn(OrderedPageIn):
    """Which leads of a campaign, in which order of enrolling."""

    stage: Stage | None = Field(None, alias="filter[stage]")
    status: Literal["active", "paused", "ended"] | None = Field(None, alias="filter[status]")


class WaitingOut(Schema):
    """What an enrollment waits for, until when, and what holds it (empty: only the time)."""

    kind: Literal["send", "timer"]
    node_id: str
    due_at: datetime
    held_by: str
    held_reason: str


class EnrollmentSenderOut(Schema):
    """Who writes to the lead on one channel, since when and why; ``choice`` is what the step says about it."""

    channel: Literal["linkedin", "email", "sms"]
    choice: str
    sender_id: UUID
    reason: str
    assigned_at: datetime


class ProviderLeadOut(Schema):
    """A lead at the provider that runs the campaign: what it was told, and how it says they are."""

    state: Literal[
        "waiting", "handing", "added", "held", "refused", "dropped", "withheld", "stopping", "stopped"
    ]
    reason: str
    provider_lead_id: str
    status: str
    raw_status: str
    category: str
    step_number: int
    added_at: datetime | None
    synced_at: datetime | None

    @staticmethod
    def resolve_provider_lead_id(row: EnrollmentMirror) -> str:
        """The id at the provider, ``""`` once it was erased."""
        return "" if row.provider_lead_id.startswith(ErasedAddress.MARK) else row.provider_lead_id


class EnrollmentOut(Schema):
    """A lead in a campaign. ``reason`` says why it is paused or ended."""

    id: UUID
    campaign_id: UUID
    campaign_name: str
    lead_id: UUID
    lead_name: str
    senders: list[EnrollmentSenderOut]
    plan_version_id: UUID
    status: Literal["active", "paused", "ended"]
    stage: Stage
    node_id: str
    reason: str
    waiting: WaitingOut | None
    provider_lead: ProviderLeadOut | None = Field(description="Null for campaigns that run here.")
    ended_at: datetime | None
    created_at: datetime


class StepOut(Schema):
    """One step of an enrollment's history: from where, to where, what caused it, and why."""

    id: UUID
    enrollment_id: UUID
    occurred_at: datetime
    from_node: str
    to_node: str
    cause: str
    cause_ref: str
    reason: str


class EnrollmentDetailOut(EnrollmentOut):
    """An enrollment with the newest hundred steps of its history, newest first."""

    history: list[StepOut]


class StopIn(Schema):
    """Why an enrollment is ended."""

    reason: str = Field("", max_length=200)
