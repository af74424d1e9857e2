"""One sender account: its health, the days on which it is frozen, its mail domain."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.dateparse import parse_date
from django.views.decorators.http import require_GET, require_POST

from integrations import health_selectors, selectors, streams
from integrations.models import MailDomain, SenderAccount
from integrations.sender_pages import tabs
from integrations.services import freezing, mail_domains, rates
from project.core.clock import now
from project.core.htmx import is_partial, redirect_to
from project.core.refusals import Invalid, Refused
from project.tenancy.access import OrganizationRequest, Permission, organization_view


@require_GET
@organization_view(Permission.SENDERS_VIEW)
def sender(request: OrganizationRequest, sender_id: UUID) -> HttpResponse:
    """The account's health with every factor, its freezes, and the records of its domain; live."""
    return _page(request, _sender(request, sender_id))


@require_POST
@organization_view(Permission.SENDERS_EDIT)
def freeze(request: OrganizationRequest, sender_id: UUID) -> HttpResponse:
    """Let no campaign send through the account between two days."""
    found = _sender(request, sender_id)
    typed = {name: request.POST.get(name, "").strip() for name in ("first", "last", "reason")}
    try:
        freezing.freeze(
            sender=found,
            first=_day(typed["first"], "first"),
            last=_day(typed["last"], "last"),
            reason=typed["reason"],
            actor=request.access.user,
        )
    except Refused as error:
        return _page(request, found, problem=error.message, problem_field=error.field, typed=typed)
    return _after(request, found)


@require_POST
@organization_view(Permission.SENDERS_EDIT)
def thaw(request: OrganizationRequest, sender_id: UUID) -> HttpResponse:
    """Take a freeze back."""
    found = _sender(request, sender_id)
    try:
        freezing.thaw(sender=found, key=request.POST.get("key", ""), actor=request.access.user)
    except Refused as error:
        return _page(request, found, problem=error.message)
    return _after(request, found)


@require_POST
@organization_view(Permission.SENDERS_EDIT)
def check_domain(request: OrganizationRequest, sender_id: UUID) -> HttpResponse:
    """Ask for a check of the account's mail domain; it comes back by itself."""
    found = _sender(request, sender_id)
    try:
        mail_domains.request(sender=found, actor=request.access.user)
    except Refused as error:
        return _page(request, found, problem=error.message)
    return _after(request, found)


def _sender(request: OrganizationRequest, sender_id: UUID) -> SenderAccount:
    found = selectors.visible_sender(request.access, sender_id)
    if found is None:
        raise Http404("There is no such sender, or it is not yours to see.")
    return found


def _day(typed: str, field: str) -> date:
    try:
        found = parse_date(typed)
    except ValueError:
        found = None
    if found is None:
        words = f"“{typed[:20]}” is not a day." if typed else "Choose a day."
        raise Invalid(words, field=field)
    return found


def _page(
    request: OrganizationRequest,
    found: SenderAccount,
    *,
    problem: str = "",
    problem_field: str = "",
    typed: dict[str, str] | None = None,
) -> HttpResponse:
    name = mail_domains.domain_of(found)
    context: dict[str, Any] = {
        "sender": found,
        "tabs": tabs(request.access, found.id, "integrations:sender"),
        "health": health_selectors.health_of([found])[found.id],
        "freezes": freezing.to_come(found),
        "frozen": freezing.hold(found, now()),
        "can_freeze": freezing.can_freeze(found),
        "today": rates.day_of(found, now()),
        "domain": name,
        "domain_row": MailDomain.objects.filter(name=name).first() if name else None,
        "problem": problem if not problem_field else "",
        "errors": {problem_field: problem} if problem_field else {},
        "typed": typed or {},
        "can_edit": request.access.can(Permission.SENDERS_EDIT),
        "stream": streams.SENDERS,
    }
    template = "integrations/_sender.html" if is_partial(request) else "integrations/sender.html"
    return render(request, template, context, status=422 if problem else 200)


def _after(request: OrganizationRequest, found: SenderAccount) -> HttpResponse:
    if is_partial(request):
        return _page(request, found)
    kwargs = {"organization_slug": request.organization.slug, "sender_id": found.id}
    return redirect_to(reverse("integrations:sender", kwargs=kwargs), request)
