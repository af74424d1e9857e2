"""What a client's people do on their report, and what the agency lets them see."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from inbox.models import Conversation
from project.core.htmx import is_partial, redirect_to
from project.core.refusals import Refused
from project.tenancy.access import OrganizationRequest, Permission, get_or_404, organization_view, public_view
from project.tenancy.models import Client, Role
from reporting import brand, selectors_portal, selectors_replies
from reporting.models import ClientLogo
from reporting.services import portal


@require_POST
@organization_view(Permission.REPORTS_JUDGE)
def judge(request: OrganizationRequest, conversation_id: UUID) -> HttpResponse:
    """Call whoever replied qualified, or not, with a comment for the agency; or only comment."""
    conversation: Conversation = get_or_404(selectors_replies.readable(request.access), conversation_id)
    verdict = request.POST.get("verdict", "")
    try:
        if verdict == "comment":
            portal.comment(
                access=request.access, conversation=conversation, text=request.POST.get("comment", "")
            )
        else:
            portal.judge(
                access=request.access,
                conversation=conversation,
                verdict=verdict,
                text=request.POST.get("comment", ""),
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
        "is_portal": request.access.role == Role.CLIENT,
    }
    return render(request, "reporting/parts/_reply.html", context)


@require_http_methods(["GET", "POST"])
@organization_view(Permission.CAMPAIGNS_EDIT)
def settings(request: OrganizationRequest, client_id: UUID) -> HttpResponse:
    """What the client's people see of replies and deals."""
    client = get_or_404(request.access.clients(), client_id)
    if request.method == "POST":
        try:
            portal.set_policy(
                access=request.access,
                client=client,
                shows_replies=request.POST.get("shows_replies") == "1",
                hides_addresses=request.POST.get("hides_addresses") == "1",
                shows_deals=request.POST.get("shows_deals") == "1",
                brand_colour=request.POST.get("brand_colour", ""),
            )
        except Refused as error:
            return _settings(request, client, colour_problem=error.message)
        return redirect_to(request.path, request)
    return _settings(request, client)


def _settings(
    request: OrganizationRequest, client: Client, problem: str = "", colour_problem: str = ""
) -> HttpResponse:
    policy = portal.policy_of(client)
    context = {
        "client": client,
        "policy": policy,
        "brand": policy.brand_colour.removeprefix("#"),
        "colour": request.POST.get("brand_colour", "") if colour_problem else policy.brand_colour,
        "colour_problem": colour_problem,
        "logo_url": selectors_portal.logo_url(request.access, client),
        "problem": problem,
    }
    return render(
        request, "reporting/portal_settings.html", context, status=422 if problem or colour_problem else 200
    )


@require_POST
@organization_view(Permission.CAMPAIGNS_EDIT)
def set_logo(request: OrganizationRequest, client_id: UUID) -> HttpResponse:
    """Put the client's logo on its pages, or take it away (no file)."""
    client: Client = get_or_404(request.access.clients(), client_id)
    given: Any = request.FILES.get("logo")
    try:
        if given is None:
            portal.remove_logo(access=request.access, client=client)
        else:
            portal.set_logo(access=request.access, client=client, data=given.read(portal.LOGO_BYTES + 1))
    except Refused as error:
        return _settings(request, client, error.message)
    names = {"organization_slug": request.organization.slug, "client_id": client.id}
    return redirect_to(reverse("reporting:portal", kwargs=names), request)


@require_GET
@organization_view(Permission.REPORTS_VIEW)
def logo(request: OrganizationRequest, client_id: UUID) -> HttpResponse:
    """The client's logo."""
    return logo_response(get_or_404(request.access.clients(), client_id))


def logo_response(client: Client) -> HttpResponse:
    """A client's logo under the type that its bytes prove; nothing (204) where there is none."""
    row = ClientLogo.objects.filter(client=client).first()
    if row is None:
        return HttpResponse(status=204)
    return HttpResponse(
        bytes(row.data),
        content_type=row.content_type,
        headers={"X-Content-Type-Options": "nosniff", "Cache-Control": "private, max-age=3600"},
    )


@require_GET
@public_view("a colour and what can be read on it; it tells nothing about anybody")
def brand_sheet(request: HttpRequest, colour: str) -> HttpResponse:
    """The rules that put a colour (``rrggbb``) onto the frame of a client's pages."""
    known = brand.parsed(colour)
    if not known:
        raise Http404("There is no such colour.")
    return HttpResponse(
        brand.stylesheet(known),
        content_type="text/css; charset=utf-8",
        headers={"Cache-Control": "public, max-age=31536000, immutable"},
    )


@require_GET
@organization_view(Permission.REPORTS_VIEW)
def approvals(request: OrganizationRequest) -> HttpResponse:
    """Plans that wait for a word, and what was decided."""
    context = {
        **selectors_portal.approvals(request.access),
        **selectors_portal.frame(request.access, None),
    }
    return render(request, "reporting/approvals.html", context)
