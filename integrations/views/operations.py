"""Operations: sync health, webhooks, rate usage, queues, kill switches."""

from __future__ import annotations

from django.http import Http404, HttpResponse
from django.views.decorators.http import require_GET, require_POST

from integrations import selectors, streams
from integrations.models import KillSwitch
from integrations.services import certification
from integrations.services import switches as switch_service
from integrations.views.frame import render_page
from project.core.htmx import is_partial, redirect_to
from project.core.ids import parse_uuid
from project.tenancy.access import OrganizationRequest, Permission, organization_view


def _after(request: OrganizationRequest) -> HttpResponse:
    if not is_partial(request):
        return redirect_to(f"/o/{request.organization.slug}/ops/switches/", request)
    return render_page(request, "switches", {"rows": selectors.switches(request.access)})


@require_GET
@organization_view(Permission.OPS_VIEW)
def queues(request: OrganizationRequest) -> HttpResponse:
    """The outbox, deliveries, workers, and sends whose fate is not known."""
    return render_page(request, "queues", {**selectors.queues(request.access), "stream": streams.RATES})


@require_GET
@organization_view(Permission.OPS_VIEW, whole=True)
def sends(request: OrganizationRequest) -> HttpResponse:
    """The certificate that nothing left twice, and every attempt that was ever uncertain."""
    return render_page(request, "sends", {"certificate": certification.certify()})


@require_GET
@organization_view(Permission.OPS_VIEW)
def switches(request: OrganizationRequest) -> HttpResponse:
    """What can be stopped, and what is."""
    return render_page(request, "switches", {"rows": selectors.switches(request.access)})


@require_POST
@organization_view(Permission.OPS_ACT)
def throw_switch(request: OrganizationRequest) -> HttpResponse:
    """Stop or let go the organization, a client or a sender."""
    level, target_id = request.POST.get("level", ""), parse_uuid(request.POST.get("target", ""))
    known = {(str(row["level"]), row["target"].id) for row in selectors.switches(request.access)}
    if (level, target_id) not in known or target_id is None:
        raise Http404("There is nothing to stop here, or it is not yours to see.")
    switch_service.switch(
        level=KillSwitch.Level(level),
        target_id=target_id,
        on=request.POST.get("on") == "1",
        reason=request.POST.get("reason", "")[:200],
        actor=request.access.user,
    )
    return _after(request)
