"""A client's rules of outreach, and the brakes that stand."""

from __future__ import annotations

from contextlib import suppress
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from campaigns import selectors_outreach as selectors
from campaigns.forms_outreach import OutreachForm
from campaigns.services import brakes as brake_service
from campaigns.services import outreach as service
from project.core.htmx import redirect_to
from project.core.pagination import InvalidCursor
from project.core.refusals import Refused
from project.tenancy.access import OrganizationRequest, Permission, get_or_404, organization_view
from project.tenancy.forms import show_refusal
from project.tenancy.views.settings import section_tabs


@require_http_methods(["GET", "POST"])
@organization_view(Permission.CAMPAIGNS_EDIT)
def rules(request: OrganizationRequest, client_id: UUID) -> HttpResponse:
    """Consent, postal address, footer, hours and checks of one client."""
    client = get_or_404(request.access.clients(), client_id)
    policy = service.policy_of(client.id)
    form = OutreachForm(request.POST or None, initial=service.values_of(policy))
    if request.method == "POST" and form.is_valid():
        try:
            service.save(client=client, values=form.cleaned_data, actor=request.access.user)
        except Refused as error:
            show_refusal(form, error)
        else:
            url = reverse(
                "campaigns:outreach_rules",
                kwargs={"organization_slug": request.organization.slug, "client_id": client.id},
            )
            return redirect_to(f"{url}?saved=1", request)
    context = {
        "client": client,
        "form": form,
        "saved": "saved" in request.GET,
        "lacking": {
            "E-mail": service.lacking(policy, "email"),
            "Text messages": service.lacking(policy, "sms"),
        },
        "tabs": section_tabs(request.access, "tenancy:clients"),
    }
    status = 422 if request.method == "POST" else 200
    return render(request, "campaigns/outreach_rules.html", context, status=status)


@require_GET
@organization_view(Permission.CAMPAIGNS_VIEW)
def brakes(request: OrganizationRequest) -> HttpResponse:
    """Where sending was stopped because too much came back; what is on first."""
    try:
        page = selectors.brake_list(request.access, cursor=request.GET.get("cursor"))
    except InvalidCursor as error:
        raise Http404(str(error)) from error
    context = {
        "rows": page.items,
        "next_url": f"?cursor={page.next_cursor}" if page.next_cursor else "",
        "can_release": request.access.can(Permission.CAMPAIGNS_EDIT),
    }
    return render(request, "campaigns/brakes.html", context)


@require_POST
@organization_view(Permission.CAMPAIGNS_EDIT)
def release_brake(request: OrganizationRequest, brake_id: UUID) -> HttpResponse:
    """Let sending go on."""
    brake = get_or_404(selectors.brakes(request.access), brake_id)
    with suppress(brake_service.BrakeRefused):  # somebody else was faster: it is released, as was wanted
        brake_service.release(brake=brake, actor=request.access.user)
    return redirect_to(
        reverse("campaigns:brakes", kwargs={"organization_slug": request.organization.slug}), request
    )
