"""Operations: templates of plans, and how campaigns stand to them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from ninja import Query, Schema, Status
from pydantic import Field

from campaigns import selectors_templates
from campaigns.api import rows, schemas
from campaigns.api.routing import router
from campaigns.models import Campaign, PlanTemplate
from campaigns.services import drafts, editing
from campaigns.services import plan_templates as service
from project.core.api_pages import OrderedPageIn, PageOut, page_of
from project.core.refusals import Invalid
from project.tenancy.access import Permission, get_or_404
from project.tenancy.api_auth import ApiRequest, api_rule

TAGS = ["Plan templates"]


class PlanTemplateIn(Schema):
    """A template for one client or (without ``client_id``) for all, from a campaign's draft or from a plan.

    Writing a name again makes a new version of it; campaigns made from it stay as they are and show that they have
    fallen behind.
    """

    client_id: UUID | None = None
    name: str = Field(min_length=1, max_length=service.LONGEST_NAME)
    note: str = Field("", max_length=service.LONGEST_NOTE, description="What it is for.")
    campaign_id: UUID | None = Field(
        None, description="The campaign whose draft it is; it counts as made from it."
    )
    plan: schemas.PlanJson | None = Field(None, description="The plan, without `campaign_id`.")


class PlanTemplateOut(Schema):
    """A template. ``client_id`` null: for all clients."""

    id: UUID
    client_id: UUID | None
    name: str
    note: str
    version: int
    created_at: datetime
    updated_at: datetime


class PlanTemplateDetailOut(PlanTemplateOut):
    """A template with its plan, in UTC."""

    plan: dict[str, Any]


class TakenTemplateIn(Schema):
    """Which template the draft shall have the steps of; null leaves the template, and the steps as they are."""

    template_id: UUID | None
    version: int | None = Field(None, description="The draft's version that was seen.")


class TemplateChangeOut(Schema):
    """What taking the template over would change: added, removed or changed, at a step."""

    sign: Literal["+", "-", "~"]
    node: str
    kind: str
    text: str
    before: str
    after: str


class CampaignTemplateOut(Schema):
    """How a campaign's draft stands to the template that it was made from; without one all but the id is empty."""

    campaign_id: UUID
    template_id: UUID | None = None
    template_version: int | None = Field(None, description="The version that was taken over.")
    state: Literal["none", "same", "behind", "changed", "both"] = Field(
        "none", description="`behind`: the template has changed since; `changed`: the draft has; `both`."
    )
    changes: list[TemplateChangeOut] = []


@router.get("/plan-templates", response=PageOut[PlanTemplateOut], tags=TAGS)
@api_rule(Permission.CAMPAIGNS_VIEW)
def list_plan_templates(request: ApiRequest, page: Query[OrderedPageIn]) -> Any:
    """Templates of clients within reach, and those for all clients."""
    return page_of(selectors_templates.usable(request.access), page, order=page.by("created_at", "id"))


@router.post("/plan-templates", response={201: PlanTemplateDetailOut}, tags=TAGS)
@api_rule(Permission.CAMPAIGNS_EDIT)
def save_plan_template(request: ApiRequest, payload: PlanTemplateIn) -> Any:
    """Keep a plan as a template, new or a new version of the one with that name."""
    access = request.access
    if payload.client_id is None:
        access.require_whole_organization()
    else:
        get_or_404(access.clients(), payload.client_id)
    if (payload.campaign_id is None) == (payload.plan is None):
        raise Invalid("Give `campaign_id` or `plan`, one of them.", field="plan")
    origin: Campaign | None = None
    if payload.plan is not None:
        plan = drafts.checked_plan(payload.plan, payload.client_id)
    else:
        origin = get_or_404(rows.campaigns(access), str(payload.campaign_id))
        plan = editing.plan_of_draft(origin)
    made = service.save(
        client_id=payload.client_id,
        name=payload.name,
        note=payload.note,
        plan=plan,
        actor=access.user,
        origin=origin,
    )
    return Status(201, made)


@router.get("/plan-templates/{template_id}", response=PlanTemplateDetailOut, tags=TAGS)
@api_rule(Permission.CAMPAIGNS_VIEW)
def get_plan_template(request: ApiRequest, template_id: UUID) -> Any:
    """One template with its plan."""
    return get_or_404(selectors_templates.usable(request.access), template_id)


@router.delete("/plan-templates/{template_id}", response={204: None}, tags=TAGS)
@api_rule(Permission.CAMPAIGNS_EDIT)
def delete_plan_template(request: ApiRequest, template_id: UUID) -> Any:
    """Forget a template; campaigns made from it keep their steps. One for all clients needs reach over all."""
    found = get_or_404(PlanTemplate.objects.filter(request.access.client_filter()), template_id)
    service.remove(template=found, actor=request.access.user)
    return Status(204, None)


@router.get("/campaigns/{campaign_id}/template", response=CampaignTemplateOut, tags=TAGS)
@api_rule(Permission.CAMPAIGNS_VIEW)
def get_campaign_template(request: ApiRequest, campaign_id: UUID) -> Any:
    """How the draft stands to its template, and what taking it over would change."""
    return _shown(request, get_or_404(rows.campaigns(request.access), campaign_id))


@router.put("/campaigns/{campaign_id}/template", response=CampaignTemplateOut, tags=TAGS)
@api_rule(Permission.CAMPAIGNS_EDIT)
def set_campaign_template(request: ApiRequest, campaign_id: UUID, payload: TakenTemplateIn) -> Any:
    """Take a template over, as one change of the draft that can be undone, or leave the template.

    Refused as `DRAFT_MOVED` (409) with an older `version`.
    """
    campaign: Campaign = get_or_404(rows.campaigns(request.access), campaign_id)
    if payload.template_id is None:
        made = service.leave(campaign=campaign, actor=request.access.user)
    else:
        template = get_or_404(selectors_templates.usable(request.access), payload.template_id)
        made = service.take_over(
            campaign=campaign, template=template, actor=request.access.user, version=payload.version
        )
    return _shown(request, made)


def _shown(request: ApiRequest, campaign: Campaign) -> dict[str, Any]:
    found = selectors_templates.of_campaign(campaign, request.access)
    drift = found["drift"]
    if drift is None:
        return {"campaign_id": campaign.id}
    return {
        "campaign_id": campaign.id,
        "template_id": drift.template.id,
        "template_version": campaign.template_version,
        "state": drift.state,
        "changes": found["changes"],
    }
