"""Sender accounts: cards, connecting, pausing, limits."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from integrations import health_selectors, limit_selectors, selectors, streams
from integrations.errors import ProviderError
from integrations.models import SenderAccount
from integrations.services import accounts, connecting, freezing, freshness, numbers, rates
from integrations.services import senders as service
from project.core.clock import now
from project.core.htmx import is_partial, redirect_to
from project.core.ids import parse_uuid
from project.core.refusals import Refused
from project.tenancy.access import OrganizationRequest, Permission, organization_view


def _context(request: OrganizationRequest, **more: Any) -> dict[str, Any]:
    client_id = parse_uuid(request.GET.get("client", ""))
    found = selectors.senders(request.access, client_id)
    budgets = limit_selectors.budgets(found)
    health = health_selectors.health_of(found)
    may_edit = request.access.can(Permission.SENDERS_EDIT)
    connections = selectors.connections(request.access) if may_edit else []
    return {
        "rows": [
            {
                "sender": sender,
                "registration": numbers.registration_of(sender.options),
                "is_polled": freshness.is_polled(sender.connection.provider),
                "health": health[sender.id],
                "frozen": freezing.hold(sender, now()),
                "inbox_hold": freshness.hold(sender, now()),
                **budgets[sender.id],
                **selectors.sender_abilities(sender),
            }
            for sender in found
        ],
        "stream": f"{streams.SENDERS} {streams.RATES}",
        "can_edit": may_edit,
        "connections": [row for row in connections if selectors.signs_in(row)],
        "adds_number": any(numbers.has_numbers(row) for row in connections),
        "adds_account": any(accounts.takes_in(row) for row in connections),
        "adds_email": any(selectors.verifies_identities(row) for row in connections),
        "clients": list(request.access.clients().filter(is_archived=False)) if may_edit else [],
        "connected": request.GET.get("connected", ""),
        **more,
    }


@require_GET
@organization_view(Permission.SENDERS_VIEW)
def senders(request: OrganizationRequest) -> HttpResponse:
    """Cards of all sender accounts within reach, live."""
    template = "integrations/_senders.html" if is_partial(request) else "integrations/senders.html"
    return render(request, template, _context(request))


def visible(request: OrganizationRequest, sender_id: UUID) -> SenderAccount:
    """Return a sender within reach. Raises ``Http404``."""
    found = selectors.visible_sender(request.access, sender_id)
    if found is None:
        raise Http404("There is no such sender, or it is not yours to see.")
    return found


def done(request: OrganizationRequest, problem: str = "") -> HttpResponse:
    """Show the senders again, with what went wrong if anything did."""
    if not is_partial(request) and not problem:
        return redirect_to(page_address(request), request)
    context = _context(request, problem=problem)
    template = "integrations/_senders.html" if is_partial(request) else "integrations/senders.html"
    return render(request, template, context, status=422 if problem else 200)


def page_address(request: OrganizationRequest) -> str:
    """Return the address of the senders' page."""
    return reverse("integrations:senders", kwargs={"organization_slug": request.organization.slug})


@require_POST
@organization_view(Permission.SENDERS_EDIT)
def connect(request: OrganizationRequest) -> HttpResponse:
    """Send the person to the provider's page to sign a new account in."""
    connection = selectors.visible_connection(
        request.access, parse_uuid(request.POST.get("connection", "")) or UUID(int=0)
    )
    client_id = parse_uuid(request.POST.get("client", "")) or UUID(int=0)
    client = request.access.clients().filter(id=client_id).first()
    if connection is None or client is None:
        raise Http404("There is no such connection or client, or it is not yours to see.")
    try:
        link = connecting.start(
            connection=connection, client=client, return_path=page_address(request), actor=request.access.user
        )
    except ProviderError as error:
        return done(request, error.message)
    return redirect_to(link.url, request)


@require_POST
@organization_view(Permission.SENDERS_EDIT)
def reconnect(request: OrganizationRequest, sender_id: UUID) -> HttpResponse:
    """Send the person to the provider's page to sign this account in again."""
    sender = visible(request, sender_id)
    try:
        link = connecting.start(
            connection=sender.connection,
            client=sender.client,
            return_path=page_address(request),
            actor=request.access.user,
            sender=sender,
        )
    except ProviderError as error:
        return done(request, error.message)
    return redirect_to(link.url, request)


@require_POST
@organization_view(Permission.SENDERS_EDIT)
def pause(request: OrganizationRequest, sender_id: UUID) -> HttpResponse:
    """Stop all sending of an account."""
    service.pause(sender=visible(request, sender_id), actor=request.access.user)
    return done(request)


@require_POST
@organization_view(Permission.SENDERS_EDIT)
def resume(request: OrganizationRequest, sender_id: UUID) -> HttpResponse:
    """Let an account send again."""
    service.resume(sender=visible(request, sender_id), actor=request.access.user)
    return done(request)


@require_POST
@organization_view(Permission.SENDERS_EDIT)
def limit(request: OrganizationRequest, sender_id: UUID) -> HttpResponse:
    """Set one daily limit of an account."""
    sender = visible(request, sender_id)
    typed = request.POST.get("per_day", "").strip()
    if not typed.isdigit():
        return done(request, f"A daily limit is a whole number, not “{typed[:20]}”.")
    try:
        rates.set_limit(
            sender=sender,
            action=request.POST.get("action", ""),
            cap=int(typed),
            actor=request.access.user,
        )
    except Refused as error:
        return done(request, error.message)
    return done(request)
