"""Telephone numbers as senders: what the provider's account has, and adding one."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from integrations import selectors
from integrations.errors import ProviderError
from integrations.models import Connection
from integrations.services import numbers as service
from integrations.views.senders import page_address
from project.core.htmx import redirect_to
from project.core.ids import parse_uuid
from project.core.refusals import Refused
from project.tenancy.access import OrganizationRequest, Permission, organization_view


def _page(request: OrganizationRequest, status: int = 200, **more: Any) -> HttpResponse:
    connections = selectors.number_connections(request.access)
    chosen = _chosen(request, connections)
    context: dict[str, Any] = {
        "connections": connections,
        "chosen": chosen,
        "clients": list(request.access.clients().filter(is_archived=False)),
        "offered": [],
        **more,
    }
    if chosen is not None:
        try:
            context["offered"] = service.offered(chosen)
        except ProviderError as error:
            context["problem"] = context.get("problem") or error.message
    return render(request, "integrations/add_number.html", context, status=status)


def _chosen(request: OrganizationRequest, connections: list[Connection]) -> Connection | None:
    wanted = parse_uuid(request.POST.get("connection", "") or request.GET.get("connection", ""))
    found = next((row for row in connections if row.id == wanted), None)
    if found is None and wanted is None:
        # One that works, where there is one: a failing one has no numbers to show.
        ranked = sorted(connections, key=lambda row: row.status != Connection.Status.OK)
        found = ranked[0] if ranked else None
    return found


@require_http_methods(["GET", "POST"])
@organization_view(Permission.SENDERS_EDIT)
def add(request: OrganizationRequest) -> HttpResponse:
    """List the numbers of a connection's account; add one as a sender of a client."""
    if request.method == "GET":
        return _page(request)
    connection_id = parse_uuid(request.POST.get("connection", "")) or UUID(int=0)
    connection = selectors.visible_connection(request.access, connection_id)
    client_id = parse_uuid(request.POST.get("client", "")) or UUID(int=0)
    client = request.access.clients().filter(id=client_id).first()
    if connection is None or client is None:
        raise Http404("There is no such connection or client, or it is not yours to see.")
    try:
        service.add(
            connection=connection,
            client=client,
            account_id=request.POST.get("account", ""),
            actor=request.access.user,
        )
    except Refused as error:
        return _page(request, error.status, problem=error.message)
    except ProviderError as error:
        return _page(request, 422, problem=error.message)
    return redirect_to(page_address(request), request)
