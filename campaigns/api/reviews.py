"""Operations: differences, approval, earlier versions, plans as files, test sends, copies, folders and tags."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from ninja import Query, Status

from campaigns import selectors_reviews
from campaigns.api import review_schemas as schemas
from campaigns.api import rows
from campaigns.api.routing import router
from campaigns.api.schemas import CampaignDetailOut, PlanOut
from campaigns.models import Campaign, PlanVersion
from campaigns.plans import edits
from campaigns.plans.difference import difference
from campaigns.plans.schema import Plan
from campaigns.services import editing, organizing, plan_files, reviews, trial_mails
from campaigns.services.checklist import audience_leads
from project.core.refusals import NotFound
from project.tenancy.access import Permission, get_or_404
from project.tenancy.api_auth import ApiRequest, api_rule

TAGS = ["Plans"]


def _campaign(request: ApiRequest, campaign_id: UUID) -> Campaign:
    found: Campaign = get_or_404(rows.campaigns(request.access), campaign_id)
    return found


@router.get("/campaigns/{campaign_id}/plan/changes", response=list[schemas.PlanChangeOut], tags=TAGS)
@api_rule(Permission.CAMPAIGNS_VIEW)
def list_changes(request: ApiRequest, campaign_id: UUID, asked: Query[schemas.AgainstIn]) -> Any:
    """What the draft does differently from a version (`against`; without it from the live one).

    Before a first launch everything is new.
    """
    campaign = _campaign(request, campaign_id)
    base = campaign.current_version
    if asked.against is not None:
        base = get_or_404(PlanVersion.objects.filter(campaign=campaign), asked.against)
    plan = editing.plan_of_draft(campaign)
    return difference(Plan.model_validate(base.plan) if base else edits.blank(plan.timezone), plan)


@router.post("/campaigns/{campaign_id}/versions/{version_id}/restore", response=PlanOut, tags=TAGS)
@api_rule(Permission.CAMPAIGNS_EDIT)
def restore_version(request: ApiRequest, campaign_id: UUID, version_id: UUID) -> Any:
    """Make an earlier version the draft again. What runs stays as it is until the draft is launched."""
    campaign = _campaign(request, campaign_id)
    version = get_or_404(PlanVersion.objects.filter(campaign=campaign), version_id)
    return rows.draft_shown(editing.restore(campaign=campaign, version=version, actor=request.access.user))


@router.get("/campaigns/{campaign_id}/plan/file", response=schemas.PlanFileOut, tags=TAGS)
@api_rule(Permission.CAMPAIGNS_VIEW)
def get_plan_file(request: ApiRequest, campaign_id: UUID, asked: Query[schemas.FormatIn]) -> Any:
    """The draft as text, JSON or YAML."""
    plan = editing.plan_of_draft(_campaign(request, campaign_id))
    return {
        "format": asked.format,
        "text": (plan_files.to_yaml if asked.format == "yaml" else plan_files.to_json)(plan),
    }


@router.put("/campaigns/{campaign_id}/plan/file", response=PlanOut, tags=TAGS)
@api_rule(Permission.CAMPAIGNS_EDIT)
def put_plan_file(request: ApiRequest, campaign_id: UUID, payload: schemas.PlanFileIn) -> Any:
    """Replace the draft by a plan written as JSON or YAML; it may be invalid, its shape must be a plan's."""
    campaign = _campaign(request, campaign_id)
    plan = plan_files.read(payload.text)
    saved = editing.replace(
        campaign=campaign,
        plan=plan,
        actor=request.access.user,
        label="Read from a file",
        version=payload.version,
    )
    return rows.draft_shown(saved)


@router.post("/campaigns/{campaign_id}/plan/test", response=schemas.TestSentOut, tags=TAGS)
@api_rule(Permission.CAMPAIGNS_EDIT)
def send_test(request: ApiRequest, campaign_id: UUID, payload: schemas.TestSendIn) -> Any:
    """Mail the texts of the draft to yourself, as one lead would read them. Nothing reaches a lead."""
    count = trial_mails.send(
        campaign=_campaign(request, campaign_id),
        actor=request.access.user,
        node_id=payload.node,
        lead=payload.lead,
    )
    return {"texts": count, "to": request.access.user.email}


# --- Approval ---------------------------------------------------------------------------------------


def _review(campaign: Campaign) -> dict[str, Any]:
    found = reviews.current(campaign)
    return {"needed": campaign.needs_approval, "review": found}


@router.get("/campaigns/{campaign_id}/review", response=schemas.ApprovalOut, tags=TAGS)
@api_rule(Permission.CAMPAIGNS_VIEW)
def get_review(request: ApiRequest, campaign_id: UUID) -> Any:
    """Whether the draft as it is was approved, and whether a launch asks for it."""
    return _review(_campaign(request, campaign_id))


@router.put("/campaigns/{campaign_id}/review", response=schemas.ApprovalOut, tags=TAGS)
@api_rule(Permission.CAMPAIGNS_EDIT)
def put_review(request: ApiRequest, campaign_id: UUID, payload: schemas.ApprovalIn) -> Any:
    """Settle whether this campaign is launched only when just that plan was approved."""
    campaign = _campaign(request, campaign_id)
    return _review(reviews.require(campaign=campaign, needed=payload.needed, actor=request.access.user))


@router.post("/campaigns/{campaign_id}/review", response=schemas.ApprovalOut, tags=TAGS)
@api_rule(Permission.CAMPAIGNS_EDIT)
def ask_review(request: ApiRequest, campaign_id: UUID) -> Any:
    """Ask for a decision on the draft as it is."""
    campaign = _campaign(request, campaign_id)
    reviews.ask(campaign=campaign, actor=request.access.user, leads=audience_leads(campaign).count())
    return _review(campaign)


@router.post("/campaigns/{campaign_id}/review/decision", response=schemas.ReviewOut, tags=TAGS)
@api_rule(Permission.REPORTS_VIEW)
def decide_review(request: ApiRequest, campaign_id: UUID, payload: schemas.ReviewDecisionIn) -> Any:
    """Approve a plan that was asked about, or say what has to change: people of the client, or another editor."""
    campaign = _campaign(request, campaign_id)
    found = selectors_reviews.asked(campaign, payload.review_id)
    if found is None:
        raise NotFound("There is no such review.")
    return reviews.decide(review=found, approve=payload.approve, note=payload.note, access=request.access)


# --- Copies and order -------------------------------------------------------------------------------


@router.post("/campaigns/{campaign_id}/copy", response={201: CampaignDetailOut}, tags=["Campaigns"])
@api_rule(Permission.CAMPAIGNS_EDIT)
def copy_campaign(request: ApiRequest, campaign_id: UUID, payload: schemas.CopyIn) -> Any:
    """Make a draft with the plan and settings of a campaign, without its leads unless they are asked for."""
    campaign = _campaign(request, campaign_id)
    clients = request.access.clients().filter(is_archived=False)
    made = organizing.copy(
        campaign=campaign,
        name=payload.name,
        client=get_or_404(clients, payload.client_id or campaign.client_id),
        actor=request.access.user,
        with_audience=payload.with_audience,
    )
    return Status(201, rows.campaign_detail(made))


@router.put("/campaigns/{campaign_id}/filing", response=schemas.FilingOut, tags=["Campaigns"])
@api_rule(Permission.CAMPAIGNS_EDIT)
def file_campaign(request: ApiRequest, campaign_id: UUID, payload: schemas.FilingOut) -> Any:
    """Put a campaign into a folder (empty: none) and give it tags."""
    return organizing.file(
        campaign=_campaign(request, campaign_id),
        folder=payload.folder,
        tags=payload.tags,
        actor=request.access.user,
    )
