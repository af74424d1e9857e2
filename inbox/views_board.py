"""The board of queues, and the desk of replies that fit no lead."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import trigger_client_event

from inbox import forms, selectors, selectors_board, selectors_lists
from inbox.models import Conversation
from inbox.services import desk as desk_service
from inbox.services import moves
from project.core.htmx import is_partial, redirect_to
from project.core.ids import parse_uuid
from project.core.pagination import InvalidCursor
from project.core.refusals import Refused
from project.tenancy.access import OrganizationRequest, Permission, organization_view


@require_GET
@organization_view(Permission.INBOX_VIEW)
def board(request: OrganizationRequest) -> HttpResponse:
    """Who has how much, what is late and what will be; live."""
    client_id = parse_uuid(request.GET.get("client", ""))
    if client_id and not request.access.sees_client(client_id):
        raise Http404("There is no such client, or it is not yours to see.")
    can_reply = request.access.can(Permission.INBOX_REPLY)
    settings_url = reverse("inbox:settings", kwargs={"organization_slug": request.organization.slug})
    context = {
        **selectors_board.board(request.access, client_id),
        "can_reply": can_reply,
        "settings_url": settings_url,
    }
    if is_partial(request):
        return render(request, "inbox/_board.html", context)
    menus = selectors_lists.act_menus(request.access) if can_reply else None
    return render(request, "inbox/board.html", {**context, "menus": menus})


@require_GET
@organization_view(Permission.INBOX_VIEW)
def desk(request: OrganizationRequest) -> HttpResponse:
    """Replies that fit no lead."""
    try:
        context = selectors_board.desk(request.access, request.GET.get("cursor"))
    except InvalidCursor as error:
        raise Http404(str(error)) from error
    context["can_reply"] = request.access.can(Permission.INBOX_REPLY)
    return render(request, "inbox/_desk.html" if is_partial(request) else "inbox/desk.html", context)


def _unmatched(request: OrganizationRequest, conversation_id: UUID) -> Conversation:
    found = selectors.visible_conversation(request.access, conversation_id)
    if found is None:
        raise Http404("There is no such conversation, or it is not yours to see.")
    return found


@require_GET
@organization_view(Permission.INBOX_VIEW)
def desk_item(request: OrganizationRequest, conversation_id: UUID) -> HttpResponse:
    """What was said, who may have said it and why, with a key for each."""
    found = _unmatched(request, conversation_id)
    context = {
        "conversation": found,
        "matches": selectors_board.matches(found),
        "entries": selectors.entries(found)[-3:],
        "can_reply": request.access.can(Permission.INBOX_REPLY),
        "can_create": request.access.can(Permission.LEADS_EDIT),
    }
    return render(request, "inbox/_desk_item.html", context)


@require_POST
@organization_view(Permission.INBOX_REPLY)
def desk_link(request: OrganizationRequest, conversation_id: UUID) -> HttpResponse:
    """Say who it was; what they wrote before and what their campaign is come with it."""
    found = _unmatched(request, conversation_id)
    form = forms.LinkForm(request.POST)
    if not form.is_valid():
        return HttpResponse("This is not a lead.", status=422, content_type="text/plain; charset=utf-8")
    try:
        move = moves.rehome(
            conversation_id=found.id, lead_id=form.cleaned_data["lead"], actor=request.access.user
        )
    except Refused as refusal:
        return HttpResponse(refusal.message, status=422, content_type="text/plain; charset=utf-8")
    undo = reverse(
        "inbox:undo_move", kwargs={"organization_slug": request.organization.slug, "move_id": move.id}
    )
    told = {"text": f"Linked to {move.target.lead}", "undo_url": undo}
    return trigger_client_event(_linked(request), "toast", told)


@require_POST
@organization_view(Permission.LEADS_EDIT)
def desk_create(request: OrganizationRequest, conversation_id: UUID) -> HttpResponse:
    """Make a lead of whoever wrote, with the address they wrote from."""
    found = _unmatched(request, conversation_id)
    try:
        desk_service.create_lead(
            conversation_id=found.id, name=request.POST.get("name", ""), actor=request.access.user
        )
    except Refused as refusal:
        return HttpResponse(refusal.message, status=422, content_type="text/plain; charset=utf-8")
    return _linked(request)


def _linked(request: OrganizationRequest) -> HttpResponse:
    if is_partial(request):
        return HttpResponse("")
    return redirect_to(
        reverse("inbox:desk", kwargs={"organization_slug": request.organization.slug}), request
    )
