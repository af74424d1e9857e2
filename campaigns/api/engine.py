"""Operations: the scheduler of the organization, and kill switches of campaigns and steps."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from ninja import Schema
from pydantic import Field

from campaigns.api import rows
from campaigns.api.routing import router
from campaigns.models import Campaign
from campaigns.services import gates, scheduler, switching
from project.tenancy.access import Permission, get_or_404
from project.tenancy.api_auth import ApiRequest, api_rule


class SchedulerOut(Schema):
    """How the scheduler stands. ``lag_s`` is the age of the oldest due action in seconds; ``held`` of the ``due`` ones
    waited for a reason before.
    """

    platform_is_running: bool
    is_running: bool
    reason: str
    last_tick_at: datetime | None
    due: int
    held: int
    claimed_lanes: int
    lag_s: float
    served_at: datetime | None
    fresh_minutes: int | None


class SchedulerIn(Schema):
    """Start or stop the scheduler. ``fresh_minutes``: how old an inbox may be before follow-ups wait (0: never wait,
    null: the installation's setting); absent: as it is.
    """

    running: bool | None = None
    reason: str = Field("", max_length=200)
    fresh_minutes: int | None = Field(None, ge=0, le=1440)


class CampaignSwitchIn(Schema):
    """Stop a campaign, or one of its steps (``node_id``), or let it go."""

    on: bool
    reason: str = Field("", max_length=200)
    node_id: str = Field("", max_length=80)


class CampaignSwitchOut(Schema):
    """A switch of a campaign (no ``node_id``) or of one of its steps that is on."""

    node_id: str
    reason: str
    since: datetime


@router.get("/scheduler", response=SchedulerOut, tags=["Scheduler"])
@api_rule(Permission.OPS_VIEW)
def get_scheduler(request: ApiRequest) -> Any:
    """How far behind the organization's due actions are."""
    return _shown(request)


@router.post("/scheduler", response=SchedulerOut, tags=["Scheduler"])
@api_rule(Permission.OPS_ACT)
def set_scheduler(request: ApiRequest, payload: SchedulerIn) -> Any:
    """Start or stop the organization's scheduler: a stopped one claims nothing from the next claim on."""
    access = request.access
    access.require_whole_organization()
    if payload.running is not None:
        scheduler.set_organization(
            organization=access.organization,
            running=payload.running,
            reason=payload.reason,
            actor=access.user,
        )
    if "fresh_minutes" in payload.model_fields_set:
        scheduler.set_fresh_minutes(
            organization=access.organization, minutes=payload.fresh_minutes, actor=access.user
        )
    return _shown(request)


def _shown(request: ApiRequest) -> dict[str, Any]:
    found = scheduler.status(request.access.organization.id)
    own = found.organizations[0]
    return {
        "platform_is_running": found.is_running,
        "is_running": own.is_running,
        "reason": own.reason or found.reason,
        "last_tick_at": found.last_tick_at,
        "due": own.due,
        "held": own.held,
        "claimed_lanes": own.claimed_lanes,
        "lag_s": own.lag_s,
        "served_at": own.served_at,
        "fresh_minutes": gates.fresh_minutes(),
    }


@router.post("/campaigns/{campaign_id}/kill-switch", response=list[CampaignSwitchOut], tags=["Kill switches"])
@api_rule(Permission.CAMPAIGNS_EDIT)
def switch_campaign(request: ApiRequest, campaign_id: UUID, payload: CampaignSwitchIn) -> Any:
    """Stop a campaign or a step from the next claim on, or let it go; answers its switches that are on then."""
    campaign: Campaign = get_or_404(rows.campaigns(request.access), campaign_id)
    switching.switch(
        campaign=campaign,
        node_id=payload.node_id,
        on=payload.on,
        reason=payload.reason,
        actor=request.access.user,
    )
    own, steps = switching.of(campaign)
    on = [row for row in (own, *(step.row for step in steps)) if row is not None]
    return [{"node_id": row.node_id, "reason": row.reason, "since": row.created_at} for row in on]
