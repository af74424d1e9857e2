"""Accounts as campaigns use them: the queue of one, and the budget board of all."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from campaigns import selectors_board, selectors_queue
from campaigns.forms_senders import MoveForm
from campaigns.models import Campaign
from campaigns.services import reallocation
from campaigns.views.lookups import chosen_client
from integrations import selectors, streams
from integrations.limit_selectors import ACTION_LABELS
from integrations.models import SenderAccount
from integrations.sender_pages import tabs
from project.core.htmx import is_partial, redirect_to
from project.core.pagination import InvalidCursor
from project.core.refusals import Refused
from project.tenancy.access import Access, OrganizationRequest, Permission, get_or_404, organization_view


@require_GET
@organization_view(Permission.CAMPAIGNS_VIEW)
def queue(request: OrganizationRequest, sender_id: UUID) -> HttpResponse:
    """What goes out next through an account, and when."""
    sender = _sender(request.access, sender_id)
    try:
        page = selectors_queue.queue(request.access, sender, request.GET.get("cursor"))
    except InvalidCursor as error:
        raise Http404(str(error)) from error
    context = {
        "sender": sender,
        "tabs": tabs(request.access, sender.id, "campaigns:sender_queue"),
        "rows": selectors_queue.queue_rows(page.items),
        "next_url": f"?cursor={page.next_cursor}" if page.next_cursor else "",
        "handed": [] if request.GET.get("cursor") else selectors_queue.handed_over(request.access, sender),
        "actions": ACTION_LABELS,
        "stream": streams.RATES,
    }
    if is_partial(request) and request.GET.get("cursor"):
        return render(request, "campaigns/_queue_rows.html", context)
    template = "campaigns/_sender_queue.html" if is_partial(request) else "campaigns/sender_queue.html"
    return render(request, template, context)


@require_GET
@organization_view(Permission.SENDERS_VIEW)
def board(request: OrganizationRequest) -> HttpResponse:
    """What every account may still do, which campaigns use it, and when they would be done."""
    return _board(request)


def _board(request: OrganizationRequest, status: int = 200, **more: Any) -> HttpResponse:
    client_id = chosen_client(request)
    context = {
        "lines": selectors_board.board(request.access, client_id),
        "growth": selectors_board.growth_percent(request.access),
        "can_move": request.access.can(Permission.CAMPAIGNS_EDIT),
        "can_edit": request.access.can(Permission.SENDERS_EDIT),
        "stream": f"{streams.SENDERS} {streams.RATES}",
        **more,
    }
    template = "campaigns/_board.html" if is_partial(request) else "campaigns/board.html"
    return render(request, template, context, status=status)


@require_GET
@organization_view(Permission.SENDERS_VIEW)
def effect(request: OrganizationRequest) -> HttpResponse:
    """What giving people from one account to another would do to the finish of campaigns; nothing is changed."""
    form = MoveForm(request.GET)
    if not form.is_valid():
        return render(request, "campaigns/_board_effect.html", {"problem": form.problem})
    campaign, source, target = _named(request.access, form)
    shift = selectors_board.Shift(campaign.id, source.id, target.id, form.cleaned_data["people"])
    context = {"effects": selectors_board.effect(request.access, shift)}
    return render(request, "campaigns/_board_effect.html", context)


@require_POST
@organization_view(Permission.CAMPAIGNS_EDIT)
def move(request: OrganizationRequest) -> HttpResponse:
    """Give people of a campaign from one account to another."""
    form = MoveForm(request.POST)
    if not form.is_valid():
        return _board(request, 422, problem=form.problem)
    campaign, source, target = _named(request.access, form)
    try:
        moved = reallocation.move(
            campaign=campaign,
            source=source,
            target=target,
            people=form.cleaned_data["people"],
            actor=request.access.user,
        )
    except Refused as error:
        return _board(request, error.status, problem=error.message)
    if not is_partial(request):
        kwargs = {"organization_slug": request.organization.slug}
        return redirect_to(reverse("campaigns:budget_board", kwargs=kwargs), request)
    people = "person" if moved == 1 else "people"
    told = f"{moved:,} {people} of {campaign} went from {source} to {target}."
    if moved < form.cleaned_data["people"]:
        told += " The others were written to already, so they stay."
    return _board(request, done=told)


def _sender(access: Access, sender_id: UUID) -> SenderAccount:
    found = selectors.visible_sender(access, sender_id)
    if found is None:
        raise Http404("There is no such sender, or it is not yours to see.")
    return found


def _named(access: Access, form: MoveForm) -> tuple[Campaign, SenderAccount, SenderAccount]:
    """The campaign and both accounts of a form, within reach. Raises ``Http404``."""
    found: Campaign = get_or_404(
        Campaign.objects.filter(access.client_filter()), form.cleaned_data["campaign"]
    )
    source, target = (_sender(access, form.cleaned_data[name]) for name in ("source", "target"))
    return found, source, target
