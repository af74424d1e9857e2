"""Senders of providers that run campaigns: what is connected there, and taking one in."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from integrations import selectors
from integrations.errors import ProviderError
from integrations.models import Connection
from integrations.services import accounts as service
from integrations.services import numbers
from project.core.htmx import redirect_to
from project.core.ids import parse_uuid
from project.core.refusals import Refused
from project.tenancy.access import OrganizationRequest, Permission, organization_view


def _page(request: OrganizationRequest, status: int = 200, **more: Any) -> HttpResponse:
    connections = [row for row in selectors.connections(request.access) if service.takes_in(row)]
    wanted = parse_uuid(request.POST.get("connection", "") or request.GET.get("connection", ""))
    ranked = sorted(connections, key=lambda row: (row.id != wanted, row.status != Connection.Status.OK))
    chosen = ranked[0] if ranked else None
    context: dict[str, Any] = {
        "connections": connections,
        "chosen": chosen,
        "clients": list(request.access.clients().filter(is_archived=False)),
        "offered": [],
        **more,
    }
    if chosen is not None:
        try:
            context["offered"] = numbers.offered(chosen)
        except ProviderError as error:
            context["problem"] = context.get("problem") or error.message
    return render(request, "integrations/add_account.html", context, status=status)


@require_http_methods(["GET", "POST"])
@organization_view(Permission.SENDERS_EDIT)
def add(request: OrganizationRequest) -> HttpResponse:
    """List the accounts that are connected at a provider; take one in as a sender of a client."""
    if request.method == "GET":
        return _page(request)
    connection_id = parse_uuid(request.POST.get("connection", "")) or UUID(int=0)
    connection = selectors.visible_connection(request.access, connection_id)
    client_id = parse_uuid(request.POST.get("client", "")) or UUID(int=0)
    client = request.access.clients().filter(id=client_id).first()
    if connection is None or client is None:
        raise Http404("There is no such connection or client, or it is not yours to see.")
    account_id = request.POST.get("account", "")
    try:
        service.add(connection=connection, client=client, account_id=account_id, actor=request.access.user)
    except Refused as error:
        return _page(request, error.status, problem=error.message)
    except ProviderError as error:
        return _page(request, 422, problem=error.message)
    return redirect_to(f"{request.path}?connection={connection.id}", request)
