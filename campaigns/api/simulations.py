"""Operations: simulating a campaign's draft over its real list, and reading what came out."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from ninja import Query, Schema, Status
from pydantic import Field

from campaigns.api import rows
from campaigns.api.routing import router
from campaigns.models import Campaign, Simulation
from campaigns.services import simulations as service
from campaigns.simulation.script import Script
from project.core.api_pages import PageIn, PageOut, page_of
from project.tenancy.access import Permission, get_or_404
from project.tenancy.api_auth import ApiRequest, api_rule

TAGS = ["Simulations"]


class SimulationIn(Schema):
    """How long to simulate and how people behave; shares are from 0 to 1, what is left out has its default."""

    days: int = Field(60, ge=1, le=service.MAX_DAYS)
    script: Script = Script()


class SimulationOut(Schema):
    """A simulation and how far it is."""

    id: UUID
    campaign_id: UUID
    state: str
    days: int
    starts_at: datetime | None
    runs_done: int
    runs_total: int
    error: str
    created_at: datetime
    finished_at: datetime | None


class SimulationDetailOut(SimulationOut):
    """A simulation with its script and result; the result is empty until `state` is `done`."""

    script: dict[str, Any]
    result: dict[str, Any] = Field(
        description="`finish` (p10, p50, p90 over all runs), `touches` per day, sender and action, "
        "`first_touches`, `binding` limits per day, `ended`, `refused`, `problems`, the 20 worst `renders`, "
        "`what_if` one more sender, `audience`, `conflicts`."
    )


def _campaign(request: ApiRequest, campaign_id: UUID) -> Campaign:
    found: Campaign = get_or_404(rows.campaigns(request.access), campaign_id)
    return found


@router.get("/campaigns/{campaign_id}/simulations", response=PageOut[SimulationOut], tags=TAGS)
@api_rule(Permission.CAMPAIGNS_VIEW)
def list_simulations(request: ApiRequest, campaign_id: UUID, page: Query[PageIn]) -> Any:
    """The simulations of a campaign, newest first."""
    wanted = Simulation.objects.filter(campaign=_campaign(request, campaign_id)).defer("result", "script")
    return page_of(wanted, page, order=("-created_at", "-id"))


@router.post("/campaigns/{campaign_id}/simulations", response={202: SimulationOut}, tags=TAGS)
@api_rule(Permission.CAMPAIGNS_EDIT)
def start_simulation(request: ApiRequest, campaign_id: UUID, payload: SimulationIn) -> Any:
    """Simulate the draft over the real list, senders, limits and calendars, in the background.

    Nothing is sent and nobody is enrolled. Refused as `NOT_SIMULABLE` with `details.problems` for a draft that may
    not run.
    """
    script = payload.script.model_dump(mode="json", exclude_defaults=True)
    made = service.start(
        campaign=_campaign(request, campaign_id), days=payload.days, script=script, actor=request.access.user
    )
    return Status(202, made)


@router.get("/campaigns/{campaign_id}/simulations/{simulation_id}", response=SimulationDetailOut, tags=TAGS)
@api_rule(Permission.CAMPAIGNS_VIEW)
def get_simulation(request: ApiRequest, campaign_id: UUID, simulation_id: UUID) -> Any:
    """One simulation with its result."""
    return get_or_404(Simulation.objects.filter(campaign=_campaign(request, campaign_id)), simulation_id)
