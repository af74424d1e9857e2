"""Provider connections: adding, testing, webhooks, secrets."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_POST

from integrations import registry, selectors
from integrations.base import Capability
from integrations.declaring import Provider
from integrations.errors import ProviderError
from integrations.models import Connection
from integrations.services import connections as service
from integrations.services import hygiene, mailboxes
from integrations.services.webhook_passes import GOES_ON
from project.core.refusals import Invalid, Refused
from project.tenancy.access import OrganizationRequest, Permission, organization_view
from project.tenancy.views.settings import section_tabs


def _shown(connection: Connection) -> dict[str, Any]:
    """Say beside a connection who registers its webhooks: we do, or a person at the provider, with the address."""
    manages = registry.can(connection.provider, Capability.MANAGES_WEBHOOKS)
    by_hand = not manages and registry.can(connection.provider, Capability.RECEIVES_WEBHOOKS)
    address = service.webhook_url(connection) if by_hand else ""
    known = _added_here().get(connection.provider)
    return {
        "connection": connection,
        "label": known.label if known else connection.provider.capitalize(),
        "manages": manages,
        "address": address,
        # A mailbox is changed where its sender is: its servers go with it.
        "fields": known.credential_fields if known else (),
        **_mode(connection, known),
    }


def _mode(connection: Connection, known: Provider | None) -> dict[str, Any]:
    """How conversations are learnt, where that can be chosen."""
    choices = next((field.choices for field in known.credential_fields if field.choices), ()) if known else ()
    return {"modes": choices, "mode": service.mode_of(connection) if choices else ""}


def _added_here() -> dict[str, Provider]:
    """The providers whose connections are made on this page; a mailbox is made together with its sender."""
    return {known.kind: known for known in registry.providers() if known.kind != mailboxes.PROVIDER}


def _page(request: OrganizationRequest, status: int = 200, **more: Any) -> HttpResponse:
    context = {
        "rows": [_shown(row) for row in selectors.connections(request.access)],
        "providers": tuple(_added_here().values()),
        "tabs": section_tabs(request.access, "integrations:connections"),
        "can_edit": request.access.can(Permission.SETTINGS_EDIT),
        **more,
    }
    return render(request, "integrations/connections.html", context, status=status)


@require_http_methods(["GET"])
@organization_view(Permission.SETTINGS_VIEW, whole=True)
def connections(request: OrganizationRequest) -> HttpResponse:
    """The connections with their state; credentials are never shown."""
    return _page(request)


@require_POST
@organization_view(Permission.SETTINGS_EDIT, whole=True)
def add(request: OrganizationRequest) -> HttpResponse:
    """Store a connection, test it, and register its webhooks."""
    typed = {name: request.POST.get(name, "") for name in ("provider", "name", "base_url")}
    given = {key: value for key, value in request.POST.items() if isinstance(value, str)}
    try:
        if typed["provider"] == mailboxes.PROVIDER:
            raise Invalid("Add a mailbox among the senders; it becomes one at once.")
        made = service.create(
            credentials=given,
            actor=request.access.user,
            provider=typed["provider"],
            name=typed["name"],
            base_url=typed["base_url"],
        )
    except Refused as error:
        return _page(request, error.status, problem=error.message, problem_field=error.field, typed=typed)
    return _tested(request, made)


def _tested(request: OrganizationRequest, connection: Connection) -> HttpResponse:
    check = service.try_out(connection=connection, actor=request.access.user)
    return _page(request, tested=connection, check=check, replaced_id=None if check.ok else connection.id)


def _connection(request: OrganizationRequest, connection_id: UUID) -> Connection:
    found = selectors.visible_connection(request.access, connection_id)
    if found is None:
        raise Http404("There is no such connection, or it is not yours to see.")
    return found


@require_POST
@organization_view(Permission.SETTINGS_EDIT, whole=True)
def try_out(request: OrganizationRequest, connection_id: UUID) -> HttpResponse:
    """Say what works with these credentials and what is lacking."""
    return _tested(request, _connection(request, connection_id))


@require_POST
@organization_view(Permission.SETTINGS_EDIT, whole=True)
def replace_credentials(request: OrganizationRequest, connection_id: UUID) -> HttpResponse:
    """Store what was typed in place of the old credentials, and test the connection."""
    connection = _connection(request, connection_id)
    given = {key: value for key, value in request.POST.items() if isinstance(value, str)}
    try:
        changed = service.replace_credentials(
            connection=connection, credentials=given, actor=request.access.user
        )
    except Refused as error:
        return _page(request, error.status, problem=error.message)
    return _tested(request, changed)


@require_POST
@organization_view(Permission.SETTINGS_EDIT, whole=True)
def mend_webhooks(request: OrganizationRequest, connection_id: UUID) -> HttpResponse:
    """Register what is missing at the provider and remove what is wrong."""
    connection = _connection(request, connection_id)
    try:
        mended = hygiene.mend(connection=connection, actor=request.access.user)
    except ProviderError as error:
        return _page(request, 422, problem=error.message)
    if mended is None:
        return _page(request, mended=[f"{connection}: {GOES_ON}"])
    sentences = [finding.message for finding in mended] or ["All webhooks were registered already."]
    return _page(request, mended=sentences)


@require_POST
@organization_view(Permission.SETTINGS_EDIT, whole=True)
def rotate_secret(request: OrganizationRequest, connection_id: UUID) -> HttpResponse:
    """Give the connection a new webhook secret; the old one stays valid until the next rotation."""
    connection = _connection(request, connection_id)
    try:
        mended = hygiene.rotate_secret(connection=connection, actor=request.access.user)
    except ProviderError as error:
        return _page(request, 422, problem=error.message)
    if mended is None:
        return _page(request, mended=[f"The webhook secret was replaced. {connection}: {GOES_ON}"])
    return _page(request, mended=["The webhook secret was replaced and registered."])


@require_POST
@organization_view(Permission.SETTINGS_EDIT, whole=True)
def set_mode(request: OrganizationRequest, connection_id: UUID) -> HttpResponse:
    """Choose how conversations of a connection are learnt."""
    connection = _connection(request, connection_id)
    try:
        service.set_mode(connection=connection, mode=request.POST.get("mode", ""), actor=request.access.user)
    except Refused as error:
        return _page(request, error.status, problem=error.message)
    return _page(request, mended=["How conversations are learnt was changed."])


@require_POST
@organization_view(Permission.SETTINGS_EDIT, whole=True)
def enable(request: OrganizationRequest, connection_id: UUID) -> HttpResponse:
    """Disable a connection, or enable it again."""
    connection = _connection(request, connection_id)
    service.set_enabled(
        connection=connection, enabled=request.POST.get("enabled") == "1", actor=request.access.user
    )
    return _page(request)
