"""The wind tunnel of one campaign: start a simulation, watch it, read it."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from campaigns import streams
from campaigns.forms import SimulationForm
from campaigns.models import Campaign, Simulation
from campaigns.selectors_simulation import latest_simulation, simulation_shown
from campaigns.services import simulations as service
from campaigns.services.simulation_setup import NotSimulable, not_simulated
from campaigns.views.lookups import campaign_or_404
from project.core.htmx import is_partial, redirect_to
from project.tenancy.access import OrganizationRequest, Permission, organization_view


@require_http_methods(["GET", "HEAD", "POST"])
@organization_view(Permission.CAMPAIGNS_EDIT)
def simulation(request: OrganizationRequest, campaign_id: UUID) -> HttpResponse:
    """The newest simulation, live while it runs, and a form to start another one."""
    campaign = campaign_or_404(request.access, campaign_id)
    form = SimulationForm(request.POST or None)
    problems: list[str] = []
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                service.start(campaign=campaign, actor=request.access.user, **form.values())
            except NotSimulable as refusal:
                problems = refusal.problems
            except service.SimulationRefused as refusal:
                problems = [str(refusal)]
            else:
                kwargs = {"organization_slug": request.organization.slug, "campaign_id": campaign.id}
                return redirect_to(reverse("campaigns:simulation", kwargs=kwargs), request)
    context = {**_context(campaign), "form": form, "problems": problems}
    template = "campaigns/_simulation.html" if is_partial(request) else "campaigns/simulation.html"
    return render(request, template, context, status=status)


def _context(campaign: Campaign) -> dict[str, object]:
    found = latest_simulation(campaign)
    done = found is not None and found.state == Simulation.State.DONE
    return {
        "campaign": campaign,
        "refusal": not_simulated(campaign),
        "simulation": found,
        "is_working": found is not None and found.state in {"queued", "running"},
        "shown": simulation_shown(found) if found is not None and done else None,
        "stream": streams.campaign(campaign.id),
    }
