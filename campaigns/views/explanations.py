"""Why something waits, and why something left as it did."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from campaigns.models import ScheduledAction
from campaigns.services import explanations
from integrations.models import OutboundMessage
from project.tenancy.access import OrganizationRequest, Permission, get_or_404, organization_view


@require_GET
@organization_view(Permission.CAMPAIGNS_VIEW)
def action(request: OrganizationRequest, action_id: UUID) -> HttpResponse:
    """What a coming action waits for: every condition, the one that binds, and what would change it."""
    rows = ScheduledAction.objects.filter(request.access.client_filter())
    found = get_or_404(rows.select_related("enrollment__lead", "enrollment__campaign"), action_id)
    context = {"action": found, "answer": explanations.why_not(found)}
    return render(request, "campaigns/why_action.html", context)


@require_GET
@organization_view(Permission.CAMPAIGNS_VIEW)
def send(request: OrganizationRequest, outbound_id: UUID) -> HttpResponse:
    """What led to a message: the step, the sender, the words, the time, the limits, the attempts."""
    rows = OutboundMessage.objects.filter(request.access.client_filter())
    found = get_or_404(rows.select_related("sender", "author"), outbound_id)
    return render(request, "campaigns/why_send.html", {"answer": explanations.why(found), "outbound": found})
