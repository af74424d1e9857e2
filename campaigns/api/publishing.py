"""Operations: new versions of running campaigns, what becomes of those who are under way, and rolling back."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from ninja import Query, Schema, Status
from pydantic import Field

from campaigns.api import rows
from campaigns.api.routing import router
from campaigns.models import Campaign, PlanMigration
from campaigns.services import plan_migrations, reviews
from project.core.api_pages import PageIn, PageOut, page_of
from project.core.refusals import Invalid
from project.tenancy.access import Permission, get_or_404
from project.tenancy.api_auth import ApiRequest, api_rule

TAGS = ["Campaigns"]


class GroupOut(Schema):
    """Those at one step, and whether all of them can go on at the same step of the draft."""

    node_id: str
    count: int
    can_go_on: bool


class ChoiceIn(Schema):
    """What becomes of those at a step; ``to`` is the step to move to."""

    do: Literal["stay", "go_on", "move", "finish"]
    to: str = Field("", max_length=80)


class PublishIn(Schema):
    """Choices by step; those at a step that is not named stay with their version."""

    choices: dict[str, ChoiceIn] = Field(default_factory=dict, max_length=500)
    #: Also where some people have no value for a variable of the texts.
    accept_unfilled: bool = False


class PlanMigrationOut(Schema):
    """A new version and what became of people: ``counts`` by stay, go_on, move, finish; rolled back: back, kept."""

    id: UUID
    campaign_id: UUID
    from_version_id: UUID
    to_version_id: UUID
    state: Literal["running", "backing", "done", "failed", "undone"]
    counts: dict[str, int]
    error: str
    created_at: datetime
    undone_at: datetime | None


def _campaign(request: ApiRequest, campaign_id: UUID) -> Campaign:
    found: Campaign = get_or_404(rows.campaigns(request.access), campaign_id)
    return found


@router.get("/campaigns/{campaign_id}/under-way", response=list[GroupOut], tags=TAGS)
@api_rule(Permission.CAMPAIGNS_EDIT)
def list_under_way(request: ApiRequest, campaign_id: UUID) -> Any:
    """Who is at which step of a campaign, as they stand to its draft."""
    campaign = _campaign(request, campaign_id)
    plan = reviews.plan_to_launch(campaign)
    if plan is None:
        raise Invalid("The draft is not complete yet.", field="plan")
    return plan_migrations.groups(campaign, plan)


@router.get("/campaigns/{campaign_id}/migrations", response=PageOut[PlanMigrationOut], tags=TAGS)
@api_rule(Permission.CAMPAIGNS_VIEW)
def list_plan_migrations(request: ApiRequest, campaign_id: UUID, page: Query[PageIn]) -> Any:
    """The versions that were published while the campaign ran, newest first."""
    found = PlanMigration.objects.filter(campaign=_campaign(request, campaign_id))
    return page_of(found, page, order=("-created_at", "-id"))


@router.post("/campaigns/{campaign_id}/migrations", response={202: PlanMigrationOut}, tags=TAGS)
@api_rule(Permission.CAMPAIGNS_EDIT)
def publish_version(request: ApiRequest, campaign_id: UUID, payload: PublishIn) -> Any:
    """Publish the draft of a running campaign. In one transaction; with many people a worker does it."""
    choices = {node_id: choice.model_dump() for node_id, choice in payload.choices.items()}
    made = plan_migrations.publish(
        campaign=_campaign(request, campaign_id),
        choices=choices,
        actor=request.access.user,
        accept_unfilled=payload.accept_unfilled,
    )
    return Status(202, made)


@router.post(
    "/campaigns/{campaign_id}/migrations/{migration_id}/rollback", response=PlanMigrationOut, tags=TAGS
)
@api_rule(Permission.CAMPAIGNS_EDIT)
def roll_back_version(request: ApiRequest, campaign_id: UUID, migration_id: UUID) -> Any:
    """Take the newest version back within 24 hours; who has gone on since stays as they are.

    With many people a worker does it: the state is `backing` meanwhile.
    """
    found = get_or_404(PlanMigration.objects.filter(campaign=_campaign(request, campaign_id)), migration_id)
    return plan_migrations.roll_back(migration_id=found.id, actor=request.access.user)
