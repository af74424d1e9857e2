"""Operations: sync health, webhooks, rate usage, queues, kill switches."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST

from integrations import selectors, streams
from integrations.models import KillSwitch, SyncRun
from integrations.services import certification
from integrations.services import switches as switch_service
from integrations.services import sync as sync_service
from project.core.htmx import is_partial, redirect_to
from project.core.ids import parse_uuid
from project.core.refusals import Refused
from project.tenancy.access import OrganizationRequest, Permission, organization_view

PAGES = (
    ("sync", "Sync health", "arrow-path"),
    ("webhooks", "Webhooks", "bolt"),
    ("rates", "Rate usage", "scale"),
    ("queues", "Queues and workers", "queue-list"),
    ("sends", "Send certificate", "shield-check"),
    ("switches", "Kill switches", "power"),
)


def _render(
    request: OrganizationRequest, page: str, context: dict[str, Any], status: int = 200
) -> HttpResponse:
    fragment = is_partial(request) and not request.GET.get("cursor")
    template = f"integrations/_{page}.html" if fragment else f"integrations/{page}.html"
    context |= {"ops_pages": PAGES, "ops_page": page, "can_act": request.access.can(Permission.OPS_ACT)}
    return render(request, template, context, status=status)


@require_GET
@organization_view(Permission.OPS_VIEW)
def sync(request: OrganizationRequest) -> HttpResponse:
    """Each account: fresh or not, what is going on, the last error and the next try."""
    return _render(request, "sync", {"rows": selectors.sync_rows(request.access), "stream": streams.SYNC})


@require_POST
@organization_view(Permission.OPS_ACT)
def start_sync(request: OrganizationRequest, sender_id: UUID) -> HttpResponse:
    """Read the provider's messages or connections of one account now."""
    sender = selectors.visible_sender(request.access, sender_id)
    if sender is None:
        raise Http404("There is no such account, or it is not yours to see.")
    resource = request.POST.get("resource", "messages")
    try:
        sync_service.request(sender=sender, resource=resource, trigger="person", actor=request.access.user)
    except Refused as error:
        return HttpResponse(error.message, status=error.status, content_type="text/plain; charset=utf-8")
    return _after(request, "sync")


@require_POST
@organization_view(Permission.OPS_ACT)
def cancel_sync(request: OrganizationRequest, run_id: UUID) -> HttpResponse:
    """Stop a run after its current page."""
    run = SyncRun.objects.filter(id=run_id).select_related("sender").first()
    if run is None or not request.access.sees_client(run.sender.client_id):
        raise Http404("There is no such run, or it is not yours to see.")
    sync_service.cancel(run=run, actor=request.access.user)
    return _after(request, "sync")


def _after(request: OrganizationRequest, page: str) -> HttpResponse:
    if not is_partial(request):
        return redirect_to(f"/o/{request.organization.slug}/ops/{page}/", request)
    if page == "switches":
        return _render(request, "switches", {"rows": selectors.switches(request.access)})
    return _render(request, "sync", {"rows": selectors.sync_rows(request.access), "stream": streams.SYNC})


@require_GET
@organization_view(Permission.OPS_VIEW)
def queues(request: OrganizationRequest) -> HttpResponse:
    """The outbox, deliveries, workers, and sends whose fate is not known."""
    return _render(request, "queues", {**selectors.queues(request.access), "stream": streams.RATES})


@require_GET
@organization_view(Permission.OPS_VIEW, whole=True)
def sends(request: OrganizationRequest) -> HttpResponse:
    """The certificate that nothing left twice, and every attempt that was ever uncertain."""
    return _render(request, "sends", {"certificate": certification.certify()})


@require_GET
@organization_view(Permission.OPS_VIEW)
def switches(request: OrganizationRequest) -> HttpResponse:
    """What can be stopped, and what is."""
    return _render(request, "switches", {"rows": selectors.switches(request.access)})


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
    return _after(request, "switches")
