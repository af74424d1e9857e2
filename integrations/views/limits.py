"""Rate usage, the limits of one account, and setting them."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.dateparse import parse_date
from django.views.decorators.http import require_GET, require_POST

from integrations import limit_selectors as limits
from integrations import selectors, streams
from integrations.models import LimitScope, LimitWindow, SenderAccount
from integrations.sender_pages import tabs
from integrations.services import rates, warmups
from integrations.views.frame import frame
from project.core.htmx import is_partial, redirect_to
from project.core.ids import parse_uuid
from project.core.pagination import InvalidCursor
from project.core.refusals import Invalid, Refused
from project.tenancy.access import OrganizationRequest, Permission, get_or_404, organization_view


@require_GET
@organization_view(Permission.OPS_VIEW)
def usage(request: OrganizationRequest) -> HttpResponse:
    """What every account may still do, by the cap that decides; what accounts share; live."""
    try:
        page = limits.page_of_senders(request.access, request.GET.get("cursor"))
    except InvalidCursor as error:
        raise Http404(str(error)) from error
    cards = limits.budgets(page.items)
    context: dict[str, Any] = {
        "rows": [{"sender": sender, **cards[sender.id]} for sender in page.items],
        "next_url": f"?cursor={page.next_cursor}" if page.next_cursor else "",
    }
    if is_partial(request) and request.GET.get("cursor"):
        return render(request, "integrations/_rate_cards.html", context)
    return _usage(request, context)


def _usage(request: OrganizationRequest, context: dict[str, Any], problem: str = "") -> HttpResponse:
    access = request.access
    context |= {
        "problem": problem,
        "shared": limits.shared_budgets(access),
        "growth": limits.growth_of(access) if access.client_ids is None else None,
        "requests": limits.request_rates(access),
        "clients": limits.clients_of(access),
        "is_whole": access.client_ids is None,
        "can_edit": access.can(Permission.SENDERS_EDIT),
        "stream": streams.RATES,
        **frame(request, "integrations:rates"),
    }
    template = "integrations/_rates.html" if is_partial(request) else "integrations/rates.html"
    return render(request, template, context, status=422 if problem else 200)


@require_POST
@organization_view(Permission.SENDERS_EDIT)
def set_shared(request: OrganizationRequest) -> HttpResponse:
    """Set a limit of the organization, a client, a recipient domain, or a connection's requests."""
    try:
        _set_shared(request, request.POST.get("scope", ""), request.POST.get("subject", "").strip())
    except Refused as error:
        page = limits.page_of_senders(request.access, None)
        cards = limits.budgets(page.items)
        rows = [{"sender": sender, **cards[sender.id]} for sender in page.items]
        return _usage(request, {"rows": rows}, problem=error.message)
    target = reverse("integrations:rates", kwargs={"organization_slug": request.organization.slug})
    return redirect_to(target, request)


def _set_shared(request: OrganizationRequest, scope: str, subject: str) -> None:
    access, actor = request.access, request.access.user
    cap = _figure(request.POST.get("cap", ""))
    if scope == LimitScope.CLIENT:
        client = get_or_404(access.clients(), parse_uuid(subject) or UUID(int=0))
        rates.set_client_limit(client=client, cap=cap, actor=actor)
        return
    if scope == LimitScope.CONNECTION:
        connection = selectors.visible_connection(access, parse_uuid(subject) or UUID(int=0))
        if connection is None:
            raise Http404("There is no such connection, or it is not yours to see.")
        rates.set_request_rate(connection=connection, cap=cap, actor=actor)
        return
    access.require_whole_organization()
    if scope == LimitScope.ORGANIZATION:
        rates.set_organization_limit(cap=cap, actor=actor)
    elif scope == LimitWindow.GROWTH:
        rates.set_growth(percent=cap, actor=actor)
    elif scope == LimitScope.DOMAIN:
        rates.set_domain_limit(domain=subject, cap=cap, actor=actor)
    else:
        raise Invalid(f"There is no limit for {scope[:20]!r}.", field="scope")


def _figure(typed: str) -> int | None:
    """A whole number, or ``None`` for blank, which means the default. Raises ``Invalid``."""
    typed = typed.strip()
    if not typed:
        return None
    if not (typed.isascii() and typed.isdigit() and len(typed) < 10):
        raise Invalid(f"A limit is a whole number below 1,000,000,000, not “{typed[:20]}”.", field="cap")
    return int(typed)


# --- one account ----------------------------------------------------------------------------------------


@require_GET
@organization_view(Permission.SENDERS_VIEW)
def sender(request: OrganizationRequest, sender_id: UUID) -> HttpResponse:
    """Every cap of an account with its use, the one that binds, and its warm-up; live."""
    return _sender_page(request, _sender(request, sender_id))


def _sender(request: OrganizationRequest, sender_id: UUID) -> SenderAccount:
    found = selectors.visible_sender(request.access, sender_id)
    if found is None:
        raise Http404("There is no such sender, or it is not yours to see.")
    return found


def _sender_page(request: OrganizationRequest, found: SenderAccount, problem: str = "") -> HttpResponse:
    context = {
        **limits.sender_limits(found),
        "problem": problem,
        "tabs": tabs(request.access, found.id, "integrations:sender_limits"),
        "can_edit": request.access.can(Permission.SENDERS_EDIT),
        "stream": f"{streams.SENDERS} {streams.RATES}",
    }
    template = "integrations/_limits.html" if is_partial(request) else "integrations/limits.html"
    return render(request, template, context, status=422 if problem else 200)


@require_POST
@organization_view(Permission.SENDERS_EDIT)
def set_sender(request: OrganizationRequest, sender_id: UUID) -> HttpResponse:
    """Set the limit of one action in a window; blank goes back to the default."""
    found = _sender(request, sender_id)
    try:
        rates.set_limit(
            sender=found,
            action=request.POST.get("action", ""),
            window=request.POST.get("window", LimitWindow.DAY),
            cap=_figure(request.POST.get("cap", "")),
            actor=request.access.user,
        )
    except Refused as error:
        return _sender_page(request, found, error.message)
    return _after(request, found)


@require_POST
@organization_view(Permission.SENDERS_EDIT)
def warm_up(request: OrganizationRequest, sender_id: UUID) -> HttpResponse:
    """Start, hold, set back, resume or stop an account's warm-up."""
    found = _sender(request, sender_id)
    actor = request.access.user
    act = request.POST.get("act", "")
    try:
        if act == "start":
            warmups.start(
                sender=found,
                kind=request.POST.get("kind", ""),
                started_on=_day(request.POST.get("started_on", "")),
                ceiling=_figure(request.POST.get("ceiling", "")),
                actor=actor,
            )
        elif act in _ACTS:
            _ACTS[act](sender=found, actor=actor)
        else:
            raise Invalid("A warm-up is started, held, set back, resumed or stopped.", field="act")
    except Refused as error:
        return _sender_page(request, found, error.message)
    return _after(request, found)


_ACTS: dict[str, Any] = {
    "hold": warmups.hold,
    "set_back": warmups.hold_a_day,
    "resume": warmups.resume,
    "stop": warmups.stop,
}


def _day(typed: str) -> date | None:
    if not typed.strip():
        return None
    try:
        found = parse_date(typed.strip())
    except ValueError:
        found = None
    if found is None:
        raise Invalid(f"“{typed[:20]}” is not a day.", field="started_on")
    return found


def _after(request: OrganizationRequest, found: SenderAccount) -> HttpResponse:
    if is_partial(request):
        return _sender_page(request, found)
    kwargs = {"organization_slug": request.organization.slug, "sender_id": found.id}
    return redirect_to(reverse("integrations:sender_limits", kwargs=kwargs), request)
