"""What a client's people do on their report, and what the agency lets them see."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_POST

from inbox.models import Conversation
from project.core.htmx import is_partial, redirect_to
from project.core.refusals import Refused
from project.tenancy.access import OrganizationRequest, Permission, get_or_404, organization_view
from reporting import selectors_replies
from reporting.services import portal


@require_POST
@organization_view(Permission.REPORTS_JUDGE)
def judge(request: OrganizationRequest, conversation_id: UUID) -> HttpResponse:
    """Call whoever replied qualified, or not, with a comment for the agency."""
    rows = Conversation.objects.filter(request.access.client_filter())
    conversation: Conversation = get_or_404(rows, conversation_id)
    try:
        portal.judge(
            access=request.access,
            conversation=conversation,
            verdict=request.POST.get("verdict", ""),
            comment=request.POST.get("comment", ""),
        )
    except Refused as error:
        context = {"id": conversation.id, "problem": error.message}
        return render(request, "reporting/parts/_refused.html", context, status=422)
    if not is_partial(request):
        slug = request.organization.slug
        return redirect_to(f"/o/{slug}/reports/clients/{conversation.client_id}/", request)
    context = {
        **selectors_replies.one(request.access, conversation.id),
        "can_judge": True,
        "show_links": request.access.can(Permission.INBOX_VIEW),
    }
    return render(request, "reporting/parts/_reply.html", context)


@require_http_methods(["GET", "POST"])
@organization_view(Permission.CAMPAIGNS_EDIT)
def settings(request: OrganizationRequest, client_id: UUID) -> HttpResponse:
    """What the client's people see of replies."""
    client = get_or_404(request.access.clients(), client_id)
    if request.method == "POST":
        portal.set_policy(
            access=request.access,
            client=client,
            shows_replies=request.POST.get("shows_replies") == "1",
            hides_addresses=request.POST.get("hides_addresses") == "1",
        )
        return redirect_to(request.path, request)
    return render(
        request, "reporting/portal_settings.html", {"client": client, "policy": portal.policy_of(client)}
    )
