"""Reports: the overview over clients, and one client's report."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET

from project.core.htmx import is_partial
from project.tenancy.access import OrganizationRequest, Permission, get_or_404, organization_view
from project.tenancy.models import Client
from reporting import selectors, selectors_inbox, streams


@require_GET
@organization_view(Permission.REPORTS_VIEW)
def index(request: OrganizationRequest) -> HttpResponse:
    """Clients within reach; with only one, its report."""
    rows = selectors.client_overview(request.access)
    if len(rows) == 1:
        return redirect(
            "reporting:client", organization_slug=request.organization.slug, client_id=rows[0]["client"].id
        )
    can_see_inbox = request.access.can(Permission.INBOX_VIEW)
    return render(request, "reporting/index.html", {"rows": rows, "can_see_inbox": can_see_inbox})


@require_GET
@organization_view(Permission.REPORTS_VIEW)
def client_report(request: OrganizationRequest, client_id: UUID) -> HttpResponse:
    """One client's report; live."""
    client = request.access.clients().filter(id=client_id).first()
    if not isinstance(client, Client):
        raise Http404("There is no such client, or it is not yours to see.")
    days = request.GET.get("days", "28")
    if days not in selectors.PERIODS:
        days = "28"
    context = {
        **selectors.client_report(client, int(days)),
        "days": days,
        "periods": selectors.PERIODS.items(),
        "stream": streams.report(client.id),
        "show_links": request.access.can(Permission.INBOX_VIEW),
    }
    template = "reporting/_report.html" if is_partial(request) else "reporting/client.html"
    return render(request, template, context)


@require_GET
@organization_view(Permission.INBOX_VIEW)
def inbox(request: OrganizationRequest) -> HttpResponse:
    """How the team answers: by person and by client, of all or of one client."""
    days = request.GET.get("days", "7")
    if days not in selectors_inbox.PERIODS:
        days = "7"
    client = None
    if request.GET.get("client"):
        client = get_or_404(request.access.clients(), request.GET["client"])
    context = {
        **selectors_inbox.inbox_report(request.access, int(days), client),
        "days": days,
        "periods": selectors_inbox.PERIODS.items(),
    }
    return render(request, "reporting/inbox.html", context)
