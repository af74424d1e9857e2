"""E-mail addresses as senders: adding one, having the proving mail sent again, looking how it stands, changing it."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_POST

from integrations import selectors
from integrations.errors import ProviderError
from integrations.models import Connection
from integrations.services import identities as service
from integrations.services import senders as sender_service
from integrations.views.senders import done, page_address, visible
from project.core.htmx import redirect_to
from project.core.ids import parse_uuid
from project.core.refusals import Refused
from project.tenancy.access import OrganizationRequest, Permission, organization_view
from project.tenancy.models import Client

_FIELDS: Final = (
    "connection", "client", "address", "name", "reply_to", "signature", "time_zone", "ip_pool", "postal_address",
    "postal_city", "postal_zip", "postal_country",
)  # fmt: skip


def _form(request: OrganizationRequest, status: int = 200, **more: Any) -> HttpResponse:
    typed = {name: request.POST.get(name, "") for name in _FIELDS}
    context = {
        "connections": selectors.identity_connections(request.access),
        "clients": list(request.access.clients().filter(is_archived=False)),
        "typed": typed,
        **more,
    }
    return render(request, "integrations/add_email.html", context, status=status)


@require_http_methods(["GET", "POST"])
@organization_view(Permission.SENDERS_EDIT)
def add(request: OrganizationRequest) -> HttpResponse:
    """Add an e-mail address as a sender; its owner gets a mail with a link."""
    if request.method == "GET":
        return _form(request)
    connection, client = _chosen(request)
    given = {name: request.POST.get(name, "") for name in _FIELDS}
    wanted = service.Wanted(
        address=given["address"],
        name=given["name"],
        reply_to=given["reply_to"],
        signature=given["signature"],
        time_zone=given["time_zone"],
        ip_pool=given["ip_pool"],
        postal={name: given[f"postal_{name}"] for name in service.POSTAL_FIELDS},
    )
    try:
        service.add(connection=connection, client=client, wanted=wanted, actor=request.access.user)
    except Refused as error:
        return _form(request, error.status, problem=error.message, problem_field=error.field)
    except ProviderError as error:
        return _form(request, 422, problem=error.message, problem_field="")
    return redirect_to(page_address(request), request)


def _chosen(request: OrganizationRequest) -> tuple[Connection, Client]:
    connection_id = parse_uuid(request.POST.get("connection", "")) or UUID(int=0)
    connection = selectors.visible_connection(request.access, connection_id)
    client_id = parse_uuid(request.POST.get("client", "")) or UUID(int=0)
    client = request.access.clients().filter(id=client_id).first()
    if connection is None or client is None:
        raise Http404("There is no such connection or client, or it is not yours to see.")
    return connection, client


@require_POST
@organization_view(Permission.SENDERS_EDIT)
def resend(request: OrganizationRequest, sender_id: UUID) -> HttpResponse:
    """Have the proving mail sent again."""
    try:
        service.resend(sender=visible(request, sender_id), actor=request.access.user)
    except ProviderError as error:
        return done(request, error.message)
    return done(request)


@require_POST
@organization_view(Permission.SENDERS_EDIT)
def refresh(request: OrganizationRequest, sender_id: UUID) -> HttpResponse:
    """Ask the provider how an account is, now."""
    try:
        sender_service.refresh(sender=visible(request, sender_id))
    except ProviderError as error:
        return done(request, error.message)
    return done(request)


@require_POST
@organization_view(Permission.SENDERS_EDIT)
def change(request: OrganizationRequest, sender_id: UUID) -> HttpResponse:
    """Change the name, reply address, signature or IP pool of an e-mail sender."""
    sender = visible(request, sender_id)
    names = ("name", "reply_to", "signature", "ip_pool")
    values = {name: request.POST[name] for name in names if name in request.POST}
    try:
        service.change(sender=sender, values=values, actor=request.access.user)
    except Refused as error:
        return done(request, error.message)
    except ProviderError as error:
        return done(request, error.message)
    return done(request)
