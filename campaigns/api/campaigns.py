"""Operations: campaigns, their settings, plans and versions, and launching them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from ninja import Body, Query, Status

from campaigns.api import rows, schemas
from campaigns.api.routing import router
from campaigns.models import Campaign, PlanVersion
from campaigns.services import campaigns as service
from campaigns.services import checklist, drafts, previews
from campaigns.services.settings import CampaignSettings
from project.core.api_pages import PageIn, PageOut, page_of
from project.tenancy.access import Permission, get_or_404
from project.tenancy.api_auth import ApiRequest, api_rule

TAGS = ["Campaigns"]


def _campaign(request: ApiRequest, campaign_id: UUID) -> Campaign:
    found: Campaign = get_or_404(rows.campaigns(request.access), campaign_id)
    return found


@router.get("/campaigns", response=PageOut[schemas.CampaignOut], tags=TAGS)
@api_rule(Permission.CAMPAIGNS_VIEW)
def list_campaigns(request: ApiRequest, page: Query[schemas.CampaignsIn]) -> Any:
    """Campaigns with the counts of their leads by stage."""
    wanted = rows.narrowed(Campaign.objects.all(), request.access, page.client)
    if page.status:
        wanted = wanted.filter(status=page.status)
    found = page_of(wanted, page, order=page.by(page.sort, "id"))
    return {**found, "items": rows.campaigns_shown(found["items"])}


@router.post("/campaigns", response={201: schemas.CampaignDetailOut}, tags=TAGS)
@api_rule(Permission.CAMPAIGNS_EDIT)
def create_campaign(request: ApiRequest, payload: schemas.CampaignIn) -> Any:
    """Make an empty draft; with `run_on` one that a provider runs.

    Refused as `CAPABILITY_NOT_ENABLED` (403) where the client has no entitlement for the channel.
    """
    client = get_or_404(request.access.clients().filter(is_archived=False), payload.client_id)
    made = service.create(client=client, name=payload.name, actor=request.access.user, run_on=payload.run_on)
    return Status(201, rows.campaign_detail(made))


@router.get("/campaigns/{campaign_id}", response=schemas.CampaignDetailOut, tags=TAGS)
@api_rule(Permission.CAMPAIGNS_VIEW)
def get_campaign(request: ApiRequest, campaign_id: UUID) -> Any:
    """One campaign: settings, numbers, what is due and what holds it."""
    return rows.campaign_detail(_campaign(request, campaign_id))


@router.put("/campaigns/{campaign_id}/settings", response=schemas.CampaignDetailOut, tags=TAGS)
@api_rule(Permission.CAMPAIGNS_EDIT)
def put_settings(request: ApiRequest, campaign_id: UUID, payload: CampaignSettings) -> Any:
    """Replace name, sending window, time zone, holidays, audience and senders (0 is Monday)."""
    changed = service.update_settings(
        campaign=_campaign(request, campaign_id), settings=payload, actor=request.access.user
    )
    return rows.campaign_detail(changed)


# --- The plan ---------------------------------------------------------------------------------------


@router.get("/campaigns/{campaign_id}/plan", response=schemas.PlanOut, tags=TAGS)
@api_rule(Permission.CAMPAIGNS_VIEW)
def get_plan(request: ApiRequest, campaign_id: UUID) -> Any:
    """The draft of the plan as a graph; empty before anything was written."""
    return rows.draft_shown(_campaign(request, campaign_id))


@router.put("/campaigns/{campaign_id}/plan", response=schemas.PlanOut, tags=TAGS)
@api_rule(Permission.CAMPAIGNS_EDIT)
def put_plan(
    request: ApiRequest, campaign_id: UUID, payload: Body[schemas.PlanJson], seen: Query[schemas.DraftSeenIn]
) -> Any:
    """Replace the draft by a plan graph. A running campaign keeps its version until it is launched again.

    A plan that may not run is refused as `PLAN_INVALID`; `details.errors` names node and field of each error. With
    `version` it is refused as `DRAFT_MOVED` (409) when somebody has changed the draft since.
    """
    campaign = _campaign(request, campaign_id)
    plan = drafts.checked_plan(payload, campaign.client_id)
    saved = drafts.save(campaign=campaign, plan=plan, actor=request.access.user, version=seen.version)
    return rows.draft_shown(saved)


@router.get("/campaigns/{campaign_id}/sequence", response=schemas.SequenceOut, tags=TAGS, by_alias=True)
@api_rule(Permission.CAMPAIGNS_VIEW)
def get_sequence(request: ApiRequest, campaign_id: UUID) -> Any:
    """The draft as a linear sequence; refused as `NOT_LINEAR` when it has more ways through it than one."""
    campaign = _campaign(request, campaign_id)
    return {"campaign_id": campaign.id, "sequence": drafts.sequence_of(campaign)}


@router.put("/campaigns/{campaign_id}/sequence", response=schemas.PlanOut, tags=TAGS)
@api_rule(Permission.CAMPAIGNS_EDIT)
def put_sequence(request: ApiRequest, campaign_id: UUID, payload: Body[schemas.SequenceJson]) -> Any:
    """Replace the draft by a linear sequence; answers the graph that it stands for. Refusals are as for graphs."""
    campaign = _campaign(request, campaign_id)
    saved = drafts.save(
        campaign=campaign,
        plan=drafts.checked_sequence(payload, campaign.client_id),
        actor=request.access.user,
    )
    return rows.draft_shown(saved)


@router.get("/campaigns/{campaign_id}/versions", response=PageOut[schemas.VersionOut], tags=TAGS)
@api_rule(Permission.CAMPAIGNS_VIEW)
def list_versions(request: ApiRequest, campaign_id: UUID, page: Query[PageIn]) -> Any:
    """The versions that were launched, newest first."""
    wanted = PlanVersion.objects.filter(campaign=_campaign(request, campaign_id)).defer("plan")
    return page_of(wanted, page, order=("-number", "-id"))


@router.get("/campaigns/{campaign_id}/versions/{version_id}", response=schemas.VersionDetailOut, tags=TAGS)
@api_rule(Permission.CAMPAIGNS_VIEW)
def get_version(request: ApiRequest, campaign_id: UUID, version_id: UUID) -> Any:
    """One version with its plan."""
    return get_or_404(PlanVersion.objects.filter(campaign=_campaign(request, campaign_id)), version_id)


@router.get("/campaigns/{campaign_id}/previews", response=list[schemas.PreviewOut], tags=TAGS)
@api_rule(Permission.CAMPAIGNS_EDIT)
def list_previews(request: ApiRequest, campaign_id: UUID) -> Any:
    """Texts of the draft as real leads would read them, those with problems first; at most twenty."""
    return previews.worst(_campaign(request, campaign_id))


# --- Running it -------------------------------------------------------------------------------------


@router.get("/campaigns/{campaign_id}/checklist", response=list[schemas.PointOut], tags=TAGS)
@api_rule(Permission.CAMPAIGNS_VIEW)
def get_checklist(request: ApiRequest, campaign_id: UUID) -> Any:
    """Every point that a launch asks for, met or open."""
    return checklist.check(_campaign(request, campaign_id))


@router.post("/campaigns/{campaign_id}/launch", response=schemas.CampaignDetailOut, tags=TAGS)
@api_rule(Permission.CAMPAIGNS_EDIT)
def launch_campaign(request: ApiRequest, campaign_id: UUID, asked: Query[schemas.LaunchIn]) -> Any:
    """Freeze the draft into a version and start; leads are enrolled in the background.

    Refused as `CAMPAIGN_NOT_READY` while points of the checklist are open; `details.problems` says which. Points that
    `can_be_accepted` (some people have no value for a variable) are passed over with `accept_unfilled`.
    """
    launched = service.launch(
        campaign=_campaign(request, campaign_id),
        actor=request.access.user,
        accept_unfilled=asked.accept_unfilled,
    )
    return rows.campaign_detail(launched)


@router.post("/campaigns/{campaign_id}/pause", response=schemas.CampaignDetailOut, tags=TAGS)
@api_rule(Permission.CAMPAIGNS_EDIT)
def pause_campaign(request: ApiRequest, campaign_id: UUID) -> Any:
    """Stop sending; every lead stays where it is."""
    paused = service.pause(campaign=_campaign(request, campaign_id), actor=request.access.user)
    return rows.campaign_detail(paused)


@router.post("/campaigns/{campaign_id}/resume", response=schemas.CampaignDetailOut, tags=TAGS)
@api_rule(Permission.CAMPAIGNS_EDIT)
def resume_campaign(request: ApiRequest, campaign_id: UUID) -> Any:
    """Go on; what is overdue is spread."""
    resumed = service.resume(campaign=_campaign(request, campaign_id), actor=request.access.user)
    return rows.campaign_detail(resumed)


@router.post("/campaigns/{campaign_id}/push", response=schemas.CampaignDetailOut, tags=TAGS)
@api_rule(Permission.CAMPAIGNS_EDIT)
def push_campaign(request: ApiRequest, campaign_id: UUID) -> Any:
    """Try once more to bring the provider in line with a campaign that it runs; what is so already stays."""
    pushed = service.push_again(campaign=_campaign(request, campaign_id), actor=request.access.user)
    return rows.campaign_detail(pushed)


@router.post("/campaigns/{campaign_id}/archive", response=schemas.CampaignDetailOut, tags=TAGS)
@api_rule(Permission.CAMPAIGNS_EDIT)
def archive_campaign(request: ApiRequest, campaign_id: UUID) -> Any:
    """Put a campaign away that is not running."""
    archived = service.archive(campaign=_campaign(request, campaign_id), actor=request.access.user)
    return rows.campaign_detail(archived)
